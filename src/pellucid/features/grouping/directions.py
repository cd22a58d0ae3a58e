"""Feature vectors as directions: centred, on their principal components, of length 1."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import normalize

from pellucid.core.errors import BadInput

#: Components that are kept at most, and the share of the variance at which fewer will do.
MOST, SHARE = 64, 0.95

#: Kept at least, where there are as many: on one component only two directions exist, on two a circle of them.
FEWEST = 3

#: Shares of the variance below this are rounding, as are distances from the mean below its root.
_ROUNDING = 1e-8

#: A channel that changes by less than this share of its largest value does not change.
_STILL = 1e-5

_CHUNK = 8192


@dataclass(frozen=True)
class Basis:
    """Where the cells lie: their mean [C], principal components [d, C] with fixed signs, and spread (a length).

    explained: the share of the variance that the components carry.
    """

    mean: Tensor
    components: Tensor
    spread: float
    explained: float

    def coordinates(self, cells: Tensor) -> Tensor:
        """Cells [m, C] on the components, in units of the spread: [m, d]."""
        parts = [(part - self.mean) @ self.components.T / self.spread for part in cells.split(_CHUNK)]
        return torch.cat(parts)


def directions(coordinates: Tensor) -> Tensor:
    """Coordinates scaled to length 1; what is at the mean up to rounding stays near zero."""
    return normalize(coordinates, dim=1, eps=_ROUNDING**0.5)


def is_flat(cells: Tensor) -> bool:
    """Whether all cells are the same, up to rounding."""
    parts = cells.split(_CHUNK)
    changes = torch.stack([(part - cells[0]).abs().amax(0) for part in parts]).amax(0)
    largest = torch.stack([part.abs().amax(0) for part in parts]).amax(0)
    return bool((changes <= _STILL * largest).all())


def fit_basis(cells: Tensor) -> Basis:
    """The mean and the principal components of cells [m, C]: 95 % of the variance, at most 64.

    Each component's largest loading is positive, so that the same features give the same basis.
    """
    if is_flat(cells):
        raise BadInput("every cell has the same features, so there is nothing to group")
    mean = cells.mean(0, dtype=torch.float64).to(cells.dtype)
    variances, components = _principal(cells, mean)
    shares = (variances / variances.sum()).clamp_min(0)
    enough = int((shares.cumsum(0) < SHARE - _ROUNDING).sum()) + 1
    kept = min(max(enough, FEWEST), MOST, int((shares > _ROUNDING).sum()))
    components = _fixed_signs(components[:kept])
    spread = float((variances.sum() / len(cells)).sqrt())
    return Basis(mean, components.to(cells.dtype), spread, float(shares[:kept].sum()))


def _principal(cells: Tensor, mean: Tensor) -> tuple[Tensor, Tensor]:
    """All squared singular values of the centred cells, descending, and the right singular vectors as rows; float64.

    Through the smaller of the two products, which has the same values: deep layers have more
    channels than a photo has cells.
    """
    if len(cells) < cells.shape[1]:
        centred = (cells - mean).double()
        values, vectors = torch.linalg.eigh(centred @ centred.T)
        values, vectors = values.flip(0), centred.T @ vectors.flip(1)
        return values.clamp_min(0), normalize(vectors, dim=0).T
    product = torch.zeros(cells.shape[1], cells.shape[1], dtype=torch.float64)
    for part in cells.split(_CHUNK):
        centred = part - mean
        product += centred.T @ centred
    values, vectors = torch.linalg.eigh(product)
    return values.flip(0).clamp_min(0), vectors.flip(1).T


def _fixed_signs(components: Tensor) -> Tensor:
    largest = components.gather(1, components.abs().argmax(1, keepdim=True))
    return components * torch.where(largest < 0, -1.0, 1.0)
