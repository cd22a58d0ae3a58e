"""``pellucid.compare_tasks``: alternatives trained alike, seed by seed, and which differences between them are real."""

from __future__ import annotations

import dataclasses
import itertools
import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.core.errors import BadInput, near
from pellucid.core.progress import track
from pellucid.core.types import View
from pellucid.data.dataset import Dataset
from pellucid.data.sets.opening import open_dataset
from pellucid.tasks.task import Task
from pellucid.training.alternatives import Alternative, Outcome, changed, planned
from pellucid.training.ground import Ground
from pellucid.training.paired import DRAWS, Judged, Pair, drawn_items, pairs
from pellucid.training.plan import HEAD, Plan
from pellucid.training.ready_sets import SETS
from pellucid.training.setup import learns_from

#: What is compared: by name, changes to the common plan or a way of one's own.
Wanted = Mapping[str, Mapping[str, Any] | Alternative]

#: Metrics of which more is better that may be below 0.
SIGNED = ("qwk", "spearman", "kendall", "r2", "explained_variance")

#: Of a comparison in which some training does more than its head, and of one in which none does.
EPOCHS, EPOCHS_HEAD = 30, 100


def compare_tasks(
    data: Dataset | str | os.PathLike[str],
    alternatives: str | Wanted,
    *,
    seeds: int = 5,
    against: str = "all",
    metrics: Sequence[str] = (),
    **choices: Any,
) -> View:
    """Which loss, which encoding, one network or several? A table over alternatives, with what is real of it.

    data: what ``pellucid.dataset`` opens, or what it gave. alternatives: the name of a ready-made set (see
    ``ready_sets.SETS``), or by name what is different about each: fields of ``Plan`` and options of its task, or an
    ``Alternative`` with a training of its own. seeds: how many trainings each has; a seed draws split (where the data
    name no test items), order and initial weights, the same for all. against: "all" compares every pair, the name of
    an alternative all others with it alone, which tests fewer differences and so finds smaller ones. metrics: names,
    the first one leads; none: all of the task that are not of a single class. choices: what they have in common, as
    for ``pellucid.train``.

    Gives values/METRIC [alternative, seed], difference/METRIC and chance/METRIC [alternative, rival] (Holm-corrected
    for all pairs that were asked about), and a row of the table for each metric and alternative. Raises BadInput for
    alternatives that cannot be measured by the same metrics.
    """
    opened = data if isinstance(data, Dataset) else open_dataset(os.fspath(data))
    plan, wanted = common_plan(alternatives, choices)
    ground = Ground(opened, plan)
    if seeds < 2:
        raise BadInput(f"seeds is {seeds}", cure="pass 2 or more; 5 show how much luck there is, 10 show more")
    ways, absent = made(wanted, ground, plan, ready=isinstance(alternatives, str))
    names = [way.name for way in ways]
    if against != "all" and against not in names:
        raise BadInput(f"there is no alternative {against!r}", cure=near(against, names))
    numbers = [plan.seed + s for s in range(seeds)]
    outcomes = trained(ways, ground, numbers)
    judge = _with_metrics(ground.judge, metrics)
    found = judged(judge, ground.truth, outcomes, ground.groups, seed=plan.seed, shared=_shared(ground, numbers))
    other = None if against == "all" else names.index(against)
    view = comparison(ways, outcomes, judge, found, against=other, ground=ground, seeds=numbers)
    return dataclasses.replace(view, notes=(*absent, *view.notes))


# -- what is compared -----------------------------------------------------------------------------


def common_plan(alternatives: str | Wanted, choices: Mapping[str, Any]) -> tuple[Plan, Wanted]:
    """The plan that all share, and the alternatives by name; a ready-made set brings its task along."""
    if not isinstance(alternatives, str):
        return _equal_epochs(Plan.of(choices), alternatives), alternatives
    if alternatives not in SETS:
        raise BadInput(f"there is no set of alternatives {alternatives!r}", cure=near(alternatives, SETS))
    ready = SETS[alternatives]
    plan = Plan.of({**({} if ready.task is None else {"task": ready.task}), **choices})
    wanted = ready.alternatives(plan)
    return _equal_epochs(plan, wanted), wanted


def _equal_epochs(plan: Plan, wanted: Wanted) -> Plan:
    """The plan with as many epochs for all, where nobody said how many."""
    if plan.epochs is not None:
        return plan
    own = [changed(plan, _plain(w)) for w in wanted.values() if not isinstance(w, Alternative)]
    alone = all(learns_from(each) == HEAD for each in own)
    return dataclasses.replace(plan, epochs=EPOCHS_HEAD if alone else EPOCHS)


def _plain(changes: Mapping[str, Any]) -> dict[str, Any]:
    return {n: v for n, v in changes.items() if n != "networks"}


