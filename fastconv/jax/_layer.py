"""How a layer with kernel, bias and activation is differentiated.

Besides the layer there are two primitives: its change and, the transpose of that, its gradients. Both take what they
need of x, kernel and y: x for the kernel's part, the kernel for x's, y for the activation's slope. So each wanted
gradient, and no other, is computed, all in one call.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from jax.extend.core import Primitive
from jax.interpreters import ad

from . import activations
from ._primitives import Zero, derived_from, kernel, primitive
from ._sharding import Axes

_X, _KERNEL, _BIAS = 1, 2, 4  # what is wanted, as bits


class Names(NamedTuple):
    """The names of the axes of a layer's x, kernel and output, and those along which the layer may be cut."""

    x: Sequence[str]
    kernel: Sequence[str]
    y: Sequence[str]
    cut: Sequence[str]

    @property
    def bias(self) -> Sequence[str]:
        return self.kernel[-1:]

    def axes(self, *args: str, to: str) -> Axes:
        """Of an operation on some of these with one result."""
        return Axes([getattr(self, name) for name in args], [getattr(self, to)], self.cut)


class Parts(NamedTuple):
    """The functions a layer consists of, each linear in each argument but `spec`, its last."""

    product: Callable[..., Any]  # of x and kernel: the sums before bias and activation
    to_x: Callable[..., Any]  # of their gradient and kernel
    to_kernel: Callable[..., Any]  # of x and their gradient
    spread: Callable[..., Any]  # of the bias, to the shape of the sums
    total: Callable[..., Any]  # of their gradient, to that of the bias


def _needed(spec: Any, x: Any, kernel: Any, y: Any) -> list[Any]:
    return [
        value for value, need in ((x, spec.wanted & _KERNEL), (kernel, spec.wanted & _X), (y, spec.activation)) if need
    ]


def forward_axes(spec: Any, count: int) -> Axes:
    result: Axes = spec.names.axes(*("x", "kernel", "bias")[:count], to="y")
    return result


def _wanted(spec: Any) -> list[str]:
    return [name for name, bit in (("x", _X), ("kernel", _KERNEL), ("bias", _BIAS)) if spec.wanted & bit]


def _change_axes(spec: Any, count: int) -> Axes:
    result: Axes = spec.names.axes(*_needed(spec, "x", "kernel", "y"), *_wanted(spec), to="y")
    return result


def _grads_axes(spec: Any, count: int) -> Axes:
    names = spec.names
    given = names.axes(*_needed(spec, "x", "kernel", "y"), "y", to="x").args
    return Axes(given, [getattr(names, name) for name in _wanted(spec)], names.cut)


def _given(args: Any, spec: Any) -> Any:
    """The inverse: x, kernel, y (None for what is not needed) and the rest of the arguments."""
    values = iter(args)
    known = [next(values) if need else None for need in (spec.wanted & _KERNEL, spec.wanted & _X, spec.activation)]
    return *known, list(values)


def _through_activation(y: Any, dy: Any, spec: Any) -> Any:
    """The gradient of the sums before the activation."""
    return dy if y is None else activations.activation_grad(y, dy, spec.activation, spec.alpha, from_output=True)


def _change_body(parts: Parts, *args: Any, spec: Any) -> Any:
    x, kernel, y, rest = _given(args, spec)
    changes, plain, sums = iter(rest), spec.plain(), []
    if spec.wanted & _X:
        sums.append(parts.product(next(changes), kernel, plain))
    if spec.wanted & _KERNEL:
        sums.append(parts.product(x, next(changes), plain))
    if spec.wanted & _BIAS:
        sums.append(parts.spread(next(changes), plain))
    return [_through_activation(y, functools.reduce(operator.add, sums), spec)]


def _grads_body(parts: Parts, *args: Any, spec: Any) -> Any:
    x, kernel, y, (dy,) = _given(args, spec)
    dz, plain, results = _through_activation(y, dy, spec), spec.plain(), []
    if spec.wanted & _X:
        results.append(parts.to_x(dz, kernel, plain))
    if spec.wanted & _KERNEL:
        results.append(parts.to_kernel(x, dz, plain))
    if spec.wanted & _BIAS:
        results.append(parts.total(dz, plain))
    return results


def _grad_shapes(spec: Any) -> list[Any]:
    return [
        shape
        for bit, shape in ((_X, spec.x_shape), (_KERNEL, spec.kernel_shape), (_BIAS, spec.kernel_shape[-1:]))
        if spec.wanted & bit
    ]


def _jvp(layer: Primitive, change: Primitive, primals: Any, tangents: Any, *, spec: Any) -> Any:
    (y,) = layer.bind(*primals, spec=spec)
    moving = [tangent for tangent in tangents if type(tangent) is not Zero]
    wanted = sum(1 << i for i, tangent in enumerate(tangents) if type(tangent) is not Zero)
    spec = spec._replace(wanted=wanted)
    x, kernel = primals[:2]
    return [y], change.bind(*_needed(spec, x, kernel, y), *moving, spec=spec)


def _transpose(parts: Parts, cts: Any, x: Any, kernel: Any, *, spec: Any) -> Any:
    """Of a layer without bias and activation, by itself a linear function."""
    asked, (ct,) = [ad.is_undefined_primal(x), ad.is_undefined_primal(kernel)], cts
    if type(ct) is Zero:
        return [Zero(a.aval) if wanted else None for a, wanted in zip((x, kernel), asked, strict=True)]
    return [parts.to_x(ct, kernel, spec), None] if asked[0] else [None, parts.to_kernel(x, ct, spec)]


def _transpose_change(grads: Primitive, cts: Any, *args: Any, spec: Any) -> Any:
    (ct,) = cts
    x, kernel, y, changes = _given(args, spec)
    known = [None] * (len(args) - len(changes))
    asked = [ad.is_undefined_primal(change) for change in changes]
    if type(ct) is Zero:
        return known + [Zero(change.aval) if a else None for change, a in zip(changes, asked, strict=True)]
    bits = [bit for bit in (_X, _KERNEL, _BIAS) if spec.wanted & bit]
    spec = spec._replace(wanted=sum(bit for bit, a in zip(bits, asked, strict=True) if a))
    found = iter(grads.bind(*_needed(spec, x, kernel, y), ct, spec=spec))
    return known + [next(found) if a else None for a in asked]


def differentiate(layer: Primitive, name: str, parts: Parts) -> None:
    """The rules for a layer's primitive, whose arguments are x, kernel and a bias or none."""
    change_body, grads_body = (functools.partial(body, parts) for body in (_change_body, _grads_body))
    change = primitive(f"{name}_change", lambda spec: [spec.y_shape], _change_axes, change_body)
    grads = kernel(f"{name}_grads", _grad_shapes, _grads_axes, grads_body)
    derived_from(change, change_body)
    derived_from(grads, grads_body)
    ad.primitive_jvps[layer] = functools.partial(_jvp, layer, change)
    ad.primitive_transposes[layer] = functools.partial(_transpose, parts)
    ad.primitive_transposes[change] = functools.partial(_transpose_change, grads)
