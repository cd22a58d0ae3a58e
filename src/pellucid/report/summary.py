"""What ``summary.json`` says: a run's results without its pixels, in a versioned schema."""

from __future__ import annotations

from typing import Any

from pellucid.core.types import Explanation, Receipt, View
from pellucid.report.colours import PERCENTILE, is_flat, scale_of
from pellucid.report.plain import plain
from pellucid.report.planes import plane_of
from pellucid.report.run import PhotoResult, Run
from pellucid.report.words import words_of

SCHEMA = "pellucid.explain/1"

#: For each photo, the stem of each explanation's file: ``stem.png``, and its name in the archive.
Stems = list[list[str]]


def summary_of(run: Run, stems: Stems, region_files: list[str], span_stems: Stems | None = None) -> dict[str, Any]:
    """The run as strict JSON values. stems, span_stems: one a photo and explanation (spans), in their order."""
    span_stems = [[] for _ in run.photos] if span_stems is None else span_stems
    photos = [_photo(photo, *own) for photo, *own in zip(run.photos, stems, span_stems, strict=True)]
    return plain(
        {
            "schema": SCHEMA,
            "version": run.version,
            "command": run.command,
            "python": run.python,
            "seed": run.seed,
            "seconds": run.seconds,
            "network": run.network,
            "colour_scale": {"rule": "percentile of |value| of each map", "percentile": PERCENTILE},
            "photos": photos,
            "regions": _regions(run, region_files),
            "notes": run.notes,
            "warnings": sum(w["level"] == "warning" for p in photos for e in p["explanations"] for w in e["words"]),
            "files": {"page": "index.html", "arrays": "explanations.npz"},
        }
    )


def _photo(photo: PhotoResult, stems: list[str], span_stems: list[str]) -> dict[str, Any]:
    return {
        "name": photo.name,
        "source": photo.source,
        "height": photo.picture.shape[0],
        "width": photo.picture.shape[1],
        "predictions": [vars(p) for p in photo.predictions],
        "explanations": [_explanation(e, stem, photo) for e, stem in zip(photo.explanations, stems, strict=True)],
        "spans": [_spans(view, stem) for view, stem in zip(photo.spans, span_stems, strict=True)],
    }


def _spans(view: View, stem: str) -> dict[str, Any]:
    return {
        "method": view.options["method"],
        "target": view.options["target"][0],
        "options": view.options,
        "table": [{k: v for k, v in row.items() if k != "sample"} for row in view.table],
        "file": f"{stem}.png",
        "array": stem,
        "notes": view.notes,
        "seconds": view.seconds,
    }


def _explanation(explanation: Explanation, stem: str, photo: PhotoResult) -> dict[str, Any]:
    values = plane_of(explanation)
    return {
        "method": explanation.method,
        "target": explanation.target[0],
        "options": explanation.options,
        "file": f"{stem}.png",
        "array": stem,
        "axes": explanation.axes,
        "shape": explanation.values.shape,
        "scale": scale_of(values),
        "flat": is_flat(values),
        "receipt": receipt_of(explanation.receipt),
        "words": [
            {"level": s.level, "text": s.text} for s in (*words_of(explanation), *photo.trusted(explanation.method))
        ],
    }


def receipt_of(receipt: Receipt) -> dict[str, Any]:
    """A receipt's fields by name, provenance as a plain mapping."""
    return {name: getattr(receipt, name) for name in Receipt.__dataclass_fields__}


def _regions(run: Run, files: list[str]) -> dict[str, Any] | None:
    view = run.regions
    if view is None:
        return None
    return {
        "layers": [n.removeprefix("labels/") for n in view.arrays if n.startswith("labels/")],
        "names": view.names,
        "table": view.table,
        "options": view.options,
        "notes": view.notes,
        "seconds": view.seconds,
        "provenance": view.provenance,
        "files": files,
        "array": "regions",
    }
