"""Several steps of `fit`, `evaluate` and `predict` in one call of TensorFlow, which costs more than a small step.

Only where Keras runs on TensorFlow. The steps are the same, in the same order, on the same batches; Python just sees
fewer of them, about one in the time after which Keras' progress bar is drawn again.
"""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from typing import Any, NamedTuple

import keras
from keras.src.utils.python_utils import is_default

from . import _ops
from .arrays import array_batches
from .predict_on_batch import direct_predict_on_batch, keep_direct

__all__ = ["group_steps", "sees_batches", "ungroup_steps"]

_SECONDS = 0.05  # what a group may take: the interval of Keras' progress bar
_MOST = 64
MARK = "_fastconv_takes_groups"  # of functions, and of what makes them; others may be somebody else's
SETTLE = "_fastconv_settle"  # what a function does when nothing more is to come, even if something failed
# What a method runs: these must take groups.
_RUN = {"fit": ("train_function", "test_function"), "evaluate": ("test_function",), "predict": ("predict_function",)}
_HOOKS = [f"on_{kind}batch_{edge}" for kind in ("", "train_", "test_", "predict_") for edge in ("begin", "end")]

_stock: dict[tuple[Any, str], Any] = {}
# Asked before each group of the call that runs; None where single steps are wanted from its beginning.
_may_group: ContextVar[Callable[[], bool] | None] = ContextVar("fastconv_may_group", default=None)


def group_steps() -> None:
    """Let `fit`, `evaluate` and `predict` run several batches in a call of TensorFlow; `patch_keras` does it too.

    As many as take 0.05 s, found while they run; batches are cut out of arrays without a `tf.data.Dataset` of them.
    `predict_on_batch`, of an array with a shape that it has seen, goes straight to what TensorFlow made of the model.
    The results, the order of batches, the iterations of data sets and the epochs' callbacks are the same. Batches stay
    single where somebody looks at each: a callback with a method for batches, which it may get while it runs,
    `run_eagerly`, a distribution strategy, ``compile(steps_per_execution=...)``, a model with functions of its own for
    making steps, and data of unknown length. On other backends than TensorFlow nothing changes. Doing it twice is doing
    it once.

    See Also
    --------
    ungroup_steps : the opposite.

    Examples
    --------
    >>> import fastconv.keras
    >>> fastconv.keras.group_steps()
    >>> fastconv.keras.ungroup_steps()
    """
    if _stock or _ops.BACKEND != "tensorflow":
        return
    from keras.src.backend.tensorflow import trainer

    kind = trainer.TensorFlowTrainer
    for name, functions in _RUN.items():
        _replace(kind, name, _deciding(getattr(kind, name), kind, functions))
    _replace(kind, "_make_function", _grouping_function(kind._make_function))
    _replace(kind, "make_predict_function", _grouping_predict_function(kind.make_predict_function))
    _replace(kind, "predict_on_batch", direct_predict_on_batch(kind.predict_on_batch))
    _replace(trainer, "TFEpochIterator", _epoch_iterator(trainer.TFEpochIterator))


def ungroup_steps() -> None:
    """Undo `group_steps`."""
    for (owner, name), value in _stock.items():
        setattr(owner, name, value)
    _stock.clear()


def are_grouped() -> bool:
    """Whether `group_steps` is in force, on a backend where it changes anything."""
    return bool(_stock)


def _replace(owner: Any, name: str, value: Any) -> None:
    _stock[owner, name] = getattr(owner, name)
    setattr(owner, name, value)


