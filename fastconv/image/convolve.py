"""2-D convolution and correlation of single images, with scipy.signal's signatures and semantics."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _args, _core
from .batches import over_batches
from .borders import BOUNDARIES, border_number

__all__ = ["convolve2d", "correlate2d"]

MODES = {"full": 0, "same": 1, "valid": 2}
HALF_PRECISION = (_core.DTYPES["float16"], _core.DTYPES["bfloat16"])
_PLAIN = {dtype: number for dtype, number in _args.DTYPE_IDS.items() if number not in HALF_PRECISION}
ALGORITHMS = {word: number for number, word in enumerate(_core.filter_algorithms())}


def convolve2d(
    in1: Any,
    in2: Any,
    mode: Any = "full",
    boundary: Any = "fill",
    fillvalue: Any = 0,
    *,
    axes: Any = None,
    out: Any = None,
    algorithm: Any = "auto",
) -> np.ndarray:
    """Convolve two 2-dimensional arrays, as `scipy.signal.convolve2d` does.

    Parameters
    ----------
    in1 : array_like of shape (h1, w1), or any with `axes`
        The image.
    in2 : array_like of shape (h2, w2), or any with `axes`
        The kernel.
    mode : {'full', 'same', 'valid'}, optional
        ``'full'``: the whole convolution, shape (h1 + h2 - 1, w1 + w2 - 1). ``'same'``: the middle of it, of the shape
        of `in1`. ``'valid'``: the outputs that touch no border, shape (h1 - h2 + 1, w1 - w2 + 1); here `in1` and `in2`
        change places where `in2` is the larger one.
    boundary : {'fill', 'wrap', 'symm'}, optional
        What lies outside the image: `fillvalue`, the image repeated, or the image mirrored (edge cells twice). Works
        for kernels larger than the image too. SciPy's synonyms 'pad', 'circular' and 'symmetric' are known, and what
        other words `filter2d` knows for these three.
    fillvalue : scalar, optional
        One number, or an array of one element; ignored unless `boundary` is 'fill'. It is multiplied like any
        other cell, so a NaN reaches every output whose window leaves the image.
    axes : (int, int), optional
        Those of rows and columns in arrays of more than two axes; all others are broadcast, as in
        `scipy.signal.fftconvolve`: (n, 1, h, w) and (1, k, kh, kw) with ``axes=(-2, -1)`` give (n, k, ...), and an
        array of two axes meets every image. Not needed for (h, w, channels) and (kh, kw, 1).
    out : ndarray, optional
        Where to put the result; of its shape and dtype. It may overlap the inputs.
    algorithm : {'auto', 'direct', 'separable', 'box', 'sparse', 'fft', 'line_fft', 'integer_fft'}, optional
        'auto' takes the fastest, as `plan_convolve2d` tells. 'direct' multiplies every tap with every cell. 'separable'
        serves kernels that are products of a column and a row, or a sum of a few; 'box' kernels of equal taps; 'sparse'
        skips taps that are 0; 'fft' serves float32, float64 and complex dtypes, 'line_fft' kernels of one row or one
        column in float32 and float64, 'integer_fft' integers and bool.

    Returns
    -------
    numpy.ndarray
        In ``numpy.result_type(in1, in2)``. Integers wrap around; for them `fillvalue` is cut to its integral part.

    Raises
    ------
    ValueError
        If an argument is not of a kind listed here: arrays that are not 2-D or not numeric (object arrays included),
        axes that cannot be broadcast, unknown words, a `fillvalue` that the result's dtype cannot hold, 'valid' mode
        with neither array covering the other, an empty array where the output needs its cells, an `out` of another
        shape, or an `algorithm` that does not serve this kernel.
    TypeError
        If `fillvalue` is not a number, or `out` is not an array of the result's dtype.

    See Also
    --------
    correlate2d

    Notes
    -----
    SciPy refuses bool and float16. Here a bool result is the OR of ANDs, as `numpy.convolve` has it, and float16 and
    bfloat16 are computed in float32 and rounded once.

    Few taps that cancel, as those of Prewitt, Sobel, Scharr, Haar and the Laplacian, are multiplied and added apart, so
    that a flat region gives 0 where SciPy's result is 0: by 'sparse' opposite taps one after the other, by 'direct' in
    SciPy's order.

    Whatever algorithm runs, an infinity or NaN reaches exactly the outputs whose window covers it, integers are exact,
    the same bits come out for any number of threads, and float32 results keep within 1e-6, float64 results within 1e-13
    of the norm of the exact ones for a kernel of any size. Each output of 'fft' and 'line_fft' keeps within 32 eps
    times the convolution of the absolute values, eps being 2**-24 or 2**-53: a window of zeros gives 0, and nothing is
    negative where no cell and no tap is. Floats that hold integers give exact integers, as long as they fit; those of
    'fft' and 'line_fft' are rounded to such where their error is below a half.

    Integers and bool go through transforms of doubles, cut into numbers of so few bits that the error of their sums is
    proven to be below a half; such sums are rounded, shifted and added up modulo the range of the dtype.

    The Fourier transforms run on overlapping blocks that fit the caches (overlap-save: A. V. Oppenheim and R. W.
    Schafer, "Discrete-Time Signal Processing", section 8.7).

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv
    >>> image = np.full((5, 5), 10)
    >>> image[1:4, 1:4] = 5
    >>> fastconv.convolve2d(image, [[-1, -1, 0], [-1, 0, 1], [0, 1, 1]], mode="valid")
    array([[ 15,  10,   0],
           [ 10,   0, -10],
           [  0, -10, -15]])
    """
    return _convolve2d(in1, in2, mode, boundary, fillvalue, False, axes, out, algorithm)


def correlate2d(
    in1: Any,
    in2: Any,
    mode: Any = "full",
    boundary: Any = "fill",
    fillvalue: Any = 0,
    *,
    axes: Any = None,
    out: Any = None,
    algorithm: Any = "auto",
) -> np.ndarray:
    """Cross-correlate two 2-dimensional arrays, as `scipy.signal.correlate2d` does.

    The kernel is not flipped, but conjugated. In 'same' mode an even kernel covers cells one further down and right
    than in `convolve2d`. Where 'valid' mode makes the inputs change places, the result is reversed along both axes, so
    that it still is the correlation of `in1` with `in2`.

    Parameters
    ----------
    in1 : array_like of shape (h1, w1), or any with `axes`
        The image.
    in2 : array_like of shape (h2, w2), or any with `axes`
        The kernel.
    mode : {'full', 'same', 'valid'}, optional
        As in `convolve2d`.
    boundary : {'fill', 'wrap', 'symm'}, optional
        As in `convolve2d`.
    fillvalue : scalar, optional
        As in `convolve2d`.
    axes, out, algorithm
        As in `convolve2d`.

    Returns
    -------
    numpy.ndarray
        In ``numpy.result_type(in1, in2)``, of the shape `convolve2d` gives.

    Raises
    ------
    ValueError, TypeError
        As in `convolve2d`.

    See Also
    --------
    convolve2d

    Examples
    --------
    >>> import fastconv
    >>> fastconv.correlate2d([[1, 2, 4], [8, 16, 32]], [[1, 10]], mode="valid")
    array([[ 21,  42],
           [168, 336]])
    """
    return _convolve2d(in1, in2, mode, boundary, fillvalue, True, axes, out, algorithm)


def _convolve2d(
    in1: Any, in2: Any, mode: Any, boundary: Any, fillvalue: Any, correlate: bool, axes: Any, out: Any, algorithm: Any
) -> np.ndarray:
    if axes is not None or (getattr(in1, "ndim", 2) == 3 and getattr(in2, "shape", ())[2:] == (1,)):

        def planes(image: np.ndarray, kernel: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
            return _convolve_plane(image, kernel, mode, boundary, fillvalue, correlate, out, algorithm)

        return over_batches(planes, in1, in2, (0, 1) if axes is None else axes, out)
    return _convolve_plane(in1, in2, mode, boundary, fillvalue, correlate, out, algorithm)


def _convolve_plane(
    in1: Any, in2: Any, mode: Any, boundary: Any, fillvalue: Any, correlate: bool, out: Any, algorithm: Any
) -> np.ndarray:
    if type(in1) is type(in2) is np.ndarray and type(fillvalue) is int and not fillvalue:
        result = _directly(in1, in2, mode, boundary, correlate, out, algorithm)
        if result is not None:
            return result
    image, kernel = image_array(in1, "in1"), image_array(in2, "in2")
    mode = MODES[_args.choice(mode, "mode", MODES)]
    boundary = border_number(boundary, "boundary", BOUNDARIES)
    chosen = ALGORITHMS[_args.choice(algorithm, "algorithm", ALGORITHMS)]
    if swapped := mode == 2 and must_swap(image.shape, kernel.shape):
        image, kernel = kernel, image
    dtype = image.dtype if image.dtype == kernel.dtype else common_dtype(image.dtype, kernel.dtype)
    fill = None if boundary or (type(fillvalue) is int and fillvalue == 0) else fill_number(fillvalue, dtype)
    number, working = _args.dtype_id(dtype), dtype
    if number in HALF_PRECISION:
        working = np.dtype(np.float32)
        number = _args.dtype_id(working)
        fill = None if fill is None else fill.astype(working)
    image, kernel = _args.as_type(image, working), _args.as_type(kernel, working)
    reverse = swapped and correlate
    if image.size and kernel.size:
        geometry = _core.Convolve2D(number, image.shape, kernel.shape, mode, boundary, correlate, chosen)
        computed, returned = _args.output(out, geometry.output_shape(), dtype, (image, kernel))
        if reverse or working is not dtype:
            computed = np.empty(returned.shape, working)
        run(algorithm, kernel, geometry.run, image, kernel, fill, computed)
    else:
        computed = _with_empty(image, kernel, mode, boundary, fill, swapped, correlate)
        _, returned = _args.output(out, computed.shape, dtype, ())
    if computed is not returned:
        with np.errstate(over="ignore"):
            returned[...] = computed[::-1, ::-1] if reverse else computed
    return returned


def _directly(
    in1: np.ndarray, in2: np.ndarray, mode: Any, boundary: Any, correlate: bool, out: Any, algorithm: Any
) -> np.ndarray | None:
    """The result where all is as the core takes it, None for what has to be converted or refused."""
    if not (type(mode) is type(boundary) is type(algorithm) is str and in1.dtype is in2.dtype):
        return None
    dtype, number, border = _PLAIN.get(in1.dtype), MODES.get(mode), BOUNDARIES.get(boundary)
    chosen = ALGORITHMS.get(algorithm)
    if dtype is None or number is None or border is None or chosen is None:
        return None
    if not (out is None or (type(out) is np.ndarray and out.dtype is in1.dtype)):
        return None
    return _core.convolve2d_directly(dtype, number, border, correlate, chosen, in1, in2, out)


def run(algorithm: str, kernel: np.ndarray, call: Any, *arguments: Any) -> None:
    """Call the core; it refuses an algorithm that does not serve the kernel before it computes anything."""
    try:
        call(*arguments)
    except ValueError:
        if algorithm == "auto":
            raise
        raise ValueError(
            f"`algorithm` '{algorithm}' does not serve this kernel of dtype {kernel.dtype} and "
            f"shape {kernel.shape}; see `plan_convolve2d`"
        ) from None


def image_array(value: Any, name: str) -> np.ndarray:
    """value as a 2-D array of a numeric dtype in native byte order."""
    try:
        array = value if type(value) is np.ndarray else np.asarray(value)
    except ValueError as error:
        raise ValueError(f"`{name}` must be a 2-D array of numbers: {error}") from None
    if array.ndim == 2 and array.dtype in _args.DTYPE_IDS:
        return array
    if array.ndim != 2:
        raise ValueError(f"`{name}` must have 2 dimensions where `axes` names none; received shape {array.shape}")
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if _args.dtype_id(array.dtype) is None:
        raise ValueError(f"`{name}` must have a bool, integer, floating or complex dtype; received {array.dtype}")
    return array


def common_dtype(first: np.dtype, second: np.dtype) -> np.dtype:
    try:
        return np.result_type(first, second)
    except TypeError:
        raise ValueError(f"`in1` and `in2` must have a common dtype; received {first} and {second}") from None


def must_swap(first: tuple[int, int], second: tuple[int, int]) -> bool:
    """SciPy's rule for 'valid' mode: the larger array is the image."""
    if first[0] >= second[0] and first[1] >= second[1]:
        return False
    if second[0] >= first[0] and second[1] >= first[1]:
        return True
    raise ValueError(
        "`in1` or `in2` must be at least as large as the other in every dimension for mode 'valid'; "
        f"received shapes {first} and {second}"
    )


