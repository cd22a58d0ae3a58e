"""A run as HTML text. Whatever comes from outside passes through autoescaping and ``readable``."""

from __future__ import annotations

import base64
import hashlib
import math
import re
from collections.abc import Iterable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from pellucid.core.types import Explanation, Frame, View
from pellucid.report import colours, pictures
from pellucid.report.figures import as_png
from pellucid.report.looks.regions import layers_of, name_of, region_colours
from pellucid.report.looks.spans import figure as spans_figure
from pellucid.report.looks.spans import span_words
from pellucid.report.plain import plain
from pellucid.report.planes import sheet_of
from pellucid.report.run import PhotoResult, Run
from pellucid.report.words import duration, number, percent, readable, visible, whole, words_of

_TEMPLATES = Path(__file__).with_name("templates")
_PHOTO = 900  # longest side of a photo in the page, pixels
_SHOWN = (620, 430)  # the box that a photo fills on a wide screen, CSS pixels: width, height
_THUMBNAIL = 160
#: Longest side of a heatmap by how many the page holds: a page of a thousand must still open.
_PANELS = ((40, 512), (150, 320), (500, 192), (2000, 112))
_LEAST = 80


def page_html(run: Run, summary: Mapping[str, Any]) -> str:
    """The whole page as text. summary: what ``summary_of`` made of the same run."""
    most = panel_size(run)
    return filled(
        "report.html.j2",
        run,
        summary,
        photos=[_photo(p, s, most) for p, s in zip(run.photos, summary["photos"], strict=True)],
        counted=_counted(run.photos),
        notes=run.notes,
        regions=None if run.regions is None else _regions(run.regions, summary["regions"]["files"], most),
    )


