"""`fastconv.torch.nn`: torch's words give what torch's own give, with gradients, and torch's errors."""

import pytest
import torch
from drawn import examples
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

import fastconv.torch as ft
from fastconv.torch.nn import functional as ours
from fastconv.torch.nn.modules import measured


def drawn(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator).requires_grad_()


def same(name, *args, tolerance=1e-9, **kwargs):
    """Whether a function and its gradients are those of torch's of the same name."""
    results = []
    for functions in (ours, F):
        tensors = [arg.detach().clone().requires_grad_() if isinstance(arg, torch.Tensor) else arg for arg in args]
        y = getattr(functions, name)(*tensors, **kwargs)
        weights = torch.linspace(1, 2, y.numel(), dtype=y.dtype).reshape(y.shape)
        (y * weights).sum().backward()
        results.append((y.detach(), *(tensor.grad for tensor in tensors if isinstance(tensor, torch.Tensor))))
    for result, expected in zip(*results, strict=True):
        torch.testing.assert_close(result, expected, rtol=tolerance, atol=tolerance)


@st.composite
def windows(draw, rank):
    """Kernel sizes, and stride, padding and dilation as torch takes them."""
    sizes = tuple(draw(st.integers(1, 4)) for _ in range(rank))

    def numbers(least, most):
        return draw(st.integers(least, most) | st.tuples(*[st.integers(least, most)] * rank))

    return sizes, {"stride": numbers(1, 3), "padding": numbers(0, 3), "dilation": numbers(1, 2)}


@examples(30)
@given(st.data(), st.sampled_from([1, 2]), st.sampled_from([1, 2]), st.booleans(), st.booleans())
def test_convolutions(data, rank, groups, is_batched, has_bias):
    sizes, words = data.draw(windows(rank))
    x = drawn(*([2] if is_batched else []), 2 * groups, *(10, 9)[:rank])
    weight, bias = drawn(3 * groups, 2, *sizes, seed=1), drawn(3 * groups, seed=2) if has_bias else None
    same(f"conv{rank}d", x, weight, bias, groups=groups, **words)


@examples(30)
@given(st.data(), st.sampled_from([1, 2]), st.booleans())
def test_transposed_convolutions(data, rank, is_batched):
    sizes, words = data.draw(windows(rank))
    words |= {"padding": data.draw(st.integers(0, min(sizes) - 1)), "dilation": 1}
    x, weight = drawn(*([2] if is_batched else []), 2, *(6, 5)[:rank]), drawn(2, 3, *sizes, seed=1)
    same(f"conv_transpose{rank}d", x, weight, drawn(3, seed=2), **words)


@examples(30)
@given(st.data(), st.sampled_from(["max_pool2d", "avg_pool2d"]), st.booleans(), st.booleans())
def test_pools(data, name, is_batched, ceil_mode):
    window = data.draw(st.integers(1, 4) | st.tuples(st.integers(1, 4), st.integers(1, 4)))
    least = window if isinstance(window, int) else min(window)
    words = {
        "stride": data.draw(st.none() | st.integers(1, 3)),
        "padding": data.draw(st.integers(0, least // 2)),
        "ceil_mode": ceil_mode,
    }
    if name == "avg_pool2d":
        words["count_include_pad"] = data.draw(st.booleans())
    same(name, drawn(*([2] if is_batched else []), 3, 9, 8), window, **words)


@pytest.mark.parametrize("size", [1, 3, (2, 4), (None, 1), (5, 5)])
def test_adaptive_pools(size):
    same("adaptive_avg_pool2d", drawn(2, 3, 6, 8), size)
    same("adaptive_max_pool2d", drawn(2, 3, 6, 8), size)


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("relu", ()),
        ("relu6", ()),
        ("leaky_relu", (0.2,)),
        ("elu", (0.7,)),
        ("selu", ()),
        ("silu", ()),
        ("mish", ()),
        ("hardswish", ()),
        ("hardsigmoid", ()),
        ("gelu", ()),
        ("softplus", ()),
        ("softplus", (2.0,)),
        ("sigmoid", ()),
        ("tanh", ()),
        ("softmax", (1,)),
    ],
)
def test_activations(name, args):
    # torch computes hardsigmoid with a sixth of float32.
    same(name, drawn(4, 3, 5), *args, tolerance=1e-7 if name == "hardsigmoid" else 1e-9)
    assert name not in ("relu", "silu") or getattr(ours, name)(drawn(2, 3).detach(), inplace=True).shape == (2, 3)


