"""What a finished training tells: its curves, what every split scores, and how the same is done again."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from pellucid.core.types import View
from pellucid.features.resampling import Interval
from pellucid.models.network import Network
from pellucid.training.answering import answers
from pellucid.training.census import census
from pellucid.training.examples import Codes
from pellucid.training.fit import Row
from pellucid.training.plan import Plan
from pellucid.training.scoring import baselines, gap, known, scored
from pellucid.training.setup import Setup

#: What nothing was chosen by comes first.
_FIRST = {"test": 0, "val": 1, "train": 2}


@dataclass(frozen=True, eq=False)
class Fitted:
    """A trained network without a folder. network: the best epoch's; rows: an epoch each; rule: tuned on validation.

    rest, codes: where what is frozen was computed once, the rest of the network and what it learnt from, by split: it
    answers the same as the whole network, without another pass over the pictures.
    """

    setup: Setup
    network: Network
    rows: tuple[Row, ...]
    rule: dict[str, Any]
    best_epoch: int
    stopped: str
    rest: Network | None = None
    codes: Mapping[str, Codes] = field(default_factory=dict)

    def answers(self, split: str) -> np.ndarray:
        """The task's probabilities for a split, [n, classes]."""
        if self.rest is not None and split in self.codes:
            return answers(self.rest, self.setup.task, self.codes[split])
        return answers(self.network, self.setup.task, self.setup.examples(split))


#: Of a constant answer: maps, or boxes with the columns that the network's own have.
_PLACED = {3: ("class", "height", "width"), 2: ("part", "channel")}


def run_view(fitted: Fitted) -> View:
    """The run as values: an array a curve [epoch], a row of the table a metric and split."""
    setup, rows = fitted.setup, fitted.rows
    names = [n for n in rows[0] if n not in ("epoch", "seconds")]
    curves = {n: np.array([row.get(n, np.nan) for row in rows], np.float64) for n in names}
    arrays = {n: a for n, a in curves.items() if np.isfinite(a).all()}
    arrays["epoch"] = np.array([row["epoch"] for row in rows])
    constant = constant_of(setup)
    placed = {} if constant is None else {"constant": constant[0].numpy()}
    order = sorted(setup.rows, key=lambda split: _FIRST.get(split, len(_FIRST)))
    found = {split: _scores(fitted, split) for split in order if len(setup.rows[split])}
    table = tuple(row for split, each in found.items() for row in _rows(fitted, split, each))
    return View(
        kind="run",
        arrays=arrays | placed,
        axes=dict.fromkeys(arrays, ("epoch",)) | {name: _PLACED[each.ndim] for name, each in placed.items()},
        table=table,
        options={
            "task": setup.task.kind,
            "primary": setup.task.primary,
            "words": {name: metric.words for name, metric in setup.task.metrics.items()},
            "higher": setup.task.metrics[setup.task.primary].higher,
            "best_epoch": fitted.best_epoch,
            "epochs": setup.plan.epochs,
            "batch": setup.plan.batch,
            "stopped": fitted.stopped,
            "patience": setup.plan.patience,
            "augment": list(setup.plan.augment),
            "learns": learning(setup),
            "items": {split: len(some) for split, some in setup.rows.items() if len(some)},
            "leaks": dict(setup.leaks),
            "classes": len(setup.task.classes),
            "shown": _shown(setup, rows[0]),
            "lacking": {split: list(some) for split in found if (some := _lacking(setup, split))},
            "rule": fitted.rule,
            "gap": _gap(fitted, found),
        },
        seconds=sum(row["seconds"] for row in rows),
        notes=setup.notes,
        provenance={**fitted.network.facts(), "seed": setup.plan.seed},
    )


def _shown(setup: Setup, row: Row) -> str:
    """The metric that is drawn beside the loss: the one that counts, and where that is the loss itself another."""
    if setup.task.views is None:
        return setup.task.primary
    usual = "matched" if "val_matched" in row else setup.task.primary  # nothing was kept apart
    return "probe_accuracy" if "val_probe_accuracy" in row else usual


def _scores(fitted: Fitted, split: str) -> dict[str, Interval]:
    """Every metric on a split's labelled items; of those that were learnt from the primary one alone."""
    setup = fitted.setup
    targets, there = _labelled(setup, split)
    if not len(there):
        return {}
    group = None if setup.data.group is None else [setup.data.group[int(r)] for r in setup.rows[split][there]]
    only = (setup.task.primary,) if split == "train" else None
    given = fitted.answers(split)[there]
    return scored(setup.task, targets, given, fitted.rule, group, seed=setup.plan.seed, only=only)


