"""TensorFlow functions over the registered ops: arguments checked, static shapes set."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tensorflow.python.ops.control_flow_util import GraphOrParentsInXlaContext

from .. import _args
from ..nn import activations
from ..nn.transpose import transposed_size
from ._attrs import DTYPES, alpha_bits, same_dtype, tensor, window_attrs, windowed_shape
from ._load import raw
from .elementwise import activated


def refusal(x: Any) -> str | None:
    """Why these functions cannot take x, in words; None if they can.

    Examples
    --------
    >>> import tensorflow as tf
    >>> import fastconv.tensorflow as ft
    >>> ft.refusal(tf.constant([1]))
    'no kernel for int32'
    """
    if not isinstance(x, tf.Tensor):
        return f"the input is a {type(x).__name__}, not a dense tensor"
    if x.dtype not in DTYPES:
        return f"no kernel for {x.dtype.name}"
    if not tf.executing_eagerly() and GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph()):
        return "no kernel for XLA, which compiles this function (jit_compile=True)"
    return None


def conv2d(
    x: Any,
    kernel: Any,
    bias: Any = None,
    *,
    strides: Any = 1,
    padding: str = "valid",
    dilation_rate: Any = 1,
    groups: Any = 1,
    data_format: str = "channels_last",
    activation: Any = None,
    alpha: float = 0.0,
    name: Any = None,
) -> Any:
    """2-D convolution with optional bias and activation, as `fastconv.conv2d`.

    Parameters
    ----------
    x : tf.Tensor
        (n, h, w, c_in), or (n, c_in, h, w) with ``data_format='channels_first'``; float16, bfloat16, float32 or
        float64.
    kernel : tf.Tensor
        (k_h, k_w, c_in // groups, c_out), of x's dtype. A kernel in PyTorch's order,
        (c_out, c_in // groups, k_h, k_w), has to be transposed by (2, 3, 1, 0): where its sizes fit as they are,
        nothing tells.
    bias : tf.Tensor, optional
        (c_out,), of x's dtype.
    strides, dilation_rate : int or two ints
        May be combined.
    padding : 'valid', 'same' or ((top, bottom), (left, right))
        'same' puts the odd cell at the bottom and right.
    groups : int
        Divides c_in and c_out.
    data_format : {'channels_last', 'channels_first'}
    activation : str, optional
        One of `fastconv.nn.activations.NAMES`; `alpha` is its parameter where it has one.

    Returns
    -------
    tf.Tensor
        (n, out_h, out_w, c_out) or (n, c_out, out_h, out_w).

    Raises
    ------
    ValueError, TypeError
        If an argument is none of these, or static shapes do not fit. Shapes known only when the op runs raise
        `tf.errors.InvalidArgumentError`.

    Examples
    --------
    >>> import tensorflow as tf
    >>> import fastconv.tensorflow as ft
    >>> ft.conv2d(tf.ones([1, 4, 4, 1]), tf.ones([3, 3, 1, 1]))[0, :, :, 0].numpy()
    array([[9., 9.],
           [9., 9.]], dtype=float32)
    """
    inputs, attrs = convolution(
        x, kernel, bias, strides, padding, dilation_rate, groups, data_format, activation, alpha
    )
    y = raw.fastconv_conv2d(name=name, **inputs, **attrs)
    if not tf.executing_eagerly():
        y.set_shape(convolved_shape(inputs, attrs))
    return y


def conv2d_pool2d(
    x: Any,
    kernel: Any,
    bias: Any = None,
    *,
    pool: str = "max",
    pool_size: Any = 2,
    pool_strides: Any = None,
    pool_padding: str = "valid",
    strides: Any = 1,
    padding: str = "valid",
    dilation_rate: Any = 1,
    groups: Any = 1,
    data_format: str = "channels_last",
    activation: Any = None,
    alpha: float = 0.0,
    name: Any = None,
) -> Any:
    """`conv2d`, then `max_pool2d` or `avg_pool2d` of its result, which is never whole in memory.

    For inference: gradients compute the convolution again.

    Parameters
    ----------
    x, kernel, bias, strides, padding, dilation_rate, groups, data_format, activation, alpha
        As in `conv2d`.
    pool : {'max', 'avg'}
    pool_size, pool_strides
        As `pool_size` and `strides` of `max_pool2d`.
    pool_padding : {'valid', 'same'}

    Returns
    -------
    tf.Tensor
        (n, out_h, out_w, c_out) or (n, c_out, out_h, out_w).

    Raises
    ------
    ValueError, TypeError
        As `conv2d` and `max_pool2d`.

    Examples
    --------
    >>> import tensorflow as tf
    >>> import fastconv.tensorflow as ft
    >>> ft.conv2d_pool2d(tf.ones([1, 4, 4, 1]), tf.ones([3, 3, 1, 1])).numpy().ravel()
    array([9.], dtype=float32)
    """
    inputs, attrs = convolution(
        x, kernel, bias, strides, padding, dilation_rate, groups, data_format, activation, alpha
    )
    window = _args.pair(pool_size, "pool_size")
    steps = window if pool_strides is None else _args.pair(pool_strides, "pool_strides")
    average = _args.choice(pool, "pool", ("max", "avg")) == "avg"
    same = _args.choice(pool_padding, "pool_padding", ("valid", "same")) == "same"
    y = raw.fastconv_conv2d_pool2d(
        window=window, pool_strides=steps, pool_same=same, average=average, name=name, **inputs, **attrs
    )
    if not tf.executing_eagerly():
        shape = tf.TensorShape(convolved_shape(inputs, attrs))
        pooling = attrs | {"strides": steps, "padding": "SAME" if same else "VALID", "explicit_paddings": [0] * 4}
        y.set_shape(windowed_shape(shape, window, pooling, (1, 1), inputs["kernel"].shape[3]))
    return y


def convolution(
    x: Any,
    kernel: Any,
    bias: Any,
    strides: Any,
    padding: Any,
    dilation_rate: Any,
    groups: Any,
    data_format: Any,
    activation: Any,
    alpha: Any,
) -> Any:
    """The inputs and attributes of a convolution op, checked."""
    x, kernel = tensor(x, "x", 4), tensor(kernel, "kernel", 4)
    biases = [] if bias is None else [tensor(bias, "bias", 1)]
    same_dtype(x, kernel=kernel, **({"bias": biases[0]} if biases else {}))
    activation = _args.choice("linear" if activation is None else activation, "activation", activations.NAMES)
    return {"x": x, "kernel": kernel, "bias": biases}, {
        "dilations": _args.pair(dilation_rate, "dilation_rate"),
        "groups": _args.integer(groups, "groups", 1),
        "activation": activation,
        "alpha_bits": alpha_bits(alpha),
        **window_attrs(padding, strides, data_format),
    }


def convolved_shape(inputs: Any, attrs: Any) -> Any:
    kernel = inputs["kernel"].shape
    return windowed_shape(inputs["x"].shape, kernel[:2], attrs, attrs["dilations"], kernel[3])


def conv2d_transpose(
    x: Any,
    kernel: Any,
    bias: Any = None,
    *,
    strides: Any = 1,
    padding: str = "valid",
    output_padding: Any = None,
    dilation_rate: Any = 1,
    data_format: str = "channels_last",
    activation: Any = None,
    alpha: float = 0.0,
    name: Any = None,
) -> Any:
    """Transposed 2-D convolution with optional bias and activation, as `fastconv.conv2d_transpose`.

    Parameters
    ----------
    x : tf.Tensor
        (n, h, w, c_in), or (n, c_in, h, w) with ``data_format='channels_first'``; float16, bfloat16, float32 or
        float64.
    kernel : tf.Tensor
        (k_h, k_w, c_out, c_in), of x's dtype.
    bias : tf.Tensor, optional
        (c_out,), of x's dtype.
    output_padding : int or two ints, optional
        Rows and columns of the result beyond those that the windows must cover, less than the strides.
    strides, padding, dilation_rate, data_format, activation, alpha
        As in `conv2d`: of the convolution that this one is the transpose of.

    Returns
    -------
    tf.Tensor
        (n, out_h, out_w, c_out) or (n, c_out, out_h, out_w).

    Raises
    ------
    ValueError, TypeError
        As `conv2d`.

    Examples
    --------
    >>> import tensorflow as tf
    >>> import fastconv.tensorflow as ft
    >>> ft.conv2d_transpose(tf.ones([1, 2, 2, 1]), tf.ones([2, 2, 1, 1]), strides=2).shape
    TensorShape([1, 4, 4, 1])
    """
    x, kernel = tensor(x, "x", 4), tensor(kernel, "kernel", 4)
    same_dtype(x, kernel=kernel)
    window = window_attrs(padding, strides, data_format)
    dilations = _args.pair(dilation_rate, "dilation_rate")
    sizes = [None] * 2 if x.shape.rank is None else x.shape[1:3] if window["data_format"] == "NHWC" else x.shape[2:4]
    if None not in kernel.shape[:2]:
        sizes = transposed_size(sizes, kernel.shape[:2], window["strides"], padding, output_padding, dilations)
    extra = (
        {}
        if output_padding is None
        else {"has_output_padding": True, "output_padding": _args.pair(output_padding, "output_padding", 0)}
    )
    y = raw.fastconv_conv2d_transpose(x=x, kernel=kernel, dilations=dilations, name=name, **window, **extra)
    if not tf.executing_eagerly():
        batch = None if x.shape.rank is None else x.shape[0]
        y.set_shape(
            [batch, *sizes, kernel.shape[2]] if window["data_format"] == "NHWC" else [batch, kernel.shape[2], *sizes]
        )
    if bias is not None:
        bias = tensor(bias, "bias", 1)
        same_dtype(x, bias=bias)
        y = tf.nn.bias_add(y, bias, data_format="N...C" if window["data_format"] == "NHWC" else "NC...")
    return y if activation is None else activated(y, activation, alpha)


def max_pool2d(
    x: Any,
    pool_size: Any = 2,
    *,
    strides: Any = None,
    padding: str = "valid",
    data_format: str = "channels_last",
    name: Any = None,
) -> Any:
    """Maxima of windows, as `fastconv.max_pool2d`: padded cells never win, NaN does.

    Parameters
    ----------
    x : tf.Tensor
        (n, h, w, c), or (n, c, h, w) with ``data_format='channels_first'``; float16, bfloat16, float32 or float64.
    pool_size : int or two ints
    strides : int or two ints, optional
        `pool_size` by default.
    padding : 'valid', 'same' or ((top, bottom), (left, right))
        Smaller than the window.
    data_format : {'channels_last', 'channels_first'}

    Returns
    -------
    tf.Tensor
        (n, out_h, out_w, c) or (n, c, out_h, out_w).

    Raises
    ------
    ValueError, TypeError
        If an argument is none of these.

    Examples
    --------
    >>> import tensorflow as tf
    >>> import fastconv.tensorflow as ft
    >>> ft.max_pool2d(tf.reshape(tf.range(4.0), [1, 2, 2, 1])).numpy().ravel()
    array([3.], dtype=float32)
    """
    return _pool(x, pool_size, strides, padding, data_format, False, name)


def avg_pool2d(
    x: Any,
    pool_size: Any = 2,
    *,
    strides: Any = None,
    padding: str = "valid",
    data_format: str = "channels_last",
    name: Any = None,
) -> Any:
    """Means of windows, as `fastconv.avg_pool2d`: padded cells are not counted. Arguments as in `max_pool2d`.

    Examples
    --------
    >>> import tensorflow as tf
    >>> import fastconv.tensorflow as ft
    >>> ft.avg_pool2d(tf.reshape(tf.range(4.0), [1, 2, 2, 1])).numpy().ravel()
    array([1.5], dtype=float32)
    """
    return _pool(x, pool_size, strides, padding, data_format, True, name)


def set_pooled_shape(y: Any, x: Any, window: Any, attrs: Any) -> Any:
    """Give a pooled y of x its static shape."""
    if not tf.executing_eagerly():
        channels = x.shape[3 if attrs["data_format"] == "NHWC" else 1] if x.shape.rank else None
        y.set_shape(windowed_shape(x.shape, window, attrs, (1, 1), channels))
    return y


def _pool(x: Any, pool_size: Any, strides: Any, padding: Any, data_format: Any, average: Any, name: Any) -> Any:
    x = tensor(x, "x", 4)
    window = _args.pair(pool_size, "pool_size")
    attrs = window_attrs(padding, pool_size if strides is None else strides, data_format)
    y = raw.fastconv_pool2d(x=x, window=window, average=average, name=name, **attrs)
    return set_pooled_shape(y, x, window, attrs)
