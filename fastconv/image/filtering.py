"""Images of any dtype with any kernel, as large as they were: the border, rounding and saturation of OpenCV."""

from __future__ import annotations

import math
import numbers
from typing import NamedTuple

import numpy as np

from .. import _args, _core
from ..nn.convolution import conv2d
from .borders import BORDERS, border_number, border_word
from .convolve import ALGORITHMS, run

__all__ = ["filter2d", "filter_bank"]

_PAD_MODES = {
    "reflect101": "reflect",
    "reflect": "symmetric",
    "nearest": "edge",
    "wrap": "wrap",
    "constant": "constant",
}
_TAP_SHAPES = {2: "(kh, kw)", 3: "(k, kh, kw)"}
_FEW_TAPS = 36


class _Kind(NamedTuple):
    """How images of one dtype are filtered."""

    number: int  # the C core's number of the dtype it reads
    source: np.dtype  # that dtype: the image's own, or float32 for the two of 16 bits
    work: np.dtype  # of the taps and sums
    work_number: int


def _kind(source: str, work: str) -> _Kind:
    return _Kind(_args.dtype_id(np.dtype(source)), np.dtype(source), np.dtype(work), _args.dtype_id(np.dtype(work)))


_KINDS = {
    np.dtype(name): _kind(name, work)
    for name, work in [
        ("uint8", "float32"),
        ("int8", "float32"),
        ("uint16", "float32"),
        ("int16", "float32"),
        ("float32", "float32"),
        ("int32", "float64"),
        ("float64", "float64"),
    ]
}
_HALF = _kind("float32", "float32")
_KINDS[np.dtype("float16")] = _HALF


def filter2d(image, kernel, *, border="reflect101", value=0, anchor=None, out=None, algorithm="auto"):
    """Correlate an image, or each of its channels, with a kernel, as `cv2.filter2D` does.

    Parameters
    ----------
    image : array_like of shape (h, w) or (h, w, channels)
        In uint8, int8, uint16, int16, int32, float16, bfloat16, float32 or float64.
    kernel : array_like of shape (kh, kw)
        Real numbers of any dtype. It is not flipped: ``kernel[0, 0]`` meets the cell up and left of the output's.
    border : {'reflect101', 'reflect', 'nearest', 'wrap', 'constant'}, optional
        What lies outside the image, here beyond a row ``abcd``: ``cb|abcd|cb`` (the edge cell is not repeated),
        ``ba|abcd|dc``, ``aa|abcd|dd``, ``cd|abcd|ab``, or `value`. All of them hold however far the kernel reaches;
        an axis of one cell is that cell everywhere. Other libraries' words and numbers for these five are known, see
        Notes.
    value : number, optional
        For `border` 'constant': one that the image's dtype holds, for all channels.
    anchor : (int, int), optional
        Row and column of the kernel's cell that lies over the output; (kh // 2, kw // 2) unless given.
    out : ndarray, optional
        Where to put the result; of its shape and dtype. It may be `image` itself.
    algorithm : {'auto', 'direct', 'separable', 'box', 'sparse', 'fft'}, optional
        As in `convolve2d`, for the type that sums have (see Notes).

    Returns
    -------
    ndarray
        Of the image's shape and dtype. Integers are rounded, halves to even, and saturate; where taps that are not
        finite make a sum a NaN, it becomes the lowest number.

    Raises
    ------
    ValueError
        If a shape, a word, `value` or `anchor` is not of the kind listed here, or `algorithm` does not serve this
        kernel.
    TypeError
        If a dtype is none of those listed, or an argument is not a number.

    See Also
    --------
    convolve2d : flips the kernel; any dtype of SciPy's, other output sizes.
    filter_bank : many images, many kernels.

    Notes
    -----
    Taps and sums are float32 for images of 8 and 16 bits and float32, float64 for int32 and float64. float16 and
    bfloat16 are rounded once, at the end. Images without cells give a result without cells.

    Each sum of 'fft' keeps within 32 eps times the same filter of the absolute values, eps being 2**-24 or 2**-53,
    whatever the image holds.

    The borders by other names: 'mirror' (SciPy) is 'reflect101'; 'symmetric', 'symm' and 'grid-mirror' are 'reflect';
    'edge', 'replicate' and 'extend' are 'nearest'; 'periodic', 'circular' and 'grid-wrap' are 'wrap'; 'fill', 'pad',
    'zeros' and 'grid-constant' are 'constant'; and so are OpenCV's numbers, as ``cv2.BORDER_REPLICATE``, and their
    names. 'reflect' is SciPy's and OpenCV's, which repeats the edge; what `numpy.pad` and PyTorch call so is
    'reflect101'.

    8-bit images under small integers, or these times one number, are summed in 16 bits; 'fft' does not serve those.

    An array of three axes is one image, whose last axis holds channels. A stack of images (n, h, w) would be read so
    too: filter one image at a time, or use `filter_bank`.

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> image = np.array([[10, 20, 30], [40, 50, 60], [70, 80, 250]], np.uint8)
    >>> fastconv.filter2d(image, [[0, -1, 0], [-1, 5, -1], [0, -1, 0]])
    array([[  0,   0,   0],
           [ 20,  50,   0],
           [110,   0, 255]], dtype=uint8)
    >>> fastconv.filter2d(image, [[1, 1, 0]], border="constant")
    array([[ 10,  30,  50],
           [ 40,  90, 110],
           [ 70, 150, 255]], dtype=uint8)
    """
    return correlate(image_array(image), kernel, border, value, out, anchor, algorithm=algorithm)


