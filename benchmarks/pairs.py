"""Timing two ways of doing the same: in turn, in one process, as ratios with their spread."""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch


@dataclass(frozen=True)
class Pair:
    """One row of the results. difference: ‖ours − theirs‖ / ‖theirs‖ of what both computed."""

    what: str
    ours: list[float]
    theirs: list[float]
    difference: float
    note: str = ""

    @property
    def ratios(self) -> list[float]:
        return sorted(t / o for o, t in zip(self.ours, self.theirs, strict=True))

    def row(self) -> str:
        r = self.ratios
        seconds = f"{statistics.median(self.ours):.2f} | {statistics.median(self.theirs):.2f}"
        spread = f"**{statistics.median(r):.1f}×** ({r[0]:.1f}–{r[-1]:.1f})"
        return f"| {self.what} | {seconds} | {spread} | {self.difference:.1e} | {self.note} |"


def compare(what: str, ours: Callable[[], Any], theirs: Callable[[], Any], *, rounds: int = 5, note: str = "") -> Pair:
    """Run both once to warm up and to compare their maps, then in turn: ours, theirs, ours, theirs …"""
    a, b = np.asarray(ours(), np.float64), np.asarray(theirs(), np.float64)
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for way, seconds in zip((ours, theirs), times, strict=True):
            began = time.perf_counter()
            way()
            seconds.append(time.perf_counter() - began)
    return Pair(what, *times, difference=float(np.linalg.norm(a - b) / np.linalg.norm(b)), note=note)


def write_page(
    name: str, title: str, said: str, pairs: Iterable[Pair], *, packages: Sequence[str], differ: str
) -> None:
    """Write ``NAME.md``. said: what was compared. differ: the heading of the differences. packages: to name."""
    rows = [pair.row() for pair in pairs]
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    machine = f"{platform.machine()}, {torch.get_num_threads()} threads, no GPU"
    text = f"""# {title}, side by side

Written by `make bench`. One process, the two in turn after a warm-up; a ratio is the other's time over ours in the
same round, given as the median with the smallest and largest.{" " if said else ""}{said}
{versions}; {machine}.

| what, and beside whom | pellucid, s | the other, s | ratio | {differ} | |
|---|---|---|---|---|---|
{chr(10).join(rows)}
"""
    Path(__file__).with_name(f"{name}.md").write_text(text, encoding="utf-8")
    print(text)
