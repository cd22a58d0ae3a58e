"""What own anchors are held against: those that everybody copies, plain K-means; and boxes they were not fitted to."""

from __future__ import annotations

import numpy as np

from pellucid.core.progress import track
from pellucid.tasks.boxes.anchors import DRAWN, Anchors, Update, different, draw, fit_anchors
from pellucid.tasks.boxes.iou import nearest

#: YOLOv3's nine for COCO, in pixels at 416 × 416 (Redmon 2018, § 2.3).
COCO = ((10, 13), (16, 30), (33, 23), (30, 61), (62, 45), (59, 119), (116, 90), (156, 198), (373, 326))

#: Parts into which pictures are split to judge anchors on boxes that they were not fitted to.
FOLDS = 5

#: Factors that are tried on them, within 32 times larger and smaller.
_FACTORS = np.geomspace(1 / 32, 32, 121)


def copied(sizes: np.ndarray) -> Anchors:
    """YOLOv3's anchors for COCO, at the scale that suits these boxes best: their shapes alone are judged."""
    some = sizes[:: -(-len(sizes) // DRAWN)]
    scale = np.sqrt(np.median(some.prod(1)) / np.median(np.prod(COCO, 1)))
    tried = [np.array(COCO) * scale * factor for factor in _FACTORS]
    return Anchors.of(sizes, max(tried, key=lambda anchors: nearest(some, anchors)[1].mean()))


def plain(sizes: np.ndarray, k: int, *, seed: int) -> Anchors | None:
    """K-means with the Euclidean distance, which cares for large boxes alone; None for fewer than k different ones."""
    from sklearn.cluster import KMeans

    some = draw(sizes, np.random.default_rng(seed))
    if different(some) < k:
        return None
    return Anchors.of(sizes, KMeans(k, n_init=10, random_state=seed).fit(some).cluster_centers_)


def held_out(sizes: np.ndarray, groups: np.ndarray, k: int, *, update: Update, seed: int) -> np.ndarray | None:
    """Each box's IoU with the best of anchors that were fitted without its picture: [n], in ``FOLDS`` parts.

    None where there are fewer pictures than parts, or where one of them leaves fewer than k different sizes.
    """
    count = int(groups.max()) + 1
    part = (np.random.default_rng(seed).permutation(count) % FOLDS)[groups]
    if count < FOLDS or any(different(sizes[part != fold]) < k for fold in range(FOLDS)):
        return None
    found = np.empty(len(sizes))
    for fold in track(range(FOLDS), "judging on other boxes"):
        out = part == fold
        fit = fit_anchors(sizes[~out], k, update=update, restarts=5, seed=seed)
        found[out] = nearest(sizes[out], fit.sizes)[1]
    return found
