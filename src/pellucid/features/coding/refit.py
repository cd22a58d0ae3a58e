"""Each unit predicted linearly from all the others, on samples that the prediction has not seen."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid.features.coding.code import Moments

#: Parts of the samples; each is predicted by what the others teach.
FOLDS = 4

#: How much the weights are drawn to zero, in units of each predictor's variance.
_RIDGES = (1e-6, 1e-4, 1e-2, 1e-1, 1.0)

#: A unit that varies by less than this share of the largest does not vary.
_STILL = 1e-12


@dataclass(frozen=True)
class Refit:
    """What the other units say about each: by fold of the samples, for which it was fitted on all other folds.

    means [places, units], weights [units, units]: deviations from the mean @ weights are what the others do not say.
    predicted: the share of each unit's variance that the others predict on samples unseen, [units].
    """

    means: list[Tensor]
    weights: list[Tensor]
    predicted: Tensor

    def residuals(self, cells: Tensor, fold: int) -> Tensor:
        """What each unit says beyond the others, of cells [n, places, units] of samples in ``fold``."""
        return (cells.double() - self.means[fold]) @ self.weights[fold]


def fit_refit(moments: Moments) -> Refit:
    """Ridge regressions of every unit on all others, from their covariance alone.

    With P the inverse of the (standardised, ridged) covariance, unit j less its prediction is (P z)_j / P_jj
    (the partitioned inverse; Lauritzen 1996, §5.1), so one inverse serves all units. Each unit takes the ridge that
    predicts it best on samples unseen, and its mean where none does better than that.
    """
    count = moments.folds
    others = [[f for f in range(count) if f != fold] or [fold] for fold in range(count)]
    means = [moments.mean(o) for o in others]
    decomposed = [_standardised(moments.covariance(o)) for o in others]
    held = [moments.covariance([fold], about=means[fold]) for fold in range(count)]
    best = [torch.eye(len(h), dtype=h.dtype) for h in held]  # the residuals from the mean itself
    whole = left = _left(best, held)
    for ridge in _RIDGES:
        weights = [_weights(*parts, ridge) for parts in decomposed]
        found = _left(weights, held)
        better = found < left
        best = [torch.where(better, new, old) for new, old in zip(weights, best, strict=True)]
        left = torch.where(better, found, left)
    still = whole <= _STILL * whole.max()
    return Refit(means, best, torch.where(still, 0.0, 1 - left / torch.where(still, 1.0, whole)))


def _left(weights: list[Tensor], held: list[Tensor]) -> Tensor:
    """The residuals' mean squares on the samples held out, [units]."""
    return torch.stack([(w * (h @ w)).sum(0) for w, h in zip(weights, held, strict=True)]).mean(0)


def _standardised(covariance: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Standard deviations, and the eigenvalues and eigenvectors of the correlations."""
    variances = covariance.diagonal().clamp_min(0)
    scale = torch.where(variances > _STILL * variances.max(), variances, 1.0).sqrt()
    values, vectors = torch.linalg.eigh(covariance / scale[:, None] / scale)
    return scale, values.clamp_min(0), vectors


def _weights(scale: Tensor, values: Tensor, vectors: Tensor, ridge: float) -> Tensor:
    """W with which deviations from the mean [n, units] become residuals: deviations @ W."""
    precision = (vectors / (values + ridge)) @ vectors.T
    return precision / precision.diagonal() / scale[:, None] * scale