def made(
    wanted: Wanted, ground: Ground, plan: Plan, *, ready: bool = False
) -> tuple[list[Alternative], tuple[str, ...]]:
    """The alternatives, all of their choices checked before anything is trained; and what was left out, and why.

    ready: of a ready-made set what cannot be had for these data is left out; what somebody named is an error.
    """
    ways, absent = [], []
    for name, way in wanted.items():
        try:
            own = isinstance(way, Alternative)
            ways.append(dataclasses.replace(way, name=name) if own else planned(name, way, ground, plan))
        except BadInput as error:
            if not ready:
                raise error.at(name) from error.__cause__
            absent.append(f"left out: {name}, for {error.what}")
    if len(ways) < 2:
        raise BadInput("it takes two alternatives or more to compare", cure="name another")
    return ways, tuple(absent)


def trained(ways: Sequence[Alternative], ground: Ground, seeds: Sequence[int]) -> list[list[Outcome]]:
    """Every alternative with every seed, [alternative][seed]; the seeds one after the other."""
    outcomes: list[list[Outcome]] = [[] for _ in ways]
    for seed, (place, way) in track(list(itertools.product(seeds, enumerate(ways))), "alternatives"):
        data = ground.parted(seed)
        outcome = way.train(data, seed)
        _check(outcome, way, data, len(ground.truth))
        outcomes[place].append(outcome)
    return outcomes


def _check(outcome: Outcome, way: Alternative, data: Dataset, items: int) -> None:
    """An outcome for other items than the test's, or of another length, would be measured on what it learnt."""
    asked = [i for i, split in enumerate(data.split or ()) if split == "test"]
    if sorted(outcome.rows.tolist()) != asked:
        raise BadInput("it did not answer the test items, all of them and no others", where=way.name)
    wrong = [len(d) for d in (outcome.probabilities, *outcome.decisions.values()) if len(d) != len(outcome.rows)]
    if wrong:
        raise BadInput(f"{wrong[0]} answers for {len(outcome.rows)} test items", where=way.name)
    if not np.isfinite(outcome.probabilities).all():
        raise BadInput("an answer is not finite", where=way.name, cure="lower its lr, or see pellucid health")


# -- how they are measured ------------------------------------------------------------------------


def _with_metrics(judge: Task, names: Sequence[str]) -> Task:
    """The judge with these metrics, the first one leading; without names those that are not of one class alone."""
    for name in names:
        if name not in judge.metrics:
            raise BadInput(f"the task {judge.kind} has no metric {name!r}", cure=near(name, judge.metrics))
    chosen = names or [judge.primary, *(name for name in judge.metrics if ":" not in name)]
    return dataclasses.replace(judge, primary=chosen[0], metrics={name: judge.metrics[name] for name in chosen})


def judged(
    judge: Task,
    truth: np.ndarray,
    outcomes: Sequence[Sequence[Outcome]],
    groups: np.ndarray,
    *,
    seed: int = 0,
    shared: float = 0.0,
    draws: int = DRAWS,
) -> dict[str, Judged]:
    """Each metric of each outcome [alternative][seed], as it is and with the test items drawn anew, the same for all.

    truth: of all items of the data set, as the judge encodes it; groups: int, a number for each. shared: see Judged.
    """
    tested = np.unique(np.concatenate([o.rows for each in outcomes for o in each]))
    _, units = np.unique(groups[tested], return_inverse=True)
    times = np.zeros((draws, len(truth)), np.int64)
    times[:, tested] = drawn_items(units, seed=seed, draws=draws)
    shape = (len(outcomes), len(outcomes[0]))
    values = {name: np.full(shape, np.nan) for name in judge.metrics}
    drawn = {name: np.full((draws, *shape), np.nan) for name in judge.metrics}
    for a, s in track(list(np.ndindex(shape)), "intervals"):
        own = outcomes[a][s]
        for row, places in enumerate(_places(times[:, own.rows])):
            target = values if row == 0 else drawn
            where = (a, s) if row == 0 else (row - 1, a, s)
            for name, value in _measured(judge, truth[own.rows], own, places).items():
                target[name][where] = value
    count = int(units.max()) + 1
    return {name: Judged(values[name], drawn[name], count, shared) for name in judge.metrics}


def _places(times: np.ndarray) -> list[np.ndarray]:
    """The test items as they are, and then under each draw, an item once for every time that it was drawn."""
    every = np.arange(times.shape[1])
    return [every, *(np.repeat(every, row) for row in times)]


def _measured(judge: Task, truth: np.ndarray, outcome: Outcome, places: np.ndarray) -> dict[str, float]:
    """Every metric on the items at these places; NaN where there are none."""
    if not len(places):
        return {}
    known, given = truth[places], outcome.probabilities[places]
    decided = {name: own[places] for name, own in outcome.decisions.items()}
    return {n: m.compute(known, given, decided.get(n, decided[""])) for n, m in judge.metrics.items()}


def _shared(ground: Ground, seeds: Sequence[int]) -> float:
    """Test items over training items where each seed has its own split, else 0."""
    splits = [ground.split(seed) for seed in seeds]
    if all(np.array_equal(s["test"], splits[0]["test"]) for s in splits):
        return 0.0
    return float(np.mean([len(s["test"]) / len(s["train"]) for s in splits]))


# -- what comes out -------------------------------------------------------------------------------


