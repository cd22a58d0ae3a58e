"""``pellucid health``: a network in, what stands in the way of its training and what helps out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from pellucid.cli import models as chosen
from pellucid.cli.looking import delivery, inputs_of, python_lines


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(health)


def health(
    model: Annotated[
        str, typer.Argument(help="efficientnet_lite0, timm:NAME, torchvision:NAME, file:PATH or run:FOLDER.")
    ],
    data: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="DATA", help="Folders (of one folder a class), pictures, matrix files. \\[default: noise]"
        ),
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="A table with a column 'label', a row a picture. \\[default: folders, or drawn]")
    ] = None,
    rate: Annotated[float, typer.Option("--rate", "--lr", help="The learning rate that you use.")] = 0.01,
    trial: Annotated[
        bool | None,
        typer.Option(
            "--try/--no-try",
            help="Train copies for a moment, as it is and as advised. \\[default: where it may help]",
        ),
    ] = None,
    rates: Annotated[bool, typer.Option("--rates", help="A learning-rate range test too: 100 steps.")] = False,
    count: Annotated[
        int | None, typer.Option(help="Inputs in the batch. \\[default: 8, and 64 where they are small]")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write the report into.")] = Path(
        "pellucid-health"
    ),
    seed: Annotated[int, typer.Option(help="For everything that is drawn at random.")] = 0,
    weights: chosen.Weights = "default",
    architecture: chosen.Architecture = None,
    classes: chosen.Classes = None,
    output: chosen.Output = None,
    size: chosen.Size = None,
    device: chosen.Device = "auto",
    trust: chosen.Trust = False,
    as_json: chosen.Json = False,
) -> None:
    """Why weights and costs become NaN, or a loss does not fall: the layer that is to blame, and what helps, tried."""
    named = inputs_of(data or [])  # before torch is loaded: a mistyped path is told at once
    choice = chosen.Choice(model, weights, architecture, classes, output, size, device, trust, seed)
    given: dict[str, Any] = {"rate": rate, "trial": trial, "rates": rates, "count": count, "seed": seed}
    given |= {"labels": _labels(labels, named.files) if labels else None}
    with delivery(out, as_json=as_json) as made:
        from pellucid.training import health as looking

        network = choice.open(named.shape)
        view = looking.health(network, named.inputs or None, **given)
        told = [repr(data)] if data else []
        made.view(view, network, python=python_lines(choice, network, looking.health, told, given))


def _labels(path: Path, files: Sequence[str]) -> list[str]:
    from pellucid.core.errors import BadInput
    from pellucid.data.labels import matched, read_columns

    columns = matched(read_columns(path), files, where=path)
    if "label" not in columns:
        raise BadInput("it has no column 'label'", where=path, cure="name the column with the classes label")
    return columns["label"]
