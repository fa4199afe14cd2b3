"""A module as a network of `fastconv.network`, by way of torch.export."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from ..network import Limits, Net
from ..network.torch import read_exported

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Exported", "from_torch"]


def from_torch(model: Any, example: Any, *, limits: Limits | None = None) -> Net:
    """The network of a module in inference, with copies of its weights, to run on NumPy arrays.

    Parameters
    ----------
    model : torch.nn.Module
        What `torch.export.export` takes. It is exported in `eval` mode; its own mode stays.
    example : torch.Tensor, or a tuple of the arguments of a call
        Where the first axis has two elements or more and nothing in the model depends on how many, it is free; all
        other sizes are fixed.
    limits : Limits, optional

    Returns
    -------
    Net
        It computes without `model`, which may change or go.

    Raises
    ------
    UnsupportedError
        A ValueError that lists all operators that are not served.
    TypeError
        If it is no module.
    torch.export's errors
        If torch cannot export it.

    Examples
    --------
    >>> import torch
    >>> import fastconv
    >>> model = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Flatten())
    >>> net = fastconv.from_torch(model, torch.zeros(2, 1, 8, 8))
    >>> net.inputs[0].shape
    (None, 1, 8, 8)
    >>> x = torch.randn(5, 1, 8, 8)
    >>> torch.allclose(torch.from_numpy(net(x.numpy())), model(x), atol=1e-5)
    True
    """
    if not isinstance(model, torch.nn.Module):
        raise TypeError(f"`model` must be a torch.nn.Module; received {type(model).__name__}")
    example = tuple(example) if isinstance(example, tuple | list) else (example,)
    with _in_eval(model):
        exported = Exported(model, example, free_batch=True)
    return Net(exported.graph({name: tensor.clone() for name, tensor in exported.tensors.items()}), limits)


@contextmanager
def _in_eval(model: Any) -> Iterator[Any]:
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


class Exported:
    """The program of a module for arguments like some.

    Parameters
    ----------
    model : torch.nn.Module
    example : tuple
        Positional arguments.
    free_batch : bool
        Whether the length of the first axes may become free.

    Attributes
    ----------
    tensors : dict of str to torch.Tensor
        What the program reads besides its arguments, by the names it has there: the model's own tensors.
    output_form
        How its results make up what a call returns, for `torch.utils._pytree`.
    """

    def __init__(self, model: Any, example: tuple[Any, ...], free_batch: bool = False) -> None:
        self._source = type(model).__name__
        with torch.no_grad():
            program = torch.export.export(model, example, dynamic_shapes=_free(model, example) if free_batch else None)
            self._program = program.run_decompositions({})
        self.output_form: Any = self._program.call_spec.out_spec
        read = {node.name for node in self._program.graph.find_nodes(op="placeholder") if node.users}
        targets = {
            spec.arg.name: str(spec.target)
            for spec in self._program.graph_signature.input_specs
            if spec.kind.name in ("PARAMETER", "BUFFER", "CONSTANT_TENSOR") and spec.arg.name in read
        }
        tensors: dict[str, Any] = dict(self._program.constants)
        tensors.update(model.named_parameters(remove_duplicate=False))
        tensors.update(model.named_buffers(remove_duplicate=False))
        self.tensors: dict[str, torch.Tensor] = {name: tensors[target] for name, target in targets.items()}

    def graph(self, tensors: dict[str, torch.Tensor]) -> Any:
        """The program as a graph whose constants are the memory of these tensors."""
        arrays = {name: _array(tensor) for name, tensor in tensors.items()}
        return read_exported(self._program, arrays, self._source)


def _array(tensor: torch.Tensor) -> Any:
    return tensor.detach().numpy()


def _free(model: Any, example: tuple[Any, ...]) -> Any:
    """The first axes of all tensors as sizes that may become free, in the form that torch.export takes."""
    shapes = torch.export.ShapesCollection()
    for item in example:
        if isinstance(item, torch.Tensor) and item.ndim:
            shapes[item] = {0: torch.export.Dim.AUTO}
    return shapes.dynamic_shapes(model, example)
