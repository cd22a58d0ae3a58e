"""``pellucid explain``: photos in, a report out."""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pellucid.cli import models as chosen
from pellucid.cli.flags import MethodCommand, options_of, refuse_unused
from pellucid.core.errors import BadInput
from pellucid.core.files import whole_folder

if TYPE_CHECKING:
    from pellucid.core.registry import Entry
    from pellucid.core.types import Explanation, Sample
    from pellucid.models.network import Network
    from pellucid.report.run import PhotoResult, Run

#: One of each kind: where the evidence lies, which pixels carry it, what if they were not there.
DEFAULT_METHODS = ("grad_cam", "integrated_gradients", "occlusion")


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(cls=MethodCommand, epilog="A method's own options are flags too: see pellucid methods NAME.")(explain)


def explain(
    context: typer.Context,
    photos: Annotated[
        list[str], typer.Argument(metavar="PHOTO...", help="Picture files, or example:cat, example:coffee.")
    ],
    model: chosen.Model = "efficientnet_lite0",
    target: Annotated[
        list[str] | None, typer.Option("--target", "-t", help="A class's name or index, or 'top'. Repeatable.")
    ] = None,
    method: Annotated[
        list[str] | None, typer.Option("--method", help="Repeatable; see pellucid methods. [default: one of each kind]")
    ] = None,
    layer: Annotated[
        str | None, typer.Option(help="The layer for methods that look at one: a name, glob, stage:2.")
    ] = None,
    of: Annotated[str, typer.Option(help="Explain the 'logit' or the 'probability'.")] = "logit",
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write the report into.")] = Path(
        "pellucid-report"
    ),
    seed: Annotated[int, typer.Option(help="For everything that is drawn at random.")] = 0,
    weights: chosen.Weights = "default",
    architecture: chosen.Architecture = None,
    classes: chosen.Classes = None,
    device: chosen.Device = "auto",
    trust: chosen.Trust = False,
    as_json: chosen.Json = False,
) -> None:
    """Which parts of a photo speak for what the network sees in it: a report with pictures and figures."""
    from pellucid.data.images import read

    began = time.perf_counter()
    samples = [read(p) for p in photos]  # before torch is loaded: a mistyped path is told at once
    from pellucid.attribution.table import methods

    entries = [methods[m] for m in dict.fromkeys(method or DEFAULT_METHODS)]
    flags = context.meta["flags"]
    refuse_unused(flags, entries)
    if layer is not None and not any("layer" in e.options for e in entries):
        raise BadInput("--layer is for methods that look at one layer", cure="add --method grad_cam, or leave it away")
    with whole_folder(out, ours=_is_report) as folder:
        network = chosen.open_network(model, weights, architecture, classes, device, trust)
        targets = list(dict.fromkeys(target or ["top"]))
        maps = [_maps(network, samples, e, t, of, layer, seed, flags) for t in targets for e in entries]
        run = _run(network, samples, maps, seed)
        run = _told(run, photos, model, targets, entries, layer, of, flags, began)
        summary = _write(folder, run)
    if as_json:
        print(json.dumps({**summary, "report": str((out / "index.html").resolve())}, ensure_ascii=False))
    else:
        _print(run, out)


def _is_report(folder: Path) -> bool:
    """Whether a folder is a report of ours, which a new one may replace."""
    try:
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(summary, dict) and str(summary.get("schema", "")).startswith("pellucid.")


def _maps(
    network: Network,
    samples: Sequence[Sample],
    entry: Entry,
    target: str,
    of: Any,
    layer: str | None,
    seed: int,
    flags: dict[str, str],
) -> Explanation:
    from pellucid.attribution.explain import explain

    place = layer if "layer" in entry.options else None
    return explain(
        network, list(samples), entry.name, target, of=of, layer=place, seed=seed, **options_of(entry, flags)
    )


def _run(network: Network, samples: Sequence[Sample], maps: Sequence[Explanation], seed: int) -> Run:
    """All that the report shows, photo by photo."""
    from pellucid.data.batches import as_batch
    from pellucid.features.regions import regions
    from pellucid.report.run import Run

    x = as_batch(network.input, list(samples), network.device, network.dtype).x
    found = network.prepared().predict(x)
    photos = tuple(_photo(s, found[i], [m[i] for m in maps]) for i, s in enumerate(samples))
    stages = network.stages()
    view = regions(network, list(samples), layers=stages, seed=seed) if stages else None
    return Run("", "", _facts(network), photos, view, seed=seed)


def _photo(sample: Sample, predictions: list[tuple[int, str, float]], maps: list[Explanation]) -> PhotoResult:
    import numpy as np

    from pellucid.report.run import PhotoResult, Prediction

    picture = np.repeat(sample.array, 3, axis=2) if sample.array.shape[2] == 1 else sample.array
    return PhotoResult(sample.name, sample.source, picture, tuple(Prediction(*p) for p in predictions), tuple(maps))


def _facts(network: Network) -> dict[str, Any]:
    """What the report's head says; the rest is in each receipt's provenance."""
    facts = network.facts()
    return {
        "name": network.name,
        "weights": network.weights,
        "parameters": facts["parameters"],
        "input": " × ".join(map(str, network.input.shape)),
        "classes": len(network.classes) if network.classes else None,
        "device": facts["device"],
    }


def _told(
    run: Run,
    photos: Sequence[str],
    model: str,
    targets: Sequence[str],
    entries: Sequence[Entry],
    layer: str | None,
    of: str,
    flags: dict[str, str],
    began: float,
) -> Run:
    """The run with the lines that reproduce it and the time that it took."""
    import dataclasses

    python = _python(photos, model, targets, entries, layer, of, flags, run.seed)
    return dataclasses.replace(run, command=_command(), python=python, seconds=time.perf_counter() - began)


def _command() -> str:
    return shlex.join(["pellucid", *sys.argv[1:]])


def _python(
    photos: Sequence[str],
    model: str,
    targets: Sequence[str],
    entries: Sequence[Entry],
    layer: str | None,
    of: str,
    flags: dict[str, str],
    seed: int | None,
) -> str:
    """The same run as lines of Python."""
    lines = ["import pellucid", "", f"net = pellucid.open({model!r})", f"photos = [{', '.join(map(repr, photos))}]"]
    for target in targets:
        for entry in entries:
            extra = {"of": of} if of != "logit" else {}
            extra |= {"layer": layer} if layer is not None and "layer" in entry.options else {}
            extra |= {"seed": seed} if seed and "seed" in entry.options else {}
            extra |= options_of(entry, flags)
            more = "".join(f", {k}={v!r}" for k, v in extra.items())
            lines.append(f"e = pellucid.explain(net, photos, method={entry.name!r}, target={target!r}{more})")
    lines += ["e.show()", "v = pellucid.regions(net, photos)", "v.show()"]
    return "\n".join(lines)


def _write(folder: Path, run: Run) -> dict[str, Any]:
    from pellucid.report.page import write_page

    return write_page(folder, run)


def _print(run: Run, out: Path) -> None:
    """The predictions and where the report is."""
    from pellucid.report.words import visible

    for photo in run.photos:
        print(visible(photo.source or photo.name))
        width = max((len(visible(p.name)) for p in photo.predictions), default=0)
        for p in photo.predictions:
            print(f"  {visible(p.name):<{width}}  {p.probability:6.1%}  {'█' * round(30 * p.probability)}")
    print(f"\nreport: {(out / 'index.html').resolve()}")
