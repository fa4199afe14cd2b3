"""The torch functions under autograd's modes, torch.compile, torch.func, autocast and checkpointing."""

import subprocess
import sys

import pytest
import torch
from test_torch import close, operands, random, stock_conv2d, turned
from torch.autograd import forward_ad, gradcheck, gradgradcheck
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import checkpoint

import fastconv.torch as ft
from fastconv.nn.activations import ACTIVATIONS

# torch compiles formulas for tangents by a function that it calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")


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
        (ops.conv2d, (x, kernel, bias, *window)),
        (ops.conv2d, (turned_x, kernel, None, *window)),
        (ops.conv2d_grads, (x, kernel, dy, dy.detach().tanh(), True, True, True, *window)),
        (ops.conv2d_scaled, (x, kernel, bias, bias, dy, *window)),
        (ops.conv2d_scaled, (turned_x, kernel, None, None, dy, *window)),
        (ops.conv2d_transpose, (dy, kernel, bias, [7, 6], *window)),
        (ops.pool2d, (turned_x, False, *pool)),
        (ops.pool2d_grad, (x, random(2, 6, 5, 4), False, *pool)),
        (ops.max_pool2d_pick, (x.detach(), turned_x, *(False, *pool))),
        (ops.activation, (x, 3, 0.1)),
        (ops.activation_grad, (x, turned_x, 12, 0.0, False)),
        (ops.softmax, (x, 1)),
        (ops.softmax_grad, (x, turned_x, 1)),
        (ops.dense, (rows, matrix, bias, 7, 0.0)),
        (ops.dense_grads, (rows, matrix, rows, rows.detach().tanh(), True, False, True, 7, 0.0)),
    ):
        torch.library.opcheck(op.default, args)


def test_transforms_of_torch_func():
    x, kernel, bias = operands({})
    batch = random(3, 2, 7, 6, 4)
    close(
        torch.vmap(network, (0, None, None))(batch, kernel, bias),
        torch.stack([network(x, kernel, bias) for x in batch]),
    )

    def loss(kernel, x):
        return network(x, kernel, bias).sin().sum()

    def by_autograd(x):
        leaf = kernel.clone().requires_grad_()
        return torch.autograd.grad(loss(leaf, x), leaf)[0]

    close(torch.func.grad(loss)(kernel, x), by_autograd(x))
    close(torch.vmap(torch.func.grad(loss), (None, 0))(kernel, batch), torch.stack([by_autograd(x) for x in batch]))
    x = random(1, 3, 3, 1)
    close(
        torch.func.jacrev(torch.func.jacrev(lambda x: ft.activation(x, "gelu").sum()))(x).reshape(9, 9),
        torch.autograd.functional.hessian(lambda x: F.gelu(x).sum(), x).reshape(9, 9),
    )


# Every operation, with its tensors: gradcheck differentiates them in both modes, in one order and the other, and each
# also for many directions at once, by autograd's own vmap.
DIFFERENTIABLE = {
    "conv2d": (lambda x, k, b: ft.conv2d(x, k, b, padding="same", strides=(2, 1), activation="tanh"), "xkb"),
    "conv2d, plain": (lambda x, k: ft.conv2d(x, k, data_format="channels_first"), "fk"),
    "conv2d, first": (lambda x, k, b: ft.conv2d(x, k, b, data_format="channels_first", activation="gelu"), "fkb"),
    "conv2d_transpose": (lambda x, k, b: ft.conv2d_transpose(x, k, b, strides=2, activation="sigmoid"), "xkb"),
    "conv2d_pool2d": (lambda x, k: ft.conv2d_pool2d(x, k, pool="avg"), "xk"),
    "conv2d_normalized": (
        lambda x, k, b, a: ft.conv2d_normalized(x, k, mean=b, variance=b * b, gamma=b, added=a, activation="tanh"),
        "xkba",
    ),
    "conv2d_added": (lambda x, k, b: ft.conv2d_added(x, k, x, b, padding="same"), "xkb"),
    "dense": (lambda x, k, b: ft.dense(x, k[0, 0], b, activation="tanh"), "xkb"),
    "dense, plain": (lambda x, k: ft.dense(x[0, 0], k[0, 0]), "xk"),
    "max_pool2d": (lambda x: ft.max_pool2d(x, 2, strides=1), "x"),
    "avg_pool2d": (lambda x: ft.avg_pool2d(x, 2, padding="same"), "x"),
    "activation of output": (lambda x: ft.activation(x, "elu", 0.5), "x"),
    "activation of input": (lambda x: ft.activation(x, "mish"), "x"),
    "relu": (lambda x: ft.relu(x, 0.25, 1.5, 0.5), "x"),
    "softmax": (lambda x: ft.softmax(x, (1, 3)), "x"),
}


def given(names):
    shapes = {"x": (1, 4, 3, 2), "f": (1, 2, 4, 3), "k": (2, 2, 2, 2), "b": (2,), "a": (1, 3, 2, 2)}
    return [random(*shapes[name], seed=i, grad=True) for i, name in enumerate(names)]


