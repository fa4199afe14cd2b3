"""A classifier's outputs as probabilities, and the words for its classes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from ..network.graph import Graph

__all__ = ["Classifier", "read_labels"]

_SHAPING = ("Reshape", "Squeeze", "Flatten", "Cast", "Identity", "Dropout", "Transpose")


class Classifier:
    """What turns a network's output into probabilities.

    Parameters
    ----------
    net : Net

    Attributes
    ----------
    classes : int
        2 where the network gives the probability of one thing.
    scores : {'softmax', 'log_softmax', 'sigmoid', 'logits'}
        What the network's last operator gives.

    Raises
    ------
    ValueError
        If the network has not one output of a number, or of numbers, for each image.
    """

    def __init__(self, net: Any) -> None:
        outputs = net.outputs
        sizes = [size for size in outputs[0].shape[1:] if size != 1]
        fits = len(outputs) == 1 and outputs[0].dtype.kind == "f" and len(outputs[0].shape) > 1
        if not fits or len(sizes) > 1 or None in sizes:
            raise ValueError("the network's output is not that of a classifier")
        self.scores = _scores(net.graph, outputs[0].name)
        self.classes = sizes[0] if sizes else 2
        if not sizes and self.scores != "sigmoid":
            raise ValueError("the network gives one number, which is no probability")

    def __call__(self, output: np.ndarray) -> np.ndarray:
        """Probabilities (N, classes) of outputs."""
        scores = np.asarray(output, np.float32).reshape(len(output), -1)
        if self.scores == "sigmoid":
            return np.concatenate([1 - scores, scores], 1) if scores.shape[1] == 1 else scores
        if self.scores == "softmax":
            return scores
        powers = np.exp(scores - scores.max(1, keepdims=True))
        result: np.ndarray = powers / powers.sum(1, keepdims=True)
        return result


def _scores(graph: Graph, name: str) -> str:
    """What the operator is that gives a value, apart from those that only give it another shape or dtype."""
    origins = {given: node for node in graph.nodes for given in node.outputs}
    node = origins.get(name)
    while node is not None and node.op in _SHAPING:
        node = origins.get(node.inputs[0])
    if node is None:
        return "logits"
    if node.op == "Log":
        node = origins.get(node.inputs[0])
        return "log_softmax" if node is not None and node.op == "Softmax" else "logits"
    activation = (node.attributes.get("activation") or ("",))[0]
    if "sigmoid" in (node.op.lower(), activation):
        return "sigmoid"
    return "softmax" if node.op == "Softmax" else "logits"


def read_labels(path: Any, classes: int | None = None) -> list[str]:
    """The words for classes from a text file, one a line, or from JSON.

    Parameters
    ----------
    path : path
        JSON is a list of words, or an object by the classes' numbers whose values are words, or lists that end with
        one, as in Keras' ``imagenet_class_index.json``.
    classes : int, optional
        How many words there must be.

    Raises
    ------
    ValueError
        If it is neither, or has not one word for each class.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")  # without the mark that Windows' editors begin a file with
    except UnicodeDecodeError:
        raise ValueError(f"{path.name} is not text in UTF-8") from None
    labels = _labels_of_json(path, text) if path.suffix == ".json" else [line.strip() for line in text.splitlines()]
    while labels and not labels[-1]:
        labels.pop()
    if classes not in (None, len(labels)):
        raise ValueError(f"{path.name} has {len(labels)} labels; the network has {classes} classes")
    return labels


def _labels_of_json(path: Path, text: str) -> list[str]:
    try:
        found = json.loads(text)
        if isinstance(found, dict):
            found = [found[str(number)] for number in range(len(found))]
        return [str(label[-1] if isinstance(label, list) else label) for label in found]
    except (ValueError, KeyError, TypeError, IndexError):
        raise ValueError(f"{path.name} is neither a list of labels nor an object by the classes' numbers") from None
