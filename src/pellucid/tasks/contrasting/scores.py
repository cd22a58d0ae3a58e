"""How well views of one picture are found among others, and how projections lie on the sphere.

Summaries are [n, 4]: loss, the share of both views whose partner is nearest of all (of k that are equally near it is
1/k), their squared distance, and the mean closeness to all other views. Targets are [n]: how many others each view is
held against.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from pellucid.tasks.contrasting.losses import similarities
from pellucid.tasks.task import Metric

#: The columns of a summary.
LOSS, MATCHED, APART, CLOSE = range(4)

#: Closeness is exp(−t · squared distance), t as in Wang & Isola 2020 (arXiv:2005.10242, eq. 5).
T = 2.0


def summary(z: Tensor, losses: Tensor) -> Tensor:
    """Of projections z [2n, D] and each picture's loss [n]: [n, 4]."""
    alike = similarities(z)
    rows = torch.arange(len(z), device=z.device)
    itself = rows[:, None] == rows
    partner = alike[rows, rows.roll(len(z) // 2)]
    others = alike.masked_fill(itself, -torch.inf)
    nearest = others.amax(1)
    matched = (partner >= nearest) / (others == nearest[:, None]).sum(1)
    distance = (2 - 2 * alike).clamp(min=0)
    close = (-T * distance).exp().masked_fill(itself, 0.0).sum(1) / (len(z) - 1)
    both = torch.stack([matched.to(z), (2 - 2 * partner).clamp(min=0), close])
    return torch.cat([losses[None], both.view(3, 2, -1).mean(1)]).T


def constant(loss: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    """The summaries of who makes the same of every view. loss: what that costs, from how many others there are."""

    def of(targets: np.ndarray) -> np.ndarray:
        others = targets.astype(np.float64)
        return np.stack([loss(others), 1 / others, np.zeros_like(others), np.ones_like(others)], 1)

    return of


def _mean(column: int) -> Callable[[np.ndarray, np.ndarray, np.ndarray], float]:
    return lambda targets, summaries, decisions: float(summaries[:, column].mean(dtype=np.float64))


def _uniformity(targets: np.ndarray, summaries: np.ndarray, decisions: np.ndarray) -> float:
    return float(np.log(max(summaries[:, CLOSE].mean(dtype=np.float64), np.finfo(np.float64).tiny)))


METRICS = {
    "contrastive_loss": Metric(_mean(LOSS), "the loss between two views of each picture, in a batch", higher=False),
    "matched": Metric(_mean(MATCHED), "share of views whose other one is the nearest of all in the batch"),
    "alignment": Metric(_mean(APART), "mean squared distance of two views' projections at length 1", higher=False),
    "uniformity": Metric(
        _uniformity, "log of the mean of exp(−2 × squared distance) of any two views; lower is more even", higher=False
    ),
}
