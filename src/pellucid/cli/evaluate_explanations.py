"""``pellucid evaluate-explanations``: a network and pictures in, which of its heatmaps are true out."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pellucid.cli import models as chosen
from pellucid.cli.flags import MethodCommand, options_of, refuse_unused
from pellucid.cli.looking import delivery, python_lines
from pellucid.core.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pellucid.evaluation.forecast import Forecast


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    epilog = "A method's own options are flags too: see pellucid methods NAME."
    app.command("evaluate-explanations", cls=MethodCommand, epilog=epilog)(evaluate_explanations)


def evaluate_explanations(
    context: typer.Context,
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="efficientnet_lite0, timm:NAME, torchvision:NAME, file:PATH, run:FOLDER."),
    ],
    data: Annotated[
        list[str],
        typer.Argument(
            metavar="DATA...",
            help="Pictures, folders of them, 'example:*', or a data set; with images/ and masks/ the truth scores too.",
        ),
    ],
    method: Annotated[
        list[str] | None,
        typer.Option("--method", help="Repeatable; see pellucid methods. \\[default: all that need nothing fitted]"),
    ] = None,
    score: Annotated[
        list[str] | None,
        typer.Option(
            "--score",
            help="Repeatable: deletion, deletion:blur, deletion:blur,steps=32. \\[default: all that the data allow]",
        ),
    ] = None,
    target: Annotated[
        str, typer.Option("--target", "-t", help="A class's name or index, or 'top', each picture's own best.")
    ] = "top",
    of: Annotated[str, typer.Option(help="Explain the 'logit' or the 'probability'.")] = "logit",
    pictures: Annotated[
        int | None, typer.Option(help="So many are drawn, of the test split where there is one. \\[default: 50]")
    ] = None,
    repeats: Annotated[
        int | None,
        typer.Option(help="So many are explained again by scores that do so; of slow methods a third. \\[default: 12]"),
    ] = None,
    mask: Annotated[
        list[str] | None, typer.Option(help="Of masks with several regions, those that ought to decide. Repeatable.")
    ] = None,
    shuffled: Annotated[
        str | None, typer.Option(help="The same network trained on shuffled labels, for randomised_labels: run:FOLDER.")
    ] = None,
    shuffle_labels: Annotated[
        bool,
        typer.Option("--shuffle-labels", help="MODEL is run:FOLDER: train it again on shuffled labels, for the same."),
    ] = False,
    patterns: Annotated[
        Path | None, typer.Option(help="The file from pellucid patterns fit, for the methods that need patterns.")
    ] = None,
    layer: Annotated[
        str | None, typer.Option(help="Where the methods that read a layer look: a name, a glob, stage:2.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="The fast methods on 8 pictures: a first look.")] = False,
    thorough: Annotated[
        bool, typer.Option("--thorough", help="Sampling methods take as many passes as pellucid explain gives them.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say how long it would take, measured on a first picture, and stop.")
    ] = False,
    cache: Annotated[bool, typer.Option("--cache/--no-cache", help="Look scores up, and keep them.")] = True,
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write the report into.")] = Path(
        "pellucid-evaluate-explanations"
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
    """Is the heatmap true? Every method by every score, beside a random map, the picture's edges and its centre."""
    from pellucid.prove.pictures import opened_data

    source: Any = data[0] if len(data) == 1 else data
    opened = opened_data(source)  # before a network is opened: a mistyped path is told at once
    choice = chosen.Choice(model, weights, architecture, classes, output, size, device, trust, seed)
    flags = {**context.meta["flags"], **({"patterns": str(patterns)} if patterns else {})}
    given: dict[str, Any] = {
        "methods": method or None,
        "target": target,
        "scores": score or None,
        "of": of,
        "pictures": pictures,
        "repeats": repeats,
        "mask": tuple(mask or ()),
        "quick": quick,
        "thorough": thorough,
        "seed": seed,
        "cache": cache,
    }
    own = {**_options(method, flags), **({"layer": layer} if layer else {})}
    network = choice.open(_shape(opened))
    twin = _twin_of(model, shuffled) if shuffle_labels else None
    if dry_run:
        from pellucid.prove.judge import forecast_explanations

        # What its maps will cost, the network itself tells as well: the twin is not trained for that.
        other = network if twin else _opened(shuffled)
        found = forecast_explanations(network, source, shuffled=other, **given, **own)
        _tell(_with_training(found, twin) if twin else found, as_json=as_json)
        return
    other = _trained(twin, seed) if twin else _opened(shuffled)
    with delivery(out, as_json=as_json) as made:
        from pellucid.prove.judge import evaluate_explanations as judge
        from pellucid.prove.question import Question
        from pellucid.report.explanations_page import write_explanations

        view = judge(network, source, shuffled=other, **given, **own)
        usual = dataclasses.asdict(Question())
        said = {**{name: value for name, value in given.items() if value != usual[name]}, **own}
        told = [repr(source), *(f"{name}={value!r}" for name, value in said.items())]
        told += [f"shuffled=pellucid.open({shuffled!r})"] if shuffled else []
        told += [f"shuffled=shuffled_twin({model!r}, seed={seed})"] if shuffle_labels else []
        imports = ["from pellucid.prove.labels import shuffled_twin"] if shuffle_labels else []
        python = python_lines(choice, network, judge, told, {}, imports=imports)
        made.view(view, network, python=python, write=write_explanations)


