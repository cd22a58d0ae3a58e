"""Who learns and who is asked: the data's own split, a drawn one, or folds; and once more inside the learning part."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pellucid.core.errors import BadInput
from pellucid.data.dataset import Dataset
from pellucid.data.sets.splitting import Cells, folds, split_rows
from pellucid.tasks.table import tasks
from pellucid.training.rivals.bench import Bench, Fold

#: With fewer items a split of the usual shares would leave too few to be asked, so everybody is asked once, in folds.
FEW, FOLDS = 2000, 5

#: Folds inside the learning part, and at most so many items in them: settings do not need more.
INNER, CHOOSING = 3, 5000

#: What networks keep aside of the learning part to tell their best epoch.
ASIDE = 0.15

#: Where it has to be quick, at most so many items learn.
QUICK = 1000


@dataclass(frozen=True, eq=False)
class Parting:
    """One way to part the items. val: what networks keep aside of ``learn``; None: drawn from it."""

    learn: np.ndarray
    test: np.ndarray
    val: np.ndarray | None = None


def partings(
    data: Dataset, label: str, *, count: int | None, shares: Sequence[float], seed: int, cells: Cells = "any"
) -> list[Parting]:
    """Parted by the data's own column, by a drawn split of these shares, or into ``count`` folds.

    count: None takes folds where the data do not say who tests and are few.
    """
    tests = data.split is not None and "test" in data.split
    if count is None and not tests and len(data) < FEW:
        count = FOLDS
    if count is not None:
        return [Parting(*each) for each in folds(data, [label], count, seed, cells)]
    rows = split_rows(data, [label], shares=(shares[0], shares[1], shares[2]), seed=seed, cells=cells)
    if not len(rows["test"]):
        raise BadInput("nobody is left to be asked", where=data.source, cure="give a share for test, or --folds 5")
    learn = np.sort(np.concatenate([rows["train"], rows["val"]]))
    return [Parting(learn, rows["test"], rows["val"] if len(rows["val"]) else None)]


def fold_of(bench: Bench, parting: Parting) -> Fold:
    """The fold, with everything that is chosen inside its learning part."""
    learn, val = parting.learn, parting.val
    cells = tasks[bench.task.kind].facts.cells
    if bench.quick and len(learn) > QUICK:
        learn = np.sort(np.random.default_rng(bench.seed).permutation(learn)[:QUICK])
        val = None
    own = dataclasses.replace(bench.data.take(learn), split=None)
    if val is None:
        val = learn[split_rows(own, [bench.label], shares=(1 - ASIDE, ASIDE, 0.0), seed=bench.seed, cells=cells)["val"]]
    drawn = np.arange(len(learn))
    if len(learn) > CHOOSING:
        drawn = np.sort(np.random.default_rng(bench.seed).permutation(drawn)[:CHOOSING])
    inner = tuple(folds(own.take(drawn), [bench.label], INNER, bench.seed, cells))
    _refuse_one_class(bench, learn[drawn], inner)
    return Fold(bench, learn, parting.test, np.setdiff1d(learn, val), val, learn[drawn], inner)


def _refuse_one_class(bench: Bench, rows: np.ndarray, inner: Sequence[tuple[np.ndarray, np.ndarray]]) -> None:
    if bench.numbers:
        return
    for fitted, _ in inner:
        if len(np.unique(bench.targets[rows[fitted]])) < 2:
            what = f"too few items of other classes than {bench.task.classes[bench.targets[rows[fitted[0]]]]!r}"
            raise BadInput(what, where=bench.data.source, cure="give more of them, or fewer --folds")
