"""Functions of other libraries exchanged for fastconv's, and back."""

from __future__ import annotations

import functools
import importlib
import threading
from collections.abc import Callable
from typing import Any

_SCIPY = ("scipy.signal", "scipy.ndimage")
# Where the functions are, by the module whose functions they stand for.
_OURS = {"scipy.signal": "scipy_signal", "scipy.ndimage": "scipy_ndimage", "cv2": "opencv"}
_originals: dict[str, dict[str, Callable[..., Any]]] = {}
_counts: dict[str, list[int]] = {}
_lock = threading.Lock()


def patch_scipy() -> None:
    """Put fastconv's functions in the place of those of `scipy.signal` and `scipy.ndimage`.

    `scipy.signal`: `convolve2d`, `correlate2d`, `convolve`, `correlate`, `fftconvolve`, `oaconvolve`, `sepfir2d`.
    `scipy.ndimage`: `convolve`, `correlate`, `convolve1d`, `correlate1d`, `gaussian_filter`, `uniform_filter`, `sobel`,
    `prewitt`, `laplace`, `gaussian_laplace`. They serve arrays of two axes, and give the rest back to SciPy: `calls`
    counts both. A name imported from SciPy before stays SciPy's.

    Raises
    ------
    ImportError
        If SciPy is not installed.

    See Also
    --------
    unpatch_scipy, patch_cv2

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> from scipy import ndimage
    >>> fastconv.patch_scipy()
    >>> ndimage.convolve(np.eye(3), np.ones((3, 3)))[0]
    array([5., 3., 1.])
    >>> fastconv.drop_in.calls()["scipy.ndimage.convolve"]
    (1, 0)
    >>> fastconv.unpatch_scipy()
    """
    for name in _SCIPY:
        replace(name)


def unpatch_scipy() -> None:
    """Put SciPy's own functions back, and forget what was counted."""
    for name in _SCIPY:
        _restore(name)


def patch_cv2() -> None:
    """Put fastconv's functions in the place of OpenCV's.

    `filter2D`, `sepFilter2D`, `GaussianBlur`, `blur`, `boxFilter`, `Sobel`, `Scharr` and `Laplacian`, with OpenCV's
    arguments in OpenCV's order. Answers are OpenCV's within rounding: where it rounds kernels of 8-bit images to 8
    bits first (`GaussianBlur`, `sepFilter2D`), within one level. What is not served goes back to OpenCV: `calls` counts
    both.

    Raises
    ------
    ImportError
        If OpenCV is not installed.

    See Also
    --------
    unpatch_cv2, patch_scipy
    """
    replace("cv2")


def unpatch_cv2() -> None:
    """Put OpenCV's own functions back, and forget what was counted."""
    _restore("cv2")


def calls() -> dict[str, tuple[int, int]]:
    """How many calls of each function were served, and how many handed back, since it was replaced."""
    with _lock:
        return {name: (served, back) for name, (served, back) in sorted(_counts.items()) if served or back}


def replace(name: str) -> None:
    """Put fastconv's functions into a module that it has functions for; a second time does nothing."""
    module, ours = importlib.import_module(name), importlib.import_module(f"{__package__}.{_OURS[name]}")
    with _lock:
        if name in _originals:
            return
        _originals[name] = {word: getattr(module, word) for word in ours.__all__}
        for word, original in _originals[name].items():
            setattr(module, word, _counted(name, original, getattr(ours, word)))


def _restore(name: str) -> None:
    with _lock:
        originals = _originals.pop(name, {})
        for word, original in originals.items():
            setattr(importlib.import_module(name), word, original)
            _counts.pop(f"{name}.{word}", None)


def _counted(module: str, original: Callable[..., Any], ours: Callable[..., Any]) -> Callable[..., Any]:
    """A function that calls ours, or the original where ours answers NotImplemented or refuses an argument."""
    name = f"{module}.{original.__name__}"
    _counts[name] = [0, 0]

    @functools.wraps(original)
    def replacement(*args: Any, **kwargs: Any) -> Any:
        try:
            result = ours(*args, **kwargs)
        except (TypeError, ValueError, OverflowError):  # the original says what is wrong in its own words
            result = NotImplemented
        with _lock:
            if name in _counts:
                _counts[name][result is NotImplemented] += 1
        return original(*args, **kwargs) if result is NotImplemented else result

    replacement.__module__ = module  # where pickle finds it, and in another process the original
    return replacement
