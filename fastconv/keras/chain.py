"""A convolution computed together with the normalization, addition, activation and pooling that follow it in a graph;
likewise a normalization with its activation.

`graphs.py` finds the chains, for `accelerate` and under `patch_keras`. The graph runs through its layers as ever, but
the layer at the head of a chain may take the work of the layers after it; those then give back what they are given.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import NamedTuple

import keras

from . import _ops, base

_current: ContextVar[Run | None] = ContextVar("fastconv_chains", default=None)


class Followers(NamedTuple):
    """The layers after the head of a chain that may be computed with it."""

    normalization: keras.layers.Layer | None
    addition: keras.layers.Layer | None
    activation: keras.layers.Layer | None
    pool: keras.layers.Layer | None
    place: int = 0  # of this chain among the addition's inputs
    other: object = None  # the operation that the other of them comes from


class Run:
    """One pass through a graph: what the heads of chains have computed beyond themselves."""

    def __init__(self, chains: dict[int, Followers]):
        self._chains = chains  # by the id of the head
        self._done: dict[int, int | None] = {}  # layers computed before their turn; which input holds their result
        self._wanted = {id(chain.other) for chain in chains.values() if chain.addition}
        self._results: dict[int, object] = {}  # of those, by the id of the operation

    def substitute(self, operation, function):
        """What the graph calls in the place of `function`, which is the call of an operation or stands for it."""

        def call(*args, **kwargs):
            if id(operation) in self._done:
                place = self._done[id(operation)]
                result = args[0] if place is None else args[0][place]
            else:
                result = self._call(operation, function, args, kwargs)
            self._keep(operation, result)
            return result

        return call

    def _call(self, operation, function, args, kwargs):
        if id(operation) not in self._chains:
            return function(*args, **kwargs)
        token = _current.set(self)
        try:
            result = function(*args, **kwargs)
        finally:
            _current.reset(token)
        for follower in self._chains[id(operation)][:4]:
            if id(follower) in self._done:
                self._keep(follower, result)
        return result

    def _keep(self, operation, result) -> None:
        if id(operation) in self._wanted:
            self._results[id(operation)] = result

    def take_normalization(self, head, x) -> dict[str, object]:
        """The keywords of the normalization after head, and of an addition, which head now has to compute.

        In training there are none, but with a frozen layer: the moments are those of the result, which nobody knows
        yet.
        """
        chain = self._chains[id(head)]
        layer = chain.normalization
        if (
            layer is None
            or _ops.conv2d_normalized is None
            or (layer.trainable and head._get_call_context().get_value("training"))
            or keras.backend.standardize_dtype(x.dtype) not in ("float32", "float64")
        ):
            return {}
        self._done[id(layer)] = None
        variables = {
            "mean": layer.moving_mean,
            "variance": layer.moving_variance,
            "gamma": layer.gamma,
            "beta": layer.beta,
        }
        keywords = {
            key: None if variable is None else keras.ops.cast(variable, x.dtype) for key, variable in variables.items()
        }
        if chain.addition and id(chain.other) in self._results:
            self._done[id(chain.addition)] = chain.place
            keywords["added"] = self._results[id(chain.other)]
        return keywords | {"epsilon": layer.epsilon}

    def _done_before(self, head, kind: str) -> bool:
        """Whether head computes all layers between it and the one of this kind."""
        followers = self._chains[id(head)]
        between = followers[: followers._fields.index(kind)]
        return all(layer is None or id(layer) in self._done for layer in between)

    def take_activation(self, head) -> tuple[str, float] | None:
        """(name, alpha) of the activation layer after head, which now has to compute it."""
        layer = self._chains[id(head)].activation
        known = None if layer is None else layer.known()
        if known is None or not base.is_fusable(*known) or not self._done_before(head, "activation"):
            return None
        self._done[id(layer)] = None
        return known

    def take_pool(self, head) -> dict[str, object]:
        """The keywords of the pooling layer after head, which now has to compute it.

        None in training or under a tape: the gradients would compute the convolution again.
        """
        normalization, _, _, pool, *_ = self._chains[id(head)]
        if (
            pool is None
            or normalization
            or not self._done_before(head, "pool")
            or _ops.conv2d_pool2d is None
            or min(pool.strides) < 1
            or pool.data_format != head.data_format
            or head._get_call_context().get_value("training")
            or _ops.is_recorded()
        ):
            return {}
        self._done[id(pool)] = None
        return {
            "pool": "max" if pool.pool_mode == "max" else "avg",
            "pool_size": pool.pool_size,
            "pool_strides": pool.strides,
            "pool_padding": pool.padding,
        }


def current_run(layer) -> Run | None:
    """The run that calls this layer as the head of a chain."""
    run = _current.get()
    # What is done again for a gradient is done outside of the run.
    return run if run is not None and id(layer) in run._chains and getattr(layer, "_remat_mode", None) is None else None
