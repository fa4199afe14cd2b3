"""Whether a call of a model runs on a plan, and on which."""

from __future__ import annotations

import threading
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import nn

from ._library import is_unobserved
from .model_plan import ModelPlan, Refused, signature

__all__ = ["choice_of", "described", "forget_plans", "plan_for"]

_FIRST_WAIT, _LONGEST_WAIT = 8, 1 << 12  # calls
_MOST = 4  # shapes of inputs that have plans
_DTYPES = torch.float32, torch.float64
_UNKNOWN = object()


class Choice:
    """A model's plans, by the signatures of arguments; or why there is none for one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._plans: dict[tuple[Any, ...], ModelPlan | str] = {}
        self._waited = self._wait = self._served = 0
        self.slower = ""  # what was measured, where that decided against plans

    def plan(self, model: Any, args: Any) -> ModelPlan | None:
        if self.slower:
            return None
        key = signature(args)
        plan: Any = self._plans.get(key, _UNKNOWN)
        if plan is _UNKNOWN or (isinstance(plan, ModelPlan) and not plan.is_of_the_model()):
            plan = self._made(model, args, key)
        if isinstance(plan, str):
            return None
        if plan.is_current() or self._renewed(plan, key):
            self._served += 1
            found: ModelPlan = plan
            return found
        return None

    def _made(self, model: Any, args: Any, key: Any) -> ModelPlan | str:
        with self._lock:
            if key not in self._plans and len(self._plans) >= _MOST:
                return f"there are plans for {_MOST} other shapes"
            try:
                self._plans[key] = ModelPlan(model, args)
            except Refused as refused:
                self._plans[key] = str(refused)
            return self._plans[key]

    def _renewed(self, plan: Any, key: Any) -> bool:
        """Whether a plan of former weights has been made again, for which some calls have to come first."""
        with self._lock:
            if self._served:
                longer = min(2 * self._wait, _LONGEST_WAIT)
                self._wait = _FIRST_WAIT if self._served >= _FIRST_WAIT else max(_FIRST_WAIT, longer)
                self._served = self._waited = 0
            self._waited += 1
            if self._waited <= self._wait:
                return False
            try:
                plan.renew()
            except ValueError as error:  # weights of other shapes
                self._plans[key] = str(error)
                return False
            return True

    def described(self) -> str:
        if self.slower:
            return f"on its modules; {self.slower}"
        if not self._plans:
            return "on a plan, made at the first call in eval mode without gradients"
        return "; ".join(f"for {_shapes(key)} {_words(plan)}" for key, plan in self._plans.items())


def _shapes(key: Any) -> str:
    return ", ".join("x".join(map(str, shape)) for shape, *_ in key)


def _words(plan: Any) -> str:
    if isinstance(plan, str):
        return f"on its modules: {plan}"
    return f"on a plan; writes to its weights are noticed by {plan.watches}"


_choices: WeakKeyDictionary[nn.Module, Choice] = WeakKeyDictionary()


def choice_of(model: Any) -> Choice:
    choice = _choices.get(model)
    if choice is None:
        choice = _choices.setdefault(model, Choice())
    return choice


def plan_for(model: Any, args: Any) -> ModelPlan | None:
    """The plan that gives what a model would for these arguments, or None."""
    if model.training or not _is_plain_call(model, args):
        return None
    return choice_of(model).plan(model, args)


def _is_plain_call(model: Any, args: Any) -> bool:
    """Whether the result of a call is all that anybody wants of it."""
    if not args or torch.is_autocast_enabled("cpu") or torch._C._len_torch_function_stack():
        return False
    for arg in args:
        if not isinstance(arg, torch.Tensor) or arg.dtype not in _DTYPES or not arg.numel():
            return False
    if torch.is_grad_enabled() and any(parameter.requires_grad for parameter in model.parameters()):
        return False
    return is_unobserved(*args)


def forget_plans(model: Any) -> None:
    """Let go of the plans of a model."""
    _choices.pop(model, None)


def described(model: Any) -> str:
    """A line of `report`."""
    return f"inference as a whole: {choice_of(model).described()}"