def filled(
    template: str,
    run: Run,
    summary: Mapping[str, Any],
    *,
    styles: str = "report.css",
    scripts: str = "report.js",
    **own: Any,
) -> str:
    """A template with what every page shows and what is its own. styles, scripts: names of files, between spaces."""
    style, script = ("\n".join(map(_asset, names.split())) for names in (styles, scripts))
    return (
        _environment()
        .get_template(template)
        .render(
            style=Markup(style),
            script=Markup(script),
            style_hash=_hash(style),
            script_hash=_hash(script),
            run=run,
            facts=_facts(run),
            summary=summary,
            scale_stops=_scale_stops(),
            provenance=_provenance(run),
            settings=_settings(run),
            **own,
        )
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(readable=readable, percent=percent, duration=duration, words=_value_words)
    environment.filters.update(figure=figure_text, code=_code, breakable=_breakable)
    return environment


def _asset(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def panel_size(run: Run) -> int:
    """The longest side of a heatmap in the page, in pixels."""
    count = sum(len(p.explanations) for p in run.photos)
    return next((size for most, size in _PANELS if count <= most), _LEAST)


def _scale_stops() -> list[tuple[str, str]]:
    """The colour bar as gradient stops: (offset, colour)."""
    table = colours.opaque_table()
    rows = np.linspace(0, len(table) - 1, 17).round().astype(int)
    return [(f"{100 * row / (len(table) - 1):.2f}%", colours.hexadecimal(table[row])) for row in rows]


# ── photos ────────────────────────────────────────────────────────────────────────────────────────


def _photo(photo: PhotoResult, summary: Mapping[str, Any], most: int) -> dict[str, Any]:
    panels = [panel_of(e, photo, s, most) for e, s in zip(photo.explanations, summary["explanations"], strict=True)]
    height, width = photo.picture.shape[:2]
    shown = pictures.enlarged(photo.picture) if photo.matrix else photo.picture
    encoded = pictures.exact_uri if photo.matrix else partial(pictures.photo_uri, most=_PHOTO)
    return {
        "name": photo.name or "unnamed",
        "source": photo.source,
        "kind": "matrix" if photo.matrix else "photo",
        "extent": f"{height} rows × {width} columns" if photo.matrix else f"{width} × {height} pixels",
        "uri": encoded(pictures.fitted(shown, _PHOTO) if photo.matrix else shown),
        "thumbnail": pictures.photo_uri(shown, _THUMBNAIL),
        "height": height,
        "width": width,
        "shown_width": round(width * min(_SHOWN[0] / width, _SHOWN[1] / height)),
        "frames": _frames(photo.explanations),
        "predictions": photo.predictions,
        "spans": [_spans(v, s) for v, s in zip(photo.spans, summary["spans"], strict=True)],
        "targets": _by_target(panels),
        "warnings": sum(len(p["warnings"]) for p in panels),
    }


def _spans(view: View, summary: Mapping[str, Any]) -> dict[str, Any]:
    """Spans of rows and columns: the figure, and a line of the table a span."""
    return {
        "target": view.options["target"][0],
        "method": view.options["method"],
        "share": view.options["share"],
        "shuffles": view.options.get("shuffles"),
        "cover": view.options.get("cover"),
        "uri": pictures.png_uri(as_png(spans_figure(view))),
        "words": [" ".join([f"{title}:", *said]) for title, said in map(span_words, view.table)],
        "rows": [{**row, "title": span_words(row)[0]} for row in view.table],
        "file": summary["file"],
        "notes": view.notes,
        "seconds": view.seconds,
    }


def _counted(photos: Iterable[PhotoResult]) -> str:
    """What the report is of: ``1 photo``, ``2 matrices``, ``3 inputs``."""
    kinds = [p.matrix for p in photos]
    one, many = ("matrix", "matrices") if all(kinds) else ("input", "inputs") if any(kinds) else ("photo", "photos")
    return f"{len(kinds)} {one if len(kinds) == 1 else many}"


def _frames(explanations: Iterable[Explanation]) -> list[Frame]:
    """The distinct parts of the photo that the network saw, without those that are the whole of it."""
    frames = dict.fromkeys(e.frames[0] for e in explanations if e.frames)
    return [f for f in frames if (f.top, f.left, f.bottom, f.right) != (0, 0, f.height, f.width)]


def _by_target(panels: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    grouped: dict[str, list[dict[str, Any]]] = {}
    for panel in panels:
        grouped.setdefault(panel["target"], []).append(panel)
    return [{"name": name, "probability": own[0]["probability"], "panels": own} for name, own in grouped.items()]


def panel_of(explanation: Explanation, photo: PhotoResult, summary: Mapping[str, Any], most: int) -> dict[str, Any]:
    """A panel as the templates show it. summary: the explanation's own part of ``summary_of``."""
    values = sheet_of(explanation)
    scale = colours.scale_of(values)
    picture = None if explanation.pictures is None else explanation.pictures[0]
    target = explanation.target[0]
    words = [*words_of(explanation), *photo.trusted(explanation.method)]
    return {
        "method": explanation.method,
        "group": explanation.receipt.provenance.get("group") or explanation.options.get("group"),
        "target": target,
        "probability": next((p.probability for p in photo.predictions if p.name == target), None),
        "picture": None if picture is None else pictures.photo_uri(picture, most, quality=88),
        "heat": pictures.heat_uri(values, scale, most, opaque=picture is None),
        "coarse": max(values.shape) < 64,
        "height": values.shape[0],
        "width": values.shape[1],
        "limit": number(scale) if scale else "",
        "flat": colours.is_flat(values),
        "seconds": explanation.receipt.seconds,
        "file": summary["file"],
        "facts": [s.text for s in words if s.level != "warning"],
        "warnings": [s.text for s in words if s.level == "warning"],
    }


# ── regions ───────────────────────────────────────────────────────────────────────────────────────

#: The known columns of the regions' table: key, heading, key of the raw-colour baseline.
_COLUMNS = (
    ("resolution", "Grid", None),
    ("clusters", "Regions", None),
    ("silhouette", "Silhouette", "rgb_silhouette"),
    ("stability", "Stability", "rgb_stability"),
    ("agreement_rgb", "Same as raw colours", None),
)

#: How the regions were computed rather than what they are: left to summary.json.
_DETAILS = {"layer", "channels", "cells", "kept", "explained"}


def _regions(view: View, files: list[str], most: int) -> dict[str, Any]:
    layers = layers_of(view)
    count = len(view[f"labels/{layers[0]}"])
    size = min(most, 288)
    rows = [
        {
            "name": name_of(view, i),
            "picture": None if view.pictures is None else pictures.photo_uri(view.pictures[i], size),
            "maps": [{"layer": layer, "uri": region_uri(view, layer, i, size)} for layer in layers],
        }
        for i in range(count)
    ]
    known = {key for column in _COLUMNS for key in column if key} | _DETAILS
    return {
        "layers": layers,
        "rows": rows,
        "columns": [c for c in _COLUMNS if any(c[0] in row for row in view.table)],
        "others": [key for key in dict.fromkeys(k for row in view.table for k in row) if key not in known],
        "table": view.table,
        "palette": [colours.hexadecimal(c) for c in np.asarray(view.palette)],
        "notes": view.notes,
        "files": files,
        "seconds": view.seconds,
    }


def region_uri(view: View, layer: str, i: int, most: int) -> str:
    """Regions as they are: when made smaller, every n-th label, so that no colour is invented."""
    image = region_colours(view, layer, i)
    every = -(-max(image.shape[:2]) // most)
    return pictures.exact_uri(image[::every, ::every])


# ── provenance ────────────────────────────────────────────────────────────────────────────────────


def _facts(run: Run) -> dict[str, str]:
    """The network's facts besides its name, which is the headline, and besides those that say nothing."""
    told = {_label(k): _value_words(v) for k, v in run.network.items() if k != "name"}
    return {label: words for label, words in told.items() if words}


def _provenance(run: Run) -> dict[str, str]:
    """Facts of the whole run, then what the receipts tell: where maps differ, each distinct value."""
    seed = None if run.seed is None else str(run.seed)
    rows = {k: _value_words(v) for k, v in run.provenance.items()}
    rows |= {"pellucid": run.version, "seed": _value_words(seed), "time for the whole run": duration(run.seconds)}
    told: dict[str, dict[str, None]] = {}
    for explanation in (e for photo in run.photos for e in photo.explanations):
        for key, value in explanation.receipt.provenance.items():
            told.setdefault(_label(key), {})[_value_words(value)] = None
    receipts = {key: " · ".join(values) for key, values in told.items() if key != "group"}
    return receipts | rows


def _settings(run: Run) -> list[dict[str, str]]:
    """How each method was set, once for each distinct setting."""
    rows: dict[tuple[str, str], None] = {}
    for photo in run.photos:
        for explanation in photo.explanations:
            options = ", ".join(f"{k} = {_value_words(v)}" for k, v in explanation.options.items())
            rows.setdefault((explanation.method, options or "none"))
    return [{"method": method, "options": options} for method, options in rows]


def _label(key: str) -> str:
    return readable(key.replace("_", " "))


def _value_words(value: Any) -> str:
    """A fact's value as text: nothing is ``–``, sequences are listed, mappings are written as pairs."""
    value = plain(value)
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return whole(value)
    if isinstance(value, float):
        return number(value)
    if isinstance(value, list):
        return ", ".join(_value_words(v) for v in value)
    if isinstance(value, dict):
        return ", ".join(f"{k}: {_value_words(v)}" for k, v in value.items())
    return readable(value)


def figure_text(value: Any) -> str:
    """A figure in a table: two decimals, more where those are not three digits, small and large ones in powers
    of ten; whole numbers as they are.
    """
    if not isinstance(value, float) or not math.isfinite(value):
        return _value_words(value)
    size = abs(float(f"{value:.2e}"))
    if size == 0 or 1 <= size < 1e5:
        return f"{value:.2f}"
    return f"{value:.{2 - math.floor(math.log10(size))}f}" if 1e-3 <= size < 1 else f"{value:.2e}"


def _breakable(name: str) -> Markup:
    """A name as it may be shown, which may be broken after its punctuation."""
    return Markup(re.sub(r"([_:/.-])(?=\w)", r"\1<wbr>", str(escape(readable(name, most=60)))))


def _code(text: str) -> str:
    """Lines of code as they may be shown: hidden characters made visible, line breaks and spaces kept."""
    return "\n".join(visible(line) for line in text.split("\n"))
