"""The libraries to measure: which there are, what they can do, and how each is asked for a candidate.

A module here has ``setup(threads)`` and ``candidate(problem, variant)``; it imports its library inside these, so that
only what a selection needs is loaded. Arrays are handed over in the library's own type and layout before the clock
starts: what is timed is the operation.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module, metadata
from importlib.util import find_spec

import numpy as np
from cases import Problem

_IMAGE = frozenset({"convolve2d"})
_CONV2D = frozenset({"conv2d"})
_FORWARD = frozenset({"conv2d", "max_pool2d", "avg_pool2d", "activation"})
_GRADS = frozenset({"conv2d_input_grad", "conv2d_kernel_grad", "max_pool2d_grad", "avg_pool2d_grad"})
_KERAS = frozenset({"fit", "predict"})


@dataclass(frozen=True)
class Candidate:
    """`run` is timed, `to_array` turns its result into the reference's layout; `note` goes beside its figures."""
    run: Callable[[], object]
    to_array: Callable[[object], np.ndarray] = np.asarray
    note: str = ""
    check: bool = True          # whether it means to give the same answer


@dataclass(frozen=True)
class Peer:
    """One way to compute: a library, and a variant of its use."""
    name: str
    library: str                # the name to import
    distribution: str           # the name to install
    module: str                 # its module in this package
    ops: frozenset[str]
    variant: str = ""
    also: tuple[str, ...] = ()  # further names that it imports

    @property
    def installed(self) -> bool:
        return all(find_spec(name) for name in (self.library, *self.also))

    @property
    def version(self) -> str:
        try:
            return metadata.version(self.distribution)
        except metadata.PackageNotFoundError:
            return getattr(import_module(self.library), "__version__", "unknown version")

    def setup(self, threads: int) -> None:
        """Load the library and tell it how many threads to use."""
        import_module(f"peers.{self.module}").setup(threads)

    def candidate(self, problem: Problem) -> Candidate | None:
        """What to time, or None where the library has no such operation."""
        return import_module(f"peers.{self.module}").candidate(problem, self.variant)


OWN = (
    Peer("fastconv", "fastconv", "fastconv", "fastconv", _IMAGE | _FORWARD | _GRADS | _KERAS),
    Peer("fastconv-nchw", "fastconv", "fastconv", "fastconv", _CONV2D, "nchw"),
    Peer("fastconv-prepared", "fastconv", "fastconv", "fastconv", _CONV2D, "prepared"),
    Peer("fastconv-nchw-prepared", "fastconv", "fastconv", "fastconv", _CONV2D, "nchw-prepared"),
)
PEERS = (
    Peer("scipy", "scipy", "scipy", "scipy", _IMAGE, "direct"),
    Peer("scipy-fft", "scipy", "scipy", "scipy", _IMAGE, "fft"),
    Peer("scipy-oa", "scipy", "scipy", "scipy", _IMAGE, "oa"),
    Peer("ndimage", "scipy", "scipy", "scipy", _IMAGE, "ndimage"),
    Peer("opencv", "cv2", "opencv-python-headless", "opencv", _IMAGE, "filter2D"),
    Peer("opencv-sep", "cv2", "opencv-python-headless", "opencv", _IMAGE, "sepFilter2D"),
    Peer("tensorflow", "tensorflow", "tensorflow-cpu", "tensorflow", _IMAGE | _FORWARD | _GRADS),
    Peer("torch-nhwc", "torch", "torch", "torch", _IMAGE | _FORWARD | _GRADS, "channels_last"),
    Peer("torch-nchw", "torch", "torch", "torch", _IMAGE | _FORWARD | _GRADS),
    Peer("onnxruntime", "onnxruntime", "onnxruntime", "onnxruntime", _IMAGE | _FORWARD, also=("onnx",)),
    Peer("jax", "jax", "jax", "jax", _IMAGE | _FORWARD | _GRADS),
    Peer("keras", "keras", "keras", "keras", _KERAS, also=("tensorflow",)),
    Peer("keras-nojit", "keras", "keras", "keras", _KERAS, "nojit", ("tensorflow",)),
)


def own(op: str, layout: str | None) -> list[Peer]:
    """fastconv's ways to compute `op`; convolutions of layers in one layout, or (None) in both."""
    found = [peer for peer in OWN if op in peer.ops]
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
