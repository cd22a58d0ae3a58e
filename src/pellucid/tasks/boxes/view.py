"""``pellucid.anchors``: boxes in; anchors, what they are worth, and how many are worth it, out."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.core.errors import BadInput
from pellucid.core.types import View
from pellucid.tasks.boxes import rivals
from pellucid.tasks.boxes.anchors import Anchors, Update, fit_anchors
from pellucid.tasks.boxes.knee import climb, knee_of
from pellucid.tasks.boxes.recall import Mean, mean_of, overlap_recall, ratio_recall, share_of
from pellucid.tasks.boxes.sizes import BoxSizes, sizes_of


def anchors(
    data: Any,
    k: int = 9,
    *,
    size: int | tuple[int, int] | None = None,
    squeeze: bool = False,
    update: Update = "median",
    levels: int | None = None,
    most: int = 15,
    restarts: int = 20,
    seed: int = 0,
) -> View:
    """Anchors for a detector, by K-means with the distance 1 − IoU on the boxes' widths and heights.

    data: what ``pellucid.dataset`` opens and that has boxes (those of the split train, where there are splits), or
    widths and heights themselves: an array [n, 2], a .npy, .csv or .tsv. size: what pictures are brought to before they
    enter the detector, (height, width) or one number, keeping their proportions, or with ``squeeze`` not; None: boxes
    stay as they are. update: "median" or "mean". levels: the detector's, over which the anchors are split by area
    (None: 3, or as many as there are anchors). most: how far the curve of the average IoU goes.

    Gives boxes [sample, size] and anchors [cluster, size] as width, height; overlap [sample]; curve [step], the average
    IoU of 1, 2, 3 … anchors; a row an anchor. Intervals (95 %) are over pictures. Raises BadInput where there are no
    boxes, or fewer different ones than k.
    """
    shape = (size, size) if isinstance(size, int) else size
    if shape is not None and min(shape) < 1:
        raise BadInput(f"a size of {shape[0]} × {shape[1]}", cure="pass at least 1")
    levels = min(3, max(k, 1)) if levels is None else levels
    if not 1 <= levels <= max(k, 1):
        raise BadInput(f"{levels} levels for {k} anchors", cure=f"pass 1 to {max(k, 1)}")
    boxes = sizes_of(data, shape, squeeze=squeeze)
    try:
        fit, tried = _fitted(boxes.sizes, k, most, update=update, restarts=restarts, seed=seed)
        return _view(boxes, fit, tried, levels=levels, update=update, seed=seed)
    except BadInput as error:
        raise error.at(boxes.source) from error.__cause__


def _fitted(
    sizes: np.ndarray, k: int, most: int, *, update: Update, restarts: int, seed: int
) -> tuple[Anchors, list[Anchors]]:
    """The anchors, and those for 1, 2, 3 …, of which they are one."""
    fit_anchors(sizes, k, update=update, restarts=1, seed=seed)  # what cannot be is told before the long work
    tried = climb(sizes, k, max(most, k), update=update, restarts=restarts, seed=seed)
    if k > len(tried):  # of very many boxes only few are different, and not all of those were drawn
        return fit_anchors(sizes, k, update=update, restarts=restarts, seed=seed), tried
    fit = fit_anchors(sizes, k, update=update, restarts=0, seed=seed, begin=tried[k - 1].sizes)
    return fit, [*tried[: k - 1], fit, *tried[k:]]


def _view(boxes: BoxSizes, fit: Anchors, tried: list[Anchors], *, levels: int, update: Update, seed: int) -> View:
    sizes, groups, k = boxes.sizes, boxes.groups, len(fit)
    curve = np.array([each.average_iou for each in tried])
    level = np.concatenate([np.full(len(p), i + 1) for i, p in enumerate(np.array_split(np.arange(k), levels))])
    told = {
        "average_iou": mean_of(fit.overlap, groups),
        "recall_by_ratio": share_of(ratio_recall(sizes, fit.sizes), groups),
        "recall_by_iou": share_of(overlap_recall(fit.overlap), groups),
    }
    out = rivals.held_out(sizes, groups, k, update=update, seed=seed)
    if out is not None:
        told["held_out_iou"] = mean_of(out, groups)
    return View(
        "anchors",
        {"boxes": sizes.astype(np.float32), "anchors": fit.sizes, "overlap": fit.overlap, "curve": curve},
        {"boxes": ("sample", "size"), "anchors": ("cluster", "size"), "overlap": ("sample",), "curve": ("step",)},
        tuple(_rows(fit, level)),
        {
            "k": k,
            "levels": levels,
            "update": update,
            "unit": boxes.unit,
            "pictures": boxes.pictures if boxes.pictures < len(sizes) else None,
            "boxes": len(sizes),
            "knee": knee_of(curve),
            "figures": {name: _plain(mean) for name, mean in told.items()},
            "rivals": _rivals(sizes, groups, fit, tried[0], seed),
            "paste": _paste(fit.sizes, level),
            "shares": None if boxes.whole is None else (fit.sizes / boxes.whole).tolist(),
        },
        notes=boxes.notes,
        provenance={"data": boxes.source, "seed": seed},
    )


def _plain(mean: Mean) -> dict[str, float | None]:
    """Numbers that JSON has, too."""
    return {n: None if np.isnan(v) else v for n, v in (("value", mean.value), ("low", mean.low), ("high", mean.high))}


def _rows(fit: Anchors, level: np.ndarray) -> list[dict[str, Any]]:
    """A row an anchor."""
    found = []
    for j, (width, height) in enumerate(fit.sizes.tolist()):
        own = fit.overlap[fit.own == j]
        row = {"anchor": j + 1, "level": int(level[j]), "width": width, "height": height, "boxes": len(own)}
        found.append(row | {"share": len(own) / len(fit.own), "iou": float(own.mean()) if len(own) else None})
    return found


def _rivals(
    sizes: np.ndarray, groups: np.ndarray, fit: Anchors, single: Anchors, seed: int
) -> dict[str, dict[str, Any]]:
    """What others reach on the same boxes, and by how much these anchors are better, paired by box."""
    others = {
        "one anchor": single,
        "YOLOv3's for COCO": rivals.copied(sizes),
        "Euclidean K-means": rivals.plain(sizes, len(fit), seed=seed),
    }
    return {
        name: {
            "k": len(other),
            **_plain(mean_of(other.overlap, groups)),
            "better_by": _plain(mean_of(fit.overlap - other.overlap, groups)),
        }
        for name, other in others.items()
        if other is not None
    }


def _paste(sizes: np.ndarray, level: np.ndarray) -> list[list[float]]:
    """A list a level: width, height, width, height …, smallest first; whole pixels where they are large enough."""
    digits = 0 if sizes.min() >= 4 else 2 if sizes.min() >= 0.05 else 5
    rounded = [[round(v, digits) if digits else round(v) for v in pair] for pair in sizes.tolist()]
    return [[v for pair, l in zip(rounded, level, strict=True) if l == n for v in pair] for n in np.unique(level)]
