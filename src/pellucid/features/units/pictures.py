"""Filters as pictures, all on one scale, so that a weak one looks weak."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pellucid.features.grouping.directions import _principal
from pellucid.features.units.banks import Bank
from pellucid.features.units.pairs import Pair

#: The share of all weights that lies within the scale; what is beyond it is drawn as its end.
WITHIN = 0.995

#: Up to so many input channels are drawn side by side in grey; more are reduced to three colours.
STRIP = 8


@dataclass(frozen=True)
class FilterPictures:
    """uint8 [units, height, width, 3]. scale: the weight that is drawn white (minus it black, zero middle grey).

    how: "colour" (three input channels as red, green, blue), "grey" (one), "strip" (each input channel in grey, side
    by side) or "components" (the first three principal components of the input channels as red, green, blue).
    explained: the share of the squared weights that those components carry. Filters that are not finite are black.
    """

    pictures: np.ndarray
    scale: float
    how: str
    explained: float | None = None


def pictures_of(bank: Bank, shape: tuple[int, int, int]) -> FilterPictures | None:
    """The filters as pictures; None where they have no two sides to draw.

    shape: the network's input, (channels, height, width): a linear layer that takes it flattened has filters of it.
    """
    weights = bank.weights
    if weights.ndim == 2 and weights.shape[1] == shape[0] * shape[1] * shape[2]:
        weights = weights.unflatten(1, shape)
    if weights.ndim != 4 or weights.shape[2] * weights.shape[3] < 2:
        return None
    weights = torch.where(bank.finite()[:, None, None, None], weights, 0)
    channels, explained = weights.shape[1], None
    if channels == 3:
        how = "colour"
    elif channels == 1:
        how, weights = "grey", weights.expand(-1, 3, -1, -1)
    elif channels <= STRIP:
        how = "strip"
        weights = weights.permute(0, 2, 1, 3).flatten(2)[:, None].expand(-1, 3, -1, -1)
    else:
        how = "components"
        weights, explained = _components(weights)
    scale = float(weights.abs().flatten().double().quantile(WITHIN)) if weights.numel() < 1 << 24 else _scale(weights)
    drawn = (127.5 + 127.5 * weights / (scale or 1.0)).round().clamp(0, 255).to(torch.uint8)
    drawn[~bank.finite()] = 0
    return FilterPictures(drawn.permute(0, 2, 3, 1).contiguous().numpy(), scale, how, explained)


def _scale(weights: Tensor) -> float:
    """The same quantile where torch's own refuses to look at so many."""
    return float(np.quantile(weights.abs().numpy(), WITHIN))


def _components(weights: Tensor) -> tuple[Tensor, float]:
    """Each place's input channels [units, C, h, w] on their three principal components: [units, 3, h, w]."""
    cells = weights.permute(0, 2, 3, 1).reshape(-1, weights.shape[1])
    values, components = _principal(cells, torch.zeros(cells.shape[1]))
    first = components[:3]
    largest = first.gather(1, first.abs().argmax(1, keepdim=True))
    first = (first * torch.where(largest < 0, -1.0, 1.0)).to(cells.dtype)
    units, _, height, width = weights.shape
    projected = (cells @ first.T).view(units, height, width, len(first)).permute(0, 3, 1, 2)
    return projected, float(values[:3].sum() / values.sum().clamp_min(1e-30))


def order_of(bank: Bank, pairs: Iterable[Pair]) -> np.ndarray:
    """The units by the mean square of their weights, largest first, where those that are alike stand together."""
    squares = torch.where(bank.finite(), bank.weights.flatten(1).square().mean(1), 0).numpy()
    group = np.arange(bank.units)
    for pair in pairs:
        group[group == group[pair.unit]] = group[pair.other]
    best = np.zeros(bank.units)
    np.maximum.at(best, group, squares)
    return np.lexsort((-squares, group, -best[group])).astype(np.int64)
