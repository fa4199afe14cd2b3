"""Keras models that Hypothesis draws, to be built of stock layers or of fastconv's; on any backend of Keras.

A `Recipe` is numbers only: which tensor of those there are a layer takes is a remainder, so that each is a model.
"""

from __future__ import annotations

from typing import NamedTuple

import keras
import numpy as np
from hypothesis import strategies as st

ACTIVATIONS = [None, "relu", "tanh", "gelu", "elu", "softplus", "leaky_relu", "silu", "relu6"]
MERGES = ["Add", "Multiply", "Subtract", "Average", "Concatenate"]


class Step(NamedTuple):
    """A layer: its kind, the tensors it takes, counted from the last, and numbers for its arguments."""

    kind: str
    first: int
    second: int
    numbers: tuple[int, int, int]
    frozen: bool


class Recipe(NamedTuple):
    sequential: bool
    inputs: int
    channels_first: bool
    shape: tuple[int, int, int]  # of an input: height, width, channels
    steps: tuple[Step, ...]
    outputs: int
    seed: int


ONCE = ["pad", "leaky", "prelu", "softmax", "max", "average"]
SHARED = ["conv", "depthwise", "separable", "transpose", "norm", "activation", "relu", "dropout", "inner"]
KINDS = [*SHARED, *ONCE, "conv", "conv", "norm", "activation", "merge", "merge", "merge", "again", "again"]
_small = st.integers(0, 11)
_steps = st.builds(
    Step,
    st.sampled_from(KINDS),
    st.sampled_from([0, 0, 0, 1, 2]),
    _small,
    st.tuples(_small, _small, _small),
    st.sampled_from([False, False, False, True]),
)
recipes = st.builds(
    Recipe,
    st.sampled_from([False, False, True]),
    st.integers(1, 2),
    st.just(False) if keras.backend.backend() == "tensorflow" else st.sampled_from([False, False, True]),
    st.tuples(st.integers(4, 8), st.integers(4, 8), st.integers(1, 3)),
    st.lists(_steps, min_size=2, max_size=7).map(tuple),
    st.integers(1, 2),
    st.integers(0, 2**16),
)


def _sizes(x, first: bool):
    """(height, width, channels)."""
    _, *size = x.shape
    return (*size[1:], size[0]) if first else tuple(size)


class _Builder:
    """Makes the layers of a recipe, one after the other."""

    def __init__(self, recipe: Recipe, layers):
        self.layers, self.recipe = layers, recipe
        self.first = recipe.channels_first
        self.format = {"data_format": "channels_first" if self.first else "channels_last"}
        self.used = []  # layers with the channels that they take

    def layer(self, step: Step, x):
        """The layer that a step puts on x."""
        made = getattr(self, step.kind)(step, *_sizes(x, self.first))
        made.trainable = not step.frozen
        if step.kind in SHARED:
            self.used.append((made, step.kind, _sizes(x, self.first)))
        return made

    def _window(self, step, h, w):
        size, stride, padding = (n % m for n, m in zip(step.numbers, (3, 4, 2), strict=True))
        size = min(size + 1, h, w)
        # TensorFlow's own gradient of a strided 1x1 convolution writes out of bounds.
        stride = 2 if stride == 3 and size > 1 else 1
        return {"kernel_size": size, "strides": stride, "padding": ("same", "valid")[padding], **self.format}

    def conv(self, step, h, w, c):
        a, b, _ = step.numbers
        groups = 2 if c % 2 == 0 and step.second % 3 == 0 else 1
        filters = 2 + 2 * (a % 2) if groups == 2 else 2 + b % 3
        window = self._window(step, h, w)
        if step.second % 5 == 4:
            window |= {"strides": 1, "dilation_rate": 2, "padding": "same"}
        return self.layers.Conv2D(
            filters, activation=ACTIVATIONS[step.second % 9], use_bias=step.second % 4 != 1, groups=groups, **window
        )

    def depthwise(self, step, h, w, c):
        return self.layers.DepthwiseConv2D(depth_multiplier=1 + step.second % 2, **self._window(step, h, w))

    def separable(self, step, h, w, c):
        return self.layers.SeparableConv2D(
            2 + step.second % 3, activation=ACTIVATIONS[step.second % 9], **self._window(step, h, w)
        )

    def transpose(self, step, h, w, c):
        return self.layers.Conv2DTranspose(
            2 + step.second % 3, activation=ACTIVATIONS[step.second % 9], **self._window(step, h, w)
        )

    def norm(self, step, h, w, c):
        return self.layers.BatchNormalization(
            axis=1 if self.first else -1, scale=step.second % 3 != 0, center=step.second % 4 != 0
        )

    def activation(self, step, h, w, c):
        return self.layers.Activation(ACTIVATIONS[step.second % 9] or "sigmoid")

    def relu(self, step, h, w, c):
        return self.layers.ReLU(*[(), (6.0,), (None, 0.25), (1.5, 0.1, 0.2)][step.second % 4])

    def pad(self, step, h, w, c):
        a, b, c = step.numbers
        return self.layers.ZeroPadding2D(((a % 2, b % 2), (c % 3, a % 3)), **self.format)

    def leaky(self, step, h, w, c):
        return self.layers.LeakyReLU(0.1 + 0.1 * (step.second % 3))

    def prelu(self, step, h, w, c):
        return self.layers.PReLU(alpha_initializer="ones", shared_axes=[1, 2])

    def softmax(self, step, h, w, c):
        return self.layers.Softmax(axis=[-1, 1, 2][step.second % 3])

    def dropout(self, step, h, w, c):
        return self.layers.Dropout(0.25, seed=self.recipe.seed + step.second)

    def max(self, step, h, w, c):
        return self.layers.MaxPooling2D(*self._pool(step, h, w), **self.format)

    def average(self, step, h, w, c):
        return self.layers.AveragePooling2D(*self._pool(step, h, w), **self.format)

    @staticmethod
    def _pool(step, h, w):
        size = min(2 + step.numbers[0] % 2, h, w)
        return size, 1 + step.numbers[1] % 2, ("same", "valid")[step.numbers[2] % 2]

    def inner(self, step, h, w, c):
        """A model as a layer."""
        inside = keras.Input((c, h, w) if self.first else (h, w, c))
        y = self.conv(step, h, w, c)(inside)
        return keras.Model(inside, self.relu(step, h, w, c)(self.norm(step, h, w, c)(y)))


