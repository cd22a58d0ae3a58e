"""``pellucid anchors``: boxes in; anchors for a detector, what they are worth, and how many are worth it, out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from pellucid.cli import models as chosen
from pellucid.cli.looking import delivery
from pellucid.cli.models import read_size


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(anchors)


def anchors(
    data: Annotated[
        str,
        typer.Argument(
            metavar="BOXES",
            help="A data set with boxes (COCO, YOLO, a table), or a .csv or .npy of widths and heights.",
        ),
    ],
    k: Annotated[int, typer.Option("--k", "-k", help="How many anchors.")] = 9,
    size: Annotated[
        str | None,
        typer.Option(
            help="What pictures are brought to before they enter the detector, such as 640 or HEIGHTxWIDTH. "
            "\\[default: boxes stay as they are]"
        ),
    ] = None,
    squeeze: Annotated[
        bool, typer.Option("--squeeze", help="Pictures are squeezed to --size, whatever their proportions.")
    ] = False,
    update: Annotated[str, typer.Option(help="What a group's anchor becomes: median or mean.")] = "median",
    levels: Annotated[
        int | None, typer.Option(help="The detector's, over which anchors are split by area. \\[default: 3]")
    ] = None,
    most: Annotated[int, typer.Option(help="How far the curve of the average IoU goes.")] = 15,
    restarts: Annotated[int, typer.Option(help="Starts, of which the best is kept.")] = 20,
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write into.")] = Path("pellucid-anchors"),
    seed: Annotated[int, typer.Option(help="For everything that is drawn at random.")] = 0,
    as_json: chosen.Json = False,
) -> None:
    """Anchors by K-means with the distance 1 − IoU: lists to paste, average IoU, recalls, and how many are worth it."""
    given: dict[str, Any] = {"size": None if size is None else read_size(size), "squeeze": squeeze, "update": update}
    given |= {"levels": levels, "most": most, "restarts": restarts, "seed": seed}
    with delivery(out, as_json=as_json) as made:
        from pellucid.tasks.boxes import view as looking

        view = looking.anchors(data, k, **given)
        (made.folder / "anchors.yaml").write_text(_yaml(view.options["paste"]), encoding="utf-8")
        made.attach("anchors.yaml", "the anchors as YOLO's files have them, a list a level")
        made.view(view, _facts(view.options, data), python=_python(data, k, given))


def _yaml(lists: Sequence[Sequence[float]]) -> str:
    """The lines that a detector's file of settings takes."""
    return "anchors:\n" + "".join(f"  - [{', '.join(f'{v:g}' for v in numbers)}]\n" for numbers in lists)


def _facts(options: Mapping[str, Any], data: str) -> dict[str, Any]:
    pictures = {"pictures": options["pictures"]} if options["pictures"] else {}
    name = f"{options['k']} anchors for {Path(data).name or data}"
    return {"name": name, "boxes": options["boxes"], **pictures, "unit": options["unit"]}


def _python(data: str, k: int, given: Mapping[str, Any]) -> str:
    usual = {"size": None, "squeeze": False, "update": "median", "levels": None, "most": 15, "restarts": 20, "seed": 0}
    said = [repr(data), *([f"k={k}"] if k != 9 else [])]
    said += [f"{name}={value!r}" for name, value in given.items() if value != usual[name]]
    return f"import pellucid\n\nv = pellucid.anchors({', '.join(said)})\nv.show()"
