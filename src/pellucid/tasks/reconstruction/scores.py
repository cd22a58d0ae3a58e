"""How good reconstructions are, beside the mean picture and beside principal components.

Targets are [n, 2]: what the mean picture of the training items misses of each item, and what their principal
components do, as many as the code has units; both as squared errors a value. Summaries are those of ``losses``.
"""

from __future__ import annotations

import numpy as np

from pellucid.tasks.reconstruction.losses import ERROR, KL, KL_SHARE
from pellucid.tasks.task import Metric

#: The columns of targets.
MEAN, PCA = 0, 1

#: A squared error below this is none.
TINY = 1e-12


def _mse(targets: np.ndarray, summaries: np.ndarray, decisions: np.ndarray) -> float:
    return float(summaries[:, ERROR].mean(dtype=np.float64))


def _kl(targets: np.ndarray, summaries: np.ndarray, decisions: np.ndarray) -> float:
    return float(summaries[:, KL].mean(dtype=np.float64))


def _explained(targets: np.ndarray, summaries: np.ndarray, decisions: np.ndarray) -> float:
    total = targets[:, MEAN].sum(dtype=np.float64)
    return float(1 - summaries[:, ERROR].sum(dtype=np.float64) / total) if total > 0 else float("nan")


def _pca(targets: np.ndarray, summaries: np.ndarray, decisions: np.ndarray) -> float:
    return float(targets[:, PCA].mean(dtype=np.float64))


def _beside_pca(targets: np.ndarray, summaries: np.ndarray, decisions: np.ndarray) -> float:
    total = targets[:, PCA].sum(dtype=np.float64)
    return float(summaries[:, ERROR].sum(dtype=np.float64) / total) if total > 0 else float("nan")


METRICS = {
    "mse": Metric(_mse, "squared error a value, in the values that the network is fed", higher=False),
    "explained_variance": Metric(_explained, "share of the variance around the mean picture"),
    "pca_mse": Metric(_pca, "the same error of PCA with as many components as the code has units", higher=False),
    "error_over_pca": Metric(_beside_pca, "squared error over that of PCA; below 1 is better than PCA", higher=False),
}


def metrics(beta: float) -> dict[str, Metric]:
    """Those of a variational network too."""

    def cost(targets: np.ndarray, summaries: np.ndarray, decisions: np.ndarray) -> float:
        mean = summaries[:, [ERROR, KL_SHARE]].mean(0, dtype=np.float64)
        return float(np.log(2 * np.pi * np.e * max(mean[0], TINY)) / 2 + beta * mean[1])

    words = "½ ln(2πe × squared error) + beta × KL, a value in nats: with beta 1 the evidence bound at the mean code"
    kl = Metric(_kl, "what the code says of a picture beyond its prior, in nats", higher=False)
    return {**METRICS, "cost": Metric(cost, words, higher=False), "kl": kl}


def of_the_mean(targets: np.ndarray) -> np.ndarray:
    """The summaries of who always answers the mean picture, with a code that says nothing: [n, 3]."""
    error = targets[:, MEAN]
    return np.stack([error, np.zeros_like(error), np.zeros_like(error)], 1)
