"""How well groups are told apart, and how well two groupings agree."""

from __future__ import annotations

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor


def contingency(a: np.ndarray, b: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """How often each label of ``a`` meets each label of ``b``: int64, of ``size``."""
    pairs = a.reshape(-1).astype(np.int64) * size[1] + b.reshape(-1)
    return np.bincount(pairs, minlength=size[0] * size[1]).reshape(size)


def adjusted_rand(table: np.ndarray) -> np.ndarray:
    """The adjusted Rand index of contingency tables [..., a, b] (Hubert & Arabie 1985, eq. 5).

    1 where two groupings agree, about 0 where they agree by chance. Two groupings that have
    nothing to disagree on (a single group, or all apart) agree.
    """
    table = table.astype(np.float64)
    pairs = lambda n: n * (n - 1) / 2  # noqa: E731
    both = pairs(table).sum((-2, -1))
    first, second = pairs(table.sum(-1)).sum(-1), pairs(table.sum(-2)).sum(-1)
    chance = first * second / pairs(table.sum((-2, -1)))
    room = (first + second) / 2 - chance
    return np.where(room == 0, 1.0, (both - chance) / np.where(room == 0, 1.0, room))


def mean_pairwise_rand(labels: Tensor, clusters: int) -> float:
    """The mean adjusted Rand index over all pairs of groupings; labels: [groupings, m]."""
    count = len(labels)
    member = (labels[:, None] == torch.arange(clusters)[:, None]).float().view(count * clusters, -1)
    tables = (member @ member.T).view(count, clusters, count, clusters).transpose(1, 2).numpy()
    return float(adjusted_rand(tables)[np.triu_indices(count, 1)].mean())


def purity(table: np.ndarray) -> float:
    """The share of places that lie in the true region which most of their cluster lies in; table: [clusters, regions].

    Never falls when clusters are split: read it beside their number.
    """
    return float(table.max(1).sum() / table.sum())


def mean_iou(table: np.ndarray) -> float:
    """Intersection over union, averaged over the true regions that there are; table: [clusters, regions].

    Each region is held against one cluster and each cluster against one region, as is best for the sum (Kuhn 1955,
    the Hungarian method). A region that gets no cluster counts 0; a cluster too many costs what it takes away.
    """
    table = table[:, table.any(0)].astype(np.float64)
    union = table.sum(1, keepdims=True) + table.sum(0, keepdims=True) - table
    shares = table / union
    return float(shares[linear_sum_assignment(shares, maximize=True)].sum() / table.shape[1])


def silhouette(x: Tensor, labels: Tensor) -> float | None:
    """The mean silhouette of rows x [m, d] under cosine distance (Rousseeuw 1987); None for a single group.

    Exact for all rows: with rows of length 1 the mean distance to a group is one minus the product
    with the group's mean, so no pair has to be looked at. A row alone in its group counts 0.
    """
    clusters = int(labels.max()) + 1
    if clusters < 2:
        return None
    x, member = x.double(), labels[:, None] == torch.arange(clusters)
    sizes = member.sum(0)
    distances = sizes - x @ (x.T @ member.double())  # to all of a group together
    own, size = distances.gather(1, labels[:, None]).squeeze(1), sizes[labels]
    within = (own - (1 - x.square().sum(1))) / (size - 1).clamp_min(1)  # without the row itself
    nearest = (distances / sizes).masked_fill(member, torch.inf).min(1).values
    value = (nearest - within) / torch.maximum(nearest, within).clamp_min(1e-12)
    return float(torch.where(size > 1, value, 0).mean())
