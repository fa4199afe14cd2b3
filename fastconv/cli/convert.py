"""Write a network as an .fcn file: graph and weights without code, which loads at once and is shared by processes."""

from __future__ import annotations

import argparse
from pathlib import Path

import fastconv

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="a .keras, .h5, .onnx or .fcn file")
    parser.add_argument("out", metavar="OUT.fcn", type=Path, help="a file that is there is replaced")
    parser.add_argument(
        "--weights", choices=("float16", "bfloat16", "float32"), help="the dtype that weights are held in"
    )
    parser.add_argument("--precision", choices=("highest", "high", "medium"), help="a float32 precision of its own")


def run(arguments: argparse.Namespace) -> None:
    if arguments.out.suffix != ".fcn":
        raise ValueError(f"OUT.fcn must end with .fcn; received {arguments.out}")
    net = fastconv.load(arguments.model)
    if arguments.weights:
        net = net.astype(arguments.weights)
    if arguments.precision:
        net = net.with_precision(arguments.precision)
    net.save(arguments.out)
    before, after = (Path(path).stat().st_size for path in (arguments.model, arguments.out))
    print(f"{arguments.out}: {after:,} bytes; {arguments.model} has {before:,}")
