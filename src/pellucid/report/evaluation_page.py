"""The page of ``pellucid evaluate``: the figure, the worst mistakes, and a row a class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pellucid.core.types import View
from pellucid.report.figures import as_png
from pellucid.report.look import look_of
from pellucid.report.render import figure_text
from pellucid.report.run import Run
from pellucid.report.scores import cell
from pellucid.report.view_page import MOST_ROWS, Attached, texts_of, write_view

#: Headings of the rows of classes or labels, by key.
CLASSES = {
    "group": "Group",
    "class": "Class",
    "items": "Items",
    "decided": "Said so",
    "ap50": "AP, overlap 0.5",
    "ap50_low": "95 % from",
    "ap50_high": "to",
    "ap": "AP, 0.5 to 0.95",
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "f1_low": "95 % from",
    "f1_high": "to",
    "average_precision": "Average precision",
    "average_precision_low": "95 % from",
    "average_precision_high": "to",
    "threshold": "Threshold",
    "share": "Of all pixels",
    "dice": "Dice",
    "dice_low": "95 % from",
    "dice_high": "to",
    "iou": "IoU",
    "iou_low": "95 % from",
    "iou_high": "to",
    "iou_pooled": "IoU, pooled",
    "rim_iou": "IoU of rims",
    "distance": "Distance",
    "distance_low": "95 % from",
    "distance_high": "to",
    "count_mae": "Miscounted by",
    "density_mae": "by the integral",
}

#: Headings of a detector's levels.
LEVELS = {
    "level": "Level",
    "right": "True boxes found",
    "share": "Share",
    "side": "Median side, px",
    "alone": "mAP50 alone",
    "alone_low": "95 % from",
    "alone_high": "to",
    "lost": "Lost without",
    "lost_low": "95 % from",
    "lost_high": "to",
}

CONFUSED = {"group": "Group", "truth": "Is", "decision": "Said", "items": "Items", "pixels": "Pixels", "of": "Of"}


def write_evaluation(
    folder: Path, run: Run, view: View, attached: Sequence[Attached] = (), **own: Any
) -> dict[str, Any]:
    """Write the page into an existing folder, as ``write_view`` does, with ``mistakes.png`` beside it."""
    sheet = look_of(view.kind).mistakes_figure(view)  # type: ignore[attr-defined]
    if sheet is not None:
        (folder / "mistakes.png").write_bytes(as_png(sheet))
        count = len(view.options["cases"])
        told = f"The {count} worst mistakes, the worst first." if count > 1 else "The worst mistake."
        attached = [*attached, Attached("mistakes.png", told)]
    tables = [
        _table("A row a class, with 95 % bootstrap intervals", view.options["classes"], CLASSES),
        _table("What each level is for", view.options.get("levels", ()), LEVELS),
        _table("What is confused most often", view.options["confused"], CONFUSED),
    ]
    return write_view(
        folder,
        run,
        view,
        attached,
        template="evaluation.html.j2",
        styles="report.css view.css tables.css",
        tables=[table for table in tables if table["rows"]],
        **own,
    )


def _table(title: str, rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> dict[str, Any]:
    keys = [key for key in columns if any(key in row for row in rows)]
    told = [[_cell(row.get(key)) for key in keys] for row in rows[:MOST_ROWS]]
    return {
        "title": title,
        "headings": [columns[k] for k in keys],
        "rows": told,
        "more": max(0, len(rows) - MOST_ROWS),
        "texts": texts_of(rows, keys),
    }


def _cell(value: Any) -> str:
    """Shares with three decimals, one below the other."""
    return cell(value) if isinstance(value, float) else figure_text(value)
