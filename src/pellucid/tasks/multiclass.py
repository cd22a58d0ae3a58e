"""Classes that exclude each other: one softmax over all of them, or each class against the rest."""

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
from pellucid.tasks.cells import are_numbers, numbered
from pellucid.tasks.table import tasks
from pellucid.tasks.task import MISSING, Columns, Task, Vocabulary


@tasks.register(
    "multiclass",
    question="Which one of several classes is it?",
    source="Bridle 1990, softmax with cross entropy",
    labels="one column, a class a picture",
    cells="classes",
)
def multiclass(
    vocabulary: Vocabulary,
    *,
    encoding: Literal["softmax", "one_vs_rest"] = "softmax",
    balance: Literal["none", "classes"] = "none",
    smoothing: float = 0.0,
) -> Task:
    """Softmax and cross entropy over classes that exclude each other.

    encoding: "one_vs_rest" asks for each class by a sigmoid, whose cross entropies are summed; the largest one decides,
    and probabilities are their shares of the sum (Rifkin & Klautau 2004). balance: "classes" weighs each item by the
    inverse of how often its class is there. smoothing: the share of each target that is spread over all classes.
    """
    column = vocabulary.only("multiclass")
    classes = vocabulary.values[column]
    if len(classes) < 2:
        raise BadInput(f"column {column!r} holds one class alone, {classes[0]!r}", cure="add pictures of another")
    _refuse_others(vocabulary, classes, column)
    if not 0 <= smoothing < 1:
        raise BadInput(f"smoothing is {smoothing}", cure="pass a share from 0 to below 1")
    counts = _counts(vocabulary, classes, column)
    weight = None if balance == "none" else counts.sum() / (len(classes) * counts.clamp(min=1))
    rest = encoding == "one_vs_rest"

    def encode(columns: Columns) -> Tensor:
        return torch.from_numpy(numbered(columns[column], classes, column))

    def softmax_loss(output: Tensor, target: Tensor) -> Tensor:
        own = None if weight is None else weight.to(output)
        return F.cross_entropy(output, target, own, ignore_index=MISSING, reduction="none", label_smoothing=smoothing)

    def rest_loss(output: Tensor, target: Tensor) -> Tensor:
        known = target != MISSING
        wanted = F.one_hot(target.clamp(min=0), len(classes)).to(output.dtype)
        wanted = wanted * (1 - smoothing) + smoothing / len(classes)
        each = F.binary_cross_entropy_with_logits(output, wanted, reduction="none").sum(1)
        own = 1.0 if weight is None else weight.to(output)[target.clamp(min=0)]
        return torch.where(known, each * own, 0.0)

    return Task(
        kind="multiclass",
        options={"encoding": encoding, "balance": balance, "smoothing": smoothing},
        vocabulary=vocabulary,
        classes=classes,
        head=Head("linear", len(classes)),
        output="multilabel" if rest else "logits",
        outputs=classes,
        encode=encode,
        loss=rest_loss if rest else softmax_loss,
        probabilities=_shares if rest else _softmax,
        decide=_most_likely,
        say=lambda decision: "unknown" if decision == MISSING else classes[int(decision)],
        metrics=metrics.EXCLUSIVE,
        primary="accuracy",
        notes=_notes(classes, column),
    )


#: More values than this, all of them numbers, are hardly classes; they are none with fewer items a value than these,
#: where all are whole, and where some are fractions.
MOST_NUMBERS, WHOLE, FRACTIONS = 20, 3, 5


def _refuse_others(vocabulary: Vocabulary, classes: tuple[str, ...], column: str) -> None:
    """Numbers that are measured, and cells of several tags, are no classes."""
    if len(classes) > MOST_NUMBERS and are_numbers(classes) and vocabulary.rows < _least(classes) * len(classes):
        what = f"column {column!r} holds {len(classes)} different numbers, with {vocabulary.rows} items too few of each"
        raise BadInput(f"{what} to be classes", cure="did you mean --task regression?")
    parts = [frozenset(tag.strip() for tag in cell.split(";")) for cell in classes]
    if any(len(one) > 1 for one in parts) and len(frozenset().union(*parts)) < sum(map(len, parts)):
        example = next(cell for cell in classes if ";" in cell)
        what = f"column {column!r} holds several tags a cell ({example!r}), and a class would be their combination"
        raise BadInput(what, cure="did you mean --task multilabel?")


def _least(numbers: tuple[str, ...]) -> int:
    return FRACTIONS if any(float(n) % 1 for n in numbers) else WHOLE


def _notes(classes: tuple[str, ...], column: str) -> tuple[str, ...]:
    if len(classes) > MOST_NUMBERS and are_numbers(classes) and _least(classes) == FRACTIONS:
        told = f"column {column!r} holds {len(classes)} different numbers, each learnt as a class of its own"
        return (f"{told}: did you mean --task regression?",)
    return ()


def _counts(vocabulary: Vocabulary, classes: tuple[str, ...], column: str) -> Tensor:
    """How many training items each class has."""
    numbers = torch.from_numpy(numbered([cell for (cell,) in vocabulary.combinations], classes, column))
    many = torch.tensor(list(vocabulary.combinations.values()), dtype=torch.float32)
    return torch.zeros(len(classes)).index_add_(0, numbers[numbers != MISSING], many[numbers != MISSING])


def _softmax(output: Tensor) -> Tensor:
    return output.softmax(1)


def _shares(output: Tensor) -> Tensor:
    """Each sigmoid's share of their sum, by way of logarithms: no sum is 0."""
    return F.logsigmoid(output).softmax(1)


def _most_likely(probabilities: np.ndarray, rule: Mapping[str, Any]) -> np.ndarray:
    return probabilities.argmax(1)
