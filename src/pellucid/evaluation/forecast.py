"""How long an evaluation will take, measured on a first picture of each method."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch

from pellucid.core.errors import BadInput
from pellucid.core.progress import quiet, track
from pellucid.evaluation.run import Plan

#: What noting down, ranking and sorting adds to passes. Measured: see docs/evaluate-explanations.md.
BESIDES = 1.1


@dataclass(frozen=True)
class Forecast:
    """Seconds by method, those that all share, and what was known already.

    seconds: of each method that has something left to do. cached: of the values (method × score) that the cache holds.
    values: of all. cannot: methods that cannot run, and why. before: seconds of what is done before, by what it is.
    """

    pictures: int
    seconds: dict[str, float]
    shared: float
    cached: int
    values: int
    cannot: dict[str, str]
    before: Mapping[str, float] = field(default_factory=dict)

    @property
    def total(self) -> float:
        """All together."""
        return BESIDES * (sum(self.seconds.values()) + self.shared) + sum(self.before.values())


def forecast(made: Plan) -> Forecast:
    """Time a batch of forward passes, and one picture of each method after it is warm."""
    bench, seconds, cannot, shared = made.bench, {}, {}, 0
    todo = [m for m in made.methods if made.missing(m)]
    forward = _forward(made) if todo else 0.0
    networks, asked = 0, set()
    for method in track(todo, "timing methods"):
        work = [c.work(len(bench)) for c in made.missing(method)]
        try:
            with quiet():
                one = _once(made, method)
        except BadInput as error:
            cannot[method] = str(error)
            continue
        pictures = len(bench) + made.repeats(method) * sum(w.again for w in work)
        seconds[method] = pictures * one + forward * sum(w.own for w in work)
        asked |= {c.name for c in made.missing(method)}
        networks += max((w.networks for w in work), default=0) if _prepares(made, method) else 0
    shared = sum(c.work(len(bench)).shared for c in made.columns if c.name in asked)
    known = sum(len(v) for v in made.values.values())
    prepare = _prepare(made) if networks else 0.0
    return Forecast(
        len(bench), seconds, forward * shared + prepare * networks, known, len(made.methods) * len(made.columns), cannot
    )


def _forward(made: Plan) -> float:
    """Seconds a picture of a full batch, warm."""
    bench = made.bench
    size = bench.network.batch_size(bench.x, gradient=False)
    rows = torch.arange(size) % len(bench)
    taken = []
    for _ in range(3):
        began = time.perf_counter()
        bench.asked(rows, lambda _, which: bench.x[which])
        taken.append(time.perf_counter() - began)
    return min(taken[1:]) / size


def _once(made: Plan, method: str) -> float:
    """Seconds an explanation: of two pictures, after one that prepared whatever needs it."""
    bench, explain = made.bench, made.methods[method]
    explain(bench.source, bench.x[:1], bench.targets[:1])
    if getattr(explain, "slow", False) or len(bench) < 2:
        began = time.perf_counter()
        explain(bench.source, bench.x[-1:], bench.targets[-1:])
        return time.perf_counter() - began
    began = time.perf_counter()
    count = min(4, len(bench))
    explain(bench.source, bench.x[:count], bench.targets[:count])
    return (time.perf_counter() - began) / count


def _prepares(made: Plan, method: str) -> bool:
    """Whether a method makes fast copies of randomised networks: the first of those that share them does."""
    return method == next(iter(made.methods))


def _prepare(made: Plan) -> float:
    """Seconds to make and prepare a randomised network."""
    from pellucid.evaluation.randomise import randomised

    began = time.perf_counter()
    randomised(made.bench.source, made.bench.x, 1.0, seed=made.bench.seed).prepared()
    return time.perf_counter() - began
