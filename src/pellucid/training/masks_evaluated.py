"""How good a run is at masks: scores with intervals, which region is taken for which, the worst pictures."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.core.types import View
from pellucid.data.dataset import Dataset
from pellucid.data.regions import rest_of
from pellucid.features.resampling import Interval
from pellucid.tasks.painting import scores
from pellucid.tasks.painting.counts import column
from pellucid.tasks.painting.truth import asked, decided
from pellucid.tasks.task import MISSING, Task
from pellucid.training.runs import Run
from pellucid.training.scenes_evaluated import Scenes, scenes_of

#: Pairs of regions that are told as confused.
PAIRS = 10


def evaluate(run: Run, data: Dataset, *, split: str | None, cases: int, seed: int) -> View:
    """What ``pellucid.evaluate`` does for masks, at the size that enters the network.

    Gives a row a metric; ``options["classes"]`` a row a region; dice [sample, class] of each region, where ``defined``
    (by the rule for empty ones); confusion [class, decision] in pixels, where regions exclude each other; truth, said
    [sample, class, height, width] of the worst pictures, which ``pictures`` shows as the network sees them.
    """
    began = time.perf_counter()
    scenes = scenes_of(run, data, split)
    view = _view(_answered(scenes), cases=cases, seed=seed)
    return dataclasses.replace(view, notes=scenes.notes, seconds=time.perf_counter() - began)


@dataclasses.dataclass(frozen=True, eq=False)
class _Answered:
    """What the network said of masks. summaries: [n, regions, counts]. confusion: pixels [class, decision]."""

    scenes: Scenes
    summaries: np.ndarray
    confusion: np.ndarray | None

    @property
    def task(self) -> Task:
        """What the run learnt."""
        return self.scenes.task

    @property
    def regions(self) -> list[int]:
        """Which of the classes are regions."""
        rest = rest_of(self.task.classes)
        return [k for k in range(len(self.task.classes)) if k != rest]

    @property
    def apart(self) -> bool:
        """Whether regions may overlap."""
        return bool(self.task.options["overlapping"])


def _answered(scenes: Scenes) -> _Answered:
    task, summaries = scenes.task, []
    assert task.summary is not None
    count = len(task.classes)
    confusion = None if task.options["overlapping"] else np.zeros((count, count), np.int64)
    for output, target in scenes.outputs():
        summaries.append(task.summary(output, target).numpy())
        if confusion is not None:
            there = target != MISSING
            pairs = target[there].long() * count + output.argmax(1)[there]
            confusion += torch.bincount(pairs, minlength=count**2).reshape(count, count).numpy()
    return _Answered(scenes, np.concatenate(summaries), confusion)


# -- what comes out -------------------------------------------------------------------------------


def _view(it: _Answered, *, cases: int, seed: int) -> View:
    empty = it.task.options["empty"]
    each = scores.each_picture(it.summaries[:, it.regions], scores.dice, empty)
    order = _worst(each, cases)
    drawn = _drawn(it, order)
    arrays: dict[str, np.ndarray] = {"dice": np.nan_to_num(each, nan=-1.0), "defined": ~np.isnan(each), **drawn}
    axes: dict[str, tuple[str, ...]] = dict.fromkeys(("dice", "defined"), ("sample", "class"))
    axes |= dict.fromkeys(drawn, ("sample", "class", "height", "width"))
    if it.confusion is not None:
        arrays["confusion"], axes["confusion"] = it.confusion, ("class", "decision")
    names = it.scenes.items.names()
    return View(
        kind="segmentation",
        arrays=arrays,
        axes=axes,
        table=tuple(it.scenes.metric_rows(it.summaries, seed)),
        options={
            **it.scenes.facts(),
            "regions": [it.task.classes[k] for k in it.regions],
            "names": {"": list(it.task.classes)} if it.confusion is not None else {},
            "classes": list(_region_rows(it, seed)),
            "confused": _confused(it),
            "cases": [{"name": names[i], **_case(it, each[i])} for i in order],
            "empty": empty,
            "wrong": None,
        },
        pictures=it.scenes.pictures(order),
        names=tuple(names[i] for i in order),
        provenance={**it.scenes.network.facts(), "seed": seed},
    )


def _worst(each: np.ndarray, most: int) -> list[int]:
    """The pictures of the lowest mean Dice, the worst first; those that say nothing are left out."""
    mean = scores.mean(each, 1)
    order = [int(i) for i in np.argsort(np.nan_to_num(mean, nan=2.0), kind="stable")]
    return [i for i in order if mean[i] < 1][:most]


def _drawn(it: _Answered, order: list[int]) -> dict[str, np.ndarray]:
    """Truth, decisions and what is known of some pictures, bool [case, region, h, w]."""
    if not order:
        return {}
    found: dict[str, list[Tensor]] = {"truth": [], "said": [], "known": []}
    for output, target in it.scenes.outputs("the worst pictures", order):
        wanted, there = asked(target, len(it.task.classes))
        said = decided(output, apart=it.apart)
        found["truth"].append(wanted[:, it.regions] > 0.5)
        found["said"].append(said[:, it.regions])
        found["known"].append((there > 0.5).expand_as(said)[:, it.regions])
    return {name: torch.cat(some).numpy() for name, some in found.items()}


def _case(it: _Answered, dice: np.ndarray) -> dict[str, Any]:
    """A picture's regions, the worst first."""
    there = [j for j in range(len(dice)) if not np.isnan(dice[j])]
    names = [it.task.classes[k] for k in it.regions]
    order = sorted(there, key=lambda j: float(dice[j]))
    return {"dice": float(scores.mean(dice)), "regions": [{"name": names[j], "dice": float(dice[j])} for j in order]}


def _region_rows(it: _Answered, seed: int) -> Iterator[dict[str, Any]]:
    """A row a region, with intervals over pictures (groups, where there are some)."""
    empty, places = it.task.options["empty"], it.scenes.drawn(seed)

    def interval(compute: Callable[[np.ndarray], np.ndarray], own: np.ndarray) -> Interval:
        return Interval(float(compute(own)[0]), np.array([float(compute(own[p])[0]) for p in places]))

    for k in it.regions:
        own = it.summaries[:, [k]]
        tp, fp, fn = (float(column(own, name).sum()) for name in ("tp", "fp", "fn"))
        there = column(own, "tp") + column(own, "fn")
        yield {
            "class": it.task.classes[k],
            "items": int((there > 0).sum()),
            "share": float(there.sum() / max(1.0, float(own[..., :4].sum(dtype=np.float64)))),
            **interval(lambda s: scores.each_region(s, scores.dice, empty), own).named("dice"),
            **interval(lambda s: scores.each_region(s, scores.iou, empty), own).named("iou"),
            "iou_pooled": float(scores.pooled(own, scores.iou)[0]),
            "rim_iou": float(scores.each_region(own, scores.iou, empty, rim=True)[0]),
            "precision": tp / (tp + fp) if tp + fp else None,
            "recall": tp / (tp + fn) if tp + fn else None,
        }


def _confused(it: _Answered) -> list[dict[str, Any]]:
    """The regions that are taken for each other most, by their share of the true one's pixels."""
    table, names = it.confusion, it.task.classes
    if table is None:
        return []
    found = [
        {"truth": names[i], "decision": names[j], "pixels": int(table[i, j]), "of": int(table[i].sum())}
        for i, j in zip(*np.nonzero(table - np.diag(np.diag(table))), strict=True)
    ]
    told = [{**row, "share": row["pixels"] / row["of"]} for row in found]
    return sorted(told, key=lambda row: -row["share"])[:PAIRS]
