"""How much of a layer's features a linear map between channels recovers from another set of features.

The equivariance map of Lenc & Vedaldi 2015 (§3.1), restricted to channels: a 1 × 1 convolution with bias, by ridge
regression. It is fitted on the cells of one half of the pictures and judged on the other half, then the other way
round, so that every picture is judged once by a map that has not seen it. The ridge is the one of ``RIDGES`` that does
best on a quarter of the fitting half's pictures, which the trial fits leave out.
"""

from __future__ import annotations

import torch
from torch import Tensor

#: Ridges that are tried, as shares of the mean variance of a channel.
RIDGES = tuple(10.0**e for e in range(-6, 3))

#: Of the pictures of a half, one in so many decides on the ridge.
_FOURTH = 4


def unexplained(given: Tensor, wanted: Tensor, halves: Tensor, *, seed: int) -> tuple[Tensor, Tensor]:
    """What the map leaves of ``wanted``, and what there was: float64 [n] each, summed over a picture's cells.

    given, wanted: cells [n, m, C] and [n, m, D], m of each picture; halves: bool [n], which half a picture is in.
    Their sums' ratio is 1 − R², where a constant fitted in the same way has R² = 0.
    """
    left, total = torch.zeros(len(given), dtype=torch.float64), torch.zeros(len(given), dtype=torch.float64)
    for half in (halves, ~halves):
        fit = _fitted(given[half], wanted[half], seed)
        error = wanted[~half].double() - fit(given[~half].double())
        around = wanted[~half].double() - wanted[half].double().mean((0, 1))
        left[~half], total[~half] = error.square().sum((1, 2)), around.square().sum((1, 2))
    return left, total


class _Line:
    """y = (x − a)·W + b, for every ridge at once from one eigenvalue decomposition."""

    def __init__(self, x: Tensor, y: Tensor) -> None:
        x, y = x.flatten(0, 1).double(), y.flatten(0, 1).double()
        self.a, self.b = x.mean(0), y.mean(0)
        x = x - self.a
        self.values, self.vectors = torch.linalg.eigh(x.T @ x / len(x))
        self.moments = self.vectors.T @ (x.T @ (y - self.b) / len(x))

    def weight(self, ridge: float) -> Tensor:
        size = self.values.clamp_min(0).mean().clamp_min(1e-300)
        return self.vectors @ (self.moments / (self.values.clamp_min(0) + ridge * size)[:, None])

    def at(self, x: Tensor, ridge: float) -> Tensor:
        return (x - self.a) @ self.weight(ridge) + self.b


def _fitted(x: Tensor, y: Tensor, seed: int):  # noqa: ANN202
    """The map with the ridge that does best on pictures which the trial did not see."""
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    held = order[: len(x) // _FOURTH]
    rest = order[len(x) // _FOURTH :]
    best = RIDGES[len(RIDGES) // 2]
    if len(held):
        trial = _Line(x[rest], y[rest])
        seen = x[held].double()
        errors = {r: float((trial.at(seen, r) - y[held].double()).square().sum()) for r in RIDGES}
        best = min(errors, key=errors.__getitem__)
    line = _Line(x, y)
    return lambda given: line.at(given, best)
