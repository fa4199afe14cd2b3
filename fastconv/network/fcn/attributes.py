"""The attributes that nodes in a ``.fcn`` file may have, and what each may be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["ATTRIBUTES", "check_attribute"]


def _flag(value: Any) -> bool:
    return type(value) is bool


def _word(value: Any) -> bool:
    return type(value) is str


def _number(value: Any) -> bool:
    return type(value) is float or _integer(value)


def _integer(value: Any) -> bool:
    return type(value) is int and -(2**63) <= value < 2**63


def _integers(value: Any) -> bool:
    return all(map(_integer, value)) if type(value) is tuple else _integer(value)


def _pads(value: Any) -> bool:
    return _word(value) or (
        type(value) is tuple and all(type(pair) is tuple and len(pair) == 2 and _integers(pair) for pair in value)
    )


def _function(value: Any) -> bool:
    return type(value) is tuple and len(value) == 2 and _word(value[0]) and _number(value[1])


_KINDS: dict[Callable[[object], bool], str] = {
    _flag: "allowzero antialias ceil_mode center centered count_include_pad exact exclude_outside exclusive "
    "go_backwards keepdims largest last negative noop_with_empty_axes normalize positive reset_after reverse upper "
    "zero_masked",
    _word: "data_format dtype equation fit mode policy precision rounding transform",
    _number: "alpha beta bias cubic epsilon fill high low max_value momentum negative_slope outside rate "
    "scale shift threshold",
    _integers: "axes axis batch_dims block counts destination dilations end groups output_padding output_shape p parts "
    "perm scales size sizes source start strides window",
    _pads: "pads",
    _function: "activation recurrent_activation",
}
ATTRIBUTES = {word: kind for kind, words in _KINDS.items() for word in words.split()}
_MAY_BE_NONE = frozenset(
    ("activation", "axes", "end", "max_value", "output_padding", "output_shape", "perm", "precision", "scales", "sizes")
)


def check_attribute(word: str, value: Any) -> None:
    """Raise a ValueError unless an attribute is one that nodes have.

    Examples
    --------
    >>> check_attribute("strides", (2, 2))
    >>> check_attribute("strides", "two")
    Traceback (most recent call last):
        ...
    ValueError: the attribute 'strides' may not be 'two'
    """
    if word not in ATTRIBUTES:
        raise ValueError(f"no attribute of the name {word!r}")
    if not (ATTRIBUTES[word](value) or (value is None and word in _MAY_BE_NONE)):
        raise ValueError(f"the attribute {word!r} may not be {value!r:.60}")
