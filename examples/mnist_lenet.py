"""Train LeNet-5 on MNIST on stock Keras layers, on fastconv's and by whole steps; compare seconds, loss and accuracy.

All models start from the same weights and see the same batches; their epochs alternate, so that all meet the same
machine. The picture shows what the model on fastconv's layers learned.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parent / "networks"))

from data import DataError, find_data, load
from side_by_side import FAST, STOCK, WHOLE, print_table, speed_up, train, training_rows, twins


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data",
        metavar="MNIST.NPZ",
        help="images to train on (default: FASTCONV_MNIST, Keras' "
        "cached copy, or the 6000 images shipped with this example)",
    )
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

    import lenet5

    models = twins(lenet5.build, options.seed, (STOCK, FAST, WHOLE))
    results = train(models, data, options.epochs, options.batch_size, options.seed)
    print_table(training_rows(results))
    print(
        f"\nAn epoch on fastconv takes {1 / speed_up(results):.2f} of stock Keras' time: "
        f"{speed_up(results):.2f}x the speed."
    )
    if options.json:
        options.json.write_text(json.dumps({"images": len(data["x_train"]), **results}, indent=1))

    from lenet_picture import draw

    draw(models[FAST], data, results, options.output)
    print(f"Learned filters, feature maps and predictions: {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
