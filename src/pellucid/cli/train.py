"""``pellucid train``: labelled pictures in, a trained network out, in a folder that every other command opens."""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pellucid.cli import models as chosen
from pellucid.cli.interrupt import Interrupted
from pellucid.cli.learning import Choices, learning_command
from pellucid.core.errors import BadInput

if TYPE_CHECKING:
    from pellucid.data.dataset import Dataset
    from pellucid.training.plan import Plan
    from pellucid.training.setup import Setup

#: Classes that the summary of the data lists; more are told as a span.
_CLASSES = 30

#: Seconds between two lines of epochs: heads on codes have a hundred epochs in a moment.
_PAUSE = 0.5

#: Names of tables that say nothing of what is in them.
_GENERAL = frozenset({"labels", "label", "data", "dataset", "metadata", "index", "train", "annotations"})


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    learning_command(app, train)


def train(
    choices: Choices,
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="DATA",
            help="Class folders, a table that names pictures, COCO or YOLO, .npz, MNIST, CIFAR or NORB files.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The run's folder. \\[default: runs/DATA-TASK]", show_default=False),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where the run in --out was interrupted.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the run in --out.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the data and tell what would learn, and stop.")
    ] = False,
    as_json: chosen.Json = False,
) -> None:
    """Train a network on your own pictures, and tell how far the result can be trusted.

    The run's folder opens everywhere: pellucid explain IMAGES --model run:FOLDER.
    """
    folder = out if out is not None else default_folder(data, choices.task)
    if resume and overwrite:
        raise BadInput("--resume and --overwrite at once", cure="leave one of them away")
    plan, source = _plan(choices, data, folder, resume=resume)
    if resume:
        from pellucid.training.runs import refuse_changes

        refuse_changes(folder, plan)
    opened = choices.open(source, plan.labels)
    if dry_run:
        _dry_run(opened, plan, as_json=as_json)
        return
    _train(opened, plan, folder, resume=resume, overwrite=overwrite, as_json=as_json)


def default_folder(data: str | None, task: str) -> Path:
    """``runs/DATA-TASK``."""
    from pellucid.report.naming import slug

    if data is None:
        raise BadInput("no data were named", cure="pass DATA, or with --resume the run's folder, --out runs/NAME")
    path = Path(data).expanduser()
    name = path.stem if path.suffix else path.name
    home = path.absolute().parent.name if name.lower() in _GENERAL else name
    return Path("runs") / f"{slug(home or name, 'data')}-{task}"


def _plan(choices: Choices, data: str | None, folder: Path, *, resume: bool) -> tuple[Plan, str]:
    """The plan and the data; what is taken up again need not be said again."""
    if not resume:
        if data is None:
            raise BadInput("no data were named", cure="pass DATA, a folder or a table")
        return choices.plan(), data
    if not (folder / "config.toml").is_file():
        cure = "leave --resume away to begin, or name the run's folder with --out"
        raise BadInput("nothing to resume: no run was begun here", where=folder, cure=cure)
    from pellucid.training.plan import Plan
    from pellucid.training.runs import Run

    run = Run.open(folder)
    return Plan.of({**run.plan.plain(), **choices.plain()}), data if data is not None else run.source


def _train(data: Dataset, plan: Plan, folder: Path, *, resume: bool, overwrite: bool, as_json: bool) -> None:
    from pellucid.training.runs import is_run
    from pellucid.training.train import train as learn

    heard = _Heard(quiet=as_json)
    try:
        run = learn(
            data,
            out=folder,
            resume=resume,
            overwrite=overwrite,
            on_setup=heard.setup,
            on_epoch=heard.epoch,
            **plan.plain(),
        )
    except KeyboardInterrupt:
        if not heard.begun or not is_run(folder):
            raise
        cure = f"go on with: {shlex.join(_again(folder))}"
        raise Interrupted(f"interrupted at epoch {heard.number}", cure=cure) from None
    if as_json:
        report = str((folder / "report.html").resolve())
        print(json.dumps({**run.summary, "run": str(folder), "report": report}, ensure_ascii=False))
        return
    _tell(run.summary, folder)


def _again(folder: Path) -> list[str]:
    """The command that goes on."""
    said = [word for word in sys.argv[1:] if word not in ("--overwrite", "--resume")]
    named = any(word in ("--out", "-o") or word.startswith("--out=") for word in said)
    return ["pellucid", *said, *([] if named else ["--out", str(folder)]), "--resume"]


class _Heard:
    """Tells what the training says of itself: the data at first, then a line an epoch where somebody looks on."""

    def __init__(self, *, quiet: bool):
        self.quiet, self.begun, self.number, self._last = quiet, False, 1, 0.0

    def setup(self, setup: Setup) -> None:
        """Everything is read and checked."""
        self._plan, self._primary, self.begun = setup.plan, setup.task.primary, True
        if not self.quiet:
            _tell_setup(setup)

    def epoch(self, row: Mapping[str, Any], best: int) -> None:
        """An epoch is done."""
        self.number = row["epoch"] + 1
        done = row["epoch"] == self._plan.epochs
        if not sys.stderr.isatty() or self.quiet or (time.monotonic() - self._last < _PAUSE and not done):
            return
        self._last = time.monotonic()
        print(f"\r{epoch_line(row, best, self._plan.epochs or 0, self._primary):<78}", file=sys.stderr)


