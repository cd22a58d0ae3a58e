"""How well landmarks were found: matched within a radius, precision, recall, F1, distance, PCK, and how many there are.

What scores need of a picture is its **summary**, float32 [types, 1 + found + true, 3]: first (density's count, 1 where
anybody looked, the longer side of what enters the network), then the found peaks (x, y, height) and the true landmarks
(x, y, 1), rows of zeros where there is none. What is **decided** from it by thresholds is float64 [types, COUNTS].
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.tasks.landmarks.matching import matched
from pellucid.tasks.landmarks.peaks import Refine, peaks
from pellucid.tasks.landmarks.truth import asked, heatmaps, judged, limited, there
from pellucid.tasks.task import Metric, Vocabulary

#: Of a picture and type: whether anybody looked; matched, found without a match, true without one; the sum of matched
#: distances in pixels; true ones found within PCK of the longer side; how many the density holds.
COUNTS = ("judged", "tp", "fp", "fn", "distance", "near", "density")

#: Peaks below this are noise in any case; the threshold where nobody tuned one; those that are tried.
FLOOR, USUAL = 0.05, 0.3
TRIED = np.arange(0.05, 0.96, 0.025)

#: The share of the longer side within which a landmark counts for PCK.
PCK = 0.01


def most_of(vocabulary: Vocabulary) -> int:
    """How many peaks of a map are looked at: twice as many as any picture of the data has landmarks, and five more."""
    return 2 * vocabulary.most + 5


def summary_of(heat: Tensor, targets: Tensor, *, sigma: float, most: int, refine: Refine) -> Tensor:
    """Summaries of heatmaps [N, types, height, width] against targets; ``most`` peaks of each map are kept.

    Where nothing is asked for, nothing is found, and the density is not counted.
    """
    kinds = heat.shape[1]
    looked = (
        asked(targets, heatmaps(targets, kinds, (heat.shape[-2], heat.shape[-1]), sigma), sigma)
        if limited(targets)
        else None
    )
    found = peaks(heat, most, least=FLOOR, refine=refine, among=looked)
    own = there(targets, kinds)
    places = targets[:, None, 1:, :2].nan_to_num(0.0).expand(-1, kinds, -1, -1)
    true = torch.cat([places, torch.ones_like(places[..., :1])], -1) * own[..., None]
    first = torch.stack(
        [
            density_of(heat if looked is None else heat * looked, sigma),
            judged(targets).to(heat)[:, None].expand(-1, kinds),
            torch.full_like(heat[:, :, 0, 0], float(max(heat.shape[-2:]))),
        ],
        -1,
    )
    return torch.cat([first[:, :, None], found, true], 2)


def density_of(heat: Tensor, sigma: float) -> Tensor:
    """How many landmarks the integral of each heatmap [..., height, width] holds.

    A Gaussian of height 1 has the integral 2πσ², and above a height h the share 1 − h of it. Below FLOOR are thousands
    of pixels of background, whose small errors would add up to more than a landmark.
    """
    above = torch.where(heat > FLOOR, heat, 0.0).sum((-2, -1))
    return above / (2 * math.pi * sigma**2 * (1 - FLOOR))


def decided(summaries: np.ndarray, rule: Mapping[str, Any], *, most: int, radius: float) -> np.ndarray:
    """Which of the found ones count by the rule's thresholds, and how they match: [N, types, COUNTS].

    radius: a share of the longer side.
    """
    thresholds, area = np.asarray(rule["thresholds"]), np.asarray(rule["area"])
    decisions = np.zeros((*summaries.shape[:2], len(COUNTS)))
    for i, kind in np.ndindex(*summaries.shape[:2]):
        first, found, true = parts(summaries[i, kind], most)
        if first[1] < 0.5:
            continue
        kept = found[found[:, 2] > thresholds[kind], :2]
        *_, distance = matched(kept, true, radius * first[2])
        hits, near = len(distance), int((distance <= PCK * first[2]).sum())
        told = (1, hits, len(kept) - hits, len(true) - hits, distance.sum(), near, area[kind] * first[0])
        decisions[i, kind] = told
    return decisions


def parts(summary: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The first row of one summary [rows, 3], the found peaks [k, 3], and the true landmarks [m, 2]."""
    found, true = summary[1 : 1 + most], summary[1 + most :]
    return summary[0], found[found[:, 2] > 0], true[true[:, 2] > 0, :2]


