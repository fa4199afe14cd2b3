"""TensorFlow functions over the registered ops: arguments checked, static shapes set."""
from __future__ import annotations

import struct

import tensorflow as tf

from .. import _args, _core
from ._load import raw

# The order of fc_activation in csrc/include/fastconv.h.
ACTIVATIONS = ("linear", "relu", "relu6", "leaky_relu", "elu", "selu", "sigmoid", "tanh", "exponential", "softplus",
               "softsign", "silu", "gelu", "gelu_tanh", "hard_sigmoid", "hard_silu", "mish")
DTYPES = (tf.float16, tf.bfloat16, tf.float32, tf.float64)
_FORMATS = {"channels_last": "NHWC", "channels_first": "NCHW"}


def alpha_bits(alpha: float) -> int:
    """A double as the integer attribute that carries it: TensorFlow's float attributes hold only float32."""
    return struct.unpack("<q", struct.pack("<d", alpha))[0]


def alpha_of(bits: int) -> float:
    """The inverse of `alpha_bits`."""
    return struct.unpack("<d", struct.pack("<q", bits))[0]


def has_output_gradient(activation: str, alpha: float) -> bool:
    """Whether the activation's gradient can be had from its output alone, so that it can be fused."""
    return _core.activation_from_output(ACTIVATIONS.index(activation), alpha)