def _merged(builder: _Builder, step: Step, x, nodes):
    """x with another tensor, or twice x."""
    name = MERGES[step.numbers[0] % len(MERGES)]
    same = [node for node in nodes if node.shape == x.shape]
    other = same[step.second % len(same)]
    layer = getattr(builder.layers, name)
    if name == "Concatenate":
        return layer(axis=1 if builder.first else -1)([x, other])
    return layer()([x, other])


def _again(builder: _Builder, step: Step, x):
    """x through a layer that there is already; None without any for its sizes."""
    size = _sizes(x, builder.first)
    fitting = [
        layer
        for layer, kind, seen in builder.used
        if seen == size or (kind == "conv" and seen[2:] == size[2:] and min(size[:2]) >= 3)
    ]
    return fitting[step.second % len(fitting)](x) if fitting else None


def _functional(recipe: Recipe, layers):
    h, w, c = recipe.shape
    builder = _Builder(recipe, layers)
    inputs = [keras.Input((c, h, w) if recipe.channels_first else (h, w, c)) for _ in range(recipe.inputs)]
    nodes = list(inputs)
    for step in recipe.steps:
        x = nodes[-1 - step.first % len(nodes)]
        if step.kind == "merge":
            y = _merged(builder, step, x, nodes)
        elif step.kind == "again":
            y = _again(builder, step, x)
        else:
            y = builder.layer(step, x)(x)
        if y is not None:
            nodes.append(y)
    last = nodes[-1]
    for node in nodes[: len(inputs)]:  # Every input has a part in the last tensor.
        if node.shape == last.shape:
            last = layers.Add()([last, node])
        else:
            scale = layers.GlobalAveragePooling2D(keepdims=True, **builder.format)(node)
            scale = layers.Conv2D(_sizes(last, builder.first)[2], 1, **builder.format)(scale)
            last = layers.Multiply()([last, scale])
    outputs = [layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling2D(**builder.format)(last))]
    if recipe.outputs == 2:
        outputs.append(layers.Conv2D(2, 1, **builder.format)(nodes[len(nodes) // 2]))
    return keras.Model(*(parts if len(parts) > 1 else parts[0] for parts in (inputs, outputs)))


def _sequential(recipe: Recipe, layers):
    h, w, c = recipe.shape
    builder = _Builder(recipe, layers)
    x = keras.KerasTensor((None, c, h, w) if recipe.channels_first else (None, h, w, c))
    model = keras.Sequential([keras.Input(x.shape[1:])])
    for step in recipe.steps:
        if step.kind not in ("merge", "again"):
            model.add(builder.layer(step, x))
            x = keras.KerasTensor(model.output_shape)
    model.add(layers.Flatten())
    model.add(layers.Dense(3, activation="tanh"))
    return model


def build(recipe: Recipe, layers):
    """The model of a recipe, with weights that its seed tells."""
    model = (_sequential if recipe.sequential else _functional)(recipe, layers)
    rng = np.random.default_rng(recipe.seed)
    for variable in model.weights:
        if "seed" in variable.path:
            continue
        values = rng.standard_normal(variable.shape) / max(1.0, np.prod(variable.shape[:-1])) ** 0.5
        variable.assign(np.abs(values) + 0.5 if "variance" in variable.path else values)
    return model


def batch(recipe: Recipe, model, count: int = 3):
    """Inputs, as one array that has the channels of all, and targets of the model's outputs."""
    h, w, c = recipe.shape
    rng = np.random.default_rng(recipe.seed + 1)
    c *= len(model.inputs)
    x = rng.standard_normal((count, c, h, w) if recipe.channels_first else (count, h, w, c)).astype("float32")
    targets = [rng.standard_normal((count, *y.shape[1:])).astype("float32") for y in model.outputs]
    return x, targets


class Whole:
    """A model as a function of one array, with one result."""

    def __init__(self, model, recipe: Recipe, training: bool):
        self.model, self.training = model, training
        self.axis = 1 if recipe.channels_first else -1
        self.compute_dtype = "float32"

    @property
    def trainable_weights(self):
        return self.model.trainable_weights

    def parts(self, x):
        return keras.ops.split(x, len(self.model.inputs), self.axis) if len(self.model.inputs) > 1 else x

    def __call__(self, x):
        y = self.model(self.parts(x), training=self.training)
        flat = [keras.ops.reshape(part, (part.shape[0], -1)) for part in (y if isinstance(y, (list, tuple)) else [y])]
        return keras.ops.concatenate(flat, 1)
