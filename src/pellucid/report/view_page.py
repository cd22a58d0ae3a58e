"""A look inside as a folder: one page that opens offline, the figure, and every number that it shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pellucid.core.types import View
from pellucid.report import pictures
from pellucid.report.figures import as_png
from pellucid.report.look import look_of
from pellucid.report.plain import dumps, plain
from pellucid.report.render import figure_text, filled
from pellucid.report.run import Run
from pellucid.report.words import Sentence

#: Rows of the table that the page shows; all are in summary.json.
MOST_ROWS = 200

#: Endings of the attached files that the page shows as they are; a larger file is only linked.
_SHOWN = {".png": "image/png", ".webp": "image/webp", ".gif": "image/gif"}
_MOST_BYTES = 12 << 20


@dataclass(frozen=True)
class Attached:
    """A file beside the page, and in words what is in it."""

    file: str
    text: str


def write_view(
    folder: Path,
    run: Run,
    view: View,
    attached: Sequence[Attached] = (),
    *,
    template: str = "view.html.j2",
    styles: str = "report.css view.css",
    scripts: str = "report.js",
    **own: Any,
) -> dict[str, Any]:
    """Write a view's page into an existing folder and return what ``summary.json`` holds.

    template, styles, scripts, own: for a page that shows more than the figure, and what it shows.

    Files: ``index.html``, ``figure.png``, ``view.npz``, ``summary.json``, and those that are attached, already there.
    """
    folder, look = Path(folder), look_of(view.kind)
    said = sorted(look.words(view), key=lambda s: s.level != "warning")
    drawn = as_png(look.figure(view))
    (folder / "figure.png").write_bytes(drawn)
    view.save(folder / "view.npz")
    summary = summary_of(run, view, said)
    summary["files"] |= {a.file: a.text for a in attached}
    summary["files"]["all"] = sorted([*(p.name for p in folder.iterdir()), "index.html", "summary.json"])
    (folder / "summary.json").write_text(dumps(summary) + "\n", encoding="utf-8")
    page = filled(
        template,
        run,
        _shortened(summary),
        styles=styles,
        scripts=scripts,
        view=view,
        title=look.TITLE,
        words=said,
        figure=pictures.png_uri(drawn),
        attached=[_shown(folder, a) for a in attached],
        **table_of(view, look.COLUMNS, getattr(look, "CELLS", {})),
        **own,
    )
    (folder / "index.html").write_text(page, encoding="utf-8")
    return summary


def _shortened(summary: dict[str, Any]) -> dict[str, Any]:
    """The summary as the page holds it: without the long tail of thousands of pictures, which summary.json has."""
    return {**summary, **{key: summary[key][:MOST_ROWS] for key in ("names", "table")}}


def summary_of(run: Run, view: View, said: Sequence[Sentence]) -> dict[str, Any]:
    """The run as strict JSON values, in the schema ``pellucid.KIND/1``."""
    return plain(
        {
            "schema": f"pellucid.{view.kind}/1",
            "version": run.version,
            "command": run.command,
            "python": run.python,
            "seconds": run.seconds,
            "network": run.network,
            "options": view.options,
            "names": view.names,
            "words": [{"level": s.level, "text": s.text} for s in said],
            "table": view.table,
            "notes": view.notes,
            "provenance": view.provenance,
            "warnings": sum(s.level == "warning" for s in said),
            "files": {"page": "index.html", "figure": "figure.png", "arrays": "view.npz"},
        }
    )


def table_of(
    view: View, columns: Mapping[str, str], cells: Mapping[str, Callable[[Any], str]] = MappingProxyType({})
) -> dict[str, Any]:
    """Headings and rows as text: the look's columns that any row has. cells: how those of a column are told."""
    keys = [k for k in columns if any(k in row for row in view.table)]
    rows = [[cells.get(k, figure_text)(row.get(k)) for k in keys] for row in view.table[:MOST_ROWS]]
    more = max(0, len(view.table) - MOST_ROWS)
    return {"headings": [columns[k] for k in keys], "rows": rows, "more": more, "texts": texts_of(view.table, keys)}


def texts_of(table: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> list[int]:
    """Which columns hold words, which stand to the left; by place."""
    return [i for i, k in enumerate(keys) if {type(row[k]) for row in table if row.get(k) is not None} == {str}]


def _shown(folder: Path, attached: Attached) -> dict[str, Any]:
    path = folder / attached.file
    form = _SHOWN.get(path.suffix.lower())
    small = path.stat().st_size <= _MOST_BYTES
    uri = pictures.data_uri(path.read_bytes(), form) if form and small else None
    return {"file": attached.file, "text": attached.text, "uri": uri}
