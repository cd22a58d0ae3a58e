"""The page of ``pellucid regions``: pictures × layers, with a slider for the number of regions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.core.progress import track
from pellucid.core.types import View
from pellucid.report import pictures
from pellucid.report.looks.regions import COLUMNS, layers_of, name_of
from pellucid.report.render import figure_text, region_uri
from pellucid.report.run import Run
from pellucid.report.view_page import MOST_ROWS, Attached, write_view

#: Pictures that the page shows at most, and the maps of all layers and numbers together: some 2 kB each.
PICTURES, MAPS = 12, 720

#: Longest side of a map in the page, in pixels.
_SIDE = 160


def write_regions(
    folder: Path, run: Run, view: View, attached: Sequence[Attached] = (), *, others: Mapping[int, View]
) -> dict[str, Any]:
    """Write the page of ``view`` into an existing folder, as ``write_view`` does.

    others: the same for other numbers of regions, in the same colours; the slider goes through all of them.
    """
    asked = view.options["clusters"]
    steps = dict(sorted({**others, **({asked: view} if asked != "auto" else {})}.items()))
    steps = {**({"auto": view} if asked == "auto" else {}), **steps}
    shown = _shown(view, others, len(steps))
    return write_view(
        folder,
        run,
        view,
        attached,
        template="regions.html.j2",
        styles="report.css view.css regions.css",
        scripts="report.js regions.js",
        steps=[{"name": str(k), "asked": k == asked, "rows": _rows(each, shown)} for k, each in steps.items()],
        columns=[h for key, h in COLUMNS.items() if any(key in row for each in steps.values() for row in each.table)],
        layers=layers_of(view),
        grid=[_line(steps, view, row) for row in track(shown, "writing pictures")],
        pictured=len(view.names),
    )


def _shown(view: View, others: Mapping[int, View], steps: int) -> list[int]:
    """The inputs that the page shows: spread evenly over those that every number has painted."""
    painted = next(iter(others.values()), view).options["painted"]
    most = max(1, min(PICTURES, MAPS // (steps * len(layers_of(view)))))
    places = np.linspace(0, len(painted) - 1, min(most, len(painted))).round().astype(int)
    return [painted[i] for i in places]


def _line(steps: Mapping[Any, View], view: View, row: int) -> dict[str, Any]:
    """One picture: its name, itself, and for each layer its regions at each step (None where a layer has too few)."""
    place = view.options["painted"].index(row)
    maps = [[_map(each, layer, row) for each in steps.values()] for layer in layers_of(view)]
    picture = None if view.pictures is None else pictures.photo_uri(view.pictures[place], _SIDE)
    return {"name": name_of(view, place), "picture": picture, "maps": maps}


def _map(view: View, layer: str, row: int) -> str | None:
    if f"labels/{layer}" not in view.arrays:
        return None
    return region_uri(view, layer, view.options["painted"].index(row), _SIDE)


def _rows(view: View, shown: Sequence[int]) -> list[list[str]]:
    """The table as text; where pictures were grouped apart, of those that are shown."""
    names = {view.names[row] for row in shown}
    table = [row for row in view.table if "sample" not in row or row["sample"] in names]
    keys = [key for key in COLUMNS if any(key in row for row in view.table)]
    return [[figure_text(row.get(key)) for key in keys] for row in table[:MOST_ROWS]]
