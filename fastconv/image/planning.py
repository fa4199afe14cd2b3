"""Which algorithm an image's convolution would run."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _args, _core
from .borders import BOUNDARIES, border_number
from .convolve import HALF_PRECISION, MODES, common_dtype, image_array, must_swap

__all__ = ["plan_convolve2d"]


def plan_convolve2d(
    shape: Any, in2: Any, mode: Any = "full", boundary: Any = "fill", *, dtype: Any = None
) -> dict[str, Any]:
    """What `convolve2d` would run for an image of this size and this kernel.

    Parameters
    ----------
    shape : (int, int)
        Of the image.
    in2 : array_like of shape (h2, w2)
        The kernel: its taps decide which algorithms serve.
    mode, boundary
        As in `convolve2d`.
    dtype : dtype_like, optional
        Of the image; the kernel's unless given.

    Returns
    -------
    dict
        ``algorithm``; ``isa``; ``threads``; ``rank``, the number of products of a column and a row that make up the
        kernel, None where there are more than four; ``cycles``, of one core, by algorithm: the estimates for those that
        serve; ``flops`` of the definition and ``bytes`` of image, kernel and result once each. The choice follows the
        estimates, but takes 'direct' without asking the others where outputs are so few that looking at the kernel
        costs more than it saves.

    Raises
    ------
    ValueError, TypeError
        If an argument is malformed, as in `convolve2d`.

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> column = np.exp(-0.5 * np.linspace(-3, 3, 15) ** 2)
    >>> plan = fastconv.plan_convolve2d((1080, 1920), np.outer(column, column), "same")
    >>> plan["algorithm"], plan["rank"]
    ('separable', 1)
    >>> taps = np.random.default_rng(0).random((101, 101))
    >>> fastconv.plan_convolve2d((1080, 1920), taps, "same")["algorithm"]
    'fft'
    """
    height, width = _args.pair(shape, "shape")
    kernel = image_array(in2, "in2")
    mode = MODES[_args.choice(mode, "mode", MODES)]
    boundary = border_number(boundary, "boundary", BOUNDARIES)
    try:
        wanted = kernel.dtype if dtype is None else np.dtype(dtype)
    except TypeError:
        raise TypeError(f"`dtype` must be a dtype; received {dtype!r}") from None
    working = common_dtype(wanted, kernel.dtype)
    if _args.dtype_id(working) is None:
        raise ValueError(f"`dtype` must be bool, integer, floating or complex; received {dtype}")
    if _args.dtype_id(working) in HALF_PRECISION:
        working = np.dtype(np.float32)
    if not kernel.size:
        raise ValueError(f"`in2` must not be empty; received shape {kernel.shape}")
    if mode == 2 and must_swap((height, width), kernel.shape):
        raise ValueError(f"`shape` must cover `in2` in mode 'valid'; received {shape} and {kernel.shape}")
    geometry = _core.Convolve2D(_args.dtype_id(working), (height, width), kernel.shape, mode, boundary, False)
    plan = geometry.plan(np.ascontiguousarray(kernel, working))
    del plan["work"]
    return plan
