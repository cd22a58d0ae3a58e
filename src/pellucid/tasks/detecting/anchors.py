"""Which sizes the boxes of a grid detector begin from: by K-means, by hand, or none."""

from __future__ import annotations

import re

import numpy as np

from pellucid.core.errors import BadInput
from pellucid.models.grid import BOXES, STRIDES
from pellucid.tasks.boxes.anchors import fit_anchors

#: So many anchors a network has.
COUNT = BOXES * len(STRIDES)

#: YOLOv3's anchors for COCO at 416 × 416: what people take over who do not look at their own boxes.
COCO = ((10, 13), (16, 30), (33, 23), (30, 61), (62, 45), (59, 119), (116, 90), (156, 198), (373, 326))
COCO_SIDE = 416


def anchors_of(told: str, sizes: np.ndarray, *, seed: int = 0) -> np.ndarray | None:
    """[levels, BOXES, 2] as shares of the picture, the smallest on the finest level; None where there shall be none.

    told: "kmeans", of the training boxes' sizes [n, 2]; "coco"; "none"; or nine sizes such as "0.1x0.2,0.3x0.3,…".
    """
    if told == "none":
        return None
    if told == "coco":
        found = np.array(COCO) / COCO_SIDE
    elif told == "kmeans":
        if len(np.unique(sizes, axis=0)) < COUNT:
            cure = "pass anchors='none' (--anchors none), or nine sizes"
            raise BadInput(f"fewer than {COUNT} different sizes of boxes for as many anchors", cure=cure)
        found = fit_anchors(sizes, COUNT, seed=seed).sizes
    else:
        found = _read(told)
    ordered = found[np.argsort(found.prod(1), kind="stable")]
    return ordered.reshape(len(STRIDES), BOXES, 2)


def _read(text: str) -> np.ndarray:
    cells = [cell.strip() for cell in text.split(",")]
    read = [re.fullmatch(r"(\d*\.?\d+)x(\d*\.?\d+)", cell) for cell in cells]
    sizes = np.array([[float(v) for v in match.groups()] for match in read if match])
    if len(sizes) != COUNT or len(cells) != COUNT or not ((sizes > 0) & (sizes <= 1)).all():
        cure = f"pass kmeans, coco, none, or {COUNT} sizes as shares of the picture: 0.1x0.2,0.2x0.2,…"
        raise BadInput(f"anchors are {text!r}", cure=cure)
    return sizes
