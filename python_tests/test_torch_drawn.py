"""Drawn networks of the torch functions and of torch's own, next to each other.

`FASTCONV_EXAMPLES=2000 pytest --hypothesis-seed=1 python_tests/test_torch_drawn.py` draws 2000 others.
"""

from typing import NamedTuple

import pytest
import torch
from drawn import examples
from hypothesis import given
from hypothesis import strategies as st
from test_torch import close
from torch.autograd import forward_ad, grad
from torch.nn import functional as F

import fastconv.torch as ft

# Of torch itself: in forward mode, and where its own operations have no rule for a batch.
pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated"),
    pytest.mark.filterwarnings("ignore:There is a performance drop"),
]

FIRST = {"data_format": "channels_first"}
ACTIVATIONS = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "gelu": F.gelu,
    "elu": F.elu,
    "softplus": F.softplus,
    "silu": F.silu,
}
NAMES = list(ACTIVATIONS)


class Step(NamedTuple):
    kind: str
    back: int  # which tensor it takes, counted from the last
    numbers: tuple[int, int, int]


class Ours:
    @staticmethod
    def conv(x, w, b, strides, padding, dilation, groups, name):
        return ft.conv2d(
            x,
            w.permute(2, 3, 1, 0),
            b,
            strides=strides,
            padding=((padding, padding),) * 2,
            groups=groups,
            dilation_rate=dilation,
            activation=name,
            alpha=1.0,
            **FIRST,
        )

    @staticmethod
    def transpose(x, w, b, strides, name):
        return ft.conv2d_transpose(x, w.permute(2, 3, 1, 0), b, strides=strides, activation=name, alpha=1.0, **FIRST)

    @staticmethod
    def pool(x, average, size, strides, padding):
        return (ft.avg_pool2d if average else ft.max_pool2d)(
            x, size, strides=strides, padding=((padding, padding),) * 2, **FIRST
        )

    @staticmethod
    def dense(x, w, b, name):
        return ft.dense(x, w.T, b, activation=name, alpha=1.0)

    @staticmethod
    def activation(x, name):
        return ft.activation(x, name, 1.0)

    softmax = staticmethod(ft.softmax)


class Stock:
    @staticmethod
    def conv(x, w, b, strides, padding, dilation, groups, name):
        return ACTIVATIONS[name](F.conv2d(x, w, b, strides, padding, dilation, groups))

    @staticmethod
    def transpose(x, w, b, strides, name):
        return ACTIVATIONS[name](F.conv_transpose2d(x, w, b, strides))

    @staticmethod
    def pool(x, average, size, strides, padding):
        if average:
            return F.avg_pool2d(x, size, strides, padding, count_include_pad=False)
        return F.max_pool2d(x, size, strides, padding)

    @staticmethod
    def dense(x, w, b, name):
        return ACTIVATIONS[name](F.linear(x, w, b))

    @staticmethod
    def activation(x, name):
        return ACTIVATIONS[name](x)

    softmax = staticmethod(torch.softmax)


def applied(functions, step, x, nodes, weight):
    """What a step makes of x; weight(*shape) gives it its weights."""
    a, b, c = step.numbers
    name, (_, channels, h, w) = NAMES[c % len(NAMES)], x.shape
    if step.kind == "conv":
        groups = 2 if channels % 2 == 0 and b % 3 == 0 else 1
        outputs, size, padding = 2 + 2 * (a % 2), min(1 + a % 3, h, w), b % 2
        dilation = 2 if b % 5 == 4 and min(h, w) > 4 else 1
        return functions.conv(
            x,
            weight(outputs, channels // groups, size, size),
            weight(outputs),
            1 + c % 2,
            padding,
            dilation,
            groups,
            name,
        )
    if step.kind == "transpose":
        return functions.transpose(x, weight(channels, 2, 2, 2), weight(2), 1 + a % 2, name)
    if step.kind == "pool":
        size = min(2 + a % 2, h, w)
        return functions.pool(x, b % 2 == 0, size, 1 + c % 2, (a + c) % 2 * (size // 2))
    if step.kind == "dense":
        return functions.dense(x, weight(3, w), weight(3), name)
    if step.kind == "activation":
        return functions.activation(x, name)
    if step.kind == "softmax":
        return functions.softmax(x, 1 + a % 3)
    if step.kind == "add":
        same = [node for node in nodes if node.shape == x.shape]
        return x + same[a % len(same)] * torch.sin(same[b % len(same)])
    if step.kind == "memory":
        return x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2) if a % 2 else x.contiguous()
    return x[:, :, : max(1, h - 1)]


def network(functions, steps, weights):
    """A function of x and weights, which are made where `weights` has too few."""

    def run(x, *given):
        left, nodes = list(given), [x]

        def weight(*shape):
            if not left:
                weights.append(torch.randn(shape, generator=generator, dtype=torch.float64) / max(1, shape[-1]))
                return weights[-1]
            return left.pop(0)

        for step in steps:
            x = nodes[-1 - step.back % len(nodes)]
            nodes.append(applied(functions, step, x, nodes, weight))
        return nodes[-1]

    generator = torch.Generator().manual_seed(len(steps))
    return run


def course(function, x, weights):
    """Values, and what autograd makes of them: two orders, forward mode, several directions, a map."""
    leaves = [t.clone().requires_grad_() for t in (x, *weights)]
    y = function(*leaves)
    wide = [torch.zeros_like(leaf) for leaf in leaves]
    firsts = grad(y.sin().sum(), leaves, create_graph=True, allow_unused=True)
    firsts = [zero if first is None else first for first, zero in zip(firsts, wide, strict=True)]
    total = sum(first.cos().sum() for first in firsts)
    seconds = grad(total, leaves, retain_graph=True, allow_unused=True) if total.requires_grad else wide
    seconds = [zero if second is None else second for second, zero in zip(seconds, wide, strict=True)]
    directions = torch.stack([torch.ones_like(y), y.detach().cos()])
    many = grad(y, leaves, directions, is_grads_batched=True, allow_unused=True) if y.requires_grad else ()
    with forward_ad.dual_level():
        moved = forward_ad.unpack_dual(function(forward_ad.make_dual(x, x.cos()), *weights)).tangent
    mapped = torch.func.vmap(lambda t: function(t, *weights))(torch.stack([x, x.sin()]))
    return [
        y,
        *firsts,
        *seconds,
        *(torch.zeros(0) if m is None else m for m in many),
        torch.zeros_like(y) if moved is None else moved,
        mapped,
    ]


KINDS = ["conv", "conv", "transpose", "pool", "dense", "activation", "softmax", "add", "memory", "rows"]
_small = st.integers(0, 11)
_steps = st.builds(Step, st.sampled_from(KINDS), st.sampled_from([0, 0, 0, 1, 2]), st.tuples(_small, _small, _small))


@examples(30)
@given(
    steps=st.lists(_steps, min_size=1, max_size=6),
    shape=st.tuples(*(st.integers(1, n) for n in (3, 4, 6, 6))),
    last=st.booleans(),
)
def test_drawn_networks_are_as_torch_has_them(steps, shape, last):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    x = x.contiguous(memory_format=torch.channels_last if last else torch.contiguous_format)
    weights = []
    network(Stock, steps, weights)(x)
    expected = course(network(Stock, steps, weights), x, weights)
    for actual, wanted in zip(course(network(Ours, steps, weights), x, weights), expected, strict=True):
        close(actual, wanted)
