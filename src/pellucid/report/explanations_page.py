"""The page of ``pellucid evaluate-explanations``: the leaderboard, the cases, and what may be concluded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.core.listed import listed
from pellucid.core.types import View
from pellucid.report import pictures
from pellucid.report.leaderboard import GROUPS, STANDINGS, Column, Line, columns, lines
from pellucid.report.looks.evaluate_explanations import case_overlays
from pellucid.report.run import Run
from pellucid.report.view_page import Attached, write_view

#: Scores that a page of 1400 pixels shows beside each other without being moved sideways.
WIDEST = 11

#: Pixels of the longer side of a case's picture.
_SIDE = 160


def write_explanations(
    folder: Path, run: Run, view: View, attached: Sequence[Attached] = (), **own: Any
) -> dict[str, Any]:
    """Write the page into an existing folder, as ``write_view`` does."""
    shown, found = columns(view), lines(view)
    there = {c.standing for line in found for c in line.cells}
    names: dict[str, Any] = {}
    for column in shown:
        names.setdefault(column.name, column)
    return write_view(
        folder,
        run,
        view,
        attached,
        template="truth.html.j2",
        styles="report.css view.css truth.css",
        lines=found,
        boards=[_board(shown[part]) | {"part": part} for part in parts(shown)],
        standings=[(key, text) for key, text in STANDINGS.items() if key in there],
        says=STANDINGS,
        meanings=list(names.values()),
        cards=[_card(view, line) for line in found],
        may=may(view),
        may_not=may_not(view),
        **own,
    )


def parts(shown: Sequence[Column]) -> list[slice]:
    """The scores as tables that fit onto the page side by side: whole groups as long as there is room."""
    found: list[slice] = []
    start = 0
    for count in Counter(c.group for c in shown).values():
        if found and start + count - found[-1].start <= WIDEST:
            found[-1] = slice(found[-1].start, start + count)
        else:
            pieces = -(-count // WIDEST)
            ends = [start + count * i // pieces for i in range(pieces + 1)]
            found += [slice(a, b) for a, b in pairwise(ends)]
        start += count
    return found


def _board(shown: Sequence[Column]) -> dict[str, Any]:
    """The headings of one table."""
    counts = Counter(c.group for c in shown)
    names = [GROUPS[group] for group in counts]
    return {"title": listed(names), "groups": list(zip(names, counts.values(), strict=True)), "columns": shown}


def _card(view: View, line: Line) -> dict[str, Any]:
    cases = []
    for which, (number, drawn) in zip(("best", "worst"), case_overlays(view, line.number), strict=True):
        seen = None if view.pictures is None else pictures.exact_uri(_small(view.pictures[number]))
        target = view.options["classes"][number] if "classes" in view.options else ""
        name = Path(view.names[number]).name if number < len(view.names) else f"picture {number}"
        drawn_uri = pictures.exact_uri(_small(drawn))
        cases.append({"which": which, "seen": seen, "map": drawn_uri, "name": name, "target": target})
    return {"name": line.name, "baseline": line.baseline, "cases": cases}


def _small(picture: np.ndarray) -> np.ndarray:
    return pictures.fitted(picture, _SIDE)


def may(view: View) -> list[str]:
    """What a reader may conclude from these scores, and only from those that are there."""
    groups = set(view.options["groups"])
    told = ["that a method truly better than a random map tells something of this network on pictures like these"]
    if "randomisation" in groups:
        told.append(
            "that a method which fails a randomisation check does not show what the network has learnt: do not use it"
            " here"
        )
    if "faithfulness" in groups:
        told.append(
            "that pixels marked by a method with good deletion and insertion do move the answer when they are replaced"
        )
    if "truth" in groups:
        told.append(
            "that a method with good truth scores points at what is known to matter, in pictures where that is known"
        )
    told.append(
        "that two methods of the same colour cannot be ranked by these pictures: choose either, or look at more"
    )
    return told


def may_not(view: View) -> list[str]:
    """What these scores do not show."""
    told = [
        "that the network is right, or right for a good reason: a true map of a wrong network is wrong about the world",
        "that what is marked causes the label in the world",
        "that the ranking holds for another network, other pictures or another class",
        "that a map is true of your one picture because its method is good on average: the worst cases are shown above",
    ]
    if "truth" not in set(view.options["groups"]):
        told.append(
            "that anything here was compared with the truth: these data have no masks and cannot be rendered again"
        )
    else:
        told.append(
            "that a low truth score is the method's fault, where the network looks elsewhere (see the warnings)"
        )
    return told
