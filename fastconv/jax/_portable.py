"""The primitives in XLA's own operations: for exported programs, which may run without fastconv, and other devices."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from .. import _args
from ..nn.activations import ACTIVATIONS

_SELU_SCALE = 1.0507009873554805
_SELU_ALPHA_SCALE = 1.7580993408473766
_NAMES: dict[int, Any] = {number: name for name, number in reversed(ACTIVATIONS.items())}


def conv2d(x: Any, kernel: Any, bias: Any = None, *, spec: Any) -> Any:
    layout = "NHWC" if spec.data_format == "channels_last" else "NCHW"
    y = lax.conv_general_dilated(
        x,
        kernel,
        spec.strides,
        _padding(spec),
        rhs_dilation=spec.dilation,
        dimension_numbers=(layout, "HWIO", layout),
        feature_group_count=spec.groups,
    )
    if bias is not None:
        y += bias if layout == "NHWC" else bias[:, None, None]
    return [activation(y, spec=spec)[0] if spec.activation else y]


def conv2d_input_grad(dy: Any, kernel: Any, *, spec: Any) -> Any:
    like = _like(dy, spec.x_shape)
    return list(jax.linear_transpose(lambda x: conv2d(x, kernel, spec=spec)[0], like)(dy))


def conv2d_kernel_grad(x: Any, dy: Any, *, spec: Any) -> Any:
    like = _like(dy, spec.kernel_shape)
    return list(jax.linear_transpose(lambda kernel: conv2d(x, kernel, spec=spec)[0], like)(dy))


def _like(array: Any, shape: Any) -> Any:
    """A type of that shape, on the devices of `array`."""
    return jax.typeof(array).update(shape=shape)


def _padding(spec: Any) -> Any:
    return spec.padding.upper() if isinstance(spec.padding, str) else spec.padding


def _around(rows: Any, columns: Any, data_format: str) -> Any:
    """Padding of the four axes of images."""
    none = (0, 0)
    return (none, rows, columns, none) if data_format == "channels_last" else (none, none, rows, columns)


def _windows(x: Any, start: Any, combine: Any, spec: Any) -> Any:
    """The windows' elements combined; padded cells count as `start`."""
    pool, strides = (_args.shape_of(1, h, w, 1, spec.data_format) for h, w in (spec.pool, spec.strides))
    padding = _padding(spec)
    if not isinstance(padding, str):
        rows, columns = padding
        padding = _around(rows, columns, spec.data_format)
    return lax.reduce_window(x, np.array(start, x.dtype), combine, pool, strides, padding)


def dense(x: Any, kernel: Any, bias: Any = None, *, spec: Any) -> Any:
    y = x @ kernel if bias is None else x @ kernel + bias
    return [activation(y, spec=spec)[0] if spec.activation else y]


def avg_pool2d(x: Any, *, spec: Any) -> Any:
    return [_windows(x, 0, lax.add, spec) / _windows(jnp.ones_like(x), 0, lax.add, spec)]


def avg_pool2d_grad(dy: Any, *, spec: Any) -> Any:
    like = _like(dy, spec.x_shape)
    return list(jax.linear_transpose(lambda x: avg_pool2d(x, spec=spec)[0], like)(dy))


def max_pool2d(x: Any, *, spec: Any) -> Any:
    return [_windows(x, -jnp.inf, lax.max, spec)]


def max_pool2d_grad(x: Any, dy: Any, *, spec: Any) -> Any:
    return list(jax.vjp(lambda t: max_pool2d(t, spec=spec)[0], x)[1](dy))


def max_pool2d_grad_grad(x: Any, ddx: Any, *, spec: Any) -> Any:
    return [jax.jvp(lambda t: max_pool2d(t, spec=spec)[0], [x], [ddx])[1]]


def activation(x: Any, *, spec: Any) -> Any:
    return [_FUNCTIONS[_NAMES[spec.activation]](x, spec.alpha)]


def activation_grad(known: Any, dy: Any, *, spec: Any) -> Any:
    return [dy * slope(known, spec)]


