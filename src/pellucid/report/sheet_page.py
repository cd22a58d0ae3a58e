"""The contact sheet as a folder: one picture, one page that opens offline, and every map and number in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from pellucid.core import archive
from pellucid.report import pictures
from pellucid.report.figures import as_png
from pellucid.report.page import pairs, stems_of, write_overlays
from pellucid.report.plain import dumps
from pellucid.report.render import filled, panel_of, panel_size
from pellucid.report.run import PhotoResult, Run
from pellucid.report.sheet import DPI, LEGEND, QUESTIONS, answer_words, group_of, sheet_figure
from pellucid.report.summary import summary_of
from pellucid.report.words import Sentence, short_words

SCHEMA = "pellucid.compare/1"


def write_sheet(folder: Path, run: Run) -> dict[str, Any]:
    """Write a comparison into an existing folder and return what ``summary.json`` holds.

    Every photo of the run has explanations by the same methods in the same order, those of a group together.
    Files: ``sheet.png``; ``index.html``; a PNG a photo, target and method; ``explanations.npz``; ``summary.json``.
    """
    folder = Path(folder)
    stems = stems_of(run)
    write_overlays(folder, run, stems)
    archive.save(folder / "explanations.npz", dict(pairs(run, stems)))
    rows = [p.explanations for p in run.photos]
    figure = sheet_figure(rows, [_plain(p) for p in run.photos], run.left_out, run.notes)
    (folder / "sheet.png").write_bytes(as_png(figure, DPI))
    summary = summary_of(run, stems, [])
    del summary["regions"]
    summary |= {"schema": SCHEMA, "methods": [e.method for e in rows[0]], "left_out": dict(run.left_out)}
    summary["files"] = {"sheet": "sheet.png", **summary["files"]}
    summary["files"]["all"] = sorted([*(p.name for p in folder.iterdir()), "index.html", "summary.json"])
    (folder / "summary.json").write_text(dumps(summary) + "\n", encoding="utf-8")
    (folder / "index.html").write_text(sheet_html(run, summary), encoding="utf-8")
    return summary


def sheet_html(run: Run, summary: Mapping[str, Any]) -> str:
    """The page as text. summary: what ``write_sheet`` makes of the same run."""
    most = panel_size(run)
    photos = [_photo(p, s, most) for p, s in zip(run.photos, summary["photos"], strict=True)]
    return filled(
        "sheet.html.j2",
        run,
        summary,
        styles="report.css sheet.css",
        legend=LEGEND,
        groups=_groups(run),
        photos=photos,
        remarks=[(p["name"], panel["method"], w) for p in photos for panel in p["panels"] for w in panel["warnings"]],
    )


def _plain(photo: PhotoResult) -> list[tuple[int, str, float]]:
    return [(p.index, p.name, p.probability) for p in photo.predictions]


def _groups(run: Run) -> list[dict[str, Any]]:
    """The groups in the order of the columns: name, question, and where in a row their panels stand."""
    found = []
    for name, run_of in groupby(enumerate(run.photos[0].explanations), key=lambda each: group_of(each[1])):
        places = [i for i, _ in run_of]
        found.append({"name": name, "question": QUESTIONS.get(name, ""), "places": places})
    return found


def _photo(photo: PhotoResult, summary: Mapping[str, Any], most: int) -> dict[str, Any]:
    first = photo.explanations[0]
    panels = []
    for explanation, own in zip(photo.explanations, summary["explanations"], strict=True):
        told = short_words(explanation)
        short = {"short": _texts(told, "fact"), "marks": _texts(told, "warning")}
        panels.append({**panel_of(explanation, photo, own, most), **short})
    return {
        "name": photo.name or "unnamed",
        "seen": None if first.pictures is None else pictures.photo_uri(first.pictures[0], most),
        "answers": answer_words(first, _plain(photo)),
        "predictions": photo.predictions,
        "target": first.target[0],
        "panels": panels,
    }


def _texts(told: Sequence[Sentence], level: str) -> list[str]:
    return [s.text for s in told if s.level == level]
