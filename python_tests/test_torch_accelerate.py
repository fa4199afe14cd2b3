"""`fastconv.torch.accelerate`: a model on fastconv's kernels gives what it gave, whatever happens to it."""

import copy
import io
import pickle

import numpy as np
import pytest
import torch
from torch import nn

import fastconv.torch as ft

# What torch itself says of its own tools.
pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch.jit"),
    pytest.mark.filterwarnings("ignore:`isinstance.treespec, LeafSpec.` is deprecated"),
]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.norm = nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)
        self.act, self.pool = nn.ReLU(inplace=True), nn.MaxPool2d(2)
        self.conv2, self.gelu = nn.Conv2d(8, 8, 3, padding=1), nn.GELU()
        self.up = nn.ConvTranspose2d(8, 4, 2, 2)
        self.head, self.factor = nn.Linear(4 * 8 * 8, 5), 1.0

    def forward(self, x):
        y = self.pool(self.act(self.norm(self.conv1(x))))
        y = self.up(self.gelu(self.conv2(y) + y))
        return self.head(y.flatten(1)) * self.factor


@pytest.fixture
def pair():
    """A stock model and its accelerated copy, in inference."""
    torch.manual_seed(0)
    model = Net()
    model.norm.running_mean.normal_()
    model.norm.running_var.uniform_(0.5, 2)
    return model.eval(), ft.accelerate(copy.deepcopy(model)).eval()


X = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def same(stock, fast, x=X, calls=1):
    with torch.no_grad():
        expected = stock(x)
        for _ in range(calls):
            torch.testing.assert_close(fast(x), expected, rtol=1e-4, atol=1e-5)


def on_a_plan(model) -> bool:
    return "on a plan; writes" in ft.report(model)


def test_it_is_the_same_object_with_the_same_parameters():
    model = Net()
    before, parameters, keys = id(model), list(map(id, model.parameters())), list(model.state_dict())
    assert id(ft.accelerate(model)) == before
    assert list(map(id, model.parameters())) == parameters and list(model.state_dict()) == keys
    assert isinstance(model, Net) and type(model).__name__ == "Net"
    assert type(model.conv1) is ft.nn.Conv2d and type(model.gelu) is ft.nn.GELU and type(model.head) is nn.Linear
    ft.accelerate(model)
    ft.restore(model)
    assert type(model) is Net and type(model.conv1) is nn.Conv2d and type(model.pool) is nn.MaxPool2d
    assert ft.restore(model) is model


def test_inference_is_the_same_in_either_memory_format(pair):
    stock, fast = pair
    same(stock, fast, calls=3)
    same(stock, fast, X.contiguous(memory_format=torch.channels_last), calls=3)
    assert on_a_plan(fast)
    with torch.inference_mode():
        torch.testing.assert_close(fast(X), stock(X), rtol=1e-4, atol=1e-5)


