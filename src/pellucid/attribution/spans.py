"""``pellucid.spans``: which rows and columns of a matrix decide, held against chance and against their removal.

Two questions are asked of each span that an explanation shows. Would the same numbers in other rows show as much?
The matrix is shuffled along the axis in question (for rows, the numbers of each column change rows, each place
keeping its channels; for columns the other way round), and explained anew for the same target. A span is compared
with the best run of any length anywhere: the maximum over all of them corrects for the search that found it. What
is compared is the *excess*, what a run carries beyond its length's even share of the whole profile. And does the
target need the span? Its rows are covered, and the target's fall is compared with that of other runs.

Shuffling all the numbers at once would take away the evidence itself: beside a shuffled input that speaks for
nothing, every column would stand out because a few rows decide.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.attribution.explain import explain
from pellucid.attribution.passes import scores
from pellucid.attribution.target import Of, Target, Wanted, resolve
from pellucid.core import spans as lines
from pellucid.core.errors import BadInput
from pellucid.core.progress import quiet, track
from pellucid.core.types import Explanation, View
from pellucid.data.batches import Inputs, as_batch
from pellucid.models.baselines import Baseline, baseline_of
from pellucid.models.network import Network
from pellucid.models.prepare import untouched

#: Fewer shuffles than this cannot reach a p of 0.05.
FEW = 19


def spans(
    network: Network,
    inputs: Inputs,
    axis: str = "both",
    method: str = "integrated_gradients",
    target: Wanted = "top",
    *,
    share: float = 0.5,
    runs: int | None = None,
    shuffles: int = 50,
    cover: Baseline = "mean",
    of: Of = "logit",
    seed: int = 0,
    **options: Any,
) -> View:
    """The shortest spans of rows and columns that carry a share of the evidence, with proof.

    inputs, method, target, of, options: as for ``explain``. axis: "row", "column" or "both". share, runs: as for
    ``Explanation.spans``. shuffles: how many shuffled inputs to compare with. cover: what a covered row is filled
    with: "mean" (of its channel in this matrix), "zero", "blur" or a number.

    Gives what ``Explanation.spans`` does, and for each axis (row, column): p/AXIS [sample, n], of each place by
    itself; chance/AXIS [sample, step], the excess of each shuffled input's best place; drop/AXIS [sample, n], the
    target's fall when that place is covered; together/AXIS [sample], when all spans are. The table holds for
    each span

    - excess: its relevance beyond its length's even share of the axis's positive relevance,
    - p: (1 + shuffled inputs in which any run has as much excess) / (1 + shuffles),
    - drop: the target's fall when it is covered, in the target's own units,
    - expected_drop, highest_drop: mean and maximum over ``compared`` random runs of its length that touch no
      span (None where there is no room for one),
    - confirmed: whether drop is positive and above highest_drop.

    Raises BadInput with the cure for anything that cannot be used.
    """
    began = time.perf_counter()
    wanted = lines.axes_of(axis)
    _check(shuffles, options)
    given = as_batch(network.input, inputs, network.device, network.dtype)
    ready = network.prepared()
    with untouched(ready.module):
        goal = resolve(ready, given.x, target, of=of)
    # "top" is each matrix's own class; shuffled, it must stay that one.
    fixed = [target] * len(given.x) if goal.indices is None else goal.indices.tolist()
    ask = Question(network, method, {"of": of, "seed": seed, **options})
    found = dataclasses.replace(ask(given.x, target if goal.indices is None else fixed), names=given.names)
    view = found.spans(axis, share=share, runs=runs)
    _check_size(view, given.x, method)
    table: list[dict[str, Any]] = []
    measured: list[dict[str, np.ndarray]] = []
    for i, aim in enumerate(fixed):
        one, rows = given.x[i : i + 1], [dict(r) for r in view.table if r["sample"] == i]
        chance = {name: _shuffled(ask, one, aim, name, shuffles, seed) for name in wanted}
        with untouched(ready.module):
            cut = Cut(ready, one, goal.rows(torch.tensor([i])), baseline_of(ready, one, cover))
            lengths = {name: view[f"profile/{name}"][i] for name in wanted}
            measured.append(_measured(rows, lengths, chance, cut, shuffles, seed))
        table += rows
    added = {n: np.stack([m[n] for m in measured]) for n in measured[0]}
    return dataclasses.replace(
        view,
        arrays={**view.arrays, **added},
        axes={**view.axes, **{n: _axes_of(n) for n in added}},
        table=tuple(table),
        options={**view.options, "shuffles": shuffles, "cover": cover, "of": goal.of, "settings": found.options},
        seconds=time.perf_counter() - began,
        notes=(*view.notes, *found.receipt.notes, *_cautions(shuffles)),
    )


def _check(shuffles: int, options: Mapping[str, Any]) -> None:
    if isinstance(shuffles, bool) or not isinstance(shuffles, int) or shuffles < 1:
        raise BadInput(f"shuffles is {shuffles!r}", cure=f"pass at least 1; {FEW} or more can show significance")
    if "unit" in options:
        raise BadInput("spans are of a class or a function, not of a unit", cure="leave unit= away")


def _check_size(view: View, x: Tensor, method: str) -> None:
    if view["map"].shape[1:] != tuple(x.shape[2:]):
        what = f"{method} gives a map of {view['map'].shape[1:]} for an input of {tuple(x.shape[2:])}"
        raise BadInput(what, cure="leave layer= away, so that it explains the input")


def _cautions(shuffles: int) -> tuple[str, ...]:
    if shuffles >= FEW:
        return ()
    return (f"with {shuffles} shuffles no p can be below {1 / (1 + shuffles):.2g}; pass {FEW} or more",)


def _axes_of(name: str) -> tuple[str, ...]:
    kind, _, axis = name.partition("/")
    return {"chance": ("sample", "step"), "together": ("sample",)}.get(kind, ("sample", lines.ALONG[axis]))


# -- chance ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Question:
    """What is asked of every input alike: which method, with which options."""

    network: Network
    method: str
    options: Mapping[str, Any]

    def __call__(self, x: Tensor, target: Any) -> Explanation:
        """The answer for ``x`` [N, C, H, W]."""
        return explain(self.network, x, self.method, target, **self.options)


def shuffled(x: Tensor, axis: str, count: int, seed: int) -> Tensor:
    """``count`` copies of ``x`` [1, C, H, W] whose numbers are shuffled along the axis, each line by itself."""
    height, width = x.shape[2:]
    draw, along = np.random.default_rng(seed), tuple(lines.ALONG).index(axis)
    places = np.arange(height * width).reshape(height, width)
    orders = torch.from_numpy(np.stack([draw.permuted(places, axis=along) for _ in range(count)])).to(x.device)
    return torch.stack([x[0].flatten(1)[:, order] for order in orders])


def _shuffled(ask: Question, x: Tensor, target: Any, axis: str, count: int, seed: int) -> np.ndarray:
    """The profiles of ``count`` shuffled inputs: float64 [count, n]."""
    size, found = ask.network.batch_size(x, gradient=True), []
    for part in track(shuffled(x, axis, count, seed).split(size), f"shuffled {axis}s"):
        with quiet():
            answer = ask(part, target)
        found.append(lines.profile(answer.values, answer.axes, axis))
    return np.concatenate(found)


def p_values(shown: np.ndarray, by_chance: np.ndarray) -> np.ndarray:
    """For each number shown [n] the share of 1 + draws that reach it, itself counted in; up to rounding."""
    reached = by_chance[None] >= shown[:, None] - 1e-9 * np.abs(shown[:, None])
    return (1 + reached.sum(1)) / (1 + len(by_chance))


def excess(profiles: np.ndarray) -> np.ndarray:
    """What each place carries beyond its even share of all that is positive: [draws, n]. A run's is their sum."""
    gain = np.maximum(profiles, 0)
    return gain - gain.mean(1, keepdims=True)