def _lacking(setup: Setup, split: str) -> tuple[str, ...]:
    """The classes of which a split has no item, where classes exclude each other."""
    targets, _ = _labelled(setup, split)
    if targets.ndim != 1 or targets.dtype.kind not in "iu":
        return ()
    there = set(targets.tolist())
    return tuple(name for number, name in enumerate(setup.task.classes) if number not in there)


def _labelled(setup: Setup, split: str) -> tuple[np.ndarray, np.ndarray]:
    """The targets of a split's items that have one, and which these are."""
    targets = setup.examples(split).targets.numpy()
    there = np.flatnonzero(known(targets))
    return targets[there], there


def _rows(fitted: Fitted, split: str, found: Mapping[str, Interval]) -> Iterator[dict[str, Any]]:
    if not found:
        return
    task, (targets, there) = fitted.setup.task, _labelled(fitted.setup, split)
    usual = baselines(task, targets, fitted.rule, constant=constant_of(fitted.setup))
    for name, each in found.items():
        told = {"split": split, "metric": name, "items": len(there), **each.named("value")}
        yield told | {"baseline": usual.get(name), "higher": task.metrics[name].higher}


def constant_of(setup: Setup) -> Tensor | None:
    """The output of who answers always the same, as well as what is learnt from allows; None for labels."""
    return None if setup.task.constant is None else setup.task.constant(setup.train.targets)


def _gap(fitted: Fitted, found: Mapping[str, Mapping[str, Interval]]) -> dict[str, Any] | None:
    """By how much the primary metric is better on what was learnt from than on what was not."""
    task = fitted.setup.task
    other = next((split for split in ("val", "test") if found.get(split)), None)
    if other is None or not found.get("train"):
        return None
    return {"split": other, **gap(task, found["train"][task.primary], found[other][task.primary]).named("value")}


def learning(setup: Setup) -> dict[str, Any]:
    """Which layers learn, and how many parameters are in them."""
    module, chosen = setup.network.module, setup.chosen
    own = lambda name, deep: sum(p.numel() for p in module.get_submodule(name).parameters(recurse=deep))  # noqa: E731
    backbone = {name: own(name, False) for name in chosen.backbone}
    layers = [name for name, count in backbone.items() if count and name]
    return {
        "from": setup.plan.unfreeze_from,
        "head": chosen.head,
        "layers": [*layers, chosen.head],
        "parameters": sum(backbone.values()) + own(chosen.head, True),
        "of": sum(p.numel() for p in module.parameters()),
    }


# -- how the same is done again -------------------------------------------------------------------


def summary_of(fitted: Fitted, view: View, folder: Path) -> dict[str, Any]:
    """Plain values for summary.json and the page."""
    setup, facts = fitted.setup, fitted.network.facts()
    return {
        "schema": "pellucid.run/1",
        "task": setup.task.kind,
        "model": setup.plan.model,
        "best_epoch": fitted.best_epoch,
        "epochs": len(fitted.rows),
        "stopped": fitted.stopped,
        "seconds": view.seconds,
        "primary": setup.task.primary,
        "data": {"source": setup.data.source, "items": view.options["items"], "labels": list(setup.plan.labels)},
        "classes": census(setup),
        "network": {
            "name": fitted.network.name,
            "parameters": facts["parameters"],
            "input": " × ".join(map(str, fitted.network.input.shape)),
            "outputs": len(setup.task.outputs or ())
            or setup.task.head.outputs
            or int(np.prod(fitted.network.input.shape)),
            "device": facts["device"],
        },
        "options": view.options,
        "scores": list(view.table),
        "notes": list(setup.notes),
        **_lines_of(setup, folder),
    }


def _lines_of(setup: Setup, folder: Path) -> dict[str, Any]:
    """What trains the same again, and what to do next."""
    plan, source = setup.plan, setup.data.source
    if setup.own:
        return _own_lines(plan, source, folder)
    return {
        "command": command_of(plan, source, folder),
        "python": python_of(plan, source, folder),
        "next": next_commands(plan.task, source, folder, rows=bool(setup.data.features)),
    }


