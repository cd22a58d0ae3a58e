"""What the scores amount to: the table, the cases worth seeing, and the View."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.core.types import View
from pellucid.evaluation.baselines import BASELINES
from pellucid.evaluation.bench import Bench, Explainer
from pellucid.evaluation.check import verdict
from pellucid.evaluation.columns import Column
from pellucid.evaluation.judged import Judged
from pellucid.evaluation.verdicts import words

#: The groups of scores by which a picture is a method's best or worst: those that say how true its map is.
_TRUE = ("faithfulness", "truth")

_AGAINST = {1: "better", -1: "worse", 0: "as random"}


def cases(judged: Judged, found: Sequence[Column]) -> np.ndarray:
    """Each method's best and worst picture, int [methods, 2]: against the other methods on the same picture.

    By the mean over scores of how far its value lies from the methods' mean, in that score's standard deviations: a
    picture that is easy for all is nobody's best.
    """
    chosen = [i for i, c in enumerate(found) if c.facts.group in _TRUE] or list(range(len(found)))
    values = judged.values[:, chosen] * judged.signs[chosen][:, None]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of means over nothing, which are NaN
        gaps = values - np.nanmean(values, 0)
        spread = np.nanstd(values, (0, 2), keepdims=True)
        points = np.nanmean(np.where(spread > 0, gaps / np.where(spread > 0, spread, 1), np.nan), 1)
    points = np.where(np.isfinite(points), points, 0.0)
    return np.stack([points.argmax(1), points.argmin(1)], 1).astype(np.int64)


def view(
    bench: Bench,
    methods: Mapping[str, Explainer],
    found: Sequence[Column],
    judged: Judged,
    chosen: np.ndarray,
    maps: np.ndarray,
    *,
    left_out: Mapping[str, str],
    notes: tuple[str, ...],
    options: Mapping[str, Any],
    seconds: float,
) -> View:
    """Everything that was found, as plain values."""
    mean, low, high = judged.means()
    pairs = [judged.differences(s) for s in range(len(found))]
    difference, difference_low, difference_high, p = (np.stack([one[i] for one in pairs]) for i in range(4))
    beats = np.stack([judged.beats(s, difference[s], p[s]) for s in range(len(found))])
    table = _table(methods, found, judged, (mean, low, high))
    one = ("method", "score")
    two = ("score", "method", "other")
    arrays = {
        "values": (np.where(judged.known, judged.values, 0.0), (*one, "sample")),
        "known": (judged.known, (*one, "sample")),
        "mean": (_plain(mean), one),
        "low": (_plain(low), one),
        "high": (_plain(high), one),
        "count": (judged.known.sum(2), one),
        "difference": (_plain(difference), two),
        "difference_low": (_plain(difference_low), two),
        "difference_high": (_plain(difference_high), two),
        "p": (p, two),
        "beats": (beats, two),
        "cases": (chosen, ("method", "case")),
        "case_maps": (maps.astype(np.float32), ("method", "case", "height", "width")),
        "targets": (bench.targets.cpu().numpy(), ("sample",)),
    }
    said = words(bench, methods, found, judged, table)
    return View(
        kind="evaluate_explanations",
        arrays={name: array for name, (array, _) in arrays.items()},
        axes={name: axes for name, (_, axes) in arrays.items()},
        table=tuple(table),
        options={
            **options,
            "methods": tuple(methods),
            "baselines": tuple(BASELINES),
            "scores": tuple(c.name for c in found),
            "better": tuple(c.facts.better for c in found),
            "groups": tuple(c.facts.group for c in found),
            "units": tuple(c.facts.unit for c in found),
            "sources": tuple(c.facts.source for c in found),
            "summaries": tuple(c.entry.summary for c in found),
            "pictures": len(bench),
            "of": bench.of,
            "classes": tuple(bench.network.class_name(int(t)) for t in bench.targets),
            "words": said,
        },
        pictures=bench.pictures,
        names=bench.names,
        seconds=seconds,
        notes=(*notes, *(f"{name} is left out: {why}" for name, why in left_out.items())),
        provenance={**bench.source.facts(), "seed": bench.seed},
    )


def _plain(values: np.ndarray) -> np.ndarray:
    """What is unknown is 0, which ``count`` tells from a value."""
    return np.where(np.isfinite(values), values, 0.0)


def _table(
    methods: Mapping[str, Explainer],
    found: Sequence[Column],
    judged: Judged,
    told: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> list[dict[str, Any]]:
    """A row a method and score that it has."""
    mean, low, high = told
    names, ranks, counts = list(methods), judged.ranks(), judged.known.sum(2)
    random, edges = names.index("random_map"), names.index("sobel")
    rows = []
    for s, column in enumerate(found):
        against = [(other, judged.against(other, s)) for other in (random, edges)]
        compared = column.facts.group in _TRUE  # noise changes with the weights as it should, and proves nothing
        for m, name in enumerate(names):
            stands = ["" if m == other or not compared else _AGAINST[int(each[m])] for other, each in against]
            if not counts[m, s]:
                continue
            rows.append(
                {
                    "method": name,
                    "baseline": name in BASELINES,
                    "group": getattr(methods[name], "group", "baseline" if name in BASELINES else ""),
                    "score": column.name,
                    "score_group": column.facts.group,
                    "better": column.facts.better,
                    "value": float(mean[m, s]),
                    "low": float(low[m, s]),
                    "high": float(high[m, s]),
                    "count": int(counts[m, s]),
                    "rank": float(ranks[m, s]),
                    "of": int(np.isfinite(ranks[:, s]).sum()),
                    "vs_random": stands[0],
                    "vs_sobel": stands[1].replace("random", "edges"),
                    "verdict": verdict(column, float(low[m, s]), float(high[m, s]), int(counts[m, s])),
                }
            )
    return rows
