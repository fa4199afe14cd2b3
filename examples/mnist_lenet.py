"""Train LeNet-5 on MNIST twice, on stock Keras layers and on fastconv's, and compare seconds, loss and accuracy.

Both models start from the same weights and see the same batches; their epochs alternate, so that both meet the same
machine. The picture shows what the fastconv model learned.
"""
from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
import zipfile
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

HERE = Path(__file__).resolve().parent
SHIPPED = HERE / "mnist_small.npz"
NAMES = ("x_train", "y_train", "x_test", "y_test")
STOCK, FAST = "stock Keras", "fastconv"


class DataError(Exception):
    """The data file is missing or is not MNIST; the message is for the user."""


def find_data(given: str | None) -> Path:
    """The file to train on: the one given, FASTCONV_MNIST, Keras' own copy, or the few thousand images shipped here."""
    if given or os.environ.get("FASTCONV_MNIST"):
        return Path(given or os.environ["FASTCONV_MNIST"]).expanduser()
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    cached = home / "datasets" / "mnist.npz"
    return cached if cached.is_file() else SHIPPED


def load(path: Path) -> dict[str, np.ndarray]:
    """Images as float32 (n, 28, 28, 1) in 0..1 and labels as integers, from a file like Keras' mnist.npz."""
    try:
        file = np.load(path, allow_pickle=False)
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise ValueError("it holds a single array")
        with file:
            missing = [name for name in NAMES if name not in file.files]
            if missing:
                raise DataError(f"{path} lacks {', '.join(missing)}; it holds {', '.join(file.files) or 'nothing'}")
            data = {name: file[name] for name in NAMES}
    except FileNotFoundError:
        raise DataError(f"{path} does not exist; give --data a file like Keras' mnist.npz") from None
    except (EOFError, OSError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} cannot be read as an .npz file of arrays: {error}") from None
    for part in ("train", "test"):
        x, y = data[f"x_{part}"], data[f"y_{part}"]
        if x.ndim != 3 or x.shape[1:] != (28, 28) or x.dtype != np.uint8 or not len(x):
            raise DataError(f"x_{part} of {path} must be uint8 images of shape (n, 28, 28); found {x.dtype} {x.shape}")
        if y.shape != x.shape[:1] or y.dtype.kind not in "iu" or y.min() < 0 or y.max() > 9:
            raise DataError(f"y_{part} of {path} must be {len(x)} integers from 0 to 9; found {y.dtype} {y.shape}")
        data[f"x_{part}"] = x[..., None].astype(np.float32) / 255
        data[f"y_{part}"] = y.astype(np.int64)
    return data


def lenet(layers, name: str):
    """LeNet-5 with the convolutions and pools of `layers`: keras.layers or fastconv.keras."""
    import keras
    model = keras.Sequential([
        keras.Input((28, 28, 1)),
        layers.Conv2D(6, 5, activation="relu", name="conv_1"),
        layers.MaxPooling2D(2, name="pool_1"),
        layers.Conv2D(16, 5, activation="relu", name="conv_2"),
        layers.MaxPooling2D(2, name="pool_2"),
        keras.layers.Flatten(),
        keras.layers.Dense(120, activation="relu"),
        keras.layers.Dense(84, activation="relu"),
        keras.layers.Dense(10, activation="softmax"),
    ], name=name)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def warm_up(model, x: np.ndarray, y: np.ndarray, batch_size: int) -> float:
    """Seconds TensorFlow needs to trace and optimise the model's graphs; the model is as it was afterwards."""
    model.optimizer.build(model.trainable_variables)
    variables = [*model.variables, *model.optimizer.variables]
    before = [variable.numpy() for variable in variables]
    begin = time.perf_counter()
    model.fit(x, y, batch_size=batch_size, verbose=0)
    model.evaluate(x, y, batch_size=batch_size, verbose=0)
    seconds = time.perf_counter() - begin
    for variable, value in zip(variables, before, strict=True):
        variable.assign(value)
    return seconds


