"""Checks of arguments and the arithmetic of shapes, where sizes may be symbolic."""

from __future__ import annotations

import struct
from typing import Any

import jax
import jax.numpy as jnp

from .. import _args


def array(value: Any, name: str, rank: int | None = None) -> jax.Array:
    value = value if isinstance(value, jax.Array) else jnp.asarray(value)
    if _args.dtype_id(value.dtype) not in _args.FLOAT_IDS:
        raise TypeError(f"`{name}` must be float16, bfloat16, float32 or float64; received dtype {value.dtype}")
    if rank is not None and value.ndim != rank:
        raise ValueError(f"`{name}` must have {rank} dimensions; received shape {value.shape}")
    result: jax.Array = value
    return result


def operands(x: jax.Array, kernel: jax.Array, bias: Any, axis: int) -> Any:
    """x, kernel and bias of one dtype, the bias with a number for each cell of that axis of the kernel, its outputs."""
    bias = None if bias is None else array(bias, "bias", 1)
    _args.same_dtype({"x": x, "kernel": kernel} | ({} if bias is None else {"bias": bias}))
    if bias is not None:
        _args.bias_shape(bias.shape, kernel.shape, axis)
    return x, kernel, bias


def frozen(value: Any) -> Any:
    """Lists as tuples, to any depth."""
    return tuple(frozen(v) for v in value) if isinstance(value, (list, tuple)) else value


def bits(number: float) -> int:
    """A double as the integer that carries it."""
    result: int = struct.unpack("<q", struct.pack("<d", number))[0]
    return result


def concrete(shape: tuple[Any, ...], window: Any, data_format: str) -> tuple[int, ...]:
    """shape with numbers for what is symbolic, in which a window fits."""
    n, h, w, c = _args.sizes(shape, data_format)
    h, w = (size if isinstance(size, int) else least for size, least in zip((h, w), window, strict=True))
    return _args.shape_of(n if isinstance(n, int) else 1, h, w, c, data_format)


def windows(size: Any, window: Any, strides: Any, padding: Any, dilation: Any = (1, 1)) -> list[Any]:
    """How many windows fit in each direction."""
    if padding == "same":
        return [-(-cells // step) for cells, step in zip(size, strides, strict=True)]
    pads = ((0, 0), (0, 0)) if padding == "valid" else padding
    return [
        (cells + sum(pad) - (taps - 1) * d - 1) // step + 1
        for cells, taps, step, pad, d in zip(size, window, strides, pads, dilation, strict=True)
    ]


def refusal(x: Any) -> str | None:
    """Why the functions cannot take x, in words; None if they can.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> import fastconv.jax as fj
    >>> fj.refusal(jnp.ones(3)) is None
    True
    >>> fj.refusal(jnp.ones(3, int))
    'no kernel for int32'
    """
    if not isinstance(x, jax.Array):
        if not hasattr(x, "__jax_array__"):
            return f"the input is a {type(x).__name__}, not a dense jax.Array"
        x = jnp.asarray(x)
    return None if _args.dtype_id(x.dtype) in _args.FLOAT_IDS else f"no kernel for {x.dtype}"
