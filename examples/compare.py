"""A network of networks/ on stock Keras and on fastconv: seconds, accuracy, and how far the outputs are apart.

Both are the model that the script's build() makes, with the same weights. Networks for MNIST are trained, their epochs
in turns, and predict the test images; those for ImageNet do forward passes and training steps on random images.
KERAS_BACKEND says what both run on.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from functools import partial
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parent / "networks"))

import numpy as np
from imagenet import random_images
from side_by_side import FAST, STOCK, apart, in_turns, print_table, progress_bar, speed_up, train, training_rows, twins

# A name on the command line: the script, and what its build() is given.
NETWORKS = {
    "lenet5": ("lenet5", {}),
    "lenet5-classic": ("lenet5", {"classic": True}),
    "tanh_lenet": ("tanh_lenet", {}),
    "mnist_cnn": ("mnist_cnn", {}),
    "channels_first": ("channels_first", {}),
    "alexnet": ("alexnet", {}),
    "alexnet-groups": ("alexnet", {"groups": 2}),
    "vgg16": ("vgg16", {}),
    "inception_v3": ("inception_v3", {}),
    "resnet50": ("resnet50", {}),
    "resnet50_v2": ("resnet50_v2", {}),
    "mobilenet_v2": ("mobilenet_v2", {}),
}
PREDICTED = 10_000


def compare_training(script, options: argparse.Namespace, settings: dict) -> None:
    """Epochs and predictions of a network for MNIST."""
    (x_train, y_train), (x_test, y_test) = script.prepare(options.data, options.images, **settings)
    models = twins(lambda: script.build(**settings), options.seed)
    before = apart(models, x_test[:1000])
    data = {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}
    results = train(models, data, options.epochs, script.BATCH_SIZE, options.seed)
    predicted = options.images or PREDICTED
    x = x_test[np.arange(predicted) % len(x_test)]
    predict = in_turns(
        {name: partial(lambda model: model.predict(x, verbose=0), model) for name, model in models.items()},
        options.rounds,
    )
    print_table([*training_rows(results), (f"predict {predicted:,} images (s)", "{:.3f}", predict)])
    print(f"\n{before}")
    print(f"fastconv: {speed_up(results):.2f}x the speed in training, {predict[STOCK] / predict[FAST]:.2f}x in predict")


def compare_steps(script, options: argparse.Namespace, settings: dict) -> None:
    """Forward passes and training steps of a network for ImageNet."""
    models = twins(lambda: script.build(size=options.size or script.SIZE, **settings), options.seed)
    x, y = random_images(models[STOCK], 8)
    rows = {
        "forward, batch 1 (s)": lambda model: model.predict_on_batch(x[:1]),
        "forward, batch 8 (s)": lambda model: model.predict_on_batch(x),
        "training step, batch 8 (s)": lambda model: model.train_on_batch(x, y),
    }
    before, found = apart(models, x[:2]), {}
    with progress_bar() as progress:
        bar = progress.add_task("", total=len(rows) * len(models) * (options.rounds + 1))
        for title, run in rows.items():
            progress.update(bar, description=title)
            found[title] = in_turns(
                {name: partial(run, model) for name, model in models.items()},
                options.rounds,
                partial(progress.advance, bar),
            )
    print_table([(title, "{:.3f}", seconds) for title, seconds in found.items()])
    print(f"\n{before}")
    ratios = [f"{seconds[STOCK] / seconds[FAST]:.2f}x ({title[:-4]})" for title, seconds in found.items()]
    print(f"fastconv: {', '.join(ratios)} the speed")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", choices=NETWORKS, metavar="NETWORK", help=", ".join(NETWORKS))
    parser.add_argument("--epochs", type=int, default=2, help="of networks for MNIST (default: %(default)s)")
    parser.add_argument("--images", type=int, help="train on the first so many only")
    parser.add_argument(
        "--data",
        metavar="MNIST.NPZ",
        help="default: FASTCONV_MNIST, Keras' cached copy, or the 6000 images shipped with the examples",
    )
    parser.add_argument("--size", type=int, help="height and width of ImageNet's images (default: the network's own)")
    parser.add_argument("--rounds", type=int, default=3, help="of what is timed in turns (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    if options.epochs < 1 or options.rounds < 1:
        parser.error("--epochs and --rounds must be at least 1")
    name, settings = NETWORKS[options.network]
    script = importlib.import_module(name)
    (compare_training if hasattr(script, "prepare") else compare_steps)(script, options, settings)
    return 0


if __name__ == "__main__":
    sys.exit(main())
