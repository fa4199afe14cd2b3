"""A convolution computed together with the normalization, activation and pooling that a model's graph has after it.

`graphs.py` finds the chains, for `accelerate` and under `patch_keras`. The graph runs through its layers as ever, but
a convolution at the head of a chain may take the work of the layers after it; those then give back what they are given.
"""
from __future__ import annotations

from contextvars import ContextVar
from typing import NamedTuple

import keras

from . import _ops, base

_current: ContextVar[Run | None] = ContextVar("fastconv_chains", default=None)


class Followers(NamedTuple):
    """The layers after a convolution that may be computed with it."""

    normalization: keras.layers.Layer | None
    activation: keras.layers.Layer | None
    pool: keras.layers.Layer | None


class Run:
    """One pass through a graph: what its convolutions have computed beyond themselves."""

    def __init__(self, chains: dict[int, Followers]):
        self._chains = chains       # by the id of the convolution
        self._done: set[int] = set()

    def substitute(self, layer, function):
        """What the graph calls in the place of `function`, which is the call of a layer or stands for it."""
        if id(layer) in self._chains:
            return lambda *args, **kwargs: self._call_head(function, args, kwargs)
        return lambda *args, **kwargs: args[0] if id(layer) in self._done else function(*args, **kwargs)

    def _call_head(self, function, args, kwargs):
        token = _current.set(self)
        try:
            return function(*args, **kwargs)
        finally:
            _current.reset(token)

    def take_normalization(self, head, x, bias) -> tuple[dict[str, object], object]:
        """The keywords and the bias of head with the normalization after it, which now has to compute it.

        In training there are none: the moments are those of the result, which nobody knows yet.
        """
        layer = self._chains[id(head)].normalization
        if (layer is None or _ops.conv2d_scaled is None or head._get_call_context().get_value("training")
                or keras.backend.standardize_dtype(x.dtype) not in ("float32", "float64")):
            return {}, bias
        self._done.add(id(layer))
        gamma, beta, mean, variance = (
            None if variable is None else keras.ops.cast(variable, x.dtype)
            for variable in (layer.gamma, layer.beta, layer.moving_mean, layer.moving_variance))
        scale = keras.ops.rsqrt(variance + layer.epsilon)
        scale = scale if gamma is None else scale * gamma
        shift = (-mean if bias is None else bias - mean) * scale
        return {"scale": scale}, shift if beta is None else shift + beta

    def _done_before(self, head, kind: str) -> bool:
        """Whether head computes all layers between it and the one of this kind."""
        followers = self._chains[id(head)]
        between = followers[:followers._fields.index(kind)]
        return all(layer is None or id(layer) in self._done for layer in between)

    def take_activation(self, head) -> tuple[str, float] | None:
        """(name, alpha) of the activation layer after head, which now has to compute it."""
        layer = self._chains[id(head)].activation
        known = None if layer is None else layer.known()
        if known is None or not base.is_fusable(*known) or not self._done_before(head, "activation"):
            return None
        self._done.add(id(layer))
        return known

    def take_pool(self, head) -> dict[str, object]:
        """The keywords of the pooling layer after head, which now has to compute it; none in training."""
        normalization, _, pool = self._chains[id(head)]
        if (pool is None or normalization or not self._done_before(head, "pool") or _ops.conv2d_pool2d is None
                or min(pool.strides) < 1 or pool.data_format != head.data_format
                or head._get_call_context().get_value("training")):
            return {}
        self._done.add(id(pool))
        return {"pool": "max" if pool.pool_mode == "max" else "avg", "pool_size": pool.pool_size,
                "pool_strides": pool.strides, "pool_padding": pool.padding}


def current_run(layer) -> Run | None:
    """The run that calls this layer as the head of a chain."""
    run = _current.get()
    # What is done again for a gradient is done outside of the run.
    return run if run is not None and id(layer) in run._chains and getattr(layer, "_remat_mode", None) is None else None
