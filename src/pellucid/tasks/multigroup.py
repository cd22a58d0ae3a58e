"""Several questions at once, each with classes that exclude each other: type and make."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from pellucid.core.errors import BadInput
from pellucid.models.groups import softmax_of_groups
from pellucid.models.heads import Head
from pellucid.tasks.cells import numbered
from pellucid.tasks.group_metrics import group_metrics
from pellucid.tasks.labelling.seen import Seen, combinations_of, contradictions, loss_of_fitting, shares
from pellucid.tasks.table import tasks
from pellucid.tasks.task import MISSING, Columns, Task, Vocabulary


@tasks.register(
    "multigroup",
    question="Which type is it and which make, several questions with one answer each?",
    source="Caruana 1997, multitask learning",
    labels="two columns or more, a class of each a picture; cells may be empty",
    cells="classes",
)
def multigroup(
    vocabulary: Vocabulary,
    *,
    encoding: Literal["softmax", "power_set"] = "softmax",
    decision: Literal["auto", "each", "likeliest"] = "auto",
) -> Task:
    """A softmax for each group of classes, the loss the sum of their cross entropies; empty cells teach nothing.

    encoding: "power_set" is one softmax over the combinations that training items have; others cannot be answered.
    decision: each group's likeliest class, or the likeliest combination (power_set); "auto" is what the encoding has.
    """
    names = vocabulary.columns
    _check(vocabulary)
    widths = tuple(len(vocabulary.values[name]) for name in names)
    labels = tuple(f"{name}: {value}" for name in names for value in vocabulary.values[name])

    def encode(columns: Columns) -> Tensor:
        each = [numbered(columns[name], vocabulary.values[name], name) for name in names]
        return torch.from_numpy(np.stack(each, 1))

    options = {"encoding": encoding, "decision": decision}
    shared = {
        "kind": "multigroup",
        "options": options,
        "vocabulary": vocabulary,
        "encode": encode,
        "say": partial(_say, vocabulary),
        "metrics": group_metrics(names, widths),
        "primary": "mean_accuracy",
        "decided": names,
    }
    if encoding == "power_set":
        return Task(**shared, **_together(_seen(vocabulary, encode, widths, labels), widths, labels, decision))
    if decision == "likeliest":
        raise BadInput("separate softmaxes know no combinations", cure="pass encoding='power_set' with it")
    return Task(**shared, **_apart(widths, labels))


def _apart(widths: tuple[int, ...], labels: tuple[str, ...]) -> Mapping[str, Any]:
    """A softmax for each group."""

    def loss(output: Tensor, target: Tensor) -> Tensor:
        parts = zip(output.split(widths, 1), target.unbind(1), strict=True)
        each = [F.cross_entropy(part, own, ignore_index=MISSING, reduction="none") for part, own in parts]
        return torch.stack(each).sum(0)

    return {
        "classes": labels,
        "head": Head("linear", sum(widths)),
        "output": "groups",
        "outputs": labels,
        "groups": widths,
        "loss": loss,
        "probabilities": partial(softmax_of_groups, groups=widths),
        "decide": lambda given, rule: _best_of_each(given, widths),
    }


def _together(seen: Seen, widths: tuple[int, ...], labels: tuple[str, ...], decision: str) -> Mapping[str, Any]:
    """One softmax over the combinations that were seen."""
    members = torch.from_numpy(seen.members)
    numbers = np.stack([part.argmax(1) for part in np.split(seen.members, np.cumsum(widths)[:-1], 1)], 1)

    def loss(output: Tensor, target: Tensor) -> Tensor:
        yes = one_hot(target, widths).to(output.dtype)
        return loss_of_fitting(output, contradictions(yes, torch.zeros_like(yes), members.to(output)))

    def decide(given: np.ndarray, rule: Mapping[str, Any]) -> np.ndarray:
        return _best_of_each(given, widths) if decision == "each" else numbers[given[:, len(labels) :].argmax(1)]

    return {
        "classes": (*labels, *seen.names),
        "head": Head("linear", len(seen)),
        "output": "logits",
        "outputs": seen.names,
        "loss": loss,
        "probabilities": lambda output: shares(output, members.to(output)),
        "decide": decide,
        "notes": (f"{len(seen)} of {np.prod(widths)} combinations are seen in training; no other can be answered",),
    }


def one_hot(numbers: Tensor, widths: tuple[int, ...]) -> Tensor:
    """Class numbers of groups as 0 and 1, int64 [n, Σ widths]; all 0 in a group that is MISSING."""
    parts = zip(numbers.unbind(1), widths, strict=True)
    return torch.cat([F.one_hot(own.clamp(min=0), width) * (own != MISSING)[:, None] for own, width in parts], 1)


def _seen(vocabulary: Vocabulary, encode: Any, widths: tuple[int, ...], labels: tuple[str, ...]) -> Seen:
    cells = list(vocabulary.combinations)
    targets = encode({name: [row[i] for row in cells] for i, name in enumerate(vocabulary.columns)})
    rows = one_hot(targets, widths).numpy().astype(np.float32)
    rows[(targets == MISSING).any(1).numpy()] = np.nan
    values = [value for name in vocabulary.columns for value in vocabulary.values[name]]
    return combinations_of(rows, np.array(list(vocabulary.combinations.values()), dtype=np.float64), values)


def _best_of_each(given: np.ndarray, widths: tuple[int, ...]) -> np.ndarray:
    parts = np.split(given[:, : sum(widths)], np.cumsum(widths)[:-1], axis=1)
    return np.stack([part.argmax(1) for part in parts], 1)


def _say(vocabulary: Vocabulary, decision: np.ndarray) -> str:
    """``van, Alba``; a group that is not known is named."""
    each = zip(vocabulary.values.items(), decision, strict=True)
    return ", ".join(f"{name} unknown" if d == MISSING else values[int(d)] for (name, values), d in each)


def _check(vocabulary: Vocabulary) -> None:
    if len(vocabulary.columns) < 2:
        cure = "name another with --label, or use --task multiclass"
        raise BadInput(f"multigroup learns several columns, and {vocabulary.columns[0]!r} is one", cure=cure)
    for name, values in vocabulary.values.items():
        if len(values) < 2:
            raise BadInput(f"column {name!r} holds one class alone, {values[0]!r}", cure="add pictures of another")
