"""How convolutions choose their algorithms, and files of these choices."""

from __future__ import annotations

import json
import os
import warnings
from collections import Counter
from typing import Any

from . import _args, _core, _files, cpu
from .nn.convolution import ALGORITHMS
from .nn.convolution_grad import KERNEL_ALGORITHMS

__all__ = ["forget_plans", "get_planning", "load_plans", "save_plans", "set_planning"]

_WORDS = ("estimate", "measure")
# The order of fc_purpose in csrc/include/fastconv_plans.h.
_PASSES = ("prepared", "forward", "input_gradient", "kernel_gradient")
_PRECISIONS = ("highest", "high", "medium")
_DTYPES = {name: _core.DTYPES[name] for name in ("int8", "uint8", "float16", "bfloat16", "float32", "float64")}
_MOST_BYTES = 16 << 20
_OTHER_ISA, _UNSUPPORTED, _MALFORMED, _TOO_MANY = (
    "of another instruction set than {isa!r}",
    "with a layer that its algorithm does not support",
    "not as `save_plans` writes them",
    "more than are kept",
)


def set_planning(planning: str) -> None:
    """Set how the algorithms of `conv2d`, `prepare_conv2d`, their gradients and what is built on them are chosen.

    Parameters
    ----------
    planning : {'estimate', 'measure'}
        'estimate' (the default) takes the least estimated time. 'measure' times the few algorithms whose estimates lie
        within a factor of two, once for each layer in this process: at its first call, on arrays of its own and with
        the threads of that call. It takes some milliseconds, up to a second for large layers. Layers with an array of
        more than 512 MiB, and others after the first 4096, are estimated.

    Raises
    ------
    TypeError, ValueError
        If `planning` is none of these words.

    See Also
    --------
    save_plans, load_plans : keep what was measured, so that the next process computes the same bits.

    Notes
    -----
    Algorithms round differently, each within the promise of `set_float32_precision`. So the same call may give other
    bits in the next process under 'measure', whose timings differ; within a process it gives the same, for any number
    of threads. What was measured holds while the setting is 'measure', and is not used under 'estimate'. Image filters,
    whose choice depends on the numbers of the kernel, are estimated always.

    The idea is FFTW's (Frigo and Johnson, "The design and implementation of FFTW3", Proc. IEEE 93(2), 2005).

    Examples
    --------
    >>> import fastconv
    >>> fastconv.set_planning("measure")
    >>> fastconv.get_planning()
    'measure'
    >>> fastconv.set_planning("estimate")
    """
    _core.set_planning(_WORDS.index(_args.choice(planning, "planning", _WORDS)))


def get_planning() -> str:
    """The current setting of `set_planning`."""
    return _WORDS[_core.get_planning()]


def forget_plans() -> None:
    """Drop all choices that were measured or loaded."""
    _core.forget_plans()


def save_plans(path: Any) -> None:
    """Write the choices that were measured or loaded to a file, for `load_plans`.

    Parameters
    ----------
    path : path_like
        The file is JSON: data only, one layer a line. It takes the place of a file that is there when it is complete.

    Raises
    ------
    ValueError
        If something other than a file has that path.
    OSError
        If the file cannot be written.
    """
    lines = ",\n".join(json.dumps(_entry(plan)) for plan in _core.kept_plans())
    text = f'{{"fastconv": {json.dumps(_version())}, "plans": [\n{lines}\n]}}\n'
    _files.write_whole(path, ".json", lambda file: file.write(text.encode()))


def load_plans(path: Any) -> int:
    """Take the choices of a file that `save_plans` wrote: they hold from here on, whatever `set_planning` says.

    They are added to those of this process, and come before them. A layer that has none is estimated or measured, as
    `set_planning` says.

    Parameters
    ----------
    path : path_like

    Returns
    -------
    int
        How many were taken.

    Warns
    -----
    UserWarning
        If some were passed over: those of another version of fastconv or of another instruction set, and those that
        do not fit their layer.

    Raises
    ------
    ValueError
        If the file is none of `save_plans`.
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> import fastconv, os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "plans.json")
    >>> fastconv.save_plans(path)
    >>> fastconv.load_plans(path)
    0
    """
    version, entries = _read(path)
    if version != _version():
        passed_over = Counter({f"of fastconv {version[:40]!r}, and this is {_version()}": len(entries)})
    else:
        passed_over = Counter(filter(None, map(_keep, entries)))
    if passed_over.total():
        reasons = "; ".join(f"{count} {reason}" for reason, count in passed_over.items())
        what = f"{passed_over.total()} of {len(entries)} plans of {os.fsdecode(path)!r} were passed over: {reasons}"
        warnings.warn(what, stacklevel=2)
    return len(entries) - passed_over.total()


