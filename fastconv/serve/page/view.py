"""What the page shows of a network: its input, its answers, its layers' feature maps, its steps."""

from __future__ import annotations

import base64
from functools import cached_property
from typing import Any

import numpy as np

from ...network.pictures.layers import layouts
from ...vision import Classifier, Fitted, Fitter

__all__ = ["View"]

_CLASSES = 10  # shown
_LAYERS, _MAPS, _SIDE, _NUMBERS = 16, 16, 64, 512  # shown of a network, of a layer, of a map, of a vector
_FREE_SIDE = 224  # of pictures for a network whose sizes are free


class View:
    """A network as the page shows it.

    Parameters
    ----------
    net : Net
    labels : sequence of str, optional
        The classes' words.
    """

    def __init__(self, net: Any, labels: Any = ()) -> None:
        self.net, self._labels = net, labels
        self._fitter, self._reason = _made(Fitter, net)
        if self._fitter and None in (self._fitter.input.height, self._fitter.input.width):
            given = self._fitter.input
            self._fitter = Fitter(net, size=(given.height or _FREE_SIDE, given.width or _FREE_SIDE))
        image = self._fitter and self._fitter.input
        self._drawn = bool(image) and (image.height, image.width, image.channels) == (28, 28, 1)
        self._of_drawings = Fitter(net, mnist=True, invert=False) if self._drawn else self._fitter
        self._classifier, _ = _made(Classifier, net)
        self._formats = layouts(net.graph)
        kinds = {node.name: node.kind or node.op for node in reversed(net.graph.nodes)}
        shown = [name for name in net.layers if kinds.get(name) not in ("InputLayer", "Flatten", "Dropout", "Reshape")]
        chosen = np.linspace(0, len(shown) - 1, min(len(shown), _LAYERS)).round().astype(int)
        self._layers = {shown[i]: kinds.get(shown[i], "") for i in chosen}

    def described(self) -> dict[Any, Any]:
        """What the network takes and gives."""
        if self._fitter is None:
            return {"image": None, "reason": self._reason, "classes": 0, "labels": []}
        taken = self._fitter.input
        return {
            "image": {
                "height": taken.height,
                "width": taken.width,
                "channels": taken.channels,
                "range": taken.range,
                "drawn": self._drawn,
            },
            "classes": self._classifier.classes if self._classifier else 0,
            "labels": list(self._labels[:_CLASSES]),
        }

    def fitted(self, picture: np.ndarray, drawn: bool) -> Fitted:
        """A picture as the network's input, or what was drawn light on black; ValueError where it takes none."""
        if self._fitter is None:
            raise ValueError(self._reason)
        if drawn:  # the margin, because what touches the edge of a photograph is no digit
            return self._of_drawings(np.pad(picture, max(picture.shape) // 8))
        result: Fitted = self._fitter(picture)
        return result

    def answer(self, fitted: Fitted, output: Any) -> dict[Any, Any]:
        """The most probable classes, the best one first, and the picture that the network got."""
        found: dict[str, Any] = {"words": fitted.words, "classes": []}
        if fitted.pixels is not None:
            height, width, channels = fitted.pixels.shape
            found["input"] = {"width": width, "height": height, "channels": channels, "data": _text(fitted.pixels)}
        if self._classifier:
            probabilities = self._classifier(output)[0]
            best = np.argsort(-probabilities, kind="stable")[:_CLASSES]
            found["classes"] = [
                {"number": int(i), "probability": float(probabilities[i])}
                | ({"label": self._labels[i]} if self._labels else {})
                for i in best
            ]
        return found

    def features(self, array: np.ndarray) -> list[dict[Any, Any]]:
        """Feature maps of layers as grey levels, each layer from its least number to its largest."""
        _, found = self.net(array, layers=list(self._layers))
        return [self._maps(name, output[0]) for name, output in found.items() if output.ndim > 1 and output.size]

    def _maps(self, name: str, output: np.ndarray) -> dict[Any, Any]:
        shape = output.shape
        if output.ndim < 3:
            maps = output.reshape(1, 1, -1)[..., :_NUMBERS]
        else:
            if self._formats.get(self.net.graph.layers[name]) != "channels_first":
                output = np.moveaxis(output, -1, 0)
            maps = output.reshape(len(output), output.shape[1], -1)[:_MAPS]
            rows, columns = (-(-size // _SIDE) for size in maps.shape[1:])
            maps = maps[:, ::rows, ::columns]
        maps = np.nan_to_num(np.asarray(maps, np.float32))
        low, high = float(maps.min()), float(maps.max())
        levels = np.rint((maps - low) * np.float32(255 / (high - low) if high > low else 0)).astype(np.uint8)
        return {
            "name": name,
            "kind": self._layers[name],
            "shape": list(shape),
            "count": maps.shape[0],
            "height": maps.shape[1],
            "width": maps.shape[2],
            "low": low,
            "high": high,
            "data": _text(levels),
        }

    @cached_property
    def steps(self) -> list[dict[Any, Any]]:
        """The steps of a call with one picture: layer, kind, algorithm, output, milliseconds, share of the whole."""
        arrays = [
            np.zeros([given or (_FREE_SIDE if axis else 1) for axis, given in enumerate(value.shape)], value.dtype)
            for value in self.net.inputs
        ]
        words = ("step", "kind", "algorithm", "output", "ms", "share")
        return [dict(zip(words, row[: len(words)], strict=True)) for row in self.net.profile(*arrays).rows]


def _made(kind: Any, net: Any) -> Any:
    """An object of a network and an empty text, or None and why there is none."""
    try:
        return kind(net), ""
    except ValueError as error:
        return None, str(error)


def _text(numbers: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(numbers).data).decode()
