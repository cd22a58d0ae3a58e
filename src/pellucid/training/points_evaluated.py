"""How good a run is at landmarks: scores with intervals, each type, counts, the worst pictures with both points."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.core.errors import BadInput
from pellucid.core.progress import track
from pellucid.core.types import View
from pellucid.data.dataset import Dataset
from pellucid.data.sets.checks import inspect, raise_or_warn
from pellucid.features.resampling import Interval
from pellucid.models.network import Network
from pellucid.tasks.landmarks import scores
from pellucid.tasks.landmarks.matching import matched
from pellucid.tasks.task import Task
from pellucid.training.examples import Examples, Store
from pellucid.training.points_seen import read_off, summaries_of
from pellucid.training.runs import Run
from pellucid.training.scoring import baselines, drawn_rows, known, scored
from pellucid.training.seen import Chosen, choose

#: Items a pass; draws of a type's intervals.
BATCH, DRAWS = 32, 200


def evaluate(run: Run, data: Dataset, *, split: str | None, cases: int, seed: int) -> View:
    """What ``pellucid.evaluate`` does for landmarks, in pixels of what enters the network.

    Gives a row a metric; ``options["classes"]`` a row a type; true, peaks, density [sample, class]: how many landmarks
    of each type are there, were found, and are in the density. ``options["cases"]``: the worst pictures, which
    ``pictures`` shows as the network sees them, with the points that are true and those that were found.
    """
    began = time.perf_counter()
    task, network = run.task, run.network
    if data.points is None:
        cure = "pass a data set with points (see docs/keypoints.md)"
        raise BadInput("the data tell of no points", where=data.source, cure=cure)
    chosen = choose(run, data, split)
    targets = _targets(task, data, chosen.rows, network)
    there = known(targets.numpy())
    rows = chosen.rows[there]
    if not len(rows):
        cure = "pass pictures whose points are known"
        raise BadInput("of none of these pictures the points are known", where=data.source, cure=cure)
    items = data.take(rows.tolist())
    store = Store(items, network.input)
    found = raise_or_warn(inspect(items, None, (), each=store.put, needs=("points",)), data.source)
    examples = Examples(store, np.arange(len(rows)), targets[torch.from_numpy(there)])
    ready = network.prepared()
    summaries = np.concatenate(
        [
            summaries_of(task, ready, examples.x(part, ready.device, ready.dtype), examples.targets[part])
            for part in track([slice(b, b + BATCH) for b in range(0, len(rows), BATCH)], "answers")
        ]
    )
    view = _view(_Answered(run, task, network, items, examples, chosen, int((~there).sum()), summaries), cases, seed)
    return dataclasses.replace(view, notes=(*chosen.notes, *found), seconds=time.perf_counter() - began)


def _targets(task: Task, data: Dataset, rows: np.ndarray, network: Network) -> Tensor:
    """The landmarks of these items; as many rows for each as the fullest picture needs."""
    assert task.scene is not None
    found = []
    for i in track(rows.tolist(), "points"):
        height, width = data[i].array.shape[:2]
        found.append(task.scene.target(data, i, network.input.frame(height, width), network.input))
    return torch.nn.utils.rnn.pad_sequence(found, batch_first=True, padding_value=torch.nan)


@dataclasses.dataclass(frozen=True, eq=False)
class _Answered:
    """What the network said. summaries: [n, types, rows, 3]."""

    run: Run
    task: Task
    network: Network
    items: Dataset
    examples: Examples
    chosen: Chosen
    skipped: int
    summaries: np.ndarray

    @property
    def decisions(self) -> np.ndarray:
        """[n, types, COUNTS]."""
        return self.task.decide(self.summaries, self.task.rule)


def _view(it: _Answered, cases: int, seed: int) -> View:
    decisions, names = it.decisions, it.items.names()
    tp, fp, fn = (scores.column(decisions, name) for name in ("tp", "fp", "fn"))
    told = [_case(it, i) for i in _worst(decisions, cases)]
    arrays = {"true": tp + fn, "peaks": tp + fp, "density": scores.column(decisions, "density")}
    return View(
        kind="keypoints",
        arrays=arrays,
        axes=dict.fromkeys(arrays, ("sample", "class")),
        table=tuple(_rows(it, seed)),
        options={
            "run": str(it.run.folder),
            "data": it.items.source,
            "task": it.task.kind,
            "primary": it.task.primary,
            "types": list(it.task.classes),
            "names": {},
            "classes": list(_type_rows(it, decisions, seed)),
            "confused": [],
            "cases": told,
            "distances": _distances(it),
            "radius": it.task.options["radius"] * max(it.network.input.size),
            "size": list(it.network.input.size),
            "split": it.chosen.split,
            "items": len(it.items),
            "wrong": int((fp + fn).sum(1).astype(bool).sum()),
            "skipped": it.skipped,
            "learnt": it.chosen.learnt,
            "tuned": it.chosen.tuned,
            "rule": dict(it.task.rule),
        },
        pictures=_pictures(it, [case["item"] for case in told]),
        names=tuple(names[case["item"]] for case in told),
        provenance={**it.network.facts(), "seed": seed},
    )


def _worst(decisions: np.ndarray, most: int) -> list[int]:
    """The pictures with the most mistakes, then those with the largest distances; nobody is perfect to the pixel."""
    wrong = (scores.column(decisions, "fp") + scores.column(decisions, "fn")).sum(1)
    hits = scores.column(decisions, "tp").sum(1)
    far = scores.column(decisions, "distance").sum(1) / np.maximum(hits, 1)
    order = np.lexsort((-far, -wrong))
    return [int(i) for i in order if wrong[i] or hits[i]][:most]


def _case(it: _Answered, i: int) -> dict[str, Any]:
    """A picture's true and found landmarks, in pixels of what entered the network."""
    seen = read_off(it.task, it.summaries[i])
    true = [
        [kind, float(x), float(y)]
        for kind in range(len(it.task.classes))
        for x, y in scores.parts(it.summaries[i, kind], scores.most_of(it.task.vocabulary))[2]
    ]
    decisions = it.task.decide(it.summaries[[i]], it.task.rule)[0]
    hits, distance = scores.column(decisions, "tp").sum(), scores.column(decisions, "distance").sum()
    return {
        "item": i,
        "name": it.items.items.name(i),
        "said": it.task.say(decisions),
        "distance": float(distance / hits) if hits else None,
        "true": true,
        "found": [list(each) for each in seen.found],
    }


