"""A layer of neurons: matrix product, bias and activation in one pass, and its gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .. import _args, _core
from .activations import activation_id

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["DenseGrads", "dense", "dense_grads"]


class DenseGrads(NamedTuple):
    """What `dense_grads` returns; None for what was not wanted."""

    dx: np.ndarray | None
    dkernel: np.ndarray | None
    dbias: np.ndarray | None


def dense(x: Any, kernel: Any, bias: Any = None, *, activation: Any = None, out: Any = None) -> np.ndarray:
    """Matrix product of `x` and `kernel` with bias and activation, as ``keras.layers.Dense`` computes it.

    Parameters
    ----------
    x : array_like, shape (rows, inputs)
    kernel : array_like, shape (inputs, outputs)
    bias : array_like, shape (outputs,), optional
    activation : str, optional
        As in `conv2d`.
    out : ndarray, optional
        Where to put the result; of its shape and dtype.

    Returns
    -------
    ndarray, shape (rows, outputs)
        Of x's dtype: float16, bfloat16, float32 or float64.

    Raises
    ------
    ValueError, TypeError
        If an argument is malformed or the shapes do not fit.

    Notes
    -----
    Register tiles over packed panels (Goto and van de Geijn, "Anatomy of high-performance matrix multiplication", ACM
    TOMS 34(3), 2008), packed where they are needed: few rows read the kernel once. The result has the same bits for
    any number of threads.

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> fastconv.dense(np.array([[1.0, 2.0]]), np.array([[1.0, -1.0], [1.0, -1.0]]), activation="relu")
    array([[3., 0.]])
    """
    number, alpha = activation_id(activation)
    x, kernel = _operands(x, kernel)
    arrays = {"x": x, "kernel": kernel}
    if bias is not None:
        bias = arrays["bias"] = _args.float_array(bias, "bias", 1)
        _check(bias, "bias", (kernel.shape[1],))
    _args.same_dtype(arrays)
    shape = x.shape[0], kernel.shape[1]
    y, returned = _args.output(out, shape, x.dtype, tuple(arrays.values()))
    geometry = _core.Dense(_args.dtype_id(x.dtype), len(x), x.shape[1], kernel.shape[1], number, alpha)
    geometry.forward(*map(_args.buffer, (x, kernel, bias, y)))
    return _args.finish(y, returned)


def dense_grads(
    x: Any, kernel: Any, y: Any, dy: Any, *, activation: Any = None, wanted: Any = ("dx", "dkernel", "dbias")
) -> DenseGrads:
    """All gradients of `dense` at once, that of its activation taken on the way.

    Parameters
    ----------
    x, kernel : array_like
        What `dense` had.
    y : array_like or None
        What `dense` returned; None will do without an activation.
    dy : array_like, shape (rows, outputs)
        Gradient with respect to `y`.
    activation : str, optional
        One whose output tells its derivative.
    wanted : collection of {'dx', 'dkernel', 'dbias'}

    Returns
    -------
    DenseGrads

    Raises
    ------
    ValueError, TypeError
        If an argument is malformed or the shapes do not fit.

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> x, kernel = np.array([[1.0, 2.0]]), np.array([[1.0, -1.0], [1.0, -1.0]])
    >>> y = fastconv.dense(x, kernel, activation="relu")
    >>> fastconv.dense_grads(x, kernel, y, np.ones_like(y), activation="relu").dkernel
    array([[1., 0.],
           [2., 0.]])
    """
    number, alpha = activation_id(activation)
    for word in wanted:
        _args.choice(word, "wanted", DenseGrads._fields)
    if number and not _core.activation_from_output(number, alpha):
        raise ValueError(f"`activation` must be one whose output tells its derivative; received {activation!r}")
    x, kernel = _operands(x, kernel)
    arrays = {"x": x, "kernel": kernel, "dy": _args.float_array(dy, "dy", 2)}
    if number:
        arrays["y"] = _args.float_array(y, "y", 2)
    _args.same_dtype(arrays)
    for name in ("dy", "y")[: len(arrays) - 2]:
        _check(arrays[name], name, (x.shape[0], kernel.shape[1]))
    grads = DenseGrads(
        *(
            _args.output(None, shape, x.dtype, ())[0] if name in wanted else None
            for name, shape in zip(DenseGrads._fields, (x.shape, kernel.shape, kernel.shape[1:]), strict=True)
        )
    )
    geometry = _core.Dense(_args.dtype_id(x.dtype), len(x), x.shape[1], kernel.shape[1], number, alpha)
    geometry.grads(*map(_args.buffer, (x, kernel, arrays.get("y"), arrays["dy"], *grads)))
    return grads


def _operands(x: ArrayLike, kernel: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    x, kernel = _args.float_array(x, "x", 2), _args.float_array(kernel, "kernel", 2)
    _check(kernel, "kernel", (x.shape[1], kernel.shape[1]))
    return x, kernel


def _check(array: np.ndarray, name: str, shape: tuple[int, ...]) -> None:
    if array.shape != shape:
        raise ValueError(f"`{name}` must have shape {shape}; received {array.shape}")
