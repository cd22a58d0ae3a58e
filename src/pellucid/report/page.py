"""The report: one page that opens offline, and beside it every picture and number that it shows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pellucid.core import archive
from pellucid.core.progress import track
from pellucid.core.types import Explanation, View
from pellucid.report import pictures
from pellucid.report.colours import scale_of
from pellucid.report.figures import as_png
from pellucid.report.looks import regions, spans
from pellucid.report.naming import Names, slug
from pellucid.report.plain import dumps
from pellucid.report.planes import sheet_of
from pellucid.report.render import page_html
from pellucid.report.run import Run
from pellucid.report.summary import Stems, summary_of

_COMPRESSION = 3  # half the time of zlib's default for a few per cent more bytes
_ROWS = 8  # photos on one regions figure, so that it stays readable


def write_page(folder: Path, run: Run) -> dict[str, Any]:
    """Write a run's report into an existing folder and return what ``summary.json`` holds.

    Files: ``index.html``; a PNG a photo, target and method; ``…--spans.png`` a matrix and target;
    ``regions.png`` (``regions-2.png`` … where there are many photos); ``explanations.npz``; ``summary.json``.
    """
    folder = Path(folder)
    stems = stems_of(run)
    write_overlays(folder, run, stems)
    region_files = [] if run.regions is None else _write_regions(folder, run.regions)
    span_stems = span_stems_of(run)
    span_views = {
        stem: v for p, own in zip(run.photos, span_stems, strict=True) for stem, v in zip(own, p.spans, strict=True)
    }
    for stem, view in span_views.items():
        (folder / f"{stem}.png").write_bytes(as_png(spans.figure(view)))
    arrays: dict[str, Any] = dict(pairs(run, stems)) | span_views
    archive.save(folder / "explanations.npz", arrays if run.regions is None else {**arrays, "regions": run.regions})
    summary = summary_of(run, stems, region_files, span_stems)
    summary["files"]["all"] = sorted([*(p.name for p in folder.iterdir()), "index.html", "summary.json"])
    (folder / "summary.json").write_text(dumps(summary) + "\n", encoding="utf-8")
    (folder / "index.html").write_text(page_html(run, summary), encoding="utf-8")
    return summary


def stems_of(run: Run) -> Stems:
    """A safe and unique file stem for each explanation: ``photo--target--method``."""
    names = Names("regions", "sheet", "index", "summary", "explanations")
    photos = Names()
    stems = []
    for photo in run.photos:
        own = photos.claim(slug(photo.name, "photo"))
        stems.append(
            [
                names.claim(f"{own}--{slug(e.target[0], 'target')}--{slug(e.method, 'method')}")
                for e in photo.explanations
            ]
        )
    return stems


def span_stems_of(run: Run) -> Stems:
    """The same for spans: ``matrix--target--spans``."""
    names, photos = Names(), Names()
    own = [photos.claim(slug(photo.name, "photo")) for photo in run.photos]
    return [
        [names.claim(f"{name}--{slug(view.options['target'][0], 'target')}--spans") for view in photo.spans]
        for name, photo in zip(own, run.photos, strict=True)
    ]


def write_overlays(folder: Path, run: Run, stems: Stems) -> None:
    """Write each explanation over its picture as ``stem.png``."""
    for stem, explanation in track(list(pairs(run, stems)), "writing pictures"):
        _overlay(explanation).save(folder / f"{stem}.png", compress_level=_COMPRESSION)


def pairs(run: Run, stems: Stems) -> Iterator[tuple[str, Explanation]]:
    """Each explanation with its stem."""
    for photo, own in zip(run.photos, stems, strict=True):
        yield from zip(own, photo.explanations, strict=True)


def _overlay(explanation: Explanation) -> Any:
    values = sheet_of(explanation)
    picture = None if explanation.pictures is None else explanation.pictures[0]
    return pictures.overlay(picture, values, scale_of(values))


def _write_regions(folder: Path, view: View) -> list[str]:
    count = len(view[f"labels/{regions.layers_of(view)[0]}"])
    files = []
    for page, start in enumerate(range(0, count, _ROWS), start=1):
        rows = range(start, min(start + _ROWS, count))
        files.append("regions.png" if page == 1 else f"regions-{page}.png")
        (folder / files[-1]).write_bytes(as_png(regions.figure(view, rows)))
    return files
