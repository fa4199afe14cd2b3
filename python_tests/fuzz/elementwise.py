"""Activations and their gradients, and softmax."""

from __future__ import annotations

import numpy as np

import fastconv

from . import draw
from .activation_reference import DERIVATIVE, FORWARD, FROM_OUTPUT, KINKS, from_output
from .arrays import limits
from .check import Want, arithmetic, least, working
from .execution import verify

ULPS = 16  # of an activation's result, in units of rounding
NAMES = tuple(name for name in FORWARD if name not in ("linear", "gelu_tanh", "swish", "hard_swish"))


def _shape(d: draw.Draw) -> list[int]:
    if d.large:
        return d.choice(([70_000], [130_001], [300, 301], [2, 40_000], [40_000, 2], [60, 70, 33]))
    if d.chance(0.1):
        return []
    return [d.choice((0, 1, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 65)) for _ in range(d.randint(1, 3))]


def _parameters(d: draw.Draw, name: str) -> dict:
    if name in ("leaky_relu", "elu") and d.chance(0.5):
        return {"alpha" if name == "elu" else "negative_slope": d.choice((0.0, 0.01, 0.3, 1.0, 1.5))}
    if name == "relu" and d.chance(0.7):
        return {
            "negative_slope": d.choice((0.0, 0.0, 0.01, 0.5, 1.0, -0.5)),
            "max_value": d.choice((None, 0.0, 0.5, 1.0, 6.0)),
            "threshold": d.choice((0.0, 0.0, 0.5, 1.0, -1.0)),
        }
    return {"approximate": True} if name == "gelu" and d.chance(0.5) else {}


def _scaled(d: draw.Draw, x: dict) -> dict:
    """x, or so many times that: out to where exp overflows."""
    return x | {"scale": d.choice((1, 1, 5, 20, 80, 400))}


def draw_activation(d: draw.Draw) -> dict:
    name = d.choice(NAMES)
    return {
        "name": name,
        "keywords": _parameters(d, name),
        "x": _scaled(d, d.array(_shape(d), d.choice(draw.FLOATS))),
    } | d.surroundings()


def _formula(formulas: dict, case: dict):
    name = case["name"] + ("_tanh" if case["keywords"].get("approximate") else "")
    parameters = {key: value for key, value in case["keywords"].items() if key != "approximate"}
    return lambda x: formulas[name](x, **parameters)


def run_activation(case: dict) -> None:
    def reference(x):
        dtype, x = x.dtype, x.astype(working(x.dtype))
        y = _formula(FORWARD, case)(x)
        ulps = np.full(x.shape, ULPS)
        if case["keywords"].get("approximate"):  # exp of a polynomial that is itself rounded
            exponent = np.sqrt(8 / np.pi) * abs(x) * (1 + 0.044715 * x * x)
            ulps = ulps + np.where(np.isfinite(x), 9 * np.minimum(exponent, 1500), 0)
        room = ulps * arithmetic(dtype) * np.where(np.isfinite(y), abs(y), 0)
        return Want(y, dtype, room + 64 * least(dtype))

    function = getattr(fastconv, case["name"])
    verify(case, lambda x, out: function(x, **case["keywords"], out=out), ("x",), reference)


def draw_derivative(d: draw.Draw) -> dict:
    name, shape, dtype = d.choice(NAMES), _shape(d), d.choice(draw.FLOATS)
    given = "y" if name in FROM_OUTPUT and d.chance(0.4) and name not in ("leaky_relu", "elu") else "x"
    finite = tuple(kind for kind in draw.VALUES if kind not in ("special", "huge"))
    return {
        "name": name,
        "keywords": _parameters(d, name) if given == "x" else {},
        "given": given,
        "x": d.array(shape, dtype, ("nonnegative",)) if given == "y" else _scaled(d, d.array(shape, dtype)),
        "dy": d.array(shape, dtype, finite),
    } | d.surroundings()


def run_derivative(case: dict) -> None:
    function = getattr(fastconv, case["name"] + "_grad")
    by_output = case["given"] == "y"

    def reference(x, dy):
        dtype, (x, dy) = x.dtype, (a.astype(working(a.dtype)) for a in (x, dy))
        slope = from_output(case["name"], x) if by_output else _formula(DERIVATIVE, case)(x)
        dx = slope * dy
        room = 64 * arithmetic(dtype) * abs(dy) * np.maximum(abs(slope), 1)
        if by_output:
            room = room * (1 + abs(np.where(np.isfinite(x), x, 0))) ** 2
        room = room + 64 * least(dtype)
        left_open = ~np.isfinite(x) | ~np.isfinite(dx) | (abs(slope) > float(limits(dtype).max))
        kinks = [value for key, value in case["keywords"].items() if key in ("threshold", "max_value")]
        for kink in (*KINKS.get(case["name"], ()), *kinks):
            left_open |= x == kink
        if by_output:
            left_open |= np.isin(x, (0, 1, 6))
        return Want(dx, dtype, np.where(left_open, np.nan, room))

    def call(x, dy, out=None):
        if by_output:
            return function(None, dy, y=x, out=out)
        return function(x, dy, **case["keywords"], out=out)

    verify(case, call, ("x", "dy"), reference)


def _draw_axis(d: draw.Draw) -> tuple[list[int], int | list[int]]:
    """A shape, and one of its axes or several."""
    shape = _shape(d) or [1]
    if d.chance(0.3):
        axes = d.sample(range(len(shape)), d.randint(1, len(shape)))
        return shape, [axis - len(shape) * d.chance(0.3) for axis in axes]
    return shape, d.randrange(-len(shape), len(shape))


def _axis(case: dict):
    return tuple(case["axis"]) if isinstance(case["axis"], list) else case["axis"]


def draw_softmax(d: draw.Draw) -> dict:
    shape, axis = _draw_axis(d)
    return {"axis": axis, "x": _scaled(d, d.array(shape, d.choice(draw.FLOATS)))} | d.surroundings()


def _softmax(x, axis):
    y = np.exp(x - x.max(axis, keepdims=True, initial=-np.inf))
    return y / y.sum(axis, keepdims=True)


def run_softmax(case: dict) -> None:
    def reference(x):
        dtype, x = x.dtype, x.astype(working(x.dtype))
        y = _softmax(x, _axis(case))
        room = ULPS * arithmetic(dtype) * np.where(np.isfinite(y), y, 0)
        return Want(y, dtype, room + 64 * least(dtype))

    verify(case, lambda x, out: fastconv.softmax(x, _axis(case), out=out), ("x",), reference)


def draw_softmax_grad(d: draw.Draw) -> dict:
    (shape, axis), dtype = _draw_axis(d), d.choice(draw.FLOATS)
    finite = tuple(kind for kind in draw.VALUES if kind != "special")
    return {"axis": axis, "y": d.array(shape, dtype, finite), "dy": d.array(shape, dtype, finite)} | d.surroundings()


def run_softmax_grad(case: dict) -> None:
    def reference(y, dy):
        dtype, (y, dy) = y.dtype, (a.astype(working(a.dtype)) for a in (y, dy))
        axis = _axis(case)
        dx = y * (dy - (y * dy).sum(axis, keepdims=True))
        size = abs(y) * (abs(dy) + abs(y * dy).sum(axis, keepdims=True))
        terms = np.ones_like(y).sum(axis, keepdims=True)
        return Want(dx, dtype, 32 * arithmetic(dtype) * size + 64 * least(dtype) * (1 + abs(y) * terms))

    verify(case, lambda y, dy, out: fastconv.softmax_grad(y, dy, _axis(case), out=out), ("y", "dy"), reference)
