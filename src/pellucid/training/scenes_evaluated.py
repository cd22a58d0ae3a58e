"""Pictures whose masks, points or boxes are known, as a run is evaluated on them, and what every such view tells."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.core.errors import BadInput
from pellucid.core.progress import track
from pellucid.data.dataset import Dataset
from pellucid.data.sets.checks import inspect, raise_or_warn
from pellucid.features.resampling import Interval
from pellucid.models.network import Network
from pellucid.tasks.table import tasks
from pellucid.tasks.task import Task
from pellucid.training.answering import output_of
from pellucid.training.examples import Examples, Store
from pellucid.training.runs import Run
from pellucid.training.scene_targets import scene_targets
from pellucid.training.scoring import drawn_rows, known, metric_rows, scored, unlooked
from pellucid.training.seen import Chosen, choose

#: Items a pass; draws of the intervals of single classes.
BATCH, DRAWS = 32, 200


@dataclass(frozen=True, eq=False)
class Scenes:
    """Pictures whose truth is known. task, network: the run's, with its tuned rule, opened once. chosen: which pictures
    they are. skipped: how many of these have no truth. notes: what to know of them.
    """

    run: Run
    task: Task
    network: Network
    items: Dataset
    examples: Examples
    chosen: Chosen
    skipped: int
    notes: tuple[str, ...]

    def outputs(self, what: str = "answers", places: list[int] | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """The network's outputs and the targets, on the CPU, batch by batch; on the fast copy of the network.

        places: of these items alone.
        """
        ready, own = self.network.prepared(), self.examples if places is None else self.examples.take(places)
        for start in track(range(0, len(own), BATCH), what):
            rows = slice(start, start + BATCH)
            yield output_of(ready, own.x(rows, ready.device, ready.dtype)), own.targets[rows]

    def pictures(self, places: list[int]) -> np.ndarray | None:
        """What the network sees of these items, uint8 [n, height, width, 3]; of matrices greys, of no items None."""
        if not places:
            return None
        x = self.examples.x(torch.tensor(places), torch.device("cpu"))
        seen = self.network.input.pictures(x)
        if seen is not None:
            return seen
        plane = x.mean(1, keepdim=True)
        low, high = plane.amin((1, 2, 3), keepdim=True), plane.amax((1, 2, 3), keepdim=True)
        greys = (255 * (plane - low) / (high - low).clamp(min=1e-12)).round().to(torch.uint8)
        return greys.expand(-1, 3, -1, -1).permute(0, 2, 3, 1).numpy()

    def metric_rows(self, summaries: np.ndarray, seed: int) -> list[dict[str, Any]]:
        """A row a metric, with what a constant answer scores. summaries: what the task's scores need of each item."""
        task, targets, groups = self.task, self.examples.targets.numpy(), self.items.group
        found = scored(task, targets, summaries, task.rule, groups, seed=seed)
        constant = constant_of(self.run)
        if constant is None:
            return metric_rows(task, found, {}, len(targets))
        usual = scored(task, targets, *unlooked(task, targets, constant), groups, seed=seed, draws=DRAWS)
        rows = metric_rows(task, found, {name: own.value for name, own in usual.items()}, len(targets))
        return [row | _ends(usual[row["metric"]]) for row in rows]

    def drawn(self, seed: int) -> list[np.ndarray]:
        """Numbers of pictures (of whole groups, where there are some) drawn anew, for what is told of each class."""
        return drawn_rows(len(self.items), self.items.group, seed=seed, draws=DRAWS)

    def facts(self) -> dict[str, Any]:
        """What the options of every such view say."""
        return {
            "run": str(self.run.folder),
            "data": self.items.source,
            "task": self.task.kind,
            "primary": self.task.primary,
            "size": list(self.network.input.size),
            "split": self.chosen.split,
            "items": len(self.items),
            "skipped": self.skipped,
            "learnt": self.chosen.learnt,
            "tuned": self.chosen.tuned,
            "rule": dict(self.task.rule),
        }


def scenes_of(run: Run, data: Dataset, split: str | None) -> Scenes:
    """The items of a split whose truth is known; split: as ``pellucid.evaluate`` takes it.

    Raises BadInput where the data do not tell what the run's task learns, or not of these items.
    """
    task, network = run.task, run.network
    learns = tasks[task.kind].facts.learns
    outlined = learns == "masks" and data.outlines is not None
    if getattr(data, learns) is None and not outlined:
        cure = f"pass a data set with {learns} (see docs/{task.kind}.md)"
        raise BadInput(f"the data tell of no {learns}", where=data.source, cure=cure)
    chosen = choose(run, data, split)
    asked = data.take(chosen.rows.tolist())
    store = Store(asked, network.input)
    problems = (*data.problems, *inspect(asked, None, (), each=store.put, needs=(learns,)))
    found = raise_or_warn(problems, data.source)
    targets = scene_targets(task, asked, range(len(asked)), network.input, learns, frames=store.frames)
    there = np.flatnonzero(known(targets.numpy()))
    if not len(there):
        what = f"of none of these pictures the {learns} are known"
        raise BadInput(what, where=data.source, cure=f"pass pictures whose {learns} are known")
    examples, items = Examples(store, there, targets[torch.from_numpy(there)]), asked.take(there.tolist())
    skipped = len(asked) - len(there)
    return Scenes(run, task, network, items, examples, chosen, skipped, (*chosen.notes, *found))


def _ends(constant: Interval) -> dict[str, float]:
    """The ends of what a constant answer scores, where that is defined."""
    ends = {"baseline_low": constant.low, "baseline_high": constant.high}
    return {} if any(map(math.isnan, (constant.value, *ends.values()))) else ends


def constant_of(run: Run) -> Tensor | None:
    """The output [1, …] of who answers always the same, as the training found it; None before it is done."""
    return torch.from_numpy(run.view["constant"])[None] if run.done and "constant" in run.view.arrays else None
