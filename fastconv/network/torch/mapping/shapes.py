"""Shapes, the order of axes, and parts of tensors."""

from __future__ import annotations

from typing import Any

from ..nodes import Call, Emitter, Reference, Refused, maps


@maps("aten.sym_size.int")
def sym_size(call: Call, emit: Emitter, to: Any) -> None:
    axis = call["dim"] % call["self"].ndim
    emit.add("Shape", call["self"].name, to=call.name, start=axis, end=axis + 1)


@maps("aten.view.default", "aten.reshape.default", "aten._unsafe_view.default")
def view(call: Call, emit: Emitter, to: Any) -> None:
    sizes = call.arguments.get("size", call.arguments.get("shape"))
    emit.add("Reshape", call["self"].name, emit.sizes(sizes), to=to[0], allowzero=True)


@maps("aten.flatten.using_ints")
def flatten(call: Call, emit: Emitter, to: Any) -> None:
    x = call["self"]
    begin, end = (call[name] % max(x.ndim, 1) for name in ("start_dim", "end_dim"))
    behind = (emit.add("Shape", x.name, start=axis, end=axis + 1) for axis in range(end + 1, x.ndim))
    sizes = emit.sizes([*(0,) * begin, -1, *map(Reference, behind)])
    emit.add("Reshape", x.name, sizes, to=to[0])


@maps("aten.permute.default")
def permute(call: Call, emit: Emitter, to: Any) -> None:
    x = call["self"]
    emit.add("Transpose", x.name, to=to[0], perm=tuple(axis % x.ndim for axis in call.numbers("dims")))


@maps("aten.transpose.int", "aten.t.default")
def transpose(call: Call, emit: Emitter, to: Any) -> None:
    x = call["self"]
    perm = list(range(x.ndim))
    if x.ndim > 1:
        a, b = (call.arguments.get(name, place) % x.ndim for place, name in enumerate(("dim0", "dim1")))
        perm[a], perm[b] = perm[b], perm[a]
    emit.add("Transpose", x.name, to=to[0], perm=tuple(perm))


@maps("aten.unsqueeze.default")
def unsqueeze(call: Call, emit: Emitter, to: Any) -> None:
    emit.add("Unsqueeze", call["self"].name, emit.constant([call["dim"]]), to=to[0])


@maps("aten.squeeze.dim", "aten.squeeze.dims")
def squeeze(call: Call, emit: Emitter, to: Any) -> None:
    """Without the axes that are of length 1; the others that are named stay."""
    x = call["self"]
    axes = [axis % x.ndim for axis in call.numbers("dim")]
    axes = [axis for axis in axes if x.shape[axis] == 1]
    if axes:
        emit.add("Squeeze", x.name, emit.constant(axes), to=to[0])
    else:
        emit.add("Identity", x.name, to=to[0])


@maps("aten.cat.default", "aten.concat.default")
def cat(call: Call, emit: Emitter, to: Any) -> None:
    dtype = call.results[0].dtype
    parts = [part for part in call["tensors"] if part.shape != (0,)]
    if not parts:
        raise Refused("no tensors")
    emit.add("Concat", *(emit.operand(part, dtype) for part in parts), to=to[0], axis=call["dim"])


@maps("aten.split.Tensor", "aten.chunk.default", "aten.split_with_sizes.default")
def split(call: Call, emit: Emitter, to: Any) -> None:
    axis = call["dim"] % call["self"].ndim
    sizes = [result.shape[axis] for result in call.results]
    if None in sizes:
        raise Refused("parts of sizes that depend on sizes")
    emit.add("Split", call["self"].name, emit.constant(sizes), to=to, axis=axis, parts=len(to))


@maps("aten.slice.Tensor")
def slice_(call: Call, emit: Emitter, to: Any) -> None:
    begin, end, step = call["start"] or 0, call["end"], call["step"]
    ends = emit.constant([2**62]) if end is None else emit.sizes([end])
    axis, steps = emit.constant([call["dim"]]), emit.constant([step])
    emit.add("Slice", call["self"].name, emit.sizes([begin]), ends, axis, steps, to=to[0])


@maps("aten.select.int")
def select(call: Call, emit: Emitter, to: Any) -> None:
    emit.add("Gather", call["self"].name, emit.constant(call["index"]), to=to[0], axis=call["dim"])


@maps("aten.expand.default")
def expand(call: Call, emit: Emitter, to: Any) -> None:
    sizes = [1 if size == -1 else size for size in call["size"]]
    emit.add("Expand", call["self"].name, emit.sizes(sizes), to=to[0])


@maps(
    "aten.alias.default",
    "aten.clone.default",
    "aten.contiguous.default",
    "aten.detach.default",
    "aten.lift_fresh_copy.default",
)
def identity(call: Call, emit: Emitter, to: Any) -> None:
    emit.add("Identity", call["self"].name, to=to[0])
