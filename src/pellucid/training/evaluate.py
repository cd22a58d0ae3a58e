"""``pellucid.evaluate``: how good a run is on items that it has not seen, and where it is wrong."""

from __future__ import annotations

import dataclasses
import os
import time
from typing import Any

import numpy as np
import torch

from pellucid.core.errors import BadInput
from pellucid.core.types import View
from pellucid.data.dataset import Dataset
from pellucid.data.sets.checks import inspect, raise_or_warn
from pellucid.data.sets.features import numbers_of
from pellucid.data.thumbnails import thumbnails
from pellucid.models.network import Network
from pellucid.tasks.table import tasks
from pellucid.tasks.task import Task
from pellucid.training.answering import answers
from pellucid.training.examples import Examples, Store
from pellucid.training.forms import Form, form_of, mistaken
from pellucid.training.matching import matched, targets_of
from pellucid.training.mistakes import worst
from pellucid.training.runs import Run
from pellucid.training.scenes import evaluating
from pellucid.training.scoring import baselines, known, metric_rows, scored
from pellucid.training.seen import Chosen, choose
from pellucid.training.told_apart import calibration, class_table, confusions, frequent

#: Worst cases that are shown as pictures.
WORST = 24


def evaluate(
    run: Run | str | os.PathLike[str],
    data: Dataset | str | os.PathLike[str] | None = None,
    *,
    split: str | None = None,
    label: str | None = None,
    image: str | None = None,
    cases: int = WORST,
    seed: int = 0,
) -> View:
    """What a run scores on labelled items, with 95 % intervals, and its worst mistakes.

    run: a folder, or a Run. data: labelled items; None: those of the training. split: "test", "val", "train", "all" or
    a name that the data have; None: the items that the run has not learnt from (its test split, where the data are
    those of the training). Items are known by their bytes. label: the column to hold the answers against, where it has
    another name than in training. image: the column that names the pictures. cases: so many mistakes are shown.

    Gives a row a metric, with interval, count and what a constant answer scores; ``options["classes"]`` a row a class
    or label, ``options["cases"]`` the worst mistakes, which ``pictures`` shows; confusion [class, decision] and the
    reliability diagram [bin] as arrays. Raises BadInput for classes that the run does not know.
    """
    began = time.perf_counter()
    run = run if isinstance(run, Run) else Run.open(run)
    opened = run.data(data, image=image)
    task = run.task
    own = evaluating(task)
    if own is not None:
        named = {"label": label} if tasks[task.kind].facts.learns == "pictures" else {}
        found: View = own.evaluate(run, opened, split=split, cases=cases, seed=seed, **named)
        return dataclasses.replace(found, notes=(*run.notes, *found.notes))
    form = form_of(task)
    columns, notes = matched(task, opened, label)
    chosen = choose(run, opened, split)
    targets = targets_of(task, columns)
    labelled = known(targets)[chosen.rows]
    rows = chosen.rows[labelled]
    if not len(rows):
        raise BadInput("none of these items has a label", where=opened.source, cure="pass labelled items")
    items, targets = opened.take(rows.tolist()), targets[rows]
    network = run.network
    store = Store(items, network.input)
    found = raise_or_warn((*opened.problems, *inspect(items, None, (), each=store.put)), opened.source)
    probabilities = answers(network, task, Examples(store, np.arange(len(rows)), torch.from_numpy(targets)))
    return _view(
        _Answered(run, network, task, form, items, targets, probabilities, chosen, int((~labelled).sum())),
        notes=(*run.notes, *notes, *chosen.notes, *found),
        cases=cases,
        seed=seed,
        began=began,
    )


class _Answered:
    """What the network said of labelled items."""

    def __init__(
        self,
        run: Run,
        network: Network,
        task: Task,
        form: Form,
        items: Dataset,
        targets: np.ndarray,
        probabilities: np.ndarray,
        chosen: Chosen,
        skipped: int,
    ):
        self.run, self.network, self.task, self.form = run, network, task, form
        self.items, self.chosen = items, chosen
        self.targets, self.probabilities, self.skipped = targets, probabilities, skipped
        self.decisions = task.decide(probabilities, task.rule)


def _view(it: _Answered, *, notes: tuple[str, ...], cases: int, seed: int, began: float) -> View:
    wrong = worst(it.task, it.form, it.targets, it.probabilities, it.decisions, most=cases)
    names = it.items.called()
    curve = calibration(it.task, it.form, it.targets, it.probabilities, seed=seed)
    tables = confusions(it.task, it.form, it.targets, it.decisions)
    arrays = {**tables, **curve.arrays, **_numbers(it)}
    axes: dict[str, tuple[str, ...]] = dict.fromkeys(tables, ("class", "decision"))
    axes |= dict.fromkeys(curve.arrays, ("bin",)) | dict.fromkeys(_numbers(it), ("sample",))
    return View(
        kind="evaluation",
        arrays=arrays,
        axes=axes,
        table=tuple(_rows(it, seed)),
        options={
            "run": str(it.run.folder),
            "data": it.items.source,
            "task": it.task.kind,
            "form": it.form,
            "primary": it.task.primary,
            "classes": class_table(it.task, it.form, it.targets, it.probabilities, it.decisions, seed=seed),
            "names": _names(it),
            "confused": frequent(it.task, it.form, tables),
            "calibration_error": curve.error,
            "cases": [{"name": names[case["item"]], **numbers_of(it.items, case["item"]), **case} for case in wrong],
            "wrong": _wrong(it),
            "split": it.chosen.split,
            "items": len(it.items),
            "skipped": it.skipped,
            "learnt": it.chosen.learnt,
            "tuned": it.chosen.tuned,
            "rule": dict(it.task.rule),
        },
        pictures=thumbnails(it.items[case["item"]] for case in wrong),
        names=tuple(names[case["item"]] for case in wrong),
        seconds=time.perf_counter() - began,
        notes=notes,
        provenance={**it.network.facts(), "seed": seed},
    )


def _rows(it: _Answered, seed: int) -> list[dict[str, Any]]:
    found = scored(it.task, it.targets, it.probabilities, it.task.rule, it.items.group, seed=seed)
    return metric_rows(it.task, found, baselines(it.task, it.targets, it.task.rule), len(it.targets))


def _names(it: _Answered) -> dict[str, list[str]]:
    """The classes of each confusion table."""
    if it.form == "groups":
        return {group: list(it.task.vocabulary.values[group]) for group in it.task.decided}
    return {"": list(it.task.classes)} if it.form == "one" else {}


def _numbers(it: _Answered) -> dict[str, np.ndarray]:
    """Truth and answer of each column of numbers, where both are known."""
    if it.form != "numbers":
        return {}
    found = {}
    for place, name in enumerate(it.task.classes):
        there = ~np.isnan(it.targets[:, place])
        found[f"truth/{name}"] = it.targets[there, place]
        found[f"answer/{name}"] = it.probabilities[there, place]
    return found


def _wrong(it: _Answered) -> int | None:
    """How many items have a mistake; None for numbers, of which none is quite right."""
    if it.form == "numbers":
        return None
    return int(mistaken(it.task, it.targets, it.decisions).any(1).sum())
