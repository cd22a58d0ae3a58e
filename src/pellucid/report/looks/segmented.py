"""What a trained network paints: a contact sheet of pictures with their regions."""

from __future__ import annotations

import csv
import itertools
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

#: An object of less than this share of the median's pixels is called a speck.
SPECK = 0.1


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
        sides.append([painted(plain, view["numbers"][i, :, :height, :width])])
    cards = [{"name": case["name"], "lines": _lines(case["regions"])} for case in cases]
    told += ". Under each: how much of it a region takes, and in how many objects"
    return cards_figure(sides, cards, ("",), view.options["regions"], told)


def _lines(regions: list[dict[str, float]]) -> list[str]:
    told = [f"{each['region']} {percent(each['share'])} ({whole(each['objects'])})" for each in regions[:3]]
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
        areas = [area for row in rows for area in row["areas"]]
        text = f"{quoted(region)} is in {whole(len(shown))} of {whole(count)} {'picture' if count == 1 else 'pictures'}"
        yield Sentence("fact", f"{text}, on {percent(share)} of the pixels: {_objects(areas)}.")


def _objects(areas: list[int]) -> str:
    """How many, and how large; how many of them are specks."""
    if len(areas) == 1:
        return f"1 object of {whole(areas[0])} {'pixel' if areas[0] == 1 else 'pixels'}"
    middle = float(np.median(areas))
    text = f"{whole(len(areas))} objects of {whole(min(areas))} to {whole(max(areas))} pixels"
    text = f"{text}, the median {whole(round(middle))}"
    specks = sum(area < SPECK * middle for area in areas)
    return f"{text}; {whole(specks)} of them are specks of less than a tenth of that" if specks else text


def _belief_words(view: View) -> Iterator[Sentence]:
    yield Sentence("fact", "Every pixel gets an answer, also where a picture shows something that no mask ever had.")
    if view.options["instances"] == "watershed":
        apart = view.options["apart"]
        text = f"An object is a part that hangs together, cut at its necks (a watershed; seeds more than {apart}"
        text += f" {'pixel' if apart == 1 else 'pixels'} apart). What has a neck of its own may be cut, too"
        yield Sentence("fact", f"{text}, and objects side by side without a neck stay one.")
    else:
        text = "An object is a part that hangs together, so those that touch count as one"
        yield Sentence("fact", f"{text}; instances='watershed' (--instances watershed) cuts them at their necks.")


def write_csv(path: Path, view: View) -> None:
    """Every picture and region: pixels, share of the picture, objects."""
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["picture", "region", "pixels", "share", "objects"])
        table.writerows(
            [row["name"], row["region"], row["pixels"], f"{row['share']:.6g}", row["objects"]] for row in view.table
        )


def write_objects(path: Path, view: View) -> None:
    """Every object: picture, region, its number in the picture's label image, pixels, and the middle of these."""
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["picture", "region", "object", "pixels", "x", "y"])
        regions = len(view.options["regions"])
        for start in range(0, len(view.table), regions):
            numbers = itertools.count(1)
            for row in view.table[start : start + regions]:
                for area, (x, y) in zip(row["areas"], row["middles"], strict=True):
                    table.writerow([row["name"], row["region"], next(numbers), area, f"{x:.2f}", f"{y:.2f}"])
