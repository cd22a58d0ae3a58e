"""``pellucid health``: a network in, what stands in the way of its training and what helps out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pellucid.cli import models as chosen
from pellucid.cli.looking import delivery

if TYPE_CHECKING:
    from pellucid.core.types import Sample
    from pellucid.models.network import Network


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(health)


def health(
    model: Annotated[str, typer.Argument(help="efficientnet_lite0, timm:NAME, torchvision:NAME or file:PATH.")],
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
    files, matrices = _inputs(data or [])  # before torch is loaded: a mistyped path is told at once
    choice = chosen.Choice(model, weights, architecture, classes, output, size, device, trust, seed)
    given: dict[str, Any] = {"labels": _labels(labels, files)} if labels else {}
    for name, value, usual in (
        ("rate", rate, 0.01),
        ("trial", trial, None),
        ("rates", rates, False),
        ("count", count, None),
        ("seed", seed, 0),
    ):
        given |= {name: value} if value != usual else {}
    with delivery(out, as_json=as_json) as made:
        from pellucid.training import health as looking

        network = choice.open(_shape(matrices))
        view = looking.health(network, matrices or files or None, **given)
        made.view(view, network, python=_python(choice, network, data or [], given))


def _inputs(data: Sequence[str]) -> tuple[list[str], list[Sample]]:
    """The files that are meant, and what is in them where they are matrices."""
    from pellucid.core.errors import BadInput
    from pellucid.data import matrices
    from pellucid.data.folders import pictures_in

    files = pictures_in(data)
    for path in files:
        if not path.startswith("example:") and not matrices.is_matrix(path) and not Path(path).expanduser().exists():
            raise BadInput("there is no such file", where=path, cure="check the path")
    return files, [matrices.read(f) for f in files] if any(map(matrices.is_matrix, files)) else []


def _shape(samples: Sequence[Sample]) -> tuple[int, ...] | None:
    """(height, width, channels) of matrices; None for pictures."""
    return (*samples[0].array.shape, 1)[:3] if samples else None


def _labels(path: Path, files: Sequence[str]) -> list[str]:
    from pellucid.core.errors import BadInput
    from pellucid.data.labels import matched, read_columns

    columns = matched(read_columns(path), files, where=path)
    if "label" not in columns:
        raise BadInput("it has no column 'label'", where=path, cure="name the column with the classes label")
    return columns["label"]


def _python(choice: chosen.Choice, network: Network, data: Sequence[str], given: dict[str, Any]) -> str:
    """The same as lines of Python."""
    more = "".join(f", {k}={v!r}" for k, v in given.items() if k != "labels")
    more += f", labels={given['labels']!r}" if "labels" in given else ""
    inputs = f", {list(data)!r}" if data else ""
    call = f"v = pellucid.health(net{inputs}{more})"
    return "\n".join(["import pellucid", "", choice.python(network), call, "v.show()"])
