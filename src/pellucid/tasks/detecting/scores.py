"""How well boxes are found: average precision, and what a threshold lets through.

A summary is float32 [N, 1 + MOST + most, 9]. Its first row holds how many true boxes there are; then the found ones,
best first, as (x0, y0, x1, y1, score, class, level, hits, spared), and the true ones as (x0, y0, x1, y1, 0, class, 0,
0, 0). Rows without one have class −1. hits is a number whose bit k says whether the box is a true one from the overlap
OVERLAPS[k] on, and those of spared whether it counts neither way, for it lies where nobody asks. This is found within a
picture alone, so pictures can be drawn anew without matching again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.tasks.detecting.average_precision import average_precision
from pellucid.tasks.detecting.candidates import CLASS, EDGE, MOST, SCORE, candidates, suppressed
from pellucid.tasks.detecting.matching import OVERLAPS, matched, spared
from pellucid.tasks.detecting.truth import OPEN
from pellucid.tasks.task import Metric

HITS, SPARED = 7, 8
WIDTH = 9

#: The score from which on a box is meant, until validation pictures say better.
UNTUNED = 0.3

#: What stands for each overlap in a number of bits.
_BITS = 1 << np.arange(len(OVERLAPS))

#: Of a class in a picture: found and true, found and not true, missed.
COUNTS = ("tp", "fp", "fn")


def summary_of(output: Tensor, targets: Tensor, *, without: tuple[int, ...] = ()) -> Tensor:
    """What scores need of each picture. output: [N, places, 5 + classes]. without: levels that are not asked."""
    known = targets[~targets[:, 0, 0].isnan()]
    width, height = (int(v) for v in known[0, 0, :2]) if len(known) else (1, 1)
    if not len(known):
        return torch.from_numpy(np.stack([_empty(targets.shape[1] - 1) for _ in targets]))
    found = candidates(output.detach(), (height, width)).cpu().numpy()
    true = targets.cpu().numpy()
    return torch.from_numpy(
        np.stack([summary(suppressed(f, without=without), t[1:], len(t) - 1) for f, t in zip(found, true, strict=True)])
    )


def summary(found: np.ndarray, true: np.ndarray, most: int) -> np.ndarray:
    """One picture's: found [k, 7], best first; true [m, 5] with its class behind the edges, NaN where there is none.

    A box of class OPEN − 1 − k is not asked for: nobody misses it, and what is found there is spared.
    """
    true, unasked = true[true[:, 4] >= 0], true[true[:, 4] <= OPEN]
    table = _empty(most)
    table[0, 0] = len(true)
    found = found[:MOST]
    rows = table[1 : 1 + len(found)]
    rows[:, :HITS] = found
    for kind in np.unique(found[:, CLASS]):
        own = found[:, CLASS] == kind
        hits = matched(found[own, EDGE], true[true[:, 4] == kind, :4])
        rows[own, HITS] = hits @ _BITS
        rows[own, SPARED] = spared(found[own, EDGE], unasked[unasked[:, 4] == OPEN - 1 - kind, :4], hits) @ _BITS
    table[1 + MOST : 1 + MOST + len(true), EDGE] = true[:, :4]
    table[1 + MOST : 1 + MOST + len(true), CLASS] = true[:, 4]
    return table


def _empty(most: int) -> np.ndarray:
    table = np.zeros((1 + MOST + most, WIDTH), np.float32)
    table[1:, CLASS] = -1
    return table


def found_of(summaries: np.ndarray) -> np.ndarray:
    """The found boxes, [..., MOST, 9]."""
    return summaries[..., 1 : 1 + MOST, :]


def true_of(summaries: np.ndarray) -> np.ndarray:
    """The true boxes, [..., most, 9]."""
    return summaries[..., 1 + MOST :, :]


def right(rows: np.ndarray) -> np.ndarray:
    """Which found boxes [..., 9] are true ones at overlap 0.5."""
    return _bits(rows[..., HITS], _BITS[:1])[..., 0]


def wrong(rows: np.ndarray) -> np.ndarray:
    """Which found boxes [..., 9] are none at overlap 0.5, where something is asked."""
    return (rows[..., CLASS] >= 0) & ~right(rows) & ~_bits(rows[..., SPARED], _BITS[:1])[..., 0]


def _bits(numbers: np.ndarray, bits: np.ndarray) -> np.ndarray:
    return (numbers.astype(np.int64)[..., None] & bits) > 0


# -- average precision ----------------------------------------------------------------------------


def precisions(summaries: np.ndarray, classes: int, overlaps: Sequence[int] | None = None) -> np.ndarray:
    """Average precision of each class at each overlap, [classes, overlaps]; NaN where a class is nowhere true.

    overlaps: numbers of OVERLAPS, all where nobody says.
    """
    bits = _BITS if overlaps is None else _BITS[list(overlaps)]
    rows, true = found_of(summaries).reshape(-1, WIDTH), true_of(summaries)[..., CLASS]
    rows = rows[rows[:, CLASS] >= 0]
    found = []
    for kind in range(classes):
        own = rows[rows[:, CLASS] == kind]
        hits, spares = _bits(own[:, HITS], bits), _bits(own[:, SPARED], bits)
        found.append(average_precision(own[:, SCORE], hits, int((true == kind).sum()), spares))
    return np.array(found).reshape(classes, len(bits))


def mean_precision(summaries: np.ndarray, classes: int, overlaps: Sequence[int] | None = None) -> float:
    """mAP: the mean over classes that are somewhere true, and over overlaps."""
    each = precisions(summaries, classes, overlaps).mean(1)
    known = each[~np.isnan(each)]
    return float(known.mean()) if len(known) else float("nan")


# -- with a threshold -----------------------------------------------------------------------------


def counts(summaries: np.ndarray, threshold: float, classes: int) -> np.ndarray:
    """How many of each class were found and true, found and not true, missed, at overlap 0.5: [N, classes, 3]."""
    rows, true = found_of(summaries), true_of(summaries)[..., CLASS]
    meant = rows[..., SCORE] >= threshold
    hits, misses = meant & right(rows), meant & wrong(rows)
    found = np.zeros((len(summaries), classes, len(COUNTS)), np.int64)
    for kind in range(classes):
        own = rows[..., CLASS] == kind
        tp, fp = (own & hits).sum(1), (own & misses).sum(1)
        found[:, kind] = np.stack([tp, fp, (true == kind).sum(1) - tp], 1)
    return found


def best_threshold(summaries: np.ndarray) -> float:
    """The score that gives the highest F1 of all boxes together, halfway to the next lower one."""
    rows = found_of(summaries).reshape(-1, WIDTH)
    rows = rows[right(rows) | wrong(rows)]
    hits = right(rows)
    if not hits.any():
        return UNTUNED
    order = np.argsort(-rows[:, SCORE], kind="stable")
    score, tp = rows[order, SCORE].astype(np.float64), hits[order].cumsum()
    f1 = 2 * tp / (np.arange(1, len(order) + 1) + summaries[:, 0, 0].sum())
    last = np.append(score[1:] < score[:-1], True)  # who has the same score goes through with the others
    best = int(np.where(last, f1, -1.0).argmax())
    return float((score[best] + score[best + 1]) / 2) if best + 1 < len(score) else float(score[best] / 2)


def precision(decisions: np.ndarray) -> float:
    """The share of found boxes that are true; NaN where none is found."""
    tp, fp, _ = decisions.sum((0, 1))
    return float(tp / (tp + fp)) if tp + fp else float("nan")


def recall(decisions: np.ndarray) -> float:
    """The share of true boxes that are found; NaN where there is none."""
    tp, _, fn = decisions.sum((0, 1))
    return float(tp / (tp + fn)) if tp + fn else float("nan")


def f1(decisions: np.ndarray) -> float:
    """2 tp / (2 tp + fp + fn); NaN where nothing is there and nothing found."""
    tp, fp, fn = decisions.sum((0, 1))
    return float(2 * tp / (2 * tp + fp + fn)) if tp + fp + fn else float("nan")


def metrics(classes: int) -> dict[str, Metric]:
    """The metrics of a detector of so many classes."""

    def mean(overlaps: Sequence[int] | None) -> Callable[..., float]:
        return lambda _, summaries, __: mean_precision(summaries, classes, overlaps)

    def of(measure: Callable[[np.ndarray], float]) -> Callable[..., float]:
        return lambda _, __, decisions: measure(decisions)

    return {
        "map50": Metric(mean([0]), "mAP at overlap 0.5: average precision as COCO has it, the mean over classes"),
        "map": Metric(mean(None), "mAP, the mean over overlaps from 0.5 to 0.95 as well"),
        "precision": Metric(of(precision), "share of the found boxes that are true, at the threshold and overlap 0.5"),
        "recall": Metric(of(recall), "share of the true boxes that are found, at the threshold and overlap 0.5"),
        "f1": Metric(of(f1), "2 · found and true / (found + true), at the threshold and overlap 0.5"),
    }


def words_of(decisions: np.ndarray) -> str:
    """A picture's boxes in words."""
    tp, fp, fn = (int(v) for v in np.asarray(decisions).sum(0))
    told = [f"{tp} of {tp + fn} found", *([f"{fp} found where nothing is"] if fp else [])]
    return ", ".join(told) if tp + fn or fp else "nothing there, nothing found"


def threshold_of(rule: Mapping[str, Any]) -> float:
    """The score from which on a box is meant."""
    return float(rule["threshold"])
