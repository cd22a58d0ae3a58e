"""``pellucid filters``: a network in, and pictures if there are any; what its filters are and are good for out."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pellucid.cli import models as chosen
from pellucid.cli.looking import delivery, inputs_of, python_lines

if TYPE_CHECKING:
    from pellucid.core.types import View

PAIRS = "pairs.csv"


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(filters)


def filters(
    model: Annotated[
        str, typer.Argument(help="efficientnet_lite0, timm:NAME, torchvision:NAME, file:PATH or run:FOLDER.")
    ],
    images: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[IMAGES...]", help="Pictures, folders of them, or 'example:*'; some hundreds tell more."
        ),
    ] = None,
    layer: Annotated[
        list[str] | None,
        typer.Option(
            "--layer",
            "-l",
            help="Repeatable: a name, a glob, type:Conv2d; what is below it counts too. "
            "\\[default: all convolutions and linear layers]",
        ),
    ] = None,
    units: Annotated[int, typer.Option(help="How many units of a layer get patches.")] = 6,
    patches: Annotated[int, typer.Option(help="How many patches a unit gets, each from another picture.")] = 9,
    synthetic: Annotated[
        bool, typer.Option("--synthetic", help="Also draw what would excite those units most (takes minutes).")
    ] = False,
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write the report into.")] = Path(
        "pellucid-filters"
    ),
    seed: Annotated[int, typer.Option(help="For everything that is drawn at random.")] = 0,
    weights: chosen.Weights = "default",
    architecture: chosen.Architecture = None,
    size: chosen.Size = None,
    device: chosen.Device = "auto",
    trust: chosen.Trust = False,
    as_json: chosen.Json = False,
) -> None:
    """What the filters look for, and which of them are duplicates, mirror images, dead or saturated.

    Without pictures only the weights are looked at.
    """
    named = inputs_of(images or [])  # before torch is loaded: a mistyped path is told at once
    choice = chosen.Choice(model, weights, architecture, size=size, device=device, trust=trust, seed=seed)
    given: dict[str, Any] = {"layers": layer or None, "units": units, "patches": patches}
    given |= {"synthetic": synthetic, "seed": seed}
    with delivery(out, as_json=as_json) as made:
        from pellucid.features import filters as looking

        network = choice.open(named.shape)
        view = looking.filters(network, named.inputs or None, **given)
        if _write_pairs(made.folder / PAIRS, view):
            made.attach(PAIRS, "every filter that repeats, negates or mirrors another one, with its figures")
        told = [repr(images)] if images else []
        made.view(view, network, python=python_lines(choice, network, looking.filters, told, given))


def _write_pairs(path: Path, view: View) -> int:
    """The pairs of all layers as a table, a row a pair; how many."""
    rows = [{"layer": row["layer"], **pair} for row in view.table for pair in row["pairs"]]
    if rows:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return len(rows)
