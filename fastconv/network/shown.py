"""What a network shows of itself: tables and pictures."""

from __future__ import annotations

from typing import Any

from .graph import Graph, Value
from .inputs import arrays_of
from .plans import Plans
from .profile import Profile, measure
from .summary import summarize
from .table import Table

__all__ = ["Shown"]


class Shown:
    """The base of `Net` with its tables and pictures."""

    _graph: Graph
    _plans: Plans
    _outputs: tuple[str, ...]

    def _repr_html_(self) -> Any:
        return self.summary()._repr_html_()

    def summary(self) -> Table:
        """The layers, with their outputs' shapes and numbers of parameters, as a table that shows itself."""
        return summarize(self._graph, self._plans.shaped([Value(name) for name in self._graph.layers.values()]))

    def plot(self, path: Any) -> None:
        """Draw the network layer by layer, with shapes and numbers of parameters, into a PNG file.

        Parameters
        ----------
        path : path or binary file object

        Raises
        ------
        ImportError
            Without matplotlib, which the extra ``examples`` installs.
        """
        from .pictures import plot_network

        plot_network(self._graph, self._plans.shaped, path)

    def plot_features(self, x: Any, path: Any, layers: Any = None) -> None:
        """Draw each layer's feature maps as a grid, of the first image, into a PNG file.

        Parameters
        ----------
        x : array_like, or a dict or list of them
            As in a call of the network.
        path : path or binary file object
        layers : list of str, optional
            All layers by default. Of a layer 32 maps are shown, of a vector 512 numbers.

        Raises
        ------
        ImportError
            Without matplotlib, which the extra ``examples`` installs.
        ValueError, TypeError
            If inputs do not fit the network, or a layer is not known.
        """
        from .pictures import blocks, plot_features

        values = self._graph.inputs
        arrays = [
            array[:1] if value.shape[:1] == (None,) else array
            for array, value in zip(arrays_of(values, [x]), values, strict=True)
        ]
        if layers is None:
            layers = [block.name for block in blocks(self._graph) if block.name in self._graph.layers]
        network: Any = self
        _, found = network(*arrays, layers=layers)
        shown = {value.name: array for value, array in zip(values, arrays, strict=True)}
        plot_features(self._graph, shown | found, path)

    def plot_kernels(self, path: Any) -> None:
        """Draw the kernels of the first convolution into a PNG file: in colours where images have three channels.

        Parameters
        ----------
        path : path or binary file object

        Raises
        ------
        ImportError
            Without matplotlib, which the extra ``examples`` installs.
        ValueError
            If the network has no convolution of constant kernels.
        """
        from .pictures import plot_kernels

        plot_kernels(self._graph, path)

    def profile(self, *inputs: Any) -> Profile:
        """The steps that run for these inputs, with the time of each.

        Parameters
        ----------
        *inputs : array_like
            As in a call of the network.

        Returns
        -------
        Profile
            A table that shows itself, and draws itself by ``plot(path)``: step, kind, algorithm, output, ms (the least
            of up to 30 runs), share, GFLOP/s, and the bytes a step reads and writes.
        """
        arrays = arrays_of(self._graph.inputs, inputs)
        plan = self._plans.apart([array.shape for array in arrays], self._outputs)
        return measure(plan, plan.workspace(joined=False), arrays)
