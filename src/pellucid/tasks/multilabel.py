"""Several labels at once, that do not exclude each other: tags."""

from __future__ import annotations

from functools import partial
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from pellucid.core.errors import BadInput, near
from pellucid.tasks.label_metrics import label_metrics
from pellucid.tasks.labelling.decisions import tuned_thresholds
from pellucid.tasks.labelling.embedding import embedding
from pellucid.tasks.labelling.power_set import power_set
from pellucid.tasks.labelling.seen import combinations_of
from pellucid.tasks.labelling.sigmoid import sigmoid
from pellucid.tasks.labelling.tags import NONE, Labels, labels_of
from pellucid.tasks.labelling.way import Way
from pellucid.tasks.table import tasks
from pellucid.tasks.task import Columns, Task, Vocabulary
from pellucid.tasks.thresholds import cost_threshold

Decision = Literal["auto", "half", "f1", "cost", "expected_f1", "likeliest", "nearest", "greedy"]


@tasks.register(
    "multilabel",
    question="Which tags does it have, any number of them at once?",
    source="Tsoumakas & Katakis 2007, multi-label classification: an overview",
    labels="a column of tags (red;round), or a column of 1 and 0 for each label",
)
def multilabel(
    vocabulary: Vocabulary,
    *,
    encoding: Literal["sigmoid", "power_set", "embedding"] = "sigmoid",
    decision: Decision = "auto",
    pos_weight: Literal["none", "balanced"] = "none",
    cost_fp: float = 1.0,
    cost_fn: float = 1.0,
    dimension: int = 0,
) -> Task:
    """Labels that may all be there or not, each with its probability (docs/multilabel.md).

    encoding: a sigmoid a label, one softmax over the combinations seen, or a point among the tag sets' means.
    decision: "half" and "cost" are thresholds, "f1" one for each label that is tuned on validation items,
    "expected_f1" the best expected F1 of a picture, "likeliest" the likeliest combination (power_set), "nearest" or
    "greedy" of embeddings; "auto" is half, likeliest, nearest. pos_weight: "balanced" weighs a label by
    negatives / positives where it is there (sigmoid). cost_fp, cost_fn: for "cost". dimension: of the embedding, 0
    for one a tag, at most 64.
    """
    if dimension < 0:
        raise BadInput(f"dimension is {dimension}", cure="pass 0 for one a tag, or a whole number above")
    labels = labels_of(vocabulary)
    rows, counts = _training_rows(vocabulary, labels)
    if pos_weight != "none" and encoding != "sigmoid":
        raise BadInput(f"pos_weight is for sigmoids, and encoding is {encoding!r}", cure="leave one of them away")
    if encoding == "sigmoid":
        way = sigmoid(labels.names, _weights(rows, counts, pos_weight))
    elif encoding == "power_set":
        way = power_set(labels.names, combinations_of(rows, counts, labels.names))
    else:
        seen = combinations_of(rows, counts, labels.names)
        way = embedding(labels.names, seen, dimension, greedy=decision == "greedy")
    decide = _decide(way, decision, encoding)
    threshold = cost_threshold(cost_fp, cost_fn) if decide == "cost" else 0.5
    untuned = dict.fromkeys(labels.names, threshold)
    tune = partial(tuned_thresholds, labels.names, untuned=untuned) if decide == "f1" else None

    def encode(columns: Columns) -> Tensor:
        return torch.from_numpy(labels.encode(columns))

    return Task(
        kind="multilabel",
        options={
            "encoding": encoding,
            "decision": decision,
            "pos_weight": pos_weight,
            "cost_fp": cost_fp,
            "cost_fn": cost_fn,
            "dimension": dimension,
        },
        vocabulary=vocabulary,
        classes=way.classes,
        head=way.head,
        output=way.output,
        outputs=way.outputs,
        encode=encode,
        loss=way.loss,
        probabilities=way.probabilities,
        decide=way.decisions[decide],
        say=partial(_say, labels.names),
        metrics=label_metrics(labels.names),
        primary="mean_average_precision",
        rule={"thresholds": untuned} if decide in ("half", "f1", "cost") else {},
        tune=tune,
        decided=labels.names,
        notes=(*labels.notes, *_rare(labels.names, rows, counts), *way.notes),
    )


def _training_rows(vocabulary: Vocabulary, labels: Labels) -> tuple[np.ndarray, np.ndarray]:
    """The different rows of labels among training items, and how many items have each."""
    cells = list(vocabulary.combinations)
    columns = {name: [row[i] for row in cells] for i, name in enumerate(vocabulary.columns)}
    return labels.encode(columns), np.array(list(vocabulary.combinations.values()), dtype=np.float64)


def _weights(rows: np.ndarray, counts: np.ndarray, pos_weight: str) -> np.ndarray:
    """Negatives / positives of each label; 1 for a label that is never there, or always."""
    there, away = counts @ (rows == 1), counts @ (rows == 0)
    usual = (pos_weight == "none") | (there == 0) | (away == 0)
    return np.where(usual, 1.0, away / np.maximum(there, 1))


def _decide(way: Way, decision: str, encoding: str) -> str:
    if decision == "auto":
        return next(iter(way.decisions))
    if decision not in way.decisions:
        known = (*way.decisions, "greedy") if encoding == "embedding" else way.decisions
        raise BadInput(f"decision is {decision!r}, and encoding {encoding!r}", cure=near(decision, known))
    return decision


def _say(labels: tuple[str, ...], decision: np.ndarray) -> str:
    """``red, round``, and how many labels of a target are not known."""
    there = [name for name, value in zip(labels, decision, strict=True) if value == 1]
    unknown = int(np.isnan(decision).sum())
    if unknown == len(labels):
        return "unknown"
    return ", ".join([*there, *([f"{unknown} unknown"] if unknown else [])]) or NONE


def _rare(labels: tuple[str, ...], rows: np.ndarray, counts: np.ndarray) -> list[str]:
    if not len(rows):
        return []
    never = [n for n, there in zip(labels, counts @ (rows == 1), strict=True) if there == 0]
    always = [n for n, away in zip(labels, counts @ (rows == 0), strict=True) if away == 0]
    told = (("no training picture has", never), ("no training picture is without", always))
    return [f"{text} {', '.join(map(repr, names))}: nothing is learnt of it" for text, names in told if names]