def _own_lines(plan: Plan, source: str, folder: Path) -> dict[str, Any]:
    """The same in Python alone: no command line knows a module of somebody's own."""
    told = python_of(plan, source, folder).replace(f"model={plan.model!r}", "model=model")
    run = f"run = pellucid.Run.open({str(folder)!r}, model=model)"
    if plan.task == "autoencoder":
        purposes = {
            "what its codes are good for": f"{run}\npellucid.latent(run, {source!r}).show()",
            "which units matter": f'{run}\npellucid.neurons(run.network, images, "code").show()',
            "what a unit looks at": f'{run}\npellucid.explain(run.network, images, unit="code:0").show()',
        }
        return {"command": "", "python": f"{told}  # model: the module that it began with", "next": purposes}
    if plan.task == "contrastive":
        purposes = {
            "what its codes are good for": f"{run}\npellucid.evaluate(run, {source!r}).show()",
            "what it tells apart": f"{run}\npellucid.regions(run.network, images).show()",
            "few labels, many pictures": f"{run}\npellucid.train(data, model=run.network, unfreeze_from='head')",
        }
        return {"command": "", "python": f"{told}  # model: the module that it began with", "next": purposes}
    return {
        "command": "",
        "python": f"{told}  # model: the module that it began with",
        "next": {
            "its mistakes": f"{run}\npellucid.evaluate(run, {source!r}).show()",
            "new pictures": f"{run}\npellucid.predict(run, images).show()",
            "what it looks at": f"{run}\npellucid.explain(run.network, images).show()",
        },
    }


def command_of(plan: Plan, source: str, folder: Path) -> str:
    """The command line that trains the same, with whatever was not left as it is by default."""
    words = ["pellucid", "train", source]
    for name, value in _said(plan).items():
        words += _flag(name, value)
    return shlex.join([*words, "--out", str(folder)])


def python_of(plan: Plan, source: str, folder: Path) -> str:
    """The line of Python that trains the same."""
    said = "".join(f", {name}={value!r}" for name, value in _said(plan).items())
    return f"import pellucid\n\nrun = pellucid.train({source!r}, out={str(folder)!r}{said})"


def next_commands(task: str, source: str, folder: Path, *, rows: bool = False) -> dict[str, str]:
    """What one does with a trained network, by purpose. rows: it learnt from a table of numbers."""
    run = str(folder)
    if task == "autoencoder":
        opened = shlex.quote(f"run:{run}")
        return {
            "what its codes are good for": shlex.join(["pellucid", "latent", run, source]),
            "which units matter": f"pellucid neurons {opened} IMAGES --layer code",
            "what a unit looks at": f"pellucid explain IMAGES --model {opened} --unit code:0",
        }
    if task == "contrastive":
        opened = shlex.quote(f"run:{run}")
        return {
            "what its codes are good for": shlex.join(["pellucid", "evaluate", run, source]),
            "what it tells apart": f"pellucid regions IMAGES --model {opened}",
            "few labels, many pictures": f"pellucid train DATA --model {opened}",
        }
    if rows:
        mistakes = shlex.join(["pellucid", "evaluate", run, source])
        return {"its mistakes": mistakes, "new rows": f"{shlex.join(['pellucid', 'predict', run])} TABLE"}
    told = {"segmentation": " --target REGION", "keypoints": " --target TYPE", "detection": " --target KIND"}.get(
        task, ""
    )
    return {
        "its mistakes": shlex.join(["pellucid", "evaluate", run, source]),
        "new pictures": f"{shlex.join(['pellucid', 'predict', run])} IMAGES",
        "what it looks at": f"{shlex.join(['pellucid', 'explain'])} IMAGES --model {shlex.quote(f'run:{run}')}{told}",
    }


def _said(plan: Plan) -> dict[str, Any]:
    usual = Plan()
    return {
        f.name: getattr(plan, f.name)
        for f in dataclasses.fields(Plan)
        if getattr(plan, f.name) != getattr(usual, f.name)
    }


def _flag(name: str, value: Any) -> list[str]:
    if name == "options":
        return [word for option, own in value.items() for word in (f"--{option.replace('_', '-')}", str(own))]
    if name == "labels":
        return [word for label in value for word in ("--label", label)]
    if name == "watch":
        return ["--no-watch"]
    if name == "size":
        return ["--size", f"{value[0]}x{value[1]}"]
    if isinstance(value, tuple):
        return [f"--{name}", ",".join(map(str, value))]
    return [f"--{name.replace('_', '-')}", str(value)]
