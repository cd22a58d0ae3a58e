"""``pellucid.howmany``: the score against the number of training pictures, and how many a wanted score takes."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.core.errors import BadInput
from pellucid.core.types import View
from pellucid.data.dataset import Dataset
from pellucid.data.sets.opening import open_dataset
from pellucid.tasks.table import tasks
from pellucid.tasks.task import Metric
from pellucid.training.alternatives import Outcome
from pellucid.training.ground import Ground
from pellucid.training.instances import instances as on_grid
from pellucid.training.on_each import PLACES, on_each
from pellucid.training.parts import DRAWS, check, error_of, learnt, score_of
from pellucid.training.plan import Plan
from pellucid.training.power_law import PowerLaw, curves_drawn, fitted
from pellucid.training.subsets import beginning, checked_sizes, default_sizes, ordered_groups
from pellucid.training.versus import judged

#: So many times as many pictures as there are is as far as the curve is believed.
FARTHEST = 3.0

#: A point this many standard errors off the curve says that it is no power law.
OFF = 4.0


def howmany(
    data: Dataset | str | os.PathLike[str],
    *,
    target: float | None = None,
    metric: str | None = None,
    sizes: int | Sequence[int] = 7,
    repeats: int = 5,
    budget: str = "steps",
    instances: bool = False,
    **choices: Any,
) -> View:
    """How many pictures do I need? The learning curve with intervals, and the number that a wanted score takes.

    data: what ``pellucid.dataset`` opens, or what it gave. target: a score of the metric. metric: of the task; None:
    its first one. sizes: how many sizes, or which. repeats: random parts of the training pictures for each size,
    nested, groups whole, each label with its share; all are judged on the same test pictures. budget: "steps" trains
    as many steps at every size, "epochs" goes as often through the pictures. instances: vary pictures of each
    object apart from objects instead (see ``instances``), or boxes or points on each picture apart from pictures (see
    ``on_each``). choices: as for ``pellucid.train``; by default a linear
    layer on the frozen default network.

    Gives pictures [size], score [size, seed], and curve/… [step]: the fit error = a·n^−b + c with its 95 % band, up to
    FARTHEST times as many pictures as there are. Nothing is said beyond that, nor where the curve does not fall, but
    what is the least. Raises BadInput for too few pictures.
    """
    opened = data if isinstance(data, Dataset) else open_dataset(os.fspath(data))
    check(repeats, budget)
    if instances:
        grid = on_each if tasks[Plan.of(choices).task].facts.learns in PLACES else on_grid
        return grid(opened, metric=metric, repeats=repeats, budget=budget, **choices)
    ground = Ground(opened, Plan.of(choices))
    name, measured = score_of(ground, metric, target)
    rows = ground.split(ground.plan.seed)
    wanted = _sizes(ground, rows["train"], sizes)
    parts = [
        [beginning(ordered, size) for size in wanted]
        for ordered in (
            ordered_groups(opened, ground.labels, rows["train"], ground.groups, ground.plan.seed + r)
            for r in range(repeats)
        )
    ]
    outcomes = learnt(ground, rows, parts, budget)
    judge = dataclasses.replace(ground.judge, metrics={name: measured})
    own = judged(judge, ground.truth, outcomes, ground.groups, seed=ground.plan.seed, draws=DRAWS)[name]
    pictures = np.array([np.mean([len(each[k]) for each in parts]) for k in range(len(wanted))])
    found = Curve.of(pictures, own.values, own.draws, measured, seed=ground.plan.seed)
    return view_of(found, ground, name, measured, target=target, rows=rows, budget=budget, outcomes=outcomes)


def _sizes(ground: Ground, training: np.ndarray, sizes: int | Sequence[int]) -> list[int]:
    if not isinstance(sizes, int):
        return checked_sizes(sizes, len(training))
    if sizes < 4:
        raise BadInput(f"{sizes} sizes", cure="pass 4 or more, for a curve has three numbers of its own")
    return default_sizes(len(training), max(8, 2 * len(ground.judge.classes)), sizes)


# -- the curve ------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Curve:
    """The errors at each size, and the law through them. sizes [k]; errors [k, repeats]; draws [draws, k], the mean
    errors that other items and other parts would have given; law: the fit, and behind it that of each draw.
    """

    sizes: np.ndarray
    errors: np.ndarray
    draws: np.ndarray
    law: PowerLaw

    @classmethod
    def of(cls, sizes: np.ndarray, scores: np.ndarray, draws: np.ndarray, metric: Metric, *, seed: int) -> Curve:
        """From scores [k, repeats] and the same with the items drawn anew, [draws, k, repeats]."""
        errors, again = error_of(scores, metric.higher), error_of(draws, metric.higher).mean(2)
        if not np.isfinite(errors).all():
            cure = "choose another --metric, or larger sizes"
            raise BadInput("the metric is not defined for some training", cure=cure)
        again = again[np.isfinite(again).all(1)]
        drawn = curves_drawn(_as_apart(errors.T, sizes), again, seed=seed)
        weights = 1 / np.maximum(drawn.var(0), _least_variance(errors))
        return cls(sizes, errors, drawn, fitted(sizes, np.concatenate([errors.mean(1)[None], drawn]), weights))

    @property
    def falls(self) -> bool:
        """Whether the error falls with the logarithm of the size, by a straight line, beyond chance."""
        steps = np.log(self.sizes)
        return bool(np.percentile(self.draws @ (steps.mean() - steps), 2.5) > 0)

    @property
    def follows(self) -> bool:
        """Whether no point is further off the law than chance would have it."""
        off = np.abs(self.errors.mean(1) - self.law(self.sizes)[0]) / np.sqrt(
            np.maximum(self.draws.var(0), _least_variance(self.errors))
        )
        return bool(off.max() <= OFF)

    def interval(self, n: float) -> tuple[float, float, float]:
        """The error at a size: the fit, and the ends of its 95 % interval."""
        found = self.law(float(n))
        low, high = np.percentile(found[1:], [2.5, 97.5])
        return float(found[0]), float(low), float(high)

    def gain(self, n: float) -> tuple[float, float, float]:
        """By how much the error falls from the largest size to ``n``, with the ends of its 95 % interval."""
        found = self.law(float(self.sizes[-1])) - self.law(float(n))
        low, high = np.percentile(found[1:], [2.5, 97.5])
        return float(found[0]), float(low), float(high)

    def needed(self, error: float) -> tuple[float, float, float]:
        """The size at which the error is reached: the fit, and the ends of its 95 % interval; infinite for never."""
        found = self.law.size_for(error)
        low, high = np.quantile(found[1:], [0.025, 0.975], method="inverted_cdf")
        return float(found[0]), float(low), float(high)


def _least_variance(errors: np.ndarray) -> float:
    """Below it a size would have all the weight: a hundredth of the largest error, squared."""
    return max((0.01 * float(errors.max())) ** 2, 1e-12)


def _as_apart(errors: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Repeats [repeats, k] about their mean as far apart as if they shared no items.

    Above half of all items the repeats share most of theirs, and at all of them everything, so they differ too little.
    There they are spread no less than at the largest size up to half, times the root of the ratio of the sizes.
    """
    mean, spread = errors.mean(0), errors.std(0, ddof=1)
    free = np.flatnonzero(sizes <= sizes[-1] / 2)
    if not len(free):
        return errors
    last = free[-1]
    found = errors.copy()
    for k in range(last + 1, len(sizes)):
        least = spread[last] * math.sqrt(sizes[last] / sizes[k])
        if spread[k] < least:
            found[:, k] = mean[k] + (errors[:, last] - mean[last]) * (least / spread[last])
    return found