@pytest.mark.parametrize(("function", "names"), DIFFERENTIABLE.values(), ids=DIFFERENTIABLE)
def test_both_modes_of_differentiation(function, names):
    tensors = given(names)
    assert gradcheck(function, tensors, check_forward_ad=True, check_batched_grad=True, check_batched_forward_grad=True)
    assert gradgradcheck(function, tensors, check_fwd_over_rev=True, check_batched_grad=True)


@pytest.mark.parametrize(("function", "names"), DIFFERENTIABLE.values(), ids=DIFFERENTIABLE)
def test_tangents_where_nothing_requires_a_gradient(function, names):
    """One at a time, so that the others have none; also in what torch.compile makes of it, and of torch.func."""
    tensors = [t.detach() for t in given(names)]
    for place, tensor in enumerate(tensors):
        tangent = random(*tensor.shape, seed=9)

        def moved(t, place=place):
            return function(*tensors[:place], t, *tensors[place + 1 :])

        leaf = tensor.clone().requires_grad_()
        jacobian = torch.autograd.functional.jacobian(moved, leaf).flatten(-tensor.ndim)
        expected = jacobian @ tangent.flatten()
        with forward_ad.dual_level(), torch.no_grad():
            close(forward_ad.unpack_dual(moved(forward_ad.make_dual(tensor, tangent))).tangent, expected)
        close(torch.func.jvp(moved, (tensor,), (tangent,))[1], expected)


def test_compiled_functions_keep_tangents():
    x, kernel, bias = operands({})
    compiled = torch.compile(network, backend="aot_eager")
    close(compiled(x, kernel, bias), network(x, kernel, bias))
    with forward_ad.dual_level():
        tangents = [
            forward_ad.unpack_dual(f(forward_ad.make_dual(x, x.cos()), kernel, bias)).tangent
            for f in (network, compiled)
        ]
    close(*tangents)


# Of torch's own look at what it traces, which it hides unless warnings are errors.
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
@pytest.mark.parametrize(
    "transform",
    [
        lambda f: torch.func.grad(f),
        lambda f: lambda x: torch.func.vjp(f, x)[1](torch.ones(()))[0],
        lambda f: lambda x: torch.func.vmap(torch.func.grad(f))(torch.stack([x, 2 * x])),
        lambda f: torch.func.jacfwd(f),
    ],
    ids=["grad", "vjp", "vmap", "jacfwd"],
)
def test_compiled_transforms(transform):
    _, kernel, bias = operands({})
    x = random(1, 7, 6, 4)
    taken = transform(lambda x: network(x, kernel, bias).sin().sum())
    close(torch.compile(lambda x: taken(x.cos()).sin(), backend="aot_eager")(x), taken(x.cos()).sin())


def test_jacobians_and_hessians():
    """By torch.func and by torch.autograd.functional, in either mode."""
    _, kernel, bias = operands({})
    x = random(1, 5, 4, 4)

    def loss(x):
        return network(x, kernel, bias).sin().sum((1, 2, 3))

    def number(x):
        return loss(x).sum()

    of_autograd, func = torch.autograd.functional, torch.func
    expected = of_autograd.jacobian(loss, x)
    for found in (
        of_autograd.jacobian(loss, x, vectorize=True),
        func.jacrev(loss)(x),
        func.jacfwd(loss)(x),
        of_autograd.jacobian(loss, x, vectorize=True, strategy="forward-mode"),
    ):
        close(found, expected)
    expected = of_autograd.hessian(number, x)
    for found in (
        of_autograd.hessian(number, x, vectorize=True),
        func.hessian(number)(x),
        of_autograd.hessian(number, x, vectorize=True, outer_jacobian_strategy="forward-mode"),
        func.jacrev(func.jacrev(number))(x),
        func.jacfwd(func.jacfwd(number))(x),
        func.jacrev(func.jacfwd(number))(x),
    ):
        close(found, expected)


def test_gradients_of_many_directions_at_once():
    tensors = operands({}, grad=True)
    y = network(*tensors)
    directions = random(3, *y.shape, seed=5)
    found = torch.autograd.grad(y, tensors, directions, is_grads_batched=True, retain_graph=True)
    for place, gradient in enumerate(found):
        close(gradient, torch.stack([torch.autograd.grad(y, tensors, d, retain_graph=True)[place] for d in directions]))


def test_tracing_sees_the_operations():
    traced = make_fx(network)(*operands({}))
    names = [node.target.__name__ for node in traced.graph.nodes if "fastconv" in str(node.target)]
    assert [name.split(".")[0] for name in names] == [
        "conv2d",
        "pool2d",
        "pool2d",
        "conv2d_transpose",
        "activation",
        "dense",
        "activation",
        "softmax",
    ]


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
    done = subprocess.run(
        [sys.executable, "-c", BESIDE_TENSORFLOW], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
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
    for a, e in zip(
        torch.autograd.grad(y.sin().sum(), tensors),
        torch.autograd.grad(network(*tensors).sin().sum(), tensors),
        strict=True,
    ):
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
