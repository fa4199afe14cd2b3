"""What picks boxes or elements by their values, so that data decide how many: ONNX's operators of these names."""

from __future__ import annotations

from typing import Any

import numpy as np

from .registry import Step, Tensor, operator
from .shape import constant

__all__ = ["non_max_suppression", "non_zero"]


@operator("NonMaxSuppression")
def non_max_suppression(
    node: Any, boxes: Any, scores: Any, most: Any = None, overlap: Any = None, least: Any = None
) -> Any:
    """(image, class, box) of the boxes that are kept, of each image and class the highest score first; all constant.

    boxes (images, boxes, 4), scores (images, classes, boxes). A box is kept whose score is above `least`, unless it
    overlaps one that is kept by more than `overlap`, the area of both over the area of either; at most `most` of each
    class. Attribute ``centered``: boxes are (x, y, width, height), else two corners (y, x, y, x).
    """
    boxes, scores = constant(boxes, "boxes"), constant(scores, "scores")
    if boxes.ndim != 3 or boxes.shape[2] != 4 or scores.ndim != 3:
        raise ValueError(f"boxes of shape {boxes.shape} and scores of shape {scores.shape}")
    if (boxes.shape[0], boxes.shape[1]) != (scores.shape[0], scores.shape[2]):
        raise ValueError(f"boxes of shape {boxes.shape} and scores of shape {scores.shape}")
    count = 0 if most is None else int(constant(most, "max_output_boxes_per_class").item())
    bound = 0.0 if overlap is None else float(constant(overlap, "iou_threshold").item())
    floor = None if least is None else float(constant(least, "score_threshold").item())
    kept = [
        (image, kind, box)
        for image in range(scores.shape[0])
        for corners in [_corners(boxes[image], node.attributes["centered"])]
        for kind in range(scores.shape[1])
        for box in _kept(corners, scores[image, kind], count, bound, floor)
    ]
    return Step((Tensor.of(np.array(kept, np.int64).reshape(-1, 3)),))


def _corners(boxes: np.ndarray, centered: bool) -> np.ndarray:
    """Lower and upper corners (boxes, 4)."""
    if centered:
        half = boxes[:, 2:] / 2
        return np.hstack([boxes[:, :2] - half, boxes[:, :2] + half])
    return np.hstack([np.minimum(boxes[:, :2], boxes[:, 2:]), np.maximum(boxes[:, :2], boxes[:, 2:])])


def _kept(corners: np.ndarray, scores: np.ndarray, count: int, bound: float, floor: float | None) -> list[int]:
    """The boxes of one class that are kept, of equal scores the first one first."""
    order = np.argsort(-scores, kind="stable")
    if floor is not None:
        order = order[scores[order] > floor]
    areas = (corners[:, 2:] - corners[:, :2]).prod(1)
    kept: list[int] = []
    while len(order) and len(kept) < count:
        best, order = int(order[0]), order[1:]
        kept.append(best)
        low = np.maximum(corners[best, :2], corners[order, :2])
        high = np.minimum(corners[best, 2:], corners[order, 2:])
        both = np.maximum(high - low, 0).prod(1)
        either = areas[best] + areas[order] - both
        order = order[~(both > bound * either)]
    return kept


@operator("NonZero")
def non_zero(node: Any, x: Any) -> Any:
    """The places (axes, count) of the elements of a constant that are not 0, in order."""
    places = np.nonzero(np.atleast_1d(constant(x, "x")))
    return Step((Tensor.of(np.array(places, np.int64).reshape(len(places), -1)),))
