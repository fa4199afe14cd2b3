"""A picture fitted to what a network takes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .image_input import RANGES, ImageInput, find_image_input
from .mnist import Writing
from .resize import resize

__all__ = ["Fitted", "Fitter"]

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_FITS = ("crop", "pad", "stretch")


@dataclass(frozen=True)
class Fitted:
    """A picture as a network's input.

    Parameters
    ----------
    array : ndarray
        Of the input's shape, with a batch of 1.
    words : list of str
        What was done.
    pixels : ndarray of uint8, (H, W, C), or None
        The array as a picture; None of one that was taken as it is.
    """

    array: np.ndarray
    words: list[str]
    pixels: np.ndarray | None = None


class Fitter:
    """Fits pictures to a network's input; what is not given is found from the network and each picture.

    Parameters
    ----------
    net : Net
        With one input, of pictures.
    size : (int, int), optional
        Height and width, for a network whose sizes are free; by default the picture's own.
    range : {'0..1', '-1..1', '0..255', 'imagenet', 'caffe'}, optional
        Of the numbers. 'imagenet' subtracts the mean of its colours and divides by their deviation, as PyTorch's
        networks want it; 'caffe' subtracts the mean and puts blue first.
    invert : bool, optional
        Turn light and dark round. By default where a network of 28x28 grey levels meets dark lines on light ground.
    mnist : bool, optional
        Centre and scale the digit as MNIST was made. By default where a network takes 28x28 grey levels, and a picture
        of another size shows lines on even ground.
    fit : {'crop', 'pad', 'stretch'}
        What happens to a picture of another shape.

    Raises
    ------
    ValueError
        If an argument is none of these, or the network takes no single picture.
    """

    def __init__(
        self, net: Any, *, size: Any = None, range: Any = None, invert: Any = None, mnist: Any = None, fit: str = "crop"
    ) -> None:
        if range not in (None, *RANGES):
            raise ValueError(f"`range` must be one of {list(RANGES)}; received {range!r}")
        if fit not in _FITS:
            raise ValueError(f"`fit` must be one of {list(_FITS)}; received {fit!r}")
        found = find_image_input(net)
        if range is not None:
            found = replace(found, range=range, reason="as asked for")
        if size is not None:
            found = _with_size(found, size)
        if found.range == "caffe" and found.channels != 3:
            raise ValueError(f"`range` 'caffe' is of 3 channels; the network takes {found.channels}")
        self.input, self._invert, self._mnist, self._fit = found, invert, mnist, fit
        if mnist and not self._may_be_mnist():
            raise ValueError("`mnist` is for networks that take 28x28 grey levels")

    def _may_be_mnist(self) -> bool:
        return (self.input.height, self.input.width, self.input.channels) == (28, 28, 1)

    def __call__(self, picture: np.ndarray) -> Fitted:
        """An input of the network for a picture (H, W), (H, W, 1), (H, W, 3) or (H, W, 4).

        Integers are of their dtype's whole range, floats in 0..1. An array that has the input's very shape, with or
        without the batch, and floats is taken as it is.

        Raises
        ------
        ValueError
            If it has no such shape, or has numbers that are not finite and has to be fitted.
        """
        ready = self._ready(picture)
        if ready is not None:
            return Fitted(ready, ["taken as it is"])
        pixels = _in_0_to_255(picture)
        words = [f"{pixels.shape[1]}x{pixels.shape[0]}"]
        pixels = _with_channels(pixels, self.input.channels)
        writing = Writing(pixels[..., 0], self._invert) if self._may_be_mnist() else None
        inverted = writing.inverted if writing else bool(self._invert)
        if writing and self._is_mnist(pixels, writing):
            pixels = 255 * writing.as_mnist()[..., None]
            words.append("centred and scaled as MNIST")
        else:
            pixels = _fitted(pixels, self.input.height, self.input.width, self._fit)
            pixels = 255 - pixels if inverted else pixels
        if inverted:
            words.append("inverted")
        words.append(f"{pixels.shape[1]}x{pixels.shape[0]}x{pixels.shape[2]} in {self.input.range}")
        return Fitted(self._laid_out(pixels), words, np.rint(np.clip(pixels, 0, 255)).astype(np.uint8))

    def _ready(self, picture: np.ndarray) -> np.ndarray | None:
        """An array that is the input already."""
        shape = self.input.shape
        if picture.ndim == len(shape) - 1:
            picture = picture[None]
        fits = picture.ndim == len(shape) and all(
            size in (None, given) for size, given in zip(shape[1:], picture.shape[1:], strict=True)
        )
        if not fits or picture.dtype.kind != "f" or picture.ndim == 3:
            return None
        return np.ascontiguousarray(picture, self.input.dtype)

    def _is_mnist(self, pixels: np.ndarray, writing: Writing) -> bool:
        if self._mnist is not None:
            result: bool = self._mnist
            return result
        return pixels.shape[:2] != (28, 28) and writing.is_likely

    def _laid_out(self, pixels: np.ndarray) -> np.ndarray:
        """Pixels in 0..255 as the input has them."""
        mean, deviation = RANGES[self.input.range]
        if self.input.dtype.kind in "iu":
            pixels = np.rint(pixels)
        pixels = pixels - np.resize(mean, pixels.shape[-1]).astype(np.float32)
        pixels = pixels / np.resize(deviation, pixels.shape[-1]).astype(np.float32)
        if self.input.range == "caffe":
            pixels = pixels[..., ::-1]
        if self.input.layout == "channels_first":
            pixels = pixels.transpose(2, 0, 1)
        shape = {"flat": (1, -1), "grey": (1, *pixels.shape[:2])}.get(self.input.layout, (1, *pixels.shape))
        return np.ascontiguousarray(pixels.reshape(shape), self.input.dtype)


def _with_size(found: ImageInput, size: Any) -> ImageInput:
    fixed = (found.height, found.width)
    if any(own not in (None, given) for own, given in zip(fixed, size, strict=True)):
        raise ValueError(f"`size` must be that of the network, {fixed}; received {tuple(size)}")
    return replace(found, height=size[0], width=size[1])


def _in_0_to_255(picture: np.ndarray) -> np.ndarray:
    """A picture's numbers as float32 in 0..255, with an axis of channels."""
    if picture.ndim == 2:
        picture = picture[..., None]
    if picture.ndim != 3 or picture.shape[2] not in (1, 3, 4) or not picture.size:
        raise ValueError(f"a picture must be (H, W), (H, W, 1), (H, W, 3) or (H, W, 4); received {picture.shape}")
    if picture.dtype.kind == "f" and not np.isfinite(picture).all():
        raise ValueError("a picture must be of finite numbers")
    if picture.dtype.kind in "iu" and picture.dtype.itemsize > 1:
        return picture.astype(np.float32) * np.float32(255 / np.iinfo(picture.dtype).max)
    return picture.astype(np.float32) * np.float32(1 if picture.dtype.kind in "iu" else 255)


