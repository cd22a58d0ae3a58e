"""``pellucid predict``: a run and pictures in; decisions, with a contact sheet and a table, out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pellucid.cli import models as chosen
from pellucid.cli.looking import delivery, inputs_of

#: What is in predictions.csv, by the kind of view; of all others decisions and probabilities.
_TABLES = {
    "segmented": "every picture and region: pixels, share, how many objects",
    "detected": "every box: picture, kind, x0, y0, x1, y1 in that picture's own pixels, score, level",
    "landmarks": "every landmark: picture, type, x and y in that picture's own pixels, height of the peak",
}


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(predict)


def predict(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A folder that pellucid train has written.")],
    images: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGES...",
            help="Pictures, folders of them, example:NAME, files of a matrix each, or tables as the run learnt from.",
        ),
    ],
    stacked: Annotated[
        bool, typer.Option("--stacked", help="One .npy or .npz file that holds many pictures or matrices.")
    ] = False,
    shown: Annotated[int, typer.Option(help="So many pictures are on the contact sheet.")] = 48,
    instances: Annotated[
        str | None,
        typer.Option(
            "--instances",
            help="What an object is: components (parts that hang together), or watershed (cut at their necks)."
            " Writes objects/: label images with a number for each.",
        ),
    ] = None,
    apart: Annotated[
        int | None,
        typer.Option(help="With watershed: seeds are more than so many pixels of the picture apart. 4 where not said."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write into.")] = Path("pellucid-predict"),
    as_json: chosen.Json = False,
) -> None:
    """What a trained network says of pictures: a contact sheet, a table, and predictions.csv with all probabilities.

    Of a network that paints, masks/ holds a label image for each picture, at its own size, and objects.csv each object.
    """
    given = inputs_of(images, stacked=stacked, tables=True)  # before torch is loaded: a mistyped path is told at once
    with delivery(out, as_json=as_json) as made:
        from pellucid.report.look import look_of
        from pellucid.training.predict import predict as look
        from pellucid.training.runs import Run

        opened = Run.open(run)
        paints = opened.task.kind == "segmentation"
        masks, objects = made.folder / "masks" if paints else None, made.folder / "objects" if instances else None
        view = look(opened, given.inputs, shown=shown, masks=masks, objects=objects, instances=instances, apart=apart)
        look_of(view.kind).write_csv(made.folder / "predictions.csv", view)  # type: ignore[attr-defined]
        made.attach("predictions.csv", _TABLES.get(view.kind, "every input with its decision and all probabilities"))
        if paints:
            from pellucid.report.looks.segmented import write_objects

            made.attach("masks/labels.json", "what the numbers in masks/ mean: a label image for each picture")
            write_objects(made.folder / "objects.csv", view)
            made.attach("objects.csv", "every object: picture, region, number, pixels, x and y of its middle")
        what = f"pellucid.data.stacks.read_stack({images[0]!r})" if stacked else repr(images)
        imports = ["import pellucid", *(["import pellucid.data.stacks"] if stacked else [])]
        way = "".join(f", {k}={v!r}" for k, v in {"instances": instances, "apart": apart}.items() if v is not None)
        python = "\n".join([*imports, "", f"v = pellucid.predict({run!r}, {what}{way})", "v.show()"])
        made.view(view, opened.network, python=python)
