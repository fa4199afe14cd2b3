"""Activations."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from ... import _args, _core, nn
from ...nn.activations import ACTIVATIONS
from ...nn.rectifiers import rectifier as rectifier_parameters
from .registry import Step, Tensor, operator

__all__ = ["activation", "activation_number", "prelu", "rectifier", "softmax"]


def activation_number(attributes: dict[str, Any]) -> tuple[int, float]:
    """The core's number and parameter of the ``activation`` that a node ends with.

    Examples
    --------
    >>> activation_number({"activation": ("leaky_relu", 0.1)}), activation_number({})
    ((3, 0.1), (0, 0.0))
    """
    name, alpha = attributes.get("activation") or ("linear", 0.0)
    return ACTIVATIONS[name], float(alpha)


@operator("Activation")
def activation(node: Any, x: Any) -> Any:
    """``activation(x)``, elementwise."""
    _require_float(x)
    number, alpha = activation_number(node.attributes)
    run = _core.activate_call(_args.dtype_id(x.dtype), number, alpha, x.size)
    return Step((Tensor(x.shape, x.dtype),), run, in_place=True, algorithm=node.attributes["activation"][0])


@operator("Rectifier")
def rectifier(node: Any, x: Any) -> Any:
    """`fastconv.relu` with the attributes ``negative_slope``, ``max_value`` and ``threshold``."""
    _require_float(x)
    name, parameters = rectifier_parameters(
        *(node.attributes[word] for word in ("negative_slope", "max_value", "threshold"))
    )
    if name:
        return activation(replace(node, attributes={"activation": (name, parameters)}), x)
    run = _core.relu_call(_args.dtype_id(x.dtype), parameters, x.size)
    return Step((Tensor(x.shape, x.dtype),), run, in_place=True, algorithm="relu")


@operator("Softmax")
def softmax(node: Any, x: Any) -> Any:
    """Softmax along the attribute ``axis``, an axis or several."""
    _require_float(x)
    axis, y = node.attributes.get("axis", -1), Tensor(x.shape, x.dtype)
    order, begin, end = _args.side_by_side(_args.axes(axis, x.ndim), x.shape)
    if order is None:
        outer, length, inner = (math.prod(part) for part in (x.shape[:begin], x.shape[begin:end], x.shape[end:]))
        run: Any = _core.softmax_call(_args.dtype_id(x.dtype), outer, length, inner)
    else:
        run = lambda x, y: nn.softmax(x, axis, out=y)  # noqa: E731

    return Step((y,), run, in_place=True, algorithm="softmax")


@operator("PRelu")
def prelu(node: Any, x: Any, slope: Any) -> Any:
    """x where it is not below 0, else ``slope * x``; slope is broadcast to x."""
    _require_float(x)
    if np.broadcast_shapes(x.shape, slope.shape) != x.shape:
        raise ValueError(f"the slope must be broadcast to {x.shape}; received shape {slope.shape}")

    y, known = Tensor(x.shape, x.dtype), slope.value
    if known is not None and ((known > 0) & (known <= 1)).all():
        return Step((y,), _sloped)

    def run(x: Any, slope: Any, y: Any) -> None:
        with np.errstate(all="ignore"):
            np.copyto(y, np.where(np.less(x, 0), x * slope, x))

    return Step((y,), run, in_place=True)


def _sloped(x: Any, slope: Any, y: Any) -> None:
    """The larger of x and ``slope * x``, which is the same for slopes in (0, 1] and faster than a choice."""
    np.multiply(x, slope, out=y)
    np.maximum(x, y, out=y)


def _require_float(x: Tensor) -> None:
    if _args.dtype_id(x.dtype) not in _args.FLOAT_IDS:
        raise TypeError(f"the input must be a float; received {x.dtype}")
