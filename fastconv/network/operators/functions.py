"""Functions of single numbers that have no kernel, in NumPy; logic and casts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .elementwise import quiet
from .registry import Step, Tensor, operator

__all__ = ["cast", "erf", "function", "is_inf", "logic", "mod", "power", "scale_shift", "sparsemax"]

_BOOL = np.dtype(bool)
_FUNCTIONS = {
    "Exp": np.exp,
    "Expm1": np.expm1,
    "Log1p": np.log1p,
    "Trunc": np.trunc,
    "Round": np.rint,
    "Sin": np.sin,
    "Cos": np.cos,
    "Tan": np.tan,
    "Asin": np.arcsin,
    "Acos": np.arccos,
    "Atan": np.arctan,
    "Sinh": np.sinh,
    "Cosh": np.cosh,
    "Asinh": np.arcsinh,
    "Acosh": np.arccosh,
    "Atanh": np.arctanh,
}
_LOGIC = {"And": np.logical_and, "Or": np.logical_or, "Xor": np.logical_xor}
_TESTS = {"Not": np.logical_not, "IsNaN": np.isnan}
_REMAINDERS = {"Mod": np.mod, "Fmod": np.fmod}


@operator(*_FUNCTIONS)
def function(node: Any, x: Any) -> Any:
    """``op(x)``, elementwise; round() to even."""
    run = _FUNCTIONS[node.op]
    return Step((Tensor(x.shape, x.dtype),), quiet(lambda x, y: run(x, out=y, casting="same_kind")), in_place=True)


@operator(*_LOGIC)
def logic(node: Any, a: Any, b: Any) -> Any:
    """``a op b`` with broadcasting, of bool."""
    run = _LOGIC[node.op]
    y = Tensor(np.broadcast_shapes(a.shape, b.shape), _BOOL)
    return Step((y,), quiet(lambda a, b, y: run(a, b, out=y)))


@operator(*_TESTS)
def test(node: Any, x: Any) -> Any:
    """``op(x)`` of bool, elementwise."""
    run = _TESTS[node.op]
    return Step((Tensor(x.shape, _BOOL),), lambda x, y: run(x, out=y))


@operator("IsInf")
def is_inf(node: Any, x: Any) -> Any:
    """Whether x is an infinity of one of the signs that the attributes ``negative`` and ``positive`` ask for."""
    negative, positive = node.attributes["negative"], node.attributes["positive"]

    def run(x: Any, y: Any) -> None:
        np.isinf(x, out=y)
        if not negative:
            y &= x > 0
        if not positive:
            y &= x < 0

    return Step((Tensor(x.shape, _BOOL),), quiet(run))


@operator(*_REMAINDERS)
def mod(node: Any, a: Any, b: Any) -> Any:
    """The remainder with the sign of b, or for ``Fmod`` of a."""
    if a.dtype != b.dtype:
        raise TypeError(f"both must have one dtype; received {a.dtype} and {b.dtype}")
    run = _REMAINDERS[node.op]
    y = Tensor(np.broadcast_shapes(a.shape, b.shape), a.dtype)
    return Step((y,), quiet(lambda a, b, y: run(a, b, out=y)))


@operator("Pow")
def power(node: Any, a: Any, b: Any) -> Any:
    """``a ** b`` of a's dtype; the exponent may have another one."""
    work = a.dtype if b.dtype.kind != "f" or a.dtype.kind == "f" else np.dtype(np.float64)
    y = Tensor(np.broadcast_shapes(a.shape, b.shape), a.dtype)

    def run(a: Any, b: Any, y: Any) -> None:
        np.copyto(y, np.power(a.astype(work, copy=False), b.astype(work, copy=False)), casting="unsafe")

    return Step((y,), quiet(run))


@operator("Cast")
def cast(node: Any, x: Any) -> Any:
    """x in the dtype that the attribute ``dtype`` names."""
    return _cast(x, np.dtype(node.attributes["dtype"]))


@operator("CastLike")
def cast_like(node: Any, x: Any, like: Any) -> Any:
    """x in the dtype of another value."""
    return _cast(x, like.dtype)


def _cast(x: Tensor, dtype: np.dtype) -> Step:
    if dtype == x.dtype:
        return Step((x,), view=True)
    return Step(
        (Tensor(x.shape, dtype),), quiet(lambda *arrays: np.copyto(arrays[-1], arrays[0], casting="unsafe")), reads=(0,)
    )


@operator("ScaleShift")
def scale_shift(node: Any, x: Any) -> Any:
    """``x * scale + shift``, both attributes."""
    scale, shift = x.dtype.type(node.attributes["scale"]), x.dtype.type(node.attributes["shift"])

    def run(x: Any, y: Any) -> None:
        np.multiply(x, scale, out=y)
        if shift:
            np.add(y, shift, out=y)

    return Step((Tensor(x.shape, x.dtype),), quiet(run), in_place=True)


@operator("Bounded")
def bounded(node: Any, x: Any) -> Any:
    """x held between the attributes ``low`` and ``high``."""
    low, high = x.dtype.type(node.attributes["low"]), x.dtype.type(node.attributes["high"])
    return Step((Tensor(x.shape, x.dtype),), lambda x, y: np.clip(x, low, high, out=y), in_place=True)


