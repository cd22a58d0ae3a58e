"""From distances between pictures to a layer's scores: ranks, ratios, and intervals over the pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from pellucid.features.texture.sketch import distances

#: Resamples of the pictures for an interval.
RESAMPLES = 1000

#: A layer's style counts where it is at least so much of the best layer's.
NEAR_BEST = 0.9


@dataclass(frozen=True)
class Scores:
    """What each picture says of a layer, float64 [n]: its AUC of style and of content, how far its features move when
    patches change places, and how far away other pictures' are (squared distances).
    """

    style: np.ndarray
    content: np.ndarray
    moved: np.ndarray
    between: np.ndarray

    def totals(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """S, C, P and C·P of the pictures in each row of ``rows``, [r, m] → [r] each."""
        mean = lambda each: each[rows].mean(1)  # noqa: E731
        between = mean(self.between)
        place = np.divide(mean(self.moved), between, out=np.zeros_like(between), where=between > 0)
        content = mean(self.content)
        return {"style": mean(self.style), "content": content, "place": place, "both": content * place}


def score(crops: Tensor, whole: Tensor, recoloured: Tensor, shuffled: Tensor) -> Scores:
    """The scores of n pictures' vectors: crops [n, k, d], whole [n, d], recoloured [n, j, d], shuffled [n, d]."""
    n, k = crops.shape[:2]
    textures = distances(crops.flatten(0, 1), crops.flatten(0, 1)).numpy()
    owner = np.repeat(np.arange(n), k)
    others = distances(whole, whole).numpy()
    style, content = np.zeros(n), np.zeros(n)
    for i in range(n):
        mine = np.flatnonzero(owner == i)
        nearer = [auc(textures[a, mine[mine != a]], textures[a, owner != i]) for a in mine]
        style[i] = np.mean(nearer)
        content[i] = auc(distances(whole[i : i + 1], recoloured[i]).numpy()[0], np.delete(others[i], i))
    moved = (whole.double() - shuffled.double()).square().sum(1).numpy()
    between = np.square(others).sum(1) / (n - 1)
    return Scores(style, content, moved, between)


def auc(near: np.ndarray, far: np.ndarray) -> float:
    """How often a distance of ``near`` is smaller than one of ``far``; equal ones count half."""
    return float((near[:, None] < far).mean() + (near[:, None] == far).mean() / 2)


def interval(scores: Scores, resamples: np.ndarray) -> dict[str, float]:
    """Each score, and as ``_low`` and ``_high`` what lies between 95 % of its values over resamples [r, n]."""
    found, drawn = scores.totals(np.arange(len(scores.style))[None]), scores.totals(resamples)
    told: dict[str, float] = {}
    for name, values in drawn.items():
        low, high = np.quantile(values, [0.025, 0.975])
        told |= {name: float(found[name][0]), f"{name}_low": float(low), f"{name}_high": float(high)}
    return told


def resampled(pictures: int, seed: int) -> np.ndarray:
    """Pictures drawn with replacement, [RESAMPLES, pictures]."""
    return np.random.default_rng(seed).integers(pictures, size=(RESAMPLES, pictures))


def content_layer(scores: Mapping[str, Scores], rows: np.ndarray) -> list[str]:
    """The layer of the largest C·P, the first of equals, for the pictures in each row of ``rows``."""
    both = np.stack([s.totals(rows)["both"] for s in scores.values()])
    names = list(scores)
    return [names[i] for i in both.argmax(0)]


def style_layers(found: Sequence[tuple[str, tuple[int, int], float]]) -> list[str]:
    """Of (layer, resolution, S) one layer a resolution, the best (the first of equals), of S near the best of all."""
    enough = NEAR_BEST * max(s for _, _, s in found)
    best: dict[tuple[int, int], tuple[str, float]] = {}
    for name, resolution, s in found:
        if s >= enough and (resolution not in best or s > best[resolution][1]):
            best[resolution] = name, s
    chosen = {name for name, _ in best.values()}
    return [name for name, _, _ in found if name in chosen]
