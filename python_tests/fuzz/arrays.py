"""Arrays from their descriptions: values of every kind, views of every kind, and places for results."""

import ml_dtypes
import numpy as np

GUARD = 0xA7


def dtype_of(name: str) -> np.dtype:
    return np.dtype(getattr(ml_dtypes, name, name))


def limits(dtype: np.dtype):
    return ml_dtypes.finfo(dtype) if dtype.name == "bfloat16" else np.finfo(dtype)


def make(spec: dict) -> np.ndarray:
    """The array that a description stands for; the same bits each time."""
    rng, dtype = np.random.default_rng(spec["seed"]), dtype_of(spec["dtype"])
    shape, kind = tuple(spec["shape"]), spec["values"]
    if dtype.kind in "biu":
        array = _integers(rng, shape, dtype, kind)
    elif dtype.kind == "c":
        real = np.dtype(dtype.type(0).real.dtype)
        array = np.empty(shape, dtype)
        array.real, array.imag = _floats(rng, shape, real, kind), _floats(rng, shape, real, kind)
    else:
        array = np.asarray(_floats(rng, shape, dtype, kind) * spec.get("scale", 1)).astype(dtype)
    return _viewed(array, spec["view"])


def _integers(rng, shape, dtype, kind):
    if dtype.kind == "b":
        return rng.integers(0, 2, shape, dtype=np.uint8).astype(bool)
    least, most = np.iinfo(dtype).min, np.iinfo(dtype).max
    if kind == "rank1":
        return np.outer(*(rng.integers(0, 6, size, dtype=dtype) for size in shape))
    if kind in ("whole", "nonnegative", "sparse", "zeros"):
        most = {"zeros": 0, "sparse": 1}.get(kind, 5)
        return rng.integers(0, most + 1, shape, dtype=dtype)
    if kind in ("constant", "huge", "minus_zero"):
        return np.full(shape, rng.integers(least, most, dtype=dtype, endpoint=True))
    if kind in ("special", "outlier"):
        return rng.choice(np.array([least, most, 0, 1], dtype), shape)
    return rng.integers(least, most, shape, dtype=dtype, endpoint=True)


def _floats(rng, shape, dtype, kind):
    """Values of a kind, in float64 or longdouble."""
    x = rng.standard_normal(shape)
    if kind == "rank1":
        x = np.outer(*(rng.standard_normal(size) for size in shape))
    info = limits(dtype)
    if dtype.itemsize > 8:
        x = x.astype(np.longdouble)
    if kind == "special":
        _scatter(rng, x, (np.nan, np.inf, -np.inf, np.nan, -0.0))
    elif kind == "outlier":
        _scatter(rng, x, (min(1e6, float(info.max) / 64),))
    elif kind == "minus_zero":
        x[x < 0] = -0.0
    elif kind in _KINDS:
        x = _KINDS[kind](x, info)
    return x


_KINDS = {
    "whole": lambda x, info: np.rint(4 * x),
    "constant": lambda x, info: np.full(x.shape, x.flat[0] if x.size else 0, x.dtype),
    "nonnegative": lambda x, info: abs(x),
    "zeros": lambda x, info: x * 0,
    "sparse": lambda x, info: (x > 1.5).astype(x.dtype),
    # Products of two of them stay finite, as do sums of many.
    "huge": lambda x, info: np.ldexp(x, int(info.maxexp) // 2 - 8),
    "tiny": lambda x, info: np.ldexp(x, int(info.minexp) - 4),
    "mean": lambda x, info: x + 1000,
}


def _scatter(rng, x, values):
    if x.size:
        for value in values[: rng.integers(1, len(values) + 1)]:
            x.flat[rng.integers(x.size)] = value


def _viewed(array: np.ndarray, view: str) -> np.ndarray:
    """The same values as a view of that kind; of one row, repeated, where it is 'broadcast'."""
    if view == "readonly":
        array.flags.writeable = False
    if not array.ndim:
        return array
    if view == "reversed":
        backwards = (slice(None, None, -1),) * array.ndim
        return array[backwards].copy()[backwards]
    if view == "strided":
        return _strided(array)[0]
    if view == "transposed":
        return np.asfortranarray(array)
    if view == "broadcast" and array.ndim and len(array):
        return np.broadcast_to(array[:1], array.shape)
    if view == "swapped" and array.dtype.kind in "iufc":
        return array.astype(array.dtype.newbyteorder())
    if view == "odd":
        return _odd(array)[0]
    return array


def _strided(array):
    """(a view of every second element, its memory)."""
    memory = np.full([2 * n + 1 for n in array.shape], GUARD).astype(array.dtype)
    view = memory[(..., *(slice(1, None, 2),) * array.ndim)]
    view[...] = array
    return view, memory


def _odd(array):
    """(the same at an odd address, its memory)."""
    memory = np.full(array.nbytes + 130, GUARD, np.uint8)
    start = 64 + (memory.ctypes.data + 1) % 2
    view = np.ndarray(array.shape, array.dtype, memory.data, start)
    view[...] = array
    return view, memory


class Target:
    """An `out` of some kind, and whether what lies around it stays as it was."""

    def __init__(self, kind: str | None, shape, dtype: np.dtype, inputs):
        self.out = self._memory = self._before = None
        self.refused = kind in ("shape", "dtype", "readonly")
        if kind is None:
            return
        place = np.zeros(shape, dtype)
        if kind == "shape":
            self.out = np.zeros((*shape, 2), dtype)
        elif kind == "dtype":
            self.out = np.zeros(shape, np.int16 if dtype == np.int64 else np.int64)
        elif kind == "overlap":
            self.out = _overlapping(inputs, place)
        elif kind in ("strided", "odd"):
            self.out, self._memory = (_strided if kind == "strided" else _odd)(place)
            self._odd = kind == "odd"
            self._before = self._outside()
        else:
            self.out = _viewed(place, kind)
            self.refused = self.refused or self.out.dtype != dtype  # of the other byte order

    def _outside(self):
        """What lies around `out`, with zeros in its place."""
        kept = self._memory.copy()
        if self._odd:
            start = self.out.ctypes.data - self._memory.ctypes.data
            kept[start : start + self.out.nbytes] = 0
        else:
            kept[(..., *(slice(1, None, 2),) * self.out.ndim)] = 0
        return kept

    def is_kept(self) -> bool:
        return self._before is None or np.array_equal(self._before, self._outside())


def _overlapping(inputs, place):
    """Memory of the first input that is large enough, its end, as an array like `place`; else `place`."""
    for array in inputs:
        fits = array.flags.c_contiguous and array.flags.writeable and array.dtype == place.dtype and array.size
        if fits and place.size <= array.size:
            return array.reshape(-1)[array.size - place.size :].reshape(place.shape)
    return place
