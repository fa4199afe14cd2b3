"""The torch functions under autograd's modes, torch.compile, torch.func, autocast and checkpointing."""
import subprocess
import sys

import pytest
import torch
from test_torch import close, operands, random, stock_conv2d, turned
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import checkpoint

import fastconv.torch as ft
from fastconv.nn.activations import ACTIVATIONS


class Recorder(TorchDispatchMode):
    """Notes the operations of fastconv that pass the dispatcher."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function.namespace == "fastconv":
            self.calls.append((function.__name__.split(".")[0], *(arg for arg in args if isinstance(arg, bool))))
        return function(*args, **(kwargs or {}))


def test_only_wanted_gradients_are_computed():
    x, kernel, bias = operands({}, torch.float32, grad=True)
    for wanted in ((False, True, True), (True, False, False)):
        tensors = [t if given else t.detach() for t, given in zip((x, kernel, bias), wanted, strict=True)]
        with Recorder() as recorder:
            y = ft.conv2d(*tensors, activation="relu")
            torch.autograd.grad(y.sum(), [t for t in tensors if t.requires_grad])
        assert recorder.calls == [("conv2d", False), ("conv2d_grads", *wanted, False)]


def test_without_gradients():
    x, kernel, bias = operands({}, grad=True)
    expected = ft.conv2d(x, kernel, bias)
    with torch.no_grad():
        y = ft.conv2d(x, kernel, bias)
    with torch.inference_mode():
        z = ft.conv2d(x, kernel, bias)
    assert not y.requires_grad and not z.requires_grad
    assert torch.equal(y, expected) and torch.equal(z, expected)


def network(x, kernel, bias):
    y = ft.conv2d(x, kernel, bias, padding="same", strides=(2, 1), activation="relu")
    y = ft.avg_pool2d(ft.max_pool2d(y, 2, strides=1), 2, strides=1)
    y = ft.conv2d_transpose(y, kernel, bias, strides=2, activation="gelu")
    y = ft.dense(y, kernel[0, 0], bias, activation="tanh")
    return ft.softmax(ft.activation(y, "leaky_relu", 0.3))


@pytest.mark.parametrize("dynamic", [False, True], ids=["static", "dynamic"])
def test_compile(dynamic):
    compiled = torch.compile(network, backend="aot_eager", fullgraph=True, dynamic=dynamic)
    for size in (7, 9):
        tensors = [random(2, size, 6, 4, grad=True), *operands({}, grad=True)[1:]]
        found = [torch.autograd.grad(f(*tensors).sin().sum(), tensors) for f in (network, compiled)]
        for a, e in zip(*found, strict=True):
            close(a, e)


# Of torch's own look at what it traces, which it hides unless warnings are errors.
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
def test_registered_operations_are_what_torch_expects():
    x, kernel, bias = operands({}, torch.float64, grad=True)
    window = [2, 1], [], [1, 1], 1, False, ACTIVATIONS["tanh"], 0.0
    dy = random(2, 4, 6, 4, grad=True)
    pool = [2, 2], [1, 1], [0, 0, 0, 0], False
    ops = torch.ops.fastconv
    turned_x = turned(x.detach()).requires_grad_()
    rows, matrix = random(5, 4, grad=True), random(4, 4, grad=True)
    for op, args in (
            (ops.conv2d, (x, kernel, bias, *window)), (ops.conv2d, (turned_x, kernel, None, *window)),
            (ops.conv2d_grads, (x, kernel, dy, dy.detach().tanh(), True, True, True, *window)),
            (ops.conv2d_transpose, (dy, kernel, bias, [7, 6], *window)),
            (ops.pool2d, (turned_x, False, *pool)), (ops.pool2d_grad, (x, random(2, 6, 5, 4), False, *pool)),
            (ops.max_pool2d_pick, (x.detach(), turned_x, *(False, *pool))), (ops.activation, (x, 3, 0.1)),
            (ops.activation_grad, (x, turned_x, 12, 0.0, False)), (ops.softmax, (x, 1)),
            (ops.softmax_grad, (x, turned_x, 1)), (ops.dense, (rows, matrix, bias, 7, 0.0)),
            (ops.dense_grads, (rows, matrix, rows, rows.detach().tanh(), True, False, True, 7, 0.0))):
        torch.library.opcheck(op.default, args)


def test_transforms_of_torch_func():
    x, kernel, bias = operands({})
    batch = random(3, 2, 7, 6, 4)
    close(torch.vmap(network, (0, None, None))(batch, kernel, bias),
          torch.stack([network(x, kernel, bias) for x in batch]))

    def loss(kernel, x):
        return network(x, kernel, bias).sin().sum()

    def by_autograd(x):
        leaf = kernel.clone().requires_grad_()
        return torch.autograd.grad(loss(leaf, x), leaf)[0]

    close(torch.func.grad(loss)(kernel, x), by_autograd(x))
    close(torch.vmap(torch.func.grad(loss), (None, 0))(kernel, batch), torch.stack([by_autograd(x) for x in batch]))
    x = random(1, 3, 3, 1)
    close(torch.func.jacrev(torch.func.jacrev(lambda x: ft.activation(x, "gelu").sum()))(x).reshape(9, 9),
          torch.autograd.functional.hessian(lambda x: F.gelu(x).sum(), x).reshape(9, 9))


def test_tracing_sees_the_operations():
    traced = make_fx(network)(*operands({}))
    names = [node.target.__name__ for node in traced.graph.nodes if "fastconv" in str(node.target)]
    assert [name.split(".")[0] for name in names] == [
        "conv2d", "pool2d", "pool2d", "conv2d_transpose", "activation", "dense", "activation", "softmax"]


BESIDE_TENSORFLOW = """
import sys
import tensorflow
import torch
import fastconv.torch as ft

