"""Functions of whole arrays in a Functional model: of ``keras.ops``, and TensorFlow's as Keras 2 wraps them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .activations import activate
from .layer import Symbol, Unsupported, keras_operation
from .operations import as_axes, given, operand

__all__ = ["concatenate", "matmul", "reshape"]


@keras_operation("Sparsemax", "Glu")
def along_axis(layer: Any, x: Any) -> Any:
    if layer.config.get("axis", -1) != -1:
        raise Unsupported(f"axis {layer.config['axis']}")
    return activate(layer, x, layer.kind.lower())


@keras_operation("Reshape", "reshape", "Ravel")
def reshape(
    layer: Any, x: Any = None, newshape: Any = None, shape: Any = None, name: Any = None, tensor: Any = None
) -> Any:
    sizes = given(layer, newshape, shape, layer.config.get("shape"), word="newshape", default=[-1])
    x = tensor if x is None else x
    if isinstance(sizes, Symbol):
        return layer.emit("Reshape", x, layer.emit("Cast", sizes, dtype="int64"), allowzero=True)
    if any(isinstance(size, Symbol) for size in sizes):
        numbers = [size if isinstance(size, Symbol) else np.array(int(size)) for size in sizes]
        parts = [layer.emit("Reshape", layer.emit("Cast", size, dtype="int64"), [1]) for size in numbers]
        return layer.emit("Reshape", x, layer.emit("Concat", *parts, axis=0), allowzero=True)
    return layer.emit("Reshape", x, [-1 if size is None else int(size) for size in sizes], allowzero=True)


@keras_operation("Transpose", "transpose", "compat.v1.transpose")
def transpose(
    layer: Any,
    x: Any = None,
    axes: Any = None,
    perm: Any = None,
    name: Any = None,
    a: Any = None,
    conjugate: bool = False,
) -> Any:
    order = given(layer, axes, perm, word="axes")
    return layer.emit(
        "Transpose", a if x is None else x, perm=None if order is None else tuple(int(axis) for axis in order)
    )


@keras_operation("Moveaxis")
def move_axis(layer: Any, x: Any) -> Any:
    source, destination = layer.config["source"], layer.config["destination"]
    if np.size(source) != 1 or np.size(destination) != 1:
        raise Unsupported("several axes")
    source, destination = (int(np.ravel(axis)[0]) for axis in (source, destination))
    return layer.emit("MoveAxis", x, source=source, destination=destination)


@keras_operation("Swapaxes")
def swap_axes(layer: Any, x: Any) -> Any:
    return layer.emit("SwapAxes", x, axes=(int(layer.config["axis1"]), int(layer.config["axis2"])))


@keras_operation("ExpandDims", "expand_dims", "Squeeze", "squeeze", "compat.v1.squeeze")
def axes(
    layer: Any, x: Any = None, axis: Any = None, name: Any = None, input: Any = None, squeeze_dims: Any = None
) -> Any:
    op = "Squeeze" if layer.kind.lower().endswith("squeeze") else "Unsqueeze"
    return layer.emit(op, input if x is None else x, as_axes(given(layer, axis, word="axis")))


@keras_operation("Concatenate", "concat")
def concatenate(layer: Any, xs: Any = None, axis: Any = None, values: Any = None, name: Any = None) -> Any:
    xs = values if xs is None else xs
    axis = given(layer, axis, word="axis", default=-1)
    return layer.emit("Concat", *(operand(layer, x) for x in xs), axis=int(axis))


@keras_operation("compat.v1.shape", "shape")
def shape(layer: Any, input: Any, out_type: Any = None, name: Any = None) -> Any:
    if out_type not in (None, "int32", "int64"):
        raise Unsupported(f"sizes of {out_type}")
    return layer.emit("Shape", input)


@keras_operation("math.add_n")
def sum_of_several(layer: Any, inputs: Any, name: Any = None) -> Any:
    return layer.emit("Sum", *(operand(layer, x) for x in inputs))


@keras_operation("Stack", "stack")
def stack(layer: Any, x: Any = None, axis: Any = None, values: Any = None, name: Any = None) -> Any:
    axis = int(given(layer, axis, word="axis", default=0))
    parts = [layer.emit("Unsqueeze", operand(layer, part), [axis]) for part in (values if x is None else x)]
    return layer.emit("Concat", *parts, axis=axis)


@keras_operation("Vstack", "Hstack")
def stacked_rows(layer: Any, xs: Any) -> Any:
    return layer.emit("Concat", *(operand(layer, x) for x in xs), axis=0 if layer.kind == "Vstack" else 1)


@keras_operation("Tril", "Triu")
def triangle(layer: Any, x: Any) -> Any:
    return layer.emit("Trilu", x, np.asarray(int(layer.config.get("k", 0))), upper=layer.kind == "Triu")


@keras_operation("Split", "split", "Unstack", "unstack")
def split(
    layer: Any,
    x: Any = None,
    num_or_size_splits: Any = None,
    axis: Any = None,
    num: Any = None,
    name: Any = None,
    value: Any = None,
) -> Any:
    x, axis = value if x is None else x, int(given(layer, axis, word="axis", default=0))
    unstacked = layer.kind.lower() == "unstack"
    parts = given(layer, num_or_size_splits, num, layer.config.get("num"), word="indices_or_sections")
    if parts is None:
        raise Unsupported("as many parts as there are")
    if not isinstance(parts, int) and layer.kind == "Split":
        layer.builder.bounded(len(parts) + 1)
        ends = [*parts, np.iinfo(np.int64).max]
        cuts = zip([0, *parts], ends, strict=True)
        found = [layer.emit("Slice", x, *map(as_axes, ([begin], [end], [axis]))) for begin, end in cuts]
    elif not isinstance(parts, int):
        found = layer.emit_several("Split", x, np.asarray(parts, np.int64), outputs=len(parts), axis=axis, parts=1)
    else:
        found = layer.emit_several("Split", x, outputs=layer.builder.bounded(parts), axis=axis, parts=parts)
    return [layer.emit("Squeeze", part, [axis]) for part in found] if unstacked else found


@keras_operation("Matmul", "linalg.matmul")
def matmul(
    layer: Any,
    x1: Any = None,
    x2: Any = None,
    a: Any = None,
    b: Any = None,
    transpose_a: bool = False,
    transpose_b: bool = False,
    name: Any = None,
    **words: Any,
) -> Any:
    left, right = operand(layer, a if x1 is None else x1), operand(layer, b if x2 is None else x2)
    if any(words.values()):
        raise Unsupported("a product of other matrices")
    if transpose_a:
        left = layer.emit("SwapAxes", left, axes=(-2, -1))
    if transpose_b:
        right = layer.emit("SwapAxes", right, axes=(-2, -1))
    return layer.emit("MatMul", left, right)


@keras_operation("Einsum", "einsum")
def einsum(layer: Any, *operands: Any, name: Any = None) -> Any:
    equation = layer.config.get("subscripts")
    if equation is None:
        equation, operands = operands[0], operands[1:]
    if len(operands) == 1 and isinstance(operands[0], list):
        (operands,) = operands
    if not operands:  # Keras 2 does not write them
        raise Unsupported("a product whose operands the file does not name")
    return layer.emit("Einsum", *(operand(layer, x) for x in operands), equation=str(equation))


@keras_operation("Pad", "compat.v1.pad", "pad")
def pad(
    layer: Any,
    x: Any = None,
    constant_values: Any = None,
    paddings: Any = None,
    mode: Any = None,
    tensor: Any = None,
    name: Any = None,
) -> Any:
    if isinstance(constant_values, (list, tuple)):  # TensorFlow's second argument
        paddings, constant_values = constant_values, None
    pairs = given(layer, paddings, word="pad_width")
    mode = str(given(layer, mode, word="mode", default="constant")).lower()
    if mode not in ("constant", "reflect"):
        raise Unsupported(f"mode {mode!r}")
    pads = np.asarray(pairs, np.int64).T.ravel()
    value = None if constant_values is None else layer.number(constant_values)
    return layer.emit("Pad", tensor if x is None else x, pads, value, mode=mode)


@keras_operation("Repeat", "repeat")
def repeat(
    layer: Any, x: Any = None, repeats: Any = None, axis: Any = None, name: Any = None, input: Any = None
) -> Any:
    count, axis = given(layer, repeats, word="repeats"), given(layer, axis, word="axis")
    if not isinstance(count, int) or axis is None:
        raise Unsupported("counts for each, or no axis")
    return layer.emit("Repeat", input if x is None else x, axes=(int(axis),), counts=(count,))


@keras_operation("Tile", "tile")
def tile(layer: Any, x: Any = None, multiples: Any = None, name: Any = None, input: Any = None) -> Any:
    counts = given(layer, multiples, word="repeats")
    return layer.emit("Tile", input if x is None else x, as_axes(counts))


@keras_operation("Flip", "reverse")
def flip(layer: Any, x: Any = None, axis: Any = None, name: Any = None, tensor: Any = None) -> Any:
    axis = given(layer, axis, word="axis")
    if axis is None:
        raise Unsupported("all axes")
    return layer.emit("Reverse", tensor if x is None else x, axes=tuple(map(int, np.ravel(axis))))


@keras_operation("BroadcastTo", "broadcast_to")
def broadcast_to(layer: Any, x: Any = None, shape: Any = None, name: Any = None, input: Any = None) -> Any:
    sizes = [1 if size is None or size == -1 else int(size) for size in given(layer, shape, word="shape")]
    return layer.emit("Expand", input if x is None else x, sizes)


@keras_operation("Take", "gather", "compat.v1.gather")
def take(
    layer: Any, x: Any = None, indices: Any = None, axis: Any = None, params: Any = None, name: Any = None, **words: Any
) -> Any:
    axis = given(layer, axis, word="axis")
    if any(words.values()) or (axis is None and layer.kind == "Take"):
        raise Unsupported("indices of a flat array, or of batches")
    indices = layer.emit("Cast", operand(layer, indices), dtype="int64")
    return layer.emit("Gather", params if x is None else x, indices, axis=int(axis or 0))


@keras_operation("TakeAlongAxis")
def take_along_axis(layer: Any, x: Any, indices: Any) -> Any:
    if layer.config.get("axis") is None:
        raise Unsupported("indices of a flat array")
    indices = layer.emit("Cast", operand(layer, indices), dtype="int64")
    return layer.emit("GatherElements", x, indices, axis=int(layer.config["axis"]))


@keras_operation("OneHot", "one_hot")
def one_hot(
    layer: Any, x: Any = None, depth: Any = None, indices: Any = None, axis: Any = None, name: Any = None, **words: Any
) -> Any:
    if any(value is not None for value in words.values()) or layer.config.get("sparse"):
        raise Unsupported("values or a dtype of their own")
    indices, count = indices if x is None else x, int(given(layer, depth, word="num_classes"))
    axis = given(layer, axis, word="axis", default=-1)
    values = layer.constant(np.asarray([0, 1], layer.dtype))
    return layer.emit("OneHot", layer.emit("Cast", indices, dtype="int64"), np.asarray(count), values, axis=int(axis))


@keras_operation("ZerosLike", "OnesLike", "zeros_like", "ones_like", "FullLike")
def like(layer: Any, x: Any = None, fill_value: Any = None, input: Any = None, **words: Any) -> Any:
    value = fill_value if layer.kind == "FullLike" else float(layer.kind.lower().startswith("ones"))
    dtype = layer.config.get("dtype") or words.get("dtype")
    if dtype == "bool":
        value = bool(value)
    elif dtype not in (None, "float16", "bfloat16", "float32", "float64"):
        raise Unsupported(f"numbers of {dtype}")
    number = np.asarray(value) if dtype == "bool" else operand(layer, value)
    return layer.emit("Expand", number, layer.emit("Shape", input if x is None else x), exact=True)


@keras_operation("Cumsum", "math.cumsum")
def cumulative_sum(
    layer: Any, x: Any, axis: Any = None, exclusive: bool = False, reverse: bool = False, name: Any = None
) -> Any:
    axis = given(layer, axis, word="axis", default=0)
    if axis is None:
        raise Unsupported("no axis")
    return layer.emit("CumSum", x, np.asarray(int(axis)), exclusive=bool(exclusive), reverse=bool(reverse))


@keras_operation("TopK", "math.top_k")
def top_k(layer: Any, x: Any = None, k: Any = None, sorted: bool = True, name: Any = None, input: Any = None) -> Any:
    count = int(given(layer, k, word="k"))
    values, places = layer.emit_several(
        "TopK", input if x is None else x, np.asarray([count]), outputs=2, axis=-1, largest=True
    )
    return [values, layer.emit("Cast", places, dtype="int32")]