def _distances(it: _Answered) -> list[list[float]]:
    """The distances of all matched pairs of each type."""
    radius = it.task.options["radius"] * max(it.network.input.size)
    found: list[list[float]] = []
    for kind, threshold in enumerate(it.task.rule["thresholds"]):
        own: list[float] = []
        for summary in it.summaries[:, kind]:
            _, peaks, true = scores.parts(summary, scores.most_of(it.task.vocabulary))
            own += matched(peaks[peaks[:, 2] > threshold, :2], true, radius)[2].tolist()
        found.append(own)
    return found


def _pictures(it: _Answered, order: list[int]) -> np.ndarray | None:
    """What the network sees of them; of matrices greys."""
    if not order:
        return None
    x = it.examples.x(torch.tensor(order), torch.device("cpu"))
    seen = it.network.input.pictures(x)
    if seen is not None:
        return seen
    plane = x.mean(1, keepdim=True)
    low, high = plane.amin((1, 2, 3), keepdim=True), plane.amax((1, 2, 3), keepdim=True)
    greys = (255 * (plane - low) / (high - low).clamp(min=1e-12)).round().to(torch.uint8)
    return greys.expand(-1, 3, -1, -1).permute(0, 2, 3, 1).numpy()


def _rows(it: _Answered, seed: int) -> list[dict[str, Any]]:
    """A row a metric."""
    targets = it.examples.targets.numpy()
    found = scored(it.task, targets, it.summaries, it.task.rule, it.items.group, seed=seed)
    constant = _constant(it.run)
    usual = baselines(it.task, targets, it.task.rule, constant=constant) if constant is not None else {}
    return [
        {
            "metric": name,
            **each.named("value"),
            "baseline": _known(usual.get(name)),
            "items": len(targets),
            "higher": it.task.metrics[name].higher,
            "words": it.task.metrics[name].words,
        }
        for name, each in found.items()
    ]


def _constant(run: Run) -> Tensor | None:
    """The average heatmap, as the training found it; None before it is done."""
    return torch.from_numpy(run.view["constant"])[None] if run.done and "constant" in run.view.arrays else None


def _type_rows(it: _Answered, decisions: np.ndarray, seed: int) -> Iterator[dict[str, Any]]:
    """A row a type, with intervals over pictures (groups, where there are some)."""
    places = drawn_rows(len(it.items), it.items.group, seed=seed, draws=DRAWS)
    for kind, name in enumerate(it.task.classes):
        own = decisions[:, [kind]]

        def interval(measure: Callable[[np.ndarray], np.ndarray], own: np.ndarray = own) -> Interval:
            return Interval(float(measure(own)[0]), np.array([float(measure(own[p])[0]) for p in places]))

        yield {
            "class": name,
            "items": int((scores.column(own, "tp") + scores.column(own, "fn")).sum()),
            "precision": float(scores.precision(own)[0]),
            "recall": float(scores.recall(own)[0]),
            **interval(scores.f1).named("f1"),
            **interval(scores.distance).named("distance"),
            "count_mae": float(scores.count_error(own)[0]),
            "density_mae": float(scores.density_error(own)[0]),
            "threshold": it.task.rule["thresholds"][kind],
        }


def _known(value: float | None) -> float | None:
    """A score; None where it is not defined: who finds nothing has no distance."""
    return None if value is None or math.isnan(value) else value
