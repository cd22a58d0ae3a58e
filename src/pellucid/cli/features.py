"""``pellucid features``: the activations of any layer as a table, for any other tool."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pellucid.cli import models as chosen
from pellucid.cli.looking import matrix_shape

if TYPE_CHECKING:
    from pellucid.features.codes import Written


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(features)


def features(
    model: Annotated[str, typer.Argument(help="A model's name (see pellucid models).")],
    images: Annotated[
        list[str], typer.Argument(metavar="IMAGES...", help="Pictures, or folders of them; example:* for all examples.")
    ],
    layer: Annotated[
        list[str] | None,
        typer.Option("--layer", "-l", help="A name, a glob, stage:2. Repeatable. \\[default: stage:last]"),
    ] = None,
    pool: Annotated[
        str, typer.Option(help="Over a map's places: mean, max, or none for a row a cell instead of one a picture.")
    ] = "mean",
    out: Annotated[Path, typer.Option("--out", "-o", help="The Parquet file to write.")] = Path("codes.parquet"),
    weights: chosen.Weights = "default",
    architecture: chosen.Architecture = None,
    size: chosen.Size = None,
    device: chosen.Device = "auto",
    trust: chosen.Trust = False,
    as_json: chosen.Json = False,
) -> None:
    """Write the activations of layers as a Parquet table: a row a picture or a cell, a list of numbers a layer."""
    from pellucid.data.folders import pictures_in
    from pellucid.features.parquet_ import checked_path

    files = pictures_in(images)
    checked_path(out)
    from pellucid.features.codes import write_codes

    matrix = _shape_of_matrix(files[0])
    network = chosen.Choice(model, weights, architecture, size=size, device=device, trust=trust).open(matrix)
    done = write_codes(out, network, files, layer or "stage:last", pool=pool)  # type: ignore[arg-type]  # it checks it
    _tell(done, network.name, pool, as_json=as_json)


def _shape_of_matrix(file: str) -> Sequence[int] | None:
    from pellucid.data.matrices import is_matrix
    from pellucid.data.reading import read

    return matrix_shape(read(file)) if is_matrix(file) else None


def _tell(done: Written, model: str, pool: str, *, as_json: bool) -> None:
    facts: dict[str, Any] = {"file": str(done.path.resolve()), "model": model, "pool": pool, "images": done.images}
    facts |= {"rows": done.rows, "layers": dict(done.channels), "seconds": done.seconds}
    if as_json:
        print(json.dumps({"schema": "pellucid.features/1", **facts}, ensure_ascii=False))
        return
    from pellucid.report.words import visible, whole

    speed = f"{done.seconds:.1f} s, {done.images / done.seconds:.0f} pictures a second"
    print(f"{whole(done.rows)} rows of {whole(done.images)} pictures ({speed})")
    for name, channels in done.channels.items():
        print(visible(f"  {name}: a list of {channels} numbers"))
    print(f'\ntable: {facts["file"]}  (pandas.read_parquet("{done.path}"))')
