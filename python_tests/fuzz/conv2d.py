"""conv2d, prepare_conv2d and plan_conv2d, of floats and of 8-bit integers."""

from __future__ import annotations

import numpy as np

import fastconv
from fastconv.nn.convolution import ALGORITHMS

from . import activation_reference, conv_geometry, draw
from .arrays import dtype_of
from .check import Want, arithmetic
from .conv_reference import convolution, error_bound, wide
from .execution import back, check_serves, four, verify

BYTES = "int8", "uint8"
KEYWORDS = "strides", "padding", "dilation_rate", "groups", "data_format"
PRECISIONS = ("highest",) * 8 + ("high", "medium")


def keywords(case: dict) -> dict:
    return {name: case[name] for name in KEYWORDS} | {
        name: case[name] for name in ("activation", "algorithm") if name in case
    }


def draw_case(d: draw.Draw) -> dict:
    algorithm = d.choice(list(ALGORITHMS)) if d.chance(draw.ALGORITHM_SHARE) else "auto"
    integers = d.chance(0.9 if "integer" in algorithm else 0.15 if algorithm == "auto" else 0.02)
    dtype = d.choice(BYTES) if integers else d.choice(draw.FLOATS)
    geometry = conv_geometry.draw(d, algorithm)
    activations = ("relu",) if integers else tuple(activation_reference.FORWARD)
    kernel_values = draw.VALUES if d.chance(0.3) else ("normal", "whole", "constant", "nonnegative", "sparse", "tiny")
    return (
        geometry
        | {
            "x": d.array(geometry["x_shape"], dtype),
            "kernel": d.array(geometry["kernel_shape"], d.choice(BYTES) if integers else dtype, kernel_values),
            "bias": d.array(geometry["kernel_shape"][3:], "int32" if integers else dtype, ("normal", "constant"))
            if d.chance(0.4)
            else None,
            "activation": d.choice(activations) if d.chance(0.25) else None,
            "algorithm": algorithm,
            "precision": d.choice(PRECISIONS),
        }
        | d.surroundings()
    )


def served(case: dict, plan) -> str:
    """The algorithm that runs; Refused where the one asked for does not serve."""
    x, kernel = (case[name] for name in ("x", "kernel"))

    def call():
        return plan(x["shape"], kernel["shape"], dtype=dtype_of(x["dtype"]), **keywords(case))

    return check_serves(case, call)["algorithm"]


def sums(case: dict, x, kernel, bias):
    """(the convolution in channels_last, its bound, None where it is exact)."""
    where = conv_geometry.resolve(case)
    algorithm = served(case, fastconv.plan_conv2d)
    if x.dtype.kind in "iu":
        x, kernel, bias = (None if a is None else a.astype(np.int64) for a in (x, kernel, bias))
        y, _ = convolution(four(x, case["data_format"]), kernel, where, case["groups"])
        y = y if bias is None else y + bias
        y = (y + 2**31) % 2**32 - 2**31
        return (np.maximum(y, 0) if case["activation"] else y).astype(np.int32), None
    dtype = x.dtype
    x, kernel, bias = wide(x, kernel, bias)
    x = four(x, case["data_format"])
    y, magnitude = convolution(x, kernel, where, case["groups"])
    if bias is not None:
        y, magnitude = y + bias, magnitude + abs(bias)
    bound = error_bound(case, algorithm, dtype, x, kernel, where, magnitude)
    if not np.isfinite(kernel).all():  # what padding is multiplied by is not said
        bound[:, where.outside().any((2, 3))] = np.nan
    return activation_reference.after(case["activation"], y, bound, arithmetic(dtype))


def reference(case: dict, x, kernel, bias) -> Want:
    y, bound = sums(case, x, kernel, bias)
    layout = case["data_format"]
    return Want(
        back(y, layout), x.dtype if bound is not None else y.dtype, None if bound is None else back(bound, layout)
    )


def run(case: dict) -> None:
    fastconv.set_float32_precision(case["precision"])
    verify(
        case,
        lambda x, kernel, bias, out: fastconv.conv2d(x, kernel, bias, **keywords(case), out=out),
        ("x", "kernel", "bias"),
        lambda *arrays: reference(case, *arrays),
        errors=conv_geometry.errors(case),
    )
