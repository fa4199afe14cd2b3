"""A network on stock Keras layers and on fastconv's, from equal weights: epochs, predictions and steps in turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from contextlib import contextmanager, nullcontext

import numpy as np

STOCK, FAST, WHOLE = "stock Keras", "fastconv", "whole steps"


def layers_of(name: str):
    """A context for all that is done with a model: inside fastconv's, Keras has its layers and optimizers' steps."""
    import fastconv.keras

    if name == WHOLE:
        return _whole_steps()
    return fastconv.keras.patched() if name == FAST else nullcontext()


@contextmanager
def _whole_steps():
    import fastconv.keras

    with fastconv.keras.patched():
        fastconv.keras.take_whole_steps()
        try:
            yield
        finally:
            fastconv.keras.untake_whole_steps()


def twins(build: Callable[[], object], seed: int, names=(STOCK, FAST)) -> dict:
    """The models that `build` makes of Keras' layers and of fastconv's, by these names, with the same weights."""
    import keras

    models = {}
    for name in names:
        keras.utils.set_random_seed(seed)
        with layers_of(name):
            models[name] = build()
        models[name].set_weights(models[STOCK].get_weights())
    return models


def apart(models: dict, x: np.ndarray) -> str:
    """The largest difference between the predictions of the two models, and what it is of the largest one."""
    found = []
    for name in (STOCK, FAST):
        with layers_of(name):
            found.append(models[name].predict_on_batch(x))
    most, largest = np.abs(found[0] - found[1]).max(), np.abs(found[0]).max()
    return f"Outputs for {len(x)} images before training at most {most:.1e} apart, {most / largest:.1e} of the largest"


def warm_up(model, x: np.ndarray, y: np.ndarray, batch_size: int) -> float:
    """Seconds Keras needs to trace and optimise the model's graphs; the model is as it was afterwards."""
    import keras

    model.optimizer.build(model.trainable_variables)
    variables = [*model.variables, *model.optimizer.variables]
    before = [keras.ops.convert_to_numpy(variable) for variable in variables]
    before = [value.copy() for value in before]
    begin = time.perf_counter()
    model.fit(x, y, batch_size=batch_size, verbose=0)
    model.evaluate(x, y, batch_size=batch_size, verbose=0)
    seconds = time.perf_counter() - begin
    for variable, value in zip(variables, before, strict=True):
        variable.assign(value)
    return seconds


def progress_bar():
    """A bar of rich with what is being done, how far it is, and the time."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    done = TextColumn("{task.completed}/{task.total}")
    return Progress(TextColumn("{task.description}"), BarColumn(), done, TimeElapsedColumn(), transient=True)


def train(models: dict, data: dict, epochs: int, batch_size: int, seed: int) -> dict[str, dict]:
    """Fit the models epoch by epoch in turn; what an epoch takes is measured as Keras' own progress bar does."""
    import keras

    class Watch(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.begin = time.perf_counter()

        def on_epoch_end(self, epoch, logs=None):
            self.seconds = time.perf_counter() - self.begin

    results = {name: {"epoch_seconds": []} for name in models}
    x, y = data["x_train"], data["y_train"]
    with progress_bar() as progress:
        bar = progress.add_task("tracing", total=len(models) * epochs)
        for name, model in models.items():
            some = slice(2 * batch_size + len(x) % batch_size)  # whole batches and one like the last of an epoch
            with layers_of(name):
                results[name]["tracing_seconds"] = warm_up(model, x[some], y[some], batch_size)
        for epoch in range(epochs):
            turns = list(models.items())
            for name, model in turns[::-1] if epoch % 2 else turns:
                progress.update(bar, description=f"{name}, epoch {epoch + 1}")
                keras.utils.set_random_seed(seed + epoch)
                watch = Watch()
                with layers_of(name):
                    logs = model.fit(x, y, batch_size=batch_size, verbose=0, callbacks=[watch]).history
                results[name]["epoch_seconds"].append(watch.seconds)
                progress.advance(bar)
                progress.print(
                    f"epoch {epoch + 1}/{epochs}  {name:<11}  {watch.seconds:6.2f} s  "
                    f"loss {logs['loss'][0]:.4f}  accuracy {logs['accuracy'][0]:7.2%}",
                    highlight=False,
                )
    for name, model in models.items():
        with layers_of(name):
            loss, accuracy = model.evaluate(data["x_test"], data["y_test"], batch_size=1000, verbose=0)
        results[name] |= {"test_loss": loss, "test_accuracy": accuracy}
    return results


def _times(run: Callable[[], object]) -> list[float]:
    time.sleep(0.05)  # until threads that the other one used no longer look for work
    found = []
    while not found or sum(found) < 0.2:
        begin = time.perf_counter()
        run()
        found.append(time.perf_counter() - begin)
    return found


def in_turns(runs: dict[str, Callable[[], object]], rounds: int, tell=lambda: None) -> dict[str, float]:
    """The median seconds of each run, of as many a turn as take 0.2 s, after a turn that is not counted."""
    seconds = {name: [] for name in runs}
    for index in range(-1, rounds):
        turns = list(runs.items())
        for name, run in turns[::-1] if index % 2 else turns:
            with layers_of(name):
                found = _times(run)
            if index >= 0:
                seconds[name] += found
            tell()
    return {name: statistics.median(found) for name, found in seconds.items()}


def print_table(rows: list[tuple[str, str, dict[str, float]]]) -> None:
    """Rows of (title, format, value by model)."""
    print(f"\n{'':<26}" + "".join(f"{name:>14}" for name in rows[0][2]))
    for title, form, values in rows:
        print(f"{title:<26}" + "".join(f"{form.format(value):>14}" for value in values.values()))


def speed_up(results: dict[str, dict]) -> float:
    """How many times faster an epoch is on fastconv's layers."""
    stock, fast = (statistics.median(results[name]["epoch_seconds"]) for name in (STOCK, FAST))
    return stock / fast


def training_rows(results: dict[str, dict]) -> list[tuple[str, str, dict[str, float]]]:
    """The figures of `train` for `print_table`."""
    return [
        (
            "seconds an epoch (median)",
            "{:.2f}",
            {name: statistics.median(result["epoch_seconds"]) for name, result in results.items()},
        ),
        ("tracing, once (s)", "{:.2f}", {name: result["tracing_seconds"] for name, result in results.items()}),
        ("test loss", "{:.4f}", {name: result["test_loss"] for name, result in results.items()}),
        ("test accuracy", "{:.2%}", {name: result["test_accuracy"] for name, result in results.items()}),
    ]
