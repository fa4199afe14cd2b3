"""Batches that run a chunk of images after the other, and the steps that the core runs in one call."""

import threading

import numpy as np
import pytest

import fastconv
from fastconv import _args, _core
from fastconv.network import Graph, Net, Node, Value
from fastconv.network.passes import optimize
from fastconv.nn.activations import ACTIVATIONS

FLOAT = np.dtype("float32")


def small_net(rng, last=("Softmax", {"axis": -1})):
    """Convolution, pooling, convolution, dense layer, and one operator more, of images of 12 x 12 pixels."""
    kernels = {
        "k1": rng.standard_normal((3, 3, 2, 8)),
        "k2": rng.standard_normal((3, 3, 8, 4)),
        "b2": rng.standard_normal(4),
        "k3": rng.standard_normal((36, 5)),
        "flat": np.array([-1, 36]),
    }
    constants = {name: k.astype("int64" if name == "flat" else FLOAT) for name, k in kernels.items()}
    nodes = [
        Node("Conv", ("x", "k1"), ("c1",), {"activation": ("relu", 0.0)}),
        Node("MaxPool", ("c1",), ("p1",), {"window": (2, 2)}),
        Node("Conv", ("p1", "k2", "b2"), ("c2",), {"activation": ("tanh", 0.0)}),
        Node("Reshape", ("c2", "flat"), ("f",)),
        Node("Dense", ("f", "k3"), ("d",)),
        Node(last[0], ("d",), ("y",), last[1]),
    ]
    return Net(Graph([Value("x", (None, 12, 12, 2), FLOAT)], [Value("y")], nodes, constants))


def chunks_of(net, images):
    return net._plans.find([(images, 12, 12, 2)], ("y",)).chunks


@pytest.mark.parametrize("images", [17, 32, 37, 100])
def test_chunks_give_what_single_images_give(rng, images):
    net = small_net(rng)
    x = rng.standard_normal((images, 12, 12, 2)).astype(FLOAT)
    assert chunks_of(net, images) is not None
    wanted = np.concatenate([net(x[i : i + 1]) for i in range(images)])
    np.testing.assert_allclose(net(x), wanted, rtol=1e-5, atol=1e-6)


def test_a_batch_of_one_chunk_is_not_cut(rng):
    net = small_net(rng)
    assert chunks_of(net, 1) is None and chunks_of(net, 16) is None


def test_chunks_have_the_same_bits_for_any_number_of_threads(rng):
    net = small_net(rng)
    x = rng.standard_normal((333, 12, 12, 2)).astype(FLOAT)
    results = []
    for threads in (1, 2, 3, 7):
        with fastconv.threads(threads):
            results += [net(x), net(x)]
    assert all((result == results[0]).all() for result in results)


def test_steps_across_images_are_not_cut(rng):
    net = small_net(rng, ("Softmax", {"axis": 0}))
    x = rng.standard_normal((40, 12, 12, 2)).astype(FLOAT)
    assert chunks_of(net, 40) is None
    np.testing.assert_allclose(net(x).sum(0), np.ones(5), rtol=1e-5)


def test_nan_and_infinity_stay_in_their_image(rng):
    net = small_net(rng)
    x = rng.standard_normal((40, 12, 12, 2)).astype(FLOAT)
    clean = net(x)
    x[21, 5, 5, 0] = np.nan
    x[35, 2, 2, 1] = np.inf
    dirty = net(x)
    others = np.delete(np.arange(40), [21, 35])
    np.testing.assert_array_equal(dirty[others], clean[others])
    assert np.isnan(dirty[21]).all()


def test_calls_at_the_same_time_share_a_program(rng):
    net = small_net(rng)
    inputs = [rng.standard_normal((n, 12, 12, 2)).astype(FLOAT) for n in (3, 3, 50, 50)]
    wanted = [net(x) for x in inputs]
    wrong = []

    def work(x, y):
        wrong.extend(i for i in range(20) if not (net(x) == y).all())

    threads = [threading.Thread(target=work, args=pair) for pair in zip(inputs, wanted, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_several_outputs_and_a_layer_in_between(rng):
    net = small_net(rng)
    graph = net._graph.with_outputs(["y", "d"])
    both = Net(graph)
    x = rng.standard_normal((35, 12, 12, 2)).astype(FLOAT)
    y, d = both(x)
    np.testing.assert_allclose(y, net(x), rtol=1e-5)
    np.testing.assert_allclose(y, fastconv.softmax(d), rtol=1e-5)


def test_a_call_refuses_arrays_of_other_sizes():
    call = _core.activate_call(_args.dtype_id(FLOAT), ACTIVATIONS["relu"], 0.0, 4)
    x, y = np.array([-1, 2, -3, 4], FLOAT), np.zeros(4, FLOAT)
    call(x, y)
    assert y.tolist() == [0, 2, 0, 4]
    with pytest.raises(ValueError, match="bytes"):
        call(x, y[:3])
    with pytest.raises(TypeError, match="arrays"):
        call(x)
    with pytest.raises(ValueError, match="outside"):
        _core.Program([(call, [(1, 0), (0, 4)])], [16, 16], 1.0)
    program = _core.Program([(call, [(1, 0), (0, 0)])], [16, 16], 1.0)
    with pytest.raises(ValueError, match="bytes"):
        program.run([y, x[:2].copy()])
    with pytest.raises(TypeError, match="arrays"):
        program.run([y])


def test_nbytes_counts_what_was_packed(rng):
    net = small_net(rng)
    before = net.nbytes
    net(np.zeros((1, 12, 12, 2), FLOAT))
    packed = sum(
        prepared.nbytes
        for graph in net._plans._optimized.values()
        for node in graph.nodes
        for prepared in node.prepared.values()
    )
    # A packed form has at least as many numbers as the kernel.
    assert packed >= 4 * (3 * 3 * 2 * 8 + 3 * 3 * 8 * 4)
    assert net.nbytes >= before + packed


def test_kernels_lie_as_the_core_reads_them(rng):
    kernel = rng.standard_normal((8, 2, 3, 3)).astype(FLOAT).transpose(2, 3, 1, 0)
    graph = Graph([Value("x", (1, 6, 6, 2), FLOAT)], [Value("y")], [Node("Conv", ("x", "k"), ("y",))], {"k": kernel})
    laid_out = optimize(graph).constants["k"]
    assert laid_out.flags.c_contiguous and not kernel.flags.c_contiguous
    np.testing.assert_array_equal(laid_out, kernel)
