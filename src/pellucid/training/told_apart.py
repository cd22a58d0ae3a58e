"""Which classes are told apart: confusion, a row a class or label, and whether probabilities can be believed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.features.resampling import Interval
from pellucid.tasks import curves
from pellucid.tasks.metrics import confusion
from pellucid.tasks.task import MISSING, Task
from pellucid.training.forms import Form, group_parts
from pellucid.training.scoring import drawn_rows

#: Bins of equal width of the reliability diagram; pairs of classes that are told as confused; draws of intervals.
BINS, PAIRS, DRAWS = 10, 10, 200


# -- confusion ------------------------------------------------------------------------------------


def confusions(task: Task, form: Form, targets: np.ndarray, decisions: np.ndarray) -> dict[str, np.ndarray]:
    """Tables [class, decision] of counts by name: "confusion", or one a group; none for labels and numbers."""
    if form == "one":
        return {"confusion": confusion(targets, decisions, len(task.classes))}
    if form != "groups":
        return {}
    return {
        f"confusion/{name}": confusion(targets[:, i], decisions[:, i], len(task.vocabulary.values[name]))
        for i, name in enumerate(task.decided)
    }


def frequent(task: Task, form: Form, tables: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """The pairs of classes that are confused most often."""
    found = []
    for key, table in tables.items():
        group = key.partition("/")[2]
        names = task.vocabulary.values[group] if form == "groups" else task.classes
        for i, j in zip(*np.nonzero(table - np.diag(np.diag(table))), strict=True):
            own = {"group": group} if group else {}
            pair = {"truth": names[i], "decision": names[j], "items": int(table[i, j]), "of": int(table[i].sum())}
            found.append(own | pair)
    return sorted(found, key=lambda row: (-row["items"], row["of"]))[:PAIRS]


# -- a row a class --------------------------------------------------------------------------------


def class_table(
    task: Task, form: Form, targets: np.ndarray, probabilities: np.ndarray, decisions: np.ndarray, *, seed: int
) -> list[dict[str, Any]]:
    """A row a class or label: how many there are, precision, recall and F1, and of labels average precision and
    threshold; F1 and average precision with 95 % bootstrap intervals.
    """
    places = drawn_rows(len(targets), None, seed=seed, draws=DRAWS)
    if form == "numbers":
        return []
    if form == "labels":
        rule = task.rule.get("thresholds", {})
        return [
            {
                **_row(name, targets[:, i], decisions[:, i], places),
                **_ranking(targets[:, i], probabilities[:, i], places),
                "threshold": rule.get(name),
            }
            for i, name in enumerate(task.decided)
        ]
    if form == "groups":
        return [
            {"group": name, **_row(value, _against_all(targets[:, i], number), decisions[:, i] == number, places)}
            for i, name in enumerate(task.decided)
            for number, value in enumerate(task.vocabulary.values[name])
        ]
    return [
        _row(name, _against_all(targets, number), decisions == number, places)
        for number, name in enumerate(task.classes)
    ]


def _against_all(targets: np.ndarray, number: int) -> np.ndarray:
    """A class against all others: 1, 0, or NaN where nothing is known."""
    return np.where(targets == MISSING, np.nan, targets == number)


def _row(name: str, truth: np.ndarray, said: np.ndarray, places: list[np.ndarray]) -> dict[str, Any]:
    known = ~np.isnan(truth)
    true, said = (truth == 1) & known, (said == 1) & known
    right, taken, there = int((true & said).sum()), int(said.sum()), int(true.sum())
    f1 = Interval(_f1(true, said), np.array([_f1(true[r], said[r]) for r in places]))
    return {
        "class": name,
        "items": there,
        "decided": taken,
        "precision": right / taken if taken else None,
        "recall": right / there if there else None,
        **f1.named("f1"),
    }


def _ranking(truth: np.ndarray, p: np.ndarray, places: list[np.ndarray]) -> dict[str, float]:
    """The average precision of a label."""
    known, true = ~np.isnan(truth), truth == 1
    found = lambda r: curves.average_precision(true[r][known[r]], p[r][known[r]])  # noqa: E731
    return Interval(found(slice(None)), np.array([found(r) for r in places])).named("average_precision")


def _f1(true: np.ndarray, said: np.ndarray) -> float:
    both = int(true.sum()) + int(said.sum())
    return 2 * int((true & said).sum()) / both if both else float("nan")


# -- whether probabilities can be believed --------------------------------------------------------


@dataclass(frozen=True)
class Reliability:
    """arrays: mean p, share that came true with its interval, and count, each [bin], of the bins that hold anything.
    error: the mean distance of the two, with its interval (Naeini 2015); None for numbers.
    """

    arrays: dict[str, np.ndarray]
    error: dict[str, float] | None


def calibration(task: Task, form: Form, targets: np.ndarray, probabilities: np.ndarray, *, seed: int) -> Reliability:
    """How often what was said with p came true. Of two classes p is of the positive one, of more of the likeliest one,
    of labels and groups all are taken together.
    """
    said = _said(task, form, targets, probabilities)
    if said is None or not len(said[0]):
        return Reliability({}, None)
    p, true = said
    place = np.minimum((p * BINS).astype(np.int64), BINS - 1)
    count = np.bincount(place, minlength=BINS).astype(np.float64)
    there = count > 0
    mean = np.bincount(place, p, BINS)[there] / count[there]
    share = np.bincount(place, true, BINS)[there] / count[there]
    low, high = wilson(share, count[there])
    arrays = {"p": mean, "share": share, "low": low, "high": high, "count": count[there]}
    again = np.array([_distance(p[r], true[r]) for r in drawn_rows(len(p), None, seed=seed, draws=DRAWS)])
    error = Interval(_distance(p, true), again).named("value")
    return Reliability({f"calibration/{name}": values for name, values in arrays.items()}, error)


def _said(
    task: Task, form: Form, targets: np.ndarray, probabilities: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """What was said with which probability, and whether it came true."""
    if form == "numbers":
        return None
    if form == "labels":
        known = ~np.isnan(targets)
        return probabilities[:, : targets.shape[1]][known].astype(np.float64), (targets[known] == 1).astype(np.float64)
    if form == "groups":
        parts = group_parts(task, probabilities)
        each = [_likeliest(targets[:, i], part) for i, part in enumerate(parts)]
        return np.concatenate([p for p, _ in each]), np.concatenate([t for _, t in each])
    if len(task.classes) == 2:
        return probabilities[:, 1].astype(np.float64), (targets == 1).astype(np.float64)
    return _likeliest(targets, probabilities)


def _likeliest(targets: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    known = targets != MISSING
    own = probabilities[known]
    return own.max(1).astype(np.float64), (own.argmax(1) == targets[known]).astype(np.float64)


def _distance(p: np.ndarray, true: np.ndarray) -> float:
    place = np.minimum((p * BINS).astype(np.int64), BINS - 1)
    return float(np.abs(np.bincount(place, true - p, BINS)).sum() / len(p))


def wilson(share: np.ndarray, count: np.ndarray, z: float = 1.96) -> tuple[np.ndarray, np.ndarray]:
    """The 95 % interval of a share of so many (Wilson 1927, JASA 22:209)."""
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    return middle - half, middle + half
