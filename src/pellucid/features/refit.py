"""Each unit predicted linearly from all the others, on samples that the prediction has not seen."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid.features.code import Moments

#: Parts of the samples; each is predicted by what the others teach.
FOLDS = 4

#: How much the weights are drawn to zero, in units of each predictor's variance; the one that predicts best is taken.
_RIDGES = (1e-6, 1e-4, 1e-2, 1e-1, 1.0)

#: A unit that varies by less than this share of the largest does not vary.
_STILL = 1e-12


@dataclass(frozen=True)
class Refit:
    """What the other units say about each: by fold of the samples, for which it was fitted on all other folds.

    predicted: the share of each unit's variance that the others predict on samples unseen, [units]; below 0 is worse
    than the mean. ridge: the penalty that was taken.
    """

    means: list[Tensor]
    weights: list[Tensor]
    predicted: Tensor
    ridge: float

    def residuals(self, cells: Tensor, fold: int) -> Tensor:
        """What each unit says beyond the others, of cells [n, places, units] of samples in ``fold``."""
        return (cells.double() - self.means[fold]) @ self.weights[fold]


def fit_refit(moments: Moments) -> Refit:
    """Ridge regressions of every unit on all others, from their covariance alone.

    With P the inverse of the (standardised, ridged) covariance, unit j less its prediction is (P z)_j / P_jj
    (the partitioned inverse; Lauritzen 1996, §5.1), so one inverse serves all units.
    """
    count = moments.folds
    others = [[f for f in range(count) if f != fold] or [fold] for fold in range(count)]
    means = [moments.mean(o) for o in others]
    decomposed = [_standardised(moments.covariance(o)) for o in others]
    held = [moments.covariance([fold], about=means[fold]) for fold in range(count)]
    best: tuple[float, float, list[Tensor], Tensor] | None = None
    for ridge in _RIDGES:
        weights = [_weights(*parts, ridge) for parts in decomposed]
        left = sum((_quadratic(w, h) for w, h in zip(weights, held, strict=True)), torch.zeros(()))
        whole = sum((h.diagonal() for h in held), torch.zeros(()))
        share = torch.where(whole > _STILL * whole.max(), left / whole.clamp_min(1e-300), 1.0)
        if best is None or float(share.mean()) < best[0]:
            best = float(share.mean()), ridge, weights, 1 - share
    assert best is not None
    return Refit(means, best[2], best[3], best[1])


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


def _quadratic(weights: Tensor, covariance: Tensor) -> Tensor:
    """The residuals' mean squares."""
    return (weights * (covariance @ weights)).sum(0)
