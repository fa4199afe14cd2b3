"""Convolutions of torch with the normalization and the sum after them, next to torch's own operations."""

import pytest
import torch
from test_torch import CONVOLUTIONS, TOLERANCE, close, operands, random, stock_conv2d
from test_torch_transforms import Recorder
from torch.autograd import gradgradcheck

import fastconv.torch as ft

OPTIONAL = ("bias", "gamma", "beta", "added")


def vectors(dtype=torch.float64):
    """Numbers of four channels by their names, small enough for the activations to bend."""
    found = {name: random(4, dtype=dtype, seed=3 + i) for i, name in enumerate(("mean", "gamma", "beta"))}
    return found | {"variance": random(4, seed=9).abs().add(0.5).to(dtype)}


def stock(x, kernel, bias=None, *, mean, variance, gamma=None, beta=None, added=None, **keywords):
    turned = "data_format" in keywords

    def spread(t):
        return t[:, None, None] if turned else t

    z = (stock_conv2d(x, kernel, bias, **keywords) - spread(mean)) * spread(torch.rsqrt(variance + 1e-3))
    z = z if gamma is None else z * spread(gamma)
    z = z if beta is None else z + spread(beta)
    return torch.tanh(z if added is None else z + added)


def case(keywords, optional=OPTIONAL, dtype=torch.float64):
    """(x, kernel), and all else by name; of what is optional only that."""
    x, kernel, bias = operands(keywords, dtype)
    given = vectors(dtype) | {"bias": bias}
    given["added"] = random(*stock_conv2d(x.double(), kernel.double(), **keywords).shape, dtype=dtype, seed=8)
    return (x, kernel), {name: value for name, value in given.items() if name not in OPTIONAL or name in optional}


@pytest.mark.parametrize("keywords", CONVOLUTIONS.values(), ids=CONVOLUTIONS)
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_values(keywords, dtype):
    tensors, named = case(keywords, dtype=dtype)
    y = ft.conv2d_normalized(*tensors, **named, activation="tanh", **keywords)
    assert y.dtype is dtype
    doubles = {name: value.double() for name, value in named.items()}
    expected = stock(*(t.double() for t in tensors), **doubles, **keywords)
    # Half precision rounds after each of the steps.
    torch.testing.assert_close(y.double(), expected, atol=4 * TOLERANCE[dtype], rtol=0)


@pytest.mark.parametrize("optional", [OPTIONAL, (), ("gamma",), ("beta", "added"), ("bias", "added")], ids=str)
@pytest.mark.parametrize("data_format", [{}, {"data_format": "channels_first"}], ids=["last", "first"])
def test_gradients_of_two_orders(optional, data_format):
    tensors, named = case(data_format, optional)
    names, leaves = list(named), [t.requires_grad_() for t in (*tensors, *named.values())]

    def call(function, *given, **more):
        return function(*given[:2], **dict(zip(names, given[2:], strict=True)), **data_format, **more)

    def grads(function, wanted, **more):
        return torch.autograd.grad(call(function, *leaves, **more).sin().sum(), wanted)

    for wanted in (leaves, leaves[:1], leaves[:3], leaves[-1:]):
        for a, e in zip(grads(ft.conv2d_normalized, wanted, activation="tanh"), grads(stock, wanted), strict=True):
            close(a, e)
    assert gradgradcheck(lambda *given: call(ft.conv2d_normalized, *given, activation="tanh"), leaves, fast_mode=True)


@pytest.mark.parametrize("size", [3, 40])  # fewer numbers than the kernel has, and more
@pytest.mark.parametrize("activation", [None, "relu", "gelu"])
def test_gradients_of_images_alone(size, activation):
    """Parameters that require gradients which nobody reads cost none."""
    x = random(1, size, size, 4, grad=True)
    kernel = random(3, 3, 4, 4, seed=1, grad=True)
    named = {name: value.requires_grad_() for name, value in vectors().items()}
    y = ft.conv2d_normalized(x, kernel, **named, activation=activation)
    functions = {None: lambda z: z, "relu": torch.relu, "gelu": torch.nn.functional.gelu}
    z = stock_conv2d(x, kernel)
    scale = named["gamma"] * torch.rsqrt(named["variance"] + 1e-3)
    expected = functions[activation]((z - named["mean"]) * scale + named["beta"])
    close(y, expected)
    with Recorder() as recorder:
        y = ft.conv2d_normalized(x, kernel, **named, activation=activation)
        (dx,) = torch.autograd.grad(y.sin().sum(), x)
    close(dx, torch.autograd.grad(expected.sin().sum(), x)[0])
    assert [call[1:4] for call in recorder.calls if call[0] == "conv2d_grads"] == [(True, False, False)]


@pytest.mark.parametrize("keywords", CONVOLUTIONS.values(), ids=CONVOLUTIONS)
def test_sums(keywords):
    x, kernel, bias = operands(keywords, grad=True)
    added = random(*stock_conv2d(x, kernel, **keywords).shape, seed=8, grad=True)
    leaves = x, kernel, added, bias
    y = ft.conv2d_added(*leaves, activation="sigmoid", **keywords)
    expected = torch.sigmoid(stock_conv2d(x, kernel, bias, **keywords) + added)
    close(y, expected)
    for a, e in zip(*(torch.autograd.grad(t.sin().sum(), leaves) for t in (y, expected)), strict=True):
        close(a, e)
    close(ft.conv2d_added(x, kernel, added, **keywords), stock_conv2d(x, kernel, **keywords) + added)


def test_one_tensor_in_two_places():
    x, kernel, vector = random(1, 4, 4, 2, grad=True), random(1, 1, 2, 2, seed=1), random(2, seed=2).abs()
    (dx,) = torch.autograd.grad(ft.conv2d_added(x, kernel, x, activation="tanh").sum(), x)
    close(dx, torch.autograd.grad(torch.tanh(stock_conv2d(x, kernel) + x).sum(), x)[0])
    (dx,) = torch.autograd.grad(ft.conv2d_normalized(x, kernel, mean=vector, variance=vector, added=x).sum(), x)
    close(dx, torch.autograd.grad((stock_conv2d(x, kernel) * torch.rsqrt(vector + 1e-3) + x).sum(), x)[0])


def test_autocast():
    (x, kernel), named = case({}, dtype=torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = ft.conv2d_normalized(x, kernel, **named, activation="tanh")
        z = ft.conv2d_added(x, kernel, named["added"])
    assert y.dtype is z.dtype is torch.bfloat16
    torch.testing.assert_close(y.float(), stock(x, kernel, **named), atol=0.1, rtol=0)


def test_wrong_arguments():
    (x, kernel), named = case({})
    for change, error, word in (
        ({"mean": named["mean"][:3]}, ValueError, "mean"),
        ({"gamma": named["gamma"].float()}, TypeError, "gamma"),
        ({"beta": named["beta"][None]}, ValueError, "beta"),
        ({"added": named["added"][:1]}, ValueError, "added"),
        ({"added": named["added"].float()}, TypeError, "added"),
        ({"variance": [1.0] * 4}, TypeError, "variance"),
    ):
        with pytest.raises(error, match=f"`{word}`"):
            ft.conv2d_normalized(x, kernel, **named | change)
    with pytest.raises(ValueError, match="`added`"):
        ft.conv2d_added(x, kernel, x)
    half = (t.half() for t in (x, kernel, x))
    with pytest.raises(ValueError, match="`added`"):
        ft.conv2d_added(*half)
