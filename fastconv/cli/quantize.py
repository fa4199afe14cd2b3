"""Write a network in 8 bits as an .fcn file, and say what that loses."""

from __future__ import annotations

import argparse
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

import fastconv

from . import positive

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="a .keras, .h5, .onnx or .fcn file")
    parser.add_argument(
        "samples",
        metavar="SAMPLES",
        type=Path,
        help="inputs as the network takes them: an .npy file, or an .npz file of x and, for the accuracy, labels y",
    )
    parser.add_argument("out", metavar="OUT.fcn", type=Path, help="a file that is there is replaced")
    parser.add_argument(
        "--count", type=positive, default=512, help="samples that set the scales (default: %(default)s)"
    )
    parser.add_argument("--weights", choices=("per_channel", "per_tensor"), default="per_channel")
    parser.add_argument("--activations", choices=("uint8", "int8"), default="uint8")
    parser.add_argument("--method", choices=("minmax", "percentile", "mse"), default="minmax")
    parser.add_argument(
        "--keep", nargs="*", default=("first", "last"), metavar="LAYER", help="in float32 (default: first last)"
    )


def run(arguments: argparse.Namespace) -> None:
    if arguments.out.suffix != ".fcn":
        raise ValueError(f"OUT.fcn must end with .fcn; received {arguments.out}")
    x, labels = _samples(arguments.samples)
    net = fastconv.load(arguments.model)
    words = {name: getattr(arguments, name) for name in ("weights", "activations", "method", "keep")}
    small = net.quantize(x[: arguments.count], **words)
    small.save(arguments.out)
    print(small.report)
    if labels is not None:
        before, after = (100 * _accuracy(each, x, labels) for each in (net, small))
        print(f"accuracy of {len(x):,} samples: {before:.2f} % before, {after:.2f} % after")
    print(f"{arguments.out}: {arguments.out.stat().st_size:,} bytes; {arguments.model} has", end=" ")
    print(f"{Path(arguments.model).stat().st_size:,}")


def _samples(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Inputs, and labels if there are any."""
    try:
        loaded = np.load(path)
    except (EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is no .npy or .npz file: {error}") from error
    if isinstance(loaded, np.ndarray):
        return loaded, None
    with loaded as arrays:
        if "x" not in arrays:
            raise ValueError(f"{path} must hold an array x; it has {sorted(arrays)}")
        x, labels = arrays["x"], arrays.get("y")
    if labels is not None and labels.shape != x.shape[:1]:
        raise ValueError(f"y of {path} must have shape {x.shape[:1]}; received {labels.shape}")
    return x, labels


def _accuracy(net: Any, x: np.ndarray, labels: np.ndarray) -> float:
    outputs = net.predict(x)
    if isinstance(outputs, list) or outputs.ndim != 2:
        raise ValueError("labels need a network that gives one row of scores a sample")
    return float(np.mean(outputs.argmax(-1) == labels))
