"""The order in memory of what the torch functions return: that of torch's own operations."""

import pytest
import torch
from test_torch import close, random
from torch.nn import functional as F

import fastconv.torch as ft

LAST = {"memory_format": torch.channels_last}
# Images (n, c, h, w) whose memory is in one order, the other, or both.
MEMORY = {
    "first": random(2, 3, 4, 5),
    "last": random(2, 3, 4, 5).contiguous(**LAST),
    "first, one channel": random(2, 1, 4, 5),
    "last, one channel": random(2, 4, 5, 1).permute(0, 3, 1, 2),
    "last, one channel, one image": random(1, 4, 5, 1).permute(0, 3, 1, 2),
    "last, one column": random(2, 4, 1, 3).permute(0, 3, 1, 2),
    "first, one column": random(2, 3, 4, 1),
    "last, 1x1": random(2, 1, 1, 3).permute(0, 3, 1, 2),
    "first, 1x1": random(2, 3, 1, 1),
    "last, 1x1, one image": random(1, 1, 1, 3).permute(0, 3, 1, 2),
    "one number": random(1, 1, 1, 1),
    "first, every other row": random(2, 3, 8, 5)[:, :, ::2],
    "last, every other row": random(2, 3, 8, 5).contiguous(**LAST)[:, :, ::2],
    "last, some channels": random(2, 6, 4, 5).contiguous(**LAST)[:, :3],
    "empty": random(0, 3, 4, 5),
}
IN_FORMAT = {
    "conv2d": (
        lambda x, k: ft.conv2d(x, k, padding=((1, 1), (1, 1)), data_format="channels_first"),
        lambda x, k: F.conv2d(x, k.permute(3, 2, 0, 1), padding=1),
    ),
    "transposed": (
        lambda x, k: ft.conv2d_transpose(x, k.transpose(2, 3), data_format="channels_first"),
        lambda x, k: F.conv_transpose2d(x, k.permute(2, 3, 0, 1)),
    ),
    "max_pool2d": (
        lambda x, k: ft.max_pool2d(x, 2, padding=((1, 1), (1, 1)), data_format="channels_first"),
        lambda x, k: F.max_pool2d(x, 2, padding=1),
    ),
    "avg_pool2d": (
        lambda x, k: ft.avg_pool2d(x, 2, padding=((1, 1), (1, 1)), data_format="channels_first"),
        lambda x, k: F.avg_pool2d(x, 2, padding=1, count_include_pad=False),
    ),
    "activation": (lambda x, k: ft.activation(x, "gelu"), lambda x, k: F.gelu(x)),
}


@pytest.mark.parametrize("memory", MEMORY)
@pytest.mark.parametrize(("ours", "stock"), IN_FORMAT.values(), ids=IN_FORMAT)
@pytest.mark.parametrize("last", [False, True], ids=["weights first", "weights last"])
def test_memory_has_the_order_that_torch_gives_it(memory, ours, stock, last):
    """Also where axes of length 1 leave it to the strides, and where x has gaps; results and gradients of x."""
    x = MEMORY[memory].detach().requires_grad_()
    weight = random(4, x.shape[1], 3, 3, seed=1).contiguous(
        memory_format=torch.channels_last if last else torch.contiguous_format
    )
    results = []
    for function in (ours, stock):
        y = function(x, weight.permute(2, 3, 1, 0))
        results.append((y, *torch.autograd.grad(y.sin().sum(), x)))
    for actual, expected in zip(*results, strict=True):
        close(actual, expected)
        assert actual.stride() == expected.stride() or not actual.numel()


def test_both_data_formats_read_the_same_memory():
    """Unless the strides do not tell the order, as those of 1x1 images and of none."""
    for x in MEMORY.values():
        kernel = random(3, 3, x.shape[1], 4, seed=1)
        first = ft.max_pool2d(
            ft.conv2d(x, kernel, padding="same", data_format="channels_first"),
            2,
            padding="same",
            data_format="channels_first",
        )
        last = ft.max_pool2d(ft.conv2d(x.permute(0, 2, 3, 1), kernel, padding="same"), 2, padding="same")
        close(first, last.permute(0, 3, 1, 2))
        if x.numel() and x.shape[2] * x.shape[3] > 1:
            assert first.stride() == last.permute(0, 3, 1, 2).stride()
