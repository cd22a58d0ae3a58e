"""What the answers are worth: scores with intervals, differences on the same items, over-fitting, and chance."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.features.resampling import Interval
from pellucid.training.rivals.bench import Answer, Bench, Fold
from pellucid.training.rivals.opening import METRICS
from pellucid.training.rivals.table import Rival
from pellucid.training.scoring import scored

#: Decisions are dealt out anew so often to see what chance does; on shuffled labels nobody may beat this share of them.
DRAWS, WITHIN = 1000, 0.99


@dataclass(frozen=True, eq=False)
class Judged:
    """A rival's answers in all folds, and what they are worth. why: it took no part, and this is the reason.

    scores: each metric on all items that were asked. learnt: the task's first metric on those that were learnt from,
    the mean over the folds.
    """

    rival: Rival
    answers: tuple[Answer, ...] = ()
    scores: Mapping[str, Interval] = dataclasses.field(default_factory=dict)
    learnt: float = float("nan")
    seconds: float = 0.0
    why: str = ""


def judged(rival: Rival, bench: Bench, folds: Sequence[Fold], answers: Sequence[Answer], seconds: float) -> Judged:
    """The rival's scores on everybody that was asked."""
    rows, given = asked(folds), np.concatenate([a.held_out for a in answers])
    groups = None if bench.data.group is None else [bench.data.group[i] for i in rows]
    only, task = METRICS[bench.task.kind], bench.task
    found = scored(task, bench.truth(bench.targets[rows]), given, None, groups, seed=bench.seed, only=only)
    sign = 1 if task.metrics[task.primary].higher else -1
    learnt = [sign * bench.score(bench.targets[a.learnt_rows], a.learnt) for a in answers]
    return Judged(rival, tuple(answers), found, float(np.mean(learnt)), seconds)


def asked(folds: Sequence[Fold]) -> np.ndarray:
    """The items that were asked, fold after fold."""
    return np.concatenate([fold.test for fold in folds])


def difference(one: Judged, other: Judged, primary: str) -> Interval:
    """The first less the second, on the same items and under the same draws."""
    a, b = one.scores[primary], other.scores[primary]
    return Interval(a.value - b.value, a.draws - b.draws)


def settings(answers: Sequence[Answer]) -> str:
    """The settings that were chosen: "k 196, C 0.01 (4 of 5 folds), …"."""
    told = []
    for name in answers[0].chosen:
        counts = Counter(_said(a.chosen[name]) for a in answers)
        several = len(counts) > 1
        told.append(f"{name} " + " · ".join(f"{v} ({n}×)" if several else v for v, n in counts.most_common()))
    return ", ".join(told)


def _said(value: Any) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)


@dataclass(frozen=True)
class Chance:
    """What the same decisions are worth when they are dealt out among the items.

    value: the mean. best: what is beaten once in a hundred times.
    """

    value: float
    best: float
    higher: bool

    def covers(self, score: float) -> bool:
        """Whether a score is no better than chance can be.

        Worse may be: in folds, who learns lacks just what is asked, and answers less than chance on small data.
        """
        return score <= self.best if self.higher else score >= self.best


def chance(bench: Bench, rows: np.ndarray, probabilities: np.ndarray) -> Chance:
    """A permutation test's reference: decisions that know nothing, with the same classes as often."""
    task, truth = bench.task, bench.truth(bench.targets[rows])
    decisions, metric = bench.decide(probabilities), task.metrics[task.primary]
    generator = np.random.default_rng(bench.seed)
    found = []
    for _ in range(DRAWS):
        order = generator.permutation(len(rows))
        found.append(metric.compute(truth, probabilities[order], decisions[order]))
    best = np.nanpercentile(found, 100 * (WITHIN if metric.higher else 1 - WITHIN))
    return Chance(float(np.nanmean(found)), float(best), metric.higher)


def kept(answers: Sequence[Answer]) -> np.ndarray | None:
    """The share of all fits that kept each pixel, float32 [C, H, W]."""
    maps = [a.kept for a in answers if a.kept is not None]
    return np.mean(maps, axis=0).astype(np.float32) if maps else None


def sweep(answers: Sequence[Answer]) -> tuple[list[int], list[int], np.ndarray] | None:
    """Hidden layers, widths, and [3, layers, widths]: the score on validation items, lower and upper end."""
    cells = [a.sweep for a in answers if a.sweep is not None]
    if not cells:
        return None
    depths, widths = (sorted({cell[i] for cell in cells[0]}) for i in (0, 1))
    found = np.empty((3, len(depths), len(widths)), np.float32)
    for i, depth in enumerate(depths):
        for j, width in enumerate(widths):
            each = [c[depth, width] for c in cells]
            whole = Interval(float(np.mean([e.value for e in each])), np.mean([e.draws for e in each], axis=0))
            found[:, i, j] = whole.value, whole.low, whole.high
    return depths, widths, found
