"""Classes that exclude each other: one softmax over all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from pellucid.core.errors import BadInput
from pellucid.models.heads import Head
from pellucid.tasks import metrics
from pellucid.tasks.table import tasks
from pellucid.tasks.task import MISSING, Columns, Task, Vocabulary


@tasks.register(
    "multiclass",
    question="Which one of several classes is it?",
    source="Bridle 1990, softmax with cross entropy",
    labels="one column, a class a picture",
)
def multiclass(vocabulary: Vocabulary, *, balance: Literal["none", "classes"] = "none", smoothing: float = 0.0) -> Task:
    """Softmax and cross entropy over classes that exclude each other.

    balance: "classes" weighs each class by the inverse of how often it is there. smoothing: the share of each target
    that is spread over all classes.
    """
    column = vocabulary.only("multiclass")
    classes = vocabulary.values[column]
    if len(classes) < 2:
        raise BadInput(f"column {column!r} holds one class alone, {classes[0]!r}", cure="add pictures of another")
    if not 0 <= smoothing < 1:
        raise BadInput(f"smoothing is {smoothing}", cure="pass a share from 0 to below 1")
    number = {name: i for i, name in enumerate(classes)}
    counts = torch.zeros(len(classes))
    for (cell,), count in vocabulary.combinations.items():
        if cell:
            counts[number[cell]] += count
    weight = None if balance == "none" else counts.sum() / (len(classes) * counts.clamp(min=1))

    def encode(columns: Columns) -> Tensor:
        return torch.tensor([number[cell] if cell else MISSING for cell in columns[column]], dtype=torch.int64)

    def loss(output: Tensor, target: Tensor) -> Tensor:
        own = None if weight is None else weight.to(output)
        return F.cross_entropy(output, target, own, ignore_index=MISSING, reduction="none", label_smoothing=smoothing)

    return Task(
        kind="multiclass",
        options={"balance": balance, "smoothing": smoothing},
        vocabulary=vocabulary,
        classes=classes,
        head=Head("linear", len(classes)),
        output="logits",
        outputs=classes,
        encode=encode,
        loss=loss,
        probabilities=lambda output: output.softmax(1),
        decide=_most_likely,
        say=lambda decision: classes[int(decision)],
        metrics=metrics.EXCLUSIVE,
        primary="accuracy",
    )


def _most_likely(probabilities: np.ndarray, rule: Mapping[str, Any]) -> np.ndarray:
    return probabilities.argmax(1)