def _shape(opened: Any) -> tuple[int, int, int] | None:
    """(height, width, channels) where the data are files of matrices; None for pictures."""
    from pellucid.cli.looking import matrix_shape
    from pellucid.data import matrices
    from pellucid.data.reading import read

    if isinstance(opened, list):
        for path in opened:
            if not path.startswith("example:") and not Path(path).expanduser().exists():
                raise BadInput("there is no such file", where=path, cure="check the path")
        return matrix_shape(read(opened[0])) if matrices.is_matrix(opened[0]) else None
    first = opened[0].array
    return matrix_shape(opened[0]) if first.dtype.kind == "f" else None


def _options(method: Sequence[str] | None, flags: Mapping[str, str]) -> dict[str, Any]:
    """The methods' flags as values of their types."""
    if not flags:
        return {}
    from pellucid.attribution.table import methods

    entries = [methods[m] for m in method] if method else methods.entries()
    refuse_unused(flags, entries)
    return {name: value for entry in entries for name, value in options_of(entry, flags).items()}


def _opened(name: str | None) -> Any:
    """The network of shuffled labels that is named, or None."""
    from pellucid.models.open import open

    return None if name is None else open(name)


def _twin_of(run: str, shuffled: str | None) -> str:
    """The run that is to be trained again on shuffled labels."""
    if shuffled is not None:
        raise BadInput("a network of shuffled labels is given, and one is to be trained", cure="leave one of them away")
    if not run.startswith("run:"):
        raise BadInput("only a run can be trained again", where=run, cure="pass --shuffled with such a network")
    return run


def _trained(run: str, seed: int) -> Any:
    from pellucid.prove.labels import shuffled_twin

    return shuffled_twin(run, seed=seed)


def _with_training(found: Forecast, run: str) -> Forecast:
    from pellucid.prove.labels import twin_seconds

    return dataclasses.replace(found, before={"training on shuffled labels, as the run's log tells": twin_seconds(run)})


def _tell(found: Forecast, *, as_json: bool) -> None:
    """How long it will take, by method."""
    if as_json:
        plain = {
            "seconds": found.total,
            "pictures": found.pictures,
            "methods": found.seconds,
            "shared": found.shared,
            "before": dict(found.before),
            "cached": found.cached,
            "values": found.values,
            "cannot": found.cannot,
        }
        print(json.dumps(plain, ensure_ascii=False))
        return
    for name, seconds in sorted(found.seconds.items(), key=lambda pair: -pair[1]):
        print(f"{name:<24} {_time(seconds)}")
    print(f"{'shared by all':<24} {_time(found.shared)}")
    for what, seconds in found.before.items():
        print(f"{what}: {_time(seconds)}")
    for name, why in found.cannot.items():
        print(f"{name} cannot run: {why}")
    known = f"; {found.cached} of {found.values} values are known already" if found.cached else ""
    print(f"\nabout {_time(found.total)} for {found.pictures} pictures{known}")


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
