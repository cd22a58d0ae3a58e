"""From which probability on something is said to be there: by what mistakes cost, or by validation items."""

from __future__ import annotations

from typing import Literal

import numpy as np

from pellucid.core.errors import BadInput
from pellucid.tasks.curves import Ranked, ranked

Aim = Literal["f1", "youden"]


def cost_threshold(false_positive: float, false_negative: float) -> float:
    """c_FP / (c_FP + c_FN): where both decisions cost the same on average (Elkan 2001, eq. 2)."""
    for cost in (false_positive, false_negative):
        if not 0 < cost < float("inf"):
            raise BadInput(f"a mistake costs {cost:g}", cure="pass costs above 0")
    return false_positive / (false_positive + false_negative)


def tuned_threshold(truth: np.ndarray, probabilities: np.ndarray, aim: Aim) -> float | None:
    """The threshold that does best on these items, midway between two probabilities; truth: bool [n].

    aim: "f1", or "youden" for recall + specificity − 1. None where the items hold no positive one (or, for "youden",
    no negative one), which says nothing. For calibrated probabilities the best F1 is reached at F1/2 (Lipton 2014).
    """
    positives = int(truth.sum())
    if positives == 0 or (aim == "youden" and positives == len(truth)):
        return None
    cuts = ranked(truth, probabilities)
    best = int((_f1(cuts) if aim == "f1" else _youden(cuts)).argmax())
    below = float(cuts.lowest[best + 1]) if best + 1 < len(cuts.lowest) else 0.0
    return _between(below, float(cuts.lowest[best]))


def _f1(cuts: Ranked) -> np.ndarray:
    return 2 * cuts.true / (cuts.taken + cuts.true[-1])


def _youden(cuts: Ranked) -> np.ndarray:
    negatives = cuts.taken[-1] - cuts.true[-1]
    return cuts.true / cuts.true[-1] - (cuts.taken - cuts.true) / negatives


def _between(below: float, above: float) -> float:
    """The middle; ``above`` itself where the two are neighbours among floats."""
    middle = (below + above) / 2
    return middle if middle > below else above