def best_run(each: np.ndarray) -> np.ndarray:
    """The largest sum over any run of neighbours in each row [draws, n]: [draws]."""
    before = np.concatenate([np.zeros((len(each), 1)), each.cumsum(1)], axis=1)
    return (before[:, 1:] - np.minimum.accumulate(before, axis=1)[:, :-1]).max(1)


# -- removal --------------------------------------------------------------------------------------

Run = tuple[int, int]


@dataclass(frozen=True)
class Cut:
    """One input [1, C, H, W], its target, and what it is covered with."""

    network: Network
    x: Tensor
    target: Target
    cover: Tensor

    def falls(self, axis: str, each: Sequence[Sequence[Run]]) -> np.ndarray:
        """How much the target falls when the rows (columns) of some runs are covered together: float64 [len(each)]."""
        clean = float(scores(self.network, self.x, self.target))
        size = self.network.batch_size(self.x, gradient=False)
        found = []
        for first in track(range(0, len(each), size), f"covering {axis}s"):
            covered = torch.cat([self._covered(axis, runs) for runs in each[first : first + size]])
            own = self.target.rows(torch.zeros(len(covered), dtype=torch.long))
            found.append(clean - scores(self.network, covered, own).double().cpu().numpy())
        return np.concatenate(found) if found else np.zeros(0)

    def _covered(self, axis: str, runs: Sequence[Run]) -> Tensor:
        x = self.x.clone()
        for start, stop in runs:
            where = (..., slice(start, stop), slice(None)) if axis == "row" else (..., slice(start, stop))
            x[where] = self.cover[where]
        return x


