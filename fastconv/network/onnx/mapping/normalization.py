"""Normalizations."""

from __future__ import annotations

from ..nodes import Emitter, OnnxNode, Refused, maps


@maps("BatchNormalization", least=5, most=5)
def batch_normalization(node: OnnxNode, emit: Emitter) -> None:
    node.only_first_output()
    if node.get("training_mode", 0) or not node.get("spatial", 1):
        raise Refused("training, or statistics for each pixel")
    emit.add("BatchNormalization", *node.inputs, to=node.output(0), axis=1, epsilon=node.get("epsilon", 1e-5))


@maps("InstanceNormalization", least=3, most=3)
def instance_normalization(node: OnnxNode, emit: Emitter) -> None:
    emit.add(
        "GroupNormalization", *node.inputs, to=node.output(0), axis=1, groups=-1, epsilon=node.get("epsilon", 1e-5)
    )


@maps("GroupNormalization", least=3, most=3)
def group_normalization(node: OnnxNode, emit: Emitter) -> None:
    # Before operator set 21 there is a scale for each group, not for each channel.
    emit.add(
        "GroupNormalization",
        *node.inputs,
        to=node.output(0),
        axis=1,
        groups=node.get("num_groups", 0),
        epsilon=node.get("epsilon", 1e-5),
    )


@maps("LayerNormalization", least=2, most=3)
def layer_normalization(node: OnnxNode, emit: Emitter) -> None:
    axis, epsilon = node.get("axis", -1), node.get("epsilon", 1e-5)
    emit.add("LayerNormalization", *node.inputs, to=node.output(0), axes=axis, epsilon=epsilon)
    if any(node.outputs[1:]):
        emit.add("Moments", node.input(0), to=(node.output(1), node.output(2)), axis=axis, epsilon=epsilon)


@maps("LpNormalization")
def lp_normalization(node: OnnxNode, emit: Emitter) -> None:
    emit.add("LpNormalization", node.input(0), to=node.output(0), axis=node.get("axis", -1), p=node.get("p", 2))


@maps("LRN")
def lrn(node: OnnxNode, emit: Emitter) -> None:
    emit.add(
        "LRN",
        node.input(0),
        to=node.output(0),
        alpha=node.get("alpha", 1e-4),
        beta=node.get("beta", 0.75),
        bias=node.get("bias", 1.0),
        size=node.get("size", 1),
    )
