"""JAX primitives, and the rules by which JAX differentiates and maps them.

Every primitive has one parameter, `spec`, a hashable description of the operation.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax._src.dispatch import prim_requires_devices_during_lowering
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from . import (
    _load,  # noqa: F401 - registers the handlers
    _sharding,
)

Zero: Any = ad.Zero


class _Primitive(Primitive):
    """One whose arguments, wherever it is applied, are on the devices that compute."""

    def __init__(self, name: str, axes: Any) -> None:
        super().__init__(f"fastconv_{name}")
        self.multiple_results = True
        self._axes = axes

    def bind(self, *args: Any, spec: Any) -> Any:
        return super().bind(*_sharding.same_devices(args, self._axes(spec, len(args))), spec=spec)  # type: ignore[no-untyped-call]


def kernel(name: str, shapes: Any, axes: Any, portable: Any, handler: str | None = None) -> Primitive:
    """A primitive that a handler, of its name by default, computes by spec.numbers(); `portable` does so elsewhere.

    Where there are several devices, each computes its part of spec.part(sizes), which has the part's sizes by letters.
    """

    def body(*args: Any, spec: Any) -> Any:
        types = _sharding.result_types([jax.typeof(arg) for arg in args], shapes(spec), axes(spec, len(args)))
        numbers = np.array(spec.numbers(), np.int64)
        return jax.ffi.ffi_call(f"fastconv_{handler or name}", types)(*args, numbers=numbers)

    split = _sharding.partitioned(body, axes)

    def distributed(*args: Any, spec: Any) -> Any:
        return split(spec, *args) if axes(spec, len(args)).cut else body(*args, spec=spec)

    prim = primitive(name, shapes, axes, portable)
    alone, among, anywhere = (
        mlir.lower_fun(function, multiple_results=True) for function in (body, distributed, portable)
    )

    def lower(context: Any, *args: Any, spec: Any) -> Any:
        exported = context.module_context.lowering_parameters.for_export
        here = alone if jax.device_count("cpu") == 1 else among
        return (anywhere if exported else here)(context, *args, spec=spec)

    mlir.register_lowering(prim, lower, platform="cpu")
    return prim


def primitive(name: str, shapes: Any, axes: Any, body: Any) -> Primitive:
    """A primitive with results of shapes(spec), a list, and of its arguments' dtype: what body(*args, spec) returns.

    axes(spec, number of arguments) are the `_sharding.Axes`.
    """
    result = _Primitive(name, axes)

    def abstract(*types: Any, spec: Any) -> Any:
        return _sharding.result_types(types, shapes(spec), axes(spec, len(types)))

    compiled = jax.jit(result.bind, static_argnames="spec")

    def evaluate(*args: Any, spec: Any) -> Any:
        with jax.disable_jit(False):  # or compiling would come back here
            return compiled(*args, spec=spec)

    result.def_impl(evaluate)
    result.def_abstract_eval(abstract)
    mlir.register_lowering(result, mlir.lower_fun(body, multiple_results=True))
    # As custom_partitioning does, which comes out only when this primitive, or a body of others, is lowered.
    prim_requires_devices_during_lowering.add(result)
    return result


def linear_in(prim: Primitive, transposes: Any, derivative: Any = None) -> None:
    """Rules for the one result of a primitive that is linear in each of some arguments.

    transposes : {position: function(ct, *args, spec)}
        What the argument at that place receives for the result's cotangent.
    derivative : function(tangent, result, *args, spec), optional
        The result's change with the first argument, if that is another; without it there is none.
    """

    def jvp(primals: Any, tangents: Any, *, spec: Any) -> Any:
        (y,) = prim.bind(*primals, spec=spec)
        parts = []
        for i, tangent in enumerate(tangents):
            if type(tangent) is Zero:
                continue
            if i in transposes:
                parts += prim.bind(*primals[:i], tangent, *primals[i + 1 :], spec=spec)
            elif derivative:
                parts.append(derivative(tangent, y, *primals, spec=spec))
        return [y], [sum(parts[1:], parts[0]) if parts else Zero.from_primal_value(y)]

    def transpose(cts: Any, *args: Any, spec: Any) -> Any:
        (ct,) = cts
        asked = [ad.is_undefined_primal(a) for a in args]
        if type(ct) is Zero:
            return [Zero(a.aval) if wanted else None for a, wanted in zip(args, asked, strict=True)]
        return [transposes[i](ct, *args, spec=spec) if wanted else None for i, wanted in enumerate(asked)]

    ad.primitive_jvps[prim] = jvp
    ad.primitive_transposes[prim] = transpose


def derived_from(prim: Primitive, body: Any) -> None:
    """Differentiates and maps a primitive as `body`, which computes the same by primitives that have rules."""

    def jvp(primals: Any, tangents: Any, *, spec: Any) -> Any:
        moving = [i for i, tangent in enumerate(tangents) if type(tangent) is not Zero]

        def moved(*values: Any) -> Any:
            args = list(primals)
            for i, value in zip(moving, values, strict=True):
                args[i] = value
            return body(*args, spec=spec)

        return jax.jvp(moved, [primals[i] for i in moving], [tangents[i] for i in moving])

    def batch(args: Any, dims: Any, *, spec: Any) -> Any:
        results = jax.vmap(lambda *values: body(*values, spec=spec), dims)(*args)
        return results, [0] * len(results)

    ad.primitive_jvps[prim] = jvp
    batching.primitive_batchers[prim] = batch


def map_in_one_call(prim: Primitive, widened: Any, carriers: Any = None, fold: bool = True) -> None:
    """vmap by one call for all, where only arguments whose first axis counts images are mapped; else by a call each.

    widened : function(spec, count)
        The spec for all.
    carriers : positions of those arguments, and so of the results' axis; by default all
    fold : bool
        Whether the mapped axis joins the first one; else it stands before it.
    """

    def batch(args: Any, dims: Any, *, spec: Any) -> Any:
        mapped = [i for i, dim in enumerate(dims) if dim is not None]
        count = args[mapped[0]].shape[dims[mapped[0]]]
        args = [jnp.moveaxis(arg, dims[i], 0) if i in mapped else arg for i, arg in enumerate(args)]
        held = range(len(args)) if carriers is None else carriers
        if not set(mapped) <= set(held):
            results = _one_by_one(prim, args, mapped, spec)
            return results, [0] * len(results)
        for i in held:
            full = args[i] if i in mapped else jnp.broadcast_to(args[i], (count, *args[i].shape))
            args[i] = full.reshape(count * full.shape[1], *full.shape[2:]) if fold else full
        results = prim.bind(*args, spec=widened(spec, count))
        if fold:
            results = [y.reshape(count, y.shape[0] // count, *y.shape[1:]) for y in results]
        return results, [0] * len(results)

    batching.primitive_batchers[prim] = batch


def _one_by_one(prim: Primitive, args: Any, mapped: Any, spec: Any) -> Any:
    def one(values: Any) -> Any:
        given = iter(values)
        return prim.bind(*(next(given) if i in mapped else arg for i, arg in enumerate(args)), spec=spec)

    return jax.lax.map(one, [_sharding.uncut(args[i], 0) for i in mapped])
