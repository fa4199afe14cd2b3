"""Activations as TensorFlow functions."""
from __future__ import annotations

from .. import _args
from ._attrs import ACTIVATIONS, alpha_bits, tensor
from ._load import raw


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
    return activated(tensor(x, "x"), activation, alpha, name)


def softmax(x, axis=-1, name=None):
    """exp(x) over its sum along `axis`, as `tf.nn.softmax`.

    Examples
    --------
    >>> import tensorflow as tf
    >>> import fastconv.tensorflow as ft
    >>> ft.softmax(tf.zeros([1, 4])).numpy()
    array([[0.25, 0.25, 0.25, 0.25]], dtype=float32)
    """
    x = tensor(x, "x")
    rank = x.shape.rank
    if rank is not None and not -rank <= axis < rank:
        raise ValueError(f"`axis` must be in [{-rank}, {rank}); received {axis}")
    return raw.fastconv_softmax(x=x, axis=axis, name=name)


def activated(x, activation, alpha, name=None):
    _args.choice(activation, "activation", ACTIVATIONS)
    return raw.fastconv_activation(x=x, activation=activation, alpha_bits=alpha_bits(alpha), name=name)
