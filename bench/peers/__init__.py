"""The libraries to measure: which there are, what they can do, and how each is asked for a candidate.

A module here has ``setup(threads)`` and ``candidate(problem, variant)``; it imports its library inside these, so that
only what a selection needs is loaded. Arrays are handed over in the library's own type and layout before the clock
starts: what is timed is the operation.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module, metadata
from importlib.util import find_spec

import numpy as np
from cases import KERAS, NETWORKS, Problem

_IMAGE = frozenset({"convolve2d", "filter2d"})
_CONVOLVE2D = frozenset({"convolve2d"})
_CONV2D = frozenset({"conv2d"})
_FORWARD = frozenset({"conv2d", "max_pool2d", "avg_pool2d", "activation"})
_GRADS = frozenset({"conv2d_input_grad", "conv2d_kernel_grad", "max_pool2d_grad", "avg_pool2d_grad", "activation_grad"})
_STEP = frozenset({"step"})
_KERAS = frozenset(KERAS)
_NETWORKS = frozenset(NETWORKS)
_SERVED = _KERAS | _NETWORKS  # by processes of their own
_PREDICT = frozenset({"evaluate", "predict", "predict_one", "forward"})


@dataclass(frozen=True)
class Candidate:
    """`run` is timed, `to_array` turns its result into the reference's layout; `note` goes beside its figures."""

    run: Callable[[], object]
    to_array: Callable[[object], np.ndarray] = np.asarray
    note: str = ""
    check: bool = True  # whether it means to give the same answer
    answer: np.ndarray | None = None  # what to check, where it is known before `run`
    figures: dict = field(default_factory=dict)  # of the row's result, beside its times


@dataclass(frozen=True)
class Peer:
    """One way to compute: a library, and a variant of its use."""

    name: str
    library: str  # the name to import
    module: str  # its module in this package
    ops: frozenset[str]
    variant: str = ""
    also: tuple[str, ...] = ()  # further names that it imports
    rates: tuple[tuple[str, float], ...] = ()  # a dtype, and about the operations a second of its image filters
    quick: bool = True  # whether it is in the quick selection
    cells: float = math.inf  # image filters: of images up to so many cells, and if not all, with a border of zeros

    @property
    def installed(self) -> bool:
        return all(find_spec(name) for name in (self.library, *self.also))

    @property
    def versions(self) -> dict[str, str]:
        """Of the libraries it imports, by their names."""
        return {name: _version(name) for name in (self.library, *self.also)}

    def setup(self, threads: int) -> None:
        """Load the library and tell it how many threads to use."""
        import_module(f"peers.{self.module}").setup(threads)

    def takes(self, problem: Problem) -> bool:
        """Whether it is asked for a candidate."""
        if problem.op not in self.ops:
            return False
        return (
            problem.op not in _IMAGE
            or self.cells == math.inf
            or (problem.arrays["x"].size <= self.cells and problem.options["border"] == "fill")
        )

    def estimate(self, problem: Problem) -> float:
        """About the seconds that an image filter takes; 0 where it is not known to be slow."""
        rate = dict(self.rates).get(problem.dtype) if problem.op in _IMAGE else None
        return problem.flops / rate if rate else 0.0

    def announce(self, problem: Problem) -> None:
        """Begin what may be done side by side with other peers' beginnings."""
        if problem.op in _SERVED:
            import_module(f"peers.{self.module}").announce(problem, self.variant)

    def candidate(self, problem: Problem) -> Candidate | None:
        """What to time, or None where the library has no such operation."""
        return import_module(f"peers.{self.module}").candidate(problem, self.variant)

    def release(self, problem: Problem) -> None:
        """Let go of what a candidate keeps in another process."""
        if problem.op in _SERVED:
            import_module(f"peers.{self.module}").release(problem, self.variant)


@cache
def _distributions() -> dict[str, list[str]]:
    return dict(metadata.packages_distributions())


def _version(library: str) -> str:
    """Of what is installed under this name, or of a source tree that is imported."""
    for distribution in _distributions().get(library, []):
        return metadata.version(distribution)
    return getattr(sys.modules.get(library), "__version__", "unknown version")


# Loops over the window on one core; and products of matrices that hold every window.
_DIRECT = (("float32", 1.5e9), ("float64", 1.5e9), ("uint8", 1e9))
_NDIMAGE = (("float32", 2.5e9), ("float64", 2.5e9))
_WINDOWS = (("float32", 1e9), ("float64", 2e8))
# Libraries for networks lead nowhere on large images of one channel, and XLA crashes on some in float64.
_SMALL = 2**18

