"""JAX: one jitted function a problem, NHWC, compiled before the clock starts."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax

from peers import Candidate


def setup(threads):
    """The thread count is in the environment (PJRT_NPROC), read when XLA starts; float64 is off by default."""
    jax.config.update("jax_enable_x64", True)


def candidate(problem, variant):
    if problem.dtype == "uint8":
        return None
    build = {"convolve2d": _convolve2d, "conv2d": _conv2d, "activation": _activation}.get(problem.op, _pool)
    forward, arguments = build(problem) if not problem.op.endswith("_grad") else _grad(problem)
    compiled = jax.jit(forward)
    arguments = [_shared(a) for a in arguments]
    return Candidate(lambda: compiled(*arguments).block_until_ready())


def _shared(array):
    """The array's own memory where JAX can use it, else a copy."""
    return jnp.from_dlpack(array) if array.ctypes.data % 64 == 0 and array.flags.c_contiguous else jnp.asarray(array)


def _convolve2d(problem):
    def forward(image, kernel):
        y = lax.conv_general_dilated(
            image[None, :, :, None],
            kernel[::-1, ::-1, None, None],
            (1, 1),
            "SAME",
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )
        return y[0, :, :, 0]

    return forward, [problem.arrays["x"], problem.arrays["kernel"]]


def _conv2d(problem):
    o = problem.options

    def forward(x, kernel):
        return lax.conv_general_dilated(
            x,
            kernel,
            (o["strides"],) * 2,
            o["pads"],
            rhs_dilation=(o["dilation"],) * 2,
            feature_group_count=o["groups"],
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )

    return forward, [problem.arrays["x"], problem.arrays["kernel"]]


def _pool(problem):
    o = problem.options
    pads = ((0, 0), *o["pads"], (0, 0))
    window, strides = (1, *o["pool"], 1), (1, o["strides"], o["strides"], 1)

    def total(x):
        return lax.reduce_window(x, 0.0, lax.add, window, strides, pads)

    def forward(x):
        if problem.op.startswith("max"):
            return lax.reduce_window(x, -jnp.inf, lax.max, window, strides, pads)
        return total(x) / total(jnp.ones_like(x[:1, :, :, :1]))

    return forward, [problem.arrays["x"]]


def _grad(problem):
    """The gradient that JAX derives from its forward function; XLA drops what of the forward is not needed."""
    arrays = problem.arrays
    if "pool" in problem.op:
        forward, _ = _pool(problem)
        return lambda x, dy: jax.vjp(forward, x)[1](dy)[0], [arrays["x"], arrays["dy"]]
    if problem.op == "activation_grad":
        forward, _ = _activation(problem)
        return lambda x, dy: jax.vjp(forward, x)[1](dy)[0], [arrays["x"], arrays["dy"]]
    forward, _ = _conv2d(problem)
    index = 0 if problem.op == "conv2d_input_grad" else 1

    def grad(x, kernel, dy):
        return jax.vjp(forward, x, kernel)[1](dy)[index]

    return grad, [arrays["x"], arrays["kernel"], arrays["dy"]]


def _activation(problem):
    name = problem.options["function"]
    if name == "gelu":
        return lambda x: jax.nn.gelu(x, approximate=False), [problem.arrays["x"]]
    if name == "softmax":
        return lambda x: jax.nn.softmax(x, problem.options["axis"]), [problem.arrays["x"]]
    return getattr(jax.nn, name), [problem.arrays["x"]]
