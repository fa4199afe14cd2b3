"""Max and average pooling."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

from .. import _args
from ..nn.pooling import Geometry
from . import _checks, _portable
from ._primitives import kernel, linear_in, map_in_one_call
from ._sharding import Axes


class Pool2D(NamedTuple):
    """One pooling. Sizes of x may be symbolic while shapes are inferred."""

    x_shape: tuple[Any, ...]
    pool: tuple[int, int]
    strides: tuple[int, int]
    padding: str | tuple[Any, ...]
    data_format: str
    average: bool

    @property
    def y_shape(self) -> tuple[Any, ...]:
        n, h, w, c = _args.sizes(self.x_shape, self.data_format)
        out_h, out_w = _checks.windows((h, w), self.pool, self.strides, self.padding)
        return _args.shape_of(n, out_h, out_w, c, self.data_format)

    def numbers(self) -> tuple[int, ...]:
        """What csrc/jax/pool2d.c reads."""
        n, h, w, c = _args.sizes(self.x_shape, self.data_format)
        _, out_h, out_w, _ = _args.sizes(self.y_shape, self.data_format)
        rows, columns = _args.padding_pairs(self.padding, (h, w), self.pool, self.strides)
        return (
            n,
            h,
            w,
            c,
            out_h,
            out_w,
            *self.pool,
            *self.strides,
            *rows,
            *columns,
            _args.LAYOUTS[self.data_format],
            self.average,
        )

    def widened(self, count: int) -> Pool2D:
        return self._replace(x_shape=(count * self.x_shape[0], *self.x_shape[1:]))

    def part(self, sizes: Any) -> Pool2D:
        _, h, w, _ = _args.sizes(self.x_shape, self.data_format)
        return self._replace(x_shape=_args.shape_of(sizes["n"], h, w, sizes["c"], self.data_format))


def _kernel(portable: Any, handler: str, args: str, result: str) -> Any:
    """Of arrays of the size of the input, x, or of the pooled one, y."""

    def axes(spec: Any, _: Any) -> Any:
        names = dict(
            zip("xy", ("nhwc", "npqc") if spec.data_format == "channels_last" else ("nchw", "ncpq"), strict=True)
        )
        return Axes([names[arg] for arg in args], [names[result]], "nc")

    shape = f"{result}_shape"
    prim = kernel(portable.__name__, lambda spec: [getattr(spec, shape)], axes, portable, handler)
    map_in_one_call(prim, Pool2D.widened)
    return prim


# avg: x -> y, and dy -> dx. max: x -> y; with where x has its maxima, dy -> dx and, picking there, ddx -> ddy.
_avg = _kernel(_portable.avg_pool2d, "pool2d", "x", "y")
_avg_grad = _kernel(_portable.avg_pool2d_grad, "pool2d_grad", "y", "x")
_max = _kernel(_portable.max_pool2d, "pool2d", "x", "y")
_max_grad = _kernel(_portable.max_pool2d_grad, "pool2d_grad", "xy", "x")
_pick = _kernel(_portable.max_pool2d_grad_grad, "max_pool2d_grad_grad", "xx", "y")

linear_in(_avg, {0: lambda ct, x, spec: _avg_grad.bind(ct, spec=spec)[0]})
linear_in(_avg_grad, {0: lambda ct, dy, spec: _avg.bind(ct, spec=spec)[0]})
linear_in(_max, {}, lambda dx, y, x, spec: _pick.bind(x, dx, spec=spec)[0])
linear_in(_max_grad, {1: lambda ct, x, dy, spec: _pick.bind(x, ct, spec=spec)[0]})
linear_in(_pick, {1: lambda ct, x, ddx, spec: _max_grad.bind(x, ct, spec=spec)[0]})


def max_pool2d(
    x: Any, pool_size: Any = 2, *, strides: Any = None, padding: str = "valid", data_format: str = "channels_last"
) -> Any:
    """Maxima of windows, as `fastconv.max_pool2d`: padded cells never win, NaN does.

    Parameters
    ----------
    x : jax.Array
        (n, h, w, c), or (n, c, h, w) with ``data_format='channels_first'``; float16, bfloat16, float32 or float64.
    pool_size : int or two ints
    strides : int or two ints, optional
        `pool_size` by default.
    padding : 'valid', 'same' or ((top, bottom), (left, right))
        Smaller than the window.
    data_format : {'channels_last', 'channels_first'}

    Returns
    -------
    jax.Array
        (n, out_h, out_w, c) or (n, c, out_h, out_w).

    Raises
    ------
    ValueError, TypeError
        If an argument is none of these.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> import fastconv.jax as fj
    >>> fj.max_pool2d(jnp.arange(4.0).reshape(1, 2, 2, 1)).ravel()
    Array([3.], dtype=float32)
    """
    return _pool(_max, x, pool_size, strides, padding, data_format, False)


def avg_pool2d(
    x: Any, pool_size: Any = 2, *, strides: Any = None, padding: str = "valid", data_format: str = "channels_last"
) -> Any:
    """Means of windows, as `fastconv.avg_pool2d`: padded cells are not counted. Arguments as in `max_pool2d`.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> import fastconv.jax as fj
    >>> fj.avg_pool2d(jnp.arange(4.0).reshape(1, 2, 2, 1)).ravel()
    Array([1.5], dtype=float32)
    """
    return _pool(_avg, x, pool_size, strides, padding, data_format, True)


def _pool(prim: Any, x: Any, pool_size: Any, strides: Any, padding: Any, data_format: Any, average: Any) -> Any:
    x = _checks.array(x, "x", 4)
    spec = _spec(x.shape, x.dtype, *map(_checks.frozen, (pool_size, strides, padding)), data_format, average)
    return prim.bind(x, spec=spec)[0]


@functools.lru_cache(4096)
def _spec(
    x_shape: Any, dtype: Any, pool_size: Any, strides: Any, padding: Any, data_format: Any, average: Any
) -> Pool2D:
    pool = _args.pair(pool_size, "pool_size")
    strides = pool if strides is None else _args.pair(strides, "strides")
    _args.choice(data_format, "data_format", _args.LAYOUTS)
    Geometry(average, _checks.concrete(x_shape, pool, data_format), dtype, pool, strides, padding, data_format)
    padding = padding.lower() if isinstance(padding, str) else padding
    return Pool2D(x_shape, pool, strides, padding, data_format, average)
