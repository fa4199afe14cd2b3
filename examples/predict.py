"""Run a network that Keras has saved, or an ONNX file, on MNIST's test images, with NumPy and fastconv alone.

`python networks/tanh_lenet.py` trains one and saves it as keras_mnist_cnn.h5.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np

import fastconv

sys.path.insert(0, str(Path(__file__).resolve().parent / "networks"))

from data import DataError, find_data
from data import load as load_images


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", type=Path, help="a .keras, .h5 or .onnx file for images of 28x28")
    parser.add_argument("--data", metavar="MNIST.NPZ", help="images to test on (default: as of mnist_lenet.py)")
    parser.add_argument("--batch-size", type=int, default=256)
    options = parser.parse_args(arguments)
    begin = time.perf_counter()
    try:
        net = fastconv.load(options.network)
        data = load_images(find_data(options.data))
    except (DataError, OSError, ValueError) as error:
        parser.error(str(error))
    print(f"loaded in {time.perf_counter() - begin:.3f} s")
    print(net.summary())

    images, labels = data["x_test"], data["y_test"]
    if len(net.inputs) == 1 and net.inputs[0].shape[1:] == (1, 28, 28):
        images = images.transpose(0, 3, 1, 2)
    begin = time.perf_counter()
    digits = np.argmax(net.predict(images, batch_size=options.batch_size), axis=-1)
    seconds = time.perf_counter() - begin
    print(f"{len(images)} images in {seconds:.3f} s, {np.mean(digits == labels):.2%} right")
    print(net.profile(images[: options.batch_size]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
