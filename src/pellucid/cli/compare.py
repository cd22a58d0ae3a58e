"""``pellucid compare``: photos in, the contact sheet of methods out."""

from __future__ import annotations

import json
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pellucid.cli import models as chosen
from pellucid.cli.flags import MethodCommand, options_of, refuse_unused
from pellucid.cli.results import cautions_of, facts_of, gives_maps, is_report, photo_result, tell
from pellucid.core.files import whole_folder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pellucid.attribution.compare import Comparison
    from pellucid.core.types import Sample
    from pellucid.models.network import Network
    from pellucid.report.run import Run


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(cls=MethodCommand, epilog="A method's own options are flags too: see pellucid methods NAME.")(compare)


def compare(
    context: typer.Context,
    photos: Annotated[
        list[str], typer.Argument(metavar="PHOTO...", help="Picture files, or example:cat, example:coffee.")
    ],
    model: chosen.Model = "efficientnet_lite0",
    target: Annotated[
        str, typer.Option("--target", "-t", help="A class's name or index, or 'top', each photo's own best.")
    ] = "top",
    method: Annotated[
        list[str] | None,
        typer.Option("--method", help="Repeatable; see pellucid methods. \\[default: all that can run]"),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Of all methods, only those that take at most some twenty passes.")
    ] = False,
    layer: Annotated[
        str | None, typer.Option(help="Where the methods that read a layer look: a name, a glob, stage:2.")
    ] = None,
    patterns: Annotated[
        Path | None, typer.Option(help="The file from pellucid patterns fit, for the methods that need patterns.")
    ] = None,
    of: Annotated[str, typer.Option(help="Explain the 'logit' or the 'probability'.")] = "logit",
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write the sheet into.")] = Path(
        "pellucid-compare"
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
    """Many methods on the same photos, side by side on one sheet, each with what it promises and keeps."""
    from pellucid.data.reading import read

    began = time.perf_counter()
    samples = [read(p) for p in photos]  # before torch is loaded: a mistyped path is told at once
    choice = chosen.Choice(model, weights, architecture, classes, output, size, device, trust, seed)
    flags = {**context.meta["flags"], **({"patterns": str(patterns)} if patterns else {})}
    given: dict[str, Any] = {"target": target} if target != "top" else {}
    given |= {"of": of} if of != "logit" else {}
    given |= {"layer": layer} if layer else {}
    given |= {"quick": True} if quick else {}
    given |= {"seed": seed} if seed else {}
    given = {**({"methods": method} if method else {}), **given, **_options(method, flags)}
    with whole_folder(out, ours=is_report) as folder:
        from pellucid.attribution import compare as comparing
        from pellucid.report.sheet_page import write_sheet

        network = choice.open()
        found = comparing.compare(network, samples, **given)
        python = _python(choice, network, photos, given)
        run = _run(network, samples, found, python, seed, began)
        summary = write_sheet(folder, run)
    _tell_left_out(found)
    if as_json:
        print(json.dumps({**summary, "report": str((out / "index.html").resolve())}, ensure_ascii=False))
    else:
        tell(run, summary["warnings"], out)


def _tell_left_out(found: Comparison) -> None:
    from pellucid.report.words import visible

    for name, why in found.left_out.items():
        print(visible(f"{name} is left out: {why}"), file=sys.stderr)


def _options(method: Sequence[str] | None, flags: Mapping[str, str]) -> dict[str, Any]:
    """The methods' flags as values of their types."""
    from pellucid.attribution.table import methods

    entries = [methods[m] for m in method] if method else methods.entries()
    refuse_unused(flags, entries)
    return {name: value for entry in entries for name, value in options_of(entry, flags).items()}


def _run(network: Network, samples: Sequence[Sample], found: Comparison, python: str, seed: int, began: float) -> Run:
    from pellucid.report.run import Run

    rows = zip(samples, found.predictions, found.explanations, strict=True)
    return Run(
        command=shlex.join(["pellucid", *sys.argv[1:]]),
        python=python,
        network=facts_of(network),
        maps=gives_maps(network),
        photos=tuple(photo_result(*row) for row in rows),
        notes=tuple(cautions_of(network)),
        seconds=time.perf_counter() - began,
        seed=seed,
        left_out=found.left_out,
    )


def _python(choice: chosen.Choice, network: Network, photos: Sequence[str], given: Mapping[str, Any]) -> str:
    """The same as lines of Python."""
    named = f"photos = [{', '.join(map(repr, photos))}]"
    more = "".join(f", {k}={v!r}" for k, v in given.items())
    call = f"c = pellucid.compare(net, photos{more})"
    return "\n".join(["import pellucid", "", choice.python(network), named, call, "c.show()"])
