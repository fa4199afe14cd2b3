"""prepare_conv2d: one packed kernel on images of several sizes."""

from __future__ import annotations

import fastconv

from . import arrays, conv2d, conv_geometry, draw
from .check import Mismatch, Open, Refused
from .conv_geometry import NARROW, WIDE, in_layout, nhwc
from .execution import verify

PIXELS = 400


def draw_case(d: draw.Draw) -> dict:
    """A case of conv2d whose kernel then meets other sizes too."""
    case = conv2d.draw_case(d)
    n, _, _, c = nhwc(case["x_shape"], case["data_format"])
    c = case["kernel_shape"][2] * case["groups"] if 0 < case["groups"] < 2**12 else c
    shapes = [case["x_shape"]]
    for _ in range(d.randint(1, 3)):
        size = [d.choice(d.choice((NARROW, WIDE))) for _ in range(2)]
        near = not conv_geometry.errors(case) and max(map(abs, case["strides"])) < 2**20
        if size[0] * size[1] * max(n, 1) <= PIXELS and near:
            shapes.append(in_layout(n, *size, c, case["data_format"]))
    d.shuffle(shapes)
    return case | {"shapes": shapes}


def run(case: dict) -> None:
    fastconv.set_float32_precision(case["precision"])
    keywords = conv2d.keywords(case)
    kernel, bias = (case[name] and arrays.make(case[name]) for name in ("kernel", "bias"))
    try:
        prepared = fastconv.prepare_conv2d(kernel, bias, **keywords)
    except ValueError:
        _must_not_serve(case)
        return
    for shape in case["shapes"]:
        one = case | {"x_shape": shape, "x": case["x"] | {"shape": shape}}
        verify(
            one,
            lambda x, kernel, bias, out=None: prepared(x, out),
            ("x", "kernel", "bias"),
            lambda *given, one=one: conv2d.reference(one, *given),
            errors=conv_geometry.errors(one),
        )


def _must_not_serve(case: dict) -> None:
    """A kernel that is refused may serve none of the sizes."""
    for shape in case["shapes"]:
        if 0 in shape:
            continue
        one = case | {"x_shape": shape, "x": case["x"] | {"shape": shape}}
        try:
            conv2d.reference(one, *(one[name] and arrays.make(one[name]) for name in ("x", "kernel", "bias")))
        except (Refused, Open, *conv_geometry.errors(one)):
            continue
        raise Mismatch(f"a kernel that serves x of {shape} is refused")
