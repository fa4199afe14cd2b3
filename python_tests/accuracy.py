"""How accurate every algorithm is, in the units of its promise: ``python python_tests/accuracy.py --minutes 5``.

Random layers, from maps of one pixel to 2048 channels, on values that make rounding errors add up; every algorithm that
serves a layer runs it, and some of its outputs are held against sums in a wider type. The table has the worst case of
each algorithm and the line that repeats it.

The promise, with eps = 2^-24 for float32 and 2^-53 for float64 (docs/inside/accuracy.md):

- direct sums: each output is within DIRECT * eps * (|x| * |kernel|), the convolution of the absolute values;
- Winograd's algorithm: within WINOGRAD * eps * norm(patch) * norm(kernel), the patch being what its tile reads of all
  channels; within what WINOGRAD_OF says where neither x nor the kernel has numbers of both signs, where all are the
  same, and where one outweighs the others of its tile;
- kernels of zero mean: norm(y - exact) <= NORM * norm(exact) in float32.

`split` (bfloat16 products for AMX) sums in the tiles of the matrix unit and is held to SPLIT instead of DIRECT.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import accuracy_reference as reference
import conv_reference
import numpy as np
from accuracy_layers import Layer, array, draw, parse
from fuzz.conv_reference import DIRECT_LEAST, LARGE_TILES_LEAST, WINOGRAD_LEAST, subnormal_room

import fastconv
from fastconv import cpu
from fastconv.nn.convolution import ALGORITHMS
from fastconv.nn.convolution_grad import KERNEL_ALGORITHMS

DIRECT, SPLIT, WINOGRAD, WINOGRAD_OF = 32, 256, 8, {"outlier": 40, "positive": 16, "constant": 80}
HIGH = 8  # times that at 'high', of Winograd's algorithm and of split
NORM = {"highest": 1e-6, "high": 1e-5}
LEAST_NORMED = 64  # outputs: of fewer the norm is one of single numbers, which cancel


@dataclass
class Measured:
    """An algorithm's worst output on a layer, in units of the promise, and the error in norm where that is promised."""

    algorithm: str
    layer: Layer
    units: float
    promise: float
    norm: float | None

    @property
    def kept(self) -> bool:
        return self.units <= self.promise and (self.norm is None or self.norm <= NORM[self.layer.precision])


def measure(layer: Layer) -> list[Measured]:
    """Every algorithm that serves the layer, or the one that it names."""
    rng = np.random.default_rng(layer.seed)
    with np.errstate(all="ignore"):
        return _OPERATIONS[layer.operation](layer, rng)


def _winograd(name):
    """The numbers in Winograd's names, or None."""
    found = re.findall(r"\d+", name) if name.startswith("winograd") else None
    return found and [int(number) for number in found]


def _promise(layer, name, winograd):
    looser = 1 if layer.precision == "highest" else HIGH
    if winograd:
        return looser * WINOGRAD_OF.get(layer.values, WINOGRAD)
    return looser * SPLIT if name.endswith("split") else DIRECT


def _norm(layer, x, kernel, got):
    """The error of a whole convolution, where a norm is promised."""
    if layer.values != "normal" or layer.dtype != "float32" or got.size < LEAST_NORMED:
        return None
    padding = tuple(
        (before, max((out - 1) * layer.stride + layer.k - size - before, 0))
        for before, out, size in zip(layer.pad, layer.out, (layer.h, layer.w), strict=True)
    )
    want = conv_reference.conv2d(x, kernel, None, (layer.stride,) * 2, padding, (1, 1), layer.groups)
    return float(np.linalg.norm(got - want) / np.linalg.norm(want))


def _measured(layer, name, got, exact, winograd, *factors):
    """got: indexed as Exact.at says. factors: the arrays whose products are summed."""
    dtype = np.dtype(layer.dtype)
    eps, least = float(np.finfo(dtype).eps) / 2, float(np.finfo(dtype).smallest_subnormal)
    each = DIRECT_LEAST if not winograd else WINOGRAD_LEAST if layer.precision == "highest" else LARGE_TILES_LEAST
    units = 0.0
    for e in exact:
        error = abs(reference.wide(got[e.at]) - e.values)
        if not np.isfinite(error).all():
            return Measured(name, layer, float("inf"), DIRECT, None)
        beyond = np.maximum(error - subnormal_room(dtype, e.terms, *factors, each=each), 0)
        size = e.norms if winograd else e.sizes
        units = max(units, float(np.max(np.where(beyond > 0, beyond / (eps * np.maximum(size, least)), 0), initial=0)))
    return Measured(name, layer, units, _promise(layer, name, winograd), None)


