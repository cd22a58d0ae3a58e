"""Pictures against what is on each: more pictures, or more boxes or points on each? Scores over a grid of both.

Thinning takes labels away, not things: a box or point that a picture is not to hold stays where it is and is not asked
for (``Dataset.unasked``). Left there without a label it would be taught as background, which is wrong; painted over it
would leave a spot that no test picture has; and pictures that hold few by themselves differ in more than that.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.core.errors import BadInput
from pellucid.core.types import View
from pellucid.data.dataset import Dataset
from pellucid.tasks.table import Learns, tasks
from pellucid.training.ground import Ground
from pellucid.training.instances import LEAST, ratios, view_of
from pellucid.training.parts import DRAWS, learnt, score_of
from pellucid.training.plan import Plan
from pellucid.training.subsets import ordered_groups
from pellucid.training.versus import judged

#: What can be counted on a picture.
PLACES = ("boxes", "points")


def on_each(
    data: Dataset, *, metric: str | None = None, repeats: int = 5, budget: str = "steps", **choices: Any
) -> View:
    """Which is worth more, more pictures or more boxes (points) on each? Scores over a grid of both.

    data: with boxes, or with points. Trains on n pictures with k boxes each, for numbers in ratios of two, ``repeats``
    times on other random pictures and other boxes of them (a smaller cell's within a larger one's); the others are
    not asked for. All are judged on the same test pictures with all that is on them.

    Gives score [size, unit, seed] over pictures and boxes on each. The two are compared at equal totals of boxes,
    paired by repeat and test picture. Raises BadInput where too few pictures hold several.
    """
    ground = Ground(data, Plan.of(choices))
    learns = tasks[ground.plan.task].facts.learns
    name, measured = score_of(ground, metric)
    rows = ground.split(ground.plan.seed)
    counts = counts_of(data, learns)
    pictures, each = grid_of(counts, rows["train"], learns, data.source)
    cells = list(itertools.product(pictures, each))
    seeds = [ground.plan.seed + r for r in range(repeats)]
    parts = []
    for seed in seeds:
        ordered = np.concatenate(ordered_groups(data, ground.labels, rows["train"], ground.groups, seed))
        full = ordered[counts[ordered] >= each[-1]]
        parts.append([np.sort(full[:n]) for n, _ in cells])

    def told(repeat: int, cell: int) -> Dataset:
        return thinned(data, parts[repeat][cell], cells[cell][1], learns, seed=seeds[repeat])

    outcomes = learnt(ground, rows, parts, budget, told)
    judge = dataclasses.replace(ground.judge, metrics={name: measured})
    own = judged(judge, ground.truth, outcomes, ground.groups, seed=ground.plan.seed, draws=DRAWS)[name]
    if not np.isfinite(own.values).all():
        raise BadInput("the metric is not defined for some training", cure="choose another --metric, or more epochs")
    tested = counts[rows["test"]]
    on_test = {"fewest": int(tested.min()), "most": int(tested.max()), "mean": float(tested.mean())}
    facts = {
        "rows": rows,
        "budget": budget,
        "seconds": sum(o.seconds for cell in outcomes for o in cell),
        "told": {"things": learns, "on_test": on_test, "used": int(pictures[-1])},
    }
    return view_of("on_each", ("pictures", "each", "things"), own, (pictures, each), ground, name, facts)


def counts_of(data: Dataset, learns: Learns) -> np.ndarray:
    """How many boxes or points each picture holds, int [n]; 0 as well where nobody knows."""
    return np.array([shown(data, row, learns).sum() for row in range(len(data))], np.int64)


def grid_of(counts: np.ndarray, training: np.ndarray, learns: str, where: str) -> tuple[list[int], list[int]]:
    """Numbers of pictures and of what is on each, in ratios of two: as many on each as half of the pictures hold.

    counts: of each item; pictures that hold nothing are left out. training: the items to learn from.
    """
    own = counts[training]
    own = own[own > 0]
    most = int(np.sort(own)[len(own) // 2]) if len(own) else 0
    if most < 2 or len(own) < LEAST:
        what = f"{len(own)} training pictures of mostly {most} {learns} make no grid"
        cure = f"pass {LEAST} or more that hold several {learns}, or leave --instances away for the curve over pictures"
        raise BadInput(what, where=where, cure=cure)
    pictures, each = ratios(own)
    if len(pictures) < 2:
        what = f"only {(own >= each[-1]).sum()} training pictures hold {each[-1]} {learns}"
        raise BadInput(what, where=where, cure="pass more pictures")
    return pictures, each


def thinned(data: Dataset, rows: Sequence[int] | np.ndarray, most: int, learns: Learns, *, seed: int) -> Dataset:
    """The data of which in these rows at most so many boxes or points are asked for, drawn by chance.

    A smaller number's are among a larger one's of the same seed.
    """
    unasked = list(data.unasked or (frozenset(),) * len(data))
    for row in map(int, rows):
        there = shown(data, row, learns)
        asked = np.flatnonzero(there & data.asked(row, len(there)))
        unasked[row] |= frozenset(np.random.default_rng((seed, row)).permutation(asked)[most:].tolist())
    return dataclasses.replace(data, unasked=tuple(unasked))


def shown(data: Dataset, row: int, learns: Learns) -> np.ndarray:
    """Which of an item's boxes or points are in its picture, bool [k]; none where nobody knows, crowds are none."""
    if learns == "boxes":
        boxes = None if data.boxes is None else data.boxes[row]
        return np.ones(0, bool) if boxes is None else boxes.single()
    points = None if data.points is None else data.points[row]
    return np.ones(0, bool) if points is None else ~np.isnan(points).any(1)
