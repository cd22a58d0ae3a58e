"""The same network trained on labels that say nothing: what a map of it has in common with the real one's."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from pellucid.core.errors import BadInput
from pellucid.data.dataset import Dataset
from pellucid.data.sets.opening import Source
from pellucid.models.network import Network
from pellucid.tasks.table import tasks
from pellucid.training.runs import Run
from pellucid.training.setup import prepare
from pellucid.training.train import fit


def shuffled_twin(run: str | Path, data: Source | None = None, *, seed: int = 0) -> Network:
    """A run's network, trained again as it was, after the training items' labels were dealt to others at random.

    data: what the run was trained on, if it has moved. It is kept at its best epoch on those labels themselves, for it
    is to have learnt them: on others it can only guess. Raises BadInput for a run that does not learn from labels.
    """
    opened = Run.open(run)
    plan, learnt = opened.plan, _learnt(opened, data)
    labels = plan.labels or tuple(filter(None, (learnt.label,)))
    setup = prepare(_dealt(learnt, labels, seed), dataclasses.replace(plan, patience=None), check=False)
    return dataclasses.replace(fit(setup).network, weights=f"trained on shuffled labels (seed {seed})")


def twin_seconds(run: str | Path, data: Source | None = None) -> float:
    """How long ``shuffled_twin`` will take: what the run itself took by its own log, for all its epochs.

    Raises BadInput where ``shuffled_twin`` would before it trains.
    """
    opened = Run.open(run)
    _learnt(opened, data)
    rows = opened.rows
    if not rows:
        raise BadInput("no epoch of it is done", where=opened.folder, cure="go on with --resume (resume=True)")
    took = opened.summary.get("seconds_in_all") if opened.done else None
    return float(took or sum(row["seconds"] for row in rows)) * opened.plan.epochs / len(rows)


def _learnt(run: Run, data: Source | None) -> Dataset:
    """The run's training items."""
    task = run.plan.task
    if tasks[task].facts.learns != "labels":
        cure = "judge without --shuffle-labels"
        raise BadInput(f"a run of {task} learns from no labels", where=run.folder, cure=cure)
    source = run.data(data)
    known = {item.name: item.split for item in run.items}
    rows = [i for i, name in enumerate(source.names()) if known.get(name) == "train"]
    if not rows:
        cure = "pass the data that the run was trained on"
        raise BadInput("none of the run's training items is in these data", where=source.source, cure=cure)
    return source.take(rows)


def _dealt(data: Dataset, labels: tuple[str, ...], seed: int) -> Dataset:
    """Labels dealt anew, those of one item together, and each item twice: to learn from, and to choose the epoch by."""
    order = np.random.default_rng(seed).permutation(len(data))
    columns = {n: tuple(cells[i] for i in order) if n in labels else cells for n, cells in data.columns.items()}
    dealt = dataclasses.replace(data, columns=columns, split=None)
    twice = dealt.take([*range(len(data)), *range(len(data))])
    return dataclasses.replace(twice, split=("train",) * len(data) + ("val",) * len(data), group=None)
