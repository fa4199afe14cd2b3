"""Spatial axes: data formats, padding, and one-dimensional images as rows of two-dimensional ones."""

from __future__ import annotations

from typing import Any, TypeVar

from ... import _args

__all__ = ["FORMATS", "as_image", "channels", "explicit_pads", "from_image", "per_axis", "spatial", "with_sizes"]

FORMATS = ("channels_last", "channels_first")

_T = TypeVar("_T")


def data_format(attributes: dict[str, Any]) -> str:
    """The data format of a node."""
    return _args.choice(attributes.get("data_format", "channels_last"), "data_format", FORMATS)


def spatial(shape: tuple[int, ...], layout: str) -> tuple[int, ...]:
    """The spatial sizes of a batch of images.

    Examples
    --------
    >>> spatial((8, 28, 30, 3), "channels_last"), spatial((8, 3, 28), "channels_first")
    ((28, 30), (28,))
    """
    return shape[1:-1] if layout == "channels_last" else shape[2:]


def channels(shape: tuple[int, ...], layout: str) -> int:
    """The channels of a batch of images."""
    return shape[-1] if layout == "channels_last" else shape[1]


def with_sizes(n: _T, sizes: tuple[_T, ...], c: _T, layout: str) -> tuple[_T, ...]:
    """The shape of a batch of images.

    Examples
    --------
    >>> with_sizes(8, (28, 30), 3, "channels_first")
    (8, 3, 28, 30)
    """
    return (n, *sizes, c) if layout == "channels_last" else (n, c, *sizes)


def per_axis(attributes: dict[str, Any], name: str, rank: int, default: int = 1) -> tuple[int, ...]:
    """An attribute with a number for each spatial axis."""
    numbers = tuple(attributes.get(name) or (default,) * rank)
    if len(numbers) != rank:
        raise ValueError(f"`{name}` must have a number for each of {rank} axes; received {numbers}")
    return numbers


def explicit_pads(pads: Any, sizes: Any, window: Any, strides: Any, dilations: Any) -> tuple[tuple[int, int], ...]:
    """`pads` as a pair for each axis.

    Examples
    --------
    >>> explicit_pads("same_upper", (28,), (2,), (1,), (1,)), explicit_pads("same_lower", (28,), (2,), (1,), (1,))
    (((0, 1),), ((1, 0),))
    """
    if pads == "valid":
        return ((0, 0),) * len(sizes)
    if pads in ("same_upper", "same_lower"):
        found = []
        for size, taps, stride, dilation in zip(sizes, window, strides, dilations, strict=True):
            total = max((-(-size // stride) - 1) * stride + (taps - 1) * dilation + 1 - size, 0)
            pair = total // 2, total - total // 2
            found.append(pair if pads == "same_upper" else pair[::-1])
        return tuple(found)
    pairs = tuple((int(before), int(after)) for before, after in pads)
    if len(pairs) != len(sizes):
        raise ValueError(f"`pads` must have a pair for each of {len(sizes)} axes; received {pads}")
    return pairs


def as_image(shape: tuple[int, ...], layout: str) -> tuple[int, ...]:
    """A batch of one-dimensional images as one of images with one row; others as they are.

    Examples
    --------
    >>> as_image((8, 100, 3), "channels_last"), as_image((8, 3, 100), "channels_first")
    ((8, 1, 100, 3), (8, 3, 1, 100))
    """
    if len(shape) not in (3, 4):
        raise ValueError(f"images must have one or two spatial axes; received shape {shape}")
    if len(shape) == 4:
        return shape
    return with_sizes(shape[0], (1, *spatial(shape, layout)), channels(shape, layout), layout)


def from_image(shape: tuple[int, ...], layout: str, rank: int) -> tuple[int, ...]:
    """The inverse of `as_image` for images of so many spatial axes."""
    return with_sizes(shape[0], spatial(shape, layout)[-rank:], channels(shape, layout), layout)
