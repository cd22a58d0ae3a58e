"""``pellucid.baselines``: what simple learners make of the same pictures, before and beside any network."""

from __future__ import annotations

import dataclasses
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np

from pellucid.core.progress import track
from pellucid.core.types import View
from pellucid.data.sets.opening import Source
from pellucid.training.rivals import judging
from pellucid.training.rivals.bench import Bench, Fold
from pellucid.training.rivals.judging import Judged
from pellucid.training.rivals.opening import bench_of
from pellucid.training.rivals.parting import fold_of
from pellucid.training.rivals.planning import Wish, opened_and_parted
from pellucid.training.rivals.table import Absent, Rival
from pellucid.version import __version__

#: Pairs whose difference answers a question: the first, and what it is held against.
PAIRS = (
    ("best_pixels", "logistic"),
    ("best_pixels_information", "logistic"),
    ("pca", "logistic"),
    ("smaller", "logistic"),
    ("perceptron", "logistic"),
    ("small_cnn", "perceptron"),
    ("codes_linear", "logistic"),
    ("codes_one_vs_rest", "codes_linear"),
    ("codes_stacked", "codes_linear"),
    ("fine_tune", "codes_linear"),
    ("probe_then_fine_tune", "fine_tune"),
)

#: Shufflings of the winner's labels that must all be better than chance before it is called a leak.
SHUFFLES = 3


def baselines(
    data: Source,
    *,
    task: str = "multiclass",
    options: Mapping[str, Any] | None = None,
    labels: Sequence[str] = (),
    only: Sequence[str] = (),
    model: str = "efficientnet_lite0",
    also: Sequence[str] | None = None,
    fine_tune: str | None = None,
    size: tuple[int, int] | None = None,
    folds: int | None = None,
    shares: tuple[float, float, float] = (0.7, 0.15, 0.15),
    quick: bool = False,
    seed: int = 0,
    device: str = "auto",
) -> View:
    """Hold simple learners on pixels, small networks, and linear layers on frozen codes against each other.

    data: what ``pellucid.dataset`` opens. task, options, labels: one column of classes (multiclass, binary), grades
    (ordinal) or numbers (regression). only: names of rivals or groups (trivial, pixels, networks, codes). model, also:
    the pretrained network whose frozen codes are taken, and those that are stacked on it (None: a second one where its
    package is installed). fine_tune: fine-tune ``model`` too, from this layer on. size: (height, width) of the pixels;
    otherwise at most 80 on a side. folds: everybody is asked once, in so many folds; None: the data's own test items,
    a drawn split from 2 000 items on, 5 folds below. quick: learn from 1 000 items, with smaller grids.

    All rivals learn from the same items and are asked the same others. Whatever is learnt or chosen (means, pixels,
    components, penalties, sizes) is so inside the learning part. The table has a row a rival, the best first: the
    task's first metric on the items asked with its 95 % bootstrap interval (``score``), on those learnt from
    (``learnt``), and the paired difference to the best (``behind``). Arrays: kept/NAME [channel, height, width], the
    share of fits that kept each pixel; sweep/score, low, high [layer, unit]; mean, the mean picture. options: the
    differences that answer questions (``pairs``), and the winner's run on shuffled labels (``shuffled``).

    Raises BadInput for data that cannot be learnt from, and for tasks with several answers a picture.
    """
    began = time.perf_counter()
    second = None if also is None else tuple(also)
    asked = Wish(task, options or {}, tuple(labels), tuple(only), model, second, fine_tune, size, folds, shares)
    asked = dataclasses.replace(asked, quick=quick, seed=seed, device=device)
    chosen = asked.chosen()  # before anything is read: a mistyped name is told at once
    opened, made, parted = opened_and_parted(data, asked)
    own = {"models": asked.models, "fine_tune": fine_tune, "device": device, "seed": seed, "quick": quick}
    bench, notes = bench_of(opened, made, parted, size=size, **own)
    each = [fold_of(bench, parting) for parting in track(parted, "folds")]
    _take_codes(bench, chosen)
    found = [_run(rival, bench, each) for rival in track(chosen, "rivals")]
    checked = _on_shuffled_labels(best_of(found, bench), bench, each)
    return _view(bench, each, found, checked, notes, time.perf_counter() - began)


