"""DeepDream's loop: a picture climbs at growing sizes, and only what was drawn into it is carried along."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from pellucid.features.drawing.ascent import Climb, ascend
from pellucid.features.drawing.objectives import Size
from pellucid.features.drawing.shades import resized


def through_octaves(
    base: Tensor, sizes: Sequence[Size], climb: Climb, steps: int, generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """After each of ``steps`` steps at each size: the shades [1, C, h, w], and the score before the step.

    At each size the picture itself is taken fresh from ``base``, so it does not lose its sharpness; the detail,
    what the smaller size added to it, is enlarged and added.
    """
    detail = torch.zeros_like(resized(base, sizes[0]))
    for size in sizes:
        ground = resized(base, size)
        drawn = ground + resized(detail, size)
        for after, score in ascend(drawn, climb, steps, generator):
            drawn = after
            yield drawn, score
        detail = drawn - ground
