"""What to time: cases read from shapes/*.txt, and the arrays of one case."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import images
import numpy as np

SUITES = ("image", "layers", "grads", "pool", "activation", "step", "keras", "networks")
# The operations of the keras suite.
KERAS = ("fit", "fit_sizes", "evaluate", "predict", "predict_one", "forward", "train_step", "fine_tune", "image_grad")
# Those of the networks suite.
NETWORKS = ("network", "network_predict", "start")
SHAPES = Path(__file__).parent / "shapes"
BATCHES = (1, 8, 32)  # of the layers suite, unless others are asked for
# How far an answer may be from the float64 reference, in norm, before it is called wrong.
TOLERANCE = {"float32": 1e-5, "float64": 1e-12, "uint8": 0.0, "int32": 0.0, "int64": 0.0}
# Of filter2d's rounded integers: the share of cells that fastconv may have one level off (sums of 16 bits are on
# the wrong side of a half more often, computed in float32), and the levels of a peer.
CELLS_OFF = {"uint8": 1e-3, "uint16": 1e-2}
LEVELS_OFF = 2.0
# What fastconv promises of float32 convolution, by the word of fastconv.set_float32_precision, and of float64 images.
PROMISE = {"highest": 1e-6, "high": 1e-5, "medium": 1e-2}
PROMISE_FLOAT64 = 1e-13


@dataclass(frozen=True)
class Case:
    """One row: a line of a shapes file, and one of the operations that the line lists."""

    suite: str
    name: str
    op: str
    quick: bool
    settings: dict[str, str]

    @property
    def layer(self) -> dict | None:
        """Of a network's layer: the network (the name's first word), batch, channels in and out, groups."""
        if self.suite != "layers":
            return None
        n, _, _, c = _ints(self.settings["x"])
        return {
            "net": self.name.split()[0],
            "batch": n,
            "channels": c,
            "filters": _ints(self.settings["kernel"])[2],
            "groups": int(self.settings.get("groups", 1)),
        }

    @property
    def image(self) -> dict | None:
        """Of the image suite: size, kernel, kind, border and channels."""
        return images.traits(self.settings) if self.suite == "image" else None


@dataclass
class Problem:
    """A case with its arrays (NHWC) and its cost; `bytes` counts every array read or written once."""

    op: str
    arrays: dict[str, np.ndarray]
    options: dict = field(default_factory=dict)
    flops: float = 0
    bytes: float = 0
    images: int = 0
    dtype: str = "float32"

    @cached_property
    def x_nchw(self) -> np.ndarray:
        """`x` as n x c x h x w, laid out once for all who want it so."""
        return aligned_copy(self.arrays["x"].transpose(0, 3, 1, 2))

    @property
    def rounds(self) -> bool:
        """Whether sums are rounded to an integer: answers differ by levels, where fixed point or a tie decides."""
        return self.op == "filter2d" and np.dtype(self.dtype).kind == "u"

    def tolerance(self, precision: str | None = None) -> float:
        """For fastconv at this precision, or (None) for a peer."""
        if self.op in ("train_step", "fine_tune"):  # it may be a loss behind batch normalisation
            return 1e-4
        if "bits" in self.options:  # a tie or an order of additions decides a step of 1/255
            return 0.05
        if self.rounds:
            return LEVELS_OFF if precision is None else CELLS_OFF[self.dtype]
        if precision is None or self.dtype not in ("float32", "float64"):
            return TOLERANCE[self.dtype]
        image = self.op in ("convolve2d", "filter2d")
        if self.dtype == "float64":
            return PROMISE_FLOAT64 if image else TOLERANCE["float64"]
        return PROMISE[precision] if image or self.op == "conv2d" else max(TOLERANCE["float32"], PROMISE[precision])


def load(suite: str, batches: tuple[int, ...] | None = None) -> list[Case]:
    """The cases of one suite, in the order of its files; of the layers suite, each layer at each batch."""
    files = sorted(SHAPES.glob(f"{suite}.txt")) + sorted(SHAPES.glob(f"{suite}-*.txt"))
    every = (line.partition("#")[0].strip() for file in files for line in file.read_text().splitlines())
    lines = [line for line in every if line]
    if suite == "image":
        return [Case(suite, *row) for row in images.rows(lines)]
    if suite == "layers":
        return [_parse_layer(line, batch, batches is not None) for line in lines for batch in batches or BATCHES]
    return [case for line in lines for case in _parse(suite, line)]


def _settings(line: str) -> tuple[str, dict[str, str]]:
    name, _, rest = line.partition(": ")
    return name, {key: value for key, _, value in (word.partition("=") for word in rest.split())}


def _parse_layer(line: str, batch: int, chosen: bool) -> Case:
    """`quick` names the batches of the quick selection; where the batches are `chosen`, all of them are."""
    name, settings = _settings(line)
    quick = settings.pop("quick", "")
    settings["x"] = f"{batch}x{settings['x']}"
    return Case(
        "layers",
        f"{name}, batch {batch}",
        "layers",
        bool(quick) and (chosen or str(batch) in quick.split(",")),
        settings,
    )


def _parse(suite: str, line: str) -> list[Case]:
    """`op` lists the operations of the line, `quick` those of them in the quick selection; without a value, all."""
    name, settings = _settings(line)
    ops = settings.pop("op", "").split(",")
    quick = settings.pop("quick", None)
    chosen = ops if quick == "" else (quick or "").split(",")
    return [
        Case(
            suite, f"{name} {op}".rstrip().replace("_", " "), op or suite, quick is not None and op in chosen, settings
        )
        for op in ops
    ]


def build(case: Case) -> Problem:
    """The arrays of a case, the same on every call."""
    rng = np.random.default_rng(20)
    return {
        "image": _image,
        "layers": _conv2d,
        "grads": _conv2d,
        "pool": _pool,
        "activation": _activation,
        "step": _step,
        "keras": _keras,
        "networks": _network,
    }[case.suite](case, rng)


def _ints(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("x"))


def _aligned(shape: tuple[int, ...]) -> np.ndarray:
    """An array on a cache line, as TensorFlow and JAX need to share it instead of copying it."""
    size, line = 4 * math.prod(shape), 64
    buffer = np.empty(size + line, np.uint8)
    start = -buffer.ctypes.data % line
    return buffer[start : start + size].view(np.float32).reshape(shape)


def aligned_copy(array: np.ndarray) -> np.ndarray:
    """In C order."""
    copy = _aligned(array.shape)
    copy[...] = array
    return copy


def _normal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.standard_normal(dtype=np.float32, out=_aligned(shape))


def _image(case: Case, rng: np.random.Generator) -> Problem:
    image, kernel, options = images.arrays(case.op, case.settings, rng)
    return Problem(
        case.op,
        {"x": image, "kernel": kernel},
        options,
        flops=2.0 * image.size * kernel.size,
        bytes=2.0 * image.nbytes,
        dtype=case.settings["dtype"],
    )


def _padding(word: str, size: int, window: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """The cells before and behind one axis: a count for both, or TensorFlow's VALID or SAME."""
    if word == "valid" or word.isdigit():
        return (int(word),) * 2 if word.isdigit() else (0, 0)
    total = max((-(-size // stride) - 1) * stride + (window - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


def _conv2d(case: Case, rng: np.random.Generator) -> Problem:
    s = case.settings
    n, h, w, c = _ints(s["x"])
    k_h, k_w, filters = _ints(s["kernel"])
    stride, dilation, groups = (int(s.get(key, 1)) for key in ("strides", "dilation", "groups"))
    word = s.get("padding", "valid")
    pads = tuple(_padding(word, size, k, stride, dilation) for size, k in ((h, k_h), (w, k_w)))
    out_h, out_w = (
        (size + sum(pad) - (k - 1) * dilation - 1) // stride + 1
        for size, k, pad in ((h, k_h, pads[0]), (w, k_w, pads[1]))
    )
    kernel = _normal(rng, (k_h, k_w, c // groups, filters))
    kernel /= np.float32(np.sqrt(k_h * k_w * c // groups))
    arrays = {"x": _normal(rng, (n, h, w, c)), "kernel": kernel}
    y_shape = n, out_h, out_w, filters
    op = {"layers": "conv2d", "input": "conv2d_input_grad", "kernel": "conv2d_kernel_grad"}[case.op]
    if op != "conv2d":
        arrays["dy"] = _normal(rng, y_shape)
    options = {
        "strides": stride,
        "padding": pads if word.isdigit() else word,
        "pads": pads,
        "dilation": dilation,
        "groups": groups,
    }
    return Problem(
        op,
        arrays,
        options,
        flops=2.0 * math.prod(y_shape[:3]) * kernel.size,
        bytes=4.0 * (arrays["x"].size + kernel.size + math.prod(y_shape)),
    )


def _pool(case: Case, rng: np.random.Generator) -> Problem:
    s = case.settings
    n, h, w, c = _ints(s["x"])
    pool = _ints(s["pool"])
    stride, word = int(s.get("strides", pool[0])), s.get("padding", "valid")
    pads = tuple(_padding(word, size, k, stride) for size, k in ((h, pool[0]), (w, pool[1])))
    out = tuple((size + sum(pad) - k) // stride + 1 for size, k, pad in zip((h, w), pool, pads, strict=True))
    arrays = {"x": _normal(rng, (n, h, w, c)), "dy": _normal(rng, (n, *out, c))}
    total = sum(array.nbytes for array in arrays.values())
    mode, _, grad = case.op.partition("_")
    if grad:
        total += arrays["x"].nbytes if mode == "max" else 0
    else:
        del arrays["dy"]
    op = f"{mode}_pool2d" + ("_grad" if grad else "")
    return Problem(op, arrays, {"pool": pool, "strides": stride, "padding": word, "pads": pads}, bytes=total)


def _activation(case: Case, rng: np.random.Generator) -> Problem:
    x = _normal(rng, _ints(case.settings["x"]))
    x *= 2
    options = {"function": case.settings["function"], "axis": int(case.settings.get("axis", 3))}
    if case.op == "grad":
        return Problem("activation_grad", {"x": x, "dy": _normal(rng, x.shape)}, options, bytes=3.0 * x.nbytes)
    return Problem("activation", {"x": x}, options, bytes=2.0 * x.nbytes)


def _step(case: Case, rng: np.random.Generator) -> Problem:
    """The weights of each convolution, and the gradient of the last layer's output."""
    import networks

    s = case.settings
    x = shape = _ints(s["x"])
    layers = networks.layers(s["layers"])
    arrays, flops = {"x": _normal(rng, x)}, 0.0
    for i, layer in enumerate(layers):
        y = layer.output_shape(shape)
        if layer.filters:
            kernel = _normal(rng, (*layer.window, shape[3], layer.filters))
            kernel /= np.float32(np.sqrt(kernel[..., 0].size))
            arrays |= {f"kernel_{i}": kernel, f"bias_{i}": np.float32(0.1) * _normal(rng, (layer.filters,))}
            flops += (6.0 if i else 4.0) * math.prod(y[:3]) * kernel.size  # the first layer's x has no gradient
        shape = y
    arrays["dy"] = _normal(rng, shape)
    return Problem("step", arrays, {"layers": layers, "layout": s.get("layout", "nhwc")}, flops=flops, images=x[0])


def _keras(case: Case, rng: np.random.Generator) -> Problem:
    """The network and its images are made where the case runs, in processes of their own (keras_server.py)."""
    return Problem(case.op, {}, dict(case.settings), images=int(case.settings.get("images", case.settings["batch"])))


def of_file(path: str, batches: tuple[int, ...] | None) -> list[Case]:
    """The cases of the networks suite for one model file."""
    name = Path(path).stem
    settings = [{"file": path, "batch": str(batch)} for batch in batches or (1,)]
    found = [Case("networks", f"{name} batch {each['batch']} network", "network", True, each) for each in settings]
    return [*found, Case("networks", f"{name} start", "start", True, {"file": path, "batch": "1"})]


def _network(case: Case, rng: np.random.Generator) -> Problem:
    """The network's files, and images in the folder that they are in."""
    import network_files

    folder = network_files.write(case.settings)
    net, shape = network_files.network(folder)
    batch = int(case.settings["batch"])
    x = rng.random((int(case.settings.get("images", batch)), *shape), np.float32)
    np.save(folder / "one.npy", x[:1])
    options = {**case.settings, "folder": str(folder), "batch": batch}
    if case.op == "start":
        return Problem(case.op, {"x": x}, options)
    flops, weights = network_files.floor(net, (batch, *shape))
    return Problem(case.op, {"x": x}, options, flops=flops * len(x) / batch, bytes=weights + x.nbytes, images=len(x))