def elsewhere(n: int, length: int, spans: Sequence[Run], most: int, seed: int) -> list[Run]:
    """Up to ``most`` random runs of ``length`` among n places that touch none of ``spans``."""
    free = [s for s in range(n - length + 1) if all(s + length <= start or s >= stop for start, stop in spans)]
    drawn = np.random.default_rng(seed).permutation(free)[:most]
    return [(int(s), int(s) + length) for s in np.sort(drawn)]


# -- both -----------------------------------------------------------------------------------------


def _measured(
    rows: list[dict[str, Any]],
    profiles: Mapping[str, np.ndarray],
    chance: Mapping[str, np.ndarray],
    cut: Cut,
    draws: int,
    seed: int,
) -> dict[str, np.ndarray]:
    """The proof for one sample: its table's rows are completed in place, its arrays are given."""
    arrays = {}
    for axis, profile in profiles.items():
        own = [r for r in rows if r["axis"] == axis]
        found = [(r["start"], r["stop"]) for r in own]
        for row in own:
            row |= _against_chance(row, profile, chance[axis])
            row |= _against_others(row, cut, found, len(profile), draws, seed)
        arrays[f"chance/{axis}"] = excess(chance[axis]).max(1)
        arrays[f"p/{axis}"] = p_values(excess(profile[None])[0], arrays[f"chance/{axis}"])
        arrays[f"drop/{axis}"] = cut.falls(axis, [[(n, n + 1)] for n in range(len(profile))])
        arrays[f"together/{axis}"] = cut.falls(axis, [found])[0]
    return arrays


def _against_chance(row: Mapping[str, Any], profile: np.ndarray, chance: np.ndarray) -> dict[str, Any]:
    shown = excess(profile[None])[:, row["start"] : row["stop"]].sum(1)
    return {"excess": float(shown[0]), "p": float(p_values(shown, best_run(excess(chance)))[0])}


def _against_others(
    row: Mapping[str, Any], cut: Cut, found: Sequence[Run], n: int, draws: int, seed: int
) -> dict[str, Any]:
    run = (row["start"], row["stop"])
    others = elsewhere(n, run[1] - run[0], found, draws, seed)
    drop, *rest = cut.falls(row["axis"], [[run], *([o] for o in others)]).tolist()
    return {
        "drop": drop,
        "expected_drop": float(np.mean(rest)) if rest else None,
        "highest_drop": max(rest) if rest else None,
        "compared": len(rest),
        "confirmed": drop > 0 and drop > max(rest) if rest else None,
    }
