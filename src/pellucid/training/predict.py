"""``pellucid.predict``: what a run says of pictures whose labels nobody knows."""

from __future__ import annotations

import dataclasses
import os
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pellucid.core.errors import BadInput
from pellucid.core.types import Sample, View
from pellucid.data.batches import as_sample
from pellucid.data.dataset import Dataset, Files
from pellucid.data.folders import pictures_in
from pellucid.data.sets.features import numbers_of, together
from pellucid.data.sets.opening import open_dataset
from pellucid.data.sets.table import is_table
from pellucid.data.thumbnails import reduced, thumbnail
from pellucid.tasks.painting.objects import Objects
from pellucid.tasks.table import tasks
from pellucid.tasks.task import Task
from pellucid.training.answering import answers
from pellucid.training.examples import Examples
from pellucid.training.forms import Form, form_of, sureness
from pellucid.training.mistakes import bars
from pellucid.training.reading import read_all
from pellucid.training.runs import Run
from pellucid.training.scenes import predicting

#: Pictures of the contact sheet.
SHOWN = 48


def predict(
    run: Run | str | os.PathLike[str],
    inputs: str | os.PathLike[str] | np.ndarray | Sample | Sequence[Any] | Dataset,
    *,
    shown: int = SHOWN,
    masks: str | os.PathLike[str] | None = None,
    objects: str | os.PathLike[str] | None = None,
    instances: str | None = None,
    apart: int | None = None,
) -> View:
    """What a run decides on pictures or matrices, and how probable that is.

    run: a folder, or a Run. inputs: files, folders, ``example:*``, arrays, Samples, a list of these, or a data set.
    shown: so many go onto the contact sheet, evenly chosen. To a run that learnt from a table of numbers: tables (.csv,
    .tsv, .parquet) that hold the same columns, in any order and beside others.

    Of a run that paints: masks: a folder to write masks into. instances: what an object is, "components" (parts that
    hang together; None means these) or "watershed" (the same, cut at their necks, where objects touch). apart: how
    near the seeds of a watershed may be, in pixels of the picture (None: 4). objects: a folder for 16-bit label images
    in which each object has its own number.

    Gives a row an item: decision and probability (of several labels or groups that of the least sure one), and
    probabilities [sample, class] (of a regression the numbers).
    """
    began = time.perf_counter()
    if shown < 1:
        raise BadInput(f"{shown} pictures on the contact sheet", cure="pass 1 or more (--shown)")
    run = run if isinstance(run, Run) else Run.open(run)
    data = _dataset(inputs, run.features)
    task = run.task
    paints = tasks[task.kind].facts.learns == "masks"
    painting = {"instances": instances, "apart": apart, "masks": masks, "objects": objects}
    said = [name for name, value in painting.items() if value is not None]
    if said and not paints:
        options = f" (--{said[0]})" if said[0] in ("instances", "apart") else ""
        raise BadInput(f"{task.kind} paints no masks", cure=f"leave {said[0]}={options} away")
    own, way = predicting(task), Objects.of(instances, apart)
    if own is not None:
        given = read_all(data, run.network, shown, reduced)
        found: View = own.predict(run, given, **({"way": way, "masks": masks, "objects": objects} if paints else {}))
    else:
        found = _decided(run, data, shown)
    return dataclasses.replace(found, notes=(*run.notes, *found.notes), seconds=time.perf_counter() - began)


def _decided(run: Run, data: Dataset, shown: int) -> View:
    """A decision on each picture as a whole."""
    task, network = run.task, run.network
    form, count = form_of(task), len(data)
    targets = torch.zeros(count)  # which nobody asks for
    given = read_all(data, network, shown, thumbnail)
    probabilities = answers(network, task, Examples(given.store, np.arange(count), targets))
    decisions = task.decide(probabilities, task.rule)
    names = data.called()
    cases = [
        {
            "name": names[i],
            **numbers_of(data, i),
            "decision": task.say(decisions[i]),
            "bars": bars(task, form, probabilities[i], None, decisions[i]),
        }
        for i in given.small
    ]
    return View(
        kind="prediction",
        arrays={"probabilities": probabilities},
        axes={"probabilities": ("sample", "class")},
        table=tuple(_rows(task, form, names, probabilities, decisions)),
        options={
            "run": str(run.folder),
            "task": task.kind,
            "form": form,
            "what": "row" if data.features else "matrix" if network.input.is_matrix else "picture",
            "classes": list(task.classes),
            "counts": dict(Counter(task.say(d) for d in decisions).most_common()) if form != "numbers" else {},
            "cases": cases,
        },
        pictures=np.stack(list(given.small.values())),
        names=names,
        notes=given.notes,
        provenance=network.facts(),
    )


def _rows(
    task: Task, form: Form, names: Sequence[str], probabilities: np.ndarray, decisions: np.ndarray
) -> list[dict[str, Any]]:
    sure = sureness(task, probabilities, decisions)
    rows = []
    for i, name in enumerate(names):
        row: dict[str, Any] = {"name": name, "decision": task.say(decisions[i])}
        if form != "numbers":
            row["probability"] = float(sure[i].min())
        if form == "one" and len(task.classes) > 1:
            row |= _runner_up(task, probabilities[i], int(decisions[i]))
        rows.append(row)
    return rows


def _runner_up(task: Task, probabilities: np.ndarray, decision: int) -> dict[str, Any]:
    order = [int(j) for j in np.argsort(-probabilities, kind="stable") if j != decision]
    return {"otherwise": task.classes[order[0]], "otherwise_probability": float(probabilities[order[0]])}


def _dataset(inputs: Any, features: tuple[str, ...]) -> Dataset:
    """Whatever was given, as items by number. features: what the numbers of each are, where they have names."""
    if isinstance(inputs, Dataset):
        return open_dataset(inputs, features=features)
    given = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
    files = [isinstance(item, str | os.PathLike) for item in given]
    tables = [item for item, is_file in zip(given, files, strict=True) if is_file and features and is_table(item)]
    if tables and len(tables) < len(given):
        raise BadInput("tables and other inputs at once", cure="pass them one after the other")
    if tables:
        return together([open_dataset(table, features=features) for table in tables])
    if given and all(files):
        return Dataset("pictures", Files(tuple(pictures_in([os.fspath(item) for item in given]))))
    found: list[Sample] = []
    for item, is_file in zip(given, files, strict=True):
        found += [as_sample(p) for p in pictures_in([os.fspath(item)])] if is_file else [as_sample(item)]
    if not found:
        raise BadInput("no input was given", cure="pass at least one")
    return Dataset("inputs", _Given(tuple(found)))  # type: ignore[arg-type]


class _Given:
    """Samples that are in memory already."""

    def __init__(self, samples: tuple[Sample, ...]):
        self._samples = samples

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, i: int) -> Sample:
        return self._samples[i]

    def name(self, i: int) -> str:
        """Where it came from, or its number."""
        own = self._samples[i]
        return own.source if own.source and Path(own.source).name else own.name or f"input {i}"
