"""Recurrent layers over sequences (batch, time, features)."""

from __future__ import annotations

import numpy as np

from ... import _args, _core
from ...nn.activations import ACTIVATIONS
from .registry import Step, Tensor, operator

__all__ = ["gru", "lstm"]


@operator("LSTM")
def lstm(node, x, kernel, recurrent, bias=None, state=None, cell=None):
    """Long short-term memory: the sequence of states, the last state, the last cell.

    kernel (features, 4 units), recurrent (units, 4 units), bias (4 units,), with gates in the order input, forget,
    cell, output; state and cell (batch, units), 0 where absent. Attributes: ``activation`` and
    ``recurrent_activation``, (name, alpha) each; ``go_backwards``: time runs from the end, in the results too.
    """
    product, units = _sizes(x, kernel, recurrent, 4)
    activate, gate = _function(node, "activation", "tanh"), _function(node, "recurrent_activation", "sigmoid")
    backwards = bool(node.attributes.get("go_backwards", False))

    def run(*arrays):
        *inputs, sequence, last, last_cell = arrays
        x, kernel, recurrent, bias, state, cell = [*inputs, *[None] * (6 - len(inputs))]
        rows = np.empty((*sequence.shape[:2], 4 * units), sequence.dtype)
        product(x, kernel, bias, rows)
        h, c = _begin(state, last), _begin(cell, last)
        z = np.empty((len(h), 4 * units), h.dtype)
        for i in _times(rows, backwards):
            product(h, recurrent, None, z)
            z += rows[:, i]
            gates = np.ascontiguousarray(z.reshape(len(h), 4, units).swapaxes(0, 1))
            gate(gates[:2])
            activate(gates[2])
            gate(gates[3])
            c = gates[1] * c + gates[0] * gates[2]
            h = c.copy()
            activate(h)
            h *= gates[3]
            sequence[:, _place(i, rows, backwards)] = h
        np.copyto(last, h)
        np.copyto(last_cell, c)

    sequence, last = _results(x, units)
    return Step((sequence, last, last), run, algorithm="lstm", flops=_flops(x, units, 4))


@operator("GRU")
def gru(node, x, kernel, recurrent, bias=None, recurrent_bias=None, state=None):
    """Gated recurrent unit: the sequence of states, the last state.

    kernel (features, 3 units), recurrent (units, 3 units), biases (3 units,), with gates in the order update, reset,
    candidate; state (batch, units). Attributes: as of LSTM; ``reset_after``: the reset gate multiplies the product of
    state and kernel, not the state.
    """
    product, units = _sizes(x, kernel, recurrent, 3)
    activate, gate = _function(node, "activation", "tanh"), _function(node, "recurrent_activation", "sigmoid")
    backwards = bool(node.attributes.get("go_backwards", False))
    candidate = _candidate_after if node.attributes.get("reset_after", True) else _candidate_before

    def run(*arrays):
        *inputs, sequence, last = arrays
        x, kernel, recurrent, bias, recurrent_bias, state = [*inputs, *[None] * (6 - len(inputs))]
        rows = np.empty((*sequence.shape[:2], 3 * units), sequence.dtype)
        product(x, kernel, bias, rows)
        h = _begin(state, last)
        z = np.empty((len(h), 3 * units), h.dtype)
        for i in _times(rows, backwards):
            product(h, recurrent, recurrent_bias, z)
            gates = rows[:, i, : 2 * units] + z[:, : 2 * units]
            gate(gates)
            update, reset = gates[:, :units], gates[:, units:]
            new = candidate(rows[:, i, 2 * units :], reset, h, z[:, 2 * units :], recurrent, recurrent_bias)
            activate(new)
            h = update * h + (1 - update) * new
            sequence[:, _place(i, rows, backwards)] = h
        np.copyto(last, h)

    sequence, last = _results(x, units)
    return Step((sequence, last), run, algorithm="gru", flops=_flops(x, units, 3))


def _candidate_after(x, reset, h, product, kernel, bias):
    """What the candidate gate is the activation of: x's part, and the state's with the reset gate on its product."""
    return x + reset * product


def _candidate_before(x, reset, h, product, kernel, bias):
    """The same with the reset gate on the state."""
    units = len(kernel)
    y = np.empty((len(h), units), h.dtype)
    bias = None if bias is None else np.ascontiguousarray(bias[2 * units :])
    _multiply(reset * h, np.ascontiguousarray(kernel[:, 2 * units :]), bias, y)
    return x + y


def _multiply(x, kernel, bias, y):
    """y = x kernel + bias, x of any shape whose last axis is the kernel's first."""
    rows = x.size // kernel.shape[0] if kernel.shape[0] else 0
    _core.Dense(_args.dtype_id(x.dtype), rows, *kernel.shape).forward(x, kernel, bias, y)


def _sizes(x: Tensor, kernel: Tensor, recurrent: Tensor, gates: int):
    units = recurrent.shape[0]
    if x.ndim != 3 or kernel.shape != (x.shape[2], gates * units) or recurrent.shape != (units, gates * units):
        raise ValueError(
            f"a sequence of shape {x.shape} does not fit kernels of shapes {kernel.shape} and "
            f"{recurrent.shape} with {gates} gates"
        )
    if _args.dtype_id(x.dtype) not in _args.FLOAT_IDS or {kernel.dtype, recurrent.dtype} != {x.dtype}:
        raise TypeError("sequence and kernels must be floats of one dtype")
    return _multiply, units


def _function(node, name: str, default: str):
    """An activation of a contiguous array in place."""
    word, alpha = node.attributes.get(name) or (default, 0.0)
    number = ACTIVATIONS[word]

    def apply(array):
        if number:
            _core.activate(_args.dtype_id(array.dtype), number, alpha, array.size, array, array)

    return apply


def _results(x: Tensor, units: int) -> tuple[Tensor, Tensor]:
    return Tensor((*x.shape[:2], units), x.dtype), Tensor((x.shape[0], units), x.dtype)


def _begin(state, last):
    return np.zeros_like(last) if state is None else state.copy()


def _times(rows: np.ndarray, backwards: bool):
    return range(rows.shape[1])[::-1] if backwards else range(rows.shape[1])


def _place(i: int, rows: np.ndarray, backwards: bool) -> int:
    return rows.shape[1] - 1 - i if backwards else i


def _flops(x: Tensor, units: int, gates: int) -> float:
    return 2.0 * x.shape[0] * x.shape[1] * (x.shape[2] + units) * gates * units
