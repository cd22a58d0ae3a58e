"""Anchors by K-means on widths and heights, with the distance 1 − IoU (Redmon 2017, YOLO9000, § 2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pellucid.core.errors import BadInput
from pellucid.tasks.boxes.iou import nearest

#: What a group's anchor becomes: the medians of its widths and heights, or their means.
Update = Literal["median", "mean"]

#: Starts are tried on a draw of so many boxes; the best one then goes on with all.
DRAWN = 10_000

#: Boxes that are tried for each anchor of a start.
_TRIALS = 4

#: Steps in all, and without a better average; medians and means lower no distance for sure, so they may go in circles.
_STEPS, _PATIENCE = 300, 10

#: The share of boxes that may still change their anchor at the end: of fewer than 10 000 none.
_SETTLED = 1e-4

#: No set of anchors is as large.
_MOST = 1000


@dataclass(frozen=True, eq=False)
class Anchors:
    """sizes: [k, 2] as width, height, by area. own: [n], each box's best anchor. overlap: [n], their IoU."""

    sizes: np.ndarray
    own: np.ndarray
    overlap: np.ndarray

    @classmethod
    def of(cls, sizes: np.ndarray, anchors: np.ndarray) -> Anchors:
        """Anchors from wherever they come, for boxes of these sizes [n, 2]."""
        ordered = np.asarray(anchors, np.float64)[np.argsort(np.prod(anchors, 1), kind="stable")]
        return cls(ordered, *nearest(np.asarray(sizes, np.float64), ordered))

    def __len__(self) -> int:
        return len(self.sizes)

    @property
    def average_iou(self) -> float:
        """The mean over boxes of the IoU with the best anchor."""
        return float(self.overlap.mean())


def fit_anchors(
    sizes: np.ndarray,
    k: int,
    *,
    update: Update = "median",
    restarts: int = 20,
    seed: int = 0,
    begin: np.ndarray | None = None,
) -> Anchors:
    """The k sizes that boxes of these widths and heights overlap best with, by the average IoU.

    sizes: [n, 2], positive, in any unit and any order. update: "median" does better than "mean" on nearly all data,
    since the IoU does not grow with the square of an error. restarts: starts by k-means++ on 1 − IoU, of which the best
    is kept; begin: one more start [k, 2]. An anchor that no box is nearest to goes to the box that is served worst.
    Raises BadInput for sizes that are not positive, and where there are fewer than k different ones.
    """
    sizes = checked(sizes)
    k = _count(k, sizes)
    if update not in _CENTRES:
        raise BadInput(f"update is {update!r}", cure=f"known are {', '.join(_CENTRES)}")
    if restarts < 1 and begin is None:
        raise BadInput(f"{restarts} starts", cure="take at least one")
    rng = np.random.default_rng(seed)
    drawn = draw(sizes, rng) if restarts else sizes
    centre = _CENTRES[update](drawn)
    starts = [] if begin is None else [np.asarray(begin, np.float64)]
    starts += [_start(drawn, k, rng) for _ in range(restarts)]
    found = [_walked(drawn, start, centre) for start in starts]
    best, _ = max(found, key=lambda f: f[1])
    if len(drawn) < len(sizes):
        best, _ = _walked(sizes, best, _CENTRES[update](sizes))
    return Anchors.of(sizes, best)


def checked(sizes: np.ndarray) -> np.ndarray:
    """Widths and heights as float64 [n, 2], if they are any."""
    array = np.asarray(sizes, np.float64)
    if array.ndim != 2 or array.shape[1] != 2:
        raise BadInput(f"sizes of shape {array.shape}", cure="pass a row a box: width, height")
    if not len(array):
        raise BadInput("there is no box", cure="name data that have some")
    bad = ~(np.isfinite(array) & (array > 0)).all(1)
    if bad.any():
        row = int(bad.argmax())
        what = f"{int(bad.sum())} of {len(array)} sizes are not positive, first row {row}: {array[row].tolist()}"
        raise BadInput(what, cure="leave them out")
    return array


def _count(k: int, sizes: np.ndarray) -> int:
    if not 1 <= k <= _MOST:
        raise BadInput(f"{k} anchors", cure=f"ask for 1 to {_MOST}")
    if k > 1 and different(sizes[: 20 * k]) < k:
        count = different(sizes)
        if count < k:
            raise BadInput(f"{k} anchors for boxes of {count} different sizes", cure=f"ask for {count} at most")
    return int(k)


