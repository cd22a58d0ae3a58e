"""Numbers: one or several columns, each learnt in deviations from its mean and told in its own unit."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from pellucid.core.errors import BadInput
from pellucid.models.heads import Head
from pellucid.tasks.regression_metrics import regression_metrics
from pellucid.tasks.table import tasks
from pellucid.tasks.task import Columns, Task, Vocabulary

#: What an error costs, in deviations: output and target alike [n, k] → [n, k].
COSTS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "squared": lambda output, target: (output - target) ** 2,
    "absolute": lambda output, target: (output - target).abs(),
    "huber": lambda output, target: F.huber_loss(output, target, reduction="none"),
}


@tasks.register(
    "regression",
    question="How much is it?",
    source="Legendre 1805, least squares; Huber 1964",
    labels="one column of numbers, or several",
    cells="numbers",
)
def regression(vocabulary: Vocabulary, *, loss: Literal["squared", "absolute", "huber"] = "squared") -> Task:
    """Numbers in the columns' own units, by squared, absolute or Huber's error.

    The network puts out deviations from the mean of the training items, so it begins there whatever the unit, and
    several columns weigh alike. ``probabilities`` are the numbers themselves, in their units. loss: "squared" goes for
    the mean, "absolute" for the median, "huber" is squared up to one deviation and absolute beyond.
    """
    columns = vocabulary.columns
    units = [_unit(vocabulary, column, i) for i, column in enumerate(columns)]
    mean, deviation = (torch.tensor([getattr(u, name) for u in units]) for name in ("mean", "deviation"))
    cost = COSTS[loss]

    def encode(cells: Columns) -> Tensor:
        rows = [[_number(cell, column) for cell in cells[column]] for column in columns]
        return torch.tensor(rows, dtype=torch.float64).T.float().contiguous()

    def masked(output: Tensor, target: Tensor) -> Tensor:
        known = ~torch.isnan(target)
        wanted = (torch.where(known, target, 0.0) - mean.to(output)) / deviation.to(output)
        return torch.where(known, cost(output, wanted), 0.0).mean(1)

    return Task(
        kind="regression",
        options={"loss": loss},
        vocabulary=vocabulary,
        classes=columns,
        head=Head("linear", len(columns)),
        output="values",
        outputs=tuple(f"{column} (deviations from the mean)" for column in columns),
        encode=encode,
        loss=masked,
        probabilities=lambda output: output * deviation.to(output) + mean.to(output),
        decide=lambda probabilities, rule: probabilities,
        say=lambda decision: _said(columns, np.atleast_1d(decision)),
        metrics=regression_metrics(columns, np.array([u.deviation for u in units])),
        primary="mae" if loss == "absolute" else "r2",
        notes=tuple(
            f"{column}: always answering the training mean, {u.mean:.4g}, is off by {u.deviation:.4g} (RMSE)"
            for column, u in zip(columns, units, strict=True)
        ),
    )


@dataclass(frozen=True)
class _Unit:
    """A column's mean and deviation among the training items."""

    mean: float
    deviation: float


def _unit(vocabulary: Vocabulary, column: str, place: int) -> _Unit:
    for cell in vocabulary.values[column]:
        _number(cell, column)
    known = [(float(row[place]), count) for row, count in vocabulary.combinations.items() if row[place]]
    if not known:
        raise BadInput("no training item has a number", where=column, cure="fill cells, or name another with --label")
    numbers, counts = (np.array(side, dtype=np.float64) for side in zip(*known, strict=True))
    mean = float(np.average(numbers, weights=counts))
    deviation = math.sqrt(np.average((numbers - mean) ** 2, weights=counts))
    if deviation == 0:
        raise BadInput(f"all training items have the number {numbers[0]:g}", where=column, cure="name another column")
    if deviation < 1e-5 * abs(mean):  # float32 has seven digits, and the deviation needs some of them
        raise BadInput(f"the numbers differ by {deviation:g} around {mean:g}", where=column, cure="subtract their mean")
    return _Unit(mean, deviation)


def _number(cell: str, column: str) -> float:
    """The cell's number, NaN where it is empty."""
    try:
        number = float(cell) if cell else math.nan
    except ValueError:
        number = math.inf
    if math.isinf(number) or (cell and math.isnan(number)):
        cure = "leave cells empty where nothing is known, or use --task ordinal or multiclass for words"
        raise BadInput(f"{cell!r} is no number", where=column, cure=cure)
    return number


def _said(columns: tuple[str, ...], numbers: np.ndarray) -> str:
    told = ["unknown" if np.isnan(number) else f"{number:.4g}" for number in numbers]
    return told[0] if len(columns) == 1 else ", ".join(f"{c} {t}" for c, t in zip(columns, told, strict=True))
