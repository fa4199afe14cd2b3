"""What lies outside an image: the words and numbers of SciPy, NumPy, OpenCV and others for five borders."""

from __future__ import annotations

import operator
from typing import Any

BORDERS = {"reflect101": 3, "reflect": 2, "nearest": 4, "wrap": 1, "constant": 0}  # fc_boundary's numbers
BOUNDARIES = {"fill": 0, "wrap": 1, "symm": 2}
_SYNONYMS = {
    "reflect101": ("mirror", "reflect-101", "reflect1", "default"),
    "reflect": ("symmetric", "symm", "grid-mirror"),
    "nearest": ("edge", "replicate", "clamp", "extend"),
    "wrap": ("periodic", "circular", "grid-wrap"),
    "constant": ("fill", "pad", "zero", "zeros", "grid-constant"),
}
_WORDS = {word: word for word in BORDERS} | {s: word for word, others in _SYNONYMS.items() for s in others}
_OPENCV = ("constant", "nearest", "reflect", "wrap", "reflect101")  # by cv2.BORDER_CONSTANT to BORDER_REFLECT_101
_OPENCV_ISOLATED = 16
_OF_SCIPY = {"constant": "fill", "wrap": "wrap", "reflect": "symm"}


def border_word(value: Any, name: str = "border", words: dict[str, int] = BORDERS) -> str:
    """The word of `words` that a border given by any library's word or by OpenCV's number stands for."""
    if type(value) is str and value in words:
        return value
    found = _WORDS.get(_plain(value)) if isinstance(value, str) else _of_opencv(value)
    found = _OF_SCIPY.get(found or "") if words is BOUNDARIES else found
    if found is None:
        raise ValueError(_refusal(value, name, words))
    return found


def border_number(value: Any, name: str = "border", words: dict[str, int] = BORDERS) -> int:
    """The C core's number of a border."""
    return words[border_word(value, name, words)]


def _plain(word: str) -> str:
    """A word without its letters' size, OpenCV's prefix, and what stands between its parts."""
    word = word.strip().lower().removeprefix("cv2.").removeprefix("border_").replace("_", "-")
    return word.replace(" ", "-")


def _of_opencv(value: Any) -> str | None:
    """The word of one of OpenCV's numbers; BORDER_ISOLATED changes nothing, since no cell outside an array is read."""
    try:
        number = operator.index(value) & ~_OPENCV_ISOLATED
    except TypeError:
        return None
    return _OPENCV[number] if 0 <= number < len(_OPENCV) and not isinstance(value, bool) else None


def _refusal(value: Any, name: str, words: Any) -> str:
    allowed = ", ".join(repr(word) for word in words)
    message = f"`{name}` must be one of {allowed}; received {value!r}"
    if not isinstance(value, str):
        return message
    import difflib

    known = {s: _OF_SCIPY.get(w) if words is BOUNDARIES else w for s, w in _WORDS.items()}
    known = {s: w for s, w in known.items() if w} | {w: w for w in words}
    near = difflib.get_close_matches(_plain(value), known, n=1)
    return f"{message}; did you mean {known[near[0]]!r}?" if near else message