def comparison(
    ways: Sequence[Alternative],
    outcomes: Sequence[Sequence[Outcome]],
    judge: Task,
    found: Mapping[str, Judged],
    *,
    against: int | None,
    ground: Ground,
    seeds: Sequence[int],
) -> View:
    """The comparison as values: arrays by metric, a row of the table for each metric and alternative."""
    measured = {name: own for name, own in found.items() if np.isfinite(own.values).all()}
    left_out = [name for name in found if name not in measured]
    tested = {name: pairs(own, against) for name, own in measured.items()}
    arrays, table = {}, []
    for name, own in measured.items():
        arrays[f"values/{name}"] = own.values
        arrays[f"difference/{name}"], arrays[f"chance/{name}"] = _matrices(tested[name], len(ways))
        table += _rows(ways, name, own, tested[name], higher=judge.metrics[name].higher, against=against)
    axes = {n: ("alternative", "seed" if n.startswith("values/") else "rival") for n in arrays}
    notes = list(ground.notes)
    if left_out:
        notes.append(f"not defined for some training, and left out: {', '.join(left_out)}")
    splits = [ground.split(seed) for seed in seeds]
    return View(
        kind="comparison",
        arrays=arrays,
        axes=axes,
        table=tuple(table),
        names=tuple(way.name for way in ways),
        options={
            "task": judge.kind,
            "primary": judge.primary,
            "metrics": {n: {"words": judge.metrics[n].words, "higher": judge.metrics[n].higher} for n in measured},
            "alternatives": [_told(way, own) for way, own in zip(ways, outcomes, strict=True)],
            "against": None if against is None else ways[against].name,
            "seeds": list(seeds),
            "same_test": found[judge.primary].shared == 0,
            "items": {name: len(rows) for name, rows in splits[0].items() if len(rows)},
            "groups": found[judge.primary].groups,
            "grouped": len(np.unique(ground.groups)) < len(ground.groups),
            "labels": list(ground.labels),
            "model": ground.plan.model,
            "learns": ground.learns,
        },
        seconds=sum(o.seconds for each in outcomes for o in each),
        notes=tuple(notes),
        provenance={**ground.network.facts(), "data": ground.data.source, "seed": seeds[0]},
    )


def _told(way: Alternative, own: Sequence[Outcome]) -> dict[str, Any]:
    first = own[0]
    return {
        "name": way.name,
        "said": way.said,
        "seconds": float(np.median([o.seconds for o in own])),
        "parameters": first.parameters,
        "learnt": first.learnt,
        "networks": first.networks,
        "epochs": first.epochs,
        "steps": first.steps,
    }


def _matrices(tested: Sequence[Pair], count: int) -> tuple[np.ndarray, np.ndarray]:
    """Row − column, and the corrected chance of that between equals (1 where it was not asked)."""
    difference, chance = np.zeros((count, count)), np.ones((count, count))
    for pair in tested:
        difference[pair.a, pair.b], difference[pair.b, pair.a] = pair.difference, -pair.difference
        chance[pair.a, pair.b] = chance[pair.b, pair.a] = pair.corrected
    return difference, chance


def _rows(
    ways: Sequence[Alternative],
    metric: str,
    own: Judged,
    tested: Sequence[Pair],
    *,
    higher: bool,
    against: int | None,
) -> list[dict[str, Any]]:
    """A row an alternative, the best first: its mean with interval, and the difference to the best one, or to the one
    that all were compared with.
    """
    levels = [own.level(a) for a in range(len(ways))]
    order = sorted(range(len(ways)), key=lambda a: -levels[a][0] if higher else levels[a][0])
    other = order[0] if against is None else against
    by_pair = {(p.a, p.b): p for p in tested} | {(p.b, p.a): _turned(p) for p in tested}
    rows = []
    for a in order:
        mean, spread = levels[a]
        row = {"metric": metric, "alternative": ways[a].name, "value": mean}
        row |= dict(
            zip(("low", "high"), within(mean - spread.margin, mean + spread.margin, metric, higher), strict=True)
        )
        pair = by_pair.get((a, other))
        row["standing"] = _standing(pair, higher=higher, against=against)
        if pair is not None:
            row |= {"difference": pair.difference, "difference_low": pair.low, "difference_high": pair.high}
            row |= {"chance": pair.corrected, "real": pair.real}
        rows.append(row)
    return rows


def within(low: float, high: float, metric: str, higher: bool) -> tuple[float, float]:
    """An interval's ends within what the metric can be: errors from 0 on; what is better when more at most 1, and not
    below 0 but for correlations, kappa and R².
    """
    least = -math.inf if higher and metric.split(" ")[0] in SIGNED else 0.0
    return max(least, low), min(1.0 if higher else math.inf, high)


def _turned(pair: Pair) -> Pair:
    return dataclasses.replace(pair, a=pair.b, b=pair.a, difference=-pair.difference, low=-pair.high, high=-pair.low)


def _standing(pair: Pair | None, *, higher: bool, against: int | None) -> str:
    """In words where an alternative stands, beside the best or beside the one that all were compared with."""
    if pair is None:
        return "best" if against is None else "compared with"
    if not pair.real:
        return "not told apart"
    return "better" if (pair.difference > 0) == higher else "worse"
