"""How good the codes of a contrastive run are: a linear probe, nearest neighbours, alignment and uniformity; beside
the network as it began, and pixels.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.core.errors import BadInput
from pellucid.core.progress import track
from pellucid.core.types import View
from pellucid.data.dataset import Dataset
from pellucid.features.resampling import Interval
from pellucid.models.heads import code_place, dropped, with_head
from pellucid.models.network import Network, first_tensor
from pellucid.models.open import open
from pellucid.models.prepare import untouched
from pellucid.models.standardise import Standardise
from pellucid.tasks.contrasting.scores import T
from pellucid.training.initialise import initialise
from pellucid.training.latents import classes
from pellucid.training.latents.asked import Asked, asked
from pellucid.training.latents.findings import Finding
from pellucid.training.latents.spaces import smaller
from pellucid.training.runs import Run
from pellucid.training.scoring import drawn_rows
from pellucid.training.seen import choose

#: Items a pass; items of which all pairs are looked at, at most.
BATCH, PAIRED = 64, 1000

#: Two directions without anything in common: their squared distance, and what is drawn of how evenly they lie.
CHANCE = 2.0

CODE, BEGAN, PIXELS = "code", "as it began", "pixels"


@dataclass(frozen=True, eq=False)
class _Space:
    """Pictures as vectors: learnt [m, D], held [n, D], and two views of each held one [2n, D]."""

    learnt: np.ndarray
    held: np.ndarray
    views: np.ndarray

    @property
    def centred(self) -> tuple[np.ndarray, np.ndarray]:
        """Held items and views around what is learnt from, at length 1: averaged codes alone all point one way."""
        mean = self.learnt.mean(0, dtype=np.float64)
        return _unit(self.held - mean), _unit(self.views - mean)


def evaluate(run: Run, data: Dataset, *, split: str | None, cases: int, seed: int, label: str | None = None) -> View:
    """What ``pellucid.evaluate`` does for codes: fitted to items that were learnt from, asked about others.

    Gives a row a figure: ``part`` "classes" (linear probe, nearest neighbours: accuracy; where a column holds classes)
    or "geometry" (alignment: the mean squared distance of two views' codes; uniformity: log of the mean of
    exp(−2 · squared distance) over pairs of pictures; both of centred codes at length 1), by ``space``: "code",
    "as it began" (the network before the training), "pixels". ``options["differences"]``: what codes are better by.
    """
    began = time.perf_counter()
    place = code_place(run.network)
    if place is None:
        raise BadInput("this network has no code", where=run.folder, cure="evaluate a run of the task contrastive")
    given = asked(run, data, place, label, None, None, seed)
    held, notes, unseen = given.held, list(given.notes), given.unseen
    if split is not None:
        chosen = choose(run, data, split)
        held, notes, unseen = chosen.rows, [*notes, *chosen.notes], not chosen.learnt
    learnt = np.setdiff1d(given.learnt, held)
    if len(learnt) < 2 or not len(held):
        cure = "leave split= (--split) away, so that a probe has items to learn from and others to be asked about"
        raise BadInput(f"{len(learnt)} items to learn from, {len(held)} to ask", where=data.source, cure=cure)
    first, why = as_it_began(run)
    notes += [why] if why else []
    networks = {CODE: given.network, **({} if first is None else {BEGAN: first})}
    spaces = {name: _space(run, given, network, learnt, held) for name, network in networks.items()}
    spaces[PIXELS] = _space(run, given, None, learnt, held)
    groups = None if data.group is None else [data.group[int(i)] for i in held]
    draws = drawn_rows(len(held), groups, seed=seed)
    found = [*_classes(given, spaces, learnt, held, draws, seed), *_geometry(spaces, draws, seed)]
    codes = spaces[CODE].held.astype(np.float32)
    return View(
        kind="contrast",
        arrays={"code": codes, "class": given.labels[held]},
        axes={"code": ("sample", "unit"), "class": ("sample",)},
        table=tuple(each.row() for each in found),
        options={
            "run": str(run.folder),
            "data": data.source,
            "layer": place,
            "loss": run.task.options["loss"],
            "split": split or "held",
            "column": given.column if given.classes else None,
            "names": list(given.classes),
            "items": len(held),
            "learnt": len(learnt),
            "units": codes.shape[1],
            "unseen": unseen,
            "differences": list(_differences(found)),
            "classes": [],
            "confused": [],
            "cases": [],
        },
        names=tuple(data.names()[int(i)] for i in held),
        notes=tuple(notes),
        seconds=time.perf_counter() - began,
        provenance={**given.network.facts(), "seed": seed},
    )


def as_it_began(run: Run) -> tuple[Network | None, str]:
    """The network of the run's beginning, its projection dropped; else None, and why it cannot be had.

    It has the trained one's mean and deviation of its input, which nothing was learnt for, and the means of its batch
    norms are those that it was made with.
    """
    plan, trained = run.plan, run.network
    kind, _, folder = plan.model.partition(":")
    if run.config["network"].get("own"):
        return None, "it began as a module of somebody's own, which nobody kept as it was"
    if kind == "run" and not Path(folder).expanduser().is_dir():
        return None, f"it began as {plan.model}, which is not there any more"
    opened = open(plan.model, weights=plan.weights, input=trained.input, seed=plan.seed, device=plan.device)
    network = with_head(opened, run.task.head, seed=plan.seed)
    if plan.init is not None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(plan.seed)
            initialise(network.module, plan.init)
    known = {name: m for name, m in trained.module.named_modules() if isinstance(m, Standardise)}
    for name, module in network.module.named_modules():
        if isinstance(module, Standardise) and name in known:
            module.load_state_dict(known[name].state_dict())
    return dropped(network), ""


def _space(run: Run, given: Asked, network: Network | None, learnt: np.ndarray, held: np.ndarray) -> _Space:
    """Pictures as the network's codes, or as pixels. Views are the run's own, drawn alike for each network."""
    device = given.network.device

    def vectors(x: Tensor) -> Tensor:
        return smaller(x) if network is None else first_tensor(network(x)).flatten(1)

    def all_of(rows: np.ndarray, what: str, *, viewed: bool = False) -> np.ndarray:
        found = []
        for start in track(range(0, len(rows), BATCH), what):
            x = given.store.x(rows[start : start + BATCH], device, given.network.dtype)
            if viewed and run.task.views is not None:
                views = run.task.views(x, torch.Generator().manual_seed(start))
                found.append(torch.stack([vectors(part).float().cpu() for part in views.chunk(2)]))
            else:
                found.append(vectors(x).float().cpu()[None])
        return torch.cat(found, 1).flatten(0, 1).numpy()

    name = "pixels" if network is None else "codes"
    module = given.network.module if network is None else network.module
    with untouched(module), torch.inference_mode():
        return _Space(all_of(learnt, name), all_of(held, name), all_of(held, "views", viewed=True))


def _classes(
    given: Asked, spaces: dict[str, _Space], learnt: np.ndarray, held: np.ndarray, draws: list[np.ndarray], seed: int
) -> Iterator[Finding]:
    """A linear probe and nearest neighbours, where classes are known of both."""
    known = given.labels[learnt] >= 0
    kinds = np.unique(given.labels[learnt][known])
    rows = np.flatnonzero(np.isin(given.labels[held], kinds))
    if len(kinds) < 2 or not len(rows):
        return
    place = np.full(len(held), -1)
    place[rows] = np.arange(len(rows))
    own = [p[p >= 0] for p in (place[draw] for draw in draws) if (p >= 0).any()]
    told, truth = given.labels[learnt][known], given.labels[held][rows]
    usual = float((truth == np.bincount(told).argmax()).mean())
    for name, space in track(spaces.items(), "linear probes", len(spaces)):
        said = classes.by_logistic(space.learnt[known], told, space.held[rows], seed=seed)
        found = classes.accuracy(said, truth, own)
        yield Finding("classes", "linear probe", name, "accuracy", found, len(rows), usual)
    for name, space in spaces.items():
        said = classes.by_neighbours(space.learnt[known], told, space.held[rows])
        found = classes.accuracy(said, truth, own)
        yield Finding("classes", f"{classes.NEIGHBOURS} nearest neighbours", name, "accuracy", found, len(rows), usual)


def _geometry(spaces: dict[str, _Space], draws: list[np.ndarray], seed: int) -> Iterator[Finding]:
    """Wang & Isola 2020 (arXiv:2005.10242, eqs. 4 and 5)."""
    centred = {name: space.centred for name, space in spaces.items()}
    for name, (held, views) in centred.items():
        first, second = np.split(views, 2)
        apart = np.square(first - second).sum(1)
        found = Interval(float(apart.mean()), np.array([apart[p].mean() for p in draws]))
        yield Finding("geometry", "two views of a picture", name, "alignment", found, len(held), CHANCE, higher=False)
    for name, (held, _) in centred.items():
        some = np.sort(np.random.default_rng(seed).permutation(len(held))[:PAIRED])
        found = uniformity(held[some], _counts(draws, some, len(held)))
        yield Finding("geometry", "two pictures", name, "uniformity", found, len(some), higher=False)


def _counts(draws: list[np.ndarray], some: np.ndarray, count: int) -> np.ndarray:
    """How often each of some items is in each draw: [draws, some]."""
    return np.stack([np.bincount(p, minlength=count)[some] for p in draws]).astype(np.float64)


def uniformity(x: np.ndarray, counts: np.ndarray) -> Interval:
    """Log of the mean of exp(−2 ‖x − y‖²) over pairs of different rows of x [n, D] at length 1.

    counts: how often each row is in each draw, [draws, n]; a row that was drawn twice is no pair with itself.
    """
    close = np.exp(-T * np.clip(2 - 2 * x @ x.T, 0, None))
    np.fill_diagonal(close, 0.0)
    mean = lambda c: ((c @ close) * c).sum(-1) / (c.sum(-1) ** 2 - np.square(c).sum(-1))  # noqa: E731
    with np.errstate(invalid="ignore", divide="ignore"):  # a single row makes no pair: NaN says so
        return Interval(float(np.log(mean(np.ones(len(x))))), np.log(mean(counts)))


def _differences(found: list[Finding]) -> Iterator[dict[str, Any]]:
    """What the codes are better by (above 0) than each other space, on the same items under the same draws."""
    for one in found:
        for other in found:
            if one.space != CODE or other.space == CODE or (one.method, one.metric) != (other.method, other.metric):
                continue
            sign = 1 if one.higher else -1
            gap = Interval(sign * (one.found.value - other.found.value), sign * (one.found.draws - other.found.draws))
            told = {"part": one.part, "method": one.method, "metric": one.metric, "over": other.space}
            yield {**told, **gap.named("by"), "items": one.items}


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