def different(sizes: np.ndarray) -> int:
    """How many different ones there are; as complex numbers they sort ten times as fast as rows."""
    return len(np.unique(np.ascontiguousarray(sizes).view(np.complex128)))


def draw(sizes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """All of them, or DRAWN of many; by size, so that the order in which boxes are listed changes nothing."""
    ordered = np.sort(np.ascontiguousarray(sizes).view(np.complex128)[:, 0]).view(np.float64).reshape(-1, 2)
    return ordered if len(ordered) <= DRAWN else ordered[rng.permutation(len(ordered))[:DRAWN]]


def _start(sizes: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """So many of the boxes, one after the other: of _TRIALS that are drawn by their squared distance from those before
    (k-means++, Arthur 2007), the one that serves all best.
    """
    taken = [sizes[rng.integers(len(sizes))]]
    overlap = nearest(sizes, taken[0][None])[1]
    while len(taken) < k:
        far = np.cumsum((1 - overlap) ** 2)
        # Where all that is left is as good as taken, rounding leaves nothing to draw by.
        places = np.searchsorted(far, rng.random(_TRIALS) * far[-1], side="right").clip(max=len(sizes) - 1)
        tried = [np.maximum(overlap, nearest(sizes, sizes[p][None])[1]) for p in places]
        best = int(np.argmax([t.sum() for t in tried]))
        taken.append(sizes[places[best]])
        overlap = tried[best]
    return np.array(taken)


def _walked(sizes: np.ndarray, anchors: np.ndarray, centre: _Centre) -> tuple[np.ndarray, float]:
    """Anchors after as many steps as it takes, and their average IoU: the best that was met on the way."""
    best, value, waited, before = anchors, -1.0, 0, None
    for _ in range(_STEPS):
        own, overlap = nearest(sizes, anchors)
        now = float(overlap.mean())
        best, value, waited = (anchors, now, 0) if now > value else (best, value, waited + 1)
        # Of many boxes a few go to and fro for long, and move nothing.
        if waited > _PATIENCE or (before is not None and (own != before).sum() <= _SETTLED * len(own)):
            break
        before = own
        anchors = _filled(sizes, centre(own, len(anchors)), overlap)
    return best, value


def _filled(sizes: np.ndarray, anchors: np.ndarray, overlap: np.ndarray) -> np.ndarray:
    """Anchors without boxes (NaN), put where boxes are served worst."""
    for j in np.flatnonzero(np.isnan(anchors[:, 0])):
        anchors[j] = sizes[overlap.argmin()]
        overlap = np.maximum(overlap, nearest(sizes, anchors[j][None])[1])
    return anchors


# -- the centre of a group -------------------------------------------------------------------------

#: From each box's anchor [n] and their number to the new anchors [k, 2], NaN where one has no box.
_Centre = Callable[[np.ndarray, int], np.ndarray]


def _means(sizes: np.ndarray) -> _Centre:
    def centre(own: np.ndarray, k: int) -> np.ndarray:
        counts = np.bincount(own, minlength=k)
        sums = np.stack([np.bincount(own, side, minlength=k) for side in sizes.T], 1)
        return np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], np.nan)

    return centre


def _medians(sizes: np.ndarray) -> _Centre:
    """Each side is sorted once; a stable sort by anchor, quick for small numbers, then leaves each group in order."""
    orders = [np.argsort(side, kind="stable") for side in sizes.T]

    def centre(own: np.ndarray, k: int) -> np.ndarray:
        counts = np.bincount(own, minlength=k)
        first = np.cumsum(counts) - counts
        low, high = (np.minimum(first + half, len(own) - 1) for half in ((counts - 1) // 2, counts // 2))
        found = np.empty((k, 2))
        for axis, order in enumerate(orders):
            grouped = sizes[order[np.argsort(own[order], kind="stable")], axis]
            found[:, axis] = (grouped[low] + grouped[high]) / 2
        return np.where(counts[:, None] > 0, found, np.nan)

    return centre


_CENTRES: dict[str, Callable[[np.ndarray], _Centre]] = {"median": _medians, "mean": _means}
