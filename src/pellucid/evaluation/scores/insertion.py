"""Insertion: how soon the answer comes back when the map's strongest pixels are shown first."""

from __future__ import annotations

from torch import Tensor

from pellucid.evaluation.bench import Bench
from pellucid.evaluation.curves import Blank, area, curve
from pellucid.evaluation.table import Work, scores


@scores.register(
    "insertion",
    group="faithfulness",
    source="arXiv:1806.07421",
    better="higher",
    variants=({"baseline": "blur"}, {"baseline": "mean"}),
    work=lambda n, *, steps, **_: Work(own=n * (steps - 1), shared=2 * n),
    unit="the output's mean probability while pixels are shown",
)
def insertion(bench: Bench, maps: Tensor, *, baseline: Blank = "blur", steps: int = 10) -> Tensor:
    """The area under the answer's curve while pixels are shown on a blank picture, the map's strongest first.

    baseline: the blank picture: "blur", "mean" colour, "noise", "zero" or "black". steps: points of the curve.
    """
    return area(curve(bench, maps, towards="full", baseline=baseline, steps=steps))