def _version() -> str:
    from . import __version__

    return __version__


def _algorithms(plan_pass: str) -> list[str]:
    return list(KERNEL_ALGORITHMS if plan_pass == "kernel_gradient" else ALGORITHMS)


def _word(words: dict[str, int], number: int) -> str:
    return next(word for word, value in words.items() if value == number)


def _entry(plan: dict[Any, Any]) -> dict[str, object]:
    """One choice as files have it."""
    plan_pass = _PASSES[plan["purpose"]]
    return {
        "isa": plan["isa"],
        "pass": plan_pass,
        "algorithm": _algorithms(plan_pass)[plan["algorithm"]],
        "precision": _PRECISIONS[plan["precision"]],
        "dtype": _word(_DTYPES, plan["dtype"]),
        "kernel_dtype": _word(_DTYPES, plan["kernel_dtype"]),
        "data_format": _word(_args.LAYOUTS, plan["layout"]),
        "x": plan["shape"],
        "kernel": plan["kernel_shape"],
        "strides": plan["strides"],
        "dilation_rate": plan["dilation"],
        "padding": plan["padding"],
        "groups": plan["groups"],
    }


def _read(path: Any) -> tuple[str, list[Any]]:
    """The version and the entries of a file."""
    with open(path, "rb") as file:
        text = file.read(_MOST_BYTES + 1)
    wrong = ValueError(f"`path` must be that of a file of `save_plans`; {os.fsdecode(path)!r} is none")
    if len(text) > _MOST_BYTES:
        raise wrong
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise wrong from None
    if not isinstance(found, dict) or set(found) != {"fastconv", "plans"}:
        raise wrong
    version, entries = found["fastconv"], found["plans"]
    if not isinstance(version, str) or not isinstance(entries, list):
        raise wrong
    return version, entries


def _numbers(value: Any, count: int) -> tuple[int, ...]:
    """value as so many numbers that the core can take, or a ValueError."""
    if not isinstance(value, list) or len(value) != count:
        raise ValueError
    return tuple(map(_number, value))


def _number(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**63:
        raise ValueError
    return value


def _geometry(entry: dict[Any, Any]) -> _core.Conv2D:
    top, left = entry["padding"]
    n, h, w, c = _numbers(entry["x"], 4)
    groups, kernel_shape = _number(entry["groups"]), _numbers(entry["kernel"], 4)
    if kernel_shape[2] * groups != c:
        raise ValueError
    return _core.Conv2D(
        _DTYPES[entry["dtype"]],
        _args.LAYOUTS[entry["data_format"]],
        (n, h, w, c),
        kernel_shape,
        _numbers(entry["strides"], 2),
        _numbers(entry["dilation_rate"], 2),
        (_numbers(top, 2), _numbers(left, 2)),
        groups,
        kernel_dtype=_DTYPES[entry["kernel_dtype"]],
        precision=_PRECISIONS.index(entry["precision"]),
    )


def _keep(entry: Any) -> str | None:
    """Take one entry, or say why it is passed over."""
    try:
        isa, plan_pass = entry["isa"], entry["pass"]
        purpose, algorithm = _PASSES.index(plan_pass), _algorithms(plan_pass).index(entry["algorithm"])
        geometry = _geometry(entry)
    except (KeyError, TypeError, ValueError):
        return _MALFORMED
    if isa != cpu.active_isa():
        return _OTHER_ISA.format(isa=cpu.active_isa())
    try:
        return None if _core.keep_plan(isa, purpose, algorithm, geometry) else _UNSUPPORTED
    except MemoryError:
        return _TOO_MANY
