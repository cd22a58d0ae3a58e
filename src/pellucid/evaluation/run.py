"""All methods by all scores: the loop, what it keeps, and the View that it ends in."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pellucid.core.errors import BadInput
from pellucid.core.progress import listener, quiet
from pellucid.core.types import View
from pellucid.evaluation import cache, told
from pellucid.evaluation.again import TOGETHER
from pellucid.evaluation.baselines import BASELINES
from pellucid.evaluation.bench import Bench, Explainer
from pellucid.evaluation.columns import Column, columns
from pellucid.evaluation.judged import Judged

#: Maps are kept for the page's pictures while they take no more than so many bytes together.
KEPT_BYTES = 256 << 20


@dataclass(frozen=True)
class Plan:
    """What is to be done.

    methods: with the baselines, in the table's order. values: by method and column, what is known already. identity:
    of network and data in the cache; None where nothing is kept.
    """

    bench: Bench
    methods: Mapping[str, Explainer]
    columns: tuple[Column, ...]
    left_out: Mapping[str, str]
    values: Mapping[str, dict[str, np.ndarray]]
    identity: str | None

    def missing(self, method: str) -> list[Column]:
        """The columns that are still to be computed."""
        return [c for c in self.columns if c.name not in self.values[method]]

    def place(self, method: str, column: Column) -> Path | None:
        """The cache's file; None where nothing is kept."""
        key = getattr(self.methods[method], "key", f"baseline {method}" if method in BASELINES else None)
        if self.identity is None or key is None:
            return None
        return cache.place(self.identity, key, column, self.repeats(method), self.bench.shuffled)

    def repeats(self, method: str) -> int:
        """How many pictures are explained again: of a slow method a third."""
        slow = getattr(self.methods[method], "slow", False)
        return min(len(self.bench), self.bench.repeats, max(4, self.bench.repeats // 3) if slow else self.bench.repeats)


def plan(
    bench: Bench,
    explainers: Mapping[str, Explainer],
    *,
    asked: Iterable[str] | None = None,
    keep: bool = True,
    **common,
) -> Plan:
    """What is to be done for these methods and scores, with what the cache already knows.

    asked, common: as for ``columns``. keep: whether scores are looked up, and kept, on disk.
    """
    clash = sorted(set(explainers) & set(BASELINES))
    if clash:
        raise BadInput(f"a method is called {clash[0]}, as a baseline is", cure="give it another name")
    methods = {**explainers, **BASELINES}
    found, left_out = columns(bench.judging(methods["sobel"]), asked, **common)
    if not found:
        raise BadInput("no score can be asked of these data", cure="; ".join(left_out.values()))
    identity = cache.identity(bench) if keep else None
    made = Plan(bench, methods, tuple(found), left_out, {m: {} for m in methods}, identity)
    for method in methods:
        for column in found:
            place = made.place(method, column)
            values = None if place is None else cache.read(place, len(bench))
            if values is not None:
                made.values[method][column.name] = values
    return made


def run(
    made: Plan,
    *,
    named: bool = False,
    left_out: Mapping[str, str] | None = None,
    notes: Iterable[str] = (),
    **options: object,
) -> View:
    """Compute what is missing, and the View of all (kind ``evaluate_explanations``).

    named: the methods were named, so one that cannot run is an error; otherwise it is left out with its reason.
    left_out: methods and scores that were left out before. notes, options: what to say of how it was asked.
    """
    began = time.perf_counter()
    done = _Done(made)
    for method in made.methods:
        done.method(method, named)
    done.finish()
    values = {m: v for m, v in made.values.items() if m not in done.left_out}
    array = np.full((len(values), len(made.columns), len(made.bench)), np.nan)
    for i, own in enumerate(values.values()):
        for j, column in enumerate(made.columns):
            if column.name in own:
                array[i, j] = own[column.name]
    if len(values) == len(BASELINES):
        raise BadInput("no method could be judged", cure="; ".join(done.left_out.values()))
    judged = Judged(array, _groups(made.bench), _signs(made.columns), made.bench.seed)
    reasons = {**done.left_out, **made.left_out, **(left_out or {})}
    cases = told.cases(judged, made.columns)
    maps = np.stack([_case_maps(made, done, m, c) for m, c in zip(values, cases, strict=True)])
    return told.view(
        made.bench,
        {m: made.methods[m] for m in values},
        made.columns,
        judged,
        cases,
        maps,
        left_out=reasons,
        notes=(*notes, *done.notes),
        options=options,
        seconds=time.perf_counter() - began,
    )


@dataclass
class _Done:
    """The loop's own state: progress, what failed, and maps for the page."""

    made: Plan
    left_out: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    maps: dict[str, Tensor] = field(default_factory=dict)
    steps: int = 0

    def __post_init__(self) -> None:
        chunks = -(-len(self.made.bench) // TOGETHER)
        todo = [len(self.made.missing(m)) for m in self.made.methods]
        self.total = sum(n + chunks for n in todo if n)
        self.kept = 0
        if self.total:
            listener()("judging explanations", 0, self.total)

    def step(self, by: int = 1) -> None:
        self.steps += by
        if self.total:
            listener()("judging explanations", min(self.steps, self.total), self.total)

    def finish(self) -> None:
        if self.steps < self.total:
            self.step(self.total - self.steps)

    def method(self, name: str, named: bool) -> None:
        """All missing scores of one method."""
        made, missing = self.made, self.made.missing(name)
        if not missing:
            return
        try:
            maps = self._explained(name)
        except BadInput as error:
            if named and name not in BASELINES:
                raise
            self.left_out[name] = str(error).removeprefix(f"{name}: ")
            return
        size = maps.numel() * maps.element_size()
        if self.kept + size <= KEPT_BYTES:
            self.kept += size
            self.maps[name] = maps
        bench = made.bench.judging(made.methods[name], repeats=made.repeats(name))
        for column in missing:
            self._score(name, bench, maps, column)
            self.step()

    def _score(self, name: str, bench: Bench, maps: Tensor, column: Column) -> None:
        try:
            with quiet():
                values = column.entry.function(bench, maps, **column.options)
        except BadInput as error:
            if "explain" not in column.facts.needs or self.made.methods[name] in BASELINES.values():
                raise error.at(column.name) from error
            self.notes.append(f"{name} has no {column.name}: {error}")
            return
        plain = values.double().cpu().numpy()
        self.made.values[name][column.name] = np.where(np.isfinite(plain), plain, np.nan)
        place = self.made.place(name, column)
        if place is not None:
            cache.write(place, self.made.values[name][column.name])

    def _explained(self, name: str) -> Tensor:
        bench, explain, found = self.made.bench, self.made.methods[name], []
        for x, targets in zip(bench.x.split(TOGETHER), bench.targets.split(TOGETHER), strict=True):
            with quiet():
                found.append(checked(name, explain(bench.source, x, targets), x))
            self.step()
        return torch.cat(found)


def checked(name: str, maps: Tensor, x: Tensor) -> Tensor:
    """A method's maps, refused where they are not one finite number a pixel."""
    wanted = (len(x), *x.shape[-2:])
    if tuple(maps.shape) != wanted:
        what = f"its maps are {tuple(maps.shape)} where [n, height, width] is {wanted}"
        raise BadInput(what, where=name, cure="explain the input, not a layer")
    if not torch.isfinite(maps).all():
        raise BadInput("its maps are not finite", where=name, cure="check the weights (pellucid health)")
    return maps.detach().cpu().float()


def _groups(bench: Bench) -> np.ndarray:
    if bench.groups is None:
        return np.arange(len(bench))
    return np.unique(bench.groups, return_inverse=True)[1]


def _signs(found: Iterable[Column]) -> np.ndarray:
    return np.array([1.0 if c.facts.better == "higher" else -1.0 for c in found])


def _case_maps(made: Plan, done: _Done, method: str, cases: np.ndarray) -> np.ndarray:
    """The maps of a method's best and worst picture: float32 [2, H, W]."""
    if method in done.maps:
        return done.maps[method][torch.from_numpy(cases)].numpy()
    rows, bench = torch.from_numpy(cases), made.bench
    with quiet():
        return made.methods[method](bench.source, bench.x[rows], bench.targets[rows]).float().numpy()
