"""Putting fastconv's layers in the place of Keras' own, everywhere Keras shows them, and back."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from keras.src import api_export
from keras.src.saving import object_registration

from .graphs import fuse_graphs, unfuse_graphs
from .numpy_training import train_models, untrain_models
from .optimizers import fuse_optimizers, unfuse_optimizers
from .predictions import plan_predictions, unplan_predictions
from .steps import group_steps, ungroup_steps
from .stock import STOCK

__all__ = ["is_patched", "patch_keras", "patched", "unpatch_keras"]

_custom_names: dict[type, str] = {}


def is_patched() -> bool:
    """Whether `patch_keras` is in force."""
    return bool(_custom_names)


def patch_keras() -> None:
    """Make ``keras.layers.Conv2D`` and the other layers of this package fastconv's.

    Code that imports or loads layers afterwards gets fastconv's, under ``keras.layers``, ``tf.keras.layers`` and
    Keras' own modules (``keras.applications`` included). Files saved in the meantime name the stock layers, so that
    they load without fastconv. ``predict`` and ``predict_on_batch`` of models of plain layers, on one array without
    callbacks, may run on a plan of `fastconv.network`, which packs the kernels once. On Keras' NumPy backend, which has
    none of its own, ``fit`` and ``train_on_batch`` train on one. Patching twice is patching once.

    Examples
    --------
    >>> import keras
    >>> import fastconv.keras
    >>> fastconv.keras.patch_keras()
    >>> keras.layers.Conv2D is fastconv.keras.Conv2D
    True
    >>> fastconv.keras.unpatch_keras()
    """
    if is_patched():
        return
    for layer, stock in STOCK.items():
        name = api_export.REGISTERED_OBJS_TO_NAMES[stock]
        api_export.REGISTERED_NAMES_TO_OBJS[name] = layer
        api_export.REGISTERED_OBJS_TO_NAMES[layer] = name
        # The older .h5 format writes the name of a custom object if there is one.
        _custom_names[layer] = object_registration.GLOBAL_CUSTOM_NAMES.pop(layer)
    _exchange({stock: layer for layer, stock in STOCK.items()})
    fuse_graphs()
    fuse_optimizers()
    group_steps()
    plan_predictions()
    train_models()


def unpatch_keras() -> None:
    """Undo `patch_keras`: Keras is as it was. Layers made in the meantime stay fastconv's."""
    if not is_patched():
        return
    for layer, stock in STOCK.items():
        name = api_export.REGISTERED_OBJS_TO_NAMES.pop(layer)
        api_export.REGISTERED_NAMES_TO_OBJS[name] = stock
    object_registration.GLOBAL_CUSTOM_NAMES.update(_custom_names)
    _custom_names.clear()
    _exchange(STOCK)
    unfuse_graphs()
    unfuse_optimizers()
    ungroup_steps()
    unplan_predictions()
    untrain_models()


@contextmanager
def patched() -> Iterator[None]:
    """`patch_keras` inside the ``with`` block.

    Examples
    --------
    >>> import keras
    >>> import fastconv.keras
    >>> with fastconv.keras.patched():
    ...     layer = keras.layers.Conv2D(4, 3)
    >>> isinstance(layer, fastconv.keras.Conv2D)
    True
    """
    before = is_patched()
    patch_keras()
    try:
        yield
    finally:
        if not before:
            unpatch_keras()


def _exchange(replacements: dict[type, type]) -> None:
    """Rebind, in every loaded module of Keras, the names that hold a key to its value."""
    for module_name, module in list(sys.modules.items()):
        if module is None or not (module_name + ".").startswith(("keras.", "tensorflow.keras.")):
            continue
        scope = vars(module)
        for name, value in list(scope.items()):
            if isinstance(value, type) and value in replacements:
                scope[name] = replacements[value]
