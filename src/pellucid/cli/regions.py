"""``pellucid regions``: the parts of pictures that each layer tells apart, in colours that stay."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pellucid.cli import models as chosen
from pellucid.cli.looking import delivery, python_lines
from pellucid.core.errors import BadInput

if TYPE_CHECKING:
    pass

#: Where pictures are grouped apart, of more than so many only the number asked for is computed.
_APART = 12


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(regions)


def regions(
    images: Annotated[
        list[str], typer.Argument(metavar="IMAGES...", help="Pictures, or folders of them; example:* for all examples.")
    ],
    layer: Annotated[
        list[str] | None,
        typer.Option("--layer", "-l", help="A name, a glob, stage:2. Repeatable. \\[default: one a stage]"),
    ] = None,
    clusters: Annotated[
        str, typer.Option("--clusters", "-k", help="How many regions, 2 to 12, or auto: by how firm they are.")
    ] = "6",
    joint: Annotated[
        bool, typer.Option("--joint/--no-joint", help="One set of regions for all pictures, or one for each by itself.")
    ] = True,
    slider: Annotated[
        bool, typer.Option("--slider/--no-slider", help="Also compute all other numbers from 2 to 12, for the page.")
    ] = True,
    masks: Annotated[
        Path | None,
        typer.Option(help="A folder with the true regions: a label PNG of each picture's name, numbers as pixels."),
    ] = None,
    ignore: Annotated[int | None, typer.Option(help="The number in the masks that means nothing, often 255.")] = None,
    assignments: Annotated[
        bool, typer.Option("--assignments", help="Also write which region every cell is in, as Parquet.")
    ] = False,
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write into.")] = Path("pellucid-regions"),
    seed: Annotated[int, typer.Option(help="For everything that is drawn at random.")] = 0,
    model: chosen.Model = "efficientnet_lite0",
    weights: chosen.Weights = "default",
    architecture: chosen.Architecture = None,
    size: chosen.Size = None,
    device: chosen.Device = "auto",
    trust: chosen.Trust = False,
    as_json: chosen.Json = False,
) -> None:
    """Colour the parts of pictures that each layer tells apart: one picture, or a whole folder together."""
    from pellucid.data.folders import pictures_in

    wanted = _clusters(clusters)
    files = pictures_in(images)
    choice = chosen.Choice(model, weights, architecture, size=size, device=device, trust=trust, seed=seed)
    given: dict[str, Any] = {"layers": layer or None, "clusters": wanted, "joint": joint, "seed": seed}
    given |= {"masks": str(masks) if masks else None, "ignore": ignore}
    with delivery(out, as_json=as_json) as made:
        from pellucid.features.grouping.assignments import write_assignments
        from pellucid.features.parquet_ import arrow
        from pellucid.features.regions import NUMBERS, regions_by_number
        from pellucid.features.regions import regions as regions_of_layers
        from pellucid.report.regions_page import write_regions

        if assignments:
            arrow()  # if it is missing, better now than after the work
        network = choice.open()
        numbers = NUMBERS if slider and (joint or len(files) <= _APART) else ()
        found = regions_by_number(network, files, numbers=numbers, **given)
        view = found.pop(wanted)
        if assignments:
            write_assignments(made.folder / "assignments.parquet", view, files)
            made.attach("assignments.parquet", "which region every cell is in: image, layer, row, column, cluster")
        python = python_lines(choice, network, regions_of_layers, [repr(images)], given)
        made.view(view, network, python=python, write=partial(write_regions, others=found))


def _clusters(text: str) -> Any:
    if text == "auto":
        return text
    if not text.isdecimal():
        raise BadInput(f"--clusters {text}", cure="pass a whole number from 2 to 12, or auto")
    return int(text)
