"""Update steps of Keras' optimizers in one pass: small variables by one op, a large one by TensorFlow's fused kernel.

Only where Keras runs on TensorFlow; the formulas are the same (TensorFlow's are in core/kernels/training_ops.cc).
"""

from __future__ import annotations

import itertools
import threading
from typing import Any, NamedTuple

import keras

from . import _ops

__all__ = ["fuse_optimizers", "unfuse_optimizers"]

# Elements up to which a new value is better made beside the old one, with the others, than in its place, alone.
_SMALL = 1 << 18
_stock: dict[tuple[type, str], object] = {}
_step = threading.local()  # scalars that all variables of one step share


def fuse_optimizers() -> None:
    """Let SGD, Adam (and AdamW), RMSprop and Adadelta update variables by fused kernels; `patch_keras` does it too.

    Variables, slots, files and configs stay as they are. Sparse gradients, ``amsgrad``, ``centered`` and the large
    variables of RMSprop without a momentum keep Keras' own steps. On other backends than TensorFlow nothing changes.
    Doing it twice is doing it once.

    Examples
    --------
    >>> import fastconv.keras
    >>> fastconv.keras.fuse_optimizers()
    >>> fastconv.keras.unfuse_optimizers()
    """
    if _stock or _ops.BACKEND != "tensorflow":
        return
    optimizers = keras.optimizers
    for kind, step, rule in (
        (optimizers.SGD, _sgd, _sgd_rule),
        (optimizers.Adam, _adam, _adam_rule),
        (optimizers.RMSprop, _rmsprop, _rmsprop_rule),
        (optimizers.Adadelta, _adadelta, _adadelta_rule),
    ):
        _replace(kind, "update_step", _fused(kind.update_step, step))
        _replace(kind, "_backend_update_step", _after_gradients(kind, rule))


def unfuse_optimizers() -> None:
    """Undo `fuse_optimizers`."""
    for (kind, name), method in _stock.items():
        if method is None:
            delattr(kind, name)
        else:
            setattr(kind, name, method)
    _stock.clear()


def _replace(kind: type, name: str, method: Any) -> None:
    _stock[kind, name] = vars(kind).get(name)
    setattr(kind, name, method)


def _fused(stock: Any, step: Any) -> Any:
    def update_step(self: Any, gradient: Any, variable: Any, learning_rate: Any) -> Any:
        import tensorflow as tf

        plain = isinstance(gradient, tf.Tensor) and type(variable).__name__ == "ResourceVariable"
        if not plain or not step(
            self, tf, tf.cast(gradient, variable.dtype), variable, tf.cast(learning_rate, variable.dtype)
        ):
            return stock(self, gradient, variable, learning_rate)

    return update_step


def _after_gradients(kind: Any, rule: Any) -> Any:
    stock, step = kind._backend_update_step, kind.update_step

    def _backend_update_step(self: Any, grads: Any, variables: Any, learning_rate: Any) -> None:
        import tensorflow as tf

        _step.powers = {}
        pairs = list(zip(grads, variables, strict=True))
        alone = not tf.distribute.has_strategy()
        # Updates between the gradients would take the cores from them.
        first = [grad for grad in grads if isinstance(grad, tf.Tensor)] if alone else []
        # Read now: a step whose data fail is counted by Keras, which counts it without waiting for gradients.
        together = rule(self) if alone and type(self).update_step is step else None
        _step.count = tf.convert_to_tensor(self.iterations) + 1 if alone else None
        try:
            with tf.control_dependencies(first):
                pairs = _update_together(self, tf, pairs, learning_rate, together)
                if pairs:
                    stock(self, *map(list, zip(*pairs, strict=True)), learning_rate)
        finally:
            _step.powers, _step.count = {}, None

    return _backend_update_step


def _update_together(optimizer: Any, tf: Any, pairs: Any, learning_rate: Any, rule: Any) -> Any:
    """Update the small variables by one op; the pairs of gradients and variables that are left."""
    pairs = [
        (gradient, variable.value if isinstance(variable, keras.Variable) else variable) for gradient, variable in pairs
    ]

    def is_small(gradient: Any, variable: Any) -> Any:
        return (
            isinstance(gradient, tf.Tensor)
            and gradient.dtype == variable.dtype == tf.float32
            and type(variable).__name__ == "ResourceVariable"
            and variable.shape.num_elements() <= _SMALL
        )

    small = [is_small(*pair) for pair in pairs]
    if rule is None or sum(small) < 2:
        return pairs
    from ..tensorflow.updates import update

    gradients, variables = zip(*itertools.compress(pairs, small), strict=True)
    indices = [optimizer._get_variable_index(variable) for variable in variables]
    slots = [[slot[index].value for index in indices] for slot in rule.slots]
    update(rule.name, variables, gradients, slots, [learning_rate, *rule.numbers])
    return [pair for pair, taken in zip(pairs, small, strict=True) if not taken]


