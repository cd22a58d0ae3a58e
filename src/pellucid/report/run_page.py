"""A run's page and curves, beside the files that the training wrote."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pellucid.core.files import whole_file
from pellucid.core.types import View
from pellucid.report import pictures
from pellucid.report.figures import as_png
from pellucid.report.look import look_of
from pellucid.report.plain import dumps, plain
from pellucid.report.render import filled
from pellucid.report.run import Run
from pellucid.report.view_page import table_of
from pellucid.report.words import whole

#: Classes whose items the page counts.
MOST_CLASSES = 60

FILES = {
    "page": "report.html",
    "figure": "curves.png",
    "arrays": "view.npz",
    "config": "config.toml",
    "split": "split.csv",
    "metrics": "metrics.jsonl",
    "weights": "best.safetensors",
    "last": "last.safetensors",
    "state": "state.safetensors",
}


def write_run(folder: str | Path, view: View, summary: Mapping[str, Any]) -> dict[str, Any]:
    """Write ``curves.png``, ``view.npz``, ``report.html`` and ``summary.json`` into a run's folder.

    view: of the kind "run". summary: plain values, as training has them. Gives what summary.json holds, which comes
    last: a folder that has it is done.
    """
    folder, look = Path(folder), look_of(view.kind)
    said = sorted(look.words(view), key=lambda s: s.level != "warning")
    told = {
        **summary,
        "words": [{"level": s.level, "text": s.text} for s in said],
        "warnings": sum(s.level == "warning" for s in said),
        "files": FILES,
    }
    told = plain(told)
    drawn = as_png(look.figure(view))
    with whole_file(folder / FILES["figure"]) as path:
        path.write_bytes(drawn)
    view.save(folder / FILES["arrays"])
    run = Run(
        command=told["command"],
        python=told["python"],
        network=told["network"],
        photos=(),
        seconds=view.seconds,
        seed=view.provenance.get("seed"),
        provenance={k: v for k, v in view.provenance.items() if k != "seed"},
    )
    page = filled(
        "run.html.j2",
        run,
        told,
        styles="report.css view.css tables.css",
        view=view,
        title=look.TITLE,
        words=said,
        figure=pictures.png_uri(drawn),
        attached=[],
        census=_census(told),
        **table_of(view, look.COLUMNS, getattr(look, "CELLS", {})),
    )
    with whole_file(folder / FILES["page"]) as path:
        path.write_text(page, encoding="utf-8")
    with whole_file(folder / "summary.json") as path:
        path.write_text(dumps(told) + "\n", encoding="utf-8")
    return told


def _census(told: Mapping[str, Any]) -> dict[str, Any]:
    """How many items of each split have which class, as text; many classes are left to summary.json."""
    rows, splits = told.get("classes", []), [s for s, count in told["data"]["items"].items() if count]
    several = len({row["label"] for row in rows}) > 1
    names = [f"{row['label']}: {row['what']}" if several else row["what"] for row in rows]
    cells = [[name, *(whole(row[s]) for s in splits)] for name, row in zip(names, rows, strict=True)]
    total = ["all", *(whole(told["data"]["items"][s]) for s in splits)]
    shown = cells[:MOST_CLASSES]
    return {"headings": ["Items", *splits], "rows": [*shown, total], "more": len(cells) - len(shown)}
