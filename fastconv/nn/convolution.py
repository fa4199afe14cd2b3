"""2-D convolution of a batch, and the plan of what runs."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

from .. import _args, _core
from .activations import ACTIVATIONS, activation_id
from .layouts import batch_of, hwio, image_of, is_image
from .plan_table import PlanTable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, DTypeLike

    from .._typing import Ints, PaddingLike, Shape

__all__ = ["conv2d", "plan_conv2d"]

# What each needs, by name; the order is that of the ids.
ALGORITHMS = _core.conv2d_algorithms()
# The activations of integers.
_EXACT = ACTIVATIONS[None], ACTIVATIONS["relu"]


class Keywords:
    """The keywords conv2d and its gradients share, checked once; `geometry` binds them to sizes."""

    __slots__ = ("activation", "algorithm", "alpha", "data_format", "dilation", "groups", "padding", "strides")

    def __init__(
        self,
        strides: Ints,
        padding: PaddingLike,
        dilation_rate: Ints,
        groups: SupportsIndex,
        data_format: str,
        activation: str | None = None,
        algorithm: str = "auto",
    ) -> None:
        self.strides = _args.pair(strides, "strides")
        self.dilation = _args.pair(dilation_rate, "dilation_rate")
        self.groups = _args.integer(groups, "groups", 1)
        self.data_format = _args.choice(data_format, "data_format", _args.LAYOUTS)
        self.padding = padding
        self.activation, self.alpha = activation_id(activation)
        self.algorithm = list(ALGORITHMS).index(_args.choice(algorithm, "algorithm", ALGORITHMS))

    def geometry(
        self,
        dtype: np.dtype,
        x_shape: tuple[int, ...],
        kernel_shape: tuple[int, ...],
        kernel_dtype: np.dtype | None = None,
        precision: int | None = None,
        may_be_empty: bool = False,
    ) -> tuple[_core.Conv2D, tuple[int, int, int, int]]:
        """(C geometry, output shape), or a ValueError that names what does not fit."""
        size = n, h, w, c_in = _args.sizes(x_shape, self.data_format)
        k_h, k_w, k_c, c_out = kernel_shape
        if k_h < 1 or k_w < 1:
            raise ValueError(f"`kernel` must be at least 1 x 1; received shape {kernel_shape}")
        if k_c * self.groups != c_in:
            raise ValueError(
                f"`kernel` must have {c_in} // groups = {c_in / self.groups:g} input channels for `x` of "
                f"shape {x_shape} and groups={self.groups}; "
                f"{_args.kernel_order(kernel_shape, 3, c_in, self.groups)}"
            )
        if c_out % self.groups:
            raise ValueError(f"`groups` must divide the kernel's {c_out} output channels; received {self.groups}")
        if dtype in _args.BYTES and self.activation not in _EXACT:
            name = next(name for name, number in ACTIVATIONS.items() if number == self.activation)
            raise TypeError(f"`activation` must be None or 'relu' for `x` and `kernel` of 8 bits; received {name!r}")
        padding = _args.padding_pairs(self.padding, (h, w), (k_h, k_w), self.strides, self.dilation)
        geometry = _core.Conv2D(
            _args.dtype_id(dtype),
            _args.LAYOUTS[self.data_format],
            size,
            kernel_shape,
            self.strides,
            self.dilation,
            padding,
            self.groups,
            self.activation,
            self.alpha,
            self.algorithm,
            _args.dtype_id(kernel_dtype or dtype),
            precision,
        )
        out_h, out_w = geometry.output_size()
        if self.algorithm and not geometry.supports():
            name, needs = list(ALGORITHMS.items())[self.algorithm]
            needs = "a float dtype" if dtype in _args.BYTES else needs
            raise ValueError(
                f"`algorithm` {name!r} needs {needs}; received kernel shape {kernel_shape}, "
                f"strides={self.strides}, dilation_rate={self.dilation}, groups={self.groups}, {dtype}"
            )
        if not (out_h and out_w) and h and w and not may_be_empty:
            raise ValueError(
                f"`kernel` of {k_h} x {k_w} with dilation_rate={self.dilation} does not fit into `x` of "
                f"shape {x_shape} with padding={self.padding!r}; "
                f"{_args.kernel_order(kernel_shape, 3, c_in, self.groups)}"
            )
        return geometry, _args.shape_of(n, out_h, out_w, c_out, self.data_format)


def float_operands(
    x: ArrayLike, kernel: ArrayLike, bias: ArrayLike | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """x, kernel and bias as the core takes them, of one float dtype."""
    x, kernel = _args.float_array(x, "x", 4), _args.float_array(kernel, "kernel", 4)
    _args.same_dtype({"x": x, "kernel": kernel})
    return x, kernel, checked_bias(bias, kernel)


def _operands(
    x: ArrayLike, kernel: ArrayLike, bias: ArrayLike | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """The same, or 8-bit integers with a bias of int32."""
    x, kernel = np.asarray(x), np.asarray(kernel)
    if x.itemsize > 1 or not (x.dtype in _args.BYTES and kernel.dtype in _args.BYTES):
        return float_operands(x, kernel, bias)
    x, kernel = _args.contiguous(x, "x", 4), _args.contiguous(kernel, "kernel", 4)
    return x, kernel, checked_bias(bias, kernel)


_INT32 = np.dtype(np.int32)


def result_dtype(x: np.ndarray) -> np.dtype:
    return _INT32 if x.itemsize == 1 else x.dtype


def checked_bias(bias: ArrayLike | None, kernel: Any, axis: int = 3) -> np.ndarray | None:
    """bias as the core takes it: a number for each cell of that axis of the kernel, its output channels."""
    if bias is None:
        return None
    if kernel.dtype in _args.BYTES:
        bias = np.asarray(bias)
        if bias.dtype.newbyteorder("=") != np.int32:
            raise TypeError(f"`bias` must be int32 for `x` and `kernel` of 8 bits; received dtype {bias.dtype}")
        bias = _args.contiguous(bias.astype(np.int32), "bias", 1)
    else:
        bias = _args.float_array(bias, "bias", 1)
        _args.same_dtype({"kernel": kernel, "bias": bias})
    _args.bias_shape(bias.shape, kernel.shape, axis)
    return bias


_WORDS = ("strides", "padding", "dilation_rate", "groups", "data_format", "activation", "algorithm")
_PLAIN = {(int, str, int, int, str, activation, str) for activation in (str, type(None))}


def _is_exact(value: Any) -> bool:
    """Whether it is an int, or a tuple of such values."""
    return type(value) is int or (type(value) is tuple and all(map(_is_exact, value)))


def _is_plain(keywords: tuple[Any, ...]) -> bool:
    """Whether what was found for these may be kept: 2 equals 2.0 and True equals 1, which are other arguments."""
    kinds = tuple(map(type, keywords))
    if kinds in _PLAIN:
        return True
    strides, padding, dilation_rate = keywords[:3]
    return (
        (int, str, int, *kinds[3:]) in _PLAIN
        and (type(padding) is str or _is_exact(padding))
        and _is_exact(strides)
        and _is_exact(dilation_rate)
    )


@functools.lru_cache(maxsize=256)
def _geometry(
    keywords: tuple[Any, ...],
    dtype: np.dtype,
    x_shape: Shape,
    kernel_shape: Shape,
    kernel_dtype: np.dtype,
    precision: int,
    isa: str,
) -> tuple[_core.Conv2D, tuple[int, int, int, int]]:
    """What `Keywords.geometry` returns on that instruction set."""
    return Keywords(*keywords).geometry(dtype, x_shape, kernel_shape, kernel_dtype, precision)


def conv2d(
    x: Any,
    kernel: Any,
    bias: Any = None,
    *,
    strides: Any = 1,
    padding: Any = "valid",
    dilation_rate: Any = 1,
    groups: Any = 1,
    data_format: Any = "channels_last",
    activation: Any = None,
    algorithm: Any = "auto",
    kernel_format: Any = "HWIO",
    out: Any = None,
) -> np.ndarray:
    """2-D convolution of a batch of images, as ``keras.ops.conv`` and ``Conv2D`` compute it: the kernel is not flipped.

    Parameters
    ----------
    x : array_like, shape (n, h, w, c_in), or (n, c_in, h, w) for ``channels_first``
        An array of three axes is one image, and gives one. float16, bfloat16 (ml_dtypes), float32 or float64; int8 or
        uint8 where `kernel` is int8 or uint8. Other integers and bool are converted to the float NumPy's promotion with
        float32 gives.
    kernel : array_like, shape (k_h, k_w, c_in // groups, c_out)
        Of the same dtype as `x`, or both 8-bit integers, of either sign each. Where its sizes fit as they are, nothing
        tells that it is in another order than `kernel_format`.
    bias : array_like, shape (c_out,), optional
        Of the same dtype as `x`; int32 for 8-bit integers.
    strides, dilation_rate : int or (int, int)
        Step between windows, and between the cells of a window; both may exceed 1 together.
    padding : {'valid', 'same'}, int, (int, int) or ((top, bottom), (left, right))
        'same' is TensorFlow's: ``ceil(size / stride)`` outputs, the odd cell goes to the bottom and right. Integers are
        PyTorch's: so many cells at each side, or above and below and left and right.
    groups : int
        Input and output channels are split into this many independent convolutions.
    data_format : {'channels_last', 'channels_first'}
    activation : str or None
        Applied to the result: 'relu', 'sigmoid', 'tanh', ... (every name in `fastconv.nn.activations`).
    algorithm : str
        'auto' takes the one with the least estimated work; the others insist: 'direct', 'unpacked', 'planar',
        'packed', 'depthwise', 'winograd_2x3', 'winograd_4x3', 'winograd_6x3', 'winograd_2x5', 'winograd_4x5', 'split',
        'bfloat16', 'integer', 'integer_depthwise', 'batch'; ``fastconv.nn.convolution.ALGORITHMS`` tells what each
        needs.
    kernel_format : {'HWIO', 'OIHW'}
        'OIHW' is PyTorch's order: (c_out, c_in // groups, k_h, k_w).
    out : ndarray, optional
        Where to put the result; of its shape and dtype.

    Returns
    -------
    ndarray, shape (n, out_h, out_w, c_out), or (n, c_out, out_h, out_w)
        Of x's dtype. Half types are computed in float32 and rounded once. Of 8-bit integers the exact sum modulo 2^32
        in int32, with no activation but 'relu'.

    Raises
    ------
    ValueError, TypeError
        If an argument is malformed, shapes do not fit, or the window is larger than the padded image, which Keras'
        layers refuse as well; of an image without rows or columns the result is empty.

    See Also
    --------
    prepare_conv2d : packs the kernel once for many calls.
    plan_conv2d : what this function would run.

    Notes
    -----
    Layers are computed as implicit matrix products on register tiles (Goto and van de Geijn, "Anatomy of
    high-performance matrix multiplication", ACM TOMS 34(3), 2008), on rows read in place where channels lie together
    (Dukhan, "The indirect convolution algorithm", 2019), or with fewer multiplications (Lavin and Gray, "Fast
    algorithms for convolutional neural networks", CVPR 2016). The choice depends on the sizes and on
    `set_float32_precision`. The input is never unrolled as a whole, and the result has the same bits for any number
    of threads.

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> x = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
    >>> kernel = np.ones((3, 3, 1, 1), np.float32)
    >>> fastconv.conv2d(x, kernel)[0, :, :, 0]
    array([[45., 54.],
           [81., 90.]], dtype=float32)
    >>> fastconv.conv2d(x, kernel, padding="same", strides=2).shape
    (1, 2, 2, 1)
    """
    kernel = hwio(kernel, kernel_format)
    keywords = strides, padding, dilation_rate, groups, data_format, activation, algorithm
    if is_image(x):
        words: Any = dict(zip(_WORDS, keywords, strict=True))
        batch = conv2d(batch_of(x), kernel, bias, **words, out=batch_of(out))
        return image_of(batch, out)
    checked = None if _is_plain(keywords) else Keywords(*keywords)
    x, kernel, bias = _operands(x, kernel, bias)
    sizes = x.dtype, x.shape, kernel.shape, kernel.dtype
    if checked is None:
        geometry, shape = _geometry(keywords, *sizes, _core.get_precision(), _core.active_isa())
    else:
        geometry, shape = checked.geometry(*sizes)
    y, returned = _args.output(out, shape, result_dtype(x), (x, kernel, bias))
    _forward(geometry, x, kernel, bias, y)
    return _args.finish(y, returned)


def _forward(geometry: _core.Conv2D, x: np.ndarray, kernel: np.ndarray, bias: np.ndarray | None, y: np.ndarray) -> None:
    geometry.forward(_args.buffer(x), _args.buffer(kernel), _args.buffer(bias), _args.buffer(y))


def plan_conv2d(
    x_shape: Sequence[SupportsIndex],
    kernel_shape: Sequence[SupportsIndex],
    *,
    dtype: DTypeLike = "float32",
    strides: Ints = 1,
    padding: PaddingLike = "valid",
    dilation_rate: Ints = 1,
    groups: SupportsIndex = 1,
    data_format: str = "channels_last",
    activation: str | None = None,
    algorithm: str = "auto",
) -> PlanTable:
    """What `conv2d` would run for these sizes.

    Parameters
    ----------
    x_shape, kernel_shape : four ints
    dtype : dtype_like
        Of `x` and `kernel`; int8 and uint8 run alike in any combination.
    strides, padding, dilation_rate, groups, data_format, activation, algorithm
        As in `conv2d`.

    Returns
    -------
    dict
        A notebook shows it as a table.
        ``algorithm``, ``isa``, ``threads``, ``output_shape``, ``tile`` (rows, columns of the register tile),
        ``pixels_in_rows``, ``block_pixels`` and ``block_k`` (a cache block), ``tasks``, ``scratch_bytes``,
        ``cycles`` (the estimate it was chosen by, of one core), ``flops`` (of the definition) and ``bytes``
        (compulsory traffic: each tensor once).

    Examples
    --------
    >>> import fastconv
    >>> plan = fastconv.plan_conv2d((1, 56, 56, 64), (3, 3, 64, 64), padding="same")
    >>> plan["output_shape"], plan["flops"]
    ((1, 56, 56, 64), 231211008.0)
    """
    keywords = Keywords(strides, padding, dilation_rate, groups, data_format, activation, algorithm)
    dtype = np.dtype(dtype)
    if _args.dtype_id(dtype) not in _args.FLOAT_IDS and dtype not in _args.BYTES:
        raise TypeError(f"`dtype` must be float16, bfloat16, float32, float64, int8 or uint8; received {dtype}")
    geometry, shape = keywords.geometry(
        dtype, _args.four_sizes(x_shape, "x_shape"), _args.four_sizes(kernel_shape, "kernel_shape")
    )
    plan = geometry.plan()
    del plan["output_size"]
    return PlanTable(plan | {"output_shape": shape})