def filter_bank(images, kernels, *, border="reflect101", value=0, out=None, algorithm="auto"):
    """Correlate every image with every kernel: feature maps.

    Parameters
    ----------
    images : array_like of shape (n, h, w) or (h, w)
        In a dtype that `filter2d` takes.
    kernels : array_like of shape (k, kh, kw)
        Real numbers. They are not flipped; cell (kh // 2, kw // 2) lies over the output.
    border, value
        As in `filter2d`.
    out : ndarray, optional
        Where to put the result; of its shape and dtype.
    algorithm : str, optional
        As in `filter2d`; it must serve every kernel.

    Returns
    -------
    ndarray of shape (n, k, h, w), or (k, h, w) for one image
        float64 for int32 and float64 images, else float32: nothing is rounded to integers. ``result[i, j]`` is image i
        with kernel j, contiguous in memory, and within rounding `filter2d` of the image in that dtype.

    Raises
    ------
    ValueError, TypeError
        As in `filter2d`.

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> images = np.arange(18, dtype=np.uint8).reshape(2, 3, 3)
    >>> maps = fastconv.filter_bank(images, [[[-0.5, 0, 0.5]], [[0, 0.5, 0.5]]], border="nearest")
    >>> maps.shape
    (2, 2, 3, 3)
    >>> maps[0, 0]
    array([[0.5, 1. , 0.5],
           [0.5, 1. , 0.5],
           [0.5, 1. , 0.5]], dtype=float32)
    """
    images = image_array(images, "images", "(h, w) or (n, h, w)")
    kind = kind_of(images.dtype)
    border = border_word(border)
    _, fill = _outside(border, value, kind)
    _args.choice(algorithm, "algorithm", ALGORITHMS)
    taps = _taps(kernels, "kernels", 3, kind.work)
    images = np.ascontiguousarray(images, kind.source)
    *first, h, w = images.shape
    count = len(taps)
    computed, returned = _args.output(out, (*first, count, h, w), kind.work, (images, taps))
    if computed.size:
        _fill_maps(images.reshape(-1, h, w), taps, border, fill, computed.reshape(-1, count, h, w), algorithm)
    return _args.finish(computed, returned)


