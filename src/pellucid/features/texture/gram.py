"""What a texture is to a layer: which of its channels are active together, wherever in the picture that is."""

from __future__ import annotations

import torch
from torch import Tensor


def gram(maps: Tensor) -> Tensor:
    """F Fᵀ / HW of maps [n, C, h, w]: [n, C, C] (arXiv:1508.06576, eq. 3, by the mean over the places)."""
    cells = maps.flatten(2)
    return cells @ cells.mT / cells.shape[2]


def moments(maps: Tensor) -> tuple[Tensor, Tensor]:
    """The mean over the places of maps [n, C, h, w], [n, C], and their covariance, [n, C, C].

    Together they say what the Gram matrix says, which is their sum (the mean as mmᵀ). Apart, a strong mean does not
    drown what varies.
    """
    means = maps.mean((2, 3))
    return means, gram(maps - means[..., None, None])


def energy(grams: Tensor) -> Tensor:
    """The squares added up of each of [n, …]: [n], float64. Of Gram matrices ‖G‖²."""
    return grams.double().square().flatten(1).sum(1)


def half(grams: Tensor) -> Tensor:
    """The numbers of symmetric matrices [n, C, C] that differ, so that distances stay: [n, C(C+1)/2]."""
    rows, columns = torch.triu_indices(*grams.shape[1:])
    factors = torch.where(rows == columns, 1.0, 2**0.5)
    return grams[:, rows, columns] * factors
