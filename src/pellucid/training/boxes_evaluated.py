"""How good a run is at boxes: average precision with intervals, each class, each level and what goes without it."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from pellucid.core.types import View
from pellucid.data.dataset import Dataset
from pellucid.features.resampling import Interval
from pellucid.models.grid import STRIDES
from pellucid.tasks.detecting import scores
from pellucid.tasks.detecting.candidates import CLASS, EDGE, LEVEL, SCORE
from pellucid.tasks.detecting.truth import unasked
from pellucid.tasks.task import Task
from pellucid.training.runs import Run
from pellucid.training.scenes_evaluated import Scenes, scenes_of


def evaluate(run: Run, data: Dataset, *, split: str | None, cases: int, seed: int) -> View:
    """What ``pellucid.evaluate`` does for boxes, in pixels of what enters the network.

    Gives a row a metric; ``options["classes"]`` a row a class; ``options["levels"]`` a row a level: what it finds
    alone, and what is lost without it. true, found, wrong [sample, class]: how many boxes are there, are found and
    true, are found and not. ``options["cases"]``: the worst pictures, which ``pictures`` shows as the network sees
    them, with the boxes that are true, those that were found, and those that nobody asks for.
    """
    began = time.perf_counter()
    scenes = scenes_of(run, data, split)
    view = _view(_Answered(scenes, _summaries(scenes)), cases, seed)
    return dataclasses.replace(view, notes=scenes.notes, seconds=time.perf_counter() - began)


#: Levels that are not asked, by what is measured then.
_ASKED: dict[str, tuple[int, ...]] = {
    "all": (),
    **{f"without {k}": (k,) for k in range(len(STRIDES))},
    **{f"alone {k}": tuple(j for j in range(len(STRIDES)) if j != k) for k in range(len(STRIDES))},
}


def _summaries(scenes: Scenes) -> dict[str, np.ndarray]:
    """What scores need of each picture with all levels, without each and with each alone; one pass of the network."""
    found: dict[str, list[np.ndarray]] = {name: [] for name in _ASKED}
    for output, target in scenes.outputs():
        for name, without in _ASKED.items():
            found[name].append(scores.summary_of(output, target, without=without).numpy())
    return {name: np.concatenate(each) for name, each in found.items()}


@dataclasses.dataclass(frozen=True, eq=False)
class _Answered:
    """What the network said. summaries: [n, rows, 9] by the levels that were asked."""

    scenes: Scenes
    summaries: dict[str, np.ndarray]

    @property
    def task(self) -> Task:
        """What the run learnt."""
        return self.scenes.task

    @property
    def own(self) -> np.ndarray:
        """With all levels."""
        return self.summaries["all"]

    @property
    def threshold(self) -> float:
        """The score from which on a box is meant."""
        return scores.threshold_of(self.task.rule)

    @property
    def decisions(self) -> np.ndarray:
        """[n, classes, 3]."""
        return self.task.decide(self.own, self.task.rule)


def _view(it: _Answered, cases: int, seed: int) -> View:
    decisions, names = it.decisions, it.scenes.items.names()
    tp, fp, fn = np.moveaxis(decisions, 2, 0)
    told = [_case(it, i) for i in _worst(it, decisions, cases)]
    arrays = {"true": tp + fn, "found": tp, "wrong": fp}
    return View(
        kind="detection",
        arrays=arrays,
        axes=dict.fromkeys(arrays, ("sample", "class")),
        table=tuple(it.scenes.metric_rows(it.own, seed)),
        options={
            **it.scenes.facts(),
            "kinds": list(it.task.classes),
            "names": {},
            "classes": list(_class_rows(it, decisions, seed)),
            "levels": list(_level_rows(it, seed)),
            "confused": [],
            "cases": told,
            "boxes": int((tp + fn).sum()),
            "wrong": int((fp + fn).sum(1).astype(bool).sum()),
            "anchors": it.task.options["anchors"],
        },
        pictures=it.scenes.pictures([case["item"] for case in told]),
        names=tuple(names[case["item"]] for case in told),
        provenance={**it.scenes.network.facts(), "seed": seed},
    )


def _worst(it: _Answered, decisions: np.ndarray, most: int) -> list[int]:
    """The pictures with the most mistakes; of as many the one with the likelier wrong box. Perfect ones are none."""
    wrong = decisions[:, :, 1:].sum((1, 2))
    rows = scores.found_of(it.own)
    sure = np.where(scores.wrong(rows), rows[..., SCORE], 0.0).max(1)
    return [int(i) for i in np.lexsort((-sure, -wrong)) if wrong[i]][:most]


def _case(it: _Answered, i: int) -> dict[str, Any]:
    """A picture's true and found boxes, in pixels of what entered the network."""
    true = scores.true_of(it.own[i])
    rows = scores.found_of(it.own[i])
    rows = rows[(rows[:, CLASS] >= 0) & (rows[:, SCORE] >= it.threshold)]
    target = it.scenes.examples.targets[i : i + 1]
    return {
        "item": i,
        "name": it.scenes.items.items.name(i),
        "said": it.task.say(it.decisions[i]),
        "true": [[int(t[CLASS]), *t[EDGE].tolist()] for t in true if t[CLASS] >= 0],
        "unasked": target[:, 1:][unasked(target)][:, :4].tolist(),
        "found": [
            [int(r[CLASS]), *r[EDGE].tolist(), float(r[SCORE]), bool(hit), int(r[LEVEL])]
            for r, hit in zip(rows, scores.right(rows), strict=True)
        ],
    }


