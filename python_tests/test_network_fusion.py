"""A convolution and the pool that alone reads its result run as one step, and give what the two give."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastconv
from fastconv.network import Graph, Net, Node, Value


def net_of(kernel, bias, pads, activation, strides, outputs=("y",), pool=None):
    dtype = kernel.dtype
    constants = {"k": kernel} | ({} if bias is None else {"b": bias})
    words = {"pads": pads, "activation": (activation, 0.0), "strides": strides}
    nodes = [
        Node("Conv", ("x", *constants), ("c",), words),
        Node("MaxPool", ("c",), ("y",), {"window": (2, 2)} | (pool or {})),
    ]
    x = Value("x", (None, None, None, kernel.shape[2]), dtype)
    return Net(Graph([x], [Value(name) for name in outputs], nodes, constants))


def algorithms(net, shape):
    plan = net._plans.find([shape], tuple(value.name for value in net._graph.outputs)).plan
    return [planned.step.algorithm for planned in plan.steps]


def reference(x, kernel, bias, pads, relu, strides):
    """In float64, from the definition."""
    x = np.pad(x.astype(float), ((0, 0), *pads, (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel.shape[:2], (1, 2))
    windows = windows[:, :: strides[0], :: strides[1]]
    z = np.einsum("nijchw,hwco->nijo", windows, kernel.astype(float)) + (0 if bias is None else bias)
    z = np.maximum(z, 0) if relu else z
    h, w = z.shape[1] // 2 * 2, z.shape[2] // 2 * 2
    return z[:, :h, :w].reshape(len(z), h // 2, 2, w // 2, 2, -1).max((2, 4))


@settings(max_examples=80, deadline=None)
@given(
    st.integers(1, 3),
    st.integers(2, 19),
    st.integers(2, 19),
    st.sampled_from([1, 2, 3, 6]),
    st.sampled_from([1, 3, 6, 16, 17, 32, 40]),
    st.integers(1, 5),
    st.integers(1, 5),
    st.tuples(*[st.tuples(st.integers(0, 2), st.integers(0, 2))] * 2),
    st.tuples(st.integers(1, 2), st.integers(1, 2)),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["float32", "float64"]),
)
def test_the_result_is_that_of_the_definition(n, h, w, c, outs, k_h, k_w, pads, strides, relu, has_bias, dtype):
    sizes = [(a + sum(pad) - k) // s + 1 for a, pad, k, s in zip((h, w), pads, (k_h, k_w), strides, strict=True)]
    if min(h + sum(pads[0]) - k_h, w + sum(pads[1]) - k_w) < 0 or min(sizes) < 2:
        return
    rng = np.random.default_rng(h * 19 + w)
    x, kernel = rng.standard_normal((n, h, w, c)).astype(dtype), rng.standard_normal((k_h, k_w, c, outs)).astype(dtype)
    bias = rng.standard_normal(outs).astype(dtype) if has_bias else None
    y = net_of(kernel, bias, pads, "relu" if relu else "linear", strides)(x)
    wanted = reference(x, kernel, bias, pads, relu, strides)
    np.testing.assert_allclose(y, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("shape", "kernel"), [((4, 28, 28, 1), (3, 3, 1, 32)), ((1, 28, 28, 1), (5, 5, 1, 6))])
@pytest.mark.parametrize("pads", ["valid", "same_upper"])
def test_first_layers_of_small_networks_are_fused_where_that_costs_less(rng, shape, kernel, pads):
    kernel, x = rng.standard_normal(kernel).astype("float32"), rng.standard_normal(shape).astype("float32")
    net = net_of(kernel, None, pads, "relu", (1, 1))
    assert algorithms(net, shape) == ["pooled"] or algorithms(net, shape)[1:] == ["pool"]
    apart = net_of(kernel, None, pads, "relu", (1, 1), ("y", "c"))
    assert "pooled" not in algorithms(apart, shape)
    np.testing.assert_allclose(net(x), apart(x)[0], rtol=1e-4, atol=1e-5)
    results = []
    for threads in (1, 2, 3, 7):
        with fastconv.threads(threads):
            results.append(net(x))
    assert all((result == results[0]).all() for result in results)


@pytest.mark.parametrize("pool", [{"window": (3, 3)}, {"strides": (1, 1)}, {"pads": ((0, 1), (0, 0))}])
def test_other_pools_are_steps_of_their_own(rng, pool):
    kernel = rng.standard_normal((3, 3, 1, 32)).astype("float32")
    net = net_of(kernel, None, "valid", "relu", (1, 1), pool=pool)
    assert algorithms(net, (1, 28, 28, 1))[-1] == "pool"


def test_nan_and_infinity_reach_the_windows_that_cover_them(rng):
    kernel = np.abs(rng.standard_normal((3, 3, 1, 32))).astype("float32")
    x = rng.standard_normal((1, 28, 28, 1)).astype("float32")
    net = net_of(kernel, None, "valid", "relu", (1, 1))
    clean = net(x)
    x[0, 9, 9, 0], x[0, 20, 21, 0] = np.nan, np.inf
    dirty = net(x)
    # Cell 9 is read by results 7 to 9, which lie in windows 3 and 4; cells 20 and 21 by 18 to 20 and 19 to 21.
    bad, infinite = np.zeros((13, 13), bool), np.zeros((13, 13), bool)
    bad[3:5, 3:5] = True
    infinite[9:11, 9:11] = True
    np.testing.assert_array_equal(np.isnan(dirty[0]), np.repeat(bad[:, :, None], 32, 2))
    np.testing.assert_array_equal(np.isinf(dirty[0]), np.repeat(infinite[:, :, None], 32, 2))
    rest = ~(bad | infinite)
    np.testing.assert_array_equal(dirty[0][rest], clean[0][rest])
