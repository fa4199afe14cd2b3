"""The gradients of `conv2d`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, SupportsIndex

import numpy as np

from .. import _args, _core
from .activations import ACTIVATIONS
from .convolution import Keywords
from .layouts import batch_of, from_hwio, hwio, hwio_shape, image_of, is_image

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import ArrayLike

    from .._typing import Ints, PaddingLike, Shape

__all__ = ["Conv2DGrads", "conv2d_bias_grad", "conv2d_grads", "conv2d_input_grad", "conv2d_kernel_grad"]

KERNEL_ALGORITHMS = _core.kernel_grad_algorithms()


def has_output_gradient(activation: str, alpha: float) -> bool:
    """Whether the activation's gradient can be had from its output alone, so that it can be fused."""
    return _core.activation_from_output(ACTIVATIONS[activation], alpha)


def conv2d_input_grad(
    dy: Any,
    kernel: Any,
    x_shape: Any,
    *,
    strides: Any = 1,
    padding: Any = "valid",
    dilation_rate: Any = 1,
    groups: Any = 1,
    data_format: Any = "channels_last",
    kernel_format: Any = "HWIO",
    out: Any = None,
) -> np.ndarray:
    """Gradient of `conv2d` with respect to its input.

    Parameters
    ----------
    dy : array_like
        Gradient with respect to the output, of the output's shape.
    kernel : array_like, shape (k_h, k_w, c_in // groups, c_out)
    x_shape : four ints
        Shape of `x`; three for one image, as `dy` then has.
    strides, padding, dilation_rate, groups, data_format, kernel_format, out
        As in `conv2d`.

    Returns
    -------
    ndarray, shape x_shape

    Raises
    ------
    ValueError, TypeError
        As `conv2d`, and if `dy` has not the shape of the output.

    Notes
    -----
    A convolution of `dy` with the flipped kernel, split by stride phase so that no inserted zero is multiplied
    (Dumoulin and Visin, "A guide to convolution arithmetic for deep learning", 2016).

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> dy, kernel = np.ones((1, 2, 2, 1)), np.ones((2, 2, 1, 1))
    >>> fastconv.conv2d_input_grad(dy, kernel, (1, 3, 3, 1))[0, :, :, 0]
    array([[1., 2., 1.],
           [2., 4., 2.],
           [1., 2., 1.]])
    """
    kernel = hwio(kernel, kernel_format)
    if is_image(dy):
        words = {"strides": strides, "padding": padding, "dilation_rate": dilation_rate, "groups": groups}
        words |= {"data_format": data_format, "out": batch_of(out)}
        batch = conv2d_input_grad(batch_of(dy), kernel, (1, *x_shape), **words)
        return image_of(batch, out)
    keywords = Keywords(strides, padding, dilation_rate, groups, data_format)
    dy, kernel = _args.float_array(dy, "dy", 4), _args.float_array(kernel, "kernel", 4)
    _args.same_dtype({"dy": dy, "kernel": kernel})
    x_shape = _args.four_sizes(x_shape, "x_shape")
    geometry, shape = keywords.geometry(dy.dtype, x_shape, kernel.shape)
    _check_shape(dy, "dy", shape)
    dx, returned = _args.output(out, x_shape, dy.dtype, (dy, kernel))
    geometry.input_grad(_args.buffer(dy), _args.buffer(kernel), _args.buffer(dx))
    return _args.finish(dx, returned)