# -- what comes out -------------------------------------------------------------------------------


def view_of(
    curve: Curve,
    ground: Ground,
    name: str,
    metric: Metric,
    *,
    target: float | None,
    rows: Mapping[str, np.ndarray],
    budget: str,
    outcomes: Sequence[Sequence[Outcome]],
) -> View:
    """The curve as values, and what it says about the target or about twice as many pictures."""
    most = float(curve.sizes[-1])
    grid = np.geomspace(curve.sizes[0], FARTHEST * most, 80)
    bands = np.array([curve.interval(n) for n in grid])
    score = lambda errors: error_of(np.asarray(errors), metric.higher)  # noqa: E731
    arrays = {
        "pictures": curve.sizes,
        "score": score(curve.errors),
        "curve/pictures": grid,
        "curve/score": score(bands[:, 0]),
        "curve/low": score(bands[:, 1 if not metric.higher else 2]),
        "curve/high": score(bands[:, 2 if not metric.higher else 1]),
    }
    axes = dict.fromkeys(arrays, ("step",)) | {"pictures": ("size",), "score": ("size", "seed")}
    believed = curve.falls and curve.follows
    low, high = np.percentile([curve.law.a[1:], curve.law.b[1:], curve.law.c[1:]], [2.5, 97.5], axis=1)
    law = {
        n: {"value": float(getattr(curve.law, n)[0]), "low": float(lo), "high": float(hi)}
        for n, lo, hi in zip("abc", low, high, strict=True)
    }
    return View(
        kind="howmany",
        arrays=arrays,
        axes=axes,
        table=tuple(_rows(curve, metric, believed=believed)),
        options={
            "task": ground.judge.kind,
            "metric": name,
            "words": metric.words,
            "higher": metric.higher,
            "falls": curve.falls,
            "follows": curve.follows,
            "law": law,
            "farthest": FARTHEST,
            "target": None if target is None else _target(curve, metric, target, believed=believed),
            "repeats": curve.errors.shape[1],
            "items": {split: len(own) for split, own in rows.items() if len(own)},
            "grouped": len(np.unique(ground.groups)) < len(ground.groups),
            "budget": budget,
            "labels": list(ground.labels),
            "model": ground.plan.model,
            "learns": ground.learns,
        },
        seconds=sum(o.seconds for each in outcomes for o in each),
        notes=ground.notes,
        provenance={**ground.network.facts(), "data": ground.data.source, "seed": ground.plan.seed},
    )


