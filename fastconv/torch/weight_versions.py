"""Whether tensors still hold what they held when somebody looked."""

from __future__ import annotations

import torch

__all__ = ["Weights"]

ALWAYS_COMPARED = 1 << 20  # bytes of all tensors together


class Weights:
    """What tensors hold at this moment.

    torch counts the writes to a tensor, and a tensor that gets other memory has another address, as this keeps the old
    memory alive. Writes through ``tensor.data``, through NumPy arrays of the same memory or by other processes count
    nowhere: of few weights, and of those that other processes may write to, the bytes are compared with a copy as well.

    Parameters
    ----------
    tensors : list of torch.Tensor
        On the CPU.
    compare : bool
        Compare the bytes of many weights too.

    Examples
    --------
    >>> import torch
    >>> tensor = torch.ones(3)
    >>> weights = Weights([tensor])
    >>> weights.are_unchanged()
    True
    >>> tensor.data.mul_(2)
    tensor([2., 2., 2.])
    >>> weights.are_unchanged()
    False
    """

    def __init__(self, tensors: list[torch.Tensor], compare: bool = False) -> None:
        self._tensors = tensors
        self.nbytes = sum(tensor.nbytes for tensor in tensors)
        uncounted = any(tensor.is_inference() or tensor.is_shared() for tensor in tensors)
        self.is_compared = compare or uncounted or self.nbytes <= ALWAYS_COMPARED
        self._counted = [tensor for tensor in tensors if not tensor.is_inference()]
        self._memory = [_bits(tensor) for tensor in tensors]
        self._copies = [bits.clone() for bits in self._memory] if self.is_compared else []
        self._seen = self._look()

    def _look(self) -> list[int]:
        return [tensor._version for tensor in self._counted] + [tensor.data_ptr() for tensor in self._tensors]

    def are_unchanged(self) -> bool:
        if self._look() != self._seen:
            return False
        return not self.is_compared or all(map(torch.equal, self._memory, self._copies))


def _bits(tensor: torch.Tensor) -> torch.Tensor:
    """The memory of a tensor as integers, as no NaN equals itself; where it has gaps, all of its storage."""
    tensor = tensor.detach()
    ordered = tensor.permute(sorted(range(tensor.ndim), key=tensor.stride, reverse=True))
    if ordered.is_contiguous():
        flat = ordered.view(-1).view(torch.uint8)
    else:
        flat = torch.empty(0, dtype=torch.uint8).set_(tensor.untyped_storage())
    return flat.view(torch.int64) if flat.numel() % 8 == 0 and flat.data_ptr() % 8 == 0 else flat
