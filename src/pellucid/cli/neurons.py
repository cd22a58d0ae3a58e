"""``pellucid neurons``: a network and data in, its units by what is lost without them out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pellucid.cli import models as chosen
from pellucid.cli.looking import delivery
from pellucid.core.errors import BadInput

if TYPE_CHECKING:
    from pellucid.core.types import Sample
    from pellucid.models.network import Network


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(neurons)


def neurons(
    model: Annotated[str, typer.Argument(help="efficientnet_lite0, timm:NAME, torchvision:NAME or file:PATH.")],
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
        bool, typer.Option("--stacked", help="DATA is one .npy or .npz file of many: [sample, height, width, …].")
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
    samples = _samples(data, stacked)  # before torch is loaded: a mistyped path is told at once
    choice = chosen.Choice(model, weights, architecture, classes, output, size, device, trust, seed)
    given: dict[str, Any] = {
        "factors": str(factors) if factors else None,
        "labels": str(labels) if labels else None,
        "tests": tests,
        "variational": variational,
    }
    given = {k: v for k, v in given.items() if v is not None}
    given |= {
        k: v for k, v, usual in (("loss", loss, "auto"), ("traverse", traverse, 6), ("seed", seed, 0)) if v != usual
    }
    with delivery(out, as_json=as_json) as made:
        from pellucid.features import neurons as looking

        network = choice.open(_shape(samples))
        view = looking.neurons(network, data if samples is None else samples, layer, **given)
        made.view(view, network, python=_python(choice, network, data, layer, stacked, given))


def _samples(data: Sequence[str], stacked: bool) -> list[Sample] | None:
    """The matrices; None for pictures, which are read while the network works."""
    from pellucid.data import matrices
    from pellucid.data.folders import pictures_in
    from pellucid.data.stacks import read_stack

    if stacked:
        if len(data) != 1:
            raise BadInput(f"--stacked takes one file, and {len(data)} were given", cure="pass one .npy or .npz file")
        return read_stack(data[0])
    if any(matrices.is_matrix(d) for d in data):
        return [matrices.read(d) for d in data]
    for path in pictures_in(data):
        if not path.startswith("example:") and not Path(path).expanduser().exists():
            raise BadInput("there is no such file", where=path, cure="check the path")
    return None


def _shape(samples: Sequence[Sample] | None) -> tuple[int, int, int] | None:
    """(height, width, channels) of matrices; None for pictures."""
    if samples is None:
        return None
    height, width, *channels = samples[0].array.shape
    return height, width, channels[0] if channels else 1


def _python(
    choice: chosen.Choice, network: Network, data: Sequence[str], layer: str, stacked: bool, given: dict[str, Any]
) -> str:
    """The same as lines of Python."""
    more = "".join(f", {k}={v!r}" for k, v in given.items())
    read = ["from pellucid.data.stacks import read_stack"] if stacked else []
    inputs = f"read_stack({data[0]!r})" if stacked else repr(list(data))
    call = f"v = pellucid.neurons(net, {inputs}, {layer!r}{more})"
    return "\n".join(["import pellucid", *read, "", choice.python(network), call, "v.show()"])