def conv2d(x, kernel, bias=None, *, strides=1, padding="valid", dilation_rate=1, groups=1, data_format="channels_last",
           activation=None, alpha=0.0, name=None):
    """2-D convolution with optional bias and activation, as `fastconv.conv2d`.

    Parameters
    ----------
    x : tf.Tensor
        (n, h, w, c_in), or (n, c_in, h, w) with ``data_format='channels_first'``; float16, bfloat16, float32 or
        float64.
    kernel : tf.Tensor
        (k_h, k_w, c_in // groups, c_out), of x's dtype.
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
        One of `ACTIVATIONS`; `alpha` is its parameter where it has one.

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
    x, kernel = _tensor(x, "x", 4), _tensor(kernel, "kernel", 4)
    biases = [] if bias is None else [_tensor(bias, "bias", 1)]
    _same_dtype(x, kernel=kernel, **({"bias": biases[0]} if biases else {}))
    window = _window_attrs(padding, strides, data_format)
    dilations = _args.pair(dilation_rate, "dilation_rate")
    groups = _args.integer(groups, "groups", 1)
    activation = _args.choice("linear" if activation is None else activation, "activation", ACTIVATIONS)
    y = raw.fastconv_conv2d(
        x=x, kernel=kernel, bias=biases, dilations=dilations, groups=groups, activation=activation,
        alpha_bits=alpha_bits(alpha), name=name, **window)
    if not tf.executing_eagerly():
        y.set_shape(_windowed_shape(x.shape, kernel.shape[:2], window, dilations, kernel.shape[3]))
    return y


def max_pool2d(x, pool_size=2, *, strides=None, padding="valid", data_format="channels_last", name=None):
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


def avg_pool2d(x, pool_size=2, *, strides=None, padding="valid", data_format="channels_last", name=None):
    """Means of windows, as `fastconv.avg_pool2d`: padded cells are not counted. Arguments as in `max_pool2d`.

    Examples
    --------
    >>> import tensorflow as tf
    >>> import fastconv.tensorflow as ft
    >>> ft.avg_pool2d(tf.reshape(tf.range(4.0), [1, 2, 2, 1])).numpy().ravel()
    array([1.5], dtype=float32)
    """
    return _pool(x, pool_size, strides, padding, data_format, True, name)


def activation(x, activation, alpha=0.0, name=None):
    """An elementwise activation of `ACTIVATIONS`, computed in x's memory where nothing else needs it.

    Parameters
    ----------
    x : tf.Tensor
        Any shape; float16, bfloat16, float32 or float64.
    activation : str
    alpha : float
        The slope of 'leaky_relu', the scale of 'elu'; others have no parameter.

    Returns
    -------
    tf.Tensor
        Of x's shape and dtype.

    Raises
    ------
    ValueError, TypeError
        If `activation` is unknown or x is not of these dtypes.

    Examples
    --------
    >>> import tensorflow as tf
    >>> import fastconv.tensorflow as ft
    >>> ft.activation(tf.constant([-1.0, 2.0]), "relu").numpy()
    array([0., 2.], dtype=float32)
    """
    _args.choice(activation, "activation", ACTIVATIONS)
    return raw.fastconv_activation(x=_tensor(x, "x"), activation=activation, alpha_bits=alpha_bits(alpha), name=name)


def softmax(x, axis=-1, name=None):
    """exp(x) over its sum along `axis`, as `tf.nn.softmax`.

    Examples
    --------
    >>> import tensorflow as tf
    >>> import fastconv.tensorflow as ft
    >>> ft.softmax(tf.zeros([1, 4])).numpy()
    array([[0.25, 0.25, 0.25, 0.25]], dtype=float32)
    """
    x = _tensor(x, "x")
    rank = x.shape.rank
    if rank is not None and not -rank <= axis < rank:
        raise ValueError(f"`axis` must be in [{-rank}, {rank}); received {axis}")
    return raw.fastconv_softmax(x=x, axis=axis, name=name)


def set_pooled_shape(y, x, window, attrs):
    """Give a pooled y of x its static shape."""
    if not tf.executing_eagerly():
        channels = x.shape[3 if attrs["data_format"] == "NHWC" else 1] if x.shape.rank else None
        y.set_shape(_windowed_shape(x.shape, window, attrs, (1, 1), channels))
    return y


def _pool(x, pool_size, strides, padding, data_format, average, name):
    x = _tensor(x, "x", 4)
    window = _args.pair(pool_size, "pool_size")
    attrs = _window_attrs(padding, pool_size if strides is None else strides, data_format)
    y = raw.fastconv_pool2d(x=x, window=window, average=average, name=name, **attrs)
    return set_pooled_shape(y, x, window, attrs)


def _tensor(value, name: str, rank: int | None = None) -> tf.Tensor:
    value = tf.convert_to_tensor(value)
    if value.dtype not in DTYPES:
        raise TypeError(f"`{name}` must be float16, bfloat16, float32 or float64; received dtype {value.dtype.name}")
    if rank is not None and value.shape.rank not in (None, rank):
        raise ValueError(f"`{name}` must have {rank} dimensions; received shape {value.shape}")
    return value


def _same_dtype(x: tf.Tensor, **others: tf.Tensor) -> None:
    for name, value in others.items():
        if value.dtype != x.dtype:
            raise TypeError(f"`{name}` must have the dtype of `x`, {x.dtype.name}; received {value.dtype.name}")


def _window_attrs(padding, strides, data_format) -> dict[str, object]:
    """The attributes every windowed op has."""
    attrs = {"strides": _args.pair(strides, "strides"),
             "data_format": _FORMATS[_args.choice(data_format, "data_format", _FORMATS)]}
    if isinstance(padding, str):
        word = _args.choice(padding.lower(), "padding", ("valid", "same"))
        return attrs | {"padding": word.upper()}
    pairs = _args.padding_pairs(padding, (1, 1), (1, 1), (1, 1))
    return attrs | {"padding": "EXPLICIT", "explicit_paddings": [amount for pair in pairs for amount in pair]}


def _windowed_shape(shape, window, attrs, dilations, channels) -> list[int | None]:
    """The output's static shape; TensorFlow's C API shows shape functions no attributes, so it is found here."""
    last = attrs["data_format"] == "NHWC"
    sizes = [None] * 2 if shape.rank is None else (shape[1:3] if last else shape[2:4])
    explicit = attrs.get("explicit_paddings", [0] * 4)
    out = []
    for axis in range(2):
        size, k, stride = sizes[axis], window[axis], attrs["strides"][axis]
        if attrs["padding"] == "SAME":
            out.append(None if size is None else -(-size // stride))
        elif size is None or k is None:
            out.append(None)
        else:
            room = size + sum(explicit[2 * axis:2 * axis + 2]) - (k - 1) * dilations[axis] - 1
            out.append(room // stride + 1 if room >= 0 else 0)
    batch = None if shape.rank is None else shape[0]
    return [batch, *out, channels] if last else [batch, channels, *out]
