"""Transposed convolution: the input gradient of conv2d as a layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _args, _core
from .convolution import Keywords, checked_bias

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from .._typing import Ints, PaddingLike

__all__ = ["conv2d_transpose"]


def conv2d_transpose(
    x: ArrayLike,
    kernel: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    strides: Ints = 1,
    padding: PaddingLike = "valid",
    output_padding: Ints | None = None,
    dilation_rate: Ints = 1,
    data_format: str = "channels_last",
    activation: str | None = None,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Transposed 2-D convolution, as ``keras.ops.conv_transpose`` and ``Conv2DTranspose`` compute it.

    Parameters
    ----------
    x : array_like, shape (n, h, w, c_in), or (n, c_in, h, w) for ``channels_first``
    kernel : array_like, shape (k_h, k_w, c_out, c_in)
        As `conv2d` takes it for the opposite direction.
    bias : array_like, shape (c_out,), optional
    strides, dilation_rate : int or two ints
        Of the convolution that this one is the transpose of.
    padding : {'valid', 'same'}
    output_padding : int or two ints, each less than the stride, optional
        Rows and columns of the result beyond those that the windows must cover. By default, with ``'same'``, the
        result is `strides` times as large as `x`, and with ``'valid'`` at least that.
    data_format, activation, out
        As in `conv2d`.

    Returns
    -------
    ndarray, shape (n, out_h, out_w, c_out), or (n, c_out, out_h, out_w)

    Raises
    ------
    ValueError, TypeError
        As `conv2d`, and if no convolution takes the result's size to that of `x`.

    Notes
    -----
    The gradient of `conv2d` with respect to its input, for the output gradient `x` (Dumoulin and Visin, "A guide to
    convolution arithmetic for deep learning", 2016, section 4).

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> x = np.ones((1, 2, 2, 1))
    >>> fastconv.conv2d_transpose(x, np.ones((2, 2, 1, 1)), strides=2).shape
    (1, 4, 4, 1)
    >>> fastconv.conv2d_transpose(x, np.ones((3, 3, 1, 1)))[0, :, :, 0]
    array([[1., 2., 2., 1.],
           [2., 4., 4., 2.],
           [2., 4., 4., 2.],
           [1., 2., 2., 1.]])
    """
    keywords = Keywords(
        strides, _args.choice(padding, "padding", ("valid", "same")), dilation_rate, 1, data_format, activation
    )
    x, kernel = _args.float_array(x, "x", 4), _args.float_array(kernel, "kernel", 4)
    _args.same_dtype({"x": x, "kernel": kernel})
    bias = checked_bias(bias, kernel, axis=2)
    shape = output_shape(x.shape, kernel.shape, keywords, output_padding)
    geometry, small = keywords.geometry(x.dtype, shape, kernel.shape, may_be_empty=True)
    if small != x.shape:
        raise ValueError(
            f"`output_padding` must leave `x` the shape that a convolution of the result, {shape}, has: "
            f"{small}; received {output_padding} for `x` of shape {x.shape}"
        )
    y, returned = _args.output(out, shape, x.dtype, (x, kernel, bias))
    geometry.input_grad(_args.buffer(x), _args.buffer(kernel), _args.buffer(y))
    _finish(y, bias, keywords)
    return _args.finish(y, returned)


def output_shape(x_shape: Any, kernel_shape: Any, keywords: Keywords, output_padding: Any) -> tuple[int, int, int, int]:
    """Shape of a transposed convolution's result, by Keras' rule."""
    n, h, w, c_in = _args.sizes(x_shape, keywords.data_format)
    if kernel_shape[3] != c_in:
        raise ValueError(
            f"`kernel` must have {c_in} input channels, in its last axis, for `x` of shape {x_shape}; "
            f"{_args.kernel_order(kernel_shape, 2, c_in)}"
        )
    out_h, out_w = transposed_size(
        (h, w), kernel_shape[:2], keywords.strides, keywords.padding, output_padding, keywords.dilation
    )
    if max(out_h, out_w) >= 2**63:
        raise ValueError(
            f"`strides` and `dilation_rate` must leave the result sizes of 64 bits; received "
            f"{keywords.strides} and {keywords.dilation} for `x` of shape {x_shape}"
        )
    return _args.shape_of(n, out_h, out_w, kernel_shape[2], keywords.data_format)


def transposed_size(
    size: Any, window: Any, strides: Any, padding: Any, output_padding: Any, dilation_rate: Any
) -> list[Any]:
    """Height and width of the result, by Keras' rule; None where that of x is None."""
    extra = (None, None) if output_padding is None else _args.pair(output_padding, "output_padding", 0)
    result: list[int | None] = []
    for axis, (cells, taps, stride, dilation, more) in enumerate(
        zip(size, window, strides, dilation_rate, extra, strict=True)
    ):
        reach = (taps - 1) * dilation + 1
        if more is not None and more >= stride:
            raise ValueError(
                f"`output_padding` must be less than `strides`, {tuple(strides)}; received {output_padding}"
            )
        if cells is None:
            result.append(None)
        elif padding == "same":
            result.append(cells * stride if more is None else (cells - 1) * stride + reach % 2 + more)
        else:
            cut = 0 if padding == "valid" else sum(padding[axis])
            result.append((cells - 1) * stride + reach - cut + (max(stride - reach, 0) if more is None else more))
    return result


def _finish(y: np.ndarray, bias: np.ndarray | None, keywords: Keywords) -> None:
    if bias is not None:
        y += bias if keywords.data_format == "channels_last" else bias[:, np.newaxis, np.newaxis]
    if keywords.activation:
        _core.activate(
            _args.dtype_id(y.dtype), keywords.activation, keywords.alpha, y.size, _args.buffer(y), _args.buffer(y)
        )
