"""``pellucid filters``: a network in, and pictures if there are any; what its filters are and are good for out."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pellucid.cli import models as chosen
from pellucid.cli.looking import delivery
from pellucid.core.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pellucid.core.types import Sample, View
    from pellucid.models.network import Network

PAIRS = "pairs.csv"


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(filters)


def filters(
    model: Annotated[str, typer.Argument(help="efficientnet_lite0, timm:NAME, torchvision:NAME or file:PATH.")],
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
    samples = _samples(images or [])  # before torch is loaded: a mistyped path is told at once
    choice = chosen.Choice(model, weights, architecture, size=size, device=device, trust=trust, seed=seed)
    usual = {"units": 6, "patches": 9, "synthetic": False, "seed": 0}
    asked = {"units": units, "patches": patches, "synthetic": synthetic, "seed": seed}
    given: dict[str, Any] = {"layers": layer} if layer else {}
    given |= {n: v for n, v in asked.items() if v != usual[n]}
    with delivery(out, as_json=as_json) as made:
        from pellucid.features import filters as looking

        network = choice.open(_shape(samples))
        view = looking.filters(network, samples or images or None, **given)
        if _write_pairs(made.folder / PAIRS, view):
            made.attach(PAIRS, "every filter that repeats, negates or mirrors another one, with its figures")
        made.view(view, network, python=_python(choice, network, images, given))


def _samples(images: Sequence[str]) -> list[Sample]:
    """The matrices; none for pictures, which are read while the network works."""
    from pellucid.data import matrices
    from pellucid.data.folders import pictures_in

    if any(matrices.is_matrix(each) for each in images):
        return [matrices.read(each) for each in images]
    for path in pictures_in(images):
        if not path.startswith("example:") and not Path(path).expanduser().exists():
            raise BadInput("there is no such file", where=path, cure="check the path")
    return []


def _shape(samples: Sequence[Sample]) -> tuple[int, ...] | None:
    """(height, width, channels) of the matrices; None for pictures."""
    return (*samples[0].array.shape, 1)[:3] if samples else None


def _write_pairs(path: Path, view: View) -> int:
    """The pairs of all layers as a table, a row a pair; how many."""
    rows = [{"layer": row["layer"], **pair} for row in view.table for pair in row["pairs"]]
    if rows:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return len(rows)


def _python(choice: chosen.Choice, network: Network, images: Sequence[str] | None, given: dict[str, Any]) -> str:
    """The same as lines of Python."""
    pictures = f", {list(images)!r}" if images else ""
    more = "".join(f", {k}={v!r}" for k, v in given.items())
    call = f"v = pellucid.filters(net{pictures}{more})"
    return "\n".join(["import pellucid", "", choice.python(network), call, "v.show()"])
