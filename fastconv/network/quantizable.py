"""What a network in 8 bits is made by: the caller's side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

from .graph import Graph
from .limits import Limits

if TYPE_CHECKING:
    from .quantizing import QuantizationReport

__all__ = ["Quantizable"]


class Quantizable:
    """A network with a graph and limits that can be had in 8 bits."""

    _graph: Graph
    _limits: Limits
    report: QuantizationReport | None = None  # of `quantize`, on a network that it gave

    def quantize(
        self,
        samples: Any,
        *,
        weights: str = "per_channel",
        activations: str = "uint8",
        method: str = "minmax",
        keep: str | Sequence[str] = ("first", "last"),
        progress: bool | None = None,
    ) -> Self:
        """The network in 8 bits: convolutions and dense layers, and what stands between them, on integers.

        What layers read and give is rounded to 256 steps, weights to 255; their sums are exact. The mean error of
        rounded weights goes into the biases. Layers that lose too much stay in float32.

        Parameters
        ----------
        samples : array_like, or iterable of batches
            Inputs as in a call of the network, by which the steps are chosen: some hundred that are like those to come.
        weights : {'per_channel', 'per_tensor'}
            Whether each output of a layer has a scale of its own.
        activations : {'uint8', 'int8'}
            The integers that values between layers are.
        method : {'minmax', 'percentile', 'mse'}
            Which numbers the steps reach: all that samples give, all but one in ten thousand at either end, or those
            for which the mean square of the errors is least.
        keep : str or sequence of str
            Layers that stay in float32: 'first', 'last', and names of layers.
        progress : bool, optional
            As of `predict`.

        Returns
        -------
        Net
            Its `report` tells the signal-to-noise ratio of each layer, and which layers stay in float32.

        Raises
        ------
        ValueError, TypeError
            If an argument does not fit, or the network gives numbers that are not finite.

        Examples
        --------
        >>> import numpy as np
        >>> from fastconv.network import Graph, Net, Node, Value
        >>> graph = Graph([Value("x", (None, 2), np.dtype("float32"))], [Value("y")],
        ...               [Node("Dense", ("x", "kernel"), ("y",), name="sum")], {"kernel": np.ones((2, 1), np.float32)})
        >>> net = Net(graph).quantize(np.array([[0, 2.55], [1, 0]], np.float32), keep=())
        >>> net([[1, 1.5]]).round(2)
        array([[2.5]], dtype=float32)
        """
        from .quantizing import quantized

        graph, report = quantized(
            self._graph,
            samples,
            self._limits,
            weights=weights,
            activations=activations,
            method=method,
            keep=keep,
            progress=progress,
        )
        make: Any = type(self)
        net: Self = make(graph, self._limits)
        net.report = report
        return net
