"""Operations on arrays that lie on several devices.

A primitive names the axes of its arguments and results. Along some of them it may be cut: every device then computes on
its part of the arguments, and parts of a result that lacks such an axis are added up.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
from jax.experimental.custom_partitioning import custom_partitioning
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P


class Axes(NamedTuple):
    """The names of the axes of each argument and result, a string being one of letters; those that may be cut."""

    args: Sequence[Sequence[str]]
    results: Sequence[Sequence[str]]
    cut: Sequence[str]

    def sizes(self, arrays: Any) -> dict[str, int]:
        """The length of each axis of the arguments."""
        return {
            name: size
            for names, array in zip(self.args, arrays, strict=True)
            for name, size in zip(names, array.shape, strict=True)
        }


def elementwise(rank: int, arguments: int, whole: int | None = None) -> Axes:
    """Of an operation on arrays of one shape, which is not cut along the axis `whole`."""
    names = [f"axis{i}" for i in range(rank)]
    return Axes([names] * arguments, [names], [name for i, name in enumerate(names) if i != whole])


def same_devices(args: Any, axes: Axes) -> list[Any]:
    """The arguments as JAX's own operations make them alike, so that gradients are summed where copies were made.

    Within `jax.shard_map` all vary over the same axes of the mesh. On a mesh with explicit axes the same parts of all
    are on the same device, cut along `axes.cut` alone.
    """
    types = [jax.typeof(arg) for arg in args]
    if all(t.sharding.mesh.empty for t in types):
        return list(args)
    varying = frozenset().union(*(t.manual_axis_type.varying for t in types))
    for i, t in enumerate(types):
        missing = varying - t.manual_axis_type.varying
        if missing:
            order = tuple(name for name in t.sharding.mesh.axis_names if name in missing)
            args = [*args[:i], jax.lax.pcast(args[i], order, to="varying"), *args[i + 1 :]]
    if not any(AxisType.Explicit in t.sharding.mesh.axis_types for t in types):
        return list(args)
    mesh = _mesh(types)
    places = _places(axes.args, types, axes, mesh)
    wanted = [_spec(names, places) for names in axes.args]
    return [
        arg if t.sharding.spec == spec else jax.sharding.reshard(arg, NamedSharding(mesh, spec))
        for arg, t, spec in zip(args, types, wanted, strict=True)
    ]


def uncut(array: Any, axis: int) -> Any:
    """The array with that axis whole on every device, where a mesh's explicit axes cut it."""
    sharding = jax.typeof(array).sharding
    spec = [None if i == axis else entry for i, entry in enumerate(sharding.spec)]
    if sharding.mesh.empty or sharding.spec[axis] is None:
        return array
    return jax.sharding.reshard(array, NamedSharding(sharding.mesh, P(*spec)))


def result_types(types: Any, shapes: Any, axes: Axes) -> list[Any]:
    """The abstract values of the results of arguments that `same_devices` returned."""
    mesh = _mesh(types)
    places = {} if mesh.empty else _places(axes.args, types, axes, mesh)
    return [
        types[0].update(shape=tuple(shape), weak_type=False, sharding=NamedSharding(mesh, _spec(names, places)))
        for shape, names in zip(shapes, axes.results, strict=True)
    ]


def partitioned(body: Callable[..., Any], axes_of: Callable[..., Any]) -> Callable[..., Any]:
    """body(*args, spec=...), which computes one device's part, as a function of spec and args for all devices."""

    def whole(spec: Any, *args: Any) -> Any:
        return body(*args, spec=spec)

    def places(spec: Any, mesh: Any, args: Any, results: Any) -> Any:
        axes = axes_of(spec, len(args))
        return axes, _places([*axes.args, *axes.results], [*args, *results], axes, mesh)

    def partition(spec: Any, mesh: Any, args: Any, results: Any) -> Any:
        axes, found = places(spec, mesh, args, results)
        sizes = {name: size // _count(mesh, found.get(name, ())) for name, size in axes.sizes(args).items()}
        part = spec.part(sizes)

        def compute(*parts: Any) -> Any:
            return [_total(y, names, found) for y, names in zip(body(*parts, spec=part), axes.results, strict=True)]

        given, made = (
            [NamedSharding(mesh, _spec(names, found)) for names in side] for side in (axes.args, axes.results)
        )
        return mesh, compute, made, tuple(given)

    def infer(spec: Any, mesh: Any, args: Any, results: Any) -> Any:
        axes, found = places(spec, mesh, args, results)
        return [NamedSharding(mesh, _spec(names, found)) for names in axes.results]

    def rule(spec: Any, mesh: Any, args: Any, results: Any) -> Any:
        axes = axes_of(spec, len(args))
        sides = [", ".join(map(" ".join, side)) for side in (axes.args, axes.results)]
        here, there = (list(dict.fromkeys(itertools.chain(*side))) for side in (axes.args, axes.results))
        return " -> ".join(sides), {
            "need_replication_factors": tuple(n for n in dict.fromkeys(here + there) if n not in axes.cut),
            "reduction_factors": tuple(n for n in here if n in axes.cut and n not in there),
        }

    function = custom_partitioning(whole, static_argnums=(0,))
    function.def_partition(partition, infer_sharding_from_operands=infer, sharding_rule=rule)
    return function


def _mesh(types: Any) -> Any:
    return next((t.sharding.mesh for t in types if not t.sharding.mesh.empty), jax.sharding.get_abstract_mesh())


def _places(axes_of_arrays: Any, arrays: Any, axes: Axes, mesh: Any) -> dict[str, tuple[str, ...]]:
    """The axes of the mesh over which each axis of the operation is cut, as the first array says that has it."""
    found: dict[str, tuple[str, ...]] = {}
    used: set[str] = set()
    for names, array in zip(axes_of_arrays, arrays, strict=True):
        for name, size, over in zip(names, array.shape, _cuts(array), strict=False):
            is_free = name in axes.cut and name not in found and not used & set(over)
            if over and is_free and size % _count(mesh, over) == 0:
                found[name] = over
                used |= set(over)
    return found


def _cuts(array: Any) -> list[tuple[str, ...]]:
    """For each axis of an array those of the mesh that it is cut over; nothing where these have no names."""
    entries = getattr(array.sharding, "spec", ())
    return [entry if isinstance(entry, tuple) else () if entry is None else (entry,) for entry in entries]


def _count(mesh: Any, names: Any) -> int:
    return math.prod(mesh.shape[name] for name in names)


def _spec(names: Sequence[str], places: Any) -> P:
    return P(*(places.get(name) or None for name in names))


def _total(y: Any, names: Sequence[str], places: Any) -> Any:
    missing = tuple(over for name, cut in places.items() if name not in names for over in cut)
    return jax.lax.psum(y, missing) if missing else y
