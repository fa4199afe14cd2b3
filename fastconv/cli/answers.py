"""What becomes of a network's outputs for pictures: tables, JSON, CSV, pictures and .npy files."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ..vision import Classifier

__all__ = ["Answers", "ArrayFiles", "ClassTable", "CsvFile", "JsonLines"]


class Answers(Protocol):
    """Takes one picture's outputs after the other."""

    def add(self, path: Path, words: list[str], outputs: list[np.ndarray]) -> None:
        """Take the outputs, each with a batch of 1, of a picture that was fitted as the words say."""


class _Classes:
    """The most probable classes of a picture."""

    def __init__(self, classifier: Classifier, labels: list[str] | None, top: int) -> None:
        self._classifier, self._labels = classifier, labels
        self._top = min(top, classifier.classes)

    def best(self, outputs: list[np.ndarray]) -> list[tuple[int, str, float]]:
        """(number, label, probability) of classes, the most probable first."""
        probabilities = self._classifier(outputs[0])[0]
        order = np.argsort(-probabilities, kind="stable")[: self._top]
        return [(int(i), self._labels[i] if self._labels else str(i), float(probabilities[i])) for i in order]


class ClassTable(_Classes):
    """Prints a few lines a picture."""

    def add(self, path: Path, words: list[str], outputs: list[np.ndarray]) -> None:
        print(f"{path} ({', '.join(words)})")
        best = self.best(outputs)
        width = max(len(label) for _, label, _ in best)
        for _, label, probability in best:
            print(f"  {label:<{width}}  {probability:7.2%}")


class JsonLines(_Classes):
    """Prints a JSON object a picture."""

    def add(self, path: Path, words: list[str], outputs: list[np.ndarray]) -> None:
        best = [
            {"class": number, "label": label, "probability": round(probability, 6)}
            for number, label, probability in self.best(outputs)
        ]
        print(json.dumps({"file": str(path), "input": words, "classes": best}, ensure_ascii=False))


class CsvFile(_Classes):
    """Writes a row a picture."""

    def __init__(self, classifier: Classifier, labels: list[str] | None, top: int, file: Any) -> None:
        super().__init__(classifier, labels, top)
        self._writer = csv.writer(file)
        columns = [f"{word}_{i + 1}" for i in range(self._top) for word in ("class", "label", "probability")]
        self._writer.writerow(["file", *columns])

    def add(self, path: Path, words: list[str], outputs: list[np.ndarray]) -> None:
        cells = [(number, label, f"{probability:.6f}") for number, label, probability in self.best(outputs)]
        self._writer.writerow([path, *(cell for row in cells for cell in row)])


class ArrayFiles:
    """Writes each output into a folder: as a PNG where it is a picture, else as .npy.

    A file is named after its picture, and after its output where there are several. No file is written twice.
    """

    def __init__(self, net: Any, folder: Path, as_json: bool) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._as_json = folder, as_json
        self._names = [value.name for value in net.outputs]
        self._written: set[Path] = set()

    def add(self, path: Path, words: list[str], outputs: list[np.ndarray]) -> None:
        files = []
        for name, output in zip(self._names, outputs, strict=True):
            stem = path.stem + (f".{name.replace('/', '_')}" if len(outputs) > 1 else "") + ".out"
            files.append(self._write(self._free(stem), output[0]))
        if self._as_json:
            print(json.dumps({"file": str(path), "input": words, "outputs": [str(file) for file, _ in files]}))
            return
        for file, said in files:
            print(f"{path} ({', '.join(words)})\n  {file}: {said}")

    def _free(self, stem: str) -> Path:
        """A path without suffix that no picture before has taken."""
        number, target = 1, self._folder / stem
        while target in self._written:
            number += 1
            target = self._folder / f"{stem}.{number}"
        self._written.add(target)
        return target

    def _write(self, target: Path, output: np.ndarray) -> tuple[Path, str]:
        pixels, said = _as_picture(output)
        if pixels is None:
            file = target.with_name(target.name + ".npy")
            np.save(file, output)
            return file, f"{output.dtype} {output.shape}"
        from PIL import Image

        file = target.with_name(target.name + ".png")
        Image.fromarray(pixels).save(file)
        return file, f"{output.shape}, {said}"


def _as_picture(output: np.ndarray) -> tuple[np.ndarray | None, str]:
    """An output (H, W, C) or (C, H, W) of 1, 3 or 4 channels as uint8, and which numbers became 0 and 255."""
    if output.ndim == 3 and output.shape[-1] not in (1, 3, 4) and output.shape[0] in (1, 3, 4):
        output = np.moveaxis(output, 0, -1)
    if output.ndim != 3 or output.shape[-1] not in (1, 3, 4) or 1 in output.shape[:2]:
        return None, ""
    if not np.isfinite(output).all():
        return None, ""
    low, high = _levels(output)
    pixels = np.rint(np.clip((output.astype(np.float64) - low) / (high - low), 0, 1) * 255).astype(np.uint8)
    return pixels[..., 0] if pixels.shape[-1] == 1 else pixels, f"{low:g} is black and {high:g} white"


def _levels(output: np.ndarray) -> tuple[float, float]:
    """The numbers that are black and white."""
    low, high = float(output.min(initial=0)), float(output.max(initial=0))
    for black, white in ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0)):
        if black <= low and high <= white:
            return black, white
    return low, high
