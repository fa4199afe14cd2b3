"""Where a layer's weights come from: the three places, under one interface.

``arrays()`` gives a layer's own weights in Keras' order; ``child(attribute, name)`` those of a layer inside it, by the
attribute that holds it and by its name; ``layers(configs)`` those of a model's layers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from ..errors import FileError

__all__ = ["LegacyWeights", "LiveWeights", "StoredWeights", "snake_case"]


def snake_case(name: str) -> str:
    """A class as Keras writes it in paths.

    Examples
    --------
    >>> snake_case("MaxPooling2D"), snake_case("LSTMCell"), snake_case("ReLU")
    ('max_pooling2d', 'lstm_cell', 're_lu')
    """
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


class StoredWeights:
    """Of a ``model.weights.h5``: groups by attribute, and by class with a number, each with ``vars/0``, ``vars/1``."""

    def __init__(self, group: Any, path: str = "", root: StoredWeights | None = None) -> None:
        self._group, self._path, self._root = group, path, root or self

    def _member(self, name: str) -> Any:
        return self._group[name] if self._group is not None and name in self._group else None

    def arrays(self) -> list[np.ndarray]:
        held = self._member("vars")
        if held is None:
            return []
        count = len(held)
        if any(str(i) not in held for i in range(count)):
            raise FileError(f"weights of {self._path!r} are not numbered from 0 on")
        return [held[str(i)].read() for i in range(count)]

    def child(self, attribute: str, name: str | None = None) -> StoredWeights:
        return StoredWeights(self._member(attribute), f"{self._path}/{attribute}", self._root)

    def layers(self, names: list[tuple[str, str]]) -> list[StoredWeights]:
        """Those of layers given as (name, class)."""
        # Keras 2 and its successor differ in the attribute.
        held = self.child("layers" if self._member("layers") is not None else "_layer_checkpoint_dependencies")
        counts: dict[str, int] = {}
        found = []
        for name, kind in names:
            stem = snake_case(kind)
            number = counts[stem] = counts.get(stem, -1) + 1
            stored = held.child(f"{stem}_{number}" if number else stem)
            found.append(stored if stored._group is not None else self._root._shared(name))
        return found

    def _shared(self, name: str) -> StoredWeights:
        """The weights of a layer that several models share: they lie where Keras met it first."""
        groups = self._named.get(name, [])
        return StoredWeights(groups[0] if len(groups) == 1 else None, name, self)

    @cached_property
    def _named(self) -> dict[str, list[Any]]:
        """All groups of layers by the names of those."""
        found: dict[str, list[Any]] = {}
        _collect(self._group, found)
        return found


def _collect(group: Any, found: dict[str, list[Any]]) -> None:
    for member in group.values():
        if isinstance(member, Mapping):
            if "vars" in member and "name" in member["vars"].attrs:
                found.setdefault(str(member["vars"].attrs["name"]), []).append(member)
            _collect(member, found)


class LegacyWeights:
    """Of a whole model in one ``.h5``: for each layer of the outermost model all weights, by their variables' paths."""

    def __init__(self, arrays: list[tuple[list[str], np.ndarray]], groups: Any = None) -> None:
        self._arrays, self._groups = arrays, groups

    @classmethod
    def of_model(cls, group: Any) -> LegacyWeights:
        """Of the group ``model_weights``."""
        return cls([], group)

    def arrays(self) -> list[np.ndarray]:
        return [array for _, array in self._arrays]

    def child(self, attribute: str, name: str | None = None) -> LegacyWeights:
        found = [(path, array) for path, array in self._arrays if name in path[:-1]]
        if name and found:
            return LegacyWeights(found)
        # Keras renames a backward layer that is given to a Bidirectional; its weights come second.
        half = len(self._arrays) // 2
        parts = {"forward_layer": self._arrays[:half], "backward_layer": self._arrays[half:]}
        return LegacyWeights(parts.get(attribute, self._arrays))

    def layers(self, names: list[tuple[str, str]]) -> list[LegacyWeights]:
        if self._groups is None:
            return [
                LegacyWeights([(path, array) for path, array in self._arrays if name in path[:-1]]) for name, _ in names
            ]
        return [LegacyWeights(_legacy_arrays(self._groups, name)) for name, _ in names]


def _legacy_arrays(groups: Any, name: str) -> list[tuple[list[str], np.ndarray]]:
    if name not in groups:
        return []
    group = groups[name]
    return [(path.partition(":")[0].split("/"), group[path].read()) for path in attribute_list(group, "weight_names")]


def attribute_list(group: Any, name: str) -> list[str]:
    """A list of strings among the attributes; a long one is cut into numbered parts."""
    parts = [group.attrs[name]] if name in group.attrs else []
    while f"{name}{len(parts)}" in group.attrs:
        parts.append(group.attrs[f"{name}{len(parts)}"])
    found = []
    for part in parts:
        for item in np.ravel(np.asarray(part, object)):
            found.append(item.decode("utf-8") if isinstance(item, bytes) else str(item))
    return found


class LiveWeights:
    """Of layers that are there already.

    Parameters
    ----------
    layer : keras.layers.Layer
    taken : list, optional
        Gets (variable, its copy) of every weight that is asked for.
    """

    def __init__(self, layer: Any, taken: list[Any] | None = None) -> None:
        self._layer, self._taken = layer, [] if taken is None else taken

    def arrays(self) -> list[np.ndarray]:
        variables = [*self._layer._trainable_variables, *self._layer._non_trainable_variables]
        found = [(variable, np.array(variable.numpy())) for variable in variables]
        self._taken.extend(found)
        return [array for _, array in found]

    def child(self, attribute: str, name: str | None = None) -> LiveWeights:
        return LiveWeights(getattr(self._layer, attribute), self._taken)

    def layers(self, names: list[tuple[str, str]]) -> list[LiveWeights]:
        held = {layer.name: layer for layer in self._layer.layers}
        return [LiveWeights(held[name], self._taken) for name, _ in names]
