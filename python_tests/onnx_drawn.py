"""Drawn ONNX models of channels_first images."""

import numpy as np
from hypothesis import strategies as st
from onnx import helper
from test_onnx import drawn, model

__all__ = ["models"]


class Drawing:
    """A model, a node at a time; `values` are its images, as (name, channels, height, width)."""

    def __init__(self, draw):
        self.draw, self.nodes, self.weights = draw, [], {}
        self.values = [("x", 3, 8, 8)]

    def pick(self, choices):
        return self.draw(st.sampled_from(choices))

    def constant(self, array):
        name = f"w{len(self.weights)}"
        self.weights[name] = np.asarray(array)
        return name

    def weight(self, *shape):
        scale = np.sqrt(max(1, np.prod(shape[1:])))
        return self.constant((drawn(*shape, seed=len(self.weights)) / scale).astype(np.float32))

    def add(self, op, inputs, *size, **attributes):
        """A node; what it gives joins the images if it has a size."""
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], name, **attributes))
        if size:
            self.values.append((name, *size))
        return name

    def step(self):
        """One node or two, of images that there are."""
        getattr(self, self.pick(STEPS))(*self.pick(self.values))

    def conv(self, name, c, h, w):
        out, taps = self.pick([2, 4]), self.pick([1, 3])
        self.add("Conv", (name, self.weight(out, c, taps, taps), self.weight(out)), out, h, w, auto_pad="SAME_UPPER")

    def pool(self, name, c, h, w):
        self.add(
            self.pick(["MaxPool", "AveragePool"]),
            (name,),
            c,
            (h + 1) // 2,
            (w + 1) // 2,
            kernel_shape=[2, 2],
            strides=[2, 2],
            auto_pad="SAME_UPPER",
        )

    def binary(self, name, c, h, w):
        other = self.pick([value[0] for value in self.values if value[1:] == (c, h, w)])
        self.add(self.pick(["Add", "Mul", "Sub", "Max"]), (name, other), c, h, w)

    def with_constant(self, name, c, h, w):
        shape = self.pick([(c, 1, 1), (1, c, 1, 1), (h, w), (w,), (), (c, h, 1)])
        self.add(self.pick(["Add", "Mul", "Sub"]), self.draw(st.permutations([name, self.weight(*shape)])), c, h, w)

    def unary(self, name, *size):
        self.add(self.pick(["Relu", "Sigmoid", "Neg", "Tanh", "Identity"]), (name,), *size)

    def concat(self, name, c, h, w):
        other, channels = self.pick([value[:2] for value in self.values if value[2:] == (h, w)])
        self.add("Concat", (name, other), c + channels, h, w, axis=1)

    def split(self, name, c, h, w):
        sizes = self.constant([1, w - 1])
        low, high = (f"v{len(self.nodes)}{end}" for end in ("a", "b"))
        self.nodes.append(helper.make_node("Split", [name, sizes], [low, high], low, axis=3))
        self.values += [(low, c, h, 1), (high, c, h, w - 1)] if w > 1 else []

    def cut(self, name, c, h, w):
        ends = (self.constant([number]) for number in (0, max(h - 1, 1), self.pick([2, -2])))
        self.add("Slice", (name, *ends), c, max(h - 1, 1), w)

    def pad(self, name, c, h, w):
        self.add("Pad", (name, self.constant([0, 1, 0, 0, 0, 0, 0, 2])), c + 1, h, w + 2)

    def gate(self, name, *size):
        mean = self.add(self.pick(["GlobalAveragePool", "GlobalMaxPool"]), (name,), size[0], 1, 1)
        self.add("Mul", (name, mean), *size)

    def norm(self, name, c, h, w):
        statistics = [self.weight(c), self.weight(c), self.weight(c), self.constant(np.linspace(0.5, 1, c, dtype="f4"))]
        self.add("BatchNormalization", (name, *statistics), c, h, w)

    def softmax(self, name, *size):
        self.add("Softmax", (name,), *size, axis=self.pick([1, -1, 2]))

    def reduce(self, name, *size):
        mean = self.add("ReduceMean", (name,), keepdims=1, axes=[self.pick([1, 2, -1])])
        self.add("Add", (name, mean), *size)

    def transpose(self, name, c, h, w):
        self.add("Transpose", (name,), c, w, h, perm=[0, 1, 3, 2])

    def lrn(self, name, *size):
        self.add("LRN", (name,), *size, size=3, alpha=0.1)

    def upsample(self, name, c, h, w):
        scales = self.constant(np.float32([1, 1, 2 if h < 16 else 1, 1]))
        self.add(
            "Resize",
            (name, "", scales),
            c,
            2 * h if h < 16 else h,
            w,
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        )

    def end(self):
        """The outputs: rows of a dense layer of the last images, and some images."""
        name, c, h, w = self.values[-1]
        rows = self.add(*self.pick([("Flatten", (name,)), ("Reshape", (name, self.constant([0, -1])))]))
        logits = self.add("Gemm", (rows, self.weight(3, c * h * w), self.weight(3)), transB=1)
        images = st.sampled_from([value[0] for value in self.values[1:]])
        return [logits, *sorted(self.draw(st.sets(images, max_size=3)))]


STEPS = (
    "conv",
    "conv",
    "pool",
    "binary",
    "with_constant",
    "unary",
    "concat",
    "split",
    "cut",
    "pad",
    "gate",
    "norm",
    "softmax",
    "reduce",
    "transpose",
    "lrn",
    "upsample",
)


@st.composite
def models(draw):
    """A model that begins with a convolution of "x", of shape (n, 3, 8, 8), and ends with a dense layer."""
    drawing = Drawing(draw)
    drawing.conv(*drawing.values[0])
    for _ in range(draw(st.integers(1, 8))):
        drawing.step()
    outputs = drawing.end()
    return model(drawing.nodes, {"x": ["n", 3, 8, 8]}, outputs, drawing.weights)
