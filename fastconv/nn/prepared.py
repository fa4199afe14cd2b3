"""Kernels packed once, for many calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, SupportsIndex

import numpy as np

from .. import _args, _core
from .convolution import Keywords, checked_bias, result_dtype
from .layouts import batch_of, hwio, image_of, is_image

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from .._typing import Ints, PaddingLike

__all__ = ["prepare_conv2d"]


class PreparedConv2D:
    """What `prepare_conv2d` returns: call it with `x` (and `out`). Its weights never change: a copy is itself."""

    def __init__(self, kernel: np.ndarray, bias: np.ndarray | None, words: dict[str, Any], precision: int) -> None:
        self._words, self._keywords, self._precision = words, Keywords(**words), precision
        self._kernel_shape, self._kernel_dtype = kernel.shape, kernel.dtype
        # By x's dtype: the packed form of 8-bit weights depends on it too.
        dtypes = _args.BYTES if kernel.dtype in _args.BYTES else [kernel.dtype]
        self._packed = {dtype: self._pack(dtype, kernel, bias) for dtype in dtypes}
        self._last: tuple[Any, ...] = None, None, None, None, None  # dtype and shape of x, call, shape and dtype of y

    def _pack(self, dtype: np.dtype, kernel: np.ndarray, bias: np.ndarray | None) -> _core.PreparedConv2D:
        # The image's size is not known yet.
        channels = kernel.shape[2] * self._keywords.groups
        if channels >= 2**63:
            raise ValueError(
                f"`groups` times the kernel's input channels must fit 64 bits; received "
                f"groups={self._keywords.groups} and kernel shape {kernel.shape}"
            )
        x_shape = _args.shape_of(1, 0, 0, channels, self._keywords.data_format)
        geometry, _ = self._keywords.geometry(dtype, x_shape, kernel.shape, kernel.dtype, self._precision)
        return _core.PreparedConv2D(geometry, _args.buffer(kernel), _args.buffer(bias))

    def __call__(self, x: Any, out: Any = None) -> np.ndarray:
        dtype, x_shape, call, shape, y_dtype = self._last
        if type(x) is np.ndarray and x.dtype is dtype and x.shape == x_shape:
            y = _args.plain_output(out, shape, y_dtype)
            if y is not None and _core.call_directly(call, x, y):
                return y
        return self._call_with(x, out)

    def _call_with(self, x: Any, out: Any) -> np.ndarray:
        """A call with an `x` of another shape or dtype than the last one, or with what has to be converted."""
        x = np.asarray(x)
        if is_image(x):
            batch = self(batch_of(x), batch_of(out))
            return image_of(batch, out)
        convert = _args.contiguous if x.dtype in self._packed else _args.float_array
        x = convert(x, "x", 4)
        if x.dtype not in self._packed:
            wanted = " or ".join(str(dtype) for dtype in self._packed)
            raise TypeError(f"`x` must be {wanted} for the prepared kernel of {self._kernel_dtype}; received {x.dtype}")
        geometry, shape = self._keywords.geometry(
            x.dtype, x.shape, self._kernel_shape, self._kernel_dtype, self._precision
        )
        y, returned = _args.output(out, shape, result_dtype(x), (x,))
        packed = self._packed[x.dtype]
        packed.run(geometry, _args.buffer(x), _args.buffer(y))
        if x.dtype in _args.PLAIN_FLOAT_IDS or x.dtype in _args.BYTES:
            self._last = x.dtype, x.shape, _core.conv2d_call(packed, geometry, False), shape, y.dtype
        return _args.finish(y, returned)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        taps, sums = next(iter(self._packed.values())).weights()
        kernel: np.ndarray = np.frombuffer(taps, self._kernel_dtype).reshape(self._kernel_shape)
        bias = None if sums is None else np.frombuffer(sums, result_dtype(kernel))
        return PreparedConv2D, (kernel, bias, self._words, self._precision)


def prepare_conv2d(
    kernel: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    strides: Ints = 1,
    padding: PaddingLike = "valid",
    dilation_rate: Ints = 1,
    groups: SupportsIndex = 1,
    data_format: str = "channels_last",
    activation: str | None = None,
    algorithm: str = "auto",
    kernel_format: str = "HWIO",
) -> PreparedConv2D:
    """Pack a kernel once, for many calls on images of any size.

    Parameters
    ----------
    kernel, bias, strides, padding, dilation_rate, groups, data_format, activation, algorithm, kernel_format
        As in `conv2d`. The values of `kernel` and `bias` are copied. A kernel of 8 bits is for images of 8 bits.

    Returns
    -------
    callable
        ``f(x, out=None)``, within rounding ``conv2d(x, kernel, bias, ...)``. The kernel is packed at the first call
        for each algorithm that the sizes call for. It keeps the precision and the instruction set it was prepared on,
        and may be called from several threads at once. A pickle has the kernel as it was given, and is packed for the
        instruction set of the process that loads it.

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> blur = fastconv.prepare_conv2d(np.full((3, 3, 1, 1), 1 / 9), padding="same")
    >>> blur(np.ones((1, 5, 5, 1)))[0, 2, 2, 0].round(6)
    np.float64(1.0)
    """
    words = {
        "strides": strides,
        "padding": padding,
        "dilation_rate": dilation_rate,
        "groups": groups,
        "data_format": data_format,
        "activation": activation,
        "algorithm": algorithm,
    }
    kernel = np.asarray(hwio(kernel, kernel_format))
    kernel = (_args.contiguous if kernel.dtype in _args.BYTES else _args.float_array)(kernel, "kernel", 4)
    return PreparedConv2D(kernel, checked_bias(bias, kernel), words, _core.get_precision())