def test_training_is_the_same(pair):
    grads = []
    for model in pair:
        model.train()
        model(X).square().sum().backward()
        grads.append([parameter.grad for parameter in model.parameters()] + [model.norm.running_mean])
    for ours, theirs in zip(grads[1], grads[0], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("layer", "few", "many"),
    [
        (nn.Conv2d(32, 32, 3), (1, 32, 8, 8), (2, 32, 48, 48)),
        (nn.MaxPool2d(2), (1, 8, 8, 8), (1, 8, 128, 128)),
        (nn.ReLU(), (1, 8, 64, 64), (1, 4, 1024, 1024)),
        (nn.Mish(), (1, 1, 8, 8), (1, 1, 64, 64)),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else None,
)
def test_calls_of_little_work_stay_on_torch_where_gradients_are_wanted(layer, few, many):
    stock = type(layer(torch.zeros(few, requires_grad=True)).grad_fn)
    fast = ft.accelerate(layer)
    assert type(fast(torch.zeros(few, requires_grad=True)).grad_fn) is stock
    assert type(fast(torch.zeros(many, requires_grad=True)).grad_fn) is not stock


def test_means_of_whole_planes_stay_on_torch():
    x, pool = torch.zeros(1, 8, 4, 4, requires_grad=True), nn.AdaptiveAvgPool2d(1)
    stock = type(pool(x).grad_fn)
    ft.accelerate(pool)
    assert type(pool(x).grad_fn) is stock
    assert type(pool(x.contiguous(memory_format=torch.channels_last)).grad_fn) is not stock


def _by_optimizer(model):
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    torch.optim.Adam(model.parameters(), 0.1).step()


def _by_no_grad(model):
    with torch.no_grad():
        model.conv1.weight.mul_(2)


def _by_state_dict(model):
    state = {key: value + (value.dtype == torch.float32) for key, value in model.state_dict().items()}
    model.load_state_dict(state)


def _by_data(model):
    model.conv2.weight.data.copy_(torch.ones_like(model.conv2.weight))


def _by_numpy(model):
    model.head.weight.detach().numpy()[:] = 0.25


def _by_other_data(model):
    model.conv1.weight.data = torch.ones_like(model.conv1.weight)


def _by_parameter(model):
    model.conv1.weight = nn.Parameter(torch.ones_like(model.conv1.weight))


def _by_buffer(model):
    model.norm.running_mean += 1


def _by_module(model):
    model.gelu = nn.Tanh()


def _by_attribute(model):
    model.factor = 2.0


def _by_attribute_within(model):
    model.norm.eps = 0.5


def _by_inference_mode(model):
    with torch.inference_mode():
        model.conv1.weight.add_(1)


WRITES = [value for name, value in list(globals().items()) if name.startswith("_by_")]


@pytest.mark.parametrize("write", WRITES, ids=lambda write: write.__name__)
def test_no_result_is_of_former_weights(pair, write):
    same(*pair)
    assert on_a_plan(pair[1])
    for model in pair:
        write(model)
    same(*pair, calls=10)
    assert on_a_plan(pair[1])


def test_a_layer_alone_is_never_stale(pair):
    layers = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3)
    layers[1].load_state_dict(layers[0].state_dict())
    ft.accelerate(layers[1])
    assert type(layers[1]) is ft.nn.Conv2d
    same(*layers)
    for layer in layers:
        layer.weight.data.mul_(2)
    same(*layers)
    for layer in layers:
        with torch.no_grad():
            layer.bias.add_(1)
    same(*layers)


def test_refresh_is_for_writes_that_nothing_counts():
    stock, fast = (nn.Sequential(nn.Conv2d(1, 1, 1), nn.Flatten(), nn.Linear(1024, 512)) for _ in range(2))
    fast.load_state_dict(stock.state_dict())
    x = torch.randn(1, 1, 32, 32)
    ft.accelerate(fast)
    same(stock, fast, x)
    for model in stock, fast:
        model[2].weight.data.zero_()
    ft.refresh(fast)
    same(stock, fast, x)


def test_shared_memory_is_compared(pair):
    for model in pair:
        model.share_memory()
    same(*pair)
    assert "noticed by bytes" in ft.report(pair[1])


def test_copies_and_pickles_are_accelerated(pair):
    stock, fast = pair
    same(stock, fast)
    file = io.BytesIO()
    torch.save(fast, file)
    file.seek(0)
    for other in (copy.deepcopy(fast), pickle.loads(pickle.dumps(fast)), torch.load(file, weights_only=False)):
        assert type(other) is type(fast)
        same(stock, other)
    _by_no_grad(fast)  # of which the copies know nothing
    same(stock, copy.deepcopy(stock))


def test_hooks_see_what_they_would(pair):
    stock, fast = pair
    same(stock, fast)
    seen = []
    handle = fast.conv2.register_forward_hook(lambda module, args, y: seen.append(y))
    same(stock, fast)
    assert len(seen) == 1
    handle.remove()
    same(stock, fast)
    assert len(seen) == 1
    fast.register_forward_hook(lambda module, args, y: y + 1)
    with torch.no_grad():
        torch.testing.assert_close(fast(X), stock(X) + 1, rtol=1e-4, atol=1e-5)


