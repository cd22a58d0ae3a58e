"""``pellucid dream``: the network draws what excites a layer, a channel or a unit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pellucid.cli import models as chosen
from pellucid.cli.looking import delivery, matrix_shape, python_lines
from pellucid.core.errors import BadInput

if TYPE_CHECKING:
    from pellucid.core.types import Sample, View
    from pellucid.features.drawing.cost import Cost
    from pellucid.models.network import Network

#: Frames of an animation, at most.
_FRAMES = 60


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(dream)


def dream(
    image: Annotated[
        str | None, typer.Argument(metavar="IMAGE", help="A photo to dream into (example:cat); without one, noise.")
    ] = None,
    layer: Annotated[
        str | None,
        typer.Option("--layer", "-l", help="A name, or stage:3; by default the last stage but one."),
    ] = None,
    channel: Annotated[
        str | None, typer.Option("--channel", "-c", help="One of its channels by number, or a class by its name.")
    ] = None,
    unit: Annotated[str | None, typer.Option(help="LAYER:CHANNEL, or LAYER:CHANNEL@ROW,COLUMN for one place.")] = None,
    size: Annotated[
        str | None, typer.Option(help="The picture's longer side (of a photo 600), or HEIGHTxWIDTH.")
    ] = None,
    octaves: Annotated[int, typer.Option(help="At how many sizes it dreams into a photo.")] = 4,
    scale: Annotated[float, typer.Option(help="How much larger each of these sizes is than the last.")] = 1.4,
    steps: Annotated[int | None, typer.Option(help="At each size (20); in Fourier mode altogether (256).")] = None,
    step: Annotated[float, typer.Option(help="The mean change of a shade, of 255, by one step.")] = 1.5,
    jitter: Annotated[int, typer.Option(help="Pixels by which each step's picture is rolled at most.")] = 32,
    mode: Annotated[
        str, typer.Option(help="octaves (DeepDream), fourier (feature visualisation), or auto: fourier from noise.")
    ] = "auto",
    images: Annotated[
        list[str] | None,
        typer.Option(help="Natural pictures or folders to hold it against, or none; repeatable."),
    ] = None,
    animate: Annotated[
        str | None, typer.Option(help="Also a film of the steps: gif, webp, or a file's name that ends so.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only measure a step and tell what all would cost.")
    ] = False,
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write into.")] = Path("pellucid-dream"),
    seed: Annotated[int, typer.Option(help="For everything that is drawn at random.")] = 0,
    model: chosen.Model = "efficientnet_lite0",
    weights: chosen.Weights = "default",
    architecture: chosen.Architecture = None,
    classes: chosen.Classes = None,
    input_size: chosen.InputSize = None,
    device: chosen.Device = "auto",
    trust: chosen.Trust = False,
    as_json: chosen.Json = False,
) -> None:
    """Let the network draw what excites a layer (DeepDream), a channel, a class or a unit."""
    from pellucid.data.reading import read

    sample = None if image is None else read(image)  # before torch is loaded: a mistyped path is told at once
    film = None if animate is None else _film(animate)
    choice = chosen.Choice(model, weights, architecture, classes, None, input_size, device, trust, seed)
    given: dict[str, Any] = {
        "layer": layer, "channel": channel, "unit": unit, "size": _size(size), "octaves": octaves, "scale": scale,
        "steps": steps, "step": step, "jitter": jitter, "mode": mode, "seed": seed,
    }  # fmt: skip
    if dry_run:
        _tell_cost(_open(choice, sample), sample, given, as_json=as_json)
        return
    with delivery(out, as_json=as_json) as made:
        from pellucid.features.dream import dream as draw

        network = _open(choice, sample)
        natural = {} if not images else {"images": None if images == ["none"] else images}
        kept = {} if film is None else {"frames": _FRAMES}
        view = draw(network, sample, **given, **natural, **kept)  # type: ignore[arg-type]  # it checks the mode
        _write_files(made.folder, view, film)
        made.attach("dream.png", _caption(view))
        if film is not None:
            made.attach(film, "the same, step by step")
            view = _without_frames(view)
        told = [repr(image)] if image else []
        python = python_lines(choice, network, draw, told, {**given, **natural, **kept})
        made.view(view, network, python=python)


def _open(choice: chosen.Choice, sample: Sample | None) -> Network:
    is_matrix = sample is not None and sample.array.dtype.kind == "f"
    return choice.open(matrix_shape(sample) if is_matrix else None)


def _film(text: str) -> str:
    """The name of the film's file: ``gif`` → ``dream.gif``."""
    name = f"dream.{text}" if text in ("gif", "webp") else text
    if Path(name).suffix.lower() not in (".gif", ".webp") or Path(name).name != name:
        raise BadInput(f"--animate {text}", cure="pass gif, webp, or the name of a file in --out that ends so")
    return name


def _size(text: str | None) -> int | tuple[int, int] | None:
    """``600`` is the longer side, ``400x600`` height and width."""
    if text is None:
        return None
    height, width = chosen.read_size(text, one="the longer side")
    return height if "x" not in text else (height, width)


def _tell_cost(network: Network, sample: Sample | None, given: dict[str, Any], *, as_json: bool) -> None:
    from pellucid.features.drawing.cost import cost_of
    from pellucid.features.drawing.plan import plan_of

    cost = cost_of(plan_of(network, sample, **given))
    if as_json:
        told = {"steps": cost.steps, "sizes": cost.sizes, "step_seconds": cost.step_seconds}
        told |= {"seconds": cost.seconds, "bytes": cost.bytes}
        print(json.dumps({"schema": "pellucid.dream-cost/1", **told}))
        return
    print(_in_words(cost))


def _in_words(cost: Cost) -> str:
    from pellucid.report.words import duration

    height, width = cost.sizes[-1]
    sizes = f"{len(cost.sizes)} sizes up to {height} × {width}" if len(cost.sizes) > 1 else f"{height} × {width}"
    return (
        f"{cost.steps} steps at {sizes} take about {duration(cost.seconds)} (one of the largest took "
        f"{cost.step_seconds:.2g} s) and {cost.bytes / 2**20:.0f} MiB; natural pictures come on top"
    )


def _write_files(folder: Path, view: View, film: str | None) -> None:
    from PIL import Image

    from pellucid.report.animation import write_animation

    picture = view["picture"]
    shown = picture if picture.dtype == "uint8" and picture.shape[2] == 3 else view.pictures[0]  # type: ignore[index]
    Image.fromarray(shown).save(folder / "dream.png")
    if film is not None:
        write_animation(folder / film, view["frames"])


def _without_frames(view: View) -> View:
    """What the film shows need not lie beside it a second time, uncompressed."""
    kept = lambda named: {k: v for k, v in named.items() if k != "frames"}  # noqa: E731
    return replace(view, arrays=kept(view.arrays), axes=kept(view.axes))


def _caption(view: View) -> str:
    height, width, _ = view["picture"].shape
    return f"drawn for {view.options['target']}, {height} × {width} pixels"
