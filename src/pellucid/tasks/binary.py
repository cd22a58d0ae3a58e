"""Yes or no: one logit, and a threshold that mistakes' costs or validation items choose."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from pellucid.core.errors import BadInput, near
from pellucid.models.heads import Head
from pellucid.tasks import metrics
from pellucid.tasks.cells import UNKNOWN, numbered
from pellucid.tasks.labelling.tags import YES, tagging
from pellucid.tasks.table import tasks
from pellucid.tasks.task import MISSING, Columns, Task, Vocabulary
from pellucid.tasks.thresholds import cost_threshold, tuned_threshold

#: What a threshold may be tuned for, and the metric that it then does best.
AIMS = {"f1": "f1", "youden": "balanced_accuracy"}


@tasks.register(
    "binary",
    question="Is it there, or is it not?",
    source="Cox 1958, logistic regression; Elkan 2001, thresholds by cost",
    labels="one column with two values; or --positive for one value against all others",
)
def binary(
    vocabulary: Vocabulary,
    *,
    positive: str = "",
    tags: bool = False,
    pos_weight: float | str = 1.0,
    threshold: float | str = "cost",
    cost_fp: float = 1.0,
    cost_fn: float = 1.0,
) -> Task:
    """One logit and binary cross entropy; the sigmoid comes after the loss.

    positive: the value that counts as yes; "" takes the later of two in order (1 of 0 and 1, yes of no and yes). With
    more than two values it must be named, and all others are no. tags: each cell holds several tags, and
    ``positive`` is one of them. pos_weight: how much a positive item counts in the loss; "balanced" is
    negatives / positives.
    threshold: "cost" is cost_fp / (cost_fp + cost_fn); "f1" and "youden" are tuned on validation items; or a number.
    """
    column = vocabulary.only("binary")
    classes, number = _reading(vocabulary, column, positive, tags)
    counts = _counts(vocabulary, column, number)
    weight = _weight(pos_weight, counts, classes)
    rule = {"threshold": _untuned(threshold, cost_threshold(cost_fp, cost_fn))}
    aim = threshold if threshold in AIMS else None

    def loss(output: Tensor, target: Tensor) -> Tensor:
        known = target != MISSING
        wanted = (target == 1).to(output.dtype)
        each = F.binary_cross_entropy_with_logits(
            output[:, 0], wanted, pos_weight=output.new_tensor(weight), reduction="none"
        )
        return torch.where(known, each, 0.0)

    def probabilities(output: Tensor) -> Tensor:
        p = (output[:, 0] - math.log(weight)).sigmoid()
        return torch.stack([1 - p, p], 1)

    def tune(given: np.ndarray, targets: np.ndarray) -> Mapping[str, Any]:
        known = targets != MISSING
        found = tuned_threshold(targets[known] == 1, given[known, 1], aim)  # type: ignore[arg-type]
        return {**rule, "untuned": [classes[1]]} if found is None else {"threshold": found}

    return Task(
        kind="binary",
        options={
            "positive": classes[1],
            "tags": tags,
            "pos_weight": pos_weight,
            "threshold": threshold,
            "cost_fp": cost_fp,
            "cost_fn": cost_fn,
        },
        vocabulary=vocabulary,
        classes=classes,
        head=Head("linear", 1),
        output="multilabel",
        outputs=(classes[1],),
        encode=lambda columns: torch.from_numpy(number(columns)),
        loss=loss,
        probabilities=probabilities,
        decide=lambda given, rule: (given[:, 1] >= rule["threshold"]).astype(np.int64),
        say=lambda decision: "unknown" if decision == MISSING else classes[int(decision)],
        metrics={**metrics.BINARY, "expected_cost": metrics.expected_cost(cost_fp, cost_fn)},
        primary=AIMS.get(str(threshold), "accuracy" if cost_fp == cost_fn else "expected_cost"),
        rule=rule,
        tune=tune if aim else None,
        notes=_notes(classes, weight),
    )


def _reading(vocabulary: Vocabulary, column: str, positive: str, tags: bool) -> tuple[tuple[str, str], Any]:
    """The negative and the positive class, and what makes class numbers of columns."""
    if tags:
        return _one_tag(vocabulary, column, positive)
    values = [v for v in vocabulary.values[column] if v not in UNKNOWN]
    if len(values) < 2:
        raise BadInput(f"column {column!r} holds one value alone, {', '.join(values)}", cure="add pictures of another")
    if positive and positive not in values and any(positive in map(str.strip, v.split(";")) for v in values):
        cure = "pass --tags (tags=True) with it"
        raise BadInput(f"{positive!r} is one of several tags in the cells of column {column!r}", cure=cure)
    if positive and positive not in values:
        raise BadInput(f"positive is {positive!r}, which column {column!r} does not hold", cure=near(positive, values))
    if len(values) > 2 and not positive:
        cure = "name one with --positive, so that all others are negative, or use --task multiclass"
        if any(";" in value for value in values):
            cure = "they look like tags: name one with --tags --positive TAG, or use --task multilabel"
        raise BadInput(f"column {column!r} holds {len(values)} values, not two", cure=cure)
    yes = positive or next((v for v in values if v.lower() in YES), values[1])
    rest = [v for v in values if v != yes]
    order = np.array([int(v == yes) for v in values] + [MISSING])

    def number(columns: Columns) -> np.ndarray:
        cells = ["" if c in UNKNOWN else c for c in columns[column]]
        return order[numbered(cells, values, column)]

    return (rest[0] if len(rest) == 1 else f"not {yes}", yes), number


def _one_tag(vocabulary: Vocabulary, column: str, tag: str) -> tuple[tuple[str, str], Any]:
    known = tagging(vocabulary, column)
    if tag not in known.names:
        cure = near(tag, known.names) if tag else "name it with --positive"
        raise BadInput(f"{tag!r} is none of the tags of column {column!r}", cure=cure)
    place = known.names.index(tag)

    def number(columns: Columns) -> np.ndarray:
        cells = known.encode(columns)[:, place]
        return np.where(np.isnan(cells), MISSING, cells).astype(np.int64)

    return (f"not {tag}", tag), number


def _counts(vocabulary: Vocabulary, column: str, number: Any) -> np.ndarray:
    """How many training items are negative, and how many positive."""
    cells = [cell for (cell,) in vocabulary.combinations]
    numbers = number({column: cells}) if cells else np.empty(0, np.int64)
    counts = np.array(list(vocabulary.combinations.values()), dtype=np.int64)
    return np.bincount(numbers[numbers != MISSING], counts[numbers != MISSING], minlength=2)


def _weight(pos_weight: float | str, counts: np.ndarray, classes: tuple[str, str]) -> float:
    if pos_weight == "balanced":
        if not counts.all():
            rare = classes[int(counts.argmin())]
            raise BadInput(f"no training picture is {rare!r}", cure="add some, or leave pos_weight away")
        return float(counts[0] / counts[1])
    if isinstance(pos_weight, str) or not 0 < pos_weight < math.inf:
        raise BadInput(f"pos_weight is {pos_weight!r}", cure="pass a number above 0, or 'balanced'")
    return float(pos_weight)


def _untuned(threshold: float | str, by_cost: float) -> float:
    """The threshold, where it is not tuned; until it is, that of the costs."""
    if isinstance(threshold, str):
        if threshold not in ("cost", *AIMS):
            raise BadInput(f"threshold is {threshold!r}", cure=near(threshold, ("cost", *AIMS)) + " Or a number")
        return by_cost
    if not 0 <= threshold <= 1:
        raise BadInput(f"threshold is {threshold:g}", cure="pass a probability, from 0 to 1")
    return float(threshold)


def _notes(classes: tuple[str, str], weight: float) -> tuple[str, ...]:
    notes = [f"{classes[1]!r} is the positive class, against {classes[0]!r} (--positive names another)"]
    if weight != 1:
        notes.append(
            f"pos_weight {weight:.4g} adds log {weight:.4g} = {math.log(weight):+.3f} to the logit that fits best; "
            "probabilities and thresholds are given with that taken away, the network's own sigmoid keeps it"
        )
    return tuple(notes)