def conv2d_kernel_grad(
    x: ArrayLike,
    dy: ArrayLike,
    kernel_shape: Sequence[SupportsIndex],
    *,
    strides: Ints = 1,
    padding: PaddingLike = "valid",
    dilation_rate: Ints = 1,
    groups: SupportsIndex = 1,
    data_format: str = "channels_last",
    algorithm: str = "auto",
    kernel_format: str = "HWIO",
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Gradient of `conv2d` with respect to its kernel.

    Parameters
    ----------
    x : array_like
        The input `conv2d` had.
    dy : array_like
        Gradient with respect to the output, of the output's shape.
    kernel_shape : four ints
        ``(k_h, k_w, c_in // groups, c_out)``, or as `kernel_format` has it.
    strides, padding, dilation_rate, groups, data_format, kernel_format, out
        As in `conv2d`.
    algorithm : str
        ``'auto'`` for the cheapest by a cost model, or one by name, where it serves.

    Returns
    -------
    ndarray, shape kernel_shape

    Raises
    ------
    ValueError, TypeError
        As `conv2d`, if `dy` has not the shape of the output, and if the algorithm cannot compute this gradient.

    Notes
    -----
    A reduction over all pixels of the batch: in registers over 256 pixels, in float64 from there on, so that the error
    does not grow with the batch.

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> x = np.arange(9.0).reshape(1, 3, 3, 1)
    >>> fastconv.conv2d_kernel_grad(x, np.ones((1, 2, 2, 1)), (2, 2, 1, 1))[:, :, 0, 0]
    array([[ 8., 12.],
           [20., 24.]])
    """
    keywords = Keywords(strides, padding, dilation_rate, groups, data_format)
    number = list(KERNEL_ALGORITHMS).index(_args.choice(algorithm, "algorithm", KERNEL_ALGORITHMS))
    if is_image(x):
        x, dy = batch_of(x), batch_of(dy)
    x, dy = _args.float_array(x, "x", 4), _args.float_array(dy, "dy", 4)
    _args.same_dtype({"x": x, "dy": dy})
    kernel_shape = _args.four_sizes(hwio_shape(kernel_shape, kernel_format), "kernel_shape")
    geometry, shape = keywords.geometry(x.dtype, x.shape, kernel_shape)
    _check_shape(dy, "dy", shape)
    own = out if kernel_format == "HWIO" else None
    dkernel, returned = _args.output(own, kernel_shape, x.dtype, (x, dy))
    if not geometry.kernel_grad(number, _args.buffer(x), _args.buffer(dy), _args.buffer(dkernel)):
        raise ValueError(
            f"`algorithm` {algorithm!r} needs {KERNEL_ALGORITHMS[algorithm]}; received kernel shape "
            f"{kernel_shape}, {x.dtype.name}, strides {strides}, dilation_rate {dilation_rate}, "
            f"groups {groups}"
        )
    return from_hwio(_args.finish(dkernel, returned), kernel_format, out)


def conv2d_bias_grad(dy: ArrayLike, *, data_format: str = "channels_last", out: np.ndarray | None = None) -> np.ndarray:
    """Gradient of `conv2d` with respect to its bias: the sum of `dy` over images, rows and columns.

    Parameters
    ----------
    dy : array_like, shape (n, h, w, c), or (n, c, h, w) for ``channels_first``
    data_format : {'channels_last', 'channels_first'}
    out : ndarray, shape (c,), optional

    Returns
    -------
    ndarray, shape (c,)
        Summed in float64, rounded once.

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> fastconv.conv2d_bias_grad(np.ones((2, 3, 3, 4)))
    array([18., 18., 18., 18.])
    """
    layout = _args.LAYOUTS[_args.choice(data_format, "data_format", _args.LAYOUTS)]
    dy = _args.float_array(dy, "dy", 4)
    size = _args.sizes(dy.shape, data_format)
    dbias, returned = _args.output(out, size[3:], dy.dtype, (dy,))
    _core.bias_grad(_args.dtype_id(dy.dtype), layout, size, _args.buffer(dy), _args.buffer(dbias))
    return _args.finish(dbias, returned)


class Conv2DGrads(NamedTuple):
    """What `conv2d_grads` returns; None for a gradient not wanted."""

    dx: np.ndarray | None
    dkernel: np.ndarray | None
    dbias: np.ndarray | None


def conv2d_grads(
    x: ArrayLike,
    kernel: ArrayLike,
    y: ArrayLike | None,
    dy: ArrayLike,
    *,
    strides: Ints = 1,
    padding: PaddingLike = "valid",
    dilation_rate: Ints = 1,
    groups: SupportsIndex = 1,
    data_format: str = "channels_last",
    activation: str | None = None,
    wanted: Iterable[str] = ("dx", "dkernel", "dbias"),
    kernel_format: str = "HWIO",
) -> Conv2DGrads:
    """All gradients of `conv2d` at once, that of its activation taken on the way.

    Parameters
    ----------
    x, kernel : array_like
        What `conv2d` had.
    y : array_like or None
        What `conv2d` returned; None will do without an activation.
    dy : array_like
        Gradient with respect to `y`, of its shape.
    strides, padding, dilation_rate, groups, data_format
        As in `conv2d`.
    activation : str or None
        As in `conv2d`: one whose derivative its output tells ('relu', 'tanh', 'sigmoid', 'elu', ...).
    wanted : sequence of {'dx', 'dkernel', 'dbias'}
        The gradients to compute.
    kernel_format : {'HWIO', 'OIHW'}
        As in `conv2d`; of `dkernel` too.

    Returns
    -------
    Conv2DGrads
        A named tuple of `dx` (of x's shape), `dkernel` (of kernel's) and `dbias` (shape (c_out,)); None for those not
        in `wanted`.

    Raises
    ------
    ValueError, TypeError
        As `conv2d`, if `y` or `dy` has not the shape of the output, and if the output does not tell the derivative of
        the activation ('silu', 'gelu', 'mish', ...).

    See Also
    --------
    conv2d_input_grad, conv2d_kernel_grad, conv2d_bias_grad : one gradient each, without an activation.

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> x, kernel = np.arange(9.0).reshape(1, 3, 3, 1), np.ones((2, 2, 1, 1))
    >>> y = fastconv.conv2d(x, kernel, -np.full(1, 10.0), activation="relu")
    >>> dx, dkernel, dbias = fastconv.conv2d_grads(x, kernel, y, np.ones_like(y), activation="relu")
    >>> dx[0, :, :, 0]
    array([[0., 1., 1.],
           [1., 3., 2.],
           [1., 2., 1.]])
    >>> dbias
    array([3.])
    """
    keywords = Keywords(strides, padding, dilation_rate, groups, data_format, activation)
    for word in wanted:
        _args.choice(word, "wanted", Conv2DGrads._fields)
    fused = keywords.activation != 0
    if fused and not _core.activation_from_output(keywords.activation, keywords.alpha):
        raise ValueError(f"`activation` must be one whose output tells its derivative; received {activation!r}")
    kernel = hwio(kernel, kernel_format)
    image = is_image(x)
    if image:
        x, y, dy = batch_of(x), batch_of(y), batch_of(dy)
    x, kernel, dy = (_args.float_array(array, name, 4) for array, name in ((x, "x"), (kernel, "kernel"), (dy, "dy")))
    arrays = {"x": x, "kernel": kernel, "dy": dy} | ({"y": _args.float_array(y, "y", 4)} if fused else {})
    _args.same_dtype(arrays)
    geometry, shape = keywords.geometry(x.dtype, x.shape, kernel.shape)
    for name in ("dy", "y")[: 1 + fused]:
        _check_shape(arrays[name], name, shape)
    grads = Conv2DGrads(
        *(
            _args.output(None, size, x.dtype, ())[0] if name in wanted else None
            for name, size in zip(Conv2DGrads._fields, (x.shape, kernel.shape, kernel.shape[3:]), strict=True)
        )
    )
    geometry.grads(*map(_args.buffer, (x, kernel, arrays.get("y"), dy, *grads)))
    if image and grads.dx is not None:
        grads = grads._replace(dx=grads.dx[0])
    return grads if grads.dkernel is None else grads._replace(dkernel=from_hwio(grads.dkernel, kernel_format))


def _check_shape(array: np.ndarray, name: str, shape: Shape) -> None:
    if array.shape != shape:
        raise ValueError(f"`{name}` must have the shape of the output, {shape}; received {array.shape}")
