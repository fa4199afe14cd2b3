"""A network that is ready to run."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _args
from .fcn import save_fcn
from .graph import Graph, Value
from .inputs import arrays_of
from .limits import Limits
from .plans import check_shape
from .progress import Progress
from .quantizable import Quantizable
from .shown import Shown
from .stages import plans_of
from .variants import with_precision, with_weights

__all__ = ["Net"]


class Net(Shown, Quantizable):
    """A network from a file: call it with arrays.

    Parameters
    ----------
    graph : Graph
    limits : Limits, optional

    Examples
    --------
    >>> from fastconv.network.graph import Node, Value
    >>> graph = Graph([Value("x", (None, 2), np.dtype("float32"))], [Value("y")],
    ...               [Node("Add", ("x", "one"), ("y",))], {"one": np.ones(2, np.float32)})
    >>> net = Net(graph)
    >>> net([[1, 2]])
    array([[2., 3.]], dtype=float32)
    >>> net.inputs[0].shape, net.outputs[0].shape
    ((None, 2), (None, 2))
    """

    def __init__(self, graph: Graph, limits: Limits | None = None) -> None:
        graph.check()
        self._graph, self._limits = graph, limits or Limits()
        self._begin()

    def _begin(self) -> None:
        self._outputs = tuple(value.name for value in self._graph.outputs)
        self._plans: Any = plans_of(self._graph, self._limits)

    def __getstate__(self) -> Any:
        return {"graph": self._graph, "limits": self._limits, "report": self.report}

    def __setstate__(self, state: Any) -> None:
        self._graph, self._limits, self.report = state["graph"], state["limits"], state.get("report")
        self._begin()

    @property
    def graph(self) -> Graph:
        """The network as its reader made it, before anything is rewritten for running. It must not be changed."""
        return self._graph

    @property
    def inputs(self) -> list[Value]:
        """Name, shape (None for free sizes) and dtype of each input, in the file's order."""
        return list(self._graph.inputs)

    @property
    def layers(self) -> list[str]:
        """The names that ``net(x, layers=[...])`` knows, in the file's order."""
        return list(self._graph.layers)

    def __call__(self, *inputs: Any, layers: Any = None) -> Any:
        """The outputs for inputs of any batch size.

        Parameters
        ----------
        *inputs : array_like, or one dict or list of them
            In the file's order, or by name.
        layers : list of str, optional
            Layers whose outputs are wanted too.

        Returns
        -------
        ndarray, or list of ndarray where the network has several outputs
            With `layers` that and a dict of the layers' outputs.

        Raises
        ------
        ValueError, TypeError
            If inputs do not fit the network, or a layer is not known.
        """
        arrays = arrays_of(self._graph.inputs, inputs)
        if layers is None:
            results = self._plans.run(arrays, self._outputs)
            return results[0] if len(results) == 1 else results
        wanted, count = self._wanted(layers), len(self._outputs)
        results = self._plans.run(arrays, (*self._outputs, *wanted.values()))
        outputs = results[0] if count == 1 else results[:count]
        return outputs, dict(zip(wanted, results[count:], strict=True))

    def _wanted(self, layers: Any) -> dict[str, str]:
        if isinstance(layers, str):
            raise TypeError(f"`layers` must be a list of names; received {layers!r}")
        unknown = [name for name in layers if name not in self._graph.layers]
        if unknown:
            raise ValueError(f"`layers` must be some of {self.layers}; received {unknown}")
        return {name: self._graph.layers[name] for name in layers}

    @property
    def outputs(self) -> list[Value]:
        """Name, shape (None for free sizes) and dtype of each output, in the file's order.

        Sizes that the file does not give are those that plans for several free sizes agree in.
        """
        if all(value.shape is not None and value.dtype is not None for value in self._graph.outputs):
            return list(self._graph.outputs)
        result: list[Value] = self._plans.shaped(self._graph.outputs)
        return result

    def save(self, path: Any) -> None:
        """Write the network, as it was before anything was rewritten for running, into an ``.fcn`` file.

        The file holds weights and graph, and no code. `fastconv.load` maps it into memory.

        Parameters
        ----------
        path : path
            A file that is there is replaced when the new one is whole on disk; a network loaded from it keeps its
            weights. After an error it is as it was.

        Raises
        ------
        ValueError
            If something other than a file has that path.
        OSError
            If the file cannot be written.

        Examples
        --------
        >>> import os, tempfile
        >>> from fastconv.network import Graph, Node, Value, load
        >>> net = Net(Graph([Value("x", (None, 2), np.dtype("float32"))], [Value("y")],
        ...                 [Node("Add", ("x", "one"), ("y",))], {"one": np.ones(2, np.float32)}))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "model.fcn")
        ...     net.save(path)
        ...     load(path)([[1, 2]])
        array([[2., 3.]], dtype=float32)
        """
        save_fcn(self._graph, path)

    @property
    def nbytes(self) -> int:
        """Bytes of memory: weights, what was made of them, and buffers that calls left for the next ones.

        Kernels count in the packed forms that runs have asked for. Weights that lie in a mapped file count too.
        """
        result: int = self._plans.nbytes
        return result

    def with_precision(self, precision: str | None) -> Net:
        """The network with a float32 precision of its own; weights are shared with this one.

        Parameters
        ----------
        precision : {'highest', 'high', 'medium'} or None
            As of `fastconv.set_float32_precision`, whose setting holds for None.

        Raises
        ------
        ValueError
            If it is none of these.
        """
        return Net(with_precision(self._graph, precision), self._limits)

    def astype(self, dtype: str) -> Net:
        """The network with kernels and matrices of float32 held in another dtype, as its file has them too.

        It computes in float32 all the same, from the rounded weights. Inputs, results and biases keep their dtypes.

        Parameters
        ----------
        dtype : {'float16', 'bfloat16', 'float32'}
            bfloat16 needs the package ml_dtypes. float32 holds them as numbers of 4 bytes again.

        Raises
        ------
        ValueError
            If it is none of these, or a weight is beyond its range.
        """
        return Net(with_weights(self._graph, dtype), self._limits)

    def fit(
        self,
        x: Any,
        y: Any,
        *,
        loss: Any,
        optimizer: str = "adam",
        metrics: Any = (),
        epochs: int = 1,
        batch_size: int = 32,
        validation_data: Any = None,
        sample_weight: Any = None,
        class_weight: dict[int, float] | None = None,
        shuffle: bool = True,
        seed: int | None = None,
        progress: bool | None = None,
    ) -> Any:
        """Train the network's weights on arrays, by the formulas of Keras.

        All weights of layers are trained. Normalization uses the statistics of batches and moves those of inference.

        Parameters
        ----------
        x, y : array_like
            Samples, as in a call of the network, and what it should say of them.
        loss : str or fastconv.network.training.Loss
            'sparse_categorical_crossentropy', 'mse', ...
        optimizer : str or fastconv.network.training.optimizers.Optimizer
            A name, with Keras' defaults; an object goes on where it is with another call.
        metrics : str, callable or sequence of them, optional
            'accuracy', ..., or a function of ``(y, outputs)`` that gives a number for each sample.
        epochs, batch_size : int
        validation_data : tuple, optional
            ``(x, y)`` or ``(x, y, sample_weight)``, on which loss and metrics are computed after each epoch.
        sample_weight : array_like, optional
            How much each sample counts.
        class_weight : dict, optional
            How much the samples of each class count.
        shuffle : bool
            Whether each epoch takes the samples in an order of its own.
        seed : int, optional
            With it a run has the same order of samples and the same dropout each time.
        progress : bool, optional
            As of `predict`.

        Returns
        -------
        fastconv.network.training.History
            Losses and metrics of each epoch, as a table that shows itself, and draws itself by ``plot(path)``.

        Raises
        ------
        fastconv.network.training.UntrainableError
            A ValueError: a layer, the loss or the optimizer is not served.
        ValueError, TypeError
            If an argument does not fit.
        KeyboardInterrupt
            After a whole step; the network has the weights of that step, as after any error.

        Examples
        --------
        >>> from fastconv.network.graph import Node, Value
        >>> graph = Graph([Value("x", (None, 1), np.dtype("float32"))], [Value("y")],
        ...               [Node("Dense", ("x", "kernel"), ("y",))], {"kernel": np.ones((1, 1), np.float32)})
        >>> net = Net(graph)
        >>> history = net.fit([[1], [2]], [[3], [6]], loss="mse", optimizer="sgd", epochs=200, seed=0)
        >>> net([[10]]).round(2)
        array([[30.]], dtype=float32)
        """
        from .training.fitting import Data, Fitting

        epochs, batch_size = _args.integer(epochs, "epochs", 0), _args.integer(batch_size, "batch_size", 1)
        data = Data.of(self._graph, x, y, sample_weight, class_weight)
        validation = Data.of_validation(self._graph, validation_data)
        fitting = Fitting(self._graph, loss, optimizer, metrics, seed)
        try:
            return fitting.run(data, epochs, batch_size, validation, shuffle, progress)
        finally:
            self._graph = fitting.trainer.parameters.in_graph(self._graph)
            self._begin()

    def predict(self, x: Any, batch_size: int = 32, progress: bool | None = None) -> Any:
        """The outputs for many images, a batch at a time.

        Parameters
        ----------
        x : array_like, or a dict or list of them
            As in a call of the network.
        batch_size : int
        progress : bool, optional
            Whether a run that passes a second shows how far it is, on the error stream; by default where that is a
            terminal.

        Returns
        -------
        ndarray, or list of ndarray
            As a call of the network gives them.
        """
        batch_size = _args.integer(batch_size, "batch_size", 1)
        arrays = arrays_of(self._graph.inputs, [x])
        for array, value in zip(arrays, self._graph.inputs, strict=True):
            check_shape(array.shape, value)
        counts = {len(array) for array in arrays if array.ndim}
        if len(counts) != 1:
            raise ValueError(f"all inputs must have one number of images; received {sorted(counts)}")
        count = counts.pop()
        parts = []
        if count > batch_size:
            batch_size = self._plans.widened(arrays, self._outputs, batch_size)
        with Progress(count, progress) as shown:
            for begin in range(0, max(count, 1), batch_size):
                parts.append(self._plans.run([array[begin : begin + batch_size] for array in arrays], self._outputs))
                shown.advance(len(arrays[0][begin : begin + batch_size]))
        outputs = [part[0] if len(part) == 1 else np.concatenate(part) for part in zip(*parts, strict=True)]
        return outputs[0] if len(outputs) == 1 else outputs
