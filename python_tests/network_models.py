"""Keras models for the tests of networks: weights are drawn, also those that training moves."""

from __future__ import annotations

import io

import keras
import numpy as np

import fastconv


def moved(model, seed=0):
    """The model with weights drawn so that outputs stay of the size of inputs."""
    rng = np.random.default_rng(seed)
    for variable in model.variables:
        shape, name = tuple(variable.shape), variable.name
        # Normalization copies its own when it adapts.
        if name in ("mean", "variance") or "seed" in name or not str(variable.dtype).startswith(("float", "bfloat")):
            continue
        values = rng.standard_normal(shape)
        if name in ("moving_variance", "gamma"):
            values = 0.5 + rng.random(shape)
        elif len(shape) > 1:
            values *= 1.4 / np.sqrt(np.prod(shape[:-1]))
        else:
            values *= 0.2
        variable.assign(values.astype(np.float32))
    return model


def saved(model, suffix, folder):
    """A file of the model, in memory."""
    path = folder / f"model{suffix}"
    model.save(path)
    return io.BytesIO(path.read_bytes())


def inputs(model, images=3, seed=1):
    rng = np.random.default_rng(seed)
    return [
        rng.standard_normal([images if size is None else size for size in tensor.shape]).astype(np.float32)
        for tensor in model.inputs
    ]


def assert_same(model, net, x, tolerance=1e-5):
    """The network's outputs are the model's, relative to the largest number of each."""
    wanted = keras.tree.flatten(model(x if len(x) > 1 else x[0], training=False))
    found = net(*x)
    found = found if isinstance(found, list) else [found]
    assert len(found) == len(wanted)
    for a, b in zip(wanted, found, strict=True):
        a = np.asarray(a)
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        largest = np.abs(a[np.isfinite(a)]).max(initial=1e-30)
        np.testing.assert_allclose(b, a, rtol=0, atol=tolerance * largest)


def assert_reads(model, tmp_path, suffixes=(".keras",), tolerance=1e-5, change=lambda x: x):
    """The same through files, and of the live model; `change` is made to inputs."""
    x = change(inputs(model))
    assert_same(model, fastconv.from_keras(model), x, tolerance)
    for suffix in suffixes:
        assert_same(model, fastconv.load(saved(model, suffix, tmp_path)), x, tolerance)