def _deciding(method: Callable[..., Any], kind: type, functions: Iterable[str]) -> Callable[..., Any]:
    """`fit`, `evaluate` or `predict`, which lets its epoch iterators group steps if nobody would see it."""
    signature = inspect.signature(method)

    @functools.wraps(method)
    def decide(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            callbacks = signature.bind(self, *args, **kwargs).arguments.get("callbacks")
        except TypeError:  # Keras' own method says what is wrong
            return method(self, *args, **kwargs)

        def may_group() -> Any:
            return not any(map(sees_batches, _listed(callbacks))) and _has_plain_steps(self, kind, functions)

        token = _may_group.set(may_group if may_group() else None)
        try:
            return method(self, *args, **kwargs)
        finally:
            _may_group.reset(token)
            for function in functions:
                getattr(getattr(self, function), SETTLE, _nothing)()

    return decide


def _nothing() -> None:
    """What settles where there is nothing to settle."""


def _has_plain_steps(model: Any, kind: type, functions: Iterable[str]) -> bool:
    import tensorflow as tf

    names = "_make_function", "make_train_function", "make_test_function", "make_predict_function"
    makers = {name: getattr(type(model), name) for name in names}
    made = [getattr(model, name) for name in functions]
    return (
        model.steps_per_execution == 1
        and not model.run_eagerly
        and not tf.config.functions_run_eagerly()
        and model._distribute_strategy is None
        and not tf.distribute.has_strategy()
        and all(maker is getattr(kind, name) or hasattr(maker, MARK) for name, maker in makers.items())
        and all(function is None or hasattr(function, MARK) for function in made)
    )


def _listed(callbacks: Any) -> list[Any]:
    result: list[Any] = getattr(callbacks, "callbacks", None) or keras.tree.flatten(callbacks or [])
    return result


def sees_batches(callback: Any) -> bool:
    """Whether a callback looks at single batches."""
    if isinstance(callback, keras.callbacks.ProgbarLogger):
        return False
    by_epoch = (keras.callbacks.ModelCheckpoint, keras.callbacks.BackupAndRestore)
    if type(callback) in by_epoch and callback.save_freq == "epoch":
        return False
    return not all(is_default(getattr(callback, hook, None)) for hook in _HOOKS)


class _Pace:
    """How many steps a group has: more while groups are short."""

    def __init__(self) -> None:
        self.count, self.most = 1, _MOST
        self._is_first = True  # TensorFlow traces and compiles meanwhile

    def took(self, seconds: float, count: int) -> None:
        if self._is_first:
            self._is_first = False
            return
        fitting = int(_SECONDS * count / max(seconds, 1e-9))
        self.count = max(1, min(fitting, 4 * count, self.most))


class Group(NamedTuple):
    """What an epoch iterator gives in the place of TensorFlow's iterator: up to `count` batches of it."""

    iterator: Any
    most: int
    pace: _Pace
    is_last: bool  # of an epoch, before whose end nobody looks at the model

    def __next__(self) -> Group:  # `predict` fetches its data here
        return self


def _epoch_iterator(stock: type) -> type:
    from keras.src.trainers.epoch_iterator import EpochIterator

    class GroupingEpochIterator(stock):
        def __init__(self, distribute_strategy: Any = None, *args: Any, **kwargs: Any) -> None:
            self._may_group, self._pace = _may_group.get(), _Pace()
            if self._may_group is None:
                super().__init__(distribute_strategy, *args, **kwargs)
                return
            # Keras' own, except that there is nothing to distribute and a data set of arrays may be spared.
            EpochIterator.__init__(self, *args, **kwargs)
            self._distribute_strategy = distribute_strategy
            self._distributed_dataset = array_batches(self.data_adapter) or self.data_adapter.get_tf_dataset()

        def _enumerate_iterator(self) -> Iterator[Any]:
            steps = super()._enumerate_iterator()
            # Of data whose length only the first epoch told, Keras tries one batch more than there are.
            if self._may_group is None or not self.data_adapter.num_batches:
                yield from steps
                return
            epoch = self.steps_per_epoch or self._num_batches
            for begin, end, iterator in steps:
                if not self._may_group():
                    yield begin, end, iterator
                    continue
                left = min(epoch - begin, self._num_batches - self._steps_seen + 1)
                count = max(1, min(self._pace.count, left))
                for _ in range(count - 1):
                    _, end, iterator = next(steps)
                start = time.perf_counter()
                yield begin, end, Group(iterator, count, self._pace, count == left)
                self._pace.took(time.perf_counter() - start, count)

    return GroupingEpochIterator


def _grouping_function(stock: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(stock)
    def _make_function(self: Any, step_function: Any) -> Any:
        return _taking_groups(stock(self, step_function), lambda: step_function, self.jit_compile, join=False)

    return _make_function


def _grouping_predict_function(stock: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(stock)
    def make_predict_function(self: Any, force: bool = False) -> Any:
        made = self.predict_function
        if made is not None and not force:
            return made
        stock(self, force)
        single = self.predict_function
        grouped = _taking_groups(
            lambda iterator: single([next(iterator)]), lambda: self.predict_step, self.jit_compile, join=True
        )

        def function(data: Any) -> Any:
            return grouped(data[0]) if isinstance(data[0], Group) else single(data)

        setattr(function, MARK, True)
        keep_direct(function, single)
        self.predict_function = function

    return make_predict_function


def _taking_groups(
    single: Callable[..., Any], step: Callable[..., Any], jit_compile: bool, join: bool
) -> Callable[..., Any]:
    """A function of TensorFlow's iterators, `single`, that takes groups too."""
    loop = None

    def function(data: Any) -> Any:
        nonlocal loop
        if not isinstance(data, Group):
            return single(data)
        iterator, count, pace, _ = data
        if loop is None:
            from ..tensorflow.step_loop import StepLoop

            loop = StepLoop(step(), jit_compile, join)
        if not loop.can_run(iterator):
            pace.most = 1
            return single(iterator.of_dataset() if hasattr(iterator, "of_dataset") else iterator)
        return loop(iterator, count)

    setattr(function, MARK, True)
    return function
