"""Layers and values of the accuracy sweep, each of which a line of words names."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

SIZES = (1, 1, 1, 2, 2, 3, 3, 4, 5, 6, 7, 8, 11, 14, 19, 28, 56)
CHANNELS = (1, 2, 3, 4, 6, 8, 12, 16, 20, 32, 43, 48, 64, 96, 128, 153, 256, 384, 512, 768, 1024, 1536, 2048)
SIDES = (1, 1, 3, 3, 3, 5, 5, 7, 11)
MOST_NUMBERS, MOST_WORK = 1 << 21, 1 << 27
OPERATIONS = (
    "conv2d",
    "conv2d",
    "conv2d",
    "conv2d",
    "input_grad",
    "kernel_grad",
    "kernel_grad",
    "dense",
    "dense_grads",
    "pooled",
)
VALUES = (
    "normal",
    "normal",
    "kernel_positive",
    "positive",
    "constant",
    "constant",
    "outlier",
    "mean",
    "denormal",
    "huge",
)


@dataclass(frozen=True)
class Layer:
    """A case: an operation on a layer, and what its arrays hold. algorithm None: all of them."""

    operation: str = "conv2d"
    n: int = 1
    h: int = 1
    w: int = 1
    c_in: int = 1
    c_out: int = 1
    k: int = 1
    stride: int = 1
    padding: str = "same"
    groups: int = 1
    data_format: str = "channels_last"
    dtype: str = "float32"
    values: str = "normal"
    seed: int = 0
    precision: str = "highest"
    algorithm: str | None = None

    def __str__(self):
        return " ".join(f"{f.name}={getattr(self, f.name)}" for f in fields(self) if getattr(self, f.name) != f.default)

    @property
    def kernel_shape(self):
        return self.k, self.k, self.c_in // self.groups, self.c_out

    @property
    def out(self):
        """Height and width of the output."""
        if self.padding == "same":
            return -(-self.h // self.stride), -(-self.w // self.stride)
        return (self.h - self.k) // self.stride + 1, (self.w - self.k) // self.stride + 1

    @property
    def pad(self):
        """Rows above and columns to the left, by Keras' rule."""
        if self.padding == "valid":
            return 0, 0
        return tuple(
            max((out - 1) * self.stride + self.k - size, 0) // 2
            for out, size in zip(self.out, (self.h, self.w), strict=True)
        )

    def fits(self):
        """Whether there is an output, and neither arrays nor work are too large for a quick look."""
        if self.padding == "valid" and (self.h < self.k or self.w < self.k):
            return False
        kernel, pixels = np.prod(self.kernel_shape, dtype=float), float(self.n * np.prod(self.out))
        numbers = max(kernel, float(self.n * self.h * self.w * self.c_in), pixels * self.c_out)
        return (
            self.c_in % self.groups == 0
            and self.c_out % self.groups == 0
            and numbers <= MOST_NUMBERS
            and kernel * pixels <= MOST_WORK
        )


def parse(words: str) -> Layer:
    """The layer that str() gave."""
    kinds = {f.name: f.type for f in fields(Layer)}
    given = dict(word.split("=") for word in words.split())
    return Layer(**{name: int(value) if kinds[name] == "int" else value for name, value in given.items()})


def draw(rng: np.random.Generator, **fixed) -> Layer:
    """A random layer that fits."""
    while True:
        pick = {
            name: of[rng.integers(len(of))]
            for name, of in (
                ("operation", OPERATIONS),
                ("values", VALUES),
                ("h", SIZES),
                ("c_in", CHANNELS),
                ("c_out", CHANNELS),
                ("k", SIDES),
                ("n", (1, 1, 1, 2, 8, 33)),
                ("stride", (1, 1, 1, 1, 2)),
                ("padding", ("same", "same", "valid")),
                ("data_format", ("channels_last", "channels_first")),
                ("dtype", ("float32", "float32", "float32", "float64")),
                ("precision", ("highest", "highest", "highest", "high")),
            )
        }
        pick["w"] = pick["h"] if rng.integers(2) else SIZES[rng.integers(len(SIZES))]
        kind = rng.integers(8)  # most layers have one group
        if kind == 0:
            pick["groups"] = pick["c_out"] = pick["c_in"]
        elif kind == 1:
            pick["groups"] = 2
        pick.update(fixed)
        if pick["operation"] == "input_grad" or (pick["operation"] == "kernel_grad" and kind > 0):
            pick["groups"] = 1
        layer = Layer(seed=int(rng.integers(1 << 31)), **pick)
        if layer.fits():
            return layer


def array(rng: np.random.Generator, layer: Layer, shape, is_kernel: bool):
    """What `layer.values` says: of x (or dy), or of the kernel (or what the gradients sum it with)."""
    values = layer.values
    if values == "constant":
        numbers = np.full(shape, 1 + rng.random())
    else:
        numbers = rng.standard_normal(shape, dtype=np.float32 if layer.dtype == "float32" else np.float64)
    if values == "positive" or (values == "kernel_positive" and is_kernel):
        numbers = abs(numbers)
    elif values == "outlier" and not is_kernel:
        numbers.reshape(-1)[rng.integers(numbers.size)] = 1e6
    elif values == "mean" and not is_kernel:
        numbers += 1000
    smallest = layer.dtype == "float32"
    if values == "denormal" and not is_kernel:
        numbers = numbers * (1e-39 if smallest else 1e-309)
    elif values == "huge":
        numbers = numbers * ((1e3 if smallest else 1e20) if is_kernel else (1e29 if smallest else 1e270))
    return numbers.astype(layer.dtype)