def train(models: dict, data: dict, epochs: int, batch_size: int, seed: int) -> dict[str, dict]:
    """Fit the models epoch by epoch in turn; what an epoch takes is measured as Keras' own progress bar does."""
    import keras
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    class Watch(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.begin = time.perf_counter()

        def on_epoch_end(self, epoch, logs=None):
            self.seconds = time.perf_counter() - self.begin

    results = {name: {"epoch_seconds": []} for name in models}
    x, y = data["x_train"], data["y_train"]
    done = TextColumn("{task.completed}/{task.total}")
    with Progress(TextColumn("{task.description}"), BarColumn(), done, TimeElapsedColumn(), transient=True) as progress:
        bar = progress.add_task("tracing", total=len(models) * epochs)
        for name, model in models.items():
            some = slice(2 * batch_size + len(x) % batch_size)    # whole batches and one like the last of an epoch
            results[name]["tracing_seconds"] = warm_up(model, x[some], y[some], batch_size)
        for epoch in range(epochs):
            turns = list(models.items())
            for name, model in turns[::-1] if epoch % 2 else turns:
                progress.update(bar, description=f"{name}, epoch {epoch + 1}")
                keras.utils.set_random_seed(seed + epoch)
                watch = Watch()
                logs = model.fit(x, y, batch_size=batch_size, verbose=0, callbacks=[watch]).history
                results[name]["epoch_seconds"].append(watch.seconds)
                progress.advance(bar)
                progress.print(f"epoch {epoch + 1}/{epochs}  {name:<11}  {watch.seconds:6.2f} s  "
                               f"loss {logs['loss'][0]:.4f}  accuracy {logs['accuracy'][0]:7.2%}", highlight=False)
    for name, model in models.items():
        loss, accuracy = model.evaluate(data["x_test"], data["y_test"], batch_size=1000, verbose=0)
        results[name] |= {"test_loss": loss, "test_accuracy": accuracy}
    return results


def print_table(results: dict[str, dict]) -> None:
    """The comparison, a row a figure."""
    median = {name: statistics.median(result["epoch_seconds"]) for name, result in results.items()}
    rows = [
        ("seconds an epoch (median)", "{:.2f}", median),
        ("tracing, once (s)", "{:.2f}", {name: result["tracing_seconds"] for name, result in results.items()}),
        ("test loss", "{:.4f}", {name: result["test_loss"] for name, result in results.items()}),
        ("test accuracy", "{:.2%}", {name: result["test_accuracy"] for name, result in results.items()}),
    ]
    print(f"\n{'':<26}" + "".join(f"{name:>14}" for name in results))
    for title, form, values in rows:
        print(f"{title:<26}" + "".join(f"{form.format(values[name]):>14}" for name in results))
    print(f"\nAn epoch on fastconv takes {median[FAST] / median[STOCK]:.2f} of stock Keras' time: "
          f"{median[STOCK] / median[FAST]:.2f}x the speed.")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", metavar="MNIST.NPZ", help="images to train on (default: FASTCONV_MNIST, Keras' "
                        "cached copy, or the 6000 images shipped with this example)")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path("mnist_lenet.png"), help="picture to write (%(default)s)")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args(arguments)
    if options.epochs < 1 or options.batch_size < 1:
        parser.error("--epochs and --batch-size must be at least 1")
    try:
        path = find_data(options.data)
        data = load(path)
    except DataError as error:
        parser.error(str(error))
    for target in filter(None, (options.output, options.json)):
        if not target.resolve().parent.is_dir():
            parser.error(f"the folder of {target} does not exist")
    print(f"{len(data['x_train'])} training and {len(data['x_test'])} test images from {path}")

    import keras

    import fastconv.keras
    keras.utils.set_random_seed(options.seed)
    models = {STOCK: lenet(keras.layers, "stock"), FAST: lenet(fastconv.keras, "fastconv")}
    models[FAST].set_weights(models[STOCK].get_weights())
    results = train(models, data, options.epochs, options.batch_size, options.seed)
    print_table(results)
    if options.json:
        options.json.write_text(json.dumps({"images": len(data["x_train"]), **results}, indent=1))

    from lenet_picture import draw
    draw(models[FAST], data, results, options.output)
    print(f"Learned filters, feature maps and predictions: {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
