"""Where a trained network sees landmarks: a contact sheet of pictures with their points, and how many there are."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from pellucid.core.files import whole_file
from pellucid.core.types import View
from pellucid.report.painted import cards_figure
from pellucid.report.spots import spotted
from pellucid.report.words import Sentence, quoted, whole

TITLE = "Which landmarks the network sees where"

COLUMNS = {"name": "Picture", "type": "Landmark", "x": "x", "y": "y", "height": "Height of the peak"}


def figure(view: View) -> Figure:
    """The contact sheet."""
    cases, count = view.options["cases"], view.options["pictures"]
    what = f"{whole(count)} {'picture' if count == 1 else 'pictures'}"
    told = what if len(cases) == count else f"{len(cases)} of {what}, evenly chosen"
    sides = []
    for i, case in enumerate(cases):
        height, width = case["size"]
        plain = np.zeros((height, width, 3), np.uint8) if view.pictures is None else view.pictures[i, :height, :width]
        sides.append([spotted(plain, found=case["found"])])
    cards = [{"name": case["name"], "lines": [_line(case["counts"])]} for case in cases]
    return cards_figure(sides, cards, ("",), view.options["types"], told)


def _line(counts: list[dict[str, float]]) -> str:
    told = [f"{row['type']}: {row['peaks']}" for row in counts if row["peaks"]]
    return ", ".join(told) if told else "none"


def words(view: View) -> list[Sentence]:
    """How many of each type, and where the two ways to count disagree."""
    return [*_count_words(view), *_doubt_words(view), *_belief_words()]


def _count_words(view: View) -> Iterator[Sentence]:
    count = view.options["pictures"]
    for place, name in enumerate(view.options["types"]):
        peaks, density = view["peaks"][:, place], view["density"][:, place]
        text = f"{quoted(name)}: {whole(int(peaks.sum()))} in {whole(count)} {'picture' if count == 1 else 'pictures'}"
        text += f", {whole(int((peaks > 0).sum()))} of which show any"
        yield Sentence("fact", f"{text}; by the integral of the heatmap {density.sum():.1f}.")


def _doubt_words(view: View) -> Iterator[Sentence]:
    off = np.abs(view["peaks"] - view["density"]).max(1)
    doubtful = [view.names[i] for i in np.argsort(-off, kind="stable") if off[i] > 1][:3]
    if doubtful:
        text = f"Peaks and integral differ by more than 1 in {whole(int((off > 1).sum()))} of the pictures"
        yield Sentence(
            "fact", f"{text}, most in {', '.join(quoted(Path(n).name) for n in doubtful)}: look there first."
        )


def _belief_words() -> Iterator[Sentence]:
    text = "x and y are in pixels of each picture itself, from the left upper corner of its first pixel"
    yield Sentence("fact", f"{text}. The height of a peak is no probability.")


def write_csv(path: Path, view: View) -> None:
    """Every landmark: picture, type, x, y, height."""
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["picture", "type", "x", "y", "height"])
        table.writerows(
            [r["name"], r["type"], f"{r['x']:.3f}", f"{r['y']:.3f}", f"{r['height']:.4g}"] for r in view.table
        )
