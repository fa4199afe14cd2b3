"""Tables that show themselves as text, and in a notebook as HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Table"]


class Table:
    """Rows of text under headings.

    Examples
    --------
    >>> Table(["layer", "numbers"], [["conv", 156], ["dense", 850]], ["2 layers"])
    layer  numbers
    conv       156
    dense      850
    2 layers
    """

    def __init__(self, headings: list[str], rows: list[list[Any]], notes: Sequence[str] = ()) -> None:
        self.headings, self.rows, self.notes = list(headings), [list(row) for row in rows], list(notes)

    def __repr__(self) -> str:
        cells = [self.headings, *([str(cell) for cell in row] for row in self.rows)]
        widths = [max(len(row[i]) for row in cells) for i in range(len(self.headings))]
        right = [
            bool(self.rows) and all(isinstance(row[i], (int, float)) for row in self.rows) for i in range(len(widths))
        ]
        lines = (
            "  ".join(
                cell.rjust(width) if number else cell.ljust(width)
                for cell, width, number in zip(row, widths, right, strict=True)
            ).rstrip()
            for row in cells
        )
        return "\n".join([*lines, *self.notes])

    def _repr_html_(self) -> Any:
        import html

        def row(cells: Any, tag: Any) -> Any:
            return "<tr>" + "".join(f"<{tag}>{html.escape(str(cell))}</{tag}>" for cell in cells) + "</tr>"

        body = "".join(row(cells, "td") for cells in self.rows)
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)
        return f"<table>{row(self.headings, 'th')}{body}</table>{notes}"
