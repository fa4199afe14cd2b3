"""2-D convolution of a batch, packed kernels, and the plan of what runs."""
from __future__ import annotations

import numpy as np

from .. import _args, _core
from .activations import activation_id

__all__ = ["conv2d", "plan_conv2d", "prepare_conv2d"]

_ALGORITHMS = ("auto", "direct", "depthwise")


class Keywords:
    """The keywords conv2d and its gradients share, checked once; `geometry` binds them to sizes."""

    __slots__ = ("activation", "algorithm", "alpha", "data_format", "dilation", "groups", "padding", "strides")

    def __init__(self, strides, padding, dilation_rate, groups, data_format, activation=None, algorithm="auto"):
        self.strides = _args.pair(strides, "strides")
        self.dilation = _args.pair(dilation_rate, "dilation_rate")
        self.groups = _args.integer(groups, "groups", 1)
        self.data_format = _args.choice(data_format, "data_format", _args.LAYOUTS)
        self.padding = padding
        self.activation, self.alpha = activation_id(activation)
        self.algorithm = _ALGORITHMS.index(_args.choice(algorithm, "algorithm", _ALGORITHMS))

    def geometry(self, dtype: np.dtype, x_shape: tuple[int, ...], kernel_shape: tuple[int, ...]):
        """(C geometry, output shape), or a ValueError that names what does not fit."""
        size = n, h, w, c_in = _args.sizes(x_shape, self.data_format)
        k_h, k_w, k_c, c_out = kernel_shape
        if k_h < 1 or k_w < 1:
            raise ValueError(f"`kernel` must be at least 1 x 1; received shape {kernel_shape}")
        if k_c * self.groups != c_in:
            raise ValueError(f"`kernel` must have {c_in} // groups = {c_in / self.groups:g} input channels for `x` of "
                             f"shape {x_shape} and groups={self.groups}; received shape {kernel_shape}")
        if c_out % self.groups:
            raise ValueError(f"`groups` must divide the kernel's {c_out} output channels; received {self.groups}")
        depthwise = 1 < self.groups == c_in == c_out and dtype.itemsize > 2
        if _ALGORITHMS[self.algorithm] == "depthwise" and not depthwise:
            raise ValueError("`algorithm` 'depthwise' needs one input and one output channel a group, in float32 or "
                             f"float64; received kernel shape {kernel_shape}, groups={self.groups}, dtype {dtype}")
        padding = _args.padding_pairs(self.padding, (h, w), (k_h, k_w), self.strides, self.dilation)
        geometry = _core.Conv2D(_args.dtype_id(dtype), _args.LAYOUTS[self.data_format], size, kernel_shape,
                                self.strides, self.dilation, padding, self.groups, self.activation, self.alpha,
                                self.algorithm)
        out_h, out_w = geometry.output_size()
        if not (out_h and out_w) and h and w:
            raise ValueError(f"`kernel` of {k_h} x {k_w} with dilation_rate={self.dilation} does not fit into `x` of "
                             f"shape {x_shape} with padding={self.padding!r}")
        return geometry, _args.shape_of(n, out_h, out_w, c_out, self.data_format)


def _operands(x, kernel, bias=None):
    x, kernel = _args.float_array(x, "x", 4), _args.float_array(kernel, "kernel", 4)
    _args.same_dtype({"x": x, "kernel": kernel})
    return x, kernel, _checked_bias(bias, kernel)


def _checked_bias(bias, kernel):
    if bias is None:
        return None
    bias = _args.float_array(bias, "bias", 1)
    _args.same_dtype({"kernel": kernel, "bias": bias})
    if bias.shape != kernel.shape[3:]:
        raise ValueError(f"`bias` must have shape {kernel.shape[3:]}; received {bias.shape}")
    return bias


def conv2d(x, kernel, bias=None, *, strides=1, padding="valid", dilation_rate=1, groups=1, data_format="channels_last",
           activation=None, algorithm="auto", out=None):
    """2-D convolution of a batch of images, as ``keras.ops.conv`` and ``Conv2D`` compute it: the kernel is not flipped.

    Parameters
    ----------
    x : array_like, shape (n, h, w, c_in), or (n, c_in, h, w) for ``channels_first``
        float16, bfloat16 (ml_dtypes), float32 or float64; integers and bool are converted to the float NumPy's
        promotion with float32 gives.
    kernel : array_like, shape (k_h, k_w, c_in // groups, c_out)
        Of the same dtype as `x`.
    bias : array_like, shape (c_out,), optional
    strides, dilation_rate : int or (int, int)
        Step between windows, and between the cells of a window; both may exceed 1 together.
    padding : {'valid', 'same'} or ((top, bottom), (left, right))
        'same' is TensorFlow's: ``ceil(size / stride)`` outputs, the odd cell goes to the bottom and right.
    groups : int
        Input and output channels are split into this many independent convolutions.
    data_format : {'channels_last', 'channels_first'}
    activation : str or None
        Applied to the result: 'relu', 'sigmoid', 'tanh', ... (every name in `fastconv.nn.activations`).
    algorithm : {'auto', 'direct', 'depthwise'}
        'auto' lets the plan choose; the others insist.
    out : ndarray, optional
        Where to put the result; of its shape and dtype.

    Returns
    -------
    ndarray, shape (n, out_h, out_w, c_out), or (n, c_out, out_h, out_w)
        Of x's dtype. Half types are computed in float32 and rounded once.

    Raises
    ------
    ValueError, TypeError
        If an argument is malformed, shapes do not fit, or the window is larger than the padded image.

    See Also
    --------
    prepare_conv2d : packs the kernel once for many calls.
    plan_conv2d : what this function would run.

    Notes
    -----
    An implicit matrix product on register tiles over packed panels (Goto and van de Geijn, "Anatomy of
    high-performance matrix multiplication", ACM TOMS 34(3), 2008); the input is never unrolled as a whole. The result
    has the same bits for any number of threads, and each image's result does not depend on the rest of the batch.

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> x = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
    >>> kernel = np.ones((3, 3, 1, 1), np.float32)
    >>> fastconv.conv2d(x, kernel)[0, :, :, 0]
    array([[45., 54.],
           [81., 90.]], dtype=float32)
    >>> fastconv.conv2d(x, kernel, padding="same", strides=2).shape
    (1, 2, 2, 1)
    """
    keywords = Keywords(strides, padding, dilation_rate, groups, data_format, activation, algorithm)
    x, kernel, bias = _operands(x, kernel, bias)
    geometry, shape = keywords.geometry(x.dtype, x.shape, kernel.shape)
    y, returned = _args.output(out, shape, x.dtype, (x, kernel, bias))
    _forward(geometry, x, kernel, bias, y)
    return _args.finish(y, returned)


