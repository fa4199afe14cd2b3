"""Kernels that a network holds in packed forms alone: right for sizes and settings that ask for other forms later."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from conv_reference import conv2d

from fastconv import _core
from fastconv.network import Graph, Net, Node, Value
from fastconv.network.graph import Released

FLOAT = np.dtype("float32")
STEPS = (
    "direct_step",
    "unpacked_step",
    "packed_step",
    "planar_step",
    "batch_step",
    "winograd_product",
    "conv_pool_step",
)


@pytest.fixture
def costs():
    """The costs as they were come back."""
    before = _core.costs()
    yield before
    for name, cycles in before.items():
        _core.set_cost(name, cycles)


@pytest.fixture
def kernels(rng):
    return [rng.standard_normal(shape).astype(FLOAT) / 8 for shape in ((3, 3, 4, 24), (3, 3, 24, 16), (1, 1, 16, 8))]


@pytest.fixture
def net(kernels):
    constants = {f"k{i}": kernel for i, kernel in enumerate(kernels)}
    nodes = [
        Node("Conv", ("x", "k0"), ("a",), {"pads": "same_upper"}),
        Node("MaxPool", ("a",), ("p",), {"window": (2, 2), "strides": (2, 2)}),
        Node("Conv", ("p", "k1"), ("b",), {"pads": "same_upper", "activation": ("relu", 0.0)}),
        Node("Conv", ("b", "k2"), ("y",)),
    ]
    return Net(Graph([Value("x", (None, None, None, 4), FLOAT)], [Value("y")], nodes, constants, {"first": "a"}))


def convolved(x, kernel):
    pad = kernel.shape[0] // 2
    return conv2d(x, kernel, None, (1, 1), ((pad, pad), (pad, pad)), (1, 1), 1)


def wanted(x, kernels):
    a = convolved(x, kernels[0])
    n, h, w, c = a.shape
    p = a[:, : h // 2 * 2, : w // 2 * 2].reshape(n, h // 2, 2, w // 2, 2, c).max((2, 4))
    return convolved(np.maximum(convolved(p, kernels[1]), 0), kernels[2])


def agree(y, reference):
    np.testing.assert_allclose(y, reference, rtol=1e-4, atol=1e-5)


def test_a_kernel_is_held_packed_or_as_it_is(net, rng):
    net(rng.standard_normal((1, 16, 16, 4)).astype(FLOAT))
    (graph,) = net._plans._optimized.values()
    held = [isinstance(graph.constants[node.inputs[1]], Released) for node in graph.nodes if node.op == "Conv"]
    packed = [any(prepared.nbytes for prepared in node.prepared.values()) for node in graph.nodes if node.op == "Conv"]
    assert held == packed


def test_a_kernel_that_only_plans_know_is_packed_for_each_size(rng):
    steps = rng.integers(-128, 128, (3, 3, 128, 256)).astype(np.int8)  # too large as floats to be folded
    constants = {"k": steps, "s": np.float32(0.001)}
    nodes = [Node("DequantizeLinear", ("k", "s"), ("r",)), Node("Conv", ("x", "r"), ("y",), {"pads": "same_upper"})]
    net = Net(Graph([Value("x", (None, None, None, 128), FLOAT)], [Value("y")], nodes, constants))
    for shape in [(1, 4, 4), (2, 3, 5), (1, 4, 4)]:
        x = rng.standard_normal((*shape, 128)).astype(FLOAT)
        agree(net(x), convolved(x, steps * np.float32(0.001)))


def test_other_sizes_ask_for_other_forms(net, kernels, rng):
    for shape in [(1, 16, 16), (1, 5, 6), (40, 12, 12), (1, 64, 48), (1, 2, 2), (3, 33, 7), (1, 16, 16)]:
        x = rng.standard_normal((*shape, 4)).astype(FLOAT)
        agree(net(x), wanted(x, kernels))


@pytest.mark.parametrize("name", STEPS)
def test_other_costs_ask_for_other_forms(net, kernels, rng, costs, name):
    images = [rng.standard_normal((n, 16, 16, 4)).astype(FLOAT) for n in (1, 40)]
    for cycles in (costs[name], 1e4, 1e-4):
        _core.set_cost(name, cycles)
        for x in images:
            agree(net(x), wanted(x, kernels))


def test_outputs_of_layers_have_kernels_of_their_own(net, kernels, rng):
    x = rng.standard_normal((1, 16, 16, 4)).astype(FLOAT)
    for _ in range(2):
        agree(net(x), wanted(x, kernels))
        y, layers = net(x, layers=["first"])
        agree(y, wanted(x, kernels))
        agree(layers["first"], convolved(x, kernels[0]))


def test_threads_may_ask_for_several_forms_at_once(net, kernels, rng):
    images = [rng.standard_normal((1 + i % 3, 8 + 5 * (i % 5), 16, 4)).astype(FLOAT) for i in range(30)]
    with ThreadPoolExecutor(6) as pool:
        for x, y in zip(images, pool.map(net, images), strict=True):
            agree(y, wanted(x, kernels))
