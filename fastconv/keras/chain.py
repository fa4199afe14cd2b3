"""A convolution computed together with the normalization, addition, activation and pooling that follow it in a graph,
and with the zeros put around its input; likewise a normalization with its activation.

`graphs.py` finds the chains, for `accelerate` and under `patch_keras`. The graph runs through its layers as ever, but
the layer at the head of a chain may take the work of the layers after it; those then give back what they are given.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, NamedTuple

import keras

from . import _ops, base

_current: ContextVar[Run | None] = ContextVar("fastconv_chains", default=None)


class Chain(NamedTuple):
    """The layers after the head of a chain, and the one before it, that may be computed with it."""

    normalization: keras.layers.Layer | None = None
    addition: keras.layers.Layer | None = None
    activation: keras.layers.Layer | None = None
    pool: keras.layers.Layer | None = None
    place: int = 0  # of this chain among the addition's inputs
    other: object = None  # the operation that the other of them comes from
    padding: keras.layers.Layer | None = None  # before the head

    @property
    def followers(self) -> Any:
        return self[:4]


class Run:
    """One pass through a graph: what the heads of chains have computed beyond themselves."""

    def __init__(self, chains: dict[int, Chain]) -> None:
        self._chains = chains  # by the id of the head
        self._paddings = {id(chain.padding) for chain in chains.values() if chain.padding}
        self._postponed: set[int] = set()  # those of them whose zeros the head has to put in
        self._done: dict[int, int | None] = {}  # layers computed before their turn; which input holds their result
        self._wanted = {id(chain.other) for chain in chains.values() if chain.addition}
        self._results: dict[int, object] = {}  # of those, by the id of the operation

    def substitute(self, operation: Any, function: Any) -> Any:
        """What the graph calls in the place of `function`, which is the call of an operation or stands for it."""

        def call(*args: Any, **kwargs: Any) -> Any:
            if id(operation) in self._done:
                place, given = self._done[id(operation)], _input_of(args, kwargs)
                result = given if place is None else given[place]
            else:
                result = self._call(operation, function, args, kwargs)
            self._keep(operation, result)
            return result

        return call

    def _call(self, operation: Any, function: Any, args: Any, kwargs: Any) -> Any:
        if id(operation) in self._paddings and _is_plain(_input_of(args, kwargs)):
            self._postponed.add(id(operation))
            return _input_of(args, kwargs)
        if id(operation) not in self._chains:
            return function(*args, **kwargs)
        token = _current.set(self)
        try:
            result = function(*args, **kwargs)
        finally:
            _current.reset(token)
        for follower in self._chains[id(operation)].followers:
            if id(follower) in self._done:
                self._keep(follower, result)
        return result

    def _keep(self, operation: Any, result: Any) -> None:
        if id(operation) in self._wanted:
            self._results[id(operation)] = result

    def take_padding(self, head: Any) -> Any:
        """The layer before head whose zeros head now has to put around its input, if there is one."""
        padding = self._chains[id(head)].padding
        return padding if id(padding) in self._postponed else None

    def take_normalization(self, head: Any, x: Any) -> dict[str, object]:
        """The keywords of the normalization after head, which head now has to compute.

        In training there are none, but with a frozen layer: the moments are those of the result, which nobody knows
        yet.
        """
        chain = self._chains[id(head)]
        layer = chain.normalization
        if (
            layer is None
            or _ops.conv2d_normalized is None
            or (layer.trainable and head._get_call_context().get_value("training"))
            or not _is_full_float(x)
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
        return keywords | {"epsilon": layer.epsilon}

    def take_addition(self, head: Any, x: Any) -> dict[str, object]:
        """The keyword of the addition after head, which head now has to compute."""
        chain = self._chains[id(head)]
        if (
            chain.addition is None
            or _ops.conv2d_added is None
            or id(chain.other) not in self._results
            or not self._done_before(head, "addition")
            or not _is_full_float(x)
        ):
            return {}
        self._done[id(chain.addition)] = chain.place
        return {"added": self._results[id(chain.other)]}

    def _done_before(self, head: Any, kind: str) -> bool:
        """Whether head computes all layers between it and the one of this kind."""
        chain = self._chains[id(head)]
        between = chain[: chain._fields.index(kind)]
        return all(layer is None or id(layer) in self._done for layer in between)

    def take_activation(self, head: Any) -> tuple[str, float] | None:
        """(name, alpha) of the activation layer after head, which now has to compute it."""
        layer = self._chains[id(head)].activation
        known = None if layer is None else layer.known()
        if known is None or not base.is_fusable(*known) or not self._done_before(head, "activation"):
            return None
        self._done[id(layer)] = None
        result: tuple[str, float] | None = known
        return result

    def take_pool(self, head: Any) -> dict[str, object]:
        """The keywords of the pooling layer after head, which now has to compute it.

        None in training or under a tape: the gradients would compute the convolution again.
        """
        normalization, addition, _, pool, *_ = self._chains[id(head)]
        if (
            pool is None
            or normalization
            or addition
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


def _input_of(args: Any, kwargs: Any) -> Any:
    """What a layer is called on."""
    return args[0] if args else kwargs["inputs"]


def _is_full_float(x: Any) -> bool:
    """Whether the ops that do more than convolve take x."""
    return keras.backend.standardize_dtype(x.dtype) in ("float32", "float64")


def _is_plain(x: Any) -> bool:
    """Whether x is a tensor of numbers that no mask goes with."""
    return not isinstance(x, keras.KerasTensor) and getattr(x, "_keras_mask", None) is None


def current_run(layer: Any) -> Run | None:
    """The run that calls this layer as the head of a chain."""
    run = _current.get()
    # What is done again for a gradient is done outside of the run.
    return run if run is not None and id(layer) in run._chains and getattr(layer, "_remat_mode", None) is None else None