def _with_channels(pixels: np.ndarray, channels: int) -> np.ndarray:
    """Pixels as grey levels or colours; what is transparent is white."""
    if pixels.shape[2] == 4 and channels != 4:
        opacity = pixels[..., 3:] / 255
        pixels = pixels[..., :3] * opacity + 255 * (1 - opacity)
    if pixels.shape[2] == channels:
        return pixels
    if channels == 1:
        return (pixels @ _LUMA)[..., None]
    if pixels.shape[2] == 1:
        pixels = np.repeat(pixels, 3, 2)
    return pixels if channels == 3 else np.concatenate([pixels, np.full_like(pixels[..., :1], 255)], 2)


def _fitted(pixels: np.ndarray, height: int | None, width: int | None, fit: str) -> np.ndarray:
    """Pixels in another size."""
    rows, columns = pixels.shape[:2]
    size: tuple[int, int] = height or rows, width or columns
    height, width = size
    if (rows, columns) == (height, width):
        return pixels
    if fit == "crop":
        kept_rows = min(rows, max(1, round(columns * height / width)))
        kept_columns = min(columns, max(1, round(rows * width / height)))
        top, left = (rows - kept_rows) // 2, (columns - kept_columns) // 2
        return resize(pixels[top : top + kept_rows, left : left + kept_columns], height, width)
    if fit == "stretch":
        return resize(pixels, height, width)
    times = min(height / rows, width / columns)
    inner = resize(pixels, max(1, round(rows * times)), max(1, round(columns * times)))
    top, left = (height - inner.shape[0]) // 2, (width - inner.shape[1]) // 2
    around = ((top, height - inner.shape[0] - top), (left, width - inner.shape[1] - left), (0, 0))
    return np.pad(inner, around, mode="edge")
