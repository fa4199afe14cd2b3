"""What stands around an operator on floats that are 8-bit integers in a network's file: scales, kernels, biases."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ... import _args
from ..graph import Node
from ..operators.quantized import LARGEST_SCALE
from .rewriter import Rewriter

__all__ = ["Bytes", "Scale", "about_zero", "bias_of", "bytes_of", "kernel_of", "one_scale", "scale_of"]


@dataclass(frozen=True)
class Scale:
    """8-bit integers that stand for ``(integer - zero) * scale``."""

    scale: np.float32
    zero: int
    dtype: np.dtype

    @property
    def bounds(self) -> tuple[int, int]:
        """The least and the greatest of them."""
        info = np.iinfo(self.dtype)
        return int(info.min), int(info.max)

    @property
    def pair(self) -> tuple[float, int]:
        """Scale and zero point as plain numbers."""
        return float(self.scale), self.zero

    def reals(self) -> np.ndarray:
        """What each byte stands for, in the order of its bits."""
        return (np.arange(256, dtype=np.uint8).view(self.dtype).astype(np.float32) - np.float32(self.zero)) * self.scale


@dataclass(frozen=True)
class Bytes:
    """A value of 8-bit integers, and what they stand for."""

    name: str
    scale: Scale


def scale_of(rewriter: Rewriter, node: Node) -> Scale | None:
    """The scale of a QuantizeLinear or DequantizeLinear, if it is one constant for 8-bit integers."""
    scale = rewriter.constant(node.inputs[1])
    zero = rewriter.constant(node.inputs[2]) if len(node.inputs) > 2 else None
    if scale is None or zero is None:
        return None
    if node.op == "DequantizeLinear" and node.attributes.get("dtype", "float32") != "float32":
        return None
    return one_scale(scale, zero)


def one_scale(scale: np.ndarray, zero: np.ndarray) -> Scale | None:
    """A scale and a zero point of 8 bits, if each is a single number."""
    if scale.size != 1 or zero.size != 1 or scale.dtype != np.float32 or zero.dtype not in _args.BYTES:
        return None
    number = np.float32(scale.item())
    return Scale(number, int(zero.item()), zero.dtype) if 0 < number < LARGEST_SCALE else None


def bytes_of(rewriter: Rewriter, name: str) -> Bytes | None:
    """The 8-bit integers that a value of floats is made of."""
    node = rewriter.source(name)
    if node is None or node.op != "DequantizeLinear":
        return None
    scale = scale_of(rewriter, node)
    return None if scale is None else Bytes(node.inputs[0], scale)


def kernel_of(rewriter: Rewriter, name: str) -> tuple[np.ndarray, np.ndarray] | None:
    """The constant int8 kernel that a value of floats is made of, about 0, and its scales, one or one for each output.

    Outputs are the last axis. A kernel whose zero points are not 0 is moved by them, if int8 holds it.
    """
    node, perm = rewriter.source(name), None
    if node is not None and node.op == "Transpose":
        perm, node = node.attributes.get("perm"), rewriter.source(node.inputs[0])
        if not perm:
            return None
    if node is None or node.op != "DequantizeLinear" or node.attributes.get("block"):
        return None
    kernel, scales, zeros = (rewriter.constant(name) if name else None for name in (*node.inputs, "")[:3])
    if kernel is None or scales is None or scales.dtype != np.float32 or (len(node.inputs) > 2 and zeros is None):
        return None
    axis = node.attributes.get("axis", 1) % kernel.ndim
    last = (perm or tuple(range(kernel.ndim)))[-1]
    if scales.size != 1 and (axis != last or scales.shape != (kernel.shape[axis],)):
        return None
    if perm:
        kernel = kernel.transpose(perm)
    return about_zero(kernel, scales, zeros)


def about_zero(
    kernel: np.ndarray, scales: np.ndarray, zeros: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray] | None:
    """A kernel as int8 about 0, and its scales."""
    if kernel.dtype not in _args.BYTES or not ((scales > 0) & (scales < np.inf)).all():
        return None
    if zeros is not None and zeros.size != 1 and zeros.shape != kernel.shape[-1:]:
        return None
    if kernel.dtype == np.int8 and (zeros is None or not zeros.any()):
        return kernel, scales.reshape(-1)
    wide = kernel.astype(np.int16) - (0 if zeros is None else zeros.reshape(-1).astype(np.int16))
    fits = not wide.size or (wide.min() >= -128 and wide.max() <= 127)
    return (wide.astype(np.int8), scales.reshape(-1)) if fits else None


def bias_of(rewriter: Rewriter, name: str, scales: np.ndarray, outputs: int) -> np.ndarray | None:
    """The int32 bias that a value of floats is made of, if its scales are those of the sums; zeros without a value."""
    if not name:
        return np.zeros(outputs, np.int32)
    node = rewriter.source(name)
    if node is None or node.op != "DequantizeLinear":
        return None
    bias, own, zeros = (rewriter.constant(name) if name else None for name in (*node.inputs, "")[:3])
    if bias is None or own is None or bias.dtype != np.int32 or bias.shape != (outputs,):
        return None
    if (zeros is not None and zeros.any()) or own.size not in (1, outputs):
        return None
    return bias if np.allclose(own.reshape(-1), scales, rtol=1e-6, atol=0) else None
