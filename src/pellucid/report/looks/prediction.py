"""What a trained network says of pictures: a contact sheet with decisions and probabilities."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from pellucid.core.files import whole_file
from pellucid.core.types import View
from pellucid.report.cases import cases_figure, short_name
from pellucid.report.words import Sentence, percent, quoted, whole

TITLE = "What the network says"

COLUMNS = {
    "name": "Input",
    "decision": "Decision",
    "probability": "Probability",
    "otherwise": "Otherwise",
    "otherwise_probability": "Probability ",
}


def _probability(value: Any) -> str:
    """Three decimals; of what is all but certain that it is so."""
    if value is None:
        return "–"
    return "> 0.999" if 0.9995 <= value < 1 else "< 0.001" if 0 < value < 0.0005 else f"{value:.3f}"


#: How a column's cells are told, where that is not as any figure.
CELLS: dict[str, Callable[[Any], str]] = dict.fromkeys(("probability", "otherwise_probability"), _probability)

#: Decisions that are counted in words.
_COUNTED = 12


def figure(view: View) -> Figure:
    """The contact sheet."""
    cases, count, what = view.options["cases"], len(view.table), _counted(view)
    told = what if len(cases) == count else f"{len(cases)} of {what}, evenly chosen"
    return cases_figure(view.pictures, cases, told)


def words(view: View) -> list[Sentence]:
    """How many of what, and of which picture the network is least sure."""
    return [*_count_words(view), *_least_words(view)]


def _count_words(view: View) -> Iterator[Sentence]:
    counts, what = view.options["counts"], _counted(view)
    if not counts:
        yield Sentence("fact", f"{what}; the numbers are in the table.")
        return
    told = [f"{whole(many)} {quoted(name)}" for name, many in list(counts.items())[:_COUNTED]]
    more = f", and {len(counts) - _COUNTED} more decisions" if len(counts) > _COUNTED else ""
    yield Sentence("fact", f"{what}: {', '.join(told)}{more}.")


def _what(view: View) -> str:
    """What each input is; pictures where an older view does not say."""
    return str(view.options.get("what", "picture"))


def _counted(view: View) -> str:
    """``150 rows``."""
    one, many = _what(view), {"matrix": "matrices"}.get(_what(view), f"{_what(view)}s")
    return f"{whole(len(view.table))} {one if len(view.table) == 1 else many}"


def _least_words(view: View) -> Iterator[Sentence]:
    rows = [row for row in view.table if row.get("probability") is not None]
    if len(rows) > 1:
        row = min(rows, key=lambda r: r["probability"])
        text = f"It is least sure of {quoted(short_name(row['name']))}: {quoted(row['decision'])} with "
        yield Sentence("fact", f"{text}{percent(row['probability'])}.")
    if rows:
        shows = "row is of" if _what(view) == "row" else f"{_what(view)} shows"
        text = f"A probability tells nothing where a {shows} something that is in no class: then too one is said."
        yield Sentence("fact", text)


def write_csv(path: Path, view: View) -> None:
    """Every picture with its decision and all probabilities (of a regression the numbers)."""
    classes, numbers = view.options["classes"], view.options["form"] == "numbers"
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        heads = classes if numbers else ["decision", "probability", *(f"p({name})" for name in classes)]
        table.writerow([_what(view), *heads])
        for row, own in zip(view.table, view["probabilities"], strict=True):
            told = [] if numbers else [row["decision"], f"{row['probability']:.6g}"]
            table.writerow([row["name"], *told, *(f"{value:.6g}" for value in own)])
