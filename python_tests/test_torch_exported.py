"""`fastconv.from_torch`: operators and networks next to torch's own, in float64."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import fastconv
from fastconv.network import UnsupportedError


class Function(nn.Module):
    """A module that computes a function."""

    def __init__(self, function, **tensors):
        super().__init__()
        self.function = function
        for name, tensor in tensors.items():
            self.register_buffer(name, tensor)

    def forward(self, *args):
        return self.function(self, *args)


def same(module, *args, tolerance=1e-12):
    """Whether the network of a module gives what the module does."""
    module = module.double().eval()
    with torch.no_grad():
        expected = module(*args)
    results = fastconv.from_torch(module, args)(*(arg.numpy() for arg in args))
    expected = expected if isinstance(expected, tuple | list) else [expected]
    results = results if isinstance(results, list) else [results]
    for result, wanted in zip(results, expected, strict=True):
        assert result.shape == wanted.shape
        assert result.dtype == wanted.numpy().dtype
        np.testing.assert_allclose(result, wanted.numpy(), rtol=tolerance, atol=tolerance)


def drawn(*shape):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(sum(shape)))


IMAGES = {
    "conv2d": nn.Conv2d(4, 6, 3, stride=2, padding=1, bias=False),
    "groups": nn.Conv2d(4, 8, (3, 2), padding=(2, 0), dilation=2, groups=2),
    "same": nn.Conv2d(4, 6, (4, 3), padding="same", dilation=(2, 1)),
    "valid": nn.Conv2d(4, 6, 3, padding="valid"),
    "reflect": nn.Conv2d(4, 6, 3, padding=2, padding_mode="reflect"),
    "circular": nn.Conv2d(4, 6, 3, padding=1, padding_mode="circular"),
    "transposed": nn.ConvTranspose2d(4, 6, 4, stride=2, padding=1, output_padding=1),
    "transposed groups": nn.ConvTranspose2d(4, 6, 3, stride=(2, 1), groups=2, dilation=2),
    "max": nn.MaxPool2d(3, 2, 1),
    "max ceil": nn.MaxPool2d(3, 2, 1, ceil_mode=True),
    "max dilated": nn.MaxPool2d(2, 1, dilation=2),
    "mean": nn.AvgPool2d(3, 2, 1),
    "mean of cells": nn.AvgPool2d(3, 2, 1, count_include_pad=False),
    "adaptive": nn.AdaptiveAvgPool2d((3, 2)),
    "adaptive 1": nn.AdaptiveMaxPool2d(1),
    "batch norm": nn.BatchNorm2d(4),
    "batch norm without weights": nn.BatchNorm2d(4, affine=False),
    "group norm": nn.GroupNorm(2, 4),
    "layer norm": nn.LayerNorm((4, 12, 10)),
    "nearest": nn.Upsample(scale_factor=2),
    "bilinear": nn.Upsample(size=(17, 25), mode="bilinear"),
    "bilinear to corners": nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True),
    "shuffle": nn.PixelShuffle(2),
    "pad": nn.ZeroPad2d((1, 2, 0, 3)),
    "replicate": nn.ReplicationPad2d((1, 2, 0, 3)),
    "constant": nn.ConstantPad2d((1, 0, 2, -1), 0.5),
    "prelu": nn.PReLU(4),
    "prelu of one": nn.PReLU(),
    "dropout": nn.Dropout2d(),
    "softmax": nn.Softmax(1),
    "log softmax": nn.LogSoftmax(-1),
    "flatten": nn.Flatten(2),
    "linear": nn.Linear(10, 3),
}


@pytest.mark.parametrize("name", IMAGES)
def test_modules_of_images(name):
    same(IMAGES[name], drawn(2, 4, 12, 10))


def test_modules_of_signals():
    x = drawn(2, 4, 15)
    same(nn.Sequential(nn.Conv1d(4, 6, 3, padding=1), nn.BatchNorm1d(6), nn.ReLU(), nn.MaxPool1d(2)), x)
    same(nn.Sequential(nn.ConvTranspose1d(4, 2, 5, stride=3, padding=1), nn.AvgPool1d(2)), x)
    same(nn.AdaptiveAvgPool1d(5), x)


@pytest.mark.parametrize(
    "module",
    [
        nn.ReLU(),
        nn.ReLU6(),
        nn.LeakyReLU(0.2),
        nn.ELU(0.7),
        nn.CELU(0.7),
        nn.SELU(),
        nn.SiLU(),
        nn.Mish(),
        nn.GELU(),
        nn.GELU(approximate="tanh"),
        nn.Hardswish(),
        nn.Hardsigmoid(),
        nn.Hardtanh(-0.5, 2.0),
        nn.Sigmoid(),
        nn.Tanh(),
        nn.Softplus(),
    ],
    ids=str,
)
def test_activations(module):
    # Softplus is linear above 20 in torch.
    same(module, 4 * drawn(2, 3, 5), tolerance=1e-8 if isinstance(module, nn.Softplus) else 1e-12)


FUNCTIONS = {
    "sum": lambda self, x: x + 2 * x - x / 3,
    "alpha": lambda self, x: torch.add(x, x * x, alpha=2),
    "broadcast": lambda self, x: x * x.mean((2, 3), keepdim=True) + x.sum(1, keepdim=True),
    "other dtype": lambda self, x: x * self.whole,
    "powers": lambda self, x: (x.pow(2) + x.abs().sqrt() + (x * x + 1).rsqrt(), x.exp(), x.abs().pow(0.3)),
    "extremes": lambda self, x: torch.maximum(x, -x) + x.amax((2, 3), True),
    "bounds": lambda self, x: (x.clamp(-0.5, 1.5), x.clamp(min=0.25), x.clamp(max=0.25)),
    "order": lambda self, x: x.permute(0, 2, 3, 1).transpose(1, 2).reshape(x.shape[0], -1, 4),
    "parts": lambda self, x: torch.cat([*x.chunk(2, 1), x], 1),
    "cut": lambda self, x: (x[:, :, 1:-1, ::2], x[:, 2], x.split([1, 3], 1)[1]),
    "axes": lambda self, x: x.mean((2, 3)).unsqueeze(-1).squeeze(-1),
    "matrices": lambda self, x: x.flatten(1) @ self.matrix,
    "batches of matrices": lambda self, x: x.transpose(2, 3).matmul(x).softmax(-1),
    "addmm": lambda self, x: torch.addmm(self.row, x.flatten(1), self.matrix),
    "in place": lambda self, x: (x * 1).relu_().add_(1).mul_(x),
    "view in place": lambda self, x: _written_through_a_view(x),
    "two uses": lambda self, x: [x, x, F.relu(x)],
}


def _written_through_a_view(x):
    y = x.clone()
    y[:, 0].mul_(2)
    y.view(-1).add_(1)
    return y


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name):
    tensors = {"whole": torch.arange(10), "matrix": drawn(480, 3), "row": drawn(3)}
    if name == "view in place":  # writes to a part of a tensor are left out
        with pytest.raises(UnsupportedError):
            same(Function(FUNCTIONS[name]), drawn(2, 4, 12, 10))
        return
    same(Function(FUNCTIONS[name], **tensors), drawn(2, 4, 12, 10))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3, padding=1, bias=False)
        self.norm, self.act = nn.BatchNorm2d(6), nn.ReLU(inplace=True)
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(6, 6, 1), nn.Sigmoid())
        self.skip, self.head = nn.Conv2d(3, 6, 1), nn.Linear(6 * 4 * 4, 5)

    def forward(self, x):
        y = self.act(self.norm(self.conv(x)))
        y = self.act(y * self.gate(y) + self.skip(x))
        return self.head(F.max_pool2d(y, 2).view(y.shape[0], -1))


def test_a_network_of_any_batch():
    torch.manual_seed(0)
    model = Block().eval()
    model.norm.running_mean.normal_()
    net = fastconv.from_torch(model, torch.zeros(2, 3, 8, 8))
    for batch in (1, 2, 5):
        x = torch.randn(batch, 3, 8, 8)
        np.testing.assert_allclose(net(x.numpy()), model(x).detach().numpy(), rtol=1e-5, atol=1e-5)


def test_it_keeps_its_weights_and_the_model_its_mode():
    model = Block().train()
    model.norm.eval()
    net = fastconv.from_torch(model, torch.zeros(2, 3, 8, 8))
    assert model.training and model.conv.training and not model.norm.training
    x = np.ones((2, 3, 8, 8), np.float32)
    before = net(x)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    np.testing.assert_array_equal(net(x), before)


def test_what_is_not_served_is_named():
    model = Function(lambda self, x: torch.fft.fft(torch.cumsum(x, 0)).real)
    with pytest.raises(UnsupportedError, match=r"cumsum.*fft"):
        fastconv.from_torch(model, torch.zeros(2, 3))
    with pytest.raises(UnsupportedError, match="windows of several sizes"):
        fastconv.from_torch(nn.AdaptiveAvgPool2d(3), torch.zeros(2, 1, 7, 7))
    with pytest.raises(TypeError, match=r"`model` must be a torch\.nn\.Module; received function"):
        fastconv.from_torch(same, torch.zeros(1))


def test_it_is_saved_and_loaded(tmp_path):
    model, x = Block().eval(), torch.randn(2, 3, 8, 8)
    net = fastconv.from_torch(model, x)
    net.save(tmp_path / "block.fcn")
    np.testing.assert_array_equal(fastconv.load(tmp_path / "block.fcn")(x.numpy()), net(x.numpy()))
