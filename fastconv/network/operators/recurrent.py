"""Recurrent layers over sequences (batch, time, features)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ... import _args, _core
from ...nn.activations import ACTIVATIONS
from .registry import Step, Tensor, operator

__all__ = ["gru", "lstm", "rnn"]

# Attributes of all three: ``activation`` and, but for RNN, ``recurrent_activation``, (name, alpha) each;
# ``go_backwards``: time runs from the end, in the results too; ``zero_masked``: the sequence is 0 where the mask is not
# set, else as it was the time before, from 0 on. `mask` (batch, time) is of bool; where it is not set, states stay.


@operator("LSTM")
def lstm(
    node: Any,
    x: Any,
    kernel: Any,
    recurrent: Any,
    bias: Any = None,
    state: Any = None,
    cell: Any = None,
    mask: Any = None,
    peepholes: Any = None,
) -> Any:
    """Long short-term memory: the sequence of states, the last state, the last cell.

    kernel (features, 4 units), recurrent (units, 4 units), bias (4 units,), with gates in the order input, forget,
    cell, output; state and cell (batch, units), 0 where absent; peepholes (3 units,) of input, output, forget.
    """
    units = _units(x, kernel, recurrent, 4)
    _check(x, mask, {(4 * units,): (bias,), (x.shape[0], units): (state, cell), (3 * units,): (peepholes,)})
    activate, gate = _function(node, "activation", "tanh"), _function(node, "recurrent_activation", "sigmoid")

    def run(*arrays: Any) -> None:
        *inputs, sequence, last, last_cell = arrays
        x, kernel, recurrent, bias, state, cell, mask, peepholes = _with_absent(inputs, 8)
        rows = _products(x, kernel, bias)
        z = np.empty((len(x), 4 * units), rows.dtype)
        peep = None if peepholes is None else peepholes.reshape(3, units)

        def step(row: Any, states: Any) -> Any:
            h, c = states
            _multiply(h, recurrent, None, z)
            np.add(z, row, out=z)
            gates = np.ascontiguousarray(z.reshape(len(h), 4, units).swapaxes(0, 1))
            if peep is not None:
                gates[0] += peep[0] * c
                gates[1] += peep[2] * c
            gate(gates[:2])
            activate(gates[2])
            c = gates[1] * c + gates[0] * gates[2]
            if peep is not None:
                gates[3] += peep[1] * c
            gate(gates[3])
            h = c.copy()
            activate(h)
            h *= gates[3]
            return h, c

        h, c = _scan(node, step, rows, [_begin(state, last), _begin(cell, last)], mask, sequence)
        np.copyto(last, h)
        np.copyto(last_cell, c)

    sequence, last = _results(x, units)
    return Step((sequence, last, last), run, algorithm="lstm", flops=_flops(x, units, 4))


@operator("GRU")
def gru(
    node: Any,
    x: Any,
    kernel: Any,
    recurrent: Any,
    bias: Any = None,
    recurrent_bias: Any = None,
    state: Any = None,
    mask: Any = None,
) -> Any:
    """Gated recurrent unit: the sequence of states, the last state.

    kernel (features, 3 units), recurrent (units, 3 units), biases (3 units,), with gates in the order update, reset,
    candidate; state (batch, units). Attribute ``reset_after``: the reset gate multiplies the product of state and
    kernel, not the state.
    """
    units = _units(x, kernel, recurrent, 3)
    _check(x, mask, {(3 * units,): (bias, recurrent_bias), (x.shape[0], units): (state,)})
    activate, gate = _function(node, "activation", "tanh"), _function(node, "recurrent_activation", "sigmoid")
    candidate = _candidate_after if node.attributes.get("reset_after", True) else _candidate_before

    def run(*arrays: Any) -> None:
        *inputs, sequence, last = arrays
        x, kernel, recurrent, bias, recurrent_bias, state, mask = _with_absent(inputs, 7)
        rows = _products(x, kernel, bias)
        z = np.empty((len(x), 3 * units), rows.dtype)

        def step(row: Any, states: Any) -> Any:
            (h,) = states
            _multiply(h, recurrent, recurrent_bias, z)
            gates = row[:, : 2 * units] + z[:, : 2 * units]
            gate(gates)
            update, reset = gates[:, :units], gates[:, units:]
            new = candidate(row[:, 2 * units :], reset, h, z[:, 2 * units :], recurrent, recurrent_bias)
            activate(new)
            return (update * h + (1 - update) * new,)

        (h,) = _scan(node, step, rows, [_begin(state, last)], mask, sequence)
        np.copyto(last, h)

    sequence, last = _results(x, units)
    return Step((sequence, last), run, algorithm="gru", flops=_flops(x, units, 3))


@operator("RNN")
def rnn(node: Any, x: Any, kernel: Any, recurrent: Any, bias: Any = None, state: Any = None, mask: Any = None) -> Any:
    """``h = activation(x kernel + h recurrent + bias)``: the sequence of states, the last state."""
    units = _units(x, kernel, recurrent, 1)
    _check(x, mask, {(units,): (bias,), (x.shape[0], units): (state,)})
    activate = _function(node, "activation", "tanh")

    def run(*arrays: Any) -> None:
        *inputs, sequence, last = arrays
        x, kernel, recurrent, bias, state, mask = _with_absent(inputs, 6)

        def step(row: Any, states: Any) -> Any:
            h = np.empty_like(states[0])
            _multiply(states[0], recurrent, None, h)
            h += row
            activate(h)
            return (h,)

        (h,) = _scan(node, step, _products(x, kernel, bias), [_begin(state, last)], mask, sequence)
        np.copyto(last, h)

    sequence, last = _results(x, units)
    return Step((sequence, last), run, algorithm="rnn", flops=_flops(x, units, 1))


def _scan(
    node: Any, step: Callable[..., Any], rows: np.ndarray, states: list[Any], mask: Any, sequence: np.ndarray
) -> list[Any]:
    """Step through time and write the sequence of first states; the last states."""
    times = range(rows.shape[1])
    if node.attributes.get("go_backwards", False):
        times = times[::-1]
    zero, before = node.attributes.get("zero_masked", False), np.zeros_like(states[0])
    for place, time in enumerate(times):
        new = step(rows[:, time], states)
        output = new[0]
        if mask is not None:
            set_ = mask[:, time, None]
            output = np.where(set_, output, before)
            new = [np.where(set_, after, old) for after, old in zip(new, states, strict=True)]
            before = before if zero else output
        states = new
        sequence[:, place] = output
    return states


def _candidate_after(x: Any, reset: Any, h: Any, product: Any, kernel: Any, bias: Any) -> Any:
    """What the candidate gate is the activation of: x's part, and the state's with the reset gate on its product."""
    return x + reset * product


def _candidate_before(x: Any, reset: Any, h: Any, product: Any, kernel: Any, bias: Any) -> Any:
    """The same with the reset gate on the state."""
    units = len(kernel)
    y = np.empty((len(h), units), h.dtype)
    bias = None if bias is None else np.ascontiguousarray(bias[2 * units :])
    _multiply(reset * h, np.ascontiguousarray(kernel[:, 2 * units :]), bias, y)
    return x + y


def _products(x: Any, kernel: Any, bias: Any) -> np.ndarray:
    """x kernel + bias at all times."""
    rows = np.empty((*x.shape[:2], kernel.shape[1]), x.dtype)
    _multiply(x, kernel, bias, rows)
    return rows


def _multiply(x: Any, kernel: Any, bias: Any, y: Any) -> None:
    """y = x kernel + bias, x of any shape whose last axis is the kernel's first."""
    rows = x.size // kernel.shape[0] if kernel.shape[0] else 0
    _core.Dense(_args.dtype_id(x.dtype), rows, kernel.shape[0], kernel.shape[1]).forward(x, kernel, bias, y)


