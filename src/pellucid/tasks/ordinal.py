"""Grades: levels that exclude each other and have an order."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from pellucid.core.errors import BadInput
from pellucid.tasks.grading import decisions
from pellucid.tasks.grading.scale import Scale, scale_of
from pellucid.tasks.grading.way import Way
from pellucid.tasks.grading.ways import WAYS, Asked
from pellucid.tasks.ordinal_metrics import ordinal_metrics
from pellucid.tasks.table import tasks
from pellucid.tasks.task import MISSING, Columns, Task, Vocabulary

Loss = Literal[
    "cross_entropy",
    "distance_by_class",
    "distance_by_decision",
    "soft_exponential",
    "soft_gaussian",
    "soft_binomial",
    "soft_triangular",
    "coral",
    "corn",
    "cumulative",
    "emd",
    "regression",
    "regression_l1",
]


@tasks.register(
    "ordinal",
    question="Which grade is it, where grades have an order?",
    source="McCullagh 1980, regression models for ordinal data; the losses name their own",
    labels="one column, a grade a picture: numbers, or words with --levels 'poor<fair<good'",
)
def ordinal(
    vocabulary: Vocabulary,
    *,
    loss: Loss = "cross_entropy",
    metric: Literal["mae", "accuracy", "mse", "qwk"] = "mae",
    decide: Literal["auto", "mode", "median", "mean", "stretched"] = "auto",
    levels: str = "",
    spacing: Literal["ranks", "values"] = "ranks",
    sharpness: float = 2.0,
    share: float = 0.05,
    power: float = 1.0,
) -> Task:
    """Probabilities of ordered levels, and the decision that suits the metric (docs/ordinal.md).

    decide: "auto" takes the mode for accuracy, the median for MAE, the rounded mean for MSE, and for QWK the mean
    stretched as validation says. levels: the order of words, from low to high. spacing: neighbours are 1 apart, or as
    far as their numbers say; losses and metrics use the same. For some losses alone: sharpness (soft_exponential,
    soft_gaussian), share of a neighbour (soft_triangular), power of the distance (distance_*).
    """
    if sharpness <= 0 or power <= 0:
        raise BadInput(f"sharpness is {sharpness:g} and power is {power:g}", cure="pass numbers above 0")
    column = vocabulary.only("ordinal")
    scale = scale_of(vocabulary, column, levels=levels, spacing=spacing)
    counts = _counts(vocabulary, scale)
    places = np.array(scale.places)
    way = WAYS[loss](Asked(scale, counts, column, sharpness, share, power))
    rule = _rule(decide, metric, way, places)
    unit = "levels" if spacing == "ranks" else column

    def encode(columns: Columns) -> Tensor:
        numbers = [scale.number(cell) if cell else MISSING for cell in columns[column]]
        return torch.tensor(numbers, dtype=torch.int64)

    def masked(output: Tensor, target: Tensor) -> Tensor:
        return torch.where(target == MISSING, 0.0, way.loss(output, target.clamp(min=0)))

    return Task(
        kind="ordinal",
        options={
            "loss": loss,
            "metric": metric,
            "decide": decide,
            "levels": levels,
            "spacing": spacing,
            "sharpness": sharpness,
            "share": share,
            "power": power,
        },
        vocabulary=vocabulary,
        classes=scale.names,
        head=way.head,
        output=way.output,
        outputs=way.outputs,
        encode=encode,
        loss=masked,
        probabilities=way.probabilities,
        decide=lambda probabilities, rule: decisions.decide(probabilities, places, rule),
        say=lambda decision: scale.names[int(decision)],
        metrics=ordinal_metrics(places, unit),
        primary=metric,
        rule={"decide": rule},
        tune=(lambda p, truth: decisions.stretched(p, places, truth)) if rule == "stretched" else None,
        notes=(*_notes(scale, counts), *way.notes, *_warned(rule, metric, way, scale)),
    )


def _counts(vocabulary: Vocabulary, scale: Scale) -> np.ndarray:
    """How many training items each level has."""
    counts = np.zeros(len(scale), dtype=np.int64)
    for (cell,), count in vocabulary.combinations.items():
        if cell:
            counts[scale.number(cell)] += count
    return counts


def _mistaken(rule: str, way: Way, places: np.ndarray) -> np.ndarray:
    """The levels that the rule would take for another although the network were certain of them."""
    if way.certain is None:
        return np.array([], dtype=np.int64)
    decided = decisions.decide(way.certain, places, {"decide": rule, "at": places})
    return np.flatnonzero(decided != np.arange(len(places)))


def _rule(decide: str, metric: str, way: Way, places: np.ndarray) -> str:
    """What decides: the asked rule, else the metric's own, else the next one that knows a certain level again."""
    if decide != "auto":
        return decide
    wanted = way.rule or decisions.BEST[metric]
    right = [rule for rule in (wanted, "median", "mode") if not len(_mistaken(rule, way, places))]
    if not right:
        cure = "use loss='soft_exponential', or a loss without soft labels"
        raise BadInput(f"these soft labels are too broad for {len(places)} levels", cure=cure)
    return right[0]


def _notes(scale: Scale, counts: np.ndarray) -> list[str]:
    notes = []
    if scale.gaps:
        some = ", ".join(scale.gaps[:5]) + (", …" if len(scale.gaps) > 5 else "")
        cure = "levels= that names all gives it a place, spacing=values keeps the distance"
        notes.append(f"no picture has the grade {some}, so its neighbours count as neighbours of each other; {cure}")
    empty = [name for name, count in zip(scale.names, counts, strict=True) if count == 0]
    if empty and counts.any():
        notes.append(f"no training picture has the grade {', '.join(empty)}")
    return notes


def _warned(rule: str, metric: str, way: Way, scale: Scale) -> list[str]:
    notes = []
    if rule != decisions.BEST[metric] and way.rule != rule:
        notes.append(f"decided by '{rule}', though '{decisions.BEST[metric]}' suits {metric}")
    mistaken = _mistaken(rule, way, np.array(scale.places))
    if len(mistaken):
        notes.append(f"by '{rule}' a picture that is certainly {scale.names[mistaken[0]]} is decided to be another")
    return notes
