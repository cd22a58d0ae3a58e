"""From where to re-train a network that has lost what its user needs: read off the probes through its layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pellucid.features.resampling import Interval
from pellucid.models.layers import Layer

#: A probe is as good as the best one where it is within so many standard errors of their difference.
ERRORS = 2


@dataclass(frozen=True)
class Cut:
    """layer: the deepest one whose average still tells; None where none does. unfreeze_from: the first behind it.

    pooled_apart: the deepest layer behind it (or of all) that still tells when its parts are pooled apart: there only
    the pooling has to change. None where there is none. never: no layer's average tells what the parts of one do, so
    the cut is the first whose parts tell it.
    """

    layer: str | None
    unfreeze_from: str | None
    pooled_apart: str | None
    never: bool = False


def find_cut(
    average: Mapping[str, Interval], apart: Mapping[str, Interval], chance: float, tree: Sequence[Layer]
) -> Cut:
    """The cut through layers in order of depth. average, apart: the scores of both poolings, by layer.

    The deepest layer whose score is within two standard errors of the best is the cut; the error is that of the
    difference between the two, for both are of the same pictures, and a score of 1.0 would have no error of its own.
    Where no layer's score is above chance by more than all layers together go by chance, there is no cut.

    Where the last layer's average is as good as any and yet a layer's parts tell more, nothing was lost on the way: no
    average ever had it. A new classifier would get no further, so the layers behind the first whose parts tell all have
    to bring it into the average.
    """
    telling = _telling(average, chance)
    if not telling:
        deep = _as_good_as_the_best(_telling(apart, chance))
        return Cut(None, None, deep[-1] if deep else None)
    layer = _as_good_as_the_best(telling)[-1]
    best = max(average.values(), key=lambda s: s.value)
    names = list(average)
    if layer == names[-1] and _better(apart, best):
        as_good = _as_good_as_the_best(apart)
        return Cut(as_good[0], first_behind(as_good[0], tree), as_good[-1], never=True)
    behind = [n for n in names[names.index(layer) + 1 :] if n in apart and _as_good(apart[n], best)]
    return Cut(layer, first_behind(layer, tree), behind[-1] if behind else None)


def _telling(scores: Mapping[str, Interval], chance: float) -> dict[str, Interval]:
    """The layers that tell more than chance does, of many of which the best one is above it by luck alone.

    So a score has to be above it by what the luckiest layer of a draw is above its own score, in 97.5 % of the draws
    (the simultaneous bound of Romano & Wolf 2005).
    """
    if not scores:
        return {}
    luck = np.stack([s.draws - s.value for s in scores.values()]).max(0)
    margin = float(np.quantile(luck, 0.975))
    return {n: s for n, s in scores.items() if s.value - margin > chance}


def _as_good_as_the_best(scores: Mapping[str, Interval]) -> list[str]:
    best = max(scores.values(), key=lambda s: s.value, default=None)
    return [n for n, s in scores.items() if best is not None and _as_good(s, best)]


def _as_good(score: Interval, best: Interval) -> bool:
    return bool(score.value >= best.value - ERRORS * (best.draws - score.draws).std())


def _better(scores: Mapping[str, Interval], other: Interval) -> bool:
    """Whether the best of these is above another one by more than the errors of their difference."""
    best = max(scores.values(), key=lambda s: s.value, default=other)
    return bool(best.value - other.value > ERRORS * (best.draws - other.draws).std())


def first_behind(name: str, tree: Sequence[Layer]) -> str | None:
    """The outermost module with parameters that begins to run only when ``name`` has ended; None if there is none."""
    base = name.partition(":")[0]
    ended = next(layer.order for layer in tree if layer.name == base)
    later = [layer for layer in tree if layer.own_parameters and layer.order > ended]
    if not later:
        return None
    first = min(later, key=lambda layer: layer.order).name
    outer = [layer.name for layer in tree if first == layer.name or first.startswith(layer.name + ".")]
    for candidate in sorted(outer, key=len):
        inside = [l for l in tree if l.calls and (l.name == candidate or l.name.startswith(candidate + "."))]
        if all(l.order > ended for l in inside):
            return candidate
    return first
