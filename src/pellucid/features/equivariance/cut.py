"""From where to re-train a network that has lost what its user needs: read off the probes through its layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pellucid.features.resampling import Interval
from pellucid.models.layers import Layer

#: A probe is as good as the best one where it is within so many standard errors of their difference.
ERRORS = 2


@dataclass(frozen=True)
class Cut:
    """layer: the deepest one whose average still tells; None where none does. unfreeze_from: the first behind it.

    pooled_apart: the deepest layer behind it (or of all) that still tells when its parts are pooled apart: there only
    the pooling has to change. None where there is none.
    """

    layer: str | None
    unfreeze_from: str | None
    pooled_apart: str | None


def find_cut(
    average: Mapping[str, Interval], apart: Mapping[str, Interval], chance: float, tree: Sequence[Layer]
) -> Cut:
    """The cut through layers in order of depth. average, apart: the scores of both poolings, by layer.

    The deepest layer whose score is within two standard errors of the best is the cut; the error is that of the
    difference between the two, for both are of the same pictures, and a score of 1.0 would have no error of its own.
    """
    best = max(average.values(), key=lambda s: s.value)
    if best.value - ERRORS * best.error <= chance:  # no layer's average tells anything
        fits = [n for n, s in apart.items() if s.value - ERRORS * s.error > chance]
        top = max((apart[n] for n in fits), key=lambda s: s.value, default=None)
        deep = [n for n in fits if top is not None and _as_good(apart[n], top)]
        return Cut(None, None, deep[-1] if deep else None)
    layer = [n for n, s in average.items() if _as_good(s, best)][-1]
    names = list(average)
    behind = [n for n in names[names.index(layer) + 1 :] if n in apart and _as_good(apart[n], best)]
    return Cut(layer, first_behind(layer, tree), behind[-1] if behind else None)


def _as_good(score: Interval, best: Interval) -> bool:
    return bool(score.value >= best.value - ERRORS * (best.draws - score.draws).std())


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