def _take_codes(bench: Bench, chosen: Sequence[Rival]) -> None:
    """Compute codes before any clock of a rival runs, for they serve all of them."""
    names = {rival.name for rival in chosen if rival.facts.group == "codes"}
    if bench.pictures and names:
        for model in bench.models if "codes_stacked" in names else bench.models[:1]:
            bench.codes(model)


def _run(rival: Rival, bench: Bench, folds: Sequence[Fold]) -> Judged:
    began, title = time.perf_counter(), rival.facts.named(numbers=bench.numbers)
    try:
        answers = [rival.function(fold) for fold in track(folds, title)]
    except Absent as absent:
        return Judged(rival, why=str(absent))
    return judging.judged(rival, bench, folds, answers, time.perf_counter() - began)


def best_of(found: Sequence[Judged], bench: Bench) -> Judged:
    """The highest score; of the trivial ones only where there is no other."""
    took = [one for one in found if not one.why]
    real = [one for one in took if one.rival.facts.group != "trivial"] or took
    sign = 1 if bench.task.metrics[bench.task.primary].higher else -1
    return max(real, key=lambda one: sign * one.scores[bench.task.primary].value)


def _on_shuffled_labels(best: Judged, bench: Bench, folds: Sequence[Fold]) -> dict[str, Any]:
    """The winner once more, on labels that mean nothing: what it then scores, and what chance would.

    What leaks is above chance again and again; by luck alone it is so once in a hundred times, so a second and a third
    shuffling may clear it.
    """
    for number in range(1, SHUFFLES + 1):
        shuffled = bench.shuffled(number)
        again = [dataclasses.replace(fold, bench=shuffled) for fold in folds]
        one = _run(best.rival, shuffled, again)
        luck = judging.chance(shuffled, judging.asked(again), np.concatenate([a.held_out for a in one.answers]))
        score = one.scores[bench.task.primary]
        found = {"rival": best.rival.name, **score.named("score"), "learnt": one.learnt, "shuffles": number}
        found |= {"chance": luck.value, "chance_best": luck.best, "on_chance": luck.covers(score.value)}
        if found["on_chance"]:
            break
    return found


def _view(
    bench: Bench,
    folds: Sequence[Fold],
    found: Sequence[Judged],
    checked: Mapping[str, Any],
    notes: Sequence[str],
    seconds: float,
) -> View:
    task, best = bench.task, best_of(found, bench)
    by_name = {one.rival.name: one for one in found}
    arrays, axes, options = _pictured(bench, found)
    metric = task.metrics[task.primary]
    rows = judging.asked(folds)
    options |= {
        "task": task.kind,
        "label": bench.label,
        "primary": task.primary,
        "words": metric.words,
        "higher": metric.higher,
        "classes": [] if bench.numbers else list(task.classes),
        "best": best.rival.name,
        "items": len(bench.data),
        "asked": len(rows),
        "learn": [len(fold.learn) for fold in folds],
        "folds": len(folds),
        "drawn": bench.data.split is None,
        "shape": list(bench.shape),
        "features": list(bench.data.features),
        "models": list(bench.models),
        "pairs": [_pair(by_name, *names, task.primary) for names in PAIRS if _took(by_name, names)],
        "families": _families(bench, found),
        "shuffled": dict(checked),
        "quick": bench.quick,
    }
    sign = 1 if metric.higher else -1
    order = sorted(found, key=lambda one: (bool(one.why), -sign * one.scores[task.primary].value if not one.why else 0))
    return View(
        kind="baselines",
        arrays=arrays,
        axes=axes,
        table=tuple(_row(one, best, bench) for one in order),
        options=options,
        seconds=seconds,
        notes=(*notes, *_notes(found, bench)),
        provenance={"data": bench.data.source, "seed": bench.seed, "versions": _versions()},
    )