def test_gradients_and_autocast_go_through_modules(pair):
    stock, fast = pair
    same(stock, fast)
    x = X.clone().requires_grad_()
    assert fast(x).requires_grad
    assert torch.autograd.grad(fast(x).sum(), x)[0].shape == x.shape
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert fast(X).dtype is torch.bfloat16
    with torch.no_grad():
        assert fast.double()(X.double()).dtype is torch.float64


def test_tools_of_torch_see_torchs_operations(pair):
    stock, fast = pair
    program = torch.export.export(fast, (X,))
    assert "fastconv" not in str(program.graph)
    same(stock, program.module())
    with torch.no_grad():
        traced = torch.jit.trace(fast, X)
    assert "fastconv::" not in str(traced.inlined_graph)
    same(stock, torch.compile(fast, backend="eager"))
    parameters = {name: 2 * parameter.detach() for name, parameter in fast.named_parameters()}
    with torch.no_grad():
        results = [torch.func.functional_call(model, parameters, (X,)) for model in pair]
    torch.testing.assert_close(results[1], results[0], rtol=1e-4, atol=1e-4)


def test_a_model_without_a_plan_runs_on_its_modules():
    class Sorting(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x):
            return self.conv(x).sort(-1).values if x.sum() > 0 else self.conv(x)

    stock = Sorting().eval()
    fast = ft.accelerate(copy.deepcopy(stock))
    same(stock, fast, X.abs())
    same(stock, fast, -X.abs())
    assert "on its modules: torch.export" in ft.report(fast)


def test_forwards_that_change_their_module_run_each_time():
    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.calls = nn.Conv2d(3, 4, 3), 0

        def forward(self, x):
            self.calls += 1
            return self.conv(x)

    model = ft.accelerate(Counting()).eval()
    with torch.no_grad():
        model(X)
        before = model.calls
        model(X)
    assert model.calls == before + 1


def test_several_results_and_inputs():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x, y):
            return {"sum": self.conv(x) + self.conv(y), "parts": (self.conv(x), [self.conv(y)])}

    stock = Two().eval()
    fast = ft.accelerate(copy.deepcopy(stock))
    with torch.no_grad():
        results, expected = fast(X, 2 * X), stock(X, 2 * X)
        torch.testing.assert_close(results, expected, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(fast(x=X, y=X), stock(X, X), rtol=1e-4, atol=1e-5)
    assert on_a_plan(fast)


def test_example_inputs_are_measured(pair):
    stock, fast = pair
    fast.train()
    before = copy.deepcopy(fast.state_dict())
    ft.accelerate(fast, X)
    assert fast.training and fast.norm.training
    assert all(torch.equal(value, fast.state_dict()[key]) for key, value in before.items())
    fast.eval()
    same(stock, fast)
    lines = ft.report(fast).splitlines()
    assert lines[0].startswith("inference as a whole: ") and any(line.startswith("conv1 (Conv2d): ") for line in lines)


def test_what_cannot_be_accelerated_is_said():
    with pytest.raises(TypeError, match=r"`model` must be a torch\.nn\.Module; received int"):
        ft.accelerate(3)
    with pytest.raises(TypeError, match=r"torch\.jit"):
        ft.accelerate(torch.jit.trace(nn.Conv2d(3, 4, 3), X))


def test_quantization_observers_are_kept():
    class Observed(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)
            self.register_buffer("largest", torch.zeros(()))

        def forward(self, x):
            y = self.conv(x)
            self.largest.copy_(torch.maximum(self.largest, y.amax()))
            return y

    model = ft.accelerate(Observed()).eval()
    with torch.no_grad():
        model(X)
        first = model.largest.item()
        model(10 * X)
    assert model.largest.item() > first > 0
    np.testing.assert_allclose(model.largest.item(), model.conv(10 * X).max().item(), rtol=1e-5)
