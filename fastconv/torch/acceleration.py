"""A model that exists already, moved to fastconv's modules and plans, and back."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from . import planning
from .nn import modules as fast
from .nn.prepared import forget

__all__ = ["accelerate", "refresh", "report", "restore"]

# The stock modules by the modules that take their places: those of the same name.
STOCK = {getattr(fast, name): getattr(nn, name) for name in fast.__all__}
_FAST = {stock: module for module, stock in STOCK.items()}
_WRAPPERS = nn.parallel.DistributedDataParallel, nn.DataParallel


if TYPE_CHECKING:
    Stock = nn.Module
else:
    Stock = object


class Planned(Stock):
    """What stands before the class of a model whose inference may run on a plan."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        if not kwargs and not fast.is_traced():
            plan = planning.plan_for(self, args)
            if plan is not None:
                return plan.run(args)
        return super().forward(*args, **kwargs)

    def forward_by_modules(self, *args: Any) -> Any:
        """A call on no plan."""
        return super().forward(*args)

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Without the class that is made here, which no module holds."""
        reduced: Any = super().__reduce_ex__(protocol)
        made, (kind, *rest), *state = reduced
        return _made_again, (made, base_of(kind), *rest), *state


def _made_again(made: Any, kind: Any, *rest: Any) -> Any:
    return made(planned_class(kind), *rest)


@functools.lru_cache(None)
def planned_class(kind: type) -> type:
    """The class of a model of that class whose inference may run on a plan; it goes by the same name."""
    words = {"__module__": kind.__module__, "__qualname__": kind.__qualname__, "__doc__": kind.__doc__}
    return type(kind.__name__, (Planned, kind), words)


def base_of(kind: type) -> type:
    """The class of a model before it was accelerated."""
    return kind.__bases__[1] if kind.__bases__[:1] == (Planned,) else kind


def accelerate(model: Any, example_inputs: Any = None) -> Any:
    """Move a model to fastconv's kernels, where it is.

    Every module of a class of `torch.nn` that `fastconv.torch.nn` has becomes that one. It stays the same object with
    the same parameters, buffers and hooks, so `state_dict`, optimizers and whatever else refers to the model or its
    parameters stay as they are. In `eval` mode and without gradients, a whole model that `fastconv.from_torch` serves
    runs on a plan: batch normalizations folded, activations, sums and pools computed with convolutions, kernels packed
    once and again when weights change.

    Parameters
    ----------
    model : torch.nn.Module
        Modules of classes derived from torch's keep theirs.
    example_inputs : torch.Tensor, or a tuple of the arguments of a call, optional
        Measure on these, now: a module stays on torch's kernels where those are faster, in inference or in training,
        and so does the model where its plan is slower than its modules. Otherwise estimates decide.

    Returns
    -------
    torch.nn.Module
        `model` itself.

    Raises
    ------
    TypeError
        If it is no module, one of `torch.jit`, or sharded by FSDP.

    See Also
    --------
    restore : back to torch's own modules.
    report : what runs where, and why.
    refresh : after writes to weights that nothing counts.

    Notes
    -----
    A plan is made at the first call for each shape of the inputs, which exports the model: 0.3 s to some seconds. Of
    more than four shapes, the first four have plans. After a change of the weights, some calls run on the modules
    before the plan is made anew: 8, and more when plans last for fewer calls than that.

    What a plan computes is what `torch.export` sees: a `forward` that prints or counts in lists does so in the first
    calls alone. A model runs on its modules while autocast, a gradient, hooks of modules within it, or somebody who
    traces wants to see them.

    Weights that any operation of torch writes to (optimizers, `load_state_dict`, in-place operations under
    ``torch.no_grad()``, a new ``parameter.data``) are never stale. Writes through ``parameter.data``, through NumPy's
    view of the memory or by other processes are noticed where the bytes of the weights are compared: up to 1 MiB, in
    memory that processes share, and where that takes less than a twentieth of the network's time; `report` tells.
    Otherwise call `refresh` after them.

    Examples
    --------
    >>> import torch
    >>> import fastconv.torch
    >>> model = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU()).eval()
    >>> x = torch.randn(1, 1, 8, 8)
    >>> y = model(x)
    >>> fastconv.torch.accelerate(model) is model
    True
    >>> with torch.no_grad():
    ...     torch.allclose(model(x), y, atol=1e-6)
    True
    """
    _check(model)
    for module in model.modules():
        kind = type(module)
        if kind in _FAST:
            module.__class__ = _FAST[kind]
    root = _root(model)
    if type(root) not in STOCK and not isinstance(root, Planned):
        stock: Any = type(root)
        root.__class__ = planned_class(stock)
    if example_inputs is not None:
        from .measuring import measure

        measure(root, example_inputs if isinstance(example_inputs, tuple) else (example_inputs,))
    return model


def restore(model: Any) -> Any:
    """Move a model back to torch's own modules, where it is: `accelerate` undone.

    Parameters
    ----------
    model : torch.nn.Module

    Returns
    -------
    torch.nn.Module
        `model` itself.

    Examples
    --------
    >>> import torch
    >>> import fastconv.torch
    >>> model = fastconv.torch.accelerate(torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3)))
    >>> type(fastconv.torch.restore(model)[0]) is torch.nn.Conv2d
    True
    """
    refresh(model)
    for module in model.modules():
        kind = base_of(type(module))
        kind = STOCK.get(kind, kind)
        if kind is not type(module):
            module.__class__ = kind
        fast.measured.pop(module, None)
    return model


def refresh(model: Any) -> None:
    """Forget what was made of a model's weights, after writes to them that nothing counts.

    Parameters
    ----------
    model : torch.nn.Module

    Examples
    --------
    >>> import torch
    >>> import fastconv.torch
    >>> model = fastconv.torch.accelerate(torch.nn.Sequential(torch.nn.Linear(1, 1)))
    >>> model[0].weight.data.zero_()
    tensor([[0.]])
    >>> fastconv.torch.refresh(model)
    """
    for module in model.modules():
        forget(module)
        planning.forget_plans(module)


def _root(model: Any) -> Any:
    """What is inside of wrappers that call one module."""
    while isinstance(model, _WRAPPERS):
        model = model.module
    return model


def _check(model: Any) -> None:
    if not isinstance(model, nn.Module):
        raise TypeError(f"`model` must be a torch.nn.Module; received {type(model).__name__}")
    for module in model.modules():
        if isinstance(module, torch.jit.ScriptModule):
            raise TypeError("`model` must not be compiled by torch.jit: accelerate it before that")
        if any(kind.__name__ in ("FullyShardedDataParallel", "FSDPModule") for kind in type(module).__mro__):
            raise TypeError("`model` must not be sharded by FSDP, whose parameters are not whole")


def report(model: Any) -> str:
    """What of an accelerated model runs where, and why.

    Parameters
    ----------
    model : torch.nn.Module

    Returns
    -------
    str
        A line for its plans, and one for each module.

    Examples
    --------
    >>> import torch
    >>> import fastconv.torch
    >>> model = fastconv.torch.accelerate(torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.Linear(4, 2)))
    >>> print(fastconv.torch.report(model))
    inference as a whole: on a plan, made at the first call in eval mode without gradients
    0 (Conv2d): fastconv's kernels
    1 (Linear): torch; as part of a plan, fastconv's kernels
    """
    lines = [planning.described(module) for module in model.modules() if isinstance(module, Planned)]
    lines = lines or ["inference as a whole: on the model's modules"]
    lines += [
        f"{name} ({type(module).__name__}): {_place(module)}"
        for name, module in model.named_modules()
        if name and not list(module.children())
    ]
    return "\n".join(lines)


def _place(module: Any) -> str:
    if type(module) not in STOCK:
        return "torch; as part of a plan, fastconv's kernels"
    choice = fast.measured.get(module)
    if choice is None:
        result: str = module.estimate()
        return result
    words = ["fastconv's kernels" if faster else "torch" for faster in choice]
    return words[0] if words[0] == words[1] else f"{words[0]} in inference, {words[1]} in training"
