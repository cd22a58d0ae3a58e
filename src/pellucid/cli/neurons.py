"""``pellucid neurons``: a network and data in, its units by what is lost without them out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from pellucid.cli import models as chosen
from pellucid.cli.looking import delivery, inputs_of, python_lines


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(neurons)


def neurons(
    model: Annotated[
        str, typer.Argument(help="efficientnet_lite0, timm:NAME, torchvision:NAME, file:PATH or run:FOLDER.")
    ],
    data: Annotated[
        list[str], typer.Argument(metavar="DATA...", help="Folders, pictures, matrix files, or 'example:*'.")
    ],
    layer: Annotated[
        str, typer.Option("--layer", "-l", help="The code: a layer's name or pattern (see pellucid layers).")
    ],
    factors: Annotated[
        Path | None, typer.Option(help="A table of what is known to vary, a row a picture: for MIG and DCI.")
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="A table with a column 'label', a row a picture: for classifiers.")
    ] = None,
    tests: Annotated[
        int | None, typer.Option(help="Samples on which each unit is ablated. \\[default: by a budget, 32 to 1000]")
    ] = None,
    loss: Annotated[
        str, typer.Option(help="reconstruction, classes, output, or auto: by the network's output.")
    ] = "auto",
    variational: Annotated[
        bool | None,
        typer.Option(help="The layer holds a variational code's means. \\[default: whether random numbers are drawn]"),
    ] = None,
    traverse: Annotated[int, typer.Option(help="How many of the top units are swept through their values.")] = 6,
    stacked: Annotated[
        bool, typer.Option("--stacked", help="DATA is one .npy or .npz file of many: \\[sample, height, width, …].")
    ] = False,
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write the report into.")] = Path(
        "pellucid-neurons"
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
    """Which units of a layer, or of an autoencoder's code, are the important ones, and what its spectra mean."""
    named = inputs_of(data, stacked=stacked)  # before torch is loaded: a mistyped path is told at once
    choice = chosen.Choice(model, weights, architecture, classes, output, size, device, trust, seed)
    given: dict[str, Any] = {
        "factors": str(factors) if factors else None,
        "labels": str(labels) if labels else None,
        "tests": tests,
        "variational": variational,
        "loss": loss,
        "traverse": traverse,
        "seed": seed,
    }
    with delivery(out, as_json=as_json) as made:
        from pellucid.features import neurons as looking

        network = choice.open(named.shape)
        view = looking.neurons(network, named.inputs, layer, **given)
        told = [f"read_stack({data[0]!r})" if stacked else repr(data), repr(layer)]
        read = ["from pellucid.data.stacks import read_stack"] if stacked else []
        python = python_lines(choice, network, looking.neurons, told, given, imports=read)
        made.view(view, network, python=python)
