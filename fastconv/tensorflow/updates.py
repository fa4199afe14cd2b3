"""A step of an optimizer on many variables as one op."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from ._load import raw

__all__ = ["update"]


def update(rule: Any, variables: Any, gradients: Any, slots: Any, numbers: Any) -> None:
    """Change variables and their slots as Keras' optimizers do.

    Reading and assigning are ops without work, so all that many small variables cost is one op.

    Parameters
    ----------
    rule : {'sgd', 'momentum', 'nesterov', 'adam', 'rmsprop', 'rmsprop_momentum', 'adadelta'}
    variables : sequence of n tf.Variable
        Of float32.
    gradients : sequence of n tf.Tensor
        Of float32 and the variables' shapes.
    slots : sequence of sequences of n tf.Variable
        As many as the rule has: none; the momentum; momentum and velocity; the velocity; velocity and momentum;
        the accumulated gradients and updates.
    numbers : sequence of numbers or scalar tensors
        The learning rate; then the momentum; or beta_1, beta_2, epsilon and the step counted from 1; or rho, epsilon
        and, with 'rmsprop_momentum', the momentum.

    Examples
    --------
    >>> import tensorflow as tf
    >>> from fastconv.tensorflow.updates import update
    >>> variable = tf.Variable([1.0, 2.0])
    >>> update("sgd", [variable], [tf.constant([1.0, 1.0])], [], [0.5])
    >>> variable.numpy()
    array([0.5, 1.5], dtype=float32)
    """
    states = [state for slot in slots for state in slot]
    changed = raw.fastconv_update(
        variables=_read(variables),
        gradients=list(gradients),
        slots=_read(states),
        rule=rule,
        hyper=tf.stack([tf.cast(number, tf.float32) for number in numbers]),
    )
    new = [*changed.new_variables, *changed.new_slots]
    for variable, value in zip([*variables, *states], new, strict=True):
        tf.raw_ops.AssignVariableOp(resource=variable.handle, value=value)


def _read(variables: Any) -> Any:
    return [tf.raw_ops.ReadVariableOp(resource=variable.handle, dtype=tf.float32) for variable in variables]