def _class_rows(it: _Answered, decisions: np.ndarray, seed: int) -> Iterator[dict[str, Any]]:
    """A row a class, with intervals over pictures (groups, where there are some)."""
    count = len(it.task.classes)

    def of(rows: np.ndarray) -> np.ndarray:
        return scores.precisions(it.own[rows], count, [0])[:, 0]

    value, draws = of(np.arange(len(it.own))), np.array([of(rows) for rows in it.scenes.drawn(seed)])
    whole = scores.precisions(it.own, count).mean(1)
    for kind, name in enumerate(it.task.classes):
        tp, fp, fn = decisions[:, kind].sum(0).tolist()
        yield {
            "class": name,
            "items": tp + fn,
            **Interval(float(value[kind]), draws[:, kind]).named("ap50"),
            "ap": float(whole[kind]),
            "precision": tp / (tp + fp) if tp + fp else None,
            "recall": tp / (tp + fn) if tp + fn else None,
        }


def _level_rows(it: _Answered, seed: int) -> Iterator[dict[str, Any]]:
    """A row a level: how many true boxes it finds, mAP with it alone, and by how much mAP falls without it.

    The fall is paired: each draw takes the same pictures with and without. Suppression is done anew, so that what a
    dropped level had suppressed may come back.
    """
    places, everything = it.scenes.drawn(seed), np.arange(len(it.own))
    map50 = [0]

    def of(name: str, overlaps: list[int] | None) -> Callable[[np.ndarray], float]:
        return lambda rows: scores.mean_precision(it.summaries[name][rows], len(it.task.classes), overlaps)

    def interval(measure: Callable[[np.ndarray], float]) -> Interval:
        return Interval(measure(everything), np.array([measure(rows) for rows in places]))

    rows = scores.found_of(it.own)
    right = scores.right(rows) & (rows[..., SCORE] >= it.threshold)
    meant = right | (scores.wrong(rows) & (rows[..., SCORE] >= it.threshold))
    whole = interval(of("all", map50))
    sides = np.sqrt(np.prod(rows[..., 2:4] - rows[..., :2], -1))
    for level, stride in enumerate(STRIDES):
        own = right & (rows[..., LEVEL] == level)
        less, alone = interval(of(f"without {level}", map50)), interval(of(f"alone {level}", map50))
        yield {
            "level": f"level{stride}",
            "stride": stride,
            "found": int((meant & (rows[..., LEVEL] == level)).sum()),
            "right": int(own.sum()),
            "share": float(own.sum() / max(1, right.sum())),
            "side": float(np.median(sides[own])) if own.any() else None,
            **alone.named("alone"),
            **less.named("without"),
            **Interval(whole.value - less.value, whole.draws - less.draws).named("lost"),
        }
