"""Dense layers and their gradients."""

from __future__ import annotations

import fastconv

from . import activation_reference, draw
from .check import Want, arithmetic
from .conv_reference import DIRECT_LEAST, clean, subnormal_room, wide
from .execution import verify

SIZES = (0, 1, 1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 24, 33, 48, 65, 70)
GRADS = "dx", "dkernel", "dbias"


def _draw(d: draw.Draw) -> tuple:
    rows, inputs, outputs = (d.choice((90, 130, 200) if d.large else SIZES) for _ in range(3))
    return rows, inputs, outputs, d.choice(draw.FLOATS)


def draw_case(d: draw.Draw) -> dict:
    rows, inputs, outputs, dtype = _draw(d)
    return {
        "x": d.array([rows, inputs], dtype),
        "kernel": d.array([inputs, outputs], dtype),
        "bias": d.array([outputs], dtype) if d.chance(0.4) else None,
        "activation": d.choice(tuple(activation_reference.FORWARD)) if d.chance(0.3) else None,
    } | d.surroundings()


def run(case: dict) -> None:
    def reference(x, kernel, bias):
        dtype, (x, kernel, bias) = x.dtype, wide(x, kernel, bias)
        y, size = x @ kernel, clean(x) @ clean(kernel)
        if bias is not None:
            y, size = y + bias, size + clean(bias)
        bound = 32 * arithmetic(dtype) * size + subnormal_room(dtype, x.shape[1], x, kernel, each=DIRECT_LEAST)
        y, bound = activation_reference.after(case["activation"], y, bound, arithmetic(dtype))
        return Want(y, dtype, bound)

    verify(
        case,
        lambda x, kernel, bias, out: fastconv.dense(x, kernel, bias, activation=case["activation"], out=out),
        ("x", "kernel", "bias"),
        reference,
    )


def draw_grads(d: draw.Draw) -> dict:
    rows, inputs, outputs, dtype = _draw(d)
    kinds = "normal", "whole", "nonnegative", "sparse", "tiny"
    return {
        "x": d.array([rows, inputs], dtype, kinds),
        "kernel": d.array([inputs, outputs], dtype, kinds),
        "y": d.array([rows, outputs], dtype, kinds),
        "dy": d.array([rows, outputs], dtype, kinds),
        "activation": d.choice((None, None, "relu", "relu", "tanh", "sigmoid", "elu", "leaky_relu")),
        "wanted": [name for name in GRADS if d.chance(0.7)],
    } | d.surroundings()


def run_grads(case: dict) -> None:
    activation = case["activation"]

    def reference(x, kernel, y, dy):
        dtype, (x, kernel, y, dy) = x.dtype, wide(x, kernel, y, dy)
        slope = activation_reference.from_output(activation, y)
        dz, terms = dy * slope, activation_reference.derivative_terms(dy, slope, dtype)
        loss = 32 * arithmetic(dtype)
        if activation and dtype.itemsize == 2:  # rounded once more after the derivative
            loss += 2.0**-7

        def room(terms, *factors):
            return subnormal_room(dtype, terms, *factors, each=DIRECT_LEAST)

        wants = {
            "dx": Want(dz @ kernel.T, dtype, loss * (terms @ abs(kernel.T)) + room(dz.shape[1], dz, kernel)),
            "dkernel": Want(x.T @ dz, dtype, loss * (abs(x.T) @ terms) + room(len(dz), x, dz)),
            "dbias": Want(dz.sum(0), dtype, loss * terms.sum(0) + room(len(dz), dz)),
        }
        return tuple(wants[name] if name in case["wanted"] else None for name in GRADS)

    def call(x, kernel, y, dy):
        return tuple(fastconv.dense_grads(x, kernel, y, dy, activation=activation, wanted=case["wanted"]))

    verify(case, call, ("x", "kernel", "y", "dy"), reference, takes_out=False)
