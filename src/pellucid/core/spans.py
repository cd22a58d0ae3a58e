"""Which rows or columns carry the relevance: profiles, and the shortest runs that hold a stated share of it.

Pure numbers. A row's relevance is the sum over its columns and channels. Only what speaks for the target is
shared out: the positive part of the profile. Definitions, for a profile of n places:

- The *best single run* is the shortest run of neighbouring places whose positive relevance is at least
  ``share`` of all there is; of several as short the one that carries most, of those the first.
- The *best r runs* are the fewest places, in at most r runs, that carry as much; of several as few those in the
  fewest runs, then those that carry most.
- ``runs=None`` takes one more run only where it at least halves the number of places: two bursts with a long
  silence between become two spans, and a span is not crumbled to save a place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pellucid.core import axes as named
from pellucid.core.errors import BadInput, near

#: What is called a row lies along the height, and so on.
ALONG = {"row": "height", "column": "width"}

#: Most runs that may be asked for; ``runs=None`` tries up to AUTO.
MOST_RUNS, AUTO = 5, 3

#: Several runs are sought up to this many places: the search takes their square in time and memory.
LONGEST = 2048


@dataclass(frozen=True)
class Span:
    """Places ``start`` to ``stop`` − 1. relevance: what speaks for the target there; share: of all that does."""

    start: int
    stop: int
    relevance: float
    share: float


def axes_of(axis: str) -> tuple[str, ...]:
    """("row",), ("column",), or both of them."""
    known = {**{a: (a,) for a in ALONG}, "both": tuple(ALONG)}
    if axis not in known:
        raise BadInput(f"axis is {axis!r}", cure=near(str(axis), known))
    return known[axis]


def profile(values: np.ndarray, axes: Sequence[str], axis: str) -> np.ndarray:
    """Relevance by row or by column: float64 [sample, n], all other axes added up."""
    kept = ("sample", ALONG[axis])
    for name in kept:
        named.position(axes, name)
    total, left = named.sum_over(values.astype(np.float64), axes, *(a for a in axes if a not in kept))
    return total if left == kept else total.T


def shortest(line: np.ndarray, share: float = 0.5, runs: int | None = None) -> list[Span]:
    """The shortest runs of a profile [n] that carry ``share`` of what is positive in it, in their order.

    share: above 0 and up to 1. runs: at most so many, or None (see above). An empty list where nothing is
    positive. Raises BadInput where several runs are asked for and n is above LONGEST.
    """
    if not 0 < share <= 1:
        raise BadInput(f"share is {share}", cure="pass a share above 0 and up to 1")
    if runs is not None and (isinstance(runs, bool) or not 1 <= runs <= MOST_RUNS):
        raise BadInput(f"runs is {runs}", cure=f"pass 1 to {MOST_RUNS}, or None")
    if runs is not None and runs > 1 and len(line) > LONGEST:
        what = f"{runs} runs are asked for among {len(line)} places; several are sought among up to {LONGEST}"
        raise BadInput(what, cure="pass runs=1")
    gain = np.maximum(np.asarray(line, np.float64), 0)
    total = float(gain.sum())
    if total <= 0:
        return []
    wanted = share * total * (1 - 1e-9)  # sums are rounded
    best = [_single(gain, wanted)]
    most = (AUTO if len(line) <= LONGEST else 1) if runs is None else runs
    if most > 1:
        found = _several(gain, wanted, most, longest=_places(best))
        for more in found[1:]:
            if _places(more) <= (_places(best) / 2 if runs is None else _places(best) - 1):
                best = more
    return [_span(gain, start, stop, total) for start, stop in best]


Runs = list[tuple[int, int]]


def _places(runs: Sequence[tuple[int, int]]) -> int:
    return sum(stop - start for start, stop in runs)


def _span(gain: np.ndarray, start: int, stop: int, total: float) -> Span:
    relevance = float(gain[start:stop].sum())
    return Span(start, stop, relevance, relevance / total)


def _single(gain: np.ndarray, wanted: float) -> tuple[int, int]:
    before = np.concatenate([[0.0], np.cumsum(gain)])
    stops = np.searchsorted(before, before[:-1] + wanted)  # the first stop that carries enough, for each start
    starts = np.flatnonzero(stops < len(before))
    stops = stops[starts]
    carried = before[stops] - before[starts]
    first = np.lexsort((starts, -carried, stops - starts))[0]
    return int(starts[first]), int(stops[first])


def _several(gain: np.ndarray, wanted: float, most: int, *, longest: int) -> list[Runs]:
    """For at most 1, 2, … ``most`` runs the fewest places that carry enough; ``longest`` places always do.

    Place by place, the most that c places in at most k runs can carry: ``taken[k, c]`` where the last place is one
    of them, ``best[k, c]`` in any case. Which way each maximum came is kept, to read the places off afterwards.
    """
    n, shape = len(gain), (most + 1, longest + 1)
    taken, best = np.full(shape, -np.inf), np.full(shape, -np.inf)
    best[:, 0] = 0.0
    begins, ends = np.zeros((n, *shape), bool), np.zeros((n, *shape), bool)
    for place in range(n):
        goes_on, starts = taken[1:, :-1], best[:-1, :-1]
        begins[place, 1:, 1:] = starts > goes_on
        taken[1:, 1:] = np.maximum(goes_on, starts) + gain[place]
        ends[place] = taken > best
        np.maximum(best, taken, out=best)
    found = []
    for k in range(1, most + 1):
        count = int(np.flatnonzero(best[k] >= wanted)[0])
        found.append(_read_off(begins, ends, k, count))
    return found


def _read_off(begins: np.ndarray, ends: np.ndarray, k: int, count: int) -> Runs:
    """The runs behind ``best[k, count]``, walked backwards from the last place."""
    places, inside = [], False
    for place in reversed(range(len(begins))):
        if not count:
            break
        if inside or ends[place, k, count]:
            places.append(place)
            inside = not begins[place, k, count]
            k, count = k - (not inside), count - 1
    places.reverse()
    cuts = np.flatnonzero(np.diff(places) > 1) + 1
    return [(int(run[0]), int(run[-1]) + 1) for run in np.split(np.array(places), cuts)]
