"""How good a run is at masks: scores with intervals, which region is taken for which, the worst pictures."""

from __future__ import annotations

import dataclasses
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
from pellucid.data.regions import rest_of
from pellucid.data.sets.checks import inspect, raise_or_warn
from pellucid.features.resampling import Interval
from pellucid.models.network import Network, first_tensor
from pellucid.models.prepare import untouched
from pellucid.tasks.painting import scores
from pellucid.tasks.painting.counts import column
from pellucid.tasks.painting.truth import asked, decided
from pellucid.tasks.task import MISSING, Task
from pellucid.training.examples import Examples, Store
from pellucid.training.runs import Run
from pellucid.training.scoring import baselines, drawn_rows, known, scored
from pellucid.training.seen import Chosen, choose

#: Items a pass; draws of a region's intervals; pairs of regions that are told as confused.
BATCH, DRAWS, PAIRS = 32, 200, 10


def evaluate(run: Run, data: Dataset, *, split: str | None, cases: int, seed: int) -> View:
    """What ``pellucid.evaluate`` does for masks, at the size that enters the network.

    Gives a row a metric; ``options["classes"]`` a row a region; dice [sample, class] of each region, where ``defined``
    (by the rule for empty ones); confusion [class, decision] in pixels, where regions exclude each other; truth, said
    [sample, class, height, width] of the worst pictures, which ``pictures`` shows as the network sees them.
    """
    began = time.perf_counter()
    task, network = run.task, run.network
    if data.masks is None and data.outlines is None:
        cure = "pass a data set with masks (see docs/segmentation.md)"
        raise BadInput("the data tell of no masks", where=data.source, cure=cure)
    chosen = choose(run, data, split)
    targets = _targets(task, data, chosen.rows, network)
    there = known(targets.numpy())
    rows = chosen.rows[there]
    if not len(rows):
        raise BadInput("none of these pictures has a mask", where=data.source, cure="pass pictures with masks")
    items = data.take(rows.tolist())
    store = Store(items, network.input)
    found = raise_or_warn(inspect(items, None, (), each=store.put, needs=("masks",)), data.source)
    examples = Examples(store, np.arange(len(rows)), targets[torch.from_numpy(there)])
    answered = _answered(run, task, network, items, examples, chosen, int((~there).sum()))
    view = _view(answered, cases=cases, seed=seed)
    return dataclasses.replace(view, notes=(*chosen.notes, *found), seconds=time.perf_counter() - began)


def _targets(task: Task, data: Dataset, rows: np.ndarray, network: Network) -> Tensor:
    """The masks of these items."""
    if task.scene is None:
        raise BadInput(f"{task.kind} knows no masks")
    found = []
    for i in track(rows.tolist(), "masks"):
        height, width = data[i].array.shape[:2]
        found.append(task.scene.target(data, i, network.input.frame(height, width), network.input))
    return torch.stack(found)


@dataclasses.dataclass(frozen=True, eq=False)
class _Answered:
    """What the network said of masks. summaries: [n, regions, counts]. confusion: pixels [class, decision]."""

    run: Run
    task: Task
    network: Network
    items: Dataset
    examples: Examples
    chosen: Chosen
    skipped: int
    summaries: np.ndarray
    confusion: np.ndarray | None

    @property
    def regions(self) -> list[int]:
        """Which of the classes are regions."""
        rest = rest_of(self.task.classes)
        return [k for k in range(len(self.task.classes)) if k != rest]

    @property
    def apart(self) -> bool:
        """Whether regions may overlap."""
        return bool(self.task.options["overlapping"])


def _answered(
    run: Run, task: Task, network: Network, items: Dataset, examples: Examples, chosen: Chosen, skipped: int
) -> _Answered:
    count, summaries = len(task.classes), []
    confusion = None if task.options["overlapping"] else np.zeros((count, count), np.int64)
    for output, target in _outputs(network, examples):
        summaries.append(task.summary(output, target).numpy() if task.summary else np.empty(0))
        if confusion is not None:
            there = target != MISSING
            pairs = target[there].long() * count + output.argmax(1)[there]
            confusion += torch.bincount(pairs, minlength=count**2).reshape(count, count).numpy()
    return _Answered(run, task, network, items, examples, chosen, skipped, np.concatenate(summaries), confusion)