def _forward(geometry, x, kernel, bias, y):
    geometry.forward(_args.buffer(x), _args.buffer(kernel), _args.buffer(bias), _args.buffer(y))


class PreparedConv2D:
    """What `prepare_conv2d` returns: call it with `x` (and `out`)."""

    def __init__(self, kernel, bias, keywords: Keywords):
        self._keywords, self._kernel_shape, self._dtype = keywords, kernel.shape, kernel.dtype
        k_h, k_w, k_c, _ = kernel.shape
        # Any image the window fits into serves: packing depends on the kernel alone.
        span = [(k - 1) * d + 1 for k, d in zip((k_h, k_w), keywords.dilation, strict=True)]
        geometry, _ = keywords.geometry(
            kernel.dtype, _args.shape_of(1, *span, k_c * keywords.groups, keywords.data_format), kernel.shape)
        self._packed = _core.PreparedConv2D(geometry, _args.buffer(kernel), _args.buffer(bias))

    def __call__(self, x, out=None):
        x = _args.float_array(x, "x", 4)
        if x.dtype != self._dtype:
            raise TypeError(f"`x` must have the dtype of the prepared kernel, {self._dtype}; received {x.dtype}")
        geometry, shape = self._keywords.geometry(x.dtype, x.shape, self._kernel_shape)
        y, returned = _args.output(out, shape, x.dtype, (x,))
        self._packed.run(geometry, _args.buffer(x), _args.buffer(y))
        return _args.finish(y, returned)


def prepare_conv2d(kernel, bias=None, *, strides=1, padding="valid", dilation_rate=1, groups=1,
                   data_format="channels_last", activation=None, algorithm="auto"):
    """Pack a kernel once, for many calls on images of any size.

    Parameters
    ----------
    kernel, bias, strides, padding, dilation_rate, groups, data_format, activation, algorithm
        As in `conv2d`. The values of `kernel` and `bias` are copied.

    Returns
    -------
    callable
        ``f(x, out=None)``, with the bits of ``conv2d(x, kernel, bias, ...)``. It keeps the instruction set it was
        prepared on, and may be called from several threads at once.

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> blur = fastconv.prepare_conv2d(np.full((3, 3, 1, 1), 1 / 9), padding="same")
    >>> blur(np.ones((1, 5, 5, 1)))[0, 2, 2, 0].round(6)
    np.float64(1.0)
    """
    keywords = Keywords(strides, padding, dilation_rate, groups, data_format, activation, algorithm)
    kernel = _args.float_array(kernel, "kernel", 4)
    return PreparedConv2D(kernel, _checked_bias(bias, kernel), keywords)


def plan_conv2d(x_shape, kernel_shape, *, dtype="float32", strides=1, padding="valid", dilation_rate=1, groups=1,
                data_format="channels_last", activation=None, algorithm="auto"):
    """What `conv2d` would run for these sizes.

    Parameters
    ----------
    x_shape, kernel_shape : four ints
    dtype : dtype_like
    strides, padding, dilation_rate, groups, data_format, activation, algorithm
        As in `conv2d`.

    Returns
    -------
    dict
        ``algorithm``, ``isa``, ``threads``, ``output_shape``, ``tile`` (rows, columns of the register tile),
        ``pixels_in_rows``, ``block_pixels`` and ``block_k`` (a cache block), ``tasks``, ``scratch_bytes``,
        ``flops`` and ``bytes`` (compulsory traffic: each tensor once).

    Examples
    --------
    >>> import fastconv
    >>> plan = fastconv.plan_conv2d((1, 56, 56, 64), (3, 3, 64, 64), padding="same")
    >>> plan["algorithm"], plan["flops"]
    ('direct', 231211008.0)
    """
    keywords = Keywords(strides, padding, dilation_rate, groups, data_format, activation, algorithm)
    dtype = np.dtype(dtype)
    if _args.dtype_id(dtype) not in _args.FLOAT_IDS:
        raise TypeError(f"`dtype` must be float16, bfloat16, float32 or float64; received {dtype}")
    geometry, shape = keywords.geometry(dtype, _args.four_sizes(x_shape, "x_shape"),
                                        _args.four_sizes(kernel_shape, "kernel_shape"))
    plan = geometry.plan()
    del plan["output_size"]
    return plan | {"output_shape": shape}
