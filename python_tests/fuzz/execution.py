"""Calls a function as a case wants it, and holds the result against its reference."""

from __future__ import annotations

from contextlib import suppress

import numpy as np

import fastconv

from . import arrays
from .check import Mismatch, Open, Refused, compare

CLEAN = ValueError, TypeError


def verify(case: dict, call, names: tuple[str, ...], reference, takes_out: bool = True, errors=()) -> None:
    """Hold call(*inputs, out=...) against reference(*inputs), a Want or a tuple of them.

    `names` are the case's entries that describe arrays; the reference gets them as plain copies. With one of `errors`
    the call may end instead.
    """
    with suppress(*errors):
        _verify(case, call, names, reference, takes_out)


def _verify(case, call, names, reference, takes_out):
    inputs = [case[name] and arrays.make(case[name]) for name in names]
    plain = [_plain(x) for x in inputs]
    try:
        wants = reference(*plain)
    except Refused as refused:
        _must_refuse(call, inputs, takes_out, refused)
    except Open as left_open:
        with suppress(*CLEAN, *left_open.errors):
            _call(call, inputs, takes_out, None)
    else:
        _verify_results(case, call, inputs, wants if isinstance(wants, tuple) else (wants,), takes_out)


def _verify_results(case, call, inputs, wants, takes_out):
    plain = [_plain(x) for x in inputs]
    kind = case["out"] if takes_out else None
    shape, dtype = (wants[0].value.shape, wants[0].dtype) if kind else ((), np.dtype(float))
    target = arrays.Target(kind, shape, dtype, [x for x in inputs if x is not None])
    if target.refused:
        _must_refuse(call, inputs, takes_out, "`out`", target.out)
        return
    with fastconv.threads(1):
        first = _call(call, inputs, takes_out, target.out)
    if kind is not None and first[0] is not target.out:
        raise Mismatch("what is returned is not `out`")
    if not target.is_kept():
        raise Mismatch("memory outside of `out` was written")
    for got, want in zip(first, wants, strict=True):
        if want is not None:
            compare(got, want)
    if kind != "overlap":
        _inputs_are_kept(inputs, plain)
    if case["threads"] > 1:
        _same_bits(case, call, [p if p is None else p.copy() for p in plain], takes_out, first)


def check_serves(case: dict, call):
    """What call() gives; Refused where the algorithm asked for is said not to serve."""
    try:
        return call()
    except ValueError as error:
        if case["algorithm"] == "auto" or "`algorithm`" not in str(error):
            raise
        raise Refused(f"algorithm {case['algorithm']} of what it does not serve") from None


def _plain(x):
    return None if x is None else np.array(x, x.dtype.newbyteorder("="), order="C")


def _call(call, inputs, takes_out, out):
    result = call(*inputs, out=out) if takes_out else call(*inputs)
    return result if isinstance(result, tuple) else (result,)


def _must_refuse(call, inputs, takes_out, why, out=None):
    try:
        _call(call, inputs, takes_out, out)
    except CLEAN:
        return
    raise Mismatch(f"no error, where there must be one: {why}")


def _inputs_are_kept(inputs, plain):
    for given, before in zip(inputs, plain, strict=True):
        if given is not None and _plain(given).tobytes() != before.tobytes():
            raise Mismatch("an input was written")


def _same_bits(case, call, inputs, takes_out, first):
    with fastconv.threads(case["threads"]):
        again = _call(call, inputs, takes_out, None)
    for a, b in zip(first, again, strict=True):
        if a is not None and _bits(a) != _bits(b):
            raise Mismatch(f"other bits on {case['threads']} threads")


def _bits(x):
    """The bytes, every NaN the same."""
    x = _plain(x)
    nan = x != x
    x = np.where(nan, x.dtype.type(0), x)
    if x.dtype.char in "gG":  # with bytes that mean nothing
        parts = x.real, x.imag
        return [(part + 0).tolist() for part in parts] + [np.signbit(part).tolist() for part in parts] + [nan.tolist()]
    return x.tobytes(), nan.tobytes()


def four(x: np.ndarray, data_format: str) -> np.ndarray:
    """As channels_last."""
    return x if data_format == "channels_last" else x.transpose(0, 2, 3, 1)


def back(y: np.ndarray, data_format: str) -> np.ndarray:
    return y if data_format == "channels_last" else y.transpose(0, 3, 1, 2)
