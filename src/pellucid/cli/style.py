"""``pellucid style`` and ``pellucid stylize``: which layers carry what, and one picture in another one's style."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pellucid.cli import models as chosen
from pellucid.cli.looking import delivery, python_lines

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pellucid.core.types import View
    from pellucid.models.network import Network

_LAYERS = "a name, a glob, stage:2, or as papers say: conv4_2, relu3_1."


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(style)
    app.command()(stylize)


def style(
    images: Annotated[
        list[str] | None,
        typer.Argument(metavar="[IMAGES]...", help="Pictures, or folders of them; textures.", show_default="example:*"),
    ] = None,
    model: chosen.Model = "efficientnet_lite0",
    layer: Annotated[
        list[str] | None, typer.Option("--layer", "-l", help=f"Repeatable: {_LAYERS}", show_default="one a block")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write into.")] = Path("pellucid-style"),
    seed: Annotated[int, typer.Option(help="For everything that is drawn at random.")] = 0,
    weights: chosen.Weights = "default",
    architecture: chosen.Architecture = None,
    size: chosen.Size = None,
    device: chosen.Device = "auto",
    trust: chosen.Trust = False,
    as_json: chosen.Json = False,
) -> None:
    """Which layers carry content and which carry style, with the weights to use them by."""
    from pellucid.data.folders import pictures_in

    files = pictures_in(images or ["example:*"])  # before torch is loaded: an empty folder is told at once
    choice = chosen.Choice(model, weights, architecture, size=size, device=device, trust=trust, seed=seed)
    given: dict[str, Any] = {"layers": layer or None, "seed": seed}
    with delivery(out, as_json=as_json) as made:
        from pellucid.features.style import style as look

        network = choice.open()
        view = look(network, files, **given)
        made.view(view, network, python=python_lines(choice, network, look, [repr(images or ["example:*"])], given))


def stylize(
    content: Annotated[str, typer.Argument(help="The picture to change.")],
    style: Annotated[str, typer.Argument(help="The picture whose textures it gets.")],
    model: chosen.Model = "efficientnet_lite0",
    content_layer: Annotated[
        list[str] | None,
        typer.Option(help=f"Repeatable: {_LAYERS}", show_default="as style recommends"),
    ] = None,
    style_layer: Annotated[
        list[str] | None, typer.Option(help="Repeatable, likewise.", show_default="as style recommends")
    ] = None,
    steps: Annotated[int, typer.Option(help="Of the optimiser.")] = 250,
    size: Annotated[
        int | None, typer.Option(help="The result's shorter side in pixels.", show_default="the network's own")
    ] = None,
    strength: Annotated[
        float, typer.Option(help="Of the style: at 0.1 little more than its colours, at 10 strokes all over.")
    ] = 1,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say how long it would take, and stop.")] = False,
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write into.")] = Path("pellucid-stylize"),
    seed: Annotated[int, typer.Option(help="For everything that is drawn at random.")] = 0,
    weights: chosen.Weights = "default",
    architecture: chosen.Architecture = None,
    input_size: chosen.InputSize = None,
    device: chosen.Device = "auto",
    trust: chosen.Trust = False,
    as_json: chosen.Json = False,
) -> None:
    """Give a picture another one's style, through the layers that carry content and style in this network."""
    from pellucid.data.reading import read

    pictures = [read(content), read(style)]  # before torch is loaded: a mistyped path is told at once
    choice = chosen.Choice(model, weights, architecture, size=input_size, device=device, trust=trust, seed=seed)
    given: dict[str, Any] = {"content_layers": content_layer or None, "style_layers": style_layer or None}
    given |= {"steps": steps, "size": size, "strength": strength, "seed": seed}
    if dry_run:
        _tell_cost(choice.open(), pictures, steps, given, as_json=as_json)
        return
    with delivery(out, as_json=as_json) as made:
        from pellucid.features.stylize import stylize as transfer

        network = choice.open()
        view = transfer(network, *pictures, **given)
        _save(view, made.folder / "stylized.png")
        made.attach("stylized.png", "The result at its full size.")
        told = [repr(content), repr(style)]
        made.view(view, network, python=python_lines(choice, network, transfer, told, given))


def _save(view: View, file: Path) -> None:
    from PIL import Image

    Image.fromarray(view["result"]).save(file)


def _tell_cost(network: Network, pictures: list[Any], steps: int, given: Mapping[str, Any], *, as_json: bool) -> None:
    """What the transfer would take, by two of its steps."""
    from pellucid.features.stylize import check_steps, plan
    from pellucid.report.words import duration

    check_steps(steps)
    planned = plan(network, *pictures, **{n: v for n, v in given.items() if n != "steps"})
    seconds = planned.seconds(steps)
    height, width = planned.shape
    if as_json:
        layers = {"content_layers": list(planned.transfer.kept), "style_layers": list(planned.transfer.wanted)}
        told = {"schema": "pellucid.stylize-cost/1", "height": height, "width": width, "steps": steps}
        print(json.dumps({**told, **layers, "seconds": seconds}))
        return
    kept, wanted = ", ".join(planned.transfer.kept), ", ".join(planned.transfer.wanted)
    print(f"{steps} steps at {height} × {width} would take about {duration(seconds)}")
    print(f"content from {kept}; style from {wanted}")
