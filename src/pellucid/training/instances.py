"""Pictures against instances: more objects, or more pictures of each? Scores over a grid of both."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.core.errors import BadInput
from pellucid.core.types import View
from pellucid.data.dataset import Dataset
from pellucid.training.ground import Ground
from pellucid.training.paired import Judged, pairs, spread
from pellucid.training.parts import DRAWS, error_of, learnt, score_of
from pellucid.training.plan import Plan
from pellucid.training.subsets import ordered_groups
from pellucid.training.versus import judged, within

#: Numbers of groups that are tried, each about this many times the one before.
LEVELS, RATIO = 4, 2

#: Fewer groups with enough pictures give no grid.
LEAST = 8


def instances(
    data: Dataset, *, metric: str | None = None, repeats: int = 5, budget: str = "steps", **choices: Any
) -> View:
    """Which is worth more, pictures of more objects or more pictures of each? Scores over a grid of both.

    data: with a column ``group`` that says which pictures show one object. Trains on g objects with k pictures each,
    for numbers in ratios of two, ``repeats`` times on other random objects, all judged on the same test pictures.

    Gives score [size, unit, seed] over groups and pictures of each. The two are compared at equal totals of pictures,
    paired by repeat and test picture. Raises BadInput where too few groups have several pictures.
    """
    ground = Ground(data, Plan.of(choices))
    name, measured = score_of(ground, metric)
    rows = ground.split(ground.plan.seed)
    groups, each = grid_of(ground.groups, rows["train"], data.source)
    cells = list(itertools.product(groups, each))
    parts = []
    for r in range(repeats):
        ordered = ordered_groups(data, ground.labels, rows["train"], ground.groups, ground.plan.seed + r)
        full = [own for own in ordered if len(own) >= each[-1]]
        parts.append([np.sort(np.concatenate([own[:k] for own in full[:g]])) for g, k in cells])
    outcomes = learnt(ground, rows, parts, budget)
    judge = dataclasses.replace(ground.judge, metrics={name: measured})
    own = judged(judge, ground.truth, outcomes, ground.groups, seed=ground.plan.seed, draws=DRAWS)[name]
    if not np.isfinite(own.values).all():
        raise BadInput("the metric is not defined for some training", cure="choose another --metric")
    facts = {"rows": rows, "budget": budget, "seconds": sum(o.seconds for cell in outcomes for o in cell)}
    return view_of("instances", ("groups", "each", "pictures"), own, (groups, each), ground, name, facts)


def grid_of(groups: np.ndarray, training: np.ndarray, where: str) -> tuple[list[int], list[int]]:
    """Numbers of groups and of pictures of each, in ratios of two: as many of each as half of the groups have.

    groups: a number for each item of the data; training: the items to learn from.
    """
    counts = np.bincount(groups[training])
    counts = np.sort(counts[counts > 0])
    most = int(counts[len(counts) // 2])
    if most < 2 or len(counts) < LEAST:
        cure = "name pictures of one object alike in a column 'group', several pictures for most, and 8 objects or more"
        raise BadInput(f"{len(counts)} groups of mostly {most} training pictures make no grid", where=where, cure=cure)
    found, each = ratios(counts)
    if len(found) < 2:
        cure = "give more objects with several pictures"
        what = f"only {(counts >= each[-1]).sum()} groups have {each[-1]} training pictures"
        raise BadInput(what, where=where, cure=cure)
    return found, each


def ratios(counts: np.ndarray) -> tuple[list[int], list[int]]:
    """Numbers of units, and of what is in each, in ratios of two up to what half of the units have.

    counts: of what is in each unit. Of the units those count that have the most of it that is tried.
    """
    each = [RATIO**k for k in range(int(np.sort(counts)[len(counts) // 2]).bit_length())]
    full = int((counts >= each[-1]).sum()) if each else 0
    return [full // RATIO**k for k in reversed(range(LEVELS)) if full // RATIO**k >= 2], each


# -- what comes out -------------------------------------------------------------------------------


def view_of(
    kind: str,
    columns: tuple[str, str, str],
    own: Judged,
    numbers: tuple[Sequence[int], Sequence[int]],
    ground: Ground,
    name: str,
    facts: Mapping[str, Any],
) -> View:
    """Scores over both numbers as values. columns: the names of the first, the second, and their product."""
    metric, (first, second, total) = ground.judge.metrics[name], columns
    cells = list(itertools.product(*numbers))
    table = []
    for place, (g, k) in enumerate(cells):
        mean, sure = own.level(place)
        low, high = within(mean - sure.margin, mean + sure.margin, name, metric.higher)
        table.append({first: g, second: k, total: g * k, "score": mean, "low": low, "high": high})
    shape = (*map(len, numbers), own.values.shape[1])
    return View(
        kind=kind,
        arrays={"score": own.values.reshape(shape), first: np.array(numbers[0]), second: np.array(numbers[1])},
        axes={"score": ("size", "unit", "seed"), first: ("size",), second: ("unit",)},
        table=tuple(table),
        options={
            "task": ground.judge.kind,
            "metric": name,
            "words": metric.words,
            "higher": metric.higher,
            "at_equal_total": at_equal_total(own, cells, higher=metric.higher),
            "doubling": doublings(own, cells, higher=metric.higher, names=(first, second)),
            "repeats": own.values.shape[1],
            "items": {split: len(rows) for split, rows in facts["rows"].items() if len(rows)},
            "budget": facts["budget"],
            "labels": list(ground.labels),
            "model": ground.plan.model,
            "learns": ground.learns,
            **facts.get("told", {}),
        },
        seconds=facts["seconds"],
        notes=ground.notes,
        provenance={**ground.network.facts(), "data": ground.data.source, "seed": ground.plan.seed},
    )


def at_equal_total(own: Judged, cells: Sequence[tuple[int, int]], *, higher: bool) -> dict[str, Any]:
    """By how much the error is lower with twice as many groups of half as many pictures each: over all such pairs.

    own: a cell an alternative, in the order of ``cells``.
    """
    place = {cell: i for i, cell in enumerate(cells)}
    twice = {h // RATIO: h for h, _ in cells}
    half = [(place[g, k], (twice.get(g), k // RATIO)) for g, k in cells]
    couples = [(few, place[cell]) for few, cell in half if cell in place]
    few, many = (np.array(side) for side in zip(*couples, strict=True))
    errors, draws = error_of(own.values, higher), error_of(own.draws, higher)
    both = Judged(
        np.stack([errors[few].mean(0), errors[many].mean(0)]),
        np.stack([draws[:, few].mean(1), draws[:, many].mean(1)], 1),
        own.groups,
    )
    pair = pairs(both)[0]
    return {"better_by": pair.difference, "low": pair.low, "high": pair.high, "real": pair.real, "pairs": len(couples)}


def doublings(
    own: Judged, cells: Sequence[tuple[int, int]], *, higher: bool, names: tuple[str, str] = ("groups", "each")
) -> dict[str, dict[str, float]]:
    """The share of the error that twice as many groups, and twice as many pictures of each, take off, with intervals.

    names: of both numbers. A plane through log error over log g and log k, by least squares: its slopes say both.
    """
    errors = np.maximum(error_of(own.values, higher), 1e-6)
    draws = np.maximum(error_of(own.draws, higher), 1e-6)
    plane = np.array([[1.0, math.log2(g), math.log2(k)] for g, k in cells])
    solve = np.linalg.pinv(plane)[1:]
    slopes = solve @ np.log2(errors)
    again = np.einsum("sc,dcr->dsr", solve, np.log2(draws))
    found = {}
    for i, axis in enumerate(names):
        sure = spread(slopes[i], again[:, i], own.groups)
        ends = slopes[i].mean() + np.array([0, sure.margin, -sure.margin])
        value, low, high = (1 - 2**ends).tolist()
        found[axis] = {"value": value, "low": low, "high": high}
    return found