class _Rule(NamedTuple):
    """An optimizer's step as `fastconv.tensorflow.updates` knows it; numbers: those after the learning rate."""

    name: str
    slots: list[Any]
    numbers: list[Any]


def _sgd_rule(optimizer: Any) -> _Rule:
    if not optimizer.momentum:
        return _Rule("sgd", [], [])
    return _Rule("nesterov" if optimizer.nesterov else "momentum", [optimizer.momentums], [optimizer.momentum])


def _adam_rule(optimizer: Any) -> _Rule | None:
    if optimizer.amsgrad:
        return None
    return _Rule(
        "adam",
        [optimizer._momentums, optimizer._velocities],
        [optimizer.beta_1, optimizer.beta_2, optimizer.epsilon, optimizer.iterations + 1],
    )


def _rmsprop_rule(optimizer: Any) -> _Rule | None:
    if optimizer.centered:
        return None
    numbers = [optimizer.rho, optimizer.epsilon]
    if not optimizer.momentum:
        return _Rule("rmsprop", [optimizer._velocities], numbers)
    return _Rule("rmsprop_momentum", [optimizer._velocities, optimizer._momentums], [*numbers, optimizer.momentum])


def _adadelta_rule(optimizer: Any) -> _Rule:
    return _Rule(
        "adadelta",
        [optimizer._accumulated_grads, optimizer._accumulated_delta_vars],
        [optimizer.rho, optimizer.epsilon],
    )


def _slot(optimizer: Any, slots: Any, variable: Any) -> Any:
    return slots[optimizer._get_variable_index(variable)].value.handle


def _constant(tf: Any, value: Any, variable: Any) -> Any:
    return tf.constant(value, variable.dtype)


def _sgd(optimizer: Any, tf: Any, gradient: Any, variable: Any, learning_rate: Any) -> bool:
    if not optimizer.momentum:
        tf.raw_ops.ResourceApplyGradientDescent(var=variable.handle, alpha=learning_rate, delta=gradient)
        return True
    tf.raw_ops.ResourceApplyKerasMomentum(
        var=variable.handle,
        accum=_slot(optimizer, optimizer.momentums, variable),
        lr=learning_rate,
        grad=gradient,
        momentum=_constant(tf, optimizer.momentum, variable),
        use_nesterov=optimizer.nesterov,
    )
    return True


def _adam(optimizer: Any, tf: Any, gradient: Any, variable: Any, learning_rate: Any) -> bool:
    if optimizer.amsgrad:
        return False
    betas = [_constant(tf, beta, variable) for beta in (optimizer.beta_1, optimizer.beta_2)]
    powers = vars(_step).setdefault("powers", {})
    key = variable.dtype, id(tf.compat.v1.get_default_graph())
    if key not in powers:
        count = vars(_step).get("count")
        step = tf.cast(optimizer.iterations + 1 if count is None else count, variable.dtype)
        powers[key] = [beta**step for beta in betas]
    tf.raw_ops.ResourceApplyAdam(
        var=variable.handle,
        m=_slot(optimizer, optimizer._momentums, variable),
        v=_slot(optimizer, optimizer._velocities, variable),
        beta1_power=powers[key][0],
        beta2_power=powers[key][1],
        lr=learning_rate,
        beta1=betas[0],
        beta2=betas[1],
        epsilon=_constant(tf, optimizer.epsilon, variable),
        grad=gradient,
    )
    return True


def _adadelta(optimizer: Any, tf: Any, gradient: Any, variable: Any, learning_rate: Any) -> bool:
    tf.raw_ops.ResourceApplyAdadelta(
        var=variable.handle,
        accum=_slot(optimizer, optimizer._accumulated_grads, variable),
        accum_update=_slot(optimizer, optimizer._accumulated_delta_vars, variable),
        lr=learning_rate,
        rho=_constant(tf, optimizer.rho, variable),
        epsilon=_constant(tf, optimizer.epsilon, variable),
        grad=gradient,
    )
    return True


def _rmsprop(optimizer: Any, tf: Any, gradient: Any, variable: Any, learning_rate: Any) -> bool:
    if optimizer.centered or not optimizer.momentum:  # the kernel wants a momentum, which Keras has not without one
        return False
    tf.raw_ops.ResourceApplyRMSProp(
        var=variable.handle,
        ms=_slot(optimizer, optimizer._velocities, variable),
        mom=_slot(optimizer, optimizer._momentums, variable),
        lr=learning_rate,
        rho=_constant(tf, optimizer.rho, variable),
        momentum=_constant(tf, optimizer.momentum, variable),
        epsilon=_constant(tf, optimizer.epsilon, variable),
        grad=gradient,
    )
    return True
