"""``pellucid invariance``: pictures in; what each layer makes of a transform, and the cut to re-train from, out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pellucid.cli import models as chosen
from pellucid.cli.looking import delivery, python_lines

if TYPE_CHECKING:
    from pellucid.cli.looking import Delivery
    from pellucid.core.types import View


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(invariance)


def invariance(
    images: Annotated[
        list[str], typer.Argument(metavar="IMAGES...", help="Pictures, or folders of them; 128 or more.")
    ],
    model: chosen.Model = "efficientnet_lite0",
    transform: Annotated[
        str,
        typer.Option(
            "--transform",
            "-t",
            help="hflip, vflip, rotate:90, shift:DX,DY (pixels), scale:S, brightness:B (factors).",
        ),
    ] = "hflip",
    layer: Annotated[
        list[str] | None,
        typer.Option("--layer", "-l", help="Repeatable: a name, a glob, stage:2; by default one a resolution."),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            help="What to tell instead of the transform: a table with columns image, label and, where several "
            "pictures show one thing, group."
        ),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write into.")] = Path("pellucid-invariance"),
    seed: Annotated[int, typer.Option(help="For everything that is drawn at random.")] = 0,
    weights: chosen.Weights = "default",
    architecture: chosen.Architecture = None,
    size: chosen.Size = None,
    device: chosen.Device = "auto",
    trust: chosen.Trust = False,
    as_json: chosen.Json = False,
) -> None:
    """At which layer a network stops seeing that a picture is mirrored (turned, shifted …), and how to break that.

    Without --size the next larger size is taken at which the network's strides are aligned with the mirror.
    """
    from pellucid.data.folders import pictures_in

    files = pictures_in(images)  # before torch is loaded: an empty folder is told at once
    choice = chosen.Choice(model, weights, architecture, size=size, device=device, trust=trust, seed=seed)
    given: dict[str, Any] = {"transform": transform, "layers": layer or None, "seed": seed}
    given |= {"labels": str(labels) if labels else None}
    with delivery(out, as_json=as_json) as made:
        from pellucid.features.invariance import invariance as look

        network = choice.open()
        sized = {"size": network.input.size} if size else {}
        view = look(network, files, **given, **sized)
        unfreeze = ['v.options["unfreeze_from"]']
        python = python_lines(choice, network, look, [repr(images)], given | sized, last=unfreeze)
        made.view(view, network, python=python)
        _tell_cut(made, view)


def _tell_cut(made: Delivery, view: View) -> None:
    """The cut beside everything else in the summary, where training looks for it."""
    from pellucid.report.plain import dumps

    made.summary |= {key: view.options[key] for key in ("cut", "unfreeze_from", "pooled_apart")}
    (made.folder / "summary.json").write_text(dumps(made.summary) + "\n", encoding="utf-8")
