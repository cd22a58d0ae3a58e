"""How good a run is at landmarks: scores with intervals, each type, counts, the worst pictures with both points."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from pellucid.core.types import View
from pellucid.data.dataset import Dataset
from pellucid.features.resampling import Interval
from pellucid.tasks.landmarks import scores
from pellucid.tasks.landmarks.matching import matched
from pellucid.tasks.task import Task
from pellucid.training.points_seen import read_off
from pellucid.training.runs import Run
from pellucid.training.scenes_evaluated import Scenes, scenes_of


def evaluate(run: Run, data: Dataset, *, split: str | None, cases: int, seed: int) -> View:
    """What ``pellucid.evaluate`` does for landmarks, in pixels of what enters the network.

    Gives a row a metric; ``options["classes"]`` a row a type; true, peaks, density [sample, class]: how many landmarks
    of each type are there, were found, and are in the density. ``options["cases"]``: the worst pictures, which
    ``pictures`` shows as the network sees them, with the points that are true and those that were found.
    """
    began = time.perf_counter()
    scenes = scenes_of(run, data, split)
    summary = scenes.task.summary
    assert summary is not None
    summaries = np.concatenate([summary(output, target).numpy() for output, target in scenes.outputs()])
    view = _view(_Answered(scenes, summaries), cases, seed)
    return dataclasses.replace(view, notes=scenes.notes, seconds=time.perf_counter() - began)


@dataclasses.dataclass(frozen=True, eq=False)
class _Answered:
    """What the network said. summaries: [n, types, rows, 3]."""

    scenes: Scenes
    summaries: np.ndarray

    @property
    def task(self) -> Task:
        """What the run learnt."""
        return self.scenes.task

    @property
    def radius(self) -> float:
        """How far a landmark may be from the true one, in pixels of what entered the network."""
        return self.task.options["radius"] * max(self.scenes.network.input.size)

    @property
    def decisions(self) -> np.ndarray:
        """[n, types, COUNTS]."""
        return self.task.decide(self.summaries, self.task.rule)


def _view(it: _Answered, cases: int, seed: int) -> View:
    decisions, names = it.decisions, it.scenes.items.names()
    tp, fp, fn = (scores.column(decisions, name) for name in ("tp", "fp", "fn"))
    told = [_case(it, i) for i in _worst(decisions, cases)]
    arrays = {"true": tp + fn, "peaks": tp + fp, "density": scores.column(decisions, "density")}
    return View(
        kind="keypoints",
        arrays=arrays,
        axes=dict.fromkeys(arrays, ("sample", "class")),
        table=tuple(it.scenes.metric_rows(it.summaries, seed)),
        options={
            **it.scenes.facts(),
            "types": list(it.task.classes),
            "names": {},
            "classes": list(_type_rows(it, decisions, seed)),
            "confused": [],
            "cases": told,
            "distances": _distances(it),
            "radius": it.radius,
            "wrong": int((fp + fn).sum(1).astype(bool).sum()),
        },
        pictures=it.scenes.pictures([case["item"] for case in told]),
        names=tuple(names[case["item"]] for case in told),
        provenance={**it.scenes.network.facts(), "seed": seed},
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
        "name": it.scenes.items.items.name(i),
        "said": it.task.say(decisions),
        "distance": float(distance / hits) if hits else None,
        "true": true,
        "found": [list(each) for each in seen.found],
    }


def _distances(it: _Answered) -> list[list[float]]:
    """The distances of all matched pairs of each type."""
    found: list[list[float]] = []
    for kind, threshold in enumerate(it.task.rule["thresholds"]):
        own: list[float] = []
        for summary in it.summaries[:, kind]:
            _, peaks, true = scores.parts(summary, scores.most_of(it.task.vocabulary))
            own += matched(peaks[peaks[:, 2] > threshold, :2], true, it.radius)[2].tolist()
        found.append(own)
    return found


def _type_rows(it: _Answered, decisions: np.ndarray, seed: int) -> Iterator[dict[str, Any]]:
    """A row a type, with intervals over pictures (groups, where there are some)."""
    places = it.scenes.drawn(seed)
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
