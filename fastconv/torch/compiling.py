"""``torch.compile(model, backend="fastconv")``: pyproject.toml names `compile_graph` to torch."""

from __future__ import annotations

from typing import Any

import torch
import torch._C._nn
from torch import nn
from torch.nn import functional as F

from .acceleration import planned_class
from .nn import functional as ours
from .nn.modules import is_expected_to_gain, is_traced

__all__ = ["compile_graph"]


def _unless_traced(stock: Any, function: Any) -> Any:
    """A function of fastconv's, and torch's own where somebody looks for that, as a plan's export does."""

    def either(*args: Any, **kwargs: Any) -> Any:
        return (stock if is_traced() else function)(*args, **kwargs)

    either.__name__ = stock.__name__
    return either


def _conv2d(
    input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: Any = 1
) -> Any:
    function = ours.conv2d if is_expected_to_gain(weight, stride, groups) else F.conv2d
    return function(input, weight, bias, stride, padding, dilation, groups)


_POOLS = "max_pool2d", "avg_pool2d", "adaptive_avg_pool2d", "adaptive_max_pool2d"
# What takes the place of torch's functions, in whichever of its modules a graph names them.
_REPLACEMENTS = {F.conv2d: _unless_traced(F.conv2d, _conv2d)} | {
    getattr(place, name): _unless_traced(getattr(place, name), getattr(ours, name))
    for name in _POOLS
    for place in (F, torch, torch._C._nn)
    if hasattr(place, name)
}


def compile_graph(graph_module: Any, example_inputs: Any) -> Any:
    """What runs in the place of a graph that torch.compile has found.

    Without gradients the graph runs on a plan, as models do after `fastconv.torch.accelerate`; else convolutions and
    pools run on fastconv's kernels where these are expected to be faster.

    Parameters
    ----------
    graph_module : torch.fx.GraphModule
    example_inputs : list of torch.Tensor

    Returns
    -------
    callable

    Examples
    --------
    >>> import torch
    >>> from fastconv.torch.compiling import compile_graph
    >>> graph = torch.fx.symbolic_trace(torch.nn.ReLU())
    >>> compile_graph(graph, [torch.ones(1)])(torch.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    for node in graph_module.graph.nodes:
        if node.op == "call_function" and node.target in _REPLACEMENTS:
            node.target = _REPLACEMENTS[node.target]
    # A graph of the plain class: those of torch.compile change themselves when they are first called.
    graph_module = torch.fx.GraphModule(graph_module, graph_module.graph)
    return _Compiled(graph_module, [_is_weight(given) for given in example_inputs])


def _is_weight(given: Any) -> bool:
    """Whether torch.compile takes an input for a parameter or buffer of the model."""
    return isinstance(given, nn.Parameter) or hasattr(given, "_dynamo_static_input_type")


class _Bound(nn.Module):
    """A graph with those of its inputs that are weights."""

    def __init__(self, graph: Any, is_weight: list[bool], args: Any) -> None:
        super().__init__()
        self._graph, self._is_weight = graph, is_weight
        for index, (arg, weight) in enumerate(zip(args, is_weight, strict=True)):
            if isinstance(arg, nn.Parameter):
                self.register_parameter(f"weight_{index}", arg)
            elif weight:
                self.register_buffer(f"weight_{index}", arg)

    def holds(self, args: Any) -> bool:
        """Whether the weights among arguments are the ones that this has."""
        weights = iter([*self._parameters.items(), *self._buffers.items()])
        return all(args[int(name.rpartition("_")[2])] is weight for name, weight in weights)

    def forward(self, *others: Any) -> Any:
        rest = iter(others)
        weights = self._parameters | self._buffers
        return self._graph(
            *(weights[f"weight_{index}"] if weight else next(rest) for index, weight in enumerate(self._is_weight))
        )


class _Compiled:
    """Runs a graph on a plan where one serves the call, else as it is."""

    def __init__(self, graph: Any, is_weight: list[bool]) -> None:
        self._graph, self._is_weight = graph, is_weight
        self._bound: Any = None

    def __call__(self, *args: Any) -> Any:
        if self._bound is None:
            self._bound = planned_class(_Bound)(self._graph, self._is_weight, args).eval()
        if self._bound.holds(args):
            return self._bound(*(arg for arg, weight in zip(args, self._is_weight, strict=True) if not weight))
        return self._graph(*args)