def slope(known: Any, spec: Any) -> Any:
    """f'(x) as a function of y = f(x) where that is known, or of x."""
    name = _NAMES[spec.activation]
    if spec.from_output:
        return _SLOPES[name](known, spec.alpha).astype(known.dtype)
    return jax.jvp(lambda x: _FUNCTIONS[name](x, spec.alpha), [known], [jnp.ones_like(known)])[1]


def relu(x: Any, *, spec: Any) -> Any:
    low, high = (jnp.asarray(bound, x.dtype) for bound in (spec.low, spec.high))
    threshold = jnp.asarray(spec.threshold, x.dtype)
    below = spec.negative_slope * (x - threshold) if spec.negative_slope else jnp.zeros_like(x)
    y = jnp.where(x > threshold, jnp.clip(x, low, high), below)
    return [jnp.where(jnp.isnan(x), x, y)]


def relu_grad(x: Any, dy: Any, *, spec: Any) -> Any:
    threshold, low, high = (jnp.asarray(v, x.dtype) for v in (spec.threshold, spec.low, spec.high))
    below = jnp.where(x < threshold, jnp.asarray(spec.negative_slope, x.dtype), 0)
    slope = jnp.where(x > threshold, ((low <= x) & (x <= high)).astype(x.dtype), below)
    return [dy * jnp.where(jnp.isnan(x), x, slope)]


def softmax(x: Any, *, spec: Any) -> Any:
    return [jax.nn.softmax(x, spec.axis)]


def softmax_grad(y: Any, dy: Any, *, spec: Any) -> Any:
    return [y * (dy - jnp.sum(y * dy, spec.axis, keepdims=True))]


_FUNCTIONS: dict[str, Any] = {
    "linear": lambda x, alpha: x,
    "relu": lambda x, alpha: jax.nn.relu(x),
    "relu6": lambda x, alpha: jax.nn.relu6(x),
    "leaky_relu": lambda x, alpha: jax.nn.leaky_relu(x, alpha),
    "elu": lambda x, alpha: jax.nn.elu(x, alpha),
    "selu": lambda x, alpha: jax.nn.selu(x),
    "sigmoid": lambda x, alpha: jax.nn.sigmoid(x),
    "tanh": lambda x, alpha: jnp.tanh(x),
    "exponential": lambda x, alpha: jnp.exp(x),
    "softplus": lambda x, alpha: jax.nn.softplus(x),
    "softsign": lambda x, alpha: jax.nn.soft_sign(x),
    "silu": lambda x, alpha: jax.nn.silu(x),
    "gelu": lambda x, alpha: jax.nn.gelu(x, approximate=False),
    "gelu_tanh": lambda x, alpha: jax.nn.gelu(x, approximate=True),
    "hard_sigmoid": lambda x, alpha: jax.nn.hard_sigmoid(x),
    "hard_silu": lambda x, alpha: jax.nn.hard_silu(x),
    "mish": lambda x, alpha: jax.nn.mish(x),
}

# f'(x) as a function of y = f(x), where the output tells it.
_SLOPES: dict[str, Any] = {
    "linear": lambda y, alpha: jnp.ones_like(y),
    "relu": lambda y, alpha: y > 0,
    "relu6": lambda y, alpha: (y > 0) & (y < 6),
    "leaky_relu": lambda y, alpha: jnp.where(y > 0, 1, alpha),
    "elu": lambda y, alpha: jnp.where(y > 0, 1, y + alpha),
    "selu": lambda y, alpha: jnp.where(y > 0, _SELU_SCALE, y + _SELU_ALPHA_SCALE),
    "sigmoid": lambda y, alpha: y * (1 - y),
    "tanh": lambda y, alpha: 1 - y * y,
    "exponential": lambda y, alpha: y,
    "softplus": lambda y, alpha: -jnp.expm1(-y),
    "softsign": lambda y, alpha: (1 - jnp.abs(y)) ** 2,
    "hard_sigmoid": lambda y, alpha: ((y > 0) & (y < 1)) / 6,
}
