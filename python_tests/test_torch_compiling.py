"""`torch.compile` with fastconv for its backend: the same results as without, on a plan without gradients."""

import pkgutil
import tomllib
from pathlib import Path

import pytest
import torch
from torch import nn

from fastconv.torch.compiling import compile_graph

pytestmark = pytest.mark.filterwarnings("ignore:`isinstance.treespec, LeafSpec.` is deprecated")


@pytest.fixture
def pair():
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.MaxPool2d(2)]
    model = nn.Sequential(*layers, nn.Conv2d(8, 8, 1), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, 5)).eval()
    return model, torch.compile(model, backend=compile_graph)


def same(stock, compiled, batch=2, calls=1):
    x = torch.randn(batch, 3, 8, 8)
    with torch.no_grad():
        for _ in range(calls):
            torch.testing.assert_close(compiled(x), stock(x), rtol=1e-4, atol=1e-5)


def test_inference_follows_the_weights(pair):
    stock, compiled = pair
    same(stock, compiled, calls=3)
    with torch.no_grad():
        stock[0].weight.mul_(2)
    same(stock, compiled, calls=10)
    stock[4].weight.data.mul_(2)
    same(stock, compiled, calls=10)
    stock[4].weight = nn.Parameter(torch.ones_like(stock[4].weight))
    same(stock, compiled, calls=2)
    for batch in (1, 3, 5):
        same(stock, compiled, batch)


def test_training_is_the_same(pair):
    stock, compiled = pair
    x, grads = torch.randn(2, 3, 8, 8), []
    for model in (stock.train(), compiled.train()):
        stock.zero_grad()
        model(x).square().sum().backward()
        grads.append([parameter.grad.clone() for parameter in stock.parameters()])
    for ours, theirs in zip(*grads, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)


def test_torch_is_told_of_it_by_name():
    project = tomllib.loads((Path(__file__).resolve().parents[1] / "pyproject.toml").read_text())["project"]
    assert pkgutil.resolve_name(project["entry-points"]["torch_dynamo_backends"]["fastconv"]) is compile_graph