def _some(rng, count, most):
    return np.sort(rng.permutation(count)[:most])


def _pixels(rng, n, out, dtype):
    """All of a few, or some, corners among them."""
    every = n * out[0] * out[1]
    most = 24 if dtype == "float32" else 3
    picked = range(every) if every <= most else [0, out[1] - 1, every - 1, *rng.integers(every, size=most - 3)]
    return [(int(i) // (out[0] * out[1]), int(i) // out[1] % out[0], int(i) % out[1]) for i in picked]


def _outs(rng, layer, count):
    return _some(rng, count, 64 if layer.dtype == "float32" else 6)


def _laid_out(layer, array_):
    return array_ if layer.data_format == "channels_last" else np.ascontiguousarray(array_.transpose(0, 3, 1, 2))


def _channels_last(layer, array_):
    return array_ if layer.data_format == "channels_last" else array_.transpose(0, 2, 3, 1)


def _words(layer):
    return {"strides": layer.stride, "padding": layer.padding, "groups": layer.groups, "data_format": layer.data_format}


def _served(names, run):
    """(name, result) of each algorithm that serves."""
    for name in names:
        try:
            yield name, run(name)
        except ValueError as error:
            if "needs" not in str(error):
                raise


def _names(layer, known):
    return [layer.algorithm] if layer.algorithm else [name for name in known if name != "auto"]


def _conv2d(layer, rng):
    x = array(rng, layer, (layer.n, layer.h, layer.w, layer.c_in), False)
    kernel = array(rng, layer, layer.kernel_shape, True)
    pixels, at_groups = _pixels(rng, layer.n, layer.out, layer.dtype), _some(rng, layer.groups, 3)
    outs, laid = _outs(rng, layer, layer.c_out // layer.groups), _laid_out(layer, x)
    found = []
    for name, y in _served(
        _names(layer, ALGORITHMS), lambda name: fastconv.conv2d(laid, kernel, algorithm=name, **_words(layer))
    ):
        winograd = _winograd(name)
        exact = reference.conv2d(
            x,
            kernel,
            pixels,
            outs,
            pad=layer.pad,
            stride=layer.stride,
            groups=layer.groups,
            at_groups=at_groups,
            tile=winograd and winograd[0],
        )
        y = _channels_last(layer, y)
        measured = _measured(replace(layer, algorithm=name), name, y, exact, winograd, x, kernel)
        found.append(replace(measured, norm=_norm(layer, x, kernel, y)))
    return found


def _pooled(layer, rng):
    """A maximum is as far off as what it is taken of, at most."""
    if min(layer.out) < 2:
        return []
    x = array(rng, layer, (layer.n, layer.h, layer.w, layer.c_in), False)
    kernel = array(rng, layer, layer.kernel_shape, True)
    at_groups, outs = _some(rng, layer.groups, 3), _outs(rng, layer, layer.c_out // layer.groups)
    laid = _laid_out(layer, x)
    windows = _pixels(rng, layer.n, tuple(size // 2 for size in layer.out), layer.dtype)[:6]
    found = []
    for name, y in _served(
        _names(layer, ALGORITHMS), lambda name: fastconv.conv2d_pool2d(laid, kernel, algorithm=name, **_words(layer))
    ):
        winograd, exact = _winograd(name), []
        for image, row, col in windows:
            pixels = [(image, 2 * row + i, 2 * col + j) for i in range(2) for j in range(2)]
            of = reference.conv2d(
                x,
                kernel,
                pixels,
                outs,
                pad=layer.pad,
                stride=layer.stride,
                groups=layer.groups,
                at_groups=at_groups,
                tile=winograd and winograd[0],
            )
            for group in range(len(at_groups)):
                four = of[4 * group : 4 * group + 4]
                best = [
                    np.max([getattr(e, name_) for e in four], axis=0) if winograd or name_ != "norms" else None
                    for name_ in ("values", "sizes", "norms")
                ]
                exact.append(reference.Exact((image, row, col, four[0].at[3]), *best, four[0].terms))
        found.append(
            _measured(
                replace(layer, algorithm=name), "pooled " + name, _channels_last(layer, y), exact, winograd, x, kernel
            )
        )
    return found


def _input_grad(layer, rng):
    """By every algorithm that runs it as the convolution of dy that it is; under a stride by phases."""
    dy = array(rng, layer, (layer.n, *layer.out, layer.c_out), False)
    kernel = array(rng, layer, layer.kernel_shape, True)
    pixels, outs = _pixels(rng, layer.n, (layer.h, layer.w), layer.dtype), _outs(rng, layer, layer.c_in)
    laid = _laid_out(layer, dy)
    shape = _laid_out(layer, np.empty((layer.n, layer.h, layer.w, layer.c_in), layer.dtype)).shape
    stride = 1 if layer.out == (1, 1) else layer.stride
    found = []
    for name in _names(layer, ALGORITHMS) if stride == 1 else ["by phases"]:
        if stride == 1 and not _kept(layer, name):
            continue
        got = _channels_last(layer, fastconv.conv2d_input_grad(laid, kernel, shape, **_words(layer)))
        fastconv.forget_plans()
        winograd = _winograd(name)
        exact = reference.input_grad(
            dy, kernel, pixels, outs, pad=layer.pad, stride=stride, tile=winograd and winograd[0]
        )
        named = replace(layer, algorithm=name) if stride == 1 else layer
        found.append(_measured(named, "input_grad " + name, got, exact, winograd, dy, kernel))
    return found


def _kept(layer, name):
    """Whether the core takes this algorithm for the convolution of dy from here on."""
    k, turned = layer.k, [layer.k - 1 - before for before in layer.pad]
    plan = {
        "isa": cpu.active_isa(),
        "pass": "input_gradient",
        "algorithm": name,
        "precision": layer.precision,
        "dtype": layer.dtype,
        "kernel_dtype": layer.dtype,
        "data_format": layer.data_format,
        "x": [layer.n, *layer.out, layer.c_out],
        "kernel": [k, k, layer.c_out, layer.c_in],
        "strides": [1, 1],
        "dilation_rate": [1, 1],
        "padding": [
            [first, size + k - 1 - out - first]
            for first, size, out in zip(turned, (layer.h, layer.w), layer.out, strict=True)
        ],
        "groups": 1,
    }
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder, "plans.json")
        path.write_text(json.dumps({"fastconv": fastconv.__version__, "plans": [plan]}))
        return fastconv.load_plans(path) == 1


def _kernel_grad(layer, rng):
    x = array(rng, layer, (layer.n, layer.h, layer.w, layer.c_in), False)
    dy = array(rng, layer, (layer.n, *layer.out, layer.c_out), True)
    depthwise = layer.groups > 1
    ins, outs = _some(rng, layer.c_in, 8), _some(rng, layer.c_out, 24 if layer.dtype == "float32" else 4)
    taps = [(int(at) // layer.k, int(at) % layer.k) for at in _some(rng, layer.k**2, 4)]
    laid = [_laid_out(layer, array_) for array_ in (x, dy)]
    found = []
    for name, got in _served(
        _names(layer, KERNEL_ALGORITHMS),
        lambda name: fastconv.conv2d_kernel_grad(*laid, layer.kernel_shape, algorithm=name, **_words(layer)),
    ):
        winograd = _winograd(name)
        words = {"pad": layer.pad, "stride": layer.stride}
        if winograd:
            words.update(side=winograd[0], tile=winograd[-1])
        if depthwise:
            exact = [
                replace(e, at=(*e.at[:2], 0, e.at[3]))
                for out in outs[:8]
                for e in reference.kernel_grad(x, dy, taps, [out], [out], **words)
            ]
            for e in exact:
                e.values, e.sizes = e.values[0], e.sizes[0]
                e.norms = None if e.norms is None else e.norms[0]
        else:
            exact = reference.kernel_grad(x, dy, taps, ins, outs, **words)
        found.append(_measured(replace(layer, algorithm=name), "kernel_grad " + name, got, exact, winograd, x, dy))
    return found


def _dense_of(layer):
    return layer.n * layer.h * layer.w, layer.c_in * layer.k, layer.c_out


def _dense(layer, rng):
    rows, inputs, outputs = _dense_of(layer)
    x, kernel = array(rng, layer, (rows, inputs), False), array(rng, layer, (inputs, outputs), True)
    exact = reference.dense(x, kernel, _some(rng, rows, 8), _outs(rng, layer, outputs))
    return [_measured(layer, "dense", fastconv.dense(x, kernel), exact, None, x, kernel)]


def _dense_grads(layer, rng):
    rows, inputs, outputs = _dense_of(layer)
    x, kernel, dy = (
        array(rng, layer, shape, i > 0) for i, shape in enumerate(((rows, inputs), (inputs, outputs), (rows, outputs)))
    )
    dx, dkernel, _ = fastconv.dense_grads(x, kernel, dy, dy)
    few, some = _some(rng, rows, 8), _some(rng, inputs, 24 if layer.dtype == "float32" else 6)
    return [
        _measured(
            layer, "dense dx", dx, reference.dense(dy, np.ascontiguousarray(kernel.T), few, some), None, dy, kernel
        ),
        _measured(
            layer,
            "dense dkernel",
            dkernel,
            reference.dense(np.ascontiguousarray(x.T), dy, some, _outs(rng, layer, outputs)),
            None,
            x,
            dy,
        ),
    ]


_OPERATIONS = {
    "conv2d": _conv2d,
    "pooled": _pooled,
    "input_grad": _input_grad,
    "kernel_grad": _kernel_grad,
    "dense": _dense,
    "dense_grads": _dense_grads,
}


def check(layer: Layer) -> list[Measured]:
    """measure() at the layer's precision, which it leaves as it was."""
    before = fastconv.get_float32_precision()
    fastconv.set_float32_precision(layer.precision)
    try:
        return measure(layer)
    finally:
        fastconv.set_float32_precision(before)


class Worst:
    """The worst of each algorithm and promise that it was held to."""

    def __init__(self):
        self.units: dict[tuple, Measured] = {}
        self.norms: dict[tuple, Measured] = {}
        self.counts: dict[tuple, int] = {}
        self.broken: list[Measured] = []

    def add(self, measured: Measured) -> None:
        key = (measured.algorithm, measured.layer.dtype, measured.promise)
        self.counts[key] = self.counts.get(key, 0) + 1
        if key not in self.units or measured.units > self.units[key].units:
            self.units[key] = measured
        if measured.norm is not None and (key not in self.norms or measured.norm > self.norms[key].norm):
            self.norms[key] = measured
        if not measured.kept:
            self.broken.append(measured)

    def show(self) -> None:
        for key in sorted(self.units):
            worst = self.units[key]
            print(
                f"{key[0]:32} {key[1]:8} {worst.units:8.2f} of {key[2]:3}  {self.counts[key]:6} layers  {worst.layer}"
            )
            if key in self.norms:
                print(f"{'':41} {self.norms[key].norm:8.1e} in norm{'':15}  {self.norms[key].layer}")
        for measured in self.broken[:20]:
            norm = "" if measured.norm is None else f", {measured.norm:.2e} in norm"
            over = f"{measured.units:.2f} of {measured.promise}{norm}"
            print(f"BROKEN {measured.algorithm}: {over}: --case '{measured.layer}'")


def main(argv=None) -> int:
    parser = argparse.ArgumentParser(description="Measure the errors of every algorithm in the units of its promise.")
    parser.add_argument("--minutes", type=float, default=1.0, metavar="N")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the layers")
    parser.add_argument("--isa", metavar="NAME", help="run on this instruction set")
    parser.add_argument("--case", metavar="LINE", help="one layer, as the table prints it")
    parser.add_argument(
        "--only", default="", metavar="WORDS", help="fix some of a layer's words, as in 'k=5 dtype=float32'"
    )
    given = parser.parse_args(argv)
    if given.isa:
        cpu.use_isa(given.isa).__enter__()
    worst, rng, end = Worst(), np.random.default_rng(given.seed), time.monotonic() + 60 * given.minutes
    fixed = {name: getattr(parse(given.only), name) for name in (word.split("=")[0] for word in given.only.split())}
    while True:
        for measured in check(parse(given.case) if given.case else draw(rng, **fixed)):
            worst.add(measured)
        if given.case or time.monotonic() > end:
            break
    worst.show()
    return 1 if worst.broken else 0


if __name__ == "__main__":
    sys.exit(main())
