"""From distances between pictures to a layer's scores: ranks, ratios, and intervals over the pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from pellucid.features.resampling import Interval
from pellucid.features.texture.sketch import distances

#: A layer's style counts where it is at least so much of the best layer's.
NEAR_BEST = 0.9


@dataclass(frozen=True)
class Scores:
    """What each pair of pictures says of a layer, float64 [n, n], nothing of a picture with itself (0).

    style, content: how often a crop, or the recoloured version, of the row's picture is nearer to it than the column's
    picture is. between: squared distances. moved: how far each picture's features move when its patches change places,
    squared, [n].
    """

    style: np.ndarray
    content: np.ndarray
    between: np.ndarray
    moved: np.ndarray

    def of_pictures(self) -> dict[str, np.ndarray]:
        """Each picture's part, [n]: its AUC of style and of content, and of place what is above the division."""
        others = len(self.moved) - 1
        return {"style": self.style.sum(1) / others, "content": self.content.sum(1) / others, "place": self.moved}

    def intervals(self, weight: np.ndarray) -> dict[str, Interval]:
        """S, C, P and C·P with their intervals; weight: how often each picture is drawn, [draws, n].

        A pair counts w_i·w_j times, for another sample has other pictures on both sides: with the anchors alone drawn
        anew the intervals are too narrow. Two copies of one picture are no pair. NaN where no pair was drawn.
        """
        w = np.concatenate([np.ones((1, len(self.moved))), weight.astype(np.float64)])
        between, content = _mean_over_pairs(self.between, w), _mean_over_pairs(self.content, w)
        moved = (w @ self.moved) / w.sum(1)
        place = np.divide(moved, between, out=np.where(np.isnan(between), np.nan, 0.0), where=between > 0)
        told = {"style": _mean_over_pairs(self.style, w), "content": content, "place": place, "both": content * place}
        return {name: Interval(float(values[0]), values[1:]) for name, values in told.items()}


def _mean_over_pairs(of_pairs: np.ndarray, w: np.ndarray) -> np.ndarray:
    """The mean of [n, n] over all pairs of two pictures, counted w_i·w_j times: [draws]."""
    pairs = np.square(w.sum(1)) - np.square(w).sum(1)
    total = ((w @ of_pairs) * w).sum(1)
    return np.divide(total, pairs, out=np.full(len(w), np.nan), where=pairs > 0)


def score(crops: Tensor, whole: Tensor, recoloured: Tensor, shuffled: Tensor) -> Scores:
    """The scores of n pictures' vectors: crops [n, k, d], whole [n, d], recoloured [n, j, d], shuffled [n, d]."""
    n, k = crops.shape[:2]
    others = distances(whole, whole).numpy()
    style, content = np.zeros((n, n)), np.zeros((n, n))
    for i in range(n):
        near = distances(crops[i], crops[i]).numpy()
        far = distances(crops[i], crops.flatten(0, 1)).numpy()
        nearer = [_nearer(np.delete(near[a], a), far[a]) for a in range(k)]
        style[i] = np.mean(nearer, 0).reshape(n, k).mean(1)
        content[i] = _nearer(distances(whole[i : i + 1], recoloured[i]).numpy()[0], others[i])
    np.fill_diagonal(style, 0)
    np.fill_diagonal(content, 0)
    moved = (whole.double() - shuffled.double()).square().sum(1).numpy()
    return Scores(style, content, np.square(others), moved)


def _nearer(near: np.ndarray, far: np.ndarray) -> np.ndarray:
    """For each of ``far``, [m], how often a distance of ``near`` is smaller; equal ones count half."""
    return (near[:, None] < far).mean(0) + (near[:, None] == far).mean(0) / 2


def content_layer(both: Mapping[str, Interval]) -> tuple[str, dict[str, float]]:
    """The layer of the largest C·P, the first of equals, and in what share of the draws each layer is that one."""
    names = list(both)
    drawn = np.stack([each.draws for each in both.values()])
    drawn = drawn[:, ~np.isnan(drawn).any(0)]
    times = np.bincount(drawn.argmax(0), minlength=len(names)) / max(1, drawn.shape[1])
    best = int(np.argmax([each.value for each in both.values()]))
    return names[best], dict(zip(names, times.tolist(), strict=True))


def style_layers(found: Sequence[tuple[str, tuple[int, int], float]]) -> list[str]:
    """Of (layer, resolution, S) one layer a resolution, the best (the first of equals), of S near the best of all."""
    enough = NEAR_BEST * max(s for _, _, s in found)
    best: dict[tuple[int, int], tuple[str, float]] = {}
    for name, resolution, s in found:
        if s >= enough and (resolution not in best or s > best[resolution][1]):
            best[resolution] = name, s
    chosen = {name for name, _ in best.values()}
    return [name for name, _, _ in found if name in chosen]
