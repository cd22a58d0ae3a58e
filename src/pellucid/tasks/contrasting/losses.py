"""Contrastive losses of projections z [2n, D], where rows i and n + i are views of one picture: each picture's, [n].

NT-Xent is of Chen et al. 2020 (SimCLR, arXiv:2002.05709, eq. 1). Its generalised forms, alignment + λ · distribution,
are of Chen, Luo & Li 2021 (arXiv:2011.02803, eqs. 2 to 4, table 1), whose own code tells what the text leaves open.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

Prior = Literal["sphere", "cube", "normal"]

#: Vectors shorter than this are not brought to length 1.
SHORT = 1e-6


def nt_xent(z: Tensor, temperature: float) -> Tensor:
    """The cross entropy of finding a view's partner among all 2n − 1 others by cosine similarity over temperature."""
    scores = _others(similarities(z) / temperature)
    return _pictures(scores.logsumexp(1) - _partners(scores))


def decoupled(z: Tensor, temperature: float, weight: float) -> Tensor:
    """−similarity of partners + λ · log Σ exp(similarity / temperature) over all others (arXiv:2011.02803, eq. 2).

    With λ = temperature it is temperature · NT-Xent.
    """
    alike = similarities(z)
    return _pictures(weight * _others(alike / temperature).logsumexp(1) - _partners(alike))


def sliced_wasserstein(z: Tensor, weight: float, prior: Prior) -> Tensor:
    """‖z − z′‖² / 2D + λ · SWD to a prior (arXiv:2011.02803, algorithm 1).

    SWD projects z, and as many draws of the prior, onto D random orthogonal directions; along each both are sorted, and
    their squared differences averaged. prior: "sphere" (evenly over directions; z is brought to length 1), "cube"
    (evenly from −1 to 1) or "normal". Draws are torch's own.
    """
    z = unit(z) if prior == "sphere" else z
    first, second = z.chunk(2)
    directions = orthogonal(z.shape[1]).to(z)
    wanted = (drawn(prior, z.shape[0], z.shape[1]).to(z) @ directions).sort(0).values
    found = z @ directions
    # Each view's own share: the prior's number of the same rank. The mean over views is the distance.
    ranks = found.argsort(0).argsort(0)
    apart = (found - wanted.gather(0, ranks)).square().mean(1)
    return (first - second).square().mean(1) / 2 + weight * _pictures(apart)


def orthogonal(size: int) -> Tensor:
    """Random orthogonal directions [size, size], evenly distributed (Mezzadri 2007)."""
    q, r = torch.linalg.qr(torch.randn(size, size))
    return q * r.diagonal().sign()


def drawn(prior: Prior, count: int, size: int) -> Tensor:
    """Draws of a prior: [count, size]."""
    if prior == "cube":
        return torch.empty(count, size).uniform_(-1, 1)
    found = torch.randn(count, size)
    return unit(found) if prior == "sphere" else found


def unit(z: Tensor) -> Tensor:
    """Each row at length 1."""
    return F.normalize(z, dim=1, eps=SHORT)


def similarities(z: Tensor) -> Tensor:
    """Cosines of all pairs of rows: [2n, 2n]."""
    z = unit(z)
    return z @ z.T


def _others(scores: Tensor) -> Tensor:
    """Without the view itself."""
    return scores.masked_fill(torch.eye(len(scores), dtype=torch.bool, device=scores.device), -torch.inf)


def _partners(scores: Tensor) -> Tensor:
    """Each view's score with the other view of its picture: [2n]."""
    rows = torch.arange(len(scores), device=scores.device)
    return scores[rows, rows.roll(len(rows) // 2)]


def _pictures(views: Tensor) -> Tensor:
    """The mean of both views: [2n] → [n]."""
    return views.view(2, -1).mean(0)