@pytest.mark.parametrize("rows", [(), (3,), (2, 3)])
def test_linear(rows):
    same("linear", drawn(*rows, 5), drawn(4, 5, seed=1), drawn(4, seed=2))
    same("linear", drawn(*rows, 5), drawn(4, 5, seed=1))
    with torch.no_grad():
        args = drawn(*rows, 5), drawn(4, 5, seed=1), drawn(4, seed=2)
        torch.testing.assert_close(ours.linear(*args), F.linear(*args))
        torch.testing.assert_close(ours.linear(*args[:2]), F.linear(*args[:2]))


def test_what_no_kernel_serves_is_torchs():
    whole = torch.ones(1, 2, 4, 4, dtype=torch.int64)
    weight = torch.ones(3, 2, 2, 2, dtype=torch.int64)
    assert ours.conv2d(whole, weight).dtype is torch.int64
    assert ours.conv2d(torch.ones(0, 2, 4, 4), torch.ones(3, 2, 2, 2)).shape == (0, 3, 3, 3)
    values, places = ours.max_pool2d(torch.ones(1, 1, 4, 4), 2, return_indices=True)
    assert values.shape == places.shape == (1, 1, 2, 2)
    assert ours.avg_pool2d(torch.ones(1, 1, 4, 4), 2, divisor_override=1).max() == 4
    with pytest.raises(RuntimeError, match="expected input"):
        ours.conv2d(torch.ones(1, 3, 4, 4), torch.ones(3, 2, 2, 2))
    with pytest.raises(RuntimeError, match="type"):
        ours.conv2d(torch.ones(1, 2, 4, 4), torch.ones(3, 2, 2, 2, dtype=torch.float64))


def test_memory_formats_are_torchs():
    x, weight = torch.randn(2, 4, 6, 6), torch.randn(8, 4, 3, 3)
    last = {"memory_format": torch.channels_last}
    for image in (x, x.contiguous(**last)):
        for kernel in (weight, weight.contiguous(**last)):
            y, expected = ours.conv2d(image, kernel), F.conv2d(image, kernel)
            assert y.stride() == expected.stride()
            torch.testing.assert_close(y, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "module",
    [
        ft.nn.Conv2d(4, 6, 3, padding=1, padding_mode="reflect"),
        ft.nn.Conv2d(4, 6, 3, padding="same"),
        ft.nn.Conv1d(4, 6, 3),
        ft.nn.ConvTranspose2d(4, 6, 3, stride=2, output_padding=1),
        ft.nn.MaxPool2d(3, 2, ceil_mode=True),
        ft.nn.AvgPool2d(2),
        ft.nn.AdaptiveAvgPool2d(4),
        ft.nn.AdaptiveMaxPool2d((1, None)),
        ft.nn.GELU(),
        ft.nn.SiLU(inplace=True),
        ft.nn.Softmax(1),
    ],
    ids=str,
)
def test_modules(module):
    stock = next(kind for kind in type(module).__mro__ if kind.__module__.startswith("torch.nn.modules"))
    other = stock.__new__(stock)
    other.__dict__.update(module.__dict__)
    x = torch.randn(2, 4, 1024) if isinstance(module, torch.nn.Conv1d) else torch.randn(2, 4, 32, 32)
    measured[module] = True, True
    for enabled in (False, True):
        with torch.set_grad_enabled(enabled):
            torch.testing.assert_close(module(x.clone()), other(x.clone()), rtol=1e-4, atol=1e-5)
    assert repr(module) == repr(other) and list(module.state_dict()) == list(other.state_dict())
