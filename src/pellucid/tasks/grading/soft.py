"""Soft labels: cross entropy against a bump around the right level instead of that level alone.

It is smallest at Σ_y P(y)·label(y): the true probabilities, blurred.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import binom
from torch import Tensor
from torch.nn import functional as F

from pellucid.core.errors import BadInput


def soft_labels(output: Tensor, target: Tensor, labels: Tensor) -> Tensor:
    """−Σ_k label(y)_k·log p_k; output: [n, levels]; labels: [levels, levels], rows of sum 1."""
    return -(labels.to(output)[target] * F.log_softmax(output, 1)).sum(1)


def exponential(distances: np.ndarray, sharpness: float) -> np.ndarray:
    """Softmax of −sharpness·distance (Díaz & Marathe 2019, SORD; with squared distances a discrete Gaussian)."""
    heights = np.exp(-sharpness * distances)
    return heights / heights.sum(1, keepdims=True)


def binomial(levels: int) -> np.ndarray:
    """Binomial(levels − 1, p), p evenly from 0.1 to 0.9 (Liu et al. 2020)."""
    return np.stack([binom.pmf(np.arange(levels), levels - 1, p) for p in np.linspace(0.1, 0.9, levels)])


def triangular(levels: int, share: float) -> np.ndarray:
    """A triangle that gives ``share`` to each neighbour, and half of one at both ends (Vargas et al. 2023).

    The last level's label is the first's, mirrored: a scale that is read backwards is the same scale.
    """
    if not 0 <= share <= 2 / 9:  # beyond, the triangle would reach the level after the next
        raise BadInput(f"a neighbour's share is {share}", cure="pass a share from 0 to 2/9")
    root = np.sqrt(2 * share)
    outer = ((1 - np.sqrt(1 + 4 * (1 - 2 * share) * (root - 2 * share))) / 2) ** 2
    labels = np.eye(levels) * (1 - 2 * share) + (np.eye(levels, k=1) + np.eye(levels, k=-1)) * share
    labels[0, :2] = labels[-1, :-3:-1] = 1 - outer, outer
    return labels
