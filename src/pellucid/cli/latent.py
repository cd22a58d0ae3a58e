"""``pellucid latent``: a run and pictures in; what their codes are good for out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pellucid.cli import models as chosen
from pellucid.cli.looking import delivery

if TYPE_CHECKING:
    from pellucid.core.types import View

#: What is said where nobody says anything.
_USUAL: dict[str, Any] = {
    "layer": "code",
    "label": None,
    "normal": None,
    "clusters": None,
    "image": None,
    "seed": 0,
}


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(latent)


def latent(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A folder that pellucid train has written.")],
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="DATA",
            help="Pictures, as for pellucid train. \\[default: those of the training]",
            show_default=False,
        ),
    ] = None,
    layer: Annotated[str, typer.Option(help="The layer whose output is the code.")] = "code",
    label: Annotated[
        str | None,
        typer.Option("--label", "-l", help="The column of classes. \\[default: the run's or the data's own]"),
    ] = None,
    normal: Annotated[
        str | None,
        typer.Option(help="Normal classes, with commas between, for anomaly scores. \\[default: as it was trained]"),
    ] = None,
    clusters: Annotated[
        int | None, typer.Option(help="How many groups k-means looks for. \\[default: as many as there are classes]")
    ] = None,
    image: Annotated[str | None, typer.Option(help="The column that names the pictures, if it is not found.")] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write into.")] = Path("pellucid-latent"),
    seed: Annotated[int, typer.Option(help="For everything that is drawn at random.")] = 0,
    as_json: chosen.Json = False,
) -> None:
    """What an autoencoder's codes are good for: groups, classes, anomalies; beside pixels and PCA."""
    from pellucid.training.runs import Run

    opened = Run.open(run)
    given = {"layer": layer, "label": label, "normal": normal, "clusters": clusters, "image": image, "seed": seed}
    with delivery(out, as_json=as_json) as made:
        from pellucid.report.looks.latent import write_csv
        from pellucid.training.latent import latent as look

        view: View = look(opened, data, **given)
        said = [repr(run), *([repr(data)] if data else []), *(f"{k}={v!r}" for k, v in given.items() if v != _USUAL[k])]
        python = f"import pellucid\n\nv = pellucid.latent({', '.join(said)})\nv.show()"
        write_csv(made.folder / "pictures.csv", view)
        made.attach("pictures.csv", "the drawn pictures: class, group, and how strange each is by every score")
        made.view(view, opened.network, python=python)
