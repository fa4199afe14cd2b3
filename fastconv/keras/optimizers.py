"""Update steps of Keras' optimizers as TensorFlow's fused kernels: one pass over a variable, not one an operation.

Only where Keras runs on TensorFlow; the formulas are the same (TensorFlow's are in core/kernels/training_ops.cc).
"""
from __future__ import annotations

import threading

import keras

from . import _ops

__all__ = ["fuse_optimizers", "unfuse_optimizers"]

_stock: dict[tuple[type, str], object] = {}
_step = threading.local()       # scalars that all variables of one step share


def fuse_optimizers() -> None:
    """Let SGD, Adam (and AdamW), RMSprop and Adadelta update variables by fused kernels; `patch_keras` does it too.

    Variables, slots, files and configs stay as they are. Sparse gradients, ``amsgrad``, ``centered`` and RMSprop
    without a momentum keep Keras' own steps. On other backends than TensorFlow nothing changes. Doing it twice is
    doing it once.

    Examples
    --------
    >>> import fastconv.keras
    >>> fastconv.keras.fuse_optimizers()
    >>> fastconv.keras.unfuse_optimizers()
    """
    if _stock or _ops.BACKEND != "tensorflow":
        return
    optimizers = keras.optimizers
    for kind, step in ((optimizers.SGD, _sgd), (optimizers.Adam, _adam), (optimizers.RMSprop, _rmsprop),
                       (optimizers.Adadelta, _adadelta)):
        _replace(kind, "update_step", _fused(kind.update_step, step))
        _replace(kind, "_backend_update_step", _after_gradients(kind._backend_update_step))


def unfuse_optimizers() -> None:
    """Undo `fuse_optimizers`."""
    for (kind, name), method in _stock.items():
        if method is None:
            delattr(kind, name)
        else:
            setattr(kind, name, method)
    _stock.clear()


def _replace(kind: type, name: str, method) -> None:
    _stock[kind, name] = vars(kind).get(name)
    setattr(kind, name, method)


def _fused(stock, step):
    def update_step(self, gradient, variable, learning_rate):
        import tensorflow as tf
        plain = isinstance(gradient, tf.Tensor) and type(variable).__name__ == "ResourceVariable"
        if not plain or not step(self, tf, tf.cast(gradient, variable.dtype), variable,
                                 tf.cast(learning_rate, variable.dtype)):
            return stock(self, gradient, variable, learning_rate)
    return update_step


def _after_gradients(stock):
    def _backend_update_step(self, grads, *arguments):
        import tensorflow as tf
        _step.powers = {}
        # Updates between the gradients would take the cores from them.
        first = [grad for grad in grads if isinstance(grad, tf.Tensor)] if not tf.distribute.has_strategy() else []
        try:
            with tf.control_dependencies(first):
                return stock(self, grads, *arguments)
        finally:
            _step.powers = {}
    return _backend_update_step


def _slot(optimizer, slots, variable):
    return slots[optimizer._get_variable_index(variable)].value.handle


def _constant(tf, value, variable):
    return tf.constant(value, variable.dtype)


def _sgd(optimizer, tf, gradient, variable, learning_rate) -> bool:
    if not optimizer.momentum:
        tf.raw_ops.ResourceApplyGradientDescent(var=variable.handle, alpha=learning_rate, delta=gradient)
        return True
    tf.raw_ops.ResourceApplyKerasMomentum(
        var=variable.handle, accum=_slot(optimizer, optimizer.momentums, variable), lr=learning_rate, grad=gradient,
        momentum=_constant(tf, optimizer.momentum, variable), use_nesterov=optimizer.nesterov)
    return True


def _adam(optimizer, tf, gradient, variable, learning_rate) -> bool:
    if optimizer.amsgrad:
        return False
    betas = [_constant(tf, beta, variable) for beta in (optimizer.beta_1, optimizer.beta_2)]
    powers = vars(_step).setdefault("powers", {})
    key = variable.dtype, id(tf.compat.v1.get_default_graph())
    if key not in powers:
        step = keras.ops.cast(optimizer.iterations + 1, variable.dtype)
        powers[key] = [beta ** step for beta in betas]
    tf.raw_ops.ResourceApplyAdam(
        var=variable.handle, m=_slot(optimizer, optimizer._momentums, variable),
        v=_slot(optimizer, optimizer._velocities, variable), beta1_power=powers[key][0], beta2_power=powers[key][1],
        lr=learning_rate, beta1=betas[0], beta2=betas[1], epsilon=_constant(tf, optimizer.epsilon, variable),
        grad=gradient)
    return True


def _adadelta(optimizer, tf, gradient, variable, learning_rate) -> bool:
    tf.raw_ops.ResourceApplyAdadelta(
        var=variable.handle, accum=_slot(optimizer, optimizer._accumulated_grads, variable),
        accum_update=_slot(optimizer, optimizer._accumulated_delta_vars, variable), lr=learning_rate,
        rho=_constant(tf, optimizer.rho, variable), epsilon=_constant(tf, optimizer.epsilon, variable), grad=gradient)
    return True


def _rmsprop(optimizer, tf, gradient, variable, learning_rate) -> bool:
    if optimizer.centered or not optimizer.momentum:    # the kernel wants a momentum, which Keras has not without one
        return False
    tf.raw_ops.ResourceApplyRMSProp(
        var=variable.handle, ms=_slot(optimizer, optimizer._velocities, variable),
        mom=_slot(optimizer, optimizer._momentums, variable), lr=learning_rate,
        rho=_constant(tf, optimizer.rho, variable), momentum=_constant(tf, optimizer.momentum, variable),
        epsilon=_constant(tf, optimizer.epsilon, variable), grad=gradient)
    return True
