"""relu with Keras' arguments, and its gradient."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from .. import _args, _core
from .activations import backward_pass, forward_pass, same_kind

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike

__all__ = ["relu", "relu_grad"]


def rectifier(negative_slope: Any, max_value: Any, threshold: Any) -> tuple[str, Any] | tuple[None, Any]:
    """(name, alpha) of the activation that Keras' `relu` with these arguments is, or None and the core's four numbers.

    Examples
    --------
    >>> rectifier(0.0, None, 0.0), rectifier(0.25, None, 0), rectifier(0, 6, 0)
    (('relu', 0.0), ('leaky_relu', 0.25), ('relu6', 0.0))
    >>> rectifier(0, 1, 0.5)
    (None, (0.0, 0.5, 0.0, 1.0))
    """
    if max_value is None and type(negative_slope) is type(threshold) is float and negative_slope == threshold == 0:
        return "relu", 0.0
    slope, threshold = _args.real(negative_slope, "negative_slope"), _args.real(threshold, "threshold")
    unbounded = max_value is None or (isinstance(max_value, float) and max_value == math.inf)
    high = math.inf if unbounded else _args.real(max_value, "max_value", 0.0)
    if threshold == 0 and max_value is None:
        return ("leaky_relu", slope) if slope else ("relu", 0.0)
    if threshold == 0 and high == 6 and not slope:
        return "relu6", 0.0
    return None, (slope, threshold, -math.inf if max_value is None else 0.0, high)


def relu(
    x: ArrayLike,
    negative_slope: float = 0.0,
    max_value: float | None = None,
    threshold: float = 0.0,
    *,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """max(x, 0), elementwise, or with arguments `keras.activations.relu`.

    These are ``min(x, max_value)`` for x > threshold, else ``negative_slope * (x - threshold)``. As in Keras nothing
    above the threshold is less than 0 where there is a `max_value`.

    Parameters
    ----------
    x : array_like
        float16, bfloat16, float32 or float64, any shape.
    negative_slope : float
        The slope up to the threshold; at -inf a slope of 0 gives 0.
    max_value : float, optional
        The greatest result, at least 0.
    threshold : float
        Rounded to x's dtype, as `max_value` is, and finite there.
    out : numpy.ndarray, optional
        Where the result goes, of x's shape and dtype; may be `x`.

    Returns
    -------
    numpy.ndarray
        Of x's shape and dtype. NaN stays NaN, also below a threshold.

    Raises
    ------
    TypeError, ValueError
        If an argument is none of these.

    Examples
    --------
    >>> import fastconv
    >>> fastconv.relu([-1.0, 2.0])
    array([0., 2.])
    >>> fastconv.relu([-1.0, 0.5, 2.0], negative_slope=0.5, max_value=1.5, threshold=1.0)
    array([-1.  , -0.25,  1.5 ])
    """
    name, parameters = rectifier(negative_slope, max_value, threshold)
    if name:
        return forward_pass(name, parameters, x, out)
    x = _args.float_array(x, "x")
    y, returned = _args.output(out, x.shape, x.dtype, (x,), elementwise=True)
    _core.relu(_args.dtype_id(x.dtype), parameters, x.size, _args.buffer(x), _args.buffer(y))
    return _args.finish(y, returned)


def relu_grad(
    x: ArrayLike,
    dy: ArrayLike,
    negative_slope: float = 0.0,
    max_value: float | None = None,
    threshold: float = 0.0,
    *,
    y: ArrayLike | None = None,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Gradient of `relu`: ``dy`` times the derivative at ``x``.

    Parameters
    ----------
    x, dy : array_like
        The input of `relu` and the gradient of its output, of one shape and dtype.
    negative_slope, max_value, threshold : float
        As in `relu`. The derivative is 0 at the threshold (with a slope alone it is that slope, as of `leaky_relu`)
        and 1 at `max_value`, as of a clip in TensorFlow and PyTorch (with ``max_value=6`` alone 0, as of their relu6).
    y : array_like, optional
        The output of `relu`, if at hand; `x` may then be None. Not with a `threshold`, nor with a `max_value` but 6
        alone.
    out : numpy.ndarray, optional
        Where the result goes, of dy's shape and dtype; may be one of the inputs.

    Returns
    -------
    numpy.ndarray
        Of dy's shape and dtype.

    Raises
    ------
    TypeError, ValueError
        If an argument is none of these.

    Examples
    --------
    >>> import fastconv
    >>> fastconv.relu_grad([-1.0, 2.0], [1.0, 1.0])
    array([0., 1.])
    >>> fastconv.relu_grad([-1.0, 0.5, 2.0], [1.0, 1.0, 1.0], negative_slope=0.5, max_value=1.5)
    array([0.5, 1. , 0. ])
    """
    name, parameters = rectifier(negative_slope, max_value, threshold)
    if name:
        return backward_pass(name, parameters, x, dy, out, y)
    if x is None:
        raise ValueError("`x` must be given where `relu` has a `threshold` or a `max_value`; received None")
    x, dy = same_kind(x, "x", dy)
    dx, returned = _args.output(out, x.shape, x.dtype, (x, dy), elementwise=True)
    _core.relu_grad(_args.dtype_id(x.dtype), parameters, x.size, _args.buffer(x), _args.buffer(dy), _args.buffer(dx))
    return _args.finish(dx, returned)
