"""Which items of some data a run has learnt from, so that nobody takes a score on these for one on new pictures."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from pellucid.core.errors import BadInput, near
from pellucid.data.dataset import Dataset
from pellucid.training.codes import contents
from pellucid.training.runs import Run

#: Not one of the run's items.
NEW = ""


@dataclass(frozen=True)
class Chosen:
    """The items to evaluate. rows: their numbers. split: which ones these are, in a word. learnt, tuned: how many of
    them were learnt from, and validated on. notes: what was left out, and why.
    """

    rows: np.ndarray
    split: str
    learnt: int
    tuned: int
    notes: tuple[str, ...] = ()


def seen(run: Run, data: Dataset) -> list[str]:
    """For each item the split that it was in when the run was trained; NEW for one that was not there.

    Items are known by their bytes, wherever they lie. Of the same picture in several splits its own name decides, else
    "train".
    """
    named = {(item.name, item.content): item.split for item in run.items}
    held: dict[str, str] = {}
    for item in run.items:
        held[item.content] = "train" if "train" in (item.split, held.get(item.content)) else item.split
    keys = zip(data.names(), contents(data), strict=True)
    return [named.get(key) or held.get(key[1], NEW) for key in keys]


def choose(run: Run, data: Dataset, split: str | None) -> Chosen:
    """The items of a split. None: those that the run has not seen; where it has seen all, its test split.

    Raises BadInput where there is no such item.
    """
    found = np.array(seen(run, data))
    counts = Counter(found.tolist())
    if split is None:
        return _unseen(found, counts, data)
    if split == "all":
        rows = np.arange(len(data))
    else:
        own = np.array(data.split if data.split is not None else [NEW] * len(data))
        rows = np.flatnonzero((found == split) | ((found == NEW) & (own == split)))
    if not len(rows):
        known = sorted({*counts, *(data.split or ()), "all"} - {NEW})
        raise BadInput(f"no item is in the split {split!r}", where=data.source, cure=near(split, known))
    return _chosen(rows, found, split)


def _unseen(found: np.ndarray, counts: Counter[str], data: Dataset) -> Chosen:
    """What was kept apart: new items, the test split, and only where there is neither the validation split."""
    fresh = "new" if not counts["test"] else "test"
    rows = np.flatnonzero((found == NEW) | ((found != "train") & (found != "val")))
    if not len(rows):
        rows, fresh = np.flatnonzero(found == "val"), "val"
    if not len(rows):
        cure = "evaluate other pictures, or pass split='train' (--split train) to see what it learnt by heart"
        raise BadInput(f"all {len(data)} items are those that it learnt from", where=data.source, cure=cure)
    notes = []
    left = [f"{counts[s]} that it was {verb}" for s, verb in _VERBS.items() if counts[s]]
    if left and fresh == "new":
        notes.append(f"left out {' and '.join(left)}")
    if fresh == "test" and counts[NEW]:
        notes.append(f"{counts[NEW]} items were not there when it was trained, and count among the test items")
    return _chosen(rows, found, fresh, tuple(notes))


_VERBS = {"train": "trained on", "val": "validated on"}


def _chosen(rows: np.ndarray, found: np.ndarray, split: str, notes: tuple[str, ...] = ()) -> Chosen:
    own = Counter(found[rows].tolist())
    return Chosen(rows, split, own["train"], own["val"], notes)
