"""Conv1D and Conv2D, and what all convolution layers share."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import keras
from keras.src.utils.argument_validation import standardize_tuple

from . import _ops, base, chain

if TYPE_CHECKING:
    from keras import Layer as Stock
else:
    Stock = object

__all__ = ["Conv1D", "Conv2D"]


class Convolution(base.Fast):
    """The call of every convolution layer: `_convolve` on `_kernels`, with bias and activation where they can be fused.

    One dimension is computed as an image of one row.
    """

    def call(self, inputs: Any) -> Any:
        kernels = [base.weight(kernel, inputs) for kernel in self._kernels()]
        run = chain.current_run(self)
        padding = run.take_padding(self) if run else None
        if not self._serves(inputs, self.rank + 2, *kernels):
            return super().call(padding(inputs) if padding else inputs)
        fused, unfused = base.split_activation(self.activation)
        more = {"padding": padding.padding} if padding else {}
        bias = base.weight(self.bias, inputs) if self.use_bias else None
        if run and unfused is None:
            if fused[0] == "linear":
                more |= run.take_normalization(self, inputs)
                more |= run.take_addition(self, inputs)
                fused = run.take_activation(self) or fused
            more |= run.take_pool(self)
        y = self._compute(inputs, kernels, bias, *fused, **more)
        return y if unfused is None else unfused(y)

    def _kernels(self) -> Any:
        return (self.kernel,)

    def _compute(
        self, inputs: Any, kernels: Any, bias: Any = None, activation: Any = "linear", alpha: Any = 0.0, **more: Any
    ) -> Any:
        x = self._image(inputs)
        if "added" in more:
            more["added"] = self._image(more["added"])
        if self.rank == 1:
            kernels = [keras.ops.expand_dims(kernel, 0) for kernel in kernels]
        y = self._convolve(
            x, *kernels, bias=bias, activation=activation, alpha=alpha, data_format=self.data_format, **more
        )
        if 0 in y.shape and 0 not in x.shape:
            raise ValueError(
                f"The convolution has an empty output: input shape {inputs.shape}. The input is too small for kernel "
                f"size {self.kernel_size}, strides {self.strides}, dilation rate {self.dilation_rate} and padding "
                f"{more.get('padding', self.padding)!r}."
            )
        return self._row(y)

    def _image(self, inputs: Any) -> Any:
        """A row of pixels as an image of one row."""
        return keras.ops.expand_dims(inputs, self._row_axis) if self.rank == 1 else inputs

    def _row(self, y: Any) -> Any:
        return keras.ops.squeeze(y, self._row_axis) if self.rank == 1 else y

    @property
    def _row_axis(self) -> Any:
        return 1 if self.data_format == "channels_last" else 2

    def _window(self) -> dict[str, object]:
        """The keywords of every convolution, for two dimensions."""
        ones = (1,) * (2 - self.rank)
        return {"strides": ones + self.strides, "dilation_rate": ones + self.dilation_rate, "padding": self.padding}


def compute(x: Any, kernel: Any, **keywords: Any) -> Any:
    """The convolution, by the op that also does what else is asked for."""
    kinds: dict[str, Any] = {"mean": _ops.conv2d_normalized, "added": _ops.conv2d_added, "pool": _ops.conv2d_pool2d}
    function: Any = next((kinds[word] for word in kinds if word in keywords), _ops.conv2d)
    return function(x, kernel, **keywords)


class DilatedStrides(Stock):
    """Lets strides and dilation be combined, which Keras' constructors refuse as TensorFlow cannot compute it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        given = inspect.signature(super().__init__).bind(*args, **kwargs)
        strides, dilation = (given.arguments.get(name, 1) for name in ("strides", "dilation_rate"))
        combined = _exceeds_one(strides) and _exceeds_one(dilation)
        if combined:
            given.arguments["dilation_rate"] = 1
        super().__init__(*given.args, **given.kwargs)
        if combined:
            self.dilation_rate = standardize_tuple(dilation, self.rank, "dilation_rate")


def _exceeds_one(amount: Any) -> bool:
    """False for what is no amount at all: Keras' constructor says why."""
    try:
        result: bool = max(amount if isinstance(amount, (list, tuple)) else [amount]) > 1
        return result
    except (TypeError, ValueError):
        return False


class _Conv(DilatedStrides, Convolution):
    def _convolve(self, x: Any, kernel: Any, **keywords: Any) -> Any:
        return compute(x, kernel, groups=self.groups, **self._window() | keywords)


@keras.saving.register_keras_serializable(package="fastconv")
class Conv2D(_Conv, keras.layers.Conv2D):
    """`keras.layers.Conv2D` on fastconv's kernels: convolution, bias and activation in one pass where possible.

    Arguments, weights, names and config are the stock layer's; strides and dilation may be combined. Both data formats
    and groups run natively. float16, bfloat16, float32 and float64 are computed by fastconv, anything else by Keras.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv.keras
    >>> layer = fastconv.keras.Conv2D(4, 3, activation="relu")
    >>> tuple(layer(np.zeros((1, 8, 8, 3), "float32")).shape)
    (1, 6, 6, 4)
    """

    def call(self, inputs: Any) -> Any:
        # A subclass may compute the convolution in its own way, between Keras' steps.
        own = type(self).convolution_op is not Conv2D.convolution_op
        return super(base.Fast, self).call(inputs) if own else super().call(inputs)

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        kernel = base.weight(kernel, inputs)
        if not self._serves(inputs, 4, kernel):
            return super().convolution_op(inputs, kernel)
        return self._compute(inputs, [kernel])


@keras.saving.register_keras_serializable(package="fastconv")
class Conv1D(_Conv, keras.layers.Conv1D):
    """`keras.layers.Conv1D` on fastconv's kernels, as a convolution of images of one row; `Conv2D` says more.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv.keras
    >>> layer = fastconv.keras.Conv1D(4, 3, padding="causal")
    >>> tuple(layer(np.zeros((1, 8, 3), "float32")).shape)
    (1, 8, 4)
    """

    def _window(self) -> Any:
        window = super()._window()
        if self.padding == "causal":
            window["padding"] = (0, 0), ((self.kernel_size[0] - 1) * self.dilation_rate[0], 0)
        return window
