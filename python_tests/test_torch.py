"""The torch functions: values, layouts, gradients of two orders, transforms, errors."""

import threading

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck
from torch.nn import functional as F

import fastconv
import fastconv.torch as ft
from fastconv.nn.activations import ACTIVATIONS

TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-5, torch.float16: 4e-3, torch.bfloat16: 3e-2}

CONVOLUTIONS = {
    "valid": {},
    "same": {"padding": "same"},
    "strided": {"padding": "same", "strides": (2, 3)},
    "dilated": {"dilation_rate": (2, 1)},
    "strided and dilated": {"padding": "same", "strides": 2, "dilation_rate": 2},
    "explicit": {"padding": ((1, 0), (2, 3)), "strides": [1, 2]},
    "grouped": {"groups": 2},
    "depthwise": {"groups": 4, "padding": "same"},
    "first": {"data_format": "channels_first", "padding": "same", "strides": 2},
    "first, grouped": {"data_format": "channels_first", "groups": 2},
}


def random(*shape, dtype=torch.float64, seed=0, grad=False):
    values = torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return values.to(dtype).requires_grad_(grad)


def close(actual, expected):
    assert actual.shape == expected.shape
    scale = max(1.0, expected.abs().max().item()) if expected.numel() else 1.0
    torch.testing.assert_close(actual.double(), expected.double(), atol=TOLERANCE[actual.dtype] * scale, rtol=0)


def turned(x):
    """The same numbers with the axes in the other order in memory."""
    order = (0, 3, 1, 2)
    return x.permute(order).contiguous().permute(0, 2, 3, 1)


