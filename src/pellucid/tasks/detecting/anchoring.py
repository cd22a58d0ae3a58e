"""Which nine anchors a detector has, three a level: by K-means, set by hand, others', or none."""

from __future__ import annotations

from itertools import product

import numpy as np

from pellucid.core.errors import BadInput
from pellucid.models.grid import BOXES, STRIDES
from pellucid.tasks.boxes.anchors import different, fit_anchors

#: Three sizes, as shares of the picture's side, of three shapes (width over height), as Faster R-CNN has them.
SIZES, SHAPES = (1 / 12, 1 / 5, 1 / 2), (0.5, 1.0, 2.0)

#: YOLOv3's anchors for COCO at 416 × 416: what people take over who do not look at their own boxes.
COCO = ((10, 13), (16, 30), (33, 23), (30, 61), (62, 45), (59, 119), (116, 90), (156, 198), (373, 326))
COCO_SIDE = 416

COUNT = len(STRIDES) * BOXES


def anchors_of(said: str, sizes: np.ndarray) -> np.ndarray | None:
    """Anchors [levels, BOXES, 2] as shares of the picture's sides, by area; None for "none".

    said: "kmeans", "fixed", "coco", "none", or nine sizes as text, "0.05x0.08, 0.1x0.1, …". sizes: of boxes, [n, 2].
    """
    if said == "none":
        return None
    if said == "fixed":
        found = np.array([(s * r**0.5, s / r**0.5) for s, r in product(SIZES, SHAPES)])
        return found.reshape(len(STRIDES), BOXES, 2)
    if said == "coco":
        found = np.array(COCO) / COCO_SIDE
    elif said == "kmeans":
        if not len(sizes):
            raise BadInput(
                "no training picture has a box to fit anchors to", cure="pass anchors='none' (--anchors none)"
            )
        found = fit_anchors(sizes, min(COUNT, different(sizes)), restarts=10).sizes
        found = np.resize(found, (COUNT, 2))  # of fewer sizes than anchors some are there twice
    else:
        found = _written(said)
    return found[np.argsort(found.prod(1), kind="stable")].reshape(len(STRIDES), BOXES, 2)


def _written(said: str) -> np.ndarray:
    cure = f"pass kmeans, fixed, coco, none, or {COUNT} sizes as shares of the picture, 0.05x0.08, 0.1x0.1, …"
    try:
        found = np.array([[float(v) for v in each.split("x")] for each in said.split(",")])
    except ValueError as error:
        raise BadInput(f"anchors are {said!r}", cure=cure) from error
    if found.shape != (COUNT, 2) or not np.isfinite(found).all() or (found <= 0).any() or (found > 1).any():
        raise BadInput(f"anchors are {said!r}", cure=cure)
    return found