def _units(x: Tensor, kernel: Tensor, recurrent: Tensor, gates: int) -> int:
    units = recurrent.shape[0]
    if x.ndim != 3 or kernel.shape != (x.shape[2], gates * units) or recurrent.shape != (units, gates * units):
        raise ValueError(
            f"a sequence of shape {x.shape} does not fit kernels of shapes {kernel.shape} and "
            f"{recurrent.shape} with {gates} gates"
        )
    if _args.dtype_id(x.dtype) not in _args.FLOAT_IDS or {kernel.dtype, recurrent.dtype} != {x.dtype}:
        raise TypeError("sequence and kernels must be floats of one dtype")
    return units


def _check(x: Tensor, mask: Tensor | None, shapes: dict[Any, Any]) -> None:
    """Raise unless the other inputs, by the shapes that they must have, fit a sequence."""
    for shape, tensors in shapes.items():
        for tensor in tensors:
            if tensor is not None and (tensor.shape != shape or tensor.dtype != x.dtype):
                raise ValueError(f"{tensor.dtype} of shape {tensor.shape} where {x.dtype} of shape {shape} belongs")
    if mask is not None and (mask.shape != x.shape[:2] or mask.dtype != bool):
        raise ValueError(f"a mask must be bool of shape {x.shape[:2]}; received {mask.dtype} of shape {mask.shape}")


def _function(node: Any, name: str, default: str) -> Any:
    """An activation of a contiguous array in place."""
    word, alpha = node.attributes.get(name) or (default, 0.0)
    number = ACTIVATIONS[word]

    def apply(array: Any) -> None:
        if number:
            _core.activate(_args.dtype_id(array.dtype), number, alpha, array.size, array, array)

    return apply


def _results(x: Tensor, units: int) -> tuple[Tensor, Tensor]:
    return Tensor((*x.shape[:2], units), x.dtype), Tensor((x.shape[0], units), x.dtype)


def _begin(state: Any, last: Any) -> Any:
    return np.zeros_like(last) if state is None else state.copy()


def _flops(x: Tensor, units: int, gates: int) -> float:
    return 2.0 * x.shape[0] * x.shape[1] * (x.shape[2] + units) * gates * units


def _with_absent(inputs: list[Any], count: int) -> list[Any]:
    """As many inputs as an operator has; None for those that it was not given."""
    return [*inputs, *[None] * (count - len(inputs))]
