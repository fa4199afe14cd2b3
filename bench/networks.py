"""Convolutional parts of networks for the step suite: layers, the float64 answer, and a step on TensorFlow.

A step gives the output and the gradients of all kernels and biases, from the gradient of the output. What is checked is
a step on the first images: so few that no sum lies so near 0, and no two in a window so near each other, that rounding
decides where a gradient goes.
"""

from __future__ import annotations

from dataclasses import dataclass

import cases
import numpy as np

CHECKED = 8
_ACTIVATIONS = {"relu": (lambda z: np.maximum(z, 0), lambda y: y > 0), "tanh": (np.tanh, lambda y: 1 - y * y)}


@dataclass(frozen=True)
class Layer:
    """A convolution (with filters) of stride 1, or a pooling whose windows lie side by side."""

    kind: str
    window: tuple[int, int]
    padding: str
    filters: int = 0
    activation: str | None = None

    def options(self, shape: tuple[int, ...]) -> dict:
        """As of a row of the layers or pool suite, for an input of this shape."""
        stride = 1 if self.filters else self.window[0]
        pads = tuple(
            cases._padding(self.padding, size, k, stride) for size, k in zip(shape[1:3], self.window, strict=True)
        )
        return {"strides": stride, "dilation": 1, "groups": 1, "pool": self.window, "pads": pads}

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        o = self.options(shape)
        sizes = (
            (size + sum(pad) - k) // o["strides"] + 1
            for size, k, pad in zip(shape[1:3], self.window, o["pads"], strict=True)
        )
        return shape[0], *sizes, self.filters or shape[3]


def layers(text: str) -> list[Layer]:
    """The layers of a line of shapes/step.txt."""
    found = []
    for word in text.split(","):
        kind, size, *rest = word.split(":")
        filters, _, window = size.rpartition("@")
        k = tuple(int(part) for part in window.split("x"))
        padding, activation = (*rest, None, None)[:2]
        found.append(Layer(kind, k if len(k) == 2 else k * 2, padding or "valid", int(filters or 0), activation))
    return found


def weights(problem: cases.Problem) -> list[tuple[np.ndarray, ...]]:
    """(kernel, bias) of each layer; nothing of a pooling."""
    arrays = problem.arrays
    return [
        (arrays[f"kernel_{i}"], arrays[f"bias_{i}"]) if layer.filters else ()
        for i, layer in enumerate(problem.options["layers"])
    ]


def ends(problem: cases.Problem, nchw: bool) -> list[np.ndarray]:
    """x and dy in one of the layouts."""
    x, dy = problem.arrays["x"], problem.arrays["dy"]
    return [problem.x_nchw, cases.aligned_copy(dy.transpose(0, 3, 1, 2))] if nchw else [x, dy]


def vector(y: np.ndarray, grads: list[np.ndarray], nchw: bool = False) -> np.ndarray:
    """All that is checked (kernels as (h, w, in, out)), brought to about one size."""
    y = np.asarray(y).transpose(0, 2, 3, 1) if nchw else y
    return np.concatenate([np.ravel(y), *(np.ravel(grad) / 50 for grad in grads)])


def reference(problem: cases.Problem) -> np.ndarray:
    """The answer of a step, from the float64 answers of its layers."""
    from reference import answer

    x, dy = (problem.arrays[name][:CHECKED].astype(np.float64) for name in ("x", "dy"))
    chain, kept, grads = [*zip(problem.options["layers"], weights(problem), strict=True)], [], []
    for layer, given in chain:
        options = layer.options(x.shape)
        if given:
            y = answer(cases.Problem("conv2d", {"x": x, "kernel": given[0]}, options)) + given[1]
            y = _ACTIVATIONS[layer.activation][0](y)
        else:
            y = answer(cases.Problem(f"{layer.kind}_pool2d", {"x": x}, options))
        kept.append((x, y, options))
        x = y
    for (layer, given), (x, after, options) in zip(reversed(chain), reversed(kept), strict=True):
        if given:
            dy = dy * _ACTIVATIONS[layer.activation][1](after)
            arrays = {"x": x, "kernel": given[0], "dy": dy}
            grads[:0] = [answer(cases.Problem("conv2d_kernel_grad", arrays, options)), dy.sum(axis=(0, 1, 2))]
            dy = answer(cases.Problem("conv2d_input_grad", arrays, options))
        else:
            dy = answer(cases.Problem(f"{layer.kind}_pool2d_grad", {"x": x, "dy": dy}, options))
    return vector(y, grads)


def taped(problem: cases.Problem, convolve, pool, nchw: bool = False):
    """(what to time, its result -> the array to check) on TensorFlow, compiled to a graph.

    The layers are `convolve(layer, x, kernel, bias)` and `pool(layer, x)`, on tensors in the layout asked for.
    """
    import tensorflow as tf

    chain = [
        (layer, tuple(map(tf.Variable, given)))
        for layer, given in zip(problem.options["layers"], weights(problem), strict=True)
    ]
    variables = [variable for _, given in chain for variable in given]

    @tf.function
    def step(y, dy):
        with tf.GradientTape() as tape:
            for layer, given in chain:
                y = convolve(layer, y, *given) if given else pool(layer, y)
        return y, tape.gradient(y, variables, output_gradients=dy)

    def compiled(*inputs):
        graph = step.get_concrete_function(*inputs)
        return lambda: graph(*inputs)

    x, dy = (tf.experimental.dlpack.from_dlpack(array.__dlpack__()) for array in ends(problem, nchw))
    first = compiled(x[:CHECKED], dy[:CHECKED])
    return compiled(x, dy), lambda _: vector(*first(), nchw)
