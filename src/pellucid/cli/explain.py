"""``pellucid explain``: photos in, a report out."""

from __future__ import annotations

import dataclasses
import json
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pellucid.cli import models as chosen
from pellucid.cli.flags import MethodCommand, options_of, refuse_unused
from pellucid.cli.looking import matrix_shape
from pellucid.cli.results import cautions_of, facts_of, gives_maps, is_report, photo_result, tell
from pellucid.core.errors import BadInput
from pellucid.core.files import whole_folder

if TYPE_CHECKING:
    from pellucid.core.registry import Entry
    from pellucid.core.types import Sample, View
    from pellucid.models.network import Network
    from pellucid.report.run import Run

#: One of each kind: where the evidence lies, which pixels carry it, what if they were not there.
DEFAULT_METHODS = ("grad_cam", "integrated_gradients", "occlusion")


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(cls=MethodCommand, epilog="A method's own options are flags too: see pellucid methods NAME.")(explain)


def explain(
    context: typer.Context,
    photos: Annotated[
        list[str],
        typer.Argument(
            metavar="PHOTO...",
            help="Picture files, or example:cat, example:coffee. Matrices: .npy, .npz, .csv, .parquet, file.npz:NAME.",
        ),
    ],
    model: chosen.Model = "efficientnet_lite0",
    target: Annotated[
        list[str] | None, typer.Option("--target", "-t", help="A class's name or index, or 'top'. Repeatable.")
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option("--method", help="Repeatable; see pellucid methods. \\[default: one of each kind]"),
    ] = None,
    layer: Annotated[
        list[str] | None,
        typer.Option(
            help="Where CAM methods look, or what a --method explains instead of the input: a name, a glob, stage:2."
            " Repeatable."
        ),
    ] = None,
    unit: Annotated[
        list[str] | None,
        typer.Option(help="Explain a unit inside instead of a class: LAYER:CHANNEL[@ROW,COLUMN]. Repeatable."),
    ] = None,
    of: Annotated[str, typer.Option(help="Explain the 'logit' or the 'probability'.")] = "logit",
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write the report into.")] = Path(
        "pellucid-report"
    ),
    seed: Annotated[int, typer.Option(help="For everything that is drawn at random.")] = 0,
    weights: chosen.Weights = "default",
    architecture: chosen.Architecture = None,
    classes: chosen.Classes = None,
    output: chosen.Output = None,
    size: chosen.Size = None,
    device: chosen.Device = "auto",
    trust: chosen.Trust = False,
    share: Annotated[
        float | None, typer.Option(help="Matrices: what spans must carry, 0 to 1. \\[default: 0.5]")
    ] = None,
    runs: Annotated[
        int | None, typer.Option(help="Matrices: at most so many spans an axis. \\[default: by need]")
    ] = None,
    shuffles: Annotated[int | None, typer.Option(help="Matrices: shuffled inputs for p. \\[default: 50]")] = None,
    as_json: chosen.Json = False,
) -> None:
    """Which parts of a photo or matrix speak for what the network sees in it: a report with pictures and figures."""
    from pellucid.data.reading import read

    began = time.perf_counter()
    samples = [read(p) for p in photos]  # before torch is loaded: a mistyped path is told at once
    from pellucid.attribution.table import methods

    choice = chosen.Choice(model, weights, architecture, classes, output, size, device, trust, seed)
    asked = Asked(
        photos=tuple(photos),
        choice=choice,
        targets=tuple(dict.fromkeys(target or ([] if unit else ["top"]))),
        units=tuple(dict.fromkeys(unit or ())),
        entries=tuple(methods[m] for m in dict.fromkeys(method or DEFAULT_METHODS)),
        chosen_for_us=not method,
        layers=tuple(dict.fromkeys(layer or ())),
        of=of,
        seed=seed,
        flags=context.meta["flags"],
        matrix=_shape_of_matrices(samples),
        spans={n: v for n, v in (("share", share), ("runs", runs), ("shuffles", shuffles)) if v is not None},
    )
    asked.check()
    with whole_folder(out, ours=is_report) as folder:
        run = _run(asked, samples, began)
        from pellucid.report.page import write_page

        summary = write_page(folder, run)
    if as_json:
        print(json.dumps({**summary, "report": str((out / "index.html").resolve())}, ensure_ascii=False))
    else:
        tell(run, summary["warnings"], out)


