"""How much of a layer's features a linear map between channels recovers from another set of features.

The equivariance map of Lenc & Vedaldi 2015 (§3.1), restricted to channels: a 1 × 1 convolution with bias, by ridge
regression. It is fitted on the cells of one half of the pictures and judged on the other half, then the other way
round, so that every picture is judged once by a map that has not seen it. The ridge, and whether it draws the map
towards nothing or towards the identity, is what does best on a quarter of the fitting half's pictures, which the
trial fits leave out.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

#: Ridges that are tried, as shares of the mean variance of a channel.
RIDGES = (1e-6, 1e-4, 1e-2, 0.1, 1.0, 10.0)

#: Of the pictures of a half, one in so many decides on the ridge, by so many channels of what is wanted.
_FOURTH, _JUDGES = 4, 64

Map = Callable[[Tensor], Tensor]


def unexplained(given: Tensor, wanted: Tensor, halves: Tensor, *, seed: int) -> tuple[Tensor, Tensor]:
    """What the map leaves of ``wanted``, and what there was: float64 [n] each, summed over a picture's cells.

    given, wanted: cells [n, m, C], m of each picture; halves: bool [n], which half a picture is in. Their sums' ratio
    is 1 − R², where a constant fitted in the same way has R² = 0.
    """
    left, total = torch.zeros(len(given), dtype=torch.float64), torch.zeros(len(given), dtype=torch.float64)
    for half in (halves, ~halves):
        fit = _fitted(given[half], wanted[half], seed)
        truth = wanted[~half].double()
        left[~half] = (truth - fit(given[~half].double())).square().sum((1, 2))
        total[~half] = (truth - wanted[half].double().mean((0, 1))).square().sum((1, 2))
    return left, total


def _fitted(x: Tensor, y: Tensor, seed: int) -> Map:
    """The map with the ridge that does best on pictures which the trial did not see."""
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    held, rest = order[: len(x) // _FOURTH], order[len(x) // _FOURTH :]
    if not len(held):
        return _Line(x, y).towards(identity=True, ridge=1.0)
    judges = torch.randperm(y.shape[-1], generator=torch.Generator().manual_seed(seed))[:_JUDGES]
    trial, seen, truth = _Line(x[rest], y[rest]), x[held].double(), y[held][..., judges].double()
    choices = [(identity, ridge) for identity in (True, False) for ridge in RIDGES]
    errors = [float((trial.towards(*c, channels=judges)(seen) - truth).square().sum()) for c in choices]
    return _Line(x, y).towards(*choices[errors.index(min(errors))])


class _Line:
    """y ≈ (x − a)·W + b, for any ridge from one eigenvalue decomposition."""

    def __init__(self, x: Tensor, y: Tensor) -> None:
        x, y = x.flatten(0, 1).double(), y.flatten(0, 1).double()
        self.a, self.b = x.mean(0), y.mean(0)
        x = x - self.a
        values, self.vectors = torch.linalg.eigh(x.T @ x / len(x))
        self.values = values.clamp_min(0)
        self.moments = self.vectors.T @ (x.T @ (y - self.b) / len(x))

    def towards(self, identity: bool, ridge: float, channels: Tensor | slice = slice(None)) -> Map:
        """The map to all or some channels, drawn towards the identity or towards nothing."""
        size = self.values.mean().clamp_min(1e-300)
        start = (self.values[:, None] * self.vectors.T)[:, channels] if identity else 0.0
        weight = self.vectors @ ((self.moments[:, channels] - start) / (self.values + ridge * size)[:, None])
        if identity:
            weight = weight + torch.eye(len(weight), dtype=weight.dtype)[:, channels]
        return lambda x: (x - self.a) @ weight + self.b[channels]
