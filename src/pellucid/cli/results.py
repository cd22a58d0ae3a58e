"""What the commands that explain photos share: from the network's answers to a report's values and a last word."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pellucid.core.types import Explanation, Sample, View
    from pellucid.models.network import Network
    from pellucid.report.run import PhotoResult, Run


def is_report(folder: Path) -> bool:
    """Whether a folder is a report of ours and nothing else, which a new one may replace."""
    try:
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        return {p.name for p in folder.iterdir()} <= set(summary["files"]["all"])
    except (OSError, ValueError, KeyError, TypeError):
        return False  # what is not a report's summary is no report


def cautions_of(network: Network) -> list[str]:
    """What a reader must know before believing any of it."""
    if network.weights != "random":
        return []
    return ["The weights are random: the predictions and the maps say nothing about the pictures."]


def facts_of(network: Network) -> dict[str, Any]:
    """What the report's head says; the rest is in each receipt's provenance."""
    facts = network.facts()
    return {
        "name": network.name,
        "weights": network.weights,
        "parameters": facts["parameters"],
        "input": " × ".join(map(str, network.input.shape)),
        "classes": len(network.classes) if network.classes else None,
        "device": facts["device"],
    }


def gives_maps(network: Network) -> bool:
    """Whether it answers with a class for each pixel."""
    last = max(network.tree(), key=lambda layer: layer.order, default=None)
    if last is None or last.resolution is None or network.output not in ("logits", "multilabel"):
        return False  # and no pass is needed to see it
    return len(network.output_shape()) == 3


def photo_result(
    sample: Sample,
    predictions: Sequence[tuple[int, str, float]],
    maps: Sequence[Explanation],
    spans: Sequence[View] = (),
) -> PhotoResult:
    """A photo or matrix with its answers and maps, as a report shows them."""
    import numpy as np

    from pellucid.report.pictures import greys
    from pellucid.report.run import PhotoResult, Prediction

    pixels = sample.array
    matrix = pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] not in (1, 3)
    picture = greys(pixels) if matrix else np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels
    answers = tuple(Prediction(*p) for p in predictions)
    return PhotoResult(sample.name, sample.source, picture, answers, tuple(maps), matrix, tuple(spans))


def tell(run: Run, warnings: int, out: Path) -> None:
    """The predictions and where the report is."""
    from pellucid.report.looks.spans import span_words
    from pellucid.report.words import visible

    for photo in run.photos:
        print(visible(photo.source or photo.name))
        width = max((len(visible(p.name)) for p in photo.predictions), default=0)
        for p in photo.predictions:
            print(f"  {visible(p.name):<{width}}  {p.probability:6.1%}  {'█' * round(30 * p.probability)}")
        for title, said in (span_words(row) for view in photo.spans for row in view.table):
            print(f"  {title}: {' '.join(said)}")
    for note in run.notes:
        print(visible(note), file=sys.stderr)
    if warnings:
        print(f"{warnings} warning{'s' * (warnings > 1)} beside the maps: see the report", file=sys.stderr)
    print(f"\nreport: {(out / 'index.html').resolve()}")