def _fill_maps(
    stack: np.ndarray, taps: np.ndarray, border: str, fill: np.ndarray | None, maps: np.ndarray, algorithm: str
) -> None:
    """maps[i, j] = image i with kernel j."""
    h, w = stack.shape[1:]
    kh, kw = taps.shape[1:]
    if algorithm == "auto" and _share_loads(maps.shape, kh * kw):
        _convolve_stack(stack, taps, border, fill, maps)
        return
    kind = kind_of(stack.dtype)
    geometry = _core.Filter2D(
        kind.number,
        kind.work_number,
        kind.work_number,
        (h, w, 1),
        (kh, kw),
        (kh // 2, kw // 2),
        BORDERS[border],
        ALGORITHMS[algorithm],
    )
    for image, features in zip(stack, maps, strict=True):
        for kernel, feature in zip(taps, features, strict=True):
            run(algorithm, kernel, geometry.run, image, kernel, fill, feature)


def _share_loads(maps: tuple[int, ...], taps: int) -> bool:
    """Whether one convolution, which reads an image once for all of its maps, is faster than a call for each map.

    Measured: on larger images a call costs nothing beside its work, and a kernel of many taps gains more where the
    call finds that it factors.
    """
    n, count, h, w = maps
    if taps <= _FEW_TAPS:
        return n * count >= 32 and h * w <= 1 << 14
    return n * count >= 32 and h * w <= 1 << 10 and count >= 8 and taps <= 289


def _convolve_stack(
    stack: np.ndarray, taps: np.ndarray, border: str, fill: np.ndarray | None, maps: np.ndarray
) -> None:
    """maps = every image of the stack with every kernel, by one plain convolution."""
    pads = [(0, 0)] + [(k // 2, k - 1 - k // 2) for k in taps.shape[1:]]
    words = {"constant_values": 0 if fill is None else fill} if border == "constant" else {}
    padded = np.pad(stack.astype(taps.dtype, copy=False), pads, _PAD_MODES[border], **words)
    conv2d(
        padded[:, None],
        taps.transpose(1, 2, 0)[:, :, None],
        data_format="channels_first",
        algorithm="depthwise" if taps[0].size <= _FEW_TAPS else "planar",
        out=maps,
    )


def kind_of(dtype: np.dtype) -> _Kind | None:
    """How images of this native dtype are filtered, None where they are not."""
    found = _KINDS.get(dtype)
    # ml_dtypes is not imported here: its bfloat16 is known by name.
    return _HALF if found is None and dtype.name == "bfloat16" else found


def image_array(image, name: str = "image", shapes: str = "(h, w) or (h, w, channels)") -> np.ndarray:
    """image as an array of two or three axes, in native byte order and a dtype that can be filtered."""
    try:
        array = np.asarray(image)
    except ValueError as error:
        raise ValueError(f"`{name}` must be an array of shape {shapes}: {error}") from None
    if array.ndim not in (2, 3):
        raise ValueError(f"`{name}` must have shape {shapes}; received {array.shape}")
    if array.dtype not in _KINDS:
        array = array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))
        if kind_of(array.dtype) is None:
            raise TypeError(
                f"`{name}` must be uint8, int8, uint16, int16, int32, float16, bfloat16, float32 or "
                f"float64; received dtype {array.dtype}"
            )
    return array


def correlate(
    image: np.ndarray, kernel, border, value, out, anchor=None, result: np.dtype | None = None, algorithm: str = "auto"
) -> np.ndarray:
    """An `image_array` with a kernel, in the dtype `result`: the image's, or a wider one for integers."""
    kind, dtype = kind_of(image.dtype), result or image.dtype
    boundary, fill = _outside(border, value, kind)
    chosen = ALGORITHMS[_args.choice(algorithm, "algorithm", ALGORITHMS)]
    taps = _taps(kernel, "kernel", 2, kind.work)
    anchor = (taps.shape[0] // 2, taps.shape[1] // 2) if anchor is None else _anchor(anchor, taps.shape)
    image = np.ascontiguousarray(image, kind.source)
    computed, returned = _args.output(out, image.shape, dtype, (image, taps))
    if kind is _HALF:
        dtype = kind.work
        computed = np.empty(image.shape, dtype)
    if computed.size:
        shape = image.shape if image.ndim == 3 else (*image.shape, 1)
        run(
            algorithm,
            taps,
            _core.filter2d,
            image,
            taps,
            fill,
            computed,
            kind.number,
            _args.dtype_id(dtype),
            kind.work_number,
            shape,
            taps.shape,
            anchor,
            boundary,
            chosen,
        )
    if computed is not returned:
        with np.errstate(over="ignore"):
            returned[...] = computed
    return returned


def _outside(border, value, kind: _Kind) -> tuple[int, np.ndarray | None]:
    """The C core's number of a border, and its fill value."""
    boundary = border_number(border)
    return boundary, None if boundary or (type(value) is int and value == 0) else _fill(value, kind)


def _taps(kernel, name: str, ndim: int, work: np.dtype) -> np.ndarray:
    """One kernel or a stack of them as a C-contiguous array of the dtype work."""
    try:
        array = np.asarray(kernel)
    except ValueError as error:
        raise ValueError(f"`{name}` must be numbers of shape {_TAP_SHAPES[ndim]}: {error}") from None
    if array.ndim != ndim or 0 in array.shape[-2:]:
        raise ValueError(f"`{name}` must have shape {_TAP_SHAPES[ndim]}, kh and kw at least 1; received {array.shape}")
    if array.dtype is not work and array.dtype.kind not in "fiub" and array.dtype.name != "bfloat16":
        raise TypeError(f"`{name}` must hold real numbers; received dtype {array.dtype}")
    return np.ascontiguousarray(array, work)


def _anchor(anchor, shape: tuple[int, int]) -> tuple[int, int]:
    row, column = _args.pair(anchor, "anchor", 0)
    if row >= shape[0] or column >= shape[1]:
        raise ValueError(f"`anchor` must lie within the kernel, of shape {shape}; received {anchor!r}")
    return row, column


def _fill(value, kind: _Kind) -> np.ndarray:
    """value as one element of the dtype that sums are formed in."""
    number = value.item() if isinstance(value, (np.generic, np.ndarray)) and value.size == 1 else value
    if not isinstance(number, numbers.Real):
        raise TypeError(f"`value` must be a real number; received {value!r}")
    limits = np.iinfo(kind.source) if kind.source.kind in "iu" else np.finfo(kind.source)
    if float(limits.min) <= number <= float(limits.max):
        held = kind.source.kind == "f" or number == int(number)
    else:
        held = kind.source.kind == "f" and not math.isfinite(number)
    if not held:
        raise ValueError(f"`value` must fit dtype {kind.source}; received {value!r}")
    return np.array(number, kind.work)
