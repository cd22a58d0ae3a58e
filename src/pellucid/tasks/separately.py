"""One network for each question in place of one for all: which tasks these are, and how their answers are one again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pellucid.core.errors import BadInput
from pellucid.tasks.labelling.tags import labels_of
from pellucid.tasks.task import Vocabulary


@dataclass(frozen=True)
class Separate:
    """A training of its own. name: the tag, group or class that it is about; task, labels, options: as in its plan."""

    name: str
    task: str
    labels: tuple[str, ...]
    options: dict[str, Any] = field(default_factory=dict)


def separately(kind: str, vocabulary: Vocabulary) -> tuple[Separate, ...]:
    """The trainings that one task falls apart into, in the order in which ``joined`` takes their answers.

    "multilabel" a binary task for each tag; "multigroup" a multiclass task for each group; "multiclass" a binary task
    for each class against all others.
    """
    if kind == "multigroup":
        return tuple(Separate(name, "multiclass", (name,)) for name in vocabulary.columns)
    if kind == "multiclass":
        column = vocabulary.only(kind)
        return tuple(Separate(v, "binary", (column,), {"positive": v}) for v in vocabulary.values[column])
    if kind != "multilabel":
        raise BadInput(f"a {kind} task asks one question", cure="separate networks are for multilabel and multigroup")
    if len(vocabulary.columns) > 1:
        return tuple(Separate(name, "binary", (name,)) for name in vocabulary.columns)
    column = vocabulary.columns[0]
    names = labels_of(vocabulary).names
    return tuple(Separate(n, "binary", (column,), {"positive": n, "tags": True}) for n in names)


def joined(kind: str, answers: Sequence[np.ndarray]) -> np.ndarray:
    """The probabilities of the one task (in its usual encoding) from those of its separate trainings, in their order.

    Binary answers are [n, 2], those of groups [n, classes]. Of classes that exclude each other, each against all
    others, the probabilities are divided by their sum.
    """
    if kind == "multigroup":
        return np.concatenate(answers, axis=1)
    positive = np.stack([each[:, 1] for each in answers], axis=1)
    return positive if kind == "multilabel" else positive / np.maximum(positive.sum(1, keepdims=True), 1e-12)
