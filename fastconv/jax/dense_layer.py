"""The dense layer."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax.numpy as jnp

from . import _checks, _layer, _portable, activations
from ._primitives import kernel, map_in_one_call


class Dense(NamedTuple):
    """One dense layer, of an x of any rank. Sizes of x may be symbolic while shapes are inferred."""

    x_shape: tuple[Any, ...]
    kernel_shape: tuple[Any, ...]
    activation: int = 0
    alpha: float = 0.0
    wanted: int = 0

    @property
    def y_shape(self) -> tuple[Any, ...]:
        return (*self.x_shape[:-1], self.kernel_shape[1])

    def numbers(self) -> tuple[int, ...]:
        """What csrc/jax/dense.c reads."""
        return math.prod(self.x_shape[:-1]), *self.kernel_shape, self.activation, _checks.bits(self.alpha), self.wanted

    def plain(self) -> Dense:
        return Dense(self.x_shape, self.kernel_shape)

    def widened(self, count: int) -> Dense:
        return self._replace(x_shape=(count, *self.x_shape))

    def part(self, sizes: Any) -> Dense:
        return self._replace(x_shape=tuple(sizes[name] for name in self.names.x))

    @property
    def names(self) -> _layer.Names:
        rows = [f"row{i}" for i in range(len(self.x_shape) - 1)]
        return _layer.Names([*rows, "i"], "io", [*rows, "o"], cut=rows)


_dense = kernel("dense", lambda spec: [spec.y_shape], _layer.forward_axes, _portable.dense)
map_in_one_call(_dense, Dense.widened, (0,), fold=False)


def _rows(x: Any) -> Any:
    return x.reshape(-1, x.shape[-1])


_layer.differentiate(
    _dense,
    "dense",
    _layer.Parts(
        lambda x, kernel, spec: x @ kernel,
        lambda dy, kernel, spec: dy @ kernel.T,
        lambda x, dy, spec: _rows(x).T @ _rows(dy),
        lambda bias, spec: jnp.broadcast_to(bias, spec.y_shape),
        lambda dy, spec: jnp.sum(_rows(dy), 0),
    ),
)


def dense(x: Any, kernel: Any, bias: Any = None, *, activation: Any = None, alpha: float = 0.0) -> Any:
    """Matrix product with optional bias and activation, as `fastconv.dense`.

    Parameters
    ----------
    x : jax.Array
        (..., inputs); float16, bfloat16, float32 or float64.
    kernel : jax.Array
        (inputs, outputs), of x's dtype.
    bias : jax.Array, optional
        (outputs,), of x's dtype.
    activation : str, optional
        As in `conv2d`; `alpha` is its parameter where it has one.

    Returns
    -------
    jax.Array
        (..., outputs).

    Raises
    ------
    ValueError, TypeError
        If an argument is none of these, or shapes do not fit.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> import fastconv.jax as fj
    >>> fj.dense(jnp.ones([1, 3]), jnp.ones([3, 2]), activation="relu")
    Array([[3., 3.]], dtype=float32)
    """
    x, kernel, bias = _checks.operands(_checks.array(x, "x"), _checks.array(kernel, "kernel", 2), bias, 1)
    if not x.ndim or x.shape[-1] != kernel.shape[0]:
        raise ValueError(
            f"`kernel` must have as many rows as `x` of shape {x.shape} has columns; received shape {kernel.shape}"
        )
    number, alpha = activations.named(activation, alpha)
    fuses = activations.has_output_gradient(number, alpha)
    spec = Dense(x.shape, kernel.shape, number, alpha) if fuses else Dense(x.shape, kernel.shape)
    (y,) = _dense.bind(x, kernel, *([] if bias is None else [bias]), spec=spec)
    return y if fuses else activations.activation_of(y, number, alpha)
