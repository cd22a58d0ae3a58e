"""What a trained network paints: a contact sheet of pictures with their regions."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from pellucid.core.files import whole_file
from pellucid.core.types import View
from pellucid.report.painted import cards_figure, painted
from pellucid.report.words import Sentence, percent, quoted, whole

TITLE = "What the network sees where"

COLUMNS = {"name": "Picture", "region": "Region", "pixels": "Pixels", "share": "Of the picture", "objects": "Objects"}


def figure(view: View) -> Figure:
    """The contact sheet."""
    cases, count = view.options["cases"], view.options["pictures"]
    what = f"{whole(count)} {'picture' if count == 1 else 'pictures'}"
    told = what if len(cases) == count else f"{len(cases)} of {what}, evenly chosen"
    sides = []
    for i, (height, width) in enumerate(view.options["sizes"]):
        plain = (
            view.pictures[i, :height, :width] if view.pictures is not None else np.zeros((height, width, 3), np.uint8)
        )
        sides.append([painted(plain, view["said"][i, :, :height, :width])])
    cards = [{"name": case["name"], "lines": _lines(case["regions"])} for case in cases]
    return cards_figure(sides, cards, ("",), view.options["regions"], told)


def _lines(regions: list[dict[str, float]]) -> list[str]:
    told = [f"{each['region']} {each['share']:.1%}" for each in regions[:3]]
    more = f", and {len(regions) - 3} more" if len(regions) > 3 else ""
    return [", ".join(told) + more if told else "nothing"]


def words(view: View) -> list[Sentence]:
    """How much of what there is."""
    return [*_share_words(view), *_belief_words(view)]


def _share_words(view: View) -> Iterator[Sentence]:
    count = view.options["pictures"]
    for region in view.options["regions"]:
        rows = [row for row in view.table if row["region"] == region]
        shown = [row for row in rows if row["pixels"]]
        if not shown:
            yield Sentence("fact", f"{quoted(region)} is in none of {whole(count)} pictures.")
            continue
        share = sum(row["share"] for row in rows) / len(rows)
        objects = sum(row["objects"] for row in rows)
        text = f"{quoted(region)} is in {whole(len(shown))} of {whole(count)} {'picture' if count == 1 else 'pictures'}"
        text += f", on {percent(share)} of the pixels, in {whole(objects)} {'part' if objects == 1 else 'parts'}"
        yield Sentence("fact", f"{text} that hang together.")


def _belief_words(view: View) -> Iterator[Sentence]:
    text = "Every pixel gets an answer, also where a picture shows something that no mask ever had. Objects that touch"
    yield Sentence("fact", f"{text} count as one.")


def write_csv(path: Path, view: View) -> None:
    """Every picture and region: pixels, share of the picture, objects."""
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["picture", "region", "pixels", "share", "objects"])
        table.writerows(
            [row["name"], row["region"], row["pixels"], f"{row['share']:.6g}", row["objects"]] for row in view.table
        )