OWN = (
    Peer("fastconv", "fastconv", "fastconv", _IMAGE | _FORWARD | _GRADS | _STEP),
    Peer("fastconv-nchw", "fastconv", "fastconv", _CONV2D, "nchw"),
    Peer("fastconv-prepared", "fastconv", "fastconv", _CONV2D, "prepared"),
    Peer("fastconv-nchw-prepared", "fastconv", "fastconv", _CONV2D, "nchw-prepared"),
    Peer("fastconv-out", "fastconv", "fastconv", _IMAGE, "out"),
    Peer("fastconv-tf", "fastconv", "fastconv", _STEP, "tf", also=("tensorflow",)),
    Peer("fastconv-tf", "keras", "keras", _KERAS, "fastconv tensorflow", ("tensorflow",)),
    Peer("fastconv-torch", "keras", "keras", _KERAS, "fastconv torch", ("torch",), quick=False),
    Peer("fastconv-jax", "keras", "keras", _KERAS, "fastconv jax", ("jax",), quick=False),
    Peer("fastconv", "fastconv", "networks", _NETWORKS, "fastconv"),
    Peer("fastconv-numpy", "keras", "keras", _PREDICT, "fastconv numpy", quick=False),
)
# Not a filter: the memory's own speed, in the rows that it bounds.
COPY = Peer("copy", "numpy", "copy", _IMAGE)
PEERS = (
    Peer("scipy", "scipy", "scipy", _IMAGE, "direct", rates=_DIRECT),
    Peer("scipy-fft", "scipy", "scipy", _IMAGE, "fft"),
    Peer("scipy-oa", "scipy", "scipy", _IMAGE, "oa"),
    Peer("ndimage", "scipy", "scipy", _IMAGE, "ndimage", rates=_NDIMAGE),
    Peer("ndimage-sep", "scipy", "scipy", _IMAGE, "ndimage-sep"),
    Peer("opencv", "cv2", "opencv", _IMAGE, "filter2D"),
    Peer("opencv-sep", "cv2", "opencv", _IMAGE, "sepFilter2D"),
    Peer("opencv-box", "cv2", "opencv", _IMAGE, "blur"),
    Peer("tensorflow", "tensorflow", "tensorflow", _CONVOLVE2D | _FORWARD | _GRADS | _STEP, cells=_SMALL),
    Peer("torch-nhwc", "torch", "torch", _IMAGE | _FORWARD | _GRADS | _STEP, "channels_last", rates=_WINDOWS),
    Peer("torch-nchw", "torch", "torch", _IMAGE | _FORWARD | _GRADS | _STEP, rates=_WINDOWS),
    Peer("onnxruntime", "onnxruntime", "onnxruntime", _CONVOLVE2D | _FORWARD, also=("onnx",), cells=_SMALL),
    Peer("jax", "jax", "jax", _CONVOLVE2D | _FORWARD | _GRADS, cells=_SMALL),
    Peer("keras-tf", "keras", "keras", _KERAS, "stock tensorflow", ("tensorflow",)),
    Peer("keras-jit", "keras", "keras", _KERAS, "jit tensorflow", ("tensorflow",), quick=False),
    Peer("keras-torch", "keras", "keras", _KERAS, "stock torch", ("torch",), quick=False),
    Peer("keras-jax", "keras", "keras", _KERAS, "stock jax", ("jax",), quick=False),
    Peer("onnxruntime", "onnxruntime", "networks", _NETWORKS, "onnxruntime", ("onnx",)),
    Peer("openvino", "openvino", "networks", _NETWORKS, "openvino", ("onnx",), quick=False),
    Peer("litert", "ai_edge_litert", "networks", _NETWORKS, "litert", ("tensorflow",), quick=False),
    Peer("mnn", "MNN", "networks", _NETWORKS, "mnn", ("onnx",), quick=False),
    Peer("ncnn", "ncnn", "networks", _NETWORKS, "ncnn", ("onnx", "pnnx"), quick=False),
    Peer("torch", "torch", "networks", _NETWORKS, "torch", ("onnx",), quick=False),
    Peer("keras-tf", "keras", "networks", _NETWORKS, "keras", ("tensorflow",), quick=False),
)


def own(op: str, layout: str | None, full: bool) -> list[Peer]:
    """fastconv's ways to compute `op`; convolutions of layers in one layout, or (None) in both."""
    found = [peer for peer in OWN if op in peer.ops and peer.installed and (full or peer.quick)]
    return [peer for peer in found if op != "conv2d" or layout in (None, "nchw" if "nchw" in peer.variant else "nhwc")]


def select(words: list[str] | None) -> list[Peer]:
    """The peers of these names; a name also stands for all that begin with it and a hyphen. None: all.

    Raises
    ------
    ValueError
        If a word names no peer.
    """
    if words is None:
        return list(PEERS)
    chosen = []
    for word in words:
        found = [peer for peer in PEERS if peer.name == word or peer.name.startswith(f"{word}-")]
        if not found and word != "none":
            names = ", ".join(peer.name for peer in PEERS)
            raise ValueError(f"`--peers` must name some of {names}, or be none; received {word!r}")
        chosen += [peer for peer in found if peer not in chosen]
    return chosen