def paddings(padding, size, reach, strides):
    """What `torch.nn.functional.pad` takes for the last two axes."""
    if padding == "same":
        total = [max(0, (-(-s // t) - 1) * t + r - s) for s, r, t in zip(size, reach, strides, strict=True)]
        padding = [(t // 2, t - t // 2) for t in total]
    elif padding == "valid":
        padding = ((0, 0), (0, 0))
    return (*padding[1], *padding[0])


def stock_conv2d(
    x, kernel, bias=None, *, strides=1, padding="valid", dilation_rate=1, groups=1, data_format="channels_last"
):
    first = data_format == "channels_first"
    x = x if first else x.permute(0, 3, 1, 2)
    strides, dilation = ([int(v) for v in np.broadcast_to(pair, 2)] for pair in (strides, dilation_rate))
    reach = [(k - 1) * d + 1 for k, d in zip(kernel.shape, dilation, strict=False)]
    x = F.pad(x, paddings(padding, x.shape[2:], reach, strides))
    y = F.conv2d(x, kernel.permute(3, 2, 0, 1), bias, strides, 0, dilation, groups)
    return y if first else y.permute(0, 2, 3, 1)


def operands(keywords, dtype=torch.float64, grad=False):
    first, groups = "data_format" in keywords, keywords.get("groups", 1)
    x = random(*((2, 4, 7, 6) if first else (2, 7, 6, 4)), dtype=dtype, grad=grad)
    return x, random(3, 2, 4 // groups, 4, dtype=dtype, seed=1, grad=grad), random(4, dtype=dtype, seed=2, grad=grad)


@pytest.mark.parametrize("keywords", CONVOLUTIONS.values(), ids=CONVOLUTIONS)
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_conv2d_values(keywords, dtype):
    tensors = operands(keywords, dtype)
    actual = ft.conv2d(*tensors, **keywords)
    assert actual.dtype is dtype
    close(actual, stock_conv2d(*(t.double() for t in tensors), **keywords))


@pytest.mark.parametrize("keywords", CONVOLUTIONS.values(), ids=CONVOLUTIONS)
def test_conv2d_gradients_of_two_orders(keywords):
    tensors = operands(keywords, grad=True)

    def function(*tensors):
        return ft.conv2d(*tensors, activation="tanh", **keywords)

    for a, e in zip(
        torch.autograd.grad(function(*tensors).sin().sum(), tensors),
        torch.autograd.grad(stock_conv2d(*tensors, **keywords).tanh().sin().sum(), tensors),
        strict=True,
    ):
        close(a, e)
    assert gradgradcheck(function, tensors, fast_mode=True)


@pytest.mark.parametrize("keywords", [{}, {"padding": "same", "strides": 2}], ids=["valid", "same"])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_memory_of_either_order_is_read_as_it_lies(keywords, data_format):
    first = data_format == "channels_first"
    x, kernel, bias = operands({"data_format": "channels_first"} if first else {}, torch.float32)
    x = x.contiguous(memory_format=torch.channels_last) if first else turned(x)
    x.requires_grad_()
    y = ft.conv2d(x, kernel, bias, data_format=data_format, **keywords)
    z = ft.activation(ft.max_pool2d(y, data_format=data_format), "gelu")
    for result in (y, z, *torch.autograd.grad(ft.softmax(z, 1).sin().sum(), x)):
        inner = result if first else result.permute(0, 3, 1, 2)
        assert inner.is_contiguous(memory_format=torch.channels_last if first else torch.contiguous_format)
    close(y, stock_conv2d(x, kernel, bias, data_format=data_format, **keywords))
    expected = F.max_pool2d(y if first else y.permute(0, 3, 1, 2), 2)
    close(z, F.gelu(expected if first else expected.permute(0, 2, 3, 1)))


def some_gradient(function, *tensors):
    """Of a curved sum whose own gradient comes in an order of its own."""
    tensors = [t.detach().requires_grad_() for t in tensors]
    y = function(*tensors)
    weight = torch.linspace(-1, 1, y.numel(), dtype=y.dtype).reshape(y.shape[::-1]).permute(3, 2, 1, 0)
    return y, *torch.autograd.grad((y * weight).sum(), tensors)


STRANGE = {
    "slices": lambda x: torch.cat([x, x], 1)[:, ::2],
    "turned": turned,
    "transposed": lambda x: x.transpose(1, 2).contiguous().transpose(1, 2),
    "broadcast": lambda x: x[:1].expand(2, *x.shape[1:]),
    "negated bit": lambda x: torch.complex(x, -x).conj().imag,
    "within": lambda x: F.pad(x, (1, 1))[..., 1:-1],
}


@pytest.mark.parametrize("make", STRANGE.values(), ids=STRANGE)
@pytest.mark.parametrize(
    "function",
    [
        lambda x, k: ft.conv2d(x, k, strides=2),
        lambda x, k: ft.max_pool2d(x) * k[0, 0, 0, 0],
        lambda x, k: ft.avg_pool2d(x, 3, strides=1, data_format="channels_first") * k[0, 0, 0, 0],
        lambda x, k: ft.activation(x, "silu") * k[0, 0, 0],
        lambda x, k: ft.softmax(x, 1) * k[0, 0, 0],
        lambda x, k: ft.conv2d_transpose(x, k.mT),
    ],
    ids=["conv2d", "max", "avg", "silu", "softmax", "transpose"],
)
def test_tensors_of_any_strides(function, make):
    x, kernel, _ = operands({})
    x, kernel = make(x), kernel.permute(3, 2, 1, 0).contiguous().permute(3, 2, 1, 0)
    plain = [torch.empty(t.shape, dtype=t.dtype).copy_(t) for t in (x, kernel)]
    for a, e in zip(some_gradient(function, x, kernel), some_gradient(function, *plain), strict=True):
        close(a, e)


TRANSPOSED = {
    "valid": {},
    "same": {"padding": "same", "strides": 2},
    "strided": {"strides": (3, 2)},
    "more": {"strides": 3, "output_padding": (1, 2)},
    "dilated": {"dilation_rate": 2},
    "first": {"strides": 2, "data_format": "channels_first"},
}


@pytest.mark.parametrize("keywords", TRANSPOSED.values(), ids=TRANSPOSED)
def test_conv2d_transpose(keywords):
    x, _, _ = operands(keywords, grad=True)
    kernel, bias = random(3, 2, 5, 4, seed=1, grad=True), random(5, seed=2, grad=True)
    y = ft.conv2d_transpose(x, kernel, bias, activation="tanh", **keywords)
    # The gradient of the convolution that it is the transpose of.
    plain = {key: value for key, value in keywords.items() if key != "output_padding"}
    origin = torch.zeros_like(y, requires_grad=True)
    small = stock_conv2d(origin, kernel, **plain)
    (expected,) = torch.autograd.grad(small, origin, x, create_graph=True)
    expected = (expected + (bias[:, None, None] if "data_format" in keywords else bias)).tanh()
    close(y, expected)
    for a, e in zip(
        torch.autograd.grad(y.sin().sum(), (x, kernel, bias)),
        torch.autograd.grad(expected.sin().sum(), (x, kernel, bias)),
        strict=True,
    ):
        close(a, e)
    assert gradgradcheck(
        lambda *t: ft.conv2d_transpose(*t, activation="gelu", **keywords), (x, kernel, bias), fast_mode=True
    )


STOCK_ACTIVATIONS = {
    "linear": lambda x: x,
    "relu": F.relu,
    "relu6": F.relu6,
    "leaky_relu": lambda x: F.leaky_relu(x, 0.3),
    "elu": lambda x: F.elu(x, 0.3),
    "selu": F.selu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "exponential": torch.exp,
    "softplus": F.softplus,
    "softsign": F.softsign,
    "silu": F.silu,
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "mish": F.mish,
    # torch's own of these have constants of float32.
    "hard_sigmoid": lambda x: F.relu6(x + 3) / 6,
    "hard_silu": lambda x: x * F.relu6(x + 3) / 6,
}


def test_every_activation_is_known():
    assert {ACTIVATIONS[name] for name in STOCK_ACTIVATIONS} == set(ACTIVATIONS.values())


@pytest.mark.parametrize("name", STOCK_ACTIVATIONS)
def test_activation_and_its_gradients(name):
    x = (3 * random(3, 5, 7)).requires_grad_()
    y, expected = ft.activation(x, name, 0.3), STOCK_ACTIVATIONS[name](x)
    close(y, expected)
    close(*(torch.autograd.grad((t * random(3, 5, 7, seed=1)).sum(), x)[0] for t in (y, expected)))
    assert gradgradcheck(lambda x: ft.activation(x, name, 0.3) * 1, (x,))


@pytest.mark.parametrize("name", STOCK_ACTIVATIONS)
def test_conv2d_with_activation(name):
    x, kernel, bias = operands({}, grad=True)

    def function(*tensors):
        return ft.conv2d(*tensors, activation=name, alpha=0.3)

    close(function(x, kernel, bias), STOCK_ACTIVATIONS[name](stock_conv2d(x, kernel, bias)))
    assert gradcheck(function, (x, kernel, bias), fast_mode=True)
    assert gradgradcheck(function, (x, kernel, bias), fast_mode=True)


@pytest.mark.parametrize("name", ["tanh", "gelu", "mish", "elu"])
def test_third_order_gradient(name):
    x = random(2, 3, grad=True)
    found = []
    for function in (lambda x: ft.activation(x, name, 1.0), STOCK_ACTIVATIONS[name] if name != "elu" else F.elu):
        y = function(x)
        for _ in range(3):
            (y,) = torch.autograd.grad(y.sum(), x, create_graph=True)
        found.append(y)
    close(*found)


@pytest.mark.parametrize("shape", [(5, 3), (3,), (2, 4, 3), (0, 3)], ids=str)
@pytest.mark.parametrize("name", ["linear", "tanh", "mish"])
def test_dense(shape, name):
    for dtype in TOLERANCE:
        tensors = random(*shape, dtype=dtype), random(3, 4, dtype=dtype, seed=1), random(4, dtype=dtype, seed=2)
        x, kernel, bias = (t.double() for t in tensors)
        close(ft.dense(*tensors, activation=name), STOCK_ACTIVATIONS[name](x @ kernel + bias))
    kernel = kernel.T.contiguous().T.requires_grad_()
    assert gradcheck(lambda *t: ft.dense(*t, activation=name), (x.requires_grad_(), kernel, bias.requires_grad_()))
    assert gradgradcheck(lambda *t: ft.dense(*t, activation=name), (x, kernel, bias))


@pytest.mark.parametrize("axis", [-1, 0, 1])
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_softmax(axis, dtype):
    x = random(2, 3, 4, 5, dtype=dtype)
    for tensor in (x, x.contiguous(memory_format=torch.channels_last)):
        close(ft.softmax(tensor, axis), torch.softmax(x.double(), axis))
    assert gradgradcheck(lambda x: ft.softmax(x, axis), (random(2, 3, 4, grad=True),))


@pytest.mark.parametrize("axes", [(1, 2), (0, -1), (0, 1, 2), [3], (3, 1)], ids=str)
def test_softmax_over_several_axes(axes):
    def stock(x):
        e = torch.exp(x - x.amax(tuple(axes), keepdim=True))
        return e / e.sum(tuple(axes), keepdim=True)

    x = random(2, 3, 4, 5)
    for tensor in (x, x.contiguous(memory_format=torch.channels_last), x.transpose(1, 3)):
        close(ft.softmax(tensor, axes), stock(tensor))
    assert gradgradcheck(lambda x: ft.softmax(x, axes), (random(1, 2, 3, 2, grad=True),))


@pytest.mark.parametrize(
    "arguments", [(0.0, None, 0.5), (0.25, 1.5, 0.0), (0.5, 1.0, 0.25), (0.1, None, 0), (0, 6, 0)], ids=str
)
def test_relu_with_arguments_and_its_gradients(arguments):
    def stock(x):
        slope, most, threshold = arguments
        above = torch.where(x > threshold, x, 0.0)
        return (above if most is None else above.clamp(0, most)) - slope * torch.relu(threshold - x)

    x = random(3, 4, 50, grad=True)
    close(ft.relu(x, *arguments), stock(x))
    close(ft.relu(x.detach().transpose(0, 2), *arguments), stock(x.detach().transpose(0, 2)))
    close(torch.func.vmap(lambda t: ft.relu(t, *arguments))(x), stock(x))
    assert gradcheck(lambda x: ft.relu(x, *arguments), (x,))
    assert gradgradcheck(lambda x: ft.relu(x, *arguments), (x,))


POOLS = {
    "plain": {},
    "overlapping": {"pool_size": 3, "strides": 2},
    "same": {"pool_size": (3, 2), "padding": "same"},
    "gaps": {"pool_size": 2, "strides": 3},
    "first": {"data_format": "channels_first", "padding": "same"},
    "explicit": {"pool_size": 3, "padding": ((1, 0), (2, 1))},
}


def stock_pool(average, x, pool_size=2, strides=None, padding="valid", data_format="channels_last"):
    first = data_format == "channels_first"
    x = x if first else x.permute(0, 3, 1, 2)
    window = np.broadcast_to(pool_size, 2).tolist()
    strides = window if strides is None else np.broadcast_to(strides, 2).tolist()
    amounts = paddings(padding, x.shape[2:], window, strides)
    if average:
        cells = F.avg_pool2d(F.pad(torch.ones_like(x), amounts), window, strides)
        y = F.avg_pool2d(F.pad(x, amounts), window, strides) / cells
    else:
        y = F.max_pool2d(F.pad(x, amounts, value=-torch.inf), window, strides)
    return y if first else y.permute(0, 2, 3, 1)


@pytest.mark.parametrize("keywords", POOLS.values(), ids=POOLS)
@pytest.mark.parametrize("average", [False, True], ids=["max", "average"])
def test_pooling(keywords, average):
    pool = ft.avg_pool2d if average else ft.max_pool2d
    for dtype in TOLERANCE:
        x = random(*((2, 3, 7, 6) if "data_format" in keywords else (2, 7, 6, 3)), dtype=dtype)
        close(pool(x, **keywords), stock_pool(average, x.double(), **keywords))
    x = x.double().requires_grad_()
    close(
        *(torch.autograd.grad(y.sin().sum(), x)[0] for y in (pool(x, **keywords), stock_pool(average, x, **keywords)))
    )
    assert gradgradcheck(lambda x: pool(x, **keywords), (x,), fast_mode=True)


@pytest.mark.parametrize("name", ["linear", "relu", "gelu"])
@pytest.mark.parametrize("keywords", [{}, {"data_format": "channels_first", "padding": "same"}], ids=["last", "first"])
@pytest.mark.parametrize("pool", ["max", "avg"])
def test_conv2d_pool2d(pool, keywords, name):
    tensors = operands(keywords, grad=True)
    window = {"pool": pool, "pool_size": (2, 3), "pool_strides": 2, "pool_padding": "same"}
    inner = STOCK_ACTIVATIONS[name](stock_conv2d(*tensors, **keywords))
    expected = stock_pool(pool == "avg", inner, (2, 3), 2, "same", keywords.get("data_format", "channels_last"))
    actual = ft.conv2d_pool2d(*tensors, activation=name, **window, **keywords)
    close(actual, expected)
    for a, e in zip(*(torch.autograd.grad(y.sin().sum(), tensors) for y in (actual, expected)), strict=True):
        close(a, e)
    with torch.no_grad():
        close(ft.conv2d_pool2d(*tensors, activation=name, **window, **keywords), expected)


@pytest.mark.parametrize("read", [("x",), ("kernel",), ("bias", "x"), ("x", "kernel", "bias"), ()], ids="-".join)
@pytest.mark.parametrize("name", ["_convolution.conv2d_grads", "_dense._dense_grads_op"])
def test_a_pass_back_computes_the_gradients_that_are_read(monkeypatch, name, read):
    """Of three tensors that require them; none are named where `backward` gives all."""
    module, function = name.split(".")
    module, asked = getattr(ft, module), []
    compute = getattr(module, function)

    def recorded(*args):
        asked.append(args[4:7])
        return compute(*args)

    monkeypatch.setattr(module, function, recorded)
    is_dense = module is ft._dense
    inputs = {
        "x": random(*((2, 5) if is_dense else (2, 6, 6, 3)), grad=True),
        "kernel": random(*((5, 4) if is_dense else (3, 3, 3, 4)), grad=True, seed=1),
        "bias": random(4, grad=True, seed=2),
    }
    y = (ft.dense if is_dense else ft.conv2d)(*inputs.values(), activation="tanh").sin().sum()
    if read:
        found = torch.autograd.grad(y, [inputs[key] for key in read], retain_graph=True)
        assert asked == [tuple(key in read for key in inputs)]
    y.backward()
    assert asked[-1] == (True, True, True)
    for key, gradient in zip(read, found if read else (), strict=True):
        assert torch.equal(gradient, inputs[key].grad)


def test_many_threads_at_once():
    tensors = operands({}, torch.float32)
    expected, found = ft.conv2d(*tensors), []

    def work():
        found.extend(ft.conv2d(*tensors) for _ in range(20))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 80 and all(torch.equal(y, expected) for y in found)


def test_precision_set_later_is_obeyed(restored_precision):
    x, kernel = random(1, 12, 12, 32, dtype=torch.float32), random(3, 3, 32, 32, dtype=torch.float32)
    for precision in ("highest", "medium", "highest"):
        fastconv.set_float32_precision(precision)
        np.testing.assert_array_equal(ft.conv2d(x, kernel), fastconv.conv2d(x.numpy(), kernel.numpy()))


ONES = torch.ones(1, 4, 4, 1)


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda: ft.conv2d([1], ONES), TypeError, "`x` must be a dense .* list, not a torch.Tensor"),
        (lambda: ft.conv2d(ONES[0], ONES), ValueError, r"`x` must have 4 dimensions; received shape \(4, 4, 1\)"),
        (lambda: ft.conv2d(ONES, ONES[0]), ValueError, "`kernel` must have 4 dimensions"),
        (lambda: ft.conv2d(ONES.int(), ONES), TypeError, "`x` .* no kernel for int32"),
        (lambda: ft.conv2d(ONES, ONES.double()), TypeError, "`kernel` must have the dtype of `x`, torch.float32"),
        (
            lambda: ft.conv2d(ONES, ONES, ONES[0, 0, :, 0]),
            ValueError,
            r"`bias` must have shape \(1,\); received \(4,\)",
        ),
        (lambda: ft.conv2d(ONES, ONES, strides=0), ValueError, "`strides`"),
        (lambda: ft.conv2d(ONES, ONES, strides=[1, 2, 3]), ValueError, "`strides`"),
        (lambda: ft.conv2d(ONES, ONES, padding="full"), ValueError, "`padding`"),
        (lambda: ft.conv2d(ONES, ONES, activation="wild"), ValueError, "`activation`"),
        (lambda: ft.conv2d(ONES, ONES, activation="elu", alpha="1"), TypeError, "`alpha`"),
        (lambda: ft.conv2d(ONES, ONES, data_format="NHWC"), ValueError, "`data_format`"),
        (
            lambda: ft.conv2d(ONES, torch.ones(3, 3, 2, 1)),
            ValueError,
            "`kernel` must have 1 // groups = 1 input channels",
        ),
        (
            lambda: ft.conv2d(torch.ones(1, 9, 9, 3), torch.ones(4, 3, 5, 5)),
            ValueError,
            r"received shape \(4, 3, 5, 5\), read as \(k_h, k_w, c_in // groups, c_out\); one in PyTorch's order",
        ),
        (
            lambda: ft.conv2d(torch.ones(1, 9, 9, 3), torch.ones(4, 3, 3, 3), torch.ones(4)),
            ValueError,
            r"`bias` must have shape \(3,\); .* read as \(k_h, k_w, c_in // groups, c_out\)",
        ),
        (lambda: ft.conv2d(ONES, torch.ones(5, 1, 1, 1)), ValueError, "`kernel` of 5 x 1 .* does not fit into `x`"),
        (lambda: ft.conv2d(ONES.to_sparse(), ONES), TypeError, "`x` .* sparse_coo tensor, not a dense one"),
        (lambda: ft.conv2d_transpose(ONES, torch.ones(3, 3, 1, 2)), ValueError, "`kernel` must have 1 input channels"),
        (lambda: ft.conv2d_transpose(ONES, ONES, output_padding=1), ValueError, "`output_padding` must be less"),
        (lambda: ft.conv2d_transpose(ONES, ONES, padding=((1, 1), (1, 1))), ValueError, "`padding` must be one of"),
        (lambda: ft.dense(ONES, ONES[0, 0]), ValueError, "`kernel` must have a row for each .* `x`"),
        (lambda: ft.dense(ONES, ONES), ValueError, "`kernel` must have 2 dimensions"),
        (lambda: ft.max_pool2d(ONES[0]), ValueError, "`x` must have 4 dimensions"),
        (lambda: ft.max_pool2d(ONES, 2, padding=((2, 0), (0, 0))), ValueError, "`padding` must be smaller"),
        (lambda: ft.avg_pool2d(ONES, 0), ValueError, "`pool_size`"),
        (lambda: ft.activation(ONES.bool(), "relu"), TypeError, "`x` .* no kernel for bool"),
        (lambda: ft.softmax(ONES, 4), ValueError, r"`axis` must be in \[-4, 4\); received 4"),
    ],
)
def test_errors_say_what_is_wrong(call, error, words):
    with pytest.raises(error, match=words):
        call()