def tuned(summaries: np.ndarray, kinds: int, *, most: int, radius: float) -> dict[str, list[float]]:
    """The threshold of each type with the best F1 (the middle one of several), and what its density is divided by.

    A type that is in none of the pictures keeps the usual threshold.
    """
    rule = untuned(kinds)
    counts = [decided(summaries, {**rule, "thresholds": [t] * kinds}, most=most, radius=radius) for t in TRIED]
    for kind in range(kinds):
        scores = np.array([f1(each[:, [kind]])[0] for each in counts])
        if column(counts[0], "tp")[:, kind].sum() + column(counts[0], "fn")[:, kind].sum() == 0:
            continue
        best = np.flatnonzero(scores >= np.nanmax(scores) - 1e-12)
        rule["thresholds"][kind] = round(float(TRIED[best[len(best) // 2]]), 4)
        true = _true(counts[0])[:, kind].sum()
        density = column(counts[0], "density")[:, kind].sum()
        rule["area"][kind] = float(true / density) if true > 0 and density > 0 else 1.0
    return rule


def untuned(kinds: int) -> dict[str, list[float]]:
    """The rule before anything is tuned."""
    return {"thresholds": [USUAL] * kinds, "area": [1.0] * kinds}


def column(decisions: np.ndarray, name: str) -> np.ndarray:
    """One count of decisions [N, types, COUNTS]: [N, types]."""
    return decisions[..., COUNTS.index(name)]


def _true(decisions: np.ndarray) -> np.ndarray:
    return column(decisions, "tp") + column(decisions, "fn")


def f1(decisions: np.ndarray) -> np.ndarray:
    """2 tp / (2 tp + fp + fn) of each type; NaN where there is none and none was found."""
    tp, fp, fn = (column(decisions, name).sum(0) for name in ("tp", "fp", "fn"))
    return _divided(2 * tp, 2 * tp + fp + fn)


def precision(decisions: np.ndarray) -> np.ndarray:
    """The share of the found ones that are right, of each type."""
    tp, fp = (column(decisions, name).sum(0) for name in ("tp", "fp"))
    return _divided(tp, tp + fp)


def recall(decisions: np.ndarray) -> np.ndarray:
    """The share of the true ones that were found, of each type."""
    return _divided(column(decisions, "tp").sum(0), _true(decisions).sum(0))


def distance(decisions: np.ndarray) -> np.ndarray:
    """The mean distance of matched ones in pixels, of each type."""
    return _divided(column(decisions, "distance").sum(0), column(decisions, "tp").sum(0))


def pck(decisions: np.ndarray) -> np.ndarray:
    """The share of the true ones that were found within PCK of the longer side, of each type."""
    return _divided(column(decisions, "near").sum(0), _true(decisions).sum(0))


def count_error(decisions: np.ndarray) -> np.ndarray:
    """By how many the number of peaks is wrong in a picture, of each type."""
    off = np.abs(column(decisions, "fp") - column(decisions, "fn")).sum(0)
    return _divided(off, column(decisions, "judged").sum(0))


def density_error(decisions: np.ndarray) -> np.ndarray:
    """By how many the density's integral is wrong in a picture, of each type."""
    off = np.abs(column(decisions, "density") - _true(decisions)).sum(0)
    return _divided(off, column(decisions, "judged").sum(0))


def metrics(radius: float) -> dict[str, Metric]:
    """The metrics: of all pictures together, the mean over types."""
    within = f"within {radius:.3g} of the longer side"

    def mean(measure: Callable[[np.ndarray], np.ndarray]) -> Callable[..., float]:
        return lambda _, __, decisions: _mean(measure(decisions))

    number = lambda _, decisions: int(_true(decisions).sum())  # noqa: E731
    found = lambda _, decisions: int((column(decisions, "tp") + column(decisions, "fp")).sum())  # noqa: E731
    return {
        "f1": Metric(mean(f1), f"F1 of landmarks matched {within}, the mean over types", of=number),
        "precision": Metric(mean(precision), "share of the found landmarks that are right", of=found),
        "recall": Metric(mean(recall), f"share of the landmarks that were found {within}", of=number),
        "distance": Metric(mean(distance), "mean distance of matched ones, in pixels of the input", higher=False),
        "pck": Metric(mean(pck), f"share of the landmarks found within {PCK:g} of the longer side", of=number),
        "count_mae": Metric(mean(count_error), "how many peaks too many or too few in a picture", higher=False),
        "density_mae": Metric(mean(density_error), "how far the heatmap's integral is from the count", higher=False),
    }


def words_of(names: Sequence[str], decisions: np.ndarray) -> str:
    """One picture's decisions [types, COUNTS] in words: "eye 2 of 2, nose 0 of 1 and 1 too many"."""
    told = []
    for kind, name in enumerate(names):
        tp, fp, fn = (int(column(decisions, n)[kind]) for n in ("tp", "fp", "fn"))
        if tp + fp + fn:
            told.append(f"{name} {tp} of {tp + fn}" + (f" and {fp} too many" if fp else ""))
    return ", ".join(told) or "none there, none found"


def _mean(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def _divided(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.where(below > 0, above / np.where(below > 0, below, 1.0), np.nan)