def network(x, kernel):
    return ft.softmax(ft.max_pool2d(ft.conv2d(x, kernel, activation="tanh"))).sin().sum()

x = torch.ones(1, 6, 6, 2, dtype=torch.complex128, requires_grad=True)
kernel = torch.ones(3, 3, 2, 2, dtype=torch.float64, requires_grad=True)
# The negative bit of the second one's memory takes it through the dispatcher.
for given in (x.real, x.conj().imag):
    slope, = torch.autograd.grad(network(given, kernel), x, create_graph=True)
    slope.abs().sum().backward()
torch.vmap(network, (0, None))(torch.ones(2, 1, 6, 6, 2, dtype=torch.float64), kernel.detach())
print([name for name in ("torch._dynamo", "triton") if name in sys.modules])
"""


def test_calls_do_not_import_what_tensorflow_does_not_bear(tmp_path):
    """Triton, and torch.compile's machinery, which imports it: see conftest.py."""
    done = subprocess.run([sys.executable, "-c", BESIDE_TENSORFLOW], cwd=tmp_path, capture_output=True, text=True,
                          timeout=120)
    assert done.returncode == 0 and done.stdout == "[]\n", done.stdout + done.stderr[-2000:]


def test_autocast():
    x, kernel, bias = operands({}, torch.float32, grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        y = ft.conv2d(x, kernel, bias)
        assert ft.conv2d(x.double(), kernel.double(), bias.double()).dtype is torch.float64
    assert y.dtype is torch.bfloat16
    y.sum().backward()
    assert [t.grad.dtype for t in (x, kernel, bias)] == [torch.float32] * 3
    torch.testing.assert_close(y.float(), stock_conv2d(x, kernel, bias), atol=0.1, rtol=0.02)


def test_gradient_checkpointing():
    tensors = operands({}, grad=True)
    y = checkpoint(network, *tensors, use_reentrant=False)
    for a, e in zip(torch.autograd.grad(y.sin().sum(), tensors),
                    torch.autograd.grad(network(*tensors).sin().sum(), tensors), strict=True):
        close(a, e)


def test_meta_tensors_have_the_shape():
    tensors = operands({})
    with torch.device("meta"):
        y = network(*tensors)
    assert y.device.type == "cpu"
    assert network(*(t.to("meta") for t in tensors)).shape == y.shape


def test_empty_batch():
    x, kernel, bias = torch.zeros(0, 7, 6, 4, requires_grad=True), *operands({}, torch.float32, grad=True)[1:]
    y = network(x, kernel, bias)
    dx, dkernel, dbias = torch.autograd.grad(y.sum(), (x, kernel, bias))
    assert dx.shape == x.shape
    assert not dkernel.any() and not dbias.any()
