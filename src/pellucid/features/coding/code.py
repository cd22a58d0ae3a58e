"""A layer's output as a code: units, each with one number a sample, or one a place where the layer has places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pellucid.core.errors import BadInput
from pellucid.models.network import Network


@dataclass(frozen=True)
class Layout:
    """Where the units of a layer's output lie: ``axis`` 1 in vectors and maps, -1 where the channels come last."""

    layer: str
    axis: int

    @classmethod
    def of(cls, network: Network, layer: str, output: Tensor) -> Layout:
        """As the network's tree tells for ``layer``; three axes of which nothing is known are refused."""
        grid = next((each.grid for each in network.tree() if each.name == layer.partition(":")[0]), None)
        if grid is not None and grid.kind != "map":
            return cls(layer, -1)
        if output.ndim == 3:
            cure = "choose a layer that gives a vector, a map or tokens (see pellucid layers)"
            what = f"layer {layer!r} gives {tuple(output.shape[1:])}, and which of these axes are units is not known"
            raise BadInput(what, where=network.name, cure=cure)
        return cls(layer, 1)

    def cells(self, output: Tensor) -> Tensor:
        """[n, places, units]; a vector has one place."""
        last = output.movedim(self.axis, -1)
        return last[:, None] if last.ndim == 2 else last.flatten(1, -2)

    def output(self, cells: Tensor, like: Tensor) -> Tensor:
        """The way back, in the shape of ``like`` [any n, …]."""
        shape = like.movedim(self.axis, -1).shape
        return cells.reshape(len(cells), *shape[1:]).movedim(-1, self.axis)

    def replaced(self, output: Tensor, unit: int, by: Tensor) -> Tensor:
        """A copy whose unit number ``unit`` is that of ``by`` (of the same shape, or one row for all)."""
        changed = output.clone()
        changed.select(self.axis, unit).copy_(by.select(self.axis, unit))
        return changed

    def along(self, units: Tensor, like: Tensor) -> Tensor:
        """One number a unit [units], shaped so that it spreads over ``like``."""
        shape = [1] * like.ndim
        shape[self.axis] = len(units)
        return units.view(shape).to(like)

    def finite(self, output: Tensor) -> Tensor:
        """The output, if all of it is finite."""
        if not torch.isfinite(output).all():
            bad = int((~torch.isfinite(output)).sum())
            cure = "check the weights (pellucid health), or choose an earlier layer"
            raise BadInput(f"{bad} of {output.numel()} activations are NaN or infinite", where=self.layer, cure=cure)
        return output


class Moments:
    """Means [places, units] and products [units, units] of cells, kept apart for folds of the samples: float64.

    Deviations are from each place's own mean, so that what is always the same at a place counts as nothing.
    """

    def __init__(self, folds: int):
        self.folds = folds
        self._counts = np.zeros(folds)
        self._sums: list[Tensor] = []
        self._products: list[Tensor] = []

    def add(self, cells: Tensor, rows: Sequence[int]) -> None:
        """Count cells [n, places, units] of the samples number ``rows``; sample i belongs to fold i mod folds."""
        if not self._sums:
            places, units = cells.shape[1:]
            self._sums = [torch.zeros(places, units, dtype=torch.float64) for _ in range(self.folds)]
            self._products = [torch.zeros(units, units, dtype=torch.float64) for _ in range(self.folds)]
        folds = np.asarray(rows) % self.folds
        for fold in np.unique(folds):
            own = cells[torch.from_numpy(folds == fold)].detach().to("cpu", torch.float64)
            self._counts[fold] += len(own)
            self._sums[fold] += own.sum(0)
            flat = own.flatten(0, 1)
            self._products[fold] += flat.T @ flat

    def mean(self, folds: Sequence[int] | None = None) -> Tensor:
        """Over all samples, or those of some folds: [places, units]."""
        chosen = range(self.folds) if folds is None else folds
        return sum((self._sums[f] for f in chosen), torch.zeros(())) / sum(self._counts[f] for f in chosen)

    def covariance(self, folds: Sequence[int] | None = None, about: Tensor | None = None) -> Tensor:
        """The mean product of deviations from ``about`` (default: the mean) at all places: [units, units]."""
        chosen = range(self.folds) if folds is None else folds
        mean = self.mean(chosen)
        about = mean if about is None else about
        count, places = sum(self._counts[f] for f in chosen), len(mean)
        raw = sum((self._products[f] for f in chosen), torch.zeros(())) / count
        return (raw - mean.T @ about - about.T @ mean + about.T @ about) / places
