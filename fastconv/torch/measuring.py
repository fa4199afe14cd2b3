"""Which of torch's and fastconv's kernels are faster in a model, on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch.utils._pytree import tree_leaves

from . import planning
from .nn import modules as fast

__all__ = ["measure"]

_TURNS, _LEAST, _REST = 3, 0.002, 0.002  # seconds of a turn, and between them, in which threads come to rest


def measure(root: Any, args: Any) -> None:
    """Find for each module of a model, and for the model as a whole, what is faster on these arguments.

    What is faster alone need not be among others, whose threads take turns: so all modules stay on torch's kernels, in
    inference or in training, where the model is not faster with the choices. These hold until `restore`.
    """
    training = [(module, module.training) for module in root.modules()]
    root.eval()
    try:
        for module, given in _inputs(root, args).items():
            fast.measured[module] = _is_faster(module, given, False), _is_faster(module, given, True)
        for with_gradients in (False, True):
            _confirm(root, args, with_gradients)
        if hasattr(root, "forward_by_modules"):
            with torch.no_grad():
                _measure_plan(root, args)
    finally:
        for module, mode in training:
            module.training = mode


def _inputs(root: Any, args: Any) -> dict[Any, Any]:
    """What each of fastconv's modules is first called with."""
    found: dict[Any, Any] = {}

    def look(module: Any, given: Any) -> None:
        if module not in found and len(given) == 1 and isinstance(given[0], torch.Tensor):
            found[module] = given[0].detach().clone(memory_format=torch.preserve_format)

    hooks = [
        module.register_forward_pre_hook(look) for module in root.modules() if isinstance(module, fast.FastconvMixin)
    ]
    try:
        with torch.no_grad():
            root(*args)
    finally:
        for hook in hooks:
            hook.remove()
    planning.forget_plans(root)
    return found


def _is_faster(module: Any, given: Any, with_gradients: bool) -> bool:
    """Whether fastconv's kernels are, of a module for an input."""
    x = given.requires_grad_(with_gradients and given.is_floating_point())
    inputs = [x, *(parameter for parameter in module.parameters() if parameter.requires_grad)]

    def run() -> None:
        # A module that writes in place gets something to write to.
        y = module.forward(x * 1 if getattr(module, "inplace", False) else x)
        if with_gradients:
            torch.autograd.grad(y, inputs, torch.ones_like(y), allow_unused=True)

    def by(ours: bool) -> Any:
        def choose_and_run() -> None:
            fast.measured[module] = ours, ours
            run()

        return choose_and_run

    with torch.set_grad_enabled(with_gradients):
        ours, stock = _times(by(True), by(False))
    return ours < stock


def _confirm(root: Any, args: Any, with_gradients: bool) -> None:
    """Undo the choices of modules if the model is not faster with them."""
    modules = [module for module in root.modules() if module in fast.measured]
    choices = [fast.measured[module] for module in modules]
    parameters = [parameter for parameter in root.parameters() if parameter.requires_grad]
    if not any(choice[with_gradients] for choice in choices) or (with_gradients and not parameters):
        return
    stock = [(False, choice[1]) if not with_gradients else (choice[0], False) for choice in choices]
    forward = getattr(root, "forward_by_modules", root.forward)

    def by(chosen: Any) -> Any:
        def choose_and_run() -> None:
            fast.measured.update(zip(modules, chosen, strict=True))
            tensors = [y for y in tree_leaves(forward(*args)) if isinstance(y, torch.Tensor) and y.requires_grad]
            if tensors:
                torch.autograd.grad(tensors, parameters, [torch.ones_like(y) for y in tensors], allow_unused=True)

        return choose_and_run

    with torch.set_grad_enabled(with_gradients):
        ours, theirs = _times(by(choices), by(stock))
    fast.measured.update(zip(modules, choices if ours < theirs else stock, strict=True))


def _times(*functions: Callable[..., Any]) -> list[float]:
    """The least time of each, in turns."""
    least = [float("inf")] * len(functions)
    for function in functions:
        function()
    for _ in range(_TURNS):
        for index, function in enumerate(functions):
            time.sleep(_REST)
            begin = end = time.perf_counter()
            while end - begin < _LEAST:
                before = time.perf_counter()
                function()
                end = time.perf_counter()
                least[index] = min(least[index], end - before)
    return least


def _measure_plan(root: Any, args: Any) -> None:
    choice = planning.choice_of(root)
    plan = planning.plan_for(root, args)
    if plan is None:
        return
    by_plan, by_modules = _times(lambda: plan.run(args), lambda: root.forward_by_modules(*args))
    if by_modules < by_plan:
        choice.slower = f"on a plan {1e3 * by_plan:.3g} ms, measured, on its modules {1e3 * by_modules:.3g} ms"