def epoch_line(row: Mapping[str, Any], best: int, epochs: int, primary: str) -> str:
    """``epoch  3/30  loss 0.4120  validation 0.3980, accuracy 0.873  ★ best``."""
    width = len(str(epochs))
    parts = [f"epoch {row['epoch']:>{width}}/{epochs}", f"loss {row['loss']:.4f}"]
    if "val_loss" in row:
        parts.append(f"validation {row['val_loss']:.4f}, {primary.replace('_', ' ')} {row[f'val_{primary}']:.4g}")
    else:
        parts.append(f"{primary.replace('_', ' ')} {row[f'train_{primary}']:.4g}")
    if "val_probe_accuracy" in row:
        parts.append(f"probe {row['val_probe_accuracy']:.3f}")
    parts.append(f"{row['seconds']:.1f} s")
    return "  ".join([*parts, *(["★ best"] if row["epoch"] == best else [])])


# -- before ---------------------------------------------------------------------------------------


def _dry_run(data: Dataset, plan: Plan, *, as_json: bool) -> None:
    from pellucid.training.census import census
    from pellucid.training.results import learning
    from pellucid.training.setup import prepare

    setup = prepare(data, plan)
    if not as_json:
        _tell_setup(setup)
        print("\nnothing was trained: leave --dry-run away to do so")
        return
    items = {split: len(rows) for split, rows in setup.rows.items()}
    told = {"schema": "pellucid.plan/1", "data": setup.data.source, "items": items, "classes": census(setup)}
    told |= {"plan": setup.plan.plain(), "learns": learning(setup), "notes": list(setup.notes)}
    print(json.dumps(told, ensure_ascii=False))


def _tell_setup(setup: Setup) -> None:
    """The items by split and class, what to know of them, and what learns."""
    from pellucid.report.words import visible, whole
    from pellucid.training.results import learning

    splits = {split: len(rows) for split, rows in setup.rows.items() if len(rows)}
    told = ", ".join(f"{whole(count)} {split}" for split, count in splits.items())
    print(visible(f"{setup.data.source}: {whole(sum(splits.values()))} items ({told})"))
    _tell_classes(setup, list(splits))
    for note in setup.notes:
        print(visible(note), file=sys.stderr)
    found = learning(setup)
    part = "the last layer alone" if len(found["layers"]) == 1 else f"{len(found['layers'])} layers"
    share = f"{whole(found['parameters'])} of {whole(found['of'])} parameters"
    print(visible(f"{setup.network.name} learns {setup.task.kind}: {part}, {share}"), flush=True)


def _tell_classes(setup: Setup, splits: Sequence[str]) -> None:
    from pellucid.report.words import visible, whole
    from pellucid.training.census import census

    rows = census(setup)
    if len(rows) > _CLASSES:
        counts = [sum(row[s] for s in splits) for row in rows]
        print(f"{len(rows)} classes, {whole(min(counts))} to {whole(max(counts))} items each")
        return
    several = len({row["label"] for row in rows}) > 1
    if not rows:
        return
    names = [visible(f"{row['label']}: {row['what']}" if several else row["what"]) for row in rows]
    headings = ["label" if several else visible(rows[0]["label"]), *splits]
    print_table(headings, [[name, *(whole(row[s]) for s in splits)] for name, row in zip(names, rows, strict=True)])


# -- after ----------------------------------------------------------------------------------------


def _tell(summary: Mapping[str, Any], folder: Path) -> None:
    """What it scores, what to beware of, where the report is, and what to do next."""
    from pellucid.report.scores import metric_name
    from pellucid.report.words import visible

    print()
    for said in summary["words"]:
        warning = said["level"] == "warning"
        print(visible(f"warning: {said['text']}" if warning else said["text"]), file=sys.stderr if warning else None)
    splits = [row["split"] for row in summary["scores"]]
    split = next((s for s in ("test", "val", "train") if s in splits), "train")
    rows = [row for row in summary["scores"] if row["split"] == split]
    cells = [[metric_name(row["metric"]), *map(_figure, _values(row)), str(row["items"])] for row in rows]
    print_table([f"on {split}", "value", "95 % from", "to", "constant answer", "items"], cells)
    print(f"report: {(folder / 'report.html').resolve()}\n")
    width = max(map(len, summary["next"]))
    for purpose, command in summary["next"].items():
        print(visible(f"{purpose:<{width}}  {command}"))


def _values(row: Mapping[str, Any]) -> list[float | None]:
    return [row[key] for key in ("value", "value_low", "value_high", "baseline")]


def _figure(value: float | None) -> str:
    from pellucid.report.scores import short

    return "–" if value is None else short(value)


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table whose first column is text."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="right" if place else "left")
    for row in rows:
        table.add_row(*row)
    console = Console(highlight=False, markup=False)
    console = console if console.is_terminal else Console(highlight=False, markup=False, width=200)
    console.print(table)
