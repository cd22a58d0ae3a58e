"""``pellucid patterns fit``: what PatternNet and PatternAttribution need, from a stream of pictures."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated

import typer

from pellucid.cli import models as chosen


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    patterns = typer.Typer(help="Patterns for pattern_net and pattern_attribution.", no_args_is_help=True)
    patterns.command()(fit)
    patterns.callback()(lambda: None)  # or a single command would stand for the whole group
    app.add_typer(patterns, name="patterns")


def fit(
    model: Annotated[str, typer.Argument(help="A model's name (see pellucid models).")],
    images: Annotated[list[str], typer.Argument(metavar="IMAGES...", help="Pictures, or folders of them.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write.")] = Path("patterns.npz"),
    estimator: Annotated[
        str, typer.Option(help="'relu' looks at where a rectified neuron fires, 'linear' at all.")
    ] = "relu",
    weights: chosen.Weights = "default",
    architecture: chosen.Architecture = None,
    size: chosen.Size = None,
    device: chosen.Device = "auto",
    trust: chosen.Trust = False,
    as_json: chosen.Json = False,
) -> None:
    """Fit a pattern to each neuron, for explain --method pattern_attribution --patterns FILE.

    A few hundred pictures of the kind that the network was trained on are enough.
    """
    from pellucid.data.folders import pictures_in

    began = time.perf_counter()
    files = pictures_in(images)
    from pellucid.attribution.patterns import fit_patterns

    network = chosen.Choice(model, weights, architecture, size=size, device=device, trust=trust).open()
    patterns = fit_patterns(network, files, estimator=estimator)  # type: ignore[arg-type]  # it checks the name
    file = patterns.save(out)
    silent = max(patterns.silent.values(), default=0.0)
    if as_json:
        told = {"model": patterns.model, "layers": len(patterns.arrays), "images": patterns.images}
        told |= {"estimator": estimator, "silent": dict(patterns.silent), "seconds": time.perf_counter() - began}
        print(json.dumps({"schema": "pellucid.patterns/1", "file": str(file.resolve()), **told}))
        return
    print(f"{len(patterns.arrays)} layers fitted to {patterns.images} pictures in {time.perf_counter() - began:.0f} s")
    if silent:
        print(f"up to {silent:.0%} of a layer's neurons never fired: more pictures reach more of them")
    print(f"\npatterns: {file.resolve()}")
    print(f"pellucid explain PHOTO --method pattern_attribution --patterns {file}  (with the same --model)")
