"""A Keras model in training on a plan of `fastconv.network`, and its variables."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras.src import tree
from keras.src.models.functional import Functional
from keras.src.models.sequential import Sequential

from ..network import Graph, Limits, Node, UnsupportedError
from ..network.inputs import arrays_of
from ..network.keras import model_graph, read_live
from ..network.training import Trainer, UntrainableError
from .compiled import compiled_loss, compiled_optimizer, penalty_of, slots_of

__all__ = ["ModelTrainer"]

_MODELS = Functional, Sequential


class ModelTrainer:
    """The training of a compiled model, as it is when this is made.

    Between `pull` and `push` arrays stand for the variables.

    Parameters
    ----------
    model : keras.Model

    Raises
    ------
    UntrainableError
        If the model, or something that it was compiled with, is not served.

    Examples
    --------
    >>> import keras
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="ones")])
    >>> model.compile("sgd", "mse")
    >>> trainer = ModelTrainer(model)
    >>> loss, outputs = trainer.step(np.ones((1, 1), "float32"), np.full((1, 1), 2.0), None)
    >>> trainer.push()
    >>> loss, model.get_weights()[0].round(3)
    (1.0, array([[1.02]], dtype=float32))
    """

    def __init__(self, model: Any) -> None:
        _require_plain(model)
        self._optimizer = model.optimizer
        loss, ours = compiled_loss(model), compiled_optimizer(self._optimizer)
        graph, names = _graph_of(model)
        trained = [names.get(id(variable), "") for variable in model.trainable_variables]
        if "" in trained or not trained:
            missing = [variable.path for variable in model.trainable_variables if id(variable) not in names]
            raise UntrainableError(f"the weight {missing[0]}" if missing else "a model without trained weights")
        moved = {
            names[id(variable)]: variable
            for layer in model._flatten_layers()
            if layer.trainable and isinstance(layer, keras.layers.BatchNormalization)
            for variable in layer.non_trainable_variables
            if id(variable) in names
        }
        penalties = {
            name: penalty_of(variable) for name, variable in zip(trained, model.trainable_variables, strict=True)
        }
        penalties = {name: penalty for name, penalty in penalties.items() if any(penalty)}
        masks: Any = _LayersMasks({layer.name: layer for layer in model._flatten_layers()})
        self._trainer = Trainer(graph, loss, ours, masks, trained, list(moved), penalties)
        self._inputs = graph.inputs
        self._hold(model, trained, moved)
        self._is_ahead = False  # of the variables
        self.pull()

    def _hold(self, model: Any, trained: list[str], moved: dict[Any, Any]) -> None:
        """Note which array stands for which variable."""
        if not self._optimizer.built:
            self._optimizer.build(model.trainable_variables)
        parameters, ours = self._trainer.parameters, self._trainer.optimizer
        variables = model.trainable_variables
        self._held = [_Held(v, parameters.weights[name]) for v, name in zip(variables, trained, strict=True)]
        self._held += [_Held(variable, parameters.state[name]) for name, variable in moved.items()]
        places = [self._optimizer._get_variable_index(variable) for variable in variables]
        for slot, theirs in zip(ours.slots, slots_of(self._optimizer, ours), strict=True):
            parts = parameters.parts(slot)
            self._held += [_Held(theirs[place], parts[name]) for place, name in zip(places, trained, strict=True)]

    def pull(self) -> None:
        """Take what variables hold where somebody has given them other values."""
        for held in self._held:
            held.pull()
        self._trainer.optimizer.steps = int(self._optimizer.iterations)

    def push(self) -> None:
        """Give the variables the values of the steps since they had them."""
        if not self._is_ahead:
            return
        self._is_ahead = False
        for held in self._held:
            held.push()

    def step(self, x: Any, truth: Any, weights: Any) -> tuple[float, np.ndarray]:
        """Train on a batch: its loss, and the outputs, which are valid until the next call."""
        ours = self._trainer.optimizer
        ours.learning_rate = float(self._optimizer.learning_rate)
        inputs = arrays_of(self._inputs, (x,) if isinstance(x, (np.ndarray, dict)) else (tree.flatten(x),))
        with np.errstate(all="ignore"):  # numbers that are not finite are results like others
            found = self._trainer.step(inputs, truth, weights)
        self._is_ahead = True
        self._optimizer.iterations.assign(np.asarray(ours.steps, "int64"))
        return found


class _Held:
    """A variable, and the array that stands for it; `assign` gives a variable of NumPy or JAX another array."""

    def __init__(self, variable: Any, array: np.ndarray) -> None:
        self._variable, self._array, self._seen = variable, array, None

    def pull(self) -> None:
        if self._variable._value is not self._seen:
            self._seen = self._variable._value
            self._array[...] = np.asarray(self._seen).reshape(self._array.shape)

    def push(self) -> None:
        self._variable.assign(self._array.reshape(self._variable.shape))
        self._seen = self._variable._value


class _LayersMasks:
    """Masks as Keras' NumPy backend draws them, from the seeds of its layers."""

    def __init__(self, layers: dict[Any, Any]) -> None:
        self._layers = layers

    def draw(self, node: Node, dropped: np.ndarray) -> None:
        """Write which numbers a Dropout node drops."""
        layer = self._layers[node.name.rpartition("/")[2]]
        generator = np.random.default_rng(np.asarray(layer.seed_generator.next()))
        np.logical_not(generator.uniform(size=dropped.shape) < 1 - layer.rate, out=dropped)


def _require_plain(model: Any) -> None:
    """Raise an UntrainableError for what nobody but Keras knows how to train."""
    if type(model) not in _MODELS:
        raise UntrainableError(f"a model of class {type(model).__name__}")
    if not model.built:
        raise UntrainableError("a model that is not built: its first layer must be an Input")
    for layer in model._flatten_layers():
        if layer.activity_regularizer is not None:
            raise UntrainableError(f"the activity_regularizer of {layer.name}")
        for variable in layer._trainable_variables:
            if variable.constraint is not None:
                raise UntrainableError(f"the constraint of {variable.path}")
        if layer.dtype_policy.compute_dtype != layer.dtype_policy.variable_dtype:
            raise UntrainableError(f"the dtype policy {layer.dtype_policy.name} of {layer.name}")


def _graph_of(model: Any) -> tuple[Graph, dict[int, str]]:
    """The network of a model, and by the ids of its variables the constants that hold them."""
    taken: list[Any] = []
    try:
        graph = model_graph(read_live(model, taken), Limits())
    except UnsupportedError as error:
        raise UntrainableError(str(error)) from None
    places: dict[int, list[str]] = {}
    for name, array in graph.constants.items():
        places.setdefault(_address(array), []).append(name)
    names = {}
    for variable, array in taken:
        found = [name for name in places.get(_address(array), ()) if graph.constants[name].size == array.size]
        if len(found) == 1 and array.size:
            names[id(variable)] = found[0]
    return graph, names


def _address(array: np.ndarray) -> int:
    result: int = array.__array_interface__["data"][0]
    return result
