"""Where a trained network sees things: a contact sheet of pictures with their boxes, and how many of each kind."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from pellucid.core.files import whole_file
from pellucid.core.types import View
from pellucid.report.framed import framed
from pellucid.report.painted import cards_figure
from pellucid.report.words import Sentence, quoted, whole

TITLE = "What the network sees where"

COLUMNS = {"name": "Picture", "kind": "What", "x0": "x0", "y0": "y0", "x1": "x1", "y1": "y1", "score": "Score"}


def figure(view: View) -> Figure:
    """The contact sheet."""
    cases, count = view.options["cases"], view.options["pictures"]
    what = f"{whole(count)} {'picture' if count == 1 else 'pictures'}"
    told = what if len(cases) == count else f"{len(cases)} of {what}, evenly chosen"
    sides = []
    for i, case in enumerate(cases):
        height, width = case["size"]
        plain = np.zeros((height, width, 3), np.uint8) if view.pictures is None else view.pictures[i, :height, :width]
        sides.append([framed(plain, found=case["found"])])
    kinds = view.options["kinds"]
    cards = [{"name": case["name"], "lines": [_line(kinds, case["found"])]} for case in cases]
    return cards_figure(sides, cards, ("",), kinds, told)


def _line(kinds: list[str], found: list[list[float]]) -> str:
    counts = Counter(kinds[int(row[0])] for row in found)
    return ", ".join(f"{name}: {counts[name]}" for name in kinds if counts[name]) or "nothing"


def words(view: View) -> list[Sentence]:
    """How many of each kind, and what a score is."""
    return [*_count_words(view), *_belief_words(view)]


def _count_words(view: View) -> Iterator[Sentence]:
    count, found = view.options["pictures"], view["count"]
    for place, name in enumerate(view.options["kinds"]):
        there, showing = int(found[:, place].sum()), int((found[:, place] > 0).sum())
        told = f"{whole(there)}, in {whole(showing)} of {whole(count)} {'picture' if count == 1 else 'pictures'}"
        yield Sentence("fact", f"{quoted(name)}: {told if there else 'none'}.")
    empty = int((found.sum(1) == 0).sum())
    if empty:
        yield Sentence("fact", f"In {whole(empty)} of {whole(count)} nothing was found.")


def _belief_words(view: View) -> Iterator[Sentence]:
    text = "Edges are in pixels of each picture itself, from the left upper corner of its first pixel"
    text += f". Boxes with a score of {view.options['threshold']:.2f} or more are told: there validation pictures had"
    yield Sentence("fact", f"{text} their best F1. A score is no probability.")


def write_csv(path: Path, view: View) -> None:
    """Every box: picture, kind, edges, score, level."""
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["picture", "kind", "x0", "y0", "x1", "y1", "score", "level"])
        for r in view.table:
            edges = [f"{r[k]:.2f}" for k in ("x0", "y0", "x1", "y1")]
            table.writerow([r["name"], r["kind"], *edges, f"{r['score']:.4f}", r["level"]])