def _row(one: Judged, best: Judged, bench: Bench) -> dict[str, Any]:
    facts, primary = one.rival.facts, bench.task.primary
    told = {"rival": one.rival.name, "title": _title(one, bench), "group": facts.group}
    if one.why:
        return told | {"why": one.why, "question": facts.question}
    scores = {**one.scores[primary].named("score"), "learnt": one.learnt}
    behind = judging.difference(one, best, primary).named("behind")
    others = {name: each.value for name, each in one.scores.items() if name != primary}
    chosen = {"chosen": judging.settings(one.answers), "seconds": one.seconds, "question": facts.question}
    return told | scores | behind | others | chosen


def _title(one: Judged, bench: Bench) -> str:
    """What a rival is called; the numbers of a table's rows are no pixels."""
    title = one.rival.facts.named(numbers=bench.numbers)
    return title.replace("pixels", "columns") if bench.shape[1] == 1 else title


def _took(by_name: Mapping[str, Judged], names: Sequence[str]) -> bool:
    return all(name in by_name and not by_name[name].why for name in names)


def _pair(by_name: Mapping[str, Judged], one: str, other: str, primary: str) -> dict[str, Any]:
    difference = judging.difference(by_name[one], by_name[other], primary)
    return {"first": one, "second": other, **difference.named("difference")}


def _families(bench: Bench, found: Sequence[Judged]) -> list[dict[str, Any]]:
    """The best of each family, and its difference to the best of the pixels."""
    groups = ("pixels", "networks", "codes")
    each = {g: [one for one in found if one.rival.facts.group == g and not one.why] for g in groups}
    best = {group: best_of(some, bench) for group, some in each.items() if some}
    rows = []
    for group, one in best.items():
        row = {"group": group, "rival": one.rival.name}
        if group != "pixels" and "pixels" in best:
            row |= judging.difference(one, best["pixels"], bench.task.primary).named("difference")
        rows.append(row)
    return rows


def _pictured(bench: Bench, found: Sequence[Judged]) -> tuple[dict[str, np.ndarray], dict[str, Any], dict[str, Any]]:
    """The arrays of the figure, their axes, and what their places mean."""
    places = ("channel", "height", "width")
    arrays = {"mean": bench.pixels.mean(0, dtype=np.float64).astype(np.float32).reshape(bench.shape)}
    axes: dict[str, Any] = {"mean": places}
    options: dict[str, Any] = {}
    for one in found:
        name = one.rival.name
        if (kept := judging.kept(one.answers)) is not None:
            arrays[f"kept/{name}"], axes[f"kept/{name}"] = kept, places
        if (swept := judging.sweep(one.answers)) is not None:
            options["sweep"] = {"rival": name, "layers": swept[0], "units": swept[1], "chosen": _sizes(one)}
            for end, values in zip(("score", "low", "high"), swept[2], strict=True):
                arrays[f"sweep/{end}"], axes[f"sweep/{end}"] = values, ("layer", "unit")
    return arrays, axes, options


def _sizes(one: Judged) -> list[list[float]]:
    """[hidden layers, width, the share of the folds that chose it]."""
    counts = Counter(tuple(a.chosen[key] for key in ("layers", "units")) for a in one.answers)
    return [[depth, width, n / len(one.answers)] for (depth, width), n in counts.most_common()]


def _notes(found: Sequence[Judged], bench: Bench) -> list[str]:
    notes = []
    for one in found:
        notes += [f"{_title(one, bench)}: {note}" for note in dict.fromkeys(n for a in one.answers for n in a.notes)]
    if bench.task.tune is not None:
        notes.append("decision rules are not tuned here: all rivals decide by the task's untuned one")
    return notes


def _versions() -> dict[str, str]:
    return {"pellucid": __version__, **{name: version(name) for name in ("numpy", "scikit-learn", "torch", "timm")}}
