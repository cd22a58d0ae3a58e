"""``pellucid baselines``: labelled pictures in; what simple learners make of them, beside each other, out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from pellucid.cli import models as chosen
from pellucid.cli.learning import Choices, learning_command
from pellucid.cli.looking import delivery

#: Choices of a training that each rival makes for itself.
_OWN = (
    "weights",
    "unfreeze_from",
    "init",
    "epochs",
    "probe_epochs",
    "batch",
    "optimizer",
    "lr",
    "backbone_lr",
    "weight_decay",
    "schedule",
    "clip",
    "augment",
    "patience",
    "precision",
    "watch",
)


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    learning_command(app, baselines, without=_OWN)


def baselines(
    choices: Choices,
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="Class folders, a table that names pictures or holds numbers, .npz, MNIST, CIFAR or NORB files.",
        ),
    ],
    only: Annotated[
        list[str] | None,
        typer.Option(help="Rivals or their groups (pixels, networks, codes); repeatable, several with commas."),
    ] = None,
    also: Annotated[
        list[str] | None,
        typer.Option(
            help="A network whose codes are stacked on --model's; repeatable. \\[default: efficientnet_lite1, if there]"
        ),
    ] = None,
    fine_tune: Annotated[
        str | None,
        typer.Option(
            metavar="LAYER", help="Fine-tune --model too, from this layer on (slow): at once, and its head first."
        ),
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option(help="Ask everybody once, in so many folds. \\[default: the split; 5 below 2000 items]"),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Learn from 1000 items, and try fewer settings.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List who would take part and about how long that takes, and stop.")
    ] = False,
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write into.")] = Path("pellucid-baselines"),
    as_json: chosen.Json = False,
) -> None:
    """Pixels, small networks, a pretrained network's codes: what each is worth on the same pictures.

    Should pixels be dropped first, how many hidden units and layers, does transfer pay: all chosen inside the folds,
    with intervals, beside guessing. --size is that of the pixels that are learnt from (at most 80 on a side).
    """
    own: dict[str, Any] = {"only": _listed(only), "also": tuple(also) if also else None}
    own |= {"fine_tune": fine_tune, "folds": folds, "quick": quick}
    given = {name: value for name, value in {**choices.plain(), **own}.items() if value not in (None, (), False)}
    if dry_run:
        _plan(choices, data, given, as_json=as_json)
        return
    with delivery(out, as_json=as_json) as made:
        from pellucid.training.baselines import baselines as look

        view = look(choices.open(data), **given)
        told = ", ".join([repr(data), *(f"{name}={value!r}" for name, value in given.items())])
        made.view(
            view, _facts(view.options, data), python=f"import pellucid\n\nv = pellucid.baselines({told})\nv.show()"
        )


def _listed(only: Sequence[str] | None) -> tuple[str, ...]:
    return tuple(name.replace("-", "_") for text in only or () for name in text.split(",") if name)


def _facts(options: Mapping[str, Any], data: str) -> dict[str, Any]:
    channels, height, width = options["shape"]
    return {
        "name": Path(data).name or data,
        "task": options["task"],
        "label": options["label"],
        "items": options["items"],
        "asked": options["asked"],
        "folds": options["folds"],
        "pixels": f"{height} × {width}" + (f" × {channels}" if channels > 1 else ""),
        "codes of": ", ".join(options["models"]),
    }


def _plan(choices: Choices, data: str, given: Mapping[str, Any], *, as_json: bool) -> None:
    """Who would take part, and how long that takes."""
    from pellucid.report.words import duration
    from pellucid.training.rivals.planning import Wish, planned

    rows = planned(choices.open(data), Wish(**given))
    seconds = sum(row["seconds"] for row in rows)
    if as_json:
        print(json.dumps({"schema": "pellucid.baselines-plan/1", "rivals": rows, "seconds": round(seconds, 1)}))
        return
    width = max(len(row["title"]) for row in rows)
    for row in rows:
        print(f"{row['group']:<9} {row['title']:<{width}}  {duration(row['seconds']):>12}  {row['rival']}")
    print(f"\nabout {duration(seconds)} on one core, plus the best once more on shuffled labels; nothing was learnt")
