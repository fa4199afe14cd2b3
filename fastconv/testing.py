"""Whether the kernels are right on the CPU at hand: ``python -m fastconv selftest``."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from . import config, cpu, image, nn
from .nn.convolution import ALGORITHMS

__all__ = ["SelfTest", "self_test"]

_Array = NDArray[Any]
# Roundings of a plain sum: more than Winograd's algorithm and products of bfloat16 make, less than a wrong kernel.
_ROUNDINGS = 512


class SelfTest(NamedTuple):
    """What `self_test` found; printed, it is a report for an issue."""

    passed: int
    failures: list[str]
    report: str

    def __str__(self) -> str:
        return self.report


class _Case(NamedTuple):
    name: str
    run: Callable[[], _Array]
    want: _Array
    bound: _Array  # of the difference, for each element


def _layer_sums(x: _Array, kernel: _Array, stride: int, groups: int) -> _Array:
    """A convolution without padding, in float64."""
    windows = sliding_window_view(x.astype(np.float64), kernel.shape[:2], (1, 2))[:, ::stride, ::stride]
    split = windows.reshape(*windows.shape[:3], groups, -1, *kernel.shape[:2])
    taps = kernel.astype(np.float64).reshape(*kernel.shape[:3], groups, -1)
    sums: _Array = np.einsum("nhwgcij,ijcgo->nhwgo", split, taps)
    return sums.reshape(*sums.shape[:3], -1)


def _layers(rng: np.random.Generator) -> Iterator[_Case]:
    """Convolutions by every algorithm, in both layouts."""
    for size, k, c_in, c_out, stride, groups in (
        (19, 3, 5, 7, 1, 1),
        (14, 3, 32, 48, 1, 1),
        (13, 5, 16, 24, 1, 1),
        (17, 3, 3, 33, 2, 1),
        (9, 1, 65, 17, 1, 1),
        (15, 3, 24, 24, 1, 24),
        (12, 5, 18, 12, 2, 6),
    ):
        for dtype in (np.float32, np.float64):
            x = rng.uniform(-1, 1, (2, size, size, c_in)).astype(dtype)
            kernel = rng.uniform(-1, 1, (k, k, c_in // groups, c_out)).astype(dtype)
            want = _layer_sums(x, kernel, stride, groups)
            bound = _ROUNDINGS * np.finfo(dtype).eps * _layer_sums(abs(x), abs(kernel), stride, groups)
            name = f"conv2d {size}x{size}x{c_in}, {k}x{k}x{c_out}, stride {stride}, groups {groups}, {dtype.__name__}"
            for algorithm in ALGORITHMS:
                words: dict[str, Any] = {"strides": stride, "groups": groups, "algorithm": algorithm}
                yield _Case(f"{name}, {algorithm}", partial(nn.conv2d, x, kernel, **words), want, bound)
                first = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
                yield _Case(
                    f"{name}, {algorithm}, channels_first",
                    partial(nn.conv2d, first, kernel, data_format="channels_first", **words),
                    want.transpose(0, 3, 1, 2),
                    bound.transpose(0, 3, 1, 2),
                )


def _plane_sums(plane: _Array, taps: _Array) -> _Array:
    sums: _Array = np.einsum("hwij,ij->hw", sliding_window_view(plane, taps.shape), taps[::-1, ::-1])
    return sums


def _images(rng: np.random.Generator) -> Iterator[_Case]:
    for side in (3, 7, 31):
        for dtype in map(np.dtype, ("uint8", "int32", "float32", "float64")):
            whole = dtype.kind in "ui"
            plane = rng.integers(0, 9, (61, 83)).astype(dtype) if whole else rng.uniform(-1, 1, (61, 83)).astype(dtype)
            taps = rng.integers(0, 3, (side, side)).astype(dtype) if whole else rng.random((side, side)).astype(dtype)
            wide = np.int64 if whole else np.float64
            want = _plane_sums(plane.astype(wide), taps.astype(wide))
            eps = 0 if whole else np.finfo(dtype).eps
            bound = _ROUNDINGS * eps * _plane_sums(abs(plane).astype(wide), taps.astype(wide))
            yield _Case(
                f"convolve2d 61x83, {side}x{side}, {dtype.name}",
                partial(image.convolve2d, plane, taps, "valid"),
                want.astype(dtype) if whole else want,
                bound,
            )


def _elementwise(rng: np.random.Generator) -> Iterator[_Case]:
    for dtype in (np.float32, np.float64):
        x = np.concatenate([rng.normal(0, 3, 999), [0, -0.0, 30, -30]]).astype(dtype)
        exact = x.astype(np.float64)
        table: dict[str, tuple[Callable[[_Array], _Array], _Array]] = {
            "relu": (nn.relu, np.maximum(exact, 0)),
            "sigmoid": (nn.sigmoid, 1 / (1 + np.exp(-exact))),
            "tanh": (nn.tanh, np.tanh(exact)),
            "elu": (nn.elu, np.where(exact > 0, exact, np.expm1(exact))),
            "softplus": (nn.softplus, np.logaddexp(0, exact)),
            "softmax": (nn.softmax, np.exp(exact) / np.exp(exact).sum()),
        }
        for name, (run, want) in table.items():
            bound = 32 * np.finfo(dtype).eps * abs(want)
            yield _Case(f"{name}, {dtype.__name__}", partial(run, x), want, bound)
        maps = rng.uniform(-1, 1, (2, 10, 12, 19)).astype(dtype)
        cells = maps.astype(np.float64).reshape(2, 5, 2, 6, 2, 19)
        exactly = np.zeros((2, 5, 6, 19))
        eps = 8 * np.finfo(dtype).eps
        yield _Case(f"max_pool2d, {dtype.__name__}", partial(nn.max_pool2d, maps), cells.max((2, 4)), exactly)
        yield _Case(f"avg_pool2d, {dtype.__name__}", partial(nn.avg_pool2d, maps), cells.mean((2, 4)), exactly + eps)


def _failure(case: _Case) -> str | None:
    """What is wrong; an algorithm that does not serve a layer is no failure."""
    try:
        got = case.run()
        with config.threads(1):
            alone = case.run()
    except ValueError as error:
        return None if "needs" in str(error) else f"{case.name}: {error}"
    if got.tobytes() != alone.tobytes():
        return f"{case.name}: other bits on one thread"
    if got.shape != case.want.shape:
        return f"{case.name}: shape {got.shape}, should be {case.want.shape}"
    wrong = ~(abs(got.astype(case.want.dtype) - case.want) <= case.bound)
    if not wrong.any():
        return None
    at = tuple(int(i) for i in np.argwhere(wrong)[0])
    return f"{case.name}: {int(wrong.sum())} of {got.size} wrong; {at} is {got[at]}, should be {case.want[at]}"


def self_test(seed: int = 0) -> SelfTest:
    """Run every kernel family on every instruction set of this CPU, against sums in a wider type by NumPy.

    It takes seconds. float32 precision is 'highest' meanwhile, and no other thread may call fastconv.

    Parameters
    ----------
    seed : int, optional
        Of the numbers.

    Returns
    -------
    SelfTest
        ``passed``, how many cases were right; ``failures``, a line for each that was not; ``report``, what was run on
        which CPU by which build, and the failures: the text that an issue needs.

    Examples
    --------
    >>> import fastconv.testing
    >>> fastconv.testing.self_test().failures
    []
    """
    precision, passed, failures = config.get_float32_precision(), 0, []
    config.set_float32_precision("highest")
    try:
        for isa in cpu.available_isas():
            rng = np.random.default_rng(seed)
            with cpu.use_isa(isa), np.errstate(all="ignore"):
                for cases in (_layers(rng), _images(rng), _elementwise(rng)):
                    for case in cases:
                        wrong = _failure(case)
                        passed += wrong is None
                        failures += [] if wrong is None else [f"{isa}: {wrong}"]
    finally:
        config.set_float32_precision(precision)
    told = {"machine": platform.platform(), "python": platform.python_version(), "numpy": np.__version__}
    told |= {name: str(value) for name, value in config.configuration().items()}
    lines = [f"{name}: {value}" for name, value in told.items()] + failures
    return SelfTest(passed, failures, "\n".join([*lines, f"{passed} passed, {len(failures)} failed"]))
