"""A Keras model in training on a plan of `fastconv.network`, and its variables."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras.src import tree

from ..network import Graph, Limits, UnsupportedError
from ..network.inputs import arrays_of
from ..network.keras import model_graph, read_live
from ..network.training import Trainer, UntrainableError
from ..network.training.optimizers import SGD
from .compiled import compiled_loss, compiled_optimizer, penalty_of, slots_of
from .held_variables import HeldVariable
from .layers_masks import LayersMasks
from .plain_layers import require_plain

__all__ = ["ModelTrainer"]


class ModelTrainer:
    """The training of a compiled model, as it is when this is made.

    Between `pull` and `push` arrays stand for the variables.

    Parameters
    ----------
    model : keras.Model
    updates : bool
        Without, it is only tested, and its optimizer is left alone.

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

    def __init__(self, model: Any, updates: bool = True) -> None:
        require_plain(model)
        self._optimizer: Any = model.optimizer if updates else None
        loss, ours = compiled_loss(model), compiled_optimizer(model.optimizer) if updates else SGD()
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
        masks: Any = LayersMasks({layer.name: layer for layer in model._flatten_layers()})
        self._drawing = [masks.generator(node) for node in graph.nodes if masks.are_drawn(node)]
        self._trainer = Trainer(graph, loss, ours, masks, trained, list(moved), penalties)
        self.inputs, self.loss = graph.inputs, loss
        self._hold(model, trained, moved)
        held = {id(variable) for variable in (*model.trainable_variables, *moved.values())}
        self.frozen = [variable for variable in model.variables if id(variable) not in held and id(variable) in names]
        self._is_ahead = False  # of the variables
        self.pull()

    def _hold(self, model: Any, trained: list[str], moved: dict[Any, Any]) -> None:
        """Note which array stands for which variable."""
        parameters, ours = self._trainer.parameters, self._trainer.optimizer
        variables = model.trainable_variables
        self._held = [HeldVariable(v, parameters.weights[name]) for v, name in zip(variables, trained, strict=True)]
        self._held += [HeldVariable(variable, parameters.state[name]) for name, variable in moved.items()]
        if self._optimizer is None:
            return
        if not self._optimizer.built:
            self._optimizer.build(variables)
        self._is_scheduled = not isinstance(self._optimizer._learning_rate, keras.Variable)
        places = [self._optimizer._get_variable_index(variable) for variable in variables]
        for slot, theirs in slots_of(self._optimizer, ours):
            parts = parameters.parts(slot)
            self._held += [
                HeldVariable(theirs[place], parts[name]) for place, name in zip(places, trained, strict=True)
            ]

    def pull(self) -> None:
        """Take what variables hold where somebody has given them other values."""
        for held in self._held:
            held.pull()
        if self._optimizer is None:
            return
        ours = self._trainer.optimizer
        ours.steps, ours.learning_rate = int(self._optimizer._iterations), float(self._optimizer.learning_rate)

    def push(self) -> None:
        """Give the variables the values of the steps since they had them."""
        if not self._is_ahead:
            return
        self._is_ahead = False
        for held in self._held:
            held.push()
        self.count_steps()

    def step(self, x: Any, truth: Any, weights: Any, places: Any = None) -> tuple[float, np.ndarray]:
        """Train on a batch, the `places` of x where these are given: its loss, and the outputs until the next call."""
        if self._is_scheduled and self._is_ahead:
            self.count_steps()
            self._trainer.optimizer.learning_rate = float(self._optimizer.learning_rate)
        with np.errstate(all="ignore"):  # numbers that are not finite are results like others
            found = self._trainer.step(self._arrays(x), truth, weights, places)
        self._is_ahead = True
        return found

    def begin(self) -> None:
        """Count a step whose batch does not come, as Keras does on TensorFlow, and the numbers that dropout draws."""
        self._trainer.optimizer.steps += 1
        self._is_ahead = True
        for generator in self._drawing:
            generator.next()

    def test(self, x: Any, truth: Any, weights: Any, places: Any = None) -> tuple[float, np.ndarray]:
        """As `step`, of the model in inference, which changes nothing."""
        with np.errstate(all="ignore"):
            return self._trainer.test(self._arrays(x), truth, weights, places)

    def _arrays(self, x: Any) -> list[np.ndarray]:
        return arrays_of(self.inputs, (x,) if isinstance(x, (np.ndarray, dict)) else (tree.flatten(x),))

    def count_steps(self) -> None:
        """Give the optimizer's variable the number of steps."""
        self._optimizer._iterations.assign(np.asarray(self._trainer.optimizer.steps, "int64"))


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
