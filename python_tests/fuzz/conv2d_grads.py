"""The gradients of conv2d, one by one and together."""

from __future__ import annotations

import numpy as np

import fastconv
from fastconv.nn import convolution_grad

from . import activation_reference, conv_geometry, draw
from .check import Want, arithmetic, least
from .conv2d import KEYWORDS
from .conv_reference import WINOGRAD_LEAST, clean, input_gradient, kernel_gradient, subnormal_room, wide
from .execution import back, check_serves, four, verify

FINITE = tuple(kind for kind in draw.VALUES if kind != "special")
GRADS = "dx", "dkernel", "dbias"


def _keywords(case: dict) -> dict:
    return {name: case[name] for name in KEYWORDS}


def _output_shape(geometry: dict) -> list[int]:
    """Of conv2d's result, as far as it has one."""
    n, *size, _ = conv_geometry.nhwc(geometry["x_shape"], geometry["data_format"])
    outputs = conv_geometry.windows_of(geometry, size).outputs
    outputs = [count if count < 2**12 else 1 for count in outputs]
    return conv_geometry.in_layout(n, *outputs, geometry["kernel_shape"][3], geometry["data_format"])


def _bounded(sums, magnitude, dtype, bound=None) -> Want:
    bound = 0 if bound is None else bound
    return Want(sums, dtype, 32 * arithmetic(dtype) * magnitude + bound + 256 * least(dtype))


def draw_input_grad(d: draw.Draw) -> dict:
    dtype, geometry = d.choice(draw.FLOATS), conv_geometry.draw(d)
    return (
        geometry
        | {"dy": d.array(_output_shape(geometry), dtype), "kernel": d.array(geometry["kernel_shape"], dtype, FINITE)}
        | d.surroundings()
    )


def run_input_grad(case: dict) -> None:
    layout = case["data_format"]

    def reference(dy, kernel):
        where = conv_geometry.resolve(case)
        dtype = dy.dtype
        dy, kernel = wide(dy, kernel)
        n, h, w, c = conv_geometry.nhwc(case["x_shape"], layout)
        dx, magnitude = input_gradient(four(dy, layout), kernel, where, case["groups"], (n, h, w, c))
        bound = input_grad_norm(dy, kernel, dtype)
        return _bounded(back(dx, layout), back(magnitude, layout), dtype, bound)

    verify(
        case,
        lambda dy, kernel, out: fastconv.conv2d_input_grad(dy, kernel, case["x_shape"], **_keywords(case), out=out),
        ("dy", "kernel"),
        reference,
        errors=conv_geometry.errors(case),
    )


def input_grad_norm(dy, kernel, dtype):
    """Winograd's part of the bound, by the norm of all of dy: which tile a cell lies in is not known here."""
    room = subnormal_room(dtype, kernel[..., :1, :].size, dy, kernel, each=WINOGRAD_LEAST)
    return 8 * arithmetic(dtype) * _norm(dy) * _norm(kernel) + room


def _norm(x):
    return np.linalg.norm(clean(x).astype(np.float64).ravel())


def draw_kernel_grad(d: draw.Draw) -> dict:
    algorithms = list(convolution_grad.KERNEL_ALGORITHMS)
    algorithm = d.choice(algorithms) if d.chance(draw.ALGORITHM_SHARE) else "auto"
    dtype, geometry = d.choice(draw.FLOATS), conv_geometry.draw(d, algorithm)
    return (
        geometry
        | {
            "x": d.array(geometry["x_shape"], dtype, FINITE),
            "dy": d.array(_output_shape(geometry), dtype, FINITE),
            "algorithm": algorithm,
        }
        | d.surroundings()
    )


def run_kernel_grad(case: dict) -> None:
    layout, shape = case["data_format"], case["kernel_shape"]

    def call(x, dy, out=None):
        return fastconv.conv2d_kernel_grad(x, dy, shape, **_keywords(case), algorithm=case["algorithm"], out=out)

    def reference(x, dy):
        where = conv_geometry.resolve(case)
        check_serves(case, lambda: call(x, dy))
        dtype = x.dtype
        x, dy = wide(four(x, layout), four(dy, layout))
        dkernel, magnitude = kernel_gradient(x, dy, where, case["groups"], shape)
        norm = 0 if case["algorithm"] in ("packed", "outer", "depthwise") else _kernel_grad_norm(x, dy, dtype)
        return _bounded(dkernel, magnitude, dtype, norm)

    verify(case, call, ("x", "dy"), reference, errors=conv_geometry.errors(case))


