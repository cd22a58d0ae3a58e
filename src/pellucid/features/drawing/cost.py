"""What a dream will cost, from one measured step."""

from __future__ import annotations

import dataclasses
import itertools
import time
from dataclasses import dataclass

from pellucid.features.drawing.objectives import Size
from pellucid.features.drawing.plan import Plan, memory_of
from pellucid.models.prepare import untouched


@dataclass(frozen=True)
class Cost:
    """steps: of all sizes together. step_seconds: of one at the largest size, measured. seconds: of all, estimated
    by the sizes' areas. bytes: of memory that one takes, about.
    """

    steps: int
    sizes: tuple[Size, ...]
    step_seconds: float
    seconds: float
    bytes: int


def cost_of(plan: Plan) -> Cost:
    """Measure one step at the largest size, after one to warm up."""
    largest = plan.sizes[-1]
    trial = dataclasses.replace(plan, sizes=(largest,), steps=2)
    with untouched(plan.network.module):
        times = [time.perf_counter() for _ in itertools.chain([None], trial.shades())]
    each = times[-1] - times[-2]
    areas = sum(h * w for h, w in plan.sizes) / (largest[0] * largest[1])
    needed = memory_of(plan.network, plan.objective.layer, largest)
    return Cost(plan.total, plan.sizes, each, plan.steps * areas * each, needed)
