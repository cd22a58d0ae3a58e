"""Each unit predicted linearly from all the others, on samples that the prediction has not seen."""

from __future__ import annotations

import itertools
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
    predicted: the share of each unit's variance that the others predict on samples unseen, [units]; below 0 where
    its mean would have been nearer.
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
    (the partitioned inverse; Lauritzen 1996, §5.1), so one inverse serves all units. For each fold, each unit takes
    the ridge that predicts it best, from one to the other, within all other folds, or its mean where none does better
    than that; so the fold itself has no say in it, and where the others mislead ``predicted`` is below 0.
    """
    count = moments.folds
    chosen = _chosen(moments)
    means, weights, left, whole = [], [], [], []
    for fold in range(count):
        others = [f for f in range(count) if f != fold] or [fold]
        means.append(moments.mean(others))
        weights.append(_weights_of(moments.covariance(others), chosen[fold]))
        held = moments.covariance([fold], about=means[fold])
        left.append(_left(weights[fold], held))
        whole.append(held.diagonal())
    whole_, left_ = torch.stack(whole).mean(0), torch.stack(left).mean(0)
    still = whole_ <= _STILL * whole_.max()
    return Refit(means, weights, torch.where(still, 0.0, 1 - left_ / torch.where(still, 1.0, whole_)))


def _chosen(moments: Moments) -> Tensor:
    """For each fold the number of each unit's ridge, 0 for its mean: int [folds, units], chosen on all other folds."""
    count = moments.folds
    units = moments.covariance().shape[0]
    left = torch.zeros(count, 1 + len(_RIDGES), units, dtype=torch.float64)
    for one, two in itertools.combinations(range(count), 2):
        taught = [f for f in range(count) if f not in (one, two)]
        if not taught:
            continue  # nothing is left to learn from: the means are taken
        mean, parts = moments.mean(taught), _standardised(moments.covariance(taught))
        # What these folds teach is tried on each of the two, for the sake of the other.
        held = {one: moments.covariance([two], about=mean), two: moments.covariance([one], about=mean)}
        for fold, there in held.items():
            left[fold, 0] += there.diagonal()
        for number, ridge in enumerate(_RIDGES, start=1):
            weights = _weights(*parts, ridge)
            for fold, there in held.items():
                left[fold, number] += _left(weights, there)
    return left.argmin(1)


def _weights_of(covariance: Tensor, chosen: Tensor) -> Tensor:
    """The residuals' weights, each unit's with its own ridge."""
    parts = _standardised(covariance)
    made = torch.eye(len(covariance), dtype=covariance.dtype)  # the residuals from the mean itself
    for number, ridge in enumerate(_RIDGES, start=1):
        if (chosen == number).any():
            made = torch.where(chosen == number, _weights(*parts, ridge), made)
    return made


def _left(weights: Tensor, held: Tensor) -> Tensor:
    """The residuals' mean squares on the samples held out, [units]."""
    return (weights * (held @ weights)).sum(0)


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
