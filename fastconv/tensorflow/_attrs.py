"""Arguments checked and turned into the ops' attributes, and the static shapes that follow from them."""

from __future__ import annotations

import struct
from typing import Any

import tensorflow as tf

from .. import _args
from .threads import take_over_intra_op_setting

DTYPES = (tf.float16, tf.bfloat16, tf.float32, tf.float64)
_FORMATS = {"channels_last": "NHWC", "channels_first": "NCHW"}


def alpha_bits(alpha: float) -> int:
    """A double as the integer attribute that carries it: TensorFlow's float attributes hold only float32."""
    result: int = struct.unpack("<q", struct.pack("<d", alpha))[0]
    return result


def alpha_of(bits: int) -> float:
    """The inverse of `alpha_bits`."""
    result: float = struct.unpack("<d", struct.pack("<q", bits))[0]
    return result


def tensor(value: Any, name: str, rank: int | None = None) -> tf.Tensor:
    take_over_intra_op_setting()
    value = tf.convert_to_tensor(value)
    if value.dtype not in DTYPES:
        raise TypeError(f"`{name}` must be float16, bfloat16, float32 or float64; received dtype {value.dtype.name}")
    if rank is not None and value.shape.rank not in (None, rank):
        raise ValueError(f"`{name}` must have {rank} dimensions; received shape {value.shape}")
    return value


def same_dtype(x: tf.Tensor, **others: tf.Tensor) -> None:
    for name, value in others.items():
        if value.dtype != x.dtype:
            raise TypeError(f"`{name}` must have the dtype of `x`, {x.dtype.name}; received {value.dtype.name}")


def full_float(x: tf.Tensor) -> None:
    """What the ops that do more than convolve take."""
    if x.dtype not in (tf.float32, tf.float64):
        raise TypeError(f"`x` must be float32 or float64; received dtype {x.dtype.name}")


def window_attrs(padding: Any, strides: Any, data_format: Any) -> dict[str, Any]:
    """The attributes every windowed op has."""
    attrs: dict[str, object] = {
        "strides": _args.pair(strides, "strides"),
        "data_format": _FORMATS[_args.choice(data_format, "data_format", _FORMATS)],
    }
    if isinstance(padding, str):
        word = _args.choice(padding.lower(), "padding", ("valid", "same"))
        return attrs | {"padding": word.upper()}
    pairs = _args.padding_pairs(padding, (1, 1), (1, 1), (1, 1))
    return attrs | {"padding": "EXPLICIT", "explicit_paddings": [amount for pair in pairs for amount in pair]}


def windowed_shape(shape: Any, window: Any, attrs: Any, dilations: Any, channels: Any) -> list[int | None]:
    """The output's static shape; TensorFlow's C API shows shape functions no attributes, so it is found here."""
    last = attrs["data_format"] == "NHWC"
    sizes = [None] * 2 if shape.rank is None else (shape[1:3] if last else shape[2:4])
    explicit = attrs.get("explicit_paddings", [0] * 4)
    out = []
    for axis in range(2):
        size, k, stride = sizes[axis], window[axis], attrs["strides"][axis]
        if attrs["padding"] == "SAME":
            out.append(None if size is None else -(-size // stride))
        elif size is None or k is None:
            out.append(None)
        else:
            room = size + sum(explicit[2 * axis : 2 * axis + 2]) - (k - 1) * dilations[axis] - 1
            out.append(room // stride + 1 if room >= 0 else 0)
    batch = None if shape.rank is None else shape[0]
    return [batch, *out, channels] if last else [batch, channels, *out]