def _rows(curve: Curve, metric: Metric, *, believed: bool) -> list[dict[str, Any]]:
    """A row a size that was measured, and where the curve is believed one each for twice and thrice as many."""
    found = []
    for size, errors, draws in zip(curve.sizes, curve.errors, curve.draws.T, strict=True):
        ends = np.percentile(draws, [2.5, 97.5])
        found.append(_row(size, float(errors.mean()), *ends, metric, "measured"))
    for times in (2.0, FARTHEST) if believed else ():
        size = times * curve.sizes[-1]
        gain = dict(zip(("gain", "gain_low", "gain_high"), curve.gain(size), strict=True))
        found.append(_row(size, *curve.interval(size), metric, "by the curve") | gain)
    return found


def _row(size: float, error: float, low: float, high: float, metric: Metric, known: str) -> dict[str, Any]:
    ends = sorted(error_of(np.array([low, high]), metric.higher).tolist())
    score = float(error_of(np.array(error), metric.higher))
    limits = (-math.inf, 1.0) if metric.higher else (0.0, math.inf)
    low, high = np.clip(ends, *limits).tolist()
    return {"pictures": round(float(size)), "score": score, "low": low, "high": high, "known": known}


def _target(curve: Curve, metric: Metric, target: float, *, believed: bool) -> dict[str, Any]:
    """The number of pictures for a score; what lies beyond the farthest size is not said, but the least is.

    pictures, low, high: None where it is not said. least: so many it takes at least.
    """
    most, farthest = float(curve.sizes[-1]), FARTHEST * float(curve.sizes[-1])
    error = float(error_of(np.array(target), metric.higher))
    told: dict[str, Any] = {"score": target, "pictures": None, "low": None, "high": None}
    if not believed:
        reached = bool(np.quantile(curve.draws[:, -1], 0.975) <= error)
        return told | {"least": None if reached else round(most), "reached": reached}
    value, low, high = curve.needed(error)
    told["least"] = round(min(low, farthest))
    told["reached"] = value <= most
    if value <= farthest:
        told |= {"pictures": max(1, round(value)), "low": round(low), "high": round(high) if high <= farthest else None}
    return told