def fill_number(fillvalue: Any, dtype: np.dtype) -> np.ndarray:
    """fillvalue as one element of dtype."""
    try:
        value = np.asarray(fillvalue)
    except ValueError as error:
        raise ValueError(f"`fillvalue` must be scalar or an array with one element: {error}") from None
    if value.size != 1:
        raise ValueError(f"`fillvalue` must be scalar or an array with one element; received shape {value.shape}")
    if value.dtype == object and not isinstance(value.item(), int):
        raise TypeError(f"`fillvalue` must be a number; received {fillvalue!r}")
    if value.dtype != object and _args.dtype_id(value.dtype.newbyteorder("=")) is None:
        raise TypeError(f"`fillvalue` must be a number; received {fillvalue!r}")
    if value.dtype.kind == "c" and dtype.kind != "c":
        raise ValueError(
            f"could not cast `fillvalue` directly to the output dtype {dtype}: it must be real; received {fillvalue!r}"
        )
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        try:
            number = int(value.item())
        except (OverflowError, ValueError):
            number = None
        if number is None or not limits.min <= number <= limits.max:
            raise ValueError(f"`fillvalue` must fit dtype {dtype}; received {fillvalue!r}")
        return np.array(number, dtype)
    return value.astype(dtype).reshape(())


def _with_empty(
    image: np.ndarray, kernel: np.ndarray, mode: int, boundary: int, fill: Any, swapped: bool, correlate: bool
) -> np.ndarray:
    """The result where an input has no cells: sums of nothing, or of fill values alone."""
    sign = {0: 1, 1: 0, 2: -1}[mode]
    shape = tuple(n + sign * (k - 1) for n, k in zip(image.shape, kernel.shape, strict=True))
    if min(shape) < 0:
        raise ValueError(
            f"`in1` and `in2` must not both be empty along one axis; received shapes {image.shape} and {kernel.shape}"
        )
    out = np.zeros(shape, image.dtype)
    if out.size and kernel.size:
        if boundary:
            name = "in2" if swapped else "in1"
            raise ValueError(f"`{name}` must not be empty where `boundary` repeats it; received shape {image.shape}")
        covered = np.full(kernel.shape, 0 if fill is None else fill, image.dtype)
        geometry = _core.Convolve2D(_args.dtype_id(image.dtype), kernel.shape, kernel.shape, 2, 0, correlate)
        geometry.run(covered, kernel, None, cell := np.empty((1, 1), image.dtype))
        out[...] = cell
    return out