@dataclass(frozen=True)
class Asked:
    """What the command line asks for."""

    photos: tuple[str, ...]
    choice: chosen.Choice
    targets: tuple[str, ...]
    units: tuple[str, ...]
    entries: tuple[Entry, ...]
    chosen_for_us: bool
    layers: tuple[str, ...]
    of: Any
    seed: int
    flags: Mapping[str, str]
    matrix: tuple[int, ...] | None = None
    spans: Mapping[str, Any] = field(default_factory=dict)

    def check(self) -> None:
        """Refuse what no chosen method could take."""
        if self.spans and self.matrix is None:
            cure = "pass a .npy, .npz, .csv or .parquet file, or leave it away"
            raise BadInput(f"--{next(iter(self.spans))} is for matrices", cure=cure)
        refuse_unused(self.flags, self.entries)
        for entry in self.entries:
            entry.complete(options_of(entry, self.flags))

    def calls(self) -> list[tuple[Entry, str, dict[str, Any]]]:
        """The calls of ``pellucid.explain`` that answer it, for each photo: method, target, further arguments."""
        found = []
        for target, unit in [*((t, None) for t in self.targets), *(("top", u) for u in self.units)]:
            for entry in self.entries:
                more: dict[str, Any] = {"of": self.of} if self.of != "logit" else {}
                more |= {"unit": unit} if unit else {}
                more |= {"seed": self.seed} if self.seed and "seed" in entry.options else {}
                more |= options_of(entry, self.flags)
                # Of the methods that the user did not name, only those that read a layer are led to it.
                places = self.layers if "layer" in entry.options or not self.chosen_for_us else ()
                found += [(entry, target, {**more, "layer": p}) for p in places] or [(entry, target, more)]
        return found

    def span_calls(self) -> list[tuple[str, str, dict[str, Any]]]:
        """The calls of ``pellucid.spans``: for each target the method that adds up, or else the first."""
        by = next((e for e in self.entries if e.name == "integrated_gradients"), self.entries[0])
        found = {}
        for entry, target, more in self.calls():
            if entry is by and "unit" not in more:
                found.setdefault(
                    target, (by.name, target, {**more, **({"seed": self.seed} if self.seed else {}), **self.spans})
                )
        return list(found.values())

    def python(self, network: Network) -> str:
        """The same as lines of Python."""
        lines = ["import pellucid", "", self.choice.python(network), f"photos = [{', '.join(map(repr, self.photos))}]"]
        for entry, target, more in self.calls():
            extra = "".join(f", {k}={v!r}" for k, v in more.items())
            lines.append(f"e = pellucid.explain(net, photos, method={entry.name!r}, target={target!r}{extra})")
        if network.input.is_matrix:
            for method, target, more in self.span_calls():
                extra = "".join(f", {k}={v!r}" for k, v in more.items())
                lines.append(f"s = pellucid.spans(net, photos, method={method!r}, target={target!r}{extra})")
            return "\n".join([*lines, "e.show()", *(["s.show()"] if self.targets else [])])
        seed = f", seed={self.seed}" if self.seed else ""
        return "\n".join([*lines, "e.show()", f"v = pellucid.regions(net, photos{seed})", "v.show()"])


def _shape_of_matrices(samples: Sequence[Sample]) -> tuple[int, ...] | None:
    """(height, width, channels) of the first matrix; None where all are pictures."""
    from pellucid.data.matrices import is_matrix

    shapes = [matrix_shape(s) for s in samples if is_matrix(s.source)]
    return shapes[0] if shapes else None


def _run(asked: Asked, samples: Sequence[Sample], began: float) -> Run:
    """All that the report shows, photo by photo, so that every receipt is of one photo."""
    from pellucid.attribution.explain import explain
    from pellucid.data.batches import as_batch
    from pellucid.evaluation.trust import remembered
    from pellucid.report.run import Run

    network = asked.choice.open(asked.matrix)
    predictions = network.prepared().predict(as_batch(network.input, list(samples), network.device, network.dtype).x)
    photos, notes = [], cautions_of(network)
    trust = remembered(network.facts()["weights_sha256"])
    for sample, best in zip(samples, predictions, strict=True):
        maps = []
        for entry, target, more in asked.calls():
            try:
                maps.append(explain(network, sample, entry.name, target, **more))
            except BadInput as error:
                if not (asked.chosen_for_us and "layer" in entry.options):
                    raise
                # A default method that this network has no place for must not cost the user the other ones.
                notes.append(f"{entry.name} is not shown: {error}")
        if network.output == "values" and best:
            notes.append(f"{sample.name}: " + ", ".join(f"{name} {value:.4g}" for _, name, value in best))
        best = [] if network.output == "values" else best
        result = photo_result(sample, best, maps, _spans(network, sample, asked))
        photos.append(dataclasses.replace(result, trust=trust))
    view, left_out = _regions(network, samples, asked.seed)
    return Run(
        command=shlex.join(["pellucid", *sys.argv[1:]]),
        python=asked.python(network),
        network=facts_of(network),
        maps=gives_maps(network),
        photos=tuple(photos),
        regions=view,
        notes=(*dict.fromkeys(notes), *left_out),
        seconds=time.perf_counter() - began,
        seed=asked.seed,
    )


def _spans(network: Network, sample: Sample, asked: Asked) -> list[View]:
    """Which rows and columns decide, for each target; nothing for pictures."""
    from pellucid.attribution.spans import spans

    if not network.input.is_matrix:
        return []
    return [spans(network, sample, method=method, target=target, **more) for method, target, more in asked.span_calls()]


def _regions(network: Network, samples: Sequence[Sample], seed: int) -> tuple[View | None, tuple[str, ...]]:
    """The regions, or the reason why there are none: the heatmaps are worth showing all the same."""
    from pellucid.features.regions import regions

    if network.input.is_matrix:
        return None, ("The regions through the layers are for pictures, and not shown for matrices.",)
    try:
        return regions(network, list(samples), seed=seed), ()
    except BadInput as error:
        return None, (f"The regions through the layers are not shown: {error}",)
