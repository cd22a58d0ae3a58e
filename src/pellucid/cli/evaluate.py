"""``pellucid evaluate``: a run and labelled pictures in; scores with intervals, and the worst mistakes, out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pellucid.cli import models as chosen
from pellucid.cli.looking import delivery

if TYPE_CHECKING:
    from pellucid.core.types import View


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(evaluate)


def evaluate(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A folder that pellucid train has written.")],
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="DATA",
            help="Labelled pictures, as for pellucid train. \\[default: those of the training]",
            show_default=False,
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            help="test, val, train, all, or a name of the data's own. \\[default: what the run has not learnt from]",
            show_default=False,
        ),
    ] = None,
    label: Annotated[
        str | None, typer.Option("--label", "-l", help="The column with the truth, if it has another name.")
    ] = None,
    image: Annotated[str | None, typer.Option(help="The column that names the pictures, if it is not found.")] = None,
    cases: Annotated[int, typer.Option(help="So many of the worst mistakes are shown.")] = 24,
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write into.")] = Path("pellucid-evaluate"),
    seed: Annotated[int, typer.Option(help="For the intervals.")] = 0,
    as_json: chosen.Json = False,
) -> None:
    """What a trained network scores on pictures that it has not seen, with 95 % intervals, and where it is wrong.

    Pictures are known by their bytes: those it was trained on are left out unless --split asks for them.
    """
    from pellucid.training.runs import Run

    opened = Run.open(run)
    given: dict[str, Any] = {"split": split, "label": label, "image": image, "cases": cases, "seed": seed}
    with delivery(out, as_json=as_json) as made:
        from pellucid.report.evaluation_page import write_evaluation
        from pellucid.training.evaluate import evaluate as look

        network = opened.network
        view: View = look(opened, data, **given)
        usual = {"split": None, "label": None, "image": None, "cases": 24, "seed": 0}
        said = [repr(run), *([repr(data)] if data else []), *(f"{k}={v!r}" for k, v in given.items() if v != usual[k])]
        python = f"import pellucid\n\nv = pellucid.evaluate({', '.join(said)})\nv.show()"
        made.view(view, network, python=python, write=write_evaluation)
