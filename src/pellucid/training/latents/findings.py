"""Every figure about codes, with its interval, beside the same of pixels and of principal components."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from pellucid.features.resampling import Interval
from pellucid.training.latents import classes, groups, outliers
from pellucid.training.latents.asked import Asked
from pellucid.training.latents.spaces import Spaces


@dataclass(frozen=True, eq=False)
class Finding:
    """One figure. part: "reconstruction", "groups", "classes" or "outliers". chance: what it is for who knows nothing.

    kind: of outliers, as ``outliers.Score`` has it. higher: whether more is better.
    """

    part: str
    method: str
    space: str
    metric: str
    found: Interval
    items: int
    chance: float | None = None
    kind: str = ""
    higher: bool = True

    def row(self) -> dict[str, Any]:
        """As a row of a table."""
        told = {"part": self.part, "method": self.method, "space": self.space, "metric": self.metric}
        return {**told, **self.found.named("value"), "chance": self.chance, "items": self.items, "kind": self.kind}


@dataclass(frozen=True, eq=False)
class Look:
    """What the figures come from. draws: numbers of held items, drawn with replacement; the same for all figures."""

    asked: Asked
    fitted: Spaces
    found: Spaces
    draws: list[np.ndarray]
    clusters: int
    seed: int

    @property
    def learnt(self) -> np.ndarray:
        """The classes of the items that are learnt from."""
        return self.asked.labels[self.asked.learnt]

    @property
    def truth(self) -> np.ndarray:
        """The classes of the items that are held."""
        return self.asked.labels[self.asked.held]

    @cached_property
    def scores(self) -> list[outliers.Score]:
        """How unlike what is learnt from each held item is."""
        return outliers.scores(self.fitted, self.found)

    def within(self, rows: np.ndarray) -> list[np.ndarray]:
        """The draws of those of the held items that are among ``rows``, by their places there."""
        place = np.full(len(self.truth), -1)
        place[rows] = np.arange(len(rows))
        return [p[p >= 0] for p in (place[draw] for draw in self.draws) if (p >= 0).any()]

    def spaces(self) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
        """Each space's name, the learnt items in it, and the held ones."""
        for name, fitted in self.fitted.named().items():
            yield name, fitted, self.found.named()[name]


def findings(look: Look) -> list[Finding]:
    """All that can be said of these items."""
    return [*_reconstruction(look), *_groups(look), *_classes(look), *_outliers(look)]


def _reconstruction(look: Look) -> Iterator[Finding]:
    """What is lost of the held items; where some are not normal, of the normal ones."""
    normal = look.asked.normal
    rows = np.arange(len(look.truth)) if normal is None else np.flatnonzero(normal[look.asked.held])
    if look.found.error is None or not len(rows):
        return
    draws = look.within(rows)
    for space, error in (("code", look.found.error), ("PCA", look.found.pca_error)):
        own = error[rows]
        found = Interval(float(own.mean()), np.array([own[p].mean() for p in draws]))
        yield Finding("reconstruction", "squared error a value", space, "MSE", found, len(rows), higher=False)


def _known(look: Look) -> tuple[np.ndarray, np.ndarray]:
    """Which of the learnt items have a class, and which of the held ones one of those; none where there are not two."""
    there = np.flatnonzero(look.learnt >= 0)
    kinds = np.unique(look.learnt[there])
    asked = np.flatnonzero(np.isin(look.truth, kinds))
    return (there, asked) if len(kinds) > 1 else (there[:0], asked[:0])


def _groups(look: Look) -> Iterator[Finding]:
    learnt, asked = _known(look)
    if not len(learnt) or not len(asked):
        return
    truth, draws = look.truth[asked], look.within(asked)
    for space, fitted, found in look.spaces():
        own = groups.clustered(fitted, found[asked], look.clusters, seed=look.seed)
        for metric, (each, chance) in groups.agreement(own, truth, draws, seed=look.seed).items():
            yield Finding("groups", f"k-means, {look.clusters} groups", space, metric, each, len(asked), chance)


def _classes(look: Look) -> Iterator[Finding]:
    learnt, asked = _known(look)
    if not len(learnt) or not len(asked):
        return
    known, truth, draws = look.learnt[learnt], look.truth[asked], look.within(asked)
    usual = float((truth == np.bincount(known).argmax()).mean())
    ways: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
        f"{classes.NEIGHBOURS} nearest neighbours": lambda x, y: classes.by_neighbours(x, known, y),
        "logistic regression": lambda x, y: classes.by_logistic(x, known, y, seed=look.seed),
    }
    for method, way in ways.items():
        for space, fitted, found in look.spaces():
            each = classes.accuracy(way(fitted[learnt], found[asked]), truth, draws)
            yield Finding("classes", method, space, "accuracy", each, len(asked), usual)


def _outliers(look: Look) -> Iterator[Finding]:
    if look.asked.normal is None:
        return
    strange = ~look.asked.normal[look.asked.held]
    if strange.all() or not strange.any():
        return
    for score in look.scores:
        each = outliers.detection(score, strange, look.draws)
        yield Finding("outliers", score.name, score.space, "AUROC", each, len(strange), 0.5, score.kind)


def differences(found: Sequence[Finding]) -> Iterator[dict[str, Any]]:
    """What codes are better by (above 0) than each other space, on the same items and under the same draws.

    Of outliers: each score of the network less the best trivial one, which was chosen afterwards and so flatters.
    """
    for one in found:
        if one.space != "code":
            continue
        for other in _rivals(one, found):
            sign = 1 if one.higher else -1
            gap = Interval(sign * (one.found.value - other.found.value), sign * (one.found.draws - other.found.draws))
            told = {"part": one.part, "method": one.method, "metric": one.metric}
            yield {**told, "over": other.space, "over_method": other.method, **gap.named("by"), "items": one.items}


def _rivals(one: Finding, found: Sequence[Finding]) -> list[Finding]:
    same = [f for f in found if (f.part, f.metric) == (one.part, one.metric) and f.space != "code"]
    if one.part != "outliers":
        return [f for f in same if f.method == one.method]
    trivial = max((f for f in same if f.kind == "trivial"), key=lambda f: f.found.value)
    return [*(f for f in same if f.method == one.method and f.kind != "trivial"), trivial]
