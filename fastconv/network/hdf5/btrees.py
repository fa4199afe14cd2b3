"""B-trees: of symbol tables (version 1), and of fractal heaps' identifiers (version 2)."""

from __future__ import annotations

from collections.abc import Iterator

from .cursor import Cursor, Source

MAX_DEPTH = 32


def symbol_nodes(source: Source, address: int | None, place: str, level: int | None = None) -> Iterator[Cursor]:
    """The symbol table nodes below the node at that address, in the order of names."""
    cursor = source.cursor(address, None, place)
    cursor.expect(b"TREE")
    if cursor.number(1):
        raise cursor.error("has a B-tree that is not of a group")
    found = cursor.number(1)
    if found > MAX_DEPTH or found != (found if level is None else level):
        raise cursor.error(f"has a B-tree node of level {found}")
    count = cursor.number(2)
    cursor.skip(16)
    for _ in range(count):
        cursor.skip(8)  # the key before the child
        child = cursor.address()
        if found:
            yield from symbol_nodes(source, child, place, found - 1)
        else:
            yield source.cursor(child, None, place)


class _Tree:
    """The header of a B-tree of version 2, and the widths of its fields at each depth."""

    def __init__(self, source: Source, address: int | None, kind: int, place: str) -> None:
        cursor = source.cursor(address, None, place)
        cursor.expect(b"BTHD")
        cursor.version((0,))
        found = cursor.number(1)
        node_size, self.record_size, self.depth = cursor.number(4), cursor.number(2), cursor.number(2)
        cursor.skip(2)
        self.root, self.count = cursor.address(), cursor.number(2)
        if found != kind or self.depth > MAX_DEPTH or not 0 < self.record_size <= node_size - 10:
            raise cursor.error(f"has a B-tree of type {found} and depth {self.depth} where one of type {kind} belongs")
        most = total = (node_size - 10) // self.record_size
        self.count_bytes = _width(most)
        self.total_bytes = [0]  # by depth of the child
        for _ in range(self.depth):
            pointer = 8 + self.count_bytes + self.total_bytes[-1]
            most = (node_size - 10 - pointer) // (self.record_size + pointer)
            total = (most + 1) * total + most
            self.total_bytes.append(_width(total))


def _width(most: int) -> int:
    """Bytes that hold numbers up to that."""
    return max(most.bit_length() - 1, 0) // 8 + 1


def records(source: Source, address: int | None, kind: int, place: str) -> Iterator[Cursor]:
    """A cursor over each record of the tree of that type, in order."""
    tree = _Tree(source, address, kind, place)
    if tree.root is not None:
        yield from _node(source, tree, tree.root, tree.count, tree.depth, place)


def _node(source: Source, tree: _Tree, address: int | None, count: int, depth: int, place: str) -> Iterator[Cursor]:
    cursor = source.cursor(address, None, place)
    cursor.expect(b"BTIN" if depth else b"BTLF")
    cursor.skip(2)
    found = [cursor.part(tree.record_size) for _ in range(count)]
    source.spend(8 * count)
    for index in range(count + 1 if depth else 0):
        child, child_count = cursor.address(), cursor.number(tree.count_bytes)
        cursor.skip(tree.total_bytes[depth - 1])
        yield from _node(source, tree, child, child_count, depth - 1, place)
        yield from found[index : index + 1]
    if not depth:
        yield from found
