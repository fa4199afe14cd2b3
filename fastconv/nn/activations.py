"""Activations and their gradients.

Every function takes any shape in float16, bfloat16, float32 or float64 (integers become float32, or float64 from
32 bits on) and computes half types in float32. NaN in gives NaN out. At infinity the value is the limit:
``silu(-inf)`` is -0, ``softsign(inf)`` is 1, where the formula written out would give NaN.

Each value of float32 is within a few units in the last place of the exact one, however small. The table is in
docs/inside/pooling-activations.md, and ``bench/accuracy_activations.py`` measures it. Softmax is as good along an axis
of any length.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _args, _core

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike

__all__ = [
    "elu",
    "elu_grad",
    "exponential",
    "exponential_grad",
    "gelu",
    "gelu_grad",
    "hard_sigmoid",
    "hard_sigmoid_grad",
    "hard_silu",
    "hard_silu_grad",
    "leaky_relu",
    "leaky_relu_grad",
    "mish",
    "mish_grad",
    "relu6",
    "relu6_grad",
    "selu",
    "selu_grad",
    "sigmoid",
    "sigmoid_grad",
    "silu",
    "silu_grad",
    "softplus",
    "softplus_grad",
    "softsign",
    "softsign_grad",
    "tanh",
    "tanh_grad",
]

# Keras' names, in the order of fc_activation in csrc/include/fastconv.h. 'gelu' is the exact one, as in Keras.
NAMES = (
    "linear",
    "relu",
    "relu6",
    "leaky_relu",
    "elu",
    "selu",
    "sigmoid",
    "tanh",
    "exponential",
    "softplus",
    "softsign",
    "silu",
    "gelu",
    "gelu_tanh",
    "hard_sigmoid",
    "hard_silu",
    "mish",
)
ACTIVATIONS: dict[str | None, int] = {name: number for number, name in enumerate(NAMES)}
ACTIVATIONS |= {None: 0, "swish": ACTIVATIONS["silu"], "hard_swish": ACTIVATIONS["hard_silu"]}
_DEFAULT_ALPHA: dict[str | None, float] = {"leaky_relu": 0.2, "elu": 1.0}


def activation_id(activation: str | None) -> tuple[int, float]:
    """The C core's number of an activation named as in Keras, and its parameter's default.

    Examples
    --------
    >>> activation_id("leaky_relu")
    (3, 0.2)
    """
    if activation is not None and (not isinstance(activation, str) or activation not in ACTIVATIONS):
        names = ", ".join(repr(name) for name in ACTIVATIONS)
        raise ValueError(f"`activation` must be one of {names}; received {activation!r}")
    return ACTIVATIONS[activation], _DEFAULT_ALPHA.get(activation, 0.0)


def _parameter(value: Any, name: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f"`{name}` must be a real number; received {value!r}") from None


def forward_pass(activation: str, alpha: float, x: Any, out: Any) -> np.ndarray:
    number = ACTIVATIONS[activation]
    if (dtype := _args.small_float(x)) is not None:
        source, y = (x.copy(),) * 2 if out is None else (x, _args.plain_output(out, x.shape, x.dtype))
        if y is not None and _core.activate_directly(dtype, number, alpha, source, y):
            return y
    x = _args.float_array(x, "x")
    y, returned = _args.output(out, x.shape, x.dtype, (x,), elementwise=True)
    _core.activate(_args.dtype_id(x.dtype), number, alpha, x.size, _args.buffer(x), _args.buffer(y))
    return _args.finish(y, returned)


def backward_pass(activation: str, alpha: float, x: Any, dy: Any, out: Any, y: Any = None) -> np.ndarray:
    given, dy = same_kind(x, "x", dy) if y is None else same_kind(y, "y", dy)
    dx, returned = _args.output(out, given.shape, given.dtype, (given, dy), elementwise=True)
    of_x, of_y = (_args.buffer(given), None) if y is None else (None, _args.buffer(given))
    number, size = _args.dtype_id(given.dtype), given.size
    _core.activate_grad(number, ACTIVATIONS[activation], alpha, size, of_x, of_y, _args.buffer(dy), _args.buffer(dx))
    return _args.finish(dx, returned)


def same_kind(x: ArrayLike, name: str, dy: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """x and dy as arrays of one dtype and shape."""
    x, dy = _args.float_array(x, name), _args.float_array(dy, "dy")
    _args.same_dtype({name: x, "dy": dy})
    if dy.shape != x.shape:
        raise ValueError(f"`dy` must have the shape of `{name}`, {x.shape}; received {dy.shape}")
    return x, dy


_FORWARD_DOC = """{formula}, elementwise.

    Parameters
    ----------
    x : array_like
        float16, bfloat16, float32 or float64, any shape.
    out : numpy.ndarray, optional
        Where the result goes, of x's shape and dtype; may be `x`.

    Returns
    -------
    numpy.ndarray
        Of x's shape and dtype.

    Raises
    ------
    TypeError, ValueError
        If a dtype or the shape of `out` is not as above.

    Examples
    --------
    >>> import fastconv
    >>> [round(float(v), 4) for v in fastconv.{name}([-1.0, 2.0])]
    {example}
    """

_BACKWARD_DOC = """Gradient of `{name}`: ``dy`` times the derivative at ``x``.

    Parameters
    ----------
    x, dy : array_like
        The input of `{name}` and the gradient of its output, of one shape and dtype.
    y : array_like, optional
        The output of `{name}`, if at hand; `x` may then be None. Not for silu, hard_silu and mish.
    out : numpy.ndarray, optional
        Where the result goes, of dy's shape and dtype; may be one of the inputs.

    Returns
    -------
    numpy.ndarray
        Of dy's shape and dtype.

    Raises
    ------
    TypeError, ValueError
        If shapes or dtypes are not as above.

    Examples
    --------
    >>> import fastconv
    >>> [round(float(v), 4) for v in fastconv.{name}_grad([-1.0, 2.0], [1.0, 1.0])]
    {example}
    """


def _activation(
    name: str, formula: str, values: list[float], slopes: list[float]
) -> tuple[Callable[..., np.ndarray], Callable[..., np.ndarray]]:
    """The function of an activation without parameters and its gradient, with their examples at -1 and 2."""

    def forward(x: ArrayLike, *, out: np.ndarray | None = None) -> np.ndarray:
        return forward_pass(name, 0.0, x, out)

    def backward(
        x: ArrayLike | None, dy: ArrayLike, *, y: ArrayLike | None = None, out: np.ndarray | None = None
    ) -> np.ndarray:
        return backward_pass(name, 0.0, x, dy, out, y)

    forward.__name__ = forward.__qualname__ = name
    backward.__name__ = backward.__qualname__ = f"{name}_grad"
    forward.__doc__ = _FORWARD_DOC.format(name=name, formula=formula, example=values)
    backward.__doc__ = _BACKWARD_DOC.format(name=name, example=slopes)
    return forward, backward


relu6, relu6_grad = _activation("relu6", "min(max(x, 0), 6)", [0.0, 2.0], [0.0, 1.0])
selu, selu_grad = _activation(
    "selu", "1.0507 x for x > 0, else 1.7581 (exp(x) - 1) (Klambauer et al., 2017)", [-1.1113, 2.1014], [0.6468, 1.0507]
)
sigmoid, sigmoid_grad = _activation("sigmoid", "1 / (1 + exp(-x))", [0.2689, 0.8808], [0.1966, 0.105])
tanh, tanh_grad = _activation("tanh", "Hyperbolic tangent", [-0.7616, 0.964], [0.42, 0.0707])
exponential, exponential_grad = _activation("exponential", "exp(x)", [0.3679, 7.3891], [0.3679, 7.3891])
softplus, softplus_grad = _activation("softplus", "log(1 + exp(x))", [0.3133, 2.1269], [0.2689, 0.8808])
softsign, softsign_grad = _activation("softsign", "x / (1 + abs(x))", [-0.5, 0.6667], [0.25, 0.1111])
silu, silu_grad = _activation("silu", "x / (1 + exp(-x)), also known as swish", [-0.2689, 1.7616], [0.0723, 1.0908])
hard_sigmoid, hard_sigmoid_grad = _activation("hard_sigmoid", "relu6(x + 3) / 6", [0.3333, 0.8333], [0.1667, 0.1667])
hard_silu, hard_silu_grad = _activation("hard_silu", "x * relu6(x + 3) / 6", [-0.3333, 1.6667], [0.1667, 1.1667])
mish, mish_grad = _activation("mish", "x * tanh(softplus(x)) (Misra, 2019)", [-0.3034, 1.944], [0.0592, 1.0693])


def leaky_relu(x: ArrayLike, negative_slope: float = 0.2, *, out: np.ndarray | None = None) -> np.ndarray:
    """x for x > 0, else ``negative_slope * x``, elementwise; other arguments as in `relu`.

    Examples
    --------
    >>> import fastconv
    >>> fastconv.leaky_relu([-1.0, 2.0])
    array([-0.2,  2. ])
    """
    return forward_pass("leaky_relu", _parameter(negative_slope, "negative_slope"), x, out)


def leaky_relu_grad(
    x: ArrayLike, dy: ArrayLike, negative_slope: float = 0.2, *, out: np.ndarray | None = None
) -> np.ndarray:
    """Gradient of `leaky_relu`: ``dy`` for x > 0, else ``negative_slope * dy``; arguments as in `relu_grad`.

    Examples
    --------
    >>> import fastconv
    >>> fastconv.leaky_relu_grad([-1.0, 2.0], [1.0, 1.0])
    array([0.2, 1. ])
    """
    return backward_pass("leaky_relu", _parameter(negative_slope, "negative_slope"), x, dy, out)


def elu(x: ArrayLike, alpha: float = 1.0, *, out: np.ndarray | None = None) -> np.ndarray:
    """x for x > 0, else ``alpha * (exp(x) - 1)``, elementwise; other arguments as in `relu`.

    Examples
    --------
    >>> import fastconv
    >>> fastconv.elu([-1.0, 2.0]).round(4)
    array([-0.6321,  2.    ])
    """
    return forward_pass("elu", _parameter(alpha, "alpha"), x, out)


def elu_grad(x: ArrayLike, dy: ArrayLike, alpha: float = 1.0, *, out: np.ndarray | None = None) -> np.ndarray:
    """Gradient of `elu`: ``dy`` for x >= 0, else ``alpha * exp(x) * dy``; arguments as in `relu_grad`.

    Examples
    --------
    >>> import fastconv
    >>> fastconv.elu_grad([-1.0, 2.0], [1.0, 1.0]).round(4)
    array([0.3679, 1.    ])
    """
    return backward_pass("elu", _parameter(alpha, "alpha"), x, dy, out)


def gelu(x: ArrayLike, approximate: bool = False, *, out: np.ndarray | None = None) -> np.ndarray:
    """x times the normal distribution function of x, elementwise; other arguments as in `relu`.

    ``approximate=True`` is ``0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3)))`` (Hendrycks and Gimpel, 2016).

    Examples
    --------
    >>> import fastconv
    >>> fastconv.gelu([-1.0, 2.0]).round(4), fastconv.gelu([-1.0, 2.0], approximate=True).round(4)
    (array([-0.1587,  1.9545]), array([-0.1588,  1.9546]))
    """
    return forward_pass("gelu_tanh" if approximate else "gelu", 0.0, x, out)


def gelu_grad(x: ArrayLike, dy: ArrayLike, approximate: bool = False, *, out: np.ndarray | None = None) -> np.ndarray:
    """Gradient of `gelu`; arguments as in `relu_grad`.

    Examples
    --------
    >>> import fastconv
    >>> fastconv.gelu_grad([-1.0, 2.0], [1.0, 1.0]).round(4)
    array([-0.0833,  1.0852])
    """
    return backward_pass("gelu_tanh" if approximate else "gelu", 0.0, x, dy, out)
