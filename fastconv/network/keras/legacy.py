"""A legacy ``.h5`` file of a whole model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..errors import FileError
from ..hdf5 import open_hdf5
from .archive import major_version, parse_json
from .model import Source
from .weights import LegacyWeights

__all__ = ["read_legacy"]


def read_legacy(data: Any, name: str, open_file: Callable[..., Any] = open_hdf5) -> Source:
    """The model in a ``.h5`` file.

    Parameters
    ----------
    data : bytes, memoryview or mmap
    name : str
        What errors call it.
    open_file : callable
        What gives the root group of a file's bytes and name.
    """
    root = open_file(data, name)
    spelled = root.attrs.get("model_config")
    if spelled is None:
        raise FileError(f"{name}: no whole model, as it has weights only: save the model, not its weights")
    config = parse_json(
        spelled.decode("utf-8", "replace") if isinstance(spelled, bytes) else str(spelled), f"{name}: model_config"
    )
    inner = config.get("config")
    if isinstance(inner, list):  # Sequential of Keras 2.0 to 2.2
        inner = {"name": "sequential", "layers": inner}
    if not isinstance(config.get("class_name"), str) or not isinstance(inner, dict):
        raise FileError(f"{name}: model_config describes no model")
    groups = root.get("model_weights")
    if not isinstance(groups, Mapping):
        raise FileError(f"{name}: no group model_weights")
    version = root.attrs.get("keras_version")
    version = version.decode("utf-8", "replace") if isinstance(version, bytes) else version
    return Source(name, config["class_name"], inner, LegacyWeights.of_model(groups), major_version(version))
