"""Activations as TensorFlow functions."""

from __future__ import annotations

import math
from typing import Any, cast

import tensorflow as tf

from .. import _args
from ..nn import activations
from ..nn.rectifiers import rectifier
from ._attrs import alpha_bits, tensor
from ._load import raw


def activation(x: Any, activation: Any, alpha: float = 0.0, name: Any = None) -> Any:
    """An elementwise activation of `fastconv.nn.activations.NAMES`, computed in x's memory where nothing else needs it.

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
    return activated(tensor(x, "x"), activation, alpha, name)


def relu(x: Any, negative_slope: float = 0.0, max_value: Any = None, threshold: float = 0.0, name: Any = None) -> Any:
    """`keras.activations.relu`, as `fastconv.relu`.

    Examples
    --------
    >>> import tensorflow as tf
    >>> import fastconv.tensorflow as ft
    >>> ft.relu(tf.constant([-1.0, 0.5, 2.0]), negative_slope=0.5, max_value=1.5).numpy()
    array([-0.5,  0.5,  1.5], dtype=float32)
    """
    kind, parameters = rectifier(negative_slope, max_value, threshold)
    x = tensor(x, "x")
    if kind:
        return activated(x, kind, parameters, name)
    words = ("negative_slope_bits", "threshold_bits", "low_bits", "high_bits")
    return raw.fastconv_relu(x=x, name=name, **dict(zip(words, map(alpha_bits, parameters), strict=True)))


def softmax(x: Any, axis: Any = -1, name: Any = None) -> Any:
    """exp(x) over its sum along `axis`, as `tf.nn.softmax`, or along several axes, as `keras.ops.softmax`.

    Examples
    --------
    >>> import tensorflow as tf
    >>> import fastconv.tensorflow as ft
    >>> ft.softmax(tf.zeros([1, 4])).numpy()
    array([[0.25, 0.25, 0.25, 0.25]], dtype=float32)
    >>> ft.softmax(tf.zeros([1, 2, 2]), axis=(1, 2)).numpy()
    array([[[0.25, 0.25],
            [0.25, 0.25]]], dtype=float32)
    """
    x = tensor(x, "x")
    rank = x.shape.rank
    if isinstance(axis, (tuple, list)):
        if rank is None:
            raise ValueError(f"`x` must be of known rank where `axis` names several axes; received axis {axis!r}")
        return _softmax_together(x, _args.axes(axis, rank), name)
    if rank is None:
        return raw.fastconv_softmax(x=x, axis=_args.integer(axis, "axis", -(2**63)), name=name)
    return raw.fastconv_softmax(x=x, axis=_args.axes(axis, rank)[0], name=name)


def _softmax_together(x: Any, axes: Any, name: Any) -> Any:
    if len(axes) == 1:
        return raw.fastconv_softmax(x=x, axis=axes[0], name=name)
    order, begin, end = _args.side_by_side(axes, x.shape)
    moved = x if order is None else tf.transpose(x, order)
    sizes = moved.shape.as_list() if moved.shape.is_fully_defined() else tf.unstack(tf.shape(moved))
    shape = cast(list[Any], sizes)
    merged = [*shape[:begin], math.prod(shape[begin:end]), *shape[end:]]
    y = tf.reshape(raw.fastconv_softmax(x=tf.reshape(moved, merged), axis=begin, name=name), shape)
    y.set_shape(moved.shape)
    return y if order is None else tf.transpose(y, [order.index(axis) for axis in range(len(order))])


def activated(x: Any, activation: Any, alpha: Any, name: Any = None) -> Any:
    _args.choice(activation, "activation", activations.NAMES)
    return raw.fastconv_activation(x=x, activation=activation, alpha_bits=alpha_bits(alpha), name=name)
