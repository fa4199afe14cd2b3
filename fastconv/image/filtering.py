"""Images of any dtype with any kernel, as large as they were: the border, rounding and saturation of OpenCV."""

from __future__ import annotations

from typing import TYPE_CHECKING, SupportsIndex

import numpy as np

from .direct import filter_directly
from .masked import correlate_masked, leaves_out
from .stacks import Options, filter_image

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, DTypeLike

__all__ = ["filter2d"]


def filter2d(
    image: ArrayLike,
    kernel: ArrayLike,
    *,
    border: str | SupportsIndex = "reflect101",
    value: ArrayLike = 0,
    anchor: Sequence[SupportsIndex] | None = None,
    mask: ArrayLike | None = None,
    nan: str = "propagate",
    axes: Sequence[SupportsIndex] | None = None,
    channel_axis: SupportsIndex | None = None,
    dtype: DTypeLike | None = None,
    delta: complex = 0,
    out: np.ndarray | None = None,
    algorithm: str = "auto",
) -> np.ndarray:
    """Correlate an image, or each of its channels, with a kernel, as `cv2.filter2D` does.

    Parameters
    ----------
    image : array_like of shape (h, w) or (h, w, channels), or any with `axes`
        Of bool, integers of 8 to 64 bits, float16, bfloat16, float32, float64, complex64 or complex128.
    kernel : array_like of shape (kh, kw), or with as many axes as the image
        Numbers of any dtype; complex ones for complex results only. It is neither flipped nor conjugated:
        ``kernel[0, 0]`` meets the cell up and left of the output's. With more axes, those that are not the image's two
        are broadcast: (k, k, 1) is one kernel for all channels of (h, w, channels), (k, k, channels) one for each.
    border : {'reflect101', 'reflect', 'nearest', 'wrap', 'constant'}, optional
        What lies outside the image, here beyond a row ``abcd``: ``cb|abcd|cb`` (the edge cell is not repeated),
        ``ba|abcd|dc``, ``aa|abcd|dd``, ``cd|abcd|ab``, or `value`. All of them hold however far the kernel reaches;
        an axis of one cell is that cell everywhere. Other libraries' words and numbers for these five are known, see
        Notes.
    value : number, optional
        For `border` 'constant': one that the image's dtype holds, for all channels.
    anchor : (int, int), optional
        Row and column of the kernel's cell that lies over the output, -1 standing for the middle, kh // 2 and kw // 2;
        the middle unless given. OpenCV names the column first.
    mask : array_like of bool, optional
        True where a cell is left out, as in `numpy.ma`: of the image's shape, or of its two axes. Each output is the
        sum of the cells there are, times the kernel's sum over that of the taps that lie on them: normalized
        convolution. The taps must be 0 or more.
    nan : {'propagate', 'ignore'}, optional
        'ignore' leaves NaNs out as `mask` does. An output without any cell is NaN, or 0 in integers.
    axes : (int, int), optional
        Those of the image's rows and columns; all others hold images of their own, filtered one by one. Needed for
        arrays of more than three axes, and where the first two are not the image's: ``axes=(-2, -1)`` for
        (n, h, w) and (n, channels, h, w).
    channel_axis : int, optional
        The axis of the channels, as scikit-image has it; the two others are the image's unless `axes` names them.
    dtype : dtype, optional
        Of the result; the image's unless given. OpenCV's `ddepth`: int16 or float32 keep what uint8 would clip.
    delta : number, optional
        Added to each sum before it is rounded to the result's dtype.
    out : ndarray, optional
        Where to put the result; of its shape and dtype. It may be `image` itself, or a `numpy.memmap`.
    algorithm : {'auto', 'direct', 'separable', 'box', 'sparse', 'fft', 'line_fft', 'fixed_point'}, optional
        As in `convolve2d`, for the type that sums have (see Notes). 'fixed_point' serves images of 8 and 16 bits under
        a number times a column and a row of integers, with sums of integers.

    Returns
    -------
    ndarray
        Of the image's shape, with the kernel's other axes broadcast to it, and of `dtype`. Integers are rounded, halves
        to even, and saturate, bool as an integer that is 0 or 1; where taps that are not finite make a sum a NaN, it
        becomes the lowest number.

    Raises
    ------
    ValueError
        If a shape, a word, `value`, `axes` or `anchor` is not of the kind listed here, or `algorithm` does not serve
        this kernel.
    TypeError
        If a dtype is none of those listed, or an argument is not a number.

    See Also
    --------
    convolve2d : flips the kernel; any dtype of SciPy's, other output sizes.
    filter_bank : many images, many kernels.

    Notes
    -----
    Taps and sums are float32 for bool, images of 8 and 16 bits and float32, float64 for all others and where `dtype` is
    float64 or an integer of 32 bits or more; integers of 64 bits are exact as far as 53 bits hold them. float16 and
    bfloat16 are rounded once, at the end. Images without cells give a result without cells.

    Each sum of 'fft' and 'line_fft' keeps within 32 eps times the same filter of the absolute values, eps being 2**-24
    or 2**-53, whatever the image holds.

    The borders by other names: 'mirror' (SciPy) is 'reflect101'; 'symmetric', 'symm' and 'grid-mirror' are 'reflect';
    'edge', 'replicate' and 'extend' are 'nearest'; 'periodic', 'circular' and 'grid-wrap' are 'wrap'; 'fill', 'pad',
    'zeros' and 'grid-constant' are 'constant'; and so are OpenCV's numbers, as ``cv2.BORDER_REPLICATE``, and their
    names. 'reflect' is SciPy's and OpenCV's, which repeats the edge; what `numpy.pad` and PyTorch call so is
    'reflect101'.

    8-bit images under small integers, or these times one number, are summed in 16 bits; 'fft' does not serve those.
    uint8, uint16 and int16 images under a number times a column and a row of integers are summed in integers
    ('fixed_point') where sums stay below 2**30, so that results are the exact ones, rounded once.

    An array of three axes is one image, whose last axis holds channels. A stack of images (n, h, w) would be read so
    too: it goes with ``axes=(1, 2)``.

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> image = np.array([[10, 20, 30], [40, 50, 60], [70, 80, 250]], np.uint8)
    >>> fastconv.filter2d(image, [[0, -1, 0], [-1, 5, -1], [0, -1, 0]])
    array([[  0,   0,   0],
           [ 20,  50,   0],
           [110,   0, 255]], dtype=uint8)
    >>> fastconv.filter2d(image, [[1, 1, 0]], border="constant", dtype="int16", delta=-100)
    array([[-90, -70, -50],
           [-60, -10,  10],
           [-30,  50, 230]], dtype=int16)
    >>> fastconv.filter2d([[1.0, np.nan, 3, 5]], [[0.25, 0.5, 0.25]], border="nearest", nan="ignore")
    array([[1.        , 2.        , 3.66666667, 4.5       ]])
    >>> fastconv.filter2d(np.ones((5, 8, 9)), [[1, 1, 1]], axes=(1, 2)).shape
    (5, 8, 9)
    """
    plain = mask is anchor is None and type(nan) is str and nan == "propagate" and type(delta) is int and not delta
    if plain and type(kernel) is np.ndarray:
        words = border, value, axes, channel_axis, dtype, out, algorithm
        result = filter_directly(image, _taps, kernel, False, words)
        if result is not None:
            return result
    options = Options(border, value, out, algorithm, anchor, axes, channel_axis, dtype, delta)
    if leaves_out(mask, nan):
        return correlate_masked(image, mask, nan, kernel, options)
    return filter_image(image, kernel, options)


def _taps(kernel: np.ndarray, dtype: np.dtype) -> np.ndarray | None:
    """The taps in the dtype of sums; None for what has to be refused."""
    return np.ascontiguousarray(kernel, dtype) if kernel.ndim == 2 and kernel.dtype.kind in "fiub" else None
