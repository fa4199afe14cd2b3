"""2-D convolution and correlation of dask arrays."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np

from .. import _args
from ..image.borders import BOUNDARIES, border_word
from ..image.convolve import MODES, fill_number
from .blocks import known_chunks, over_blocks

_PAD = {"fill": "constant", "wrap": "wrap", "symm": "symmetric"}


def convolve2d(in1: Any, in2: Any, mode: str = "full", boundary: str = "fill", fillvalue: int = 0) -> Any:
    """`fastconv.convolve2d` of a dask array with a NumPy kernel, lazily.

    Parameters
    ----------
    in1 : dask.array.Array of shape (h1, w1), or what `dask.array.asarray` takes
        The image; the larger of both.
    in2 : array_like of shape (h2, w2)
        The kernel.
    mode, boundary, fillvalue
        As in `fastconv.convolve2d`.

    Returns
    -------
    dask.array.Array
        Equal to the NumPy function's result within rounding.

    Raises
    ------
    ValueError, TypeError
        As in `fastconv.convolve2d`, when it is called; also where the kernel is larger than the image.

    Examples
    --------
    >>> import dask.array as da, numpy as np, fastconv.dask
    >>> image = da.ones((40, 50), chunks=(16, 16))
    >>> fastconv.dask.convolve2d(image, np.ones((3, 3)), "same").sum().compute()
    np.float64(17464.0)
    """
    return _run("convolve2d", in1, np.asarray(in2), mode, boundary, fillvalue)


def correlate2d(in1: Any, in2: Any, mode: str = "full", boundary: str = "fill", fillvalue: int = 0) -> Any:
    """`fastconv.correlate2d` of a dask array with a NumPy kernel, lazily.

    Parameters
    ----------
    in1, in2, mode, boundary, fillvalue
        As in `convolve2d`.

    Returns
    -------
    dask.array.Array
        Equal to the NumPy function's result within rounding.

    Raises
    ------
    ValueError, TypeError
        As in `convolve2d`.
    """
    return _run("correlate2d", in1, np.asarray(in2), mode, boundary, fillvalue)


def _run(name: str, in1: Any, kernel: np.ndarray, mode: Any, boundary: Any, fillvalue: Any) -> Any:
    image = known_chunks(da.asarray(in1), "in1")
    _args.choice(mode, "mode", MODES)
    word = border_word(boundary, "boundary", BOUNDARIES)
    if image.ndim != 2 or kernel.ndim != 2 or not kernel.size:
        raise ValueError(f"`in1` and `in2` must have 2 dimensions; received shapes {image.shape} and {kernel.shape}")
    if any(k > n for k, n in zip(kernel.shape, image.shape, strict=True)):
        raise ValueError(f"`in2` must be no larger than `in1`; received shapes {image.shape} and {kernel.shape}")
    if mode == "same":
        reach = tuple(k // 2 for k in kernel.shape)
        return over_blocks(name, image, reach, (0, 1), word == "wrap", (kernel, "same", word, fillvalue), {})
    taps = kernel if name == "convolve2d" else kernel.conj()[::-1, ::-1]
    if mode == "full":
        dtype = np.result_type(image.dtype, kernel.dtype)
        pads = [(k - 1, k - 1) for k in kernel.shape]
        constant = {"constant_values": fill_number(fillvalue, dtype).item()} if word == "fill" else {}
        image = da.pad(image.astype(dtype), pads, _PAD[word], **constant)
    reach = tuple(k // 2 for k in kernel.shape)
    inner = over_blocks("convolve2d", image, reach, (0, 1), False, (taps, "same"), {})
    return inner[tuple(slice(k // 2, k // 2 + n - k + 1) for k, n in zip(taps.shape, image.shape, strict=True))]
