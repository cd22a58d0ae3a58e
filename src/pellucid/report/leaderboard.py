"""Methods by scores as a table: what stands in each cell, how it stands, and in which order the methods come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from pellucid.core.types import View

#: How a method stands by a score. first: nobody is truly better. better, random, worse: beside a map of noise.
Standing = Literal["first", "better", "random", "worse", "fails", "passes", "unclear", "plain", "none"]

#: In words, for legends and for those who see no colours.
STANDINGS: Mapping[Standing, str] = {
    "first": "nobody is truly better",
    "better": "truly better than a random map",
    "random": "not told apart from a random map",
    "worse": "truly worse than a random map",
    "passes": "passes the check",
    "unclear": "unclear",
    "fails": "fails the check",
    "plain": "to be read beside the others",
}

GROUPS = {
    "truth": "Truth",
    "faithfulness": "Faithfulness",
    "robustness": "Robustness",
    "randomisation": "Randomisation",
}

BASELINES = {"random_map": "random map", "sobel": "edges (Sobel)", "centre": "centre"}

_NAMES = {
    "part_ranks": "part ranks",
    "pointing_game": "pointing game",
    "mass_within_mask": "mass in mask",
    "relevance_rank": "relevance rank",
    "sensitivity_n": "sensitivity\u2011n",
    "max_sensitivity": "max sensitivity",
    "randomised_weights": "shuffled weights",
    "randomised_labels": "shuffled labels",
}


@dataclass(frozen=True)
class Cell:
    """value and interval as text; what is unknown has the standing "none" and no text."""

    value: str
    interval: str
    standing: Standing
    count: int


@dataclass(frozen=True)
class Line:
    """A method. number: its place in the view's arrays. place: its mean place over truth and faithfulness."""

    method: str
    name: str
    number: int
    group: str
    baseline: bool
    place: float
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Column:
    """A score. better: "higher" or "lower". number: its place in the view's arrays."""

    name: str
    detail: str
    group: str
    better: str
    unit: str
    number: int


def columns(view: View) -> list[Column]:
    """The scores by group, truth first."""
    told = view.options
    found = []
    for i, score in enumerate(told["scores"]):
        name, _, detail = score.partition(":")
        spoken = _NAMES.get(name, name.replace("_", " "))
        found.append(
            Column(spoken, detail.replace(",", ", "), told["groups"][i], told["better"][i], told["units"][i], i)
        )
    order = list(GROUPS)
    return sorted(found, key=lambda c: (order.index(c.group), c.number))


def lines(view: View) -> list[Line]:
    """The methods, the best mean place first; one without any place comes last."""
    rows = {(r["method"], r["score"]): r for r in view.table}
    shown = columns(view)
    found = []
    for number, method in enumerate(view.options["methods"]):
        own = [rows.get((method, view.options["scores"][c.number])) for c in shown]
        places = [r["rank"] for r in own if r is not None and r["score_group"] in ("truth", "faithfulness")]
        group = next((r["group"] for r in own if r is not None), "")
        cells = tuple(_cell(view, number, c, r) for c, r in zip(shown, own, strict=True))
        found.append(
            Line(
                method,
                BASELINES.get(method, method.replace("_", " ")),
                number,
                group,
                method in view.options["baselines"],
                float(np.mean(places)) if places else float("inf"),
                cells,
            )
        )
    return sorted(found, key=lambda line: line.place)


def _cell(view: View, number: int, column: Column, row: Mapping[str, Any] | None) -> Cell:
    if row is None:
        return Cell("", "", "none", 0)
    interval = f"{_short(row['low'])} to {_short(row['high'])}"
    return Cell(_short(row["value"]), interval, _standing(view, number, column, row), row["count"])


def _standing(view: View, number: int, column: Column, row: Mapping[str, Any]) -> Standing:
    if column.group == "randomisation":
        return row.get("verdict") or "plain"
    if column.group == "robustness":  # a map of noise that never changes is robust, and no rival
        return "plain"
    versus = {"better": "better", "worse": "worse"}.get(row["vs_random"] or "", "random")
    # beats is read from the method's side: −1 where the other is truly better.
    beaten = (view["beats"][column.number, number] < 0).any()
    return "first" if versus == "better" and not beaten else versus


def _short(value: float) -> str:
    """Two decimals; of large numbers three digits."""
    return f"{value:.3g}" if abs(value) >= 100 else f"{value:.2f}".replace("-0.00", "0.00").replace("-", "−")
