"""What a network answers for pictures: the most probable classes, or its output as pictures or .npy files.

Size, channels, range and inversion are found from the network and each picture, unless they are given, and said.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

import fastconv

from ..network.progress import Progress
from ..vision import RANGES, Classifier, Fitter, read_labels, read_picture
from . import positive
from .answers import Answers, ArrayFiles, ClassTable, CsvFile, JsonLines

__all__ = ["add_arguments", "run"]

_BATCH = 32
_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".avif", ".pgm", ".ppm", ".jp2", ".npy"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="a .keras, .h5, .onnx or .fcn file")
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="a picture, an .npy file, or a folder of these")
    answer = parser.add_argument_group("the answer")
    answer.add_argument("--top", type=positive, default=5, metavar="K", help="classes to tell (default: %(default)s)")
    answer.add_argument("--labels", metavar="FILE", help="the classes' words, one a line, or JSON")
    answer.add_argument("--json", action="store_true", help="print one JSON object a picture")
    answer.add_argument("--raw", action="store_true", help="write the output as it is, also a classifier's")
    answer.add_argument(
        "--out", type=Path, metavar="PATH", help="a .csv file for classes; a folder for other outputs (default: .)"
    )
    fitting = parser.add_argument_group("how pictures are fitted")
    fitting.add_argument("--size", type=_size, metavar="HxW", help="for a network whose sizes are free")
    fitting.add_argument("--range", choices=RANGES, help="of the numbers that the network takes")
    fitting.add_argument("--invert", action=argparse.BooleanOptionalAction, help="turn light and dark round")
    fitting.add_argument("--mnist", action=argparse.BooleanOptionalAction, help="centre and scale as MNIST was made")
    fitting.add_argument("--fit", choices=("crop", "pad", "stretch"), default="crop", help="(default: %(default)s)")


def _size(text: str) -> tuple[int, int]:
    height, separator, width = text.lower().partition("x")
    if not separator:
        raise argparse.ArgumentTypeError(f"must be height and width, such as 224x224; received {text!r}")
    return positive(height), positive(width)


def run(arguments: argparse.Namespace) -> int:
    net = fastconv.load(arguments.model)
    options = {name: getattr(arguments, name) for name in ("size", "range", "invert", "mnist", "fit")}
    fitter = Fitter(net, **options)
    print(f"{Path(arguments.model).name}: range {fitter.input.range}, {fitter.input.reason}", file=sys.stderr)
    files = _files(arguments.images)
    with ExitStack() as stack:
        answers = _answers(net, arguments, stack)
        progress = stack.enter_context(Progress(len(files), None if len(files) > 1 else False))
        failed = 0
        for batch in _batches(files, fitter, _batch_size(net)):
            failed += sum(isinstance(fitted, Exception) for _, fitted in batch)
            _answer(net, [item for item in batch if not isinstance(item[1], Exception)], answers)
            progress.advance(len(batch))
    return 1 if failed else 0


def _answers(net: Any, arguments: argparse.Namespace, stack: ExitStack) -> list[Answers]:
    """What takes the outputs; files are closed with the stack."""
    try:
        classifier = None if arguments.raw else Classifier(net)
    except ValueError:
        classifier = None
    if classifier is None:
        if arguments.labels:
            raise ValueError("--labels are for classifiers")
        return [ArrayFiles(net, arguments.out or Path(), arguments.json)]
    labels = read_labels(arguments.labels, classifier.classes) if arguments.labels else None
    kind = JsonLines if arguments.json else ClassTable
    found: list[Answers] = [kind(classifier, labels, arguments.top)]
    if arguments.out:
        if arguments.out.is_dir() or arguments.out.suffix != ".csv":
            raise ValueError(f"--out must name a .csv file for a classifier; received {arguments.out}")
        file = stack.enter_context(arguments.out.open("w", newline="", encoding="utf-8"))
        found.append(CsvFile(classifier, labels, arguments.top, file))
    return found


def _files(names: list[str]) -> list[Path]:
    """The files that are named, and those of folders that may be pictures."""
    found: list[Path] = []
    for path in map(Path, names):
        if path.is_dir():
            inside = sorted(file for file in path.rglob("*") if file.suffix.lower() in _SUFFIXES and file.is_file())
            if not inside:
                raise ValueError(f"{path} holds no pictures")
            found += inside
        else:
            found.append(path)
    return found


def _batch_size(net: Any) -> int:
    return net.inputs[0].shape[0] or _BATCH


def _batches(files: list[Path], fitter: Fitter, size: int) -> Iterator[list[tuple[Path, object]]]:
    """Pictures of one shape, at most `size` together, each fitted, or the error that it gave."""
    batch: list[tuple[Path, object]] = []
    shape = None
    for path in files:
        try:
            fitted = fitter(read_picture(path))
        except (OSError, ValueError) as error:
            print(f"{path}: {error}", file=sys.stderr)
            batch.append((path, error))
            continue
        if len(batch) >= size or shape not in (None, fitted.array.shape):
            yield batch
            batch = []
        shape = fitted.array.shape
        batch.append((path, fitted))
    yield batch


def _answer(net: Any, batch: list[Any], answers: list[Answers]) -> None:
    if not batch:
        return
    inputs = np.concatenate([fitted.array for _, fitted in batch])
    fixed = net.inputs[0].shape[0]
    if fixed not in (None, len(inputs)):
        inputs = np.resize(inputs, (fixed, *inputs.shape[1:]))
    outputs = net(inputs)
    outputs = outputs if isinstance(outputs, list) else [outputs]
    for i, (path, fitted) in enumerate(batch):
        for answer in answers:
            answer.add(path, fitted.words, [output[i : i + 1] for output in outputs])