@operator("Celu")
def celu(node: Any, x: Any) -> Any:
    """``max(0, x) + min(0, alpha (exp(x / alpha) - 1))``."""
    alpha = x.dtype.type(node.attributes["alpha"])

    def run(x: Any, y: Any) -> None:
        np.copyto(y, np.maximum(x, 0) + np.minimum(alpha * np.expm1(x / alpha), 0), casting="same_kind")

    return Step((Tensor(x.shape, x.dtype),), quiet(run))


@operator("ThresholdedRelu")
def thresholded_relu(node: Any, x: Any) -> Any:
    """x where it is above the attribute ``alpha`` or NaN, else 0."""
    alpha = x.dtype.type(node.attributes["alpha"])

    def run(x: Any, y: Any) -> None:
        np.copyto(y, np.where(x <= alpha, x.dtype.type(0), x))

    return Step((Tensor(x.shape, x.dtype),), run)


@operator("Shrink")
def shrink(node: Any, x: Any) -> Any:
    """``x + bias`` below ``-threshold``, ``x - bias`` above it, else 0."""
    threshold, bias = node.attributes["threshold"], x.dtype.type(node.attributes["bias"])

    def run(x: Any, y: Any) -> None:
        np.copyto(y, np.where(x < -threshold, x + bias, np.where(x > threshold, x - bias, x.dtype.type(0))))

    return Step((Tensor(x.shape, x.dtype),), quiet(run))


@operator("Sparsemax")
def sparsemax(node: Any, x: Any) -> Any:
    """Keras' function of that name along the last axis.

    Its threshold has the sum of all cumulative sums of the support where A. Martins, R. Astudillo, "From softmax to
    sparsemax", ICML 2016, have the last one.
    """
    if x.ndim < 1 or x.dtype.kind != "f":
        raise TypeError(f"the input must be floats with an axis; received {x.dtype} of shape {x.shape}")
    counts = np.arange(1, x.shape[-1] + 1, dtype=x.dtype)

    def run(x: Any, y: Any) -> None:
        falling = -np.sort(-x, axis=-1)
        sums = np.cumsum(falling, axis=-1)
        support = falling - (sums - 1) / counts > 0
        total = np.where(support, sums, x.dtype.type(0)).sum(-1, keepdims=True)
        np.maximum(x - (total - 1) / support.sum(-1, keepdims=True, dtype=x.dtype), 0, out=y)

    return Step((Tensor(x.shape, x.dtype),), quiet(run))


# Of Taylor's series of erf(x) / x in x^2, which holds below 0.5.
_SERIES = [2 / math.sqrt(math.pi) * (-1) ** n / (math.factorial(n) * (2 * n + 1)) for n in range(12)]
# Chebyshev's coefficients of log(erfc(x)): W. H. Press et al., "Numerical Recipes", 3rd edition, 6.2.2.
_LOG_ERFC = [
    -1.3026537197817094,
    6.4196979235649026e-1,
    1.9476473204185836e-2,
    -9.561514786808631e-3,
    -9.46595344482036e-4,
    3.66839497852761e-4,
    4.2523324806907e-5,
    -2.0278578112534e-5,
    -1.624290004647e-6,
    1.303655835580e-6,
    1.5626441722e-8,
    -8.5238095915e-8,
    6.529054439e-9,
    5.059343495e-9,
    -9.91364156e-10,
    -2.27365122e-10,
    9.6467911e-11,
    2.394038e-12,
    -6.886027e-12,
    8.94487e-13,
    3.13092e-13,
    -1.12708e-13,
    3.81e-16,
    7.106e-15,
]


@operator("Erf")
def erf(node: Any, x: Any) -> Any:
    """The error function, computed in double."""
    if x.dtype.kind != "f":
        raise TypeError(f"the input must be a float; received {x.dtype}")

    def run(x: Any, y: Any) -> None:
        wide = x.astype(np.float64)
        small = np.abs(wide)
        near = wide * np.polynomial.polynomial.polyval(np.minimum(small, 0.5) ** 2, _SERIES)
        t = 2 / (2 + small)
        coefficients = [_LOG_ERFC[0] / 2, *_LOG_ERFC[1:]]
        far = 1 - t * np.exp(np.polynomial.chebyshev.chebval(2 * t - 1, coefficients) - small * small)
        np.copyto(y, np.where(small < 0.5, near, np.copysign(far, wide)), casting="same_kind")

    return Step((Tensor(x.shape, x.dtype),), quiet(run))


@operator("AlignAxis")
def align_axis(node: Any, x: Any, other: Any) -> Any:
    """x with as many axes of length 1 behind as its first axis stands at the attribute ``axis`` of another value."""
    axis = node.attributes["axis"] % other.ndim if other.ndim else 0
    behind = other.ndim - axis - x.ndim
    if behind < 0:
        raise ValueError(f"shape {x.shape} does not lie at axis {axis} of {other.shape}")
    return Step((Tensor((*x.shape, *(1,) * behind), x.dtype),), reads=(0,), view=True)
