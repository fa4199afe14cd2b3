"""The rows of the image suite: the products that shapes/image.txt writes, and the image and kernel of one row."""

from __future__ import annotations

from itertools import product

import numpy as np

# What lies outside the image, in the words of convolve2d and filter2d, as numpy.pad calls it.
PADDINGS = {"fill": "constant", "symm": "symmetric", "constant": "constant", "reflect101": "reflect"}
_DERIVATIVES = {3: ((1, 2, 1), (-1, 0, 1)), 5: ((1, 4, 6, 4, 1), (-1, -2, 0, 2, 1))}
_WINDOWS = {"column": lambda size: (size, 1), "row": lambda size: (1, size)}  # of other kinds: square
# Rows that are set against a plain copy: images beyond a core's cache, kernels with less arithmetic than traffic.
_COPY_CELLS, _COPY_KERNEL = 2048**2, 5


def rows(lines: list[str]) -> list[tuple[str, str, bool, dict[str, str]]]:
    """(name, operation, quick, settings) of every row."""
    quick, found = set(), {}
    for line in lines:
        op, _, rest = line.partition(": ")
        if op == "quick":
            quick.add(rest)
            continue
        lists = dict(word.split("=") for word in rest.split())
        for values in product(*(value.split(",") for value in lists.values())):
            settings = {"border": "fill", "channels": "1", "content": "noise"}
            settings |= dict(zip(lists, values, strict=True))
            found[_name(settings)] = op, settings
    if unknown := quick - set(found):
        raise ValueError(f"shapes/image.txt has no row {', '.join(sorted(unknown))}")
    return [(name, op, name in quick, settings) for name, (op, settings) in found.items()]


def _name(settings: dict[str, str]) -> str:
    border = "" if settings["border"] == "fill" else f" {settings['border']}"
    channels = "" if settings["channels"] == "1" else f" {settings['channels']} channels"
    content = "" if settings["content"] == "noise" else f" {settings['content']}"
    image, kernel, kind, dtype = (settings[key] for key in ("image", "kernel", "kind", "dtype"))
    return f"{image} k{kernel} {kind} {dtype}{border}{channels}{content}"


def traits(settings: dict[str, str]) -> dict:
    """What summaries and pictures sort the row by."""
    return {
        "size": settings["image"],
        "kernel": int(settings["kernel"]),
        "kind": settings["kind"],
        "border": settings["border"],
        "channels": int(settings["channels"]),
    }


def arrays(op: str, settings: dict[str, str], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, dict]:
    """(image, kernel, options) of a row; `factors` are the kernel's column and row where it is their product."""
    shape, size, dtype = tuple(map(int, settings["image"].split("x"))), int(settings["kernel"]), settings["dtype"]
    channels, integers, kind = int(settings["channels"]), np.dtype(dtype).kind in "iu", settings["kind"]
    cells = shape + (channels,) * (channels > 1)
    window = _WINDOWS.get(kind, lambda size: (size, size))(size)
    wraps = integers and op == "convolve2d"
    if integers:
        most = 255 if np.dtype(dtype).itemsize > 2 else np.iinfo(dtype).max  # of larger ones none wrap
        image = rng.integers(0, most, cells, dtype, endpoint=True)
    else:
        image = _CONTENTS[settings["content"]](rng, cells, dtype)
    factors = None if wraps or kind in ("random", "positive", *_WINDOWS) else _factors(kind, size)
    if wraps:
        kernel = rng.integers(0, 256, window, dtype)
    elif kind == "positive":
        kernel = rng.random(window)
    elif factors is None:
        kernel = rng.standard_normal(window)
        if integers:  # a mean level and a contrast like the image's: few cells saturate
            kernel = (kernel - kernel.mean()) / (2 * size) + 1 / size**2
    else:
        kernel = np.outer(*factors)
    weights = dtype if wraps or not integers else "float32"
    return (
        image,
        kernel.astype(weights),
        {
            "factors": factors and tuple(factor.astype(weights) for factor in factors),
            "kind": kind,
            "border": settings["border"],
            "copy": shape[0] * shape[1] >= _COPY_CELLS and size <= _COPY_KERNEL,
        },
    )


def _photo(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Noise that falls with the frequency as that of photos does, in grey levels, under a sky that is cut off."""
    frequency = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1]))
    frequency[0, 0] = 1
    waves = np.fft.irfft2(np.exp(2j * np.pi * rng.random(frequency.shape)) / frequency**1.2, shape)
    levels = 110 + 50 * waves / waves.std() + np.linspace(60, -60, shape[0])[:, None]
    return np.clip(levels + 2 * rng.standard_normal(shape), 4, 255).astype(dtype)


def _stars(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    image = np.zeros(shape, dtype)
    places = rng.integers(0, image.size, image.size // 2000)
    image.flat[places] = 1000 * rng.random(places.size) ** 4
    return image


def _mask(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    return (rng.random(shape) < 0.3).astype(dtype)


def _noise(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    return rng.random(shape, dtype)


_CONTENTS = {"noise": _noise, "photo": _photo, "stars": _stars, "mask": _mask}


def _factors(kind: str, size: int) -> tuple[np.ndarray, np.ndarray]:
    if kind == "sobel":
        return tuple(np.array(factor, float) for factor in _DERIVATIVES[size])
    if kind == "box":
        return (np.full(size, 1 / size),) * 2
    curve = np.exp(-0.5 * ((np.arange(size) - size // 2) / (size / 6)) ** 2)
    return (curve / curve.sum(),) * 2
