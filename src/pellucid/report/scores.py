"""Scores in words: a metric's name, a figure, its interval, and whether it is any better than a constant answer."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pellucid.report.words import number, percent

#: So many times the error of principal components are infinitely many: these miss nothing but by rounding.
NOTHING = 1e6

#: Metrics that are known by their first letters.
_LETTERS = {"pck", "mae", "mse", "rmse", "qwk", "rps", "f1", "auroc", "pca", "kl"}

#: And those that are written in a way of their own.
_OWN = {"iou": "IoU", "r2": "R²", "map": "mAP", "map50": "mAP50"}


def metric_name(metric: str) -> str:
    """``mean_accuracy`` as one says it at the beginning of a sentence; a group or a column behind it stays as it is."""
    name, *behind = re.split(r"(:| of )", metric, maxsplit=1)
    words = [_OWN.get(word, word.upper() if word in _LETTERS else word) for word in name.split("_")]
    first = words[0] if words[0] in _OWN.values() else words[0][:1].upper() + words[0][1:]
    return " ".join([first, *words[1:]]) + "".join(behind)


def beats(row: Mapping[str, Any]) -> bool:
    """Whether all of the interval is better than the constant answer."""
    if row["baseline"] is None or row["value_low"] is None or not np.isfinite(row["value_low"]):
        return True
    return bool(row["value_low"] > row["baseline"] if row["higher"] else row["value_high"] < row["baseline"])


def interval_words(row: Mapping[str, Any]) -> str:
    """``0.983 (95 % interval 0.964 to 0.996)``."""
    if row["value"] is None or not np.isfinite(row["value"]):
        return "not defined"
    return interval_of(row["value"], row["value_low"], row["value_high"])


def interval_of(value: float, low: float, high: float) -> str:
    """The same of three figures."""
    said, *ends = alike(value, low, high)
    return f"{said} (95 % interval {ends[0]} to {ends[1]})"


def perfect_words(row: Mapping[str, Any]) -> str:
    """What no mistake among so many items says: a bootstrap of these knows no other (the rule of three)."""
    if "accuracy" not in row["metric"] or not row["value"] == row["value_high"] == 1.0:
        return ""
    bound = percent(min(1.0, 3 / row["items"]))
    return f" No mistake among them: with 95 % confidence fewer than {bound} of such items are mistaken (3/N)."


def short(value: float) -> str:
    """Three decimals are more than an interval leaves room for; below a hundredth two digits."""
    if 0 < abs(value) < 0.0095:
        return number(float(f"{value:.2g}"))
    return f"{value:.3f}".replace("-0.000", "0.000") if abs(value) < 10 else f"{value:.4g}"


def alike(*values: float) -> list[str]:
    """Figures that stand in one sentence, with as many decimals each as the largest needs for four digits.

    Below a hundredth it needs two digits, as in ``short``; what no decimals suit is told one by one.
    """
    finite = [abs(v) for v in values if v is not None and np.isfinite(v)]
    most = max(finite, default=0.0)
    if most and not 1e-4 <= most < 1e9:
        return [short(v) for v in values]
    digits = 3 - math.floor(math.log10(most)) if most >= 10 else 3
    decimals = 1 - math.floor(math.log10(most)) if 0 < most < 0.0095 else max(0, digits)
    said = [f"{v:.{decimals}f}" if v is not None and np.isfinite(v) else short(v) for v in values]
    return [text.removeprefix("-") if not text.strip("-0.") else text for text in said]


def cell(value: Any) -> str:
    """A figure as the terminal tells it; a dash where there is none."""
    return "–" if value is None or (isinstance(value, float) and not np.isfinite(value)) else short(value)


#: How a column's cells are told on the page, where that is not as any figure.
CELLS: dict[str, Callable[[Any], str]] = {
    "metric": metric_name,
    **dict.fromkeys((n + end for n in ("value", "baseline") for end in ("", "_low", "_high")), cell),
}
