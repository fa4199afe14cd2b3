"""LeNet in plain JAX, trained twice from the same weights: on jax.lax, and on fastconv.jax.lax in its place.

`python examples/jax_lenet.py --epochs 2`; needs JAX, and nothing of Keras.
"""

from __future__ import annotations

import sys
import time
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import fastconv.jax.lax

sys.path.insert(0, str(Path(__file__).parent / "networks"))
from data import load_mnist, options

BATCH, RATE, MOMENTUM = 64, 0.05, 0.9
SHAPES = {"conv1": (5, 5, 1, 6), "conv2": (5, 5, 6, 16), "dense1": (784, 84), "dense2": (84, 10)}
NHWC = ("NHWC", "HWIO", "NHWC")


def initial_weights() -> dict:
    """A kernel, Glorot's uniform, and a bias of zeros for each layer."""
    rng, weights = np.random.default_rng(0), {}
    for name, shape in SHAPES.items():
        fans = np.prod(shape[:-2]) * (shape[-2] + shape[-1])
        limit = np.sqrt(6 / fans)
        kernel = rng.uniform(-limit, limit, shape).astype(np.float32)
        weights[name] = jnp.asarray(kernel), jnp.zeros(shape[-1])
    return weights


def logits(lax, weights, x):
    """Of images (n, 28, 28, 1); `lax` is the module that convolves and pools."""
    for name in ("conv1", "conv2"):
        kernel, bias = weights[name]
        x = jax.nn.relu(lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=NHWC) + bias)
        x = lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    x = x.reshape(len(x), -1)
    for name in ("dense1", "dense2"):
        kernel, bias = weights[name]
        x = x @ kernel + bias
        x = jax.nn.relu(x) if name == "dense1" else x
    return x


def loss(lax, weights, x, y):
    """The mean cross-entropy."""
    return -jnp.take_along_axis(jax.nn.log_softmax(logits(lax, weights, x)), y[:, None], 1).mean()


@partial(jax.jit, static_argnums=0, donate_argnums=(1, 2))
def step(lax, weights, velocity, x, y):
    """One step of gradient descent with momentum."""
    value, gradients = jax.value_and_grad(partial(loss, lax))(weights, x, y)
    velocity = jax.tree.map(lambda v, g: MOMENTUM * v - RATE * g, velocity, gradients)
    return value, jax.tree.map(jnp.add, weights, velocity), velocity


def train(lax, train_set, test_set, epochs: int) -> tuple[list[float], float, float]:
    """Losses of the epochs, the accuracy on the test set, and the seconds of an epoch."""
    x, y = train_set
    weights = initial_weights()
    velocity = jax.tree.map(jnp.zeros_like, weights)
    order, losses = np.random.default_rng(1), []
    step(lax, *jax.tree.map(jnp.copy, (weights, velocity)), x[:BATCH], y[:BATCH])  # compiles
    start = time.perf_counter()
    for _ in range(epochs):
        values = []
        for rows in order.permutation(len(x))[: len(x) // BATCH * BATCH].reshape(-1, BATCH):
            value, weights, velocity = step(lax, weights, velocity, x[rows], y[rows])
            values.append(value)
        losses.append(float(np.mean(values)))
    seconds = (time.perf_counter() - start) / epochs
    x, y = test_set
    return losses, float((logits(lax, weights, x).argmax(1) == y).mean()), seconds


def main() -> None:
    args = options(__doc__, 2)
    train_set, test_set = load_mnist(args.data, args.images)
    for name, lax in (("jax.lax", jax.lax), ("fastconv.jax.lax", fastconv.jax.lax)):
        losses, accuracy, seconds = train(lax, train_set, test_set, args.epochs)
        shown = " ".join(f"{value:.4f}" for value in losses)
        print(f"{name:18} losses {shown}, accuracy {accuracy:.4f}, {seconds:.2f} s an epoch")


if __name__ == "__main__":
    main()