def _kernel_grad_norm(x, dy, dtype):
    """Winograd's part of the bound, by the norms of x and dy."""
    room = subnormal_room(dtype, dy[..., :1].size, x, dy, each=WINOGRAD_LEAST)
    return 32 * arithmetic(dtype) * _norm(x) * _norm(dy) + room


def draw_bias_grad(d: draw.Draw) -> dict:
    sizes = (64, 80) if d.large else conv_geometry.NARROW + conv_geometry.WIDE
    channels = (33, 64, 130) if d.large else conv_geometry.CHANNELS
    shape = [d.choice((0, 1, 1, 2, 3)), *(d.choice(sizes) for _ in range(2)), d.choice(channels)]
    layout = d.choice(("channels_last", "channels_first"))
    return {
        "dy": d.array(conv_geometry.in_layout(*shape, layout), d.choice(draw.FLOATS)),
        "data_format": layout,
    } | d.surroundings()


def run_bias_grad(case: dict) -> None:
    def reference(dy):
        dtype, (dy,) = dy.dtype, wide(four(dy, case["data_format"]))
        return _bounded(dy.sum((0, 1, 2)), np.where(np.isfinite(dy), abs(dy), 0).sum((0, 1, 2)), dtype)

    verify(
        case,
        lambda dy, out: fastconv.conv2d_bias_grad(dy, data_format=case["data_format"], out=out),
        ("dy",),
        reference,
    )


def draw_grads(d: draw.Draw) -> dict:
    dtype, geometry = d.choice(draw.FLOATS), conv_geometry.draw(d)
    shape = _output_shape(geometry)
    kinds = "normal", "whole", "nonnegative", "sparse", "tiny"
    return (
        geometry
        | {
            "x": d.array(geometry["x_shape"], dtype, kinds),
            "kernel": d.array(geometry["kernel_shape"], dtype, kinds),
            "y": d.array(shape, dtype, kinds),
            "dy": d.array(shape, dtype, kinds),
            "activation": d.choice((None, None, "relu", "relu", "tanh", "sigmoid", "elu", "leaky_relu")),
            "wanted": [name for name in GRADS if d.chance(0.7)],
        }
        | d.surroundings()
    )


def run_grads(case: dict) -> None:
    layout, activation = case["data_format"], case["activation"]

    def reference(x, kernel, y, dy):
        where = conv_geometry.resolve(case)
        dtype, shape, kernel_shape = x.dtype, x.shape, kernel.shape
        x, kernel, y, dy = wide(four(x, layout), kernel, four(y, layout), four(dy, layout))
        slope = activation_reference.from_output(activation, y)
        dz = dy * slope
        # Halves may be rounded once more after the derivative.
        loss = 4 * (2.0**-8 if dtype.itemsize == 2 else arithmetic(dtype)) if activation else 0
        terms = activation_reference.derivative_terms(dy, slope, dtype)
        dx, dx_size = input_gradient(dz, kernel, where, case["groups"], conv_geometry.nhwc(shape, layout))
        _, dx_terms = input_gradient(terms, kernel, where, case["groups"], conv_geometry.nhwc(shape, layout))
        dkernel, size = kernel_gradient(x, dz, where, case["groups"], kernel_shape)
        _, dk_terms = kernel_gradient(x, terms, where, case["groups"], kernel_shape)
        wants = {
            "dx": _bounded(
                back(dx, layout),
                back(dx_size, layout),
                dtype,
                input_grad_norm(dz, kernel, dtype) + loss * back(dx_terms, layout),
            ),
            "dkernel": _bounded(dkernel, size, dtype, _kernel_grad_norm(x, dz, dtype) + loss * dk_terms),
            "dbias": _bounded(dz.sum((0, 1, 2)), abs(dz).sum((0, 1, 2)), dtype, loss * terms.sum((0, 1, 2))),
        }
        return tuple(wants[name] if name in case["wanted"] else None for name in GRADS)

    def call(x, kernel, y, dy):
        return tuple(
            fastconv.conv2d_grads(x, kernel, y, dy, **_keywords(case), activation=activation, wanted=case["wanted"])
        )

    names = "x", "kernel", "y", "dy"
    verify(case, call, names, reference, takes_out=False, errors=conv_geometry.errors(case))
