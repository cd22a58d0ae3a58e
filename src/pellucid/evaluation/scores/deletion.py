"""Deletion: how soon the answer breaks down when the map's strongest pixels are taken first."""

from __future__ import annotations

from torch import Tensor

from pellucid.evaluation.bench import Bench
from pellucid.evaluation.curves import Blank, area, curve
from pellucid.evaluation.table import Work, scores


@scores.register(
    "deletion",
    group="faithfulness",
    source="arXiv:1806.07421",
    better="lower",
    variants=({"baseline": "blur"}, {"baseline": "mean"}),
    work=lambda n, *, steps, **_: Work(own=n * (steps - 1), shared=2 * n),
    unit="the output's mean probability while pixels are taken",
)
def deletion(bench: Bench, maps: Tensor, *, baseline: Blank = "mean", steps: int = 10) -> Tensor:
    """The area under the answer's curve while pixels are taken from the picture, the map's strongest first.

    baseline: what is in their place: "mean" colour, "blur", "noise", "zero" or "black". steps: points of the curve.
    """
    return area(curve(bench, maps, towards="blank", baseline=baseline, steps=steps))