def _outputs(network: Network, examples: Examples, what: str = "answers") -> Iterator[tuple[Tensor, Tensor]]:
    """The network's maps and the masks, on the CPU, batch by batch."""
    ready = network.prepared()
    with untouched(ready.module), torch.inference_mode():
        for start in track(range(0, len(examples), BATCH), what):
            rows = slice(start, start + BATCH)
            output = first_tensor(ready(examples.x(rows, ready.device, ready.dtype))).float().cpu()
            if not bool(torch.isfinite(output).all()):
                raise BadInput("the network's output is not finite", where=network.name, cure="check the weights")
            yield output, examples.targets[rows]


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
    names = it.items.names()
    return View(
        kind="segmentation",
        arrays=arrays,
        axes=axes,
        table=tuple(_rows(it, seed)),
        options={
            "run": str(it.run.folder),
            "data": it.items.source,
            "task": it.task.kind,
            "primary": it.task.primary,
            "regions": [it.task.classes[k] for k in it.regions],
            "names": {"": list(it.task.classes)} if it.confusion is not None else {},
            "classes": list(_region_rows(it, seed)),
            "confused": _confused(it),
            "cases": [{"name": names[i], **_case(it, each[i])} for i in order],
            "empty": empty,
            "size": list(it.network.input.size),
            "split": it.chosen.split,
            "items": len(it.items),
            "wrong": None,
            "skipped": it.skipped,
            "learnt": it.chosen.learnt,
            "tuned": it.chosen.tuned,
        },
        pictures=_pictures(it, order),
        names=tuple(names[i] for i in order),
        provenance={**it.network.facts(), "seed": seed},
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
    for output, target in _outputs(it.network, it.examples.take(order), "the worst pictures"):
        wanted, there = asked(target, len(it.task.classes))
        said = decided(output, apart=it.apart)
        found["truth"].append(wanted[:, it.regions] > 0.5)
        found["said"].append(said[:, it.regions])
        found["known"].append((there > 0.5).expand_as(said)[:, it.regions])
    return {name: torch.cat(some).numpy() for name, some in found.items()}


def _pictures(it: _Answered, order: list[int]) -> np.ndarray | None:
    """What the network sees of them; of matrices greys."""
    if not order:
        return None
    spec = it.network.input
    x = it.examples.x(torch.tensor(order), torch.device("cpu"))
    seen = spec.pictures(x)
    if seen is not None:
        return seen
    plane = x.mean(1, keepdim=True)
    low, high = plane.amin((1, 2, 3), keepdim=True), plane.amax((1, 2, 3), keepdim=True)
    greys = (255 * (plane - low) / (high - low).clamp(min=1e-12)).round().to(torch.uint8)
    return greys.expand(-1, 3, -1, -1).permute(0, 2, 3, 1).numpy()


def _case(it: _Answered, dice: np.ndarray) -> dict[str, Any]:
    """A picture's regions, the worst first."""
    there = [j for j in range(len(dice)) if not np.isnan(dice[j])]
    names = [it.task.classes[k] for k in it.regions]
    order = sorted(there, key=lambda j: float(dice[j]))
    return {"dice": float(scores.mean(dice)), "regions": [{"name": names[j], "dice": float(dice[j])} for j in order]}


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
            "baseline": usual.get(name),
            "items": len(targets),
            "higher": it.task.metrics[name].higher,
            "words": it.task.metrics[name].words,
        }
        for name, each in found.items()
    ]


def _constant(run: Run) -> Tensor | None:
    """The answer of who paints the same mask always, as the training found it; None before it is done."""
    return torch.from_numpy(run.view["constant"])[None] if run.done and "constant" in run.view.arrays else None


def _region_rows(it: _Answered, seed: int) -> Iterator[dict[str, Any]]:
    """A row a region, with intervals over pictures (groups, where there are some)."""
    empty, places = it.task.options["empty"], drawn_rows(len(it.items), it.items.group, seed=seed, draws=DRAWS)

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
