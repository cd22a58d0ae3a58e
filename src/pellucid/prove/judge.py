"""``pellucid.evaluate_explanations``: methods and scores meet, and say whether the heatmap is true."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pellucid.attribution.target import Wanted
from pellucid.core.errors import BadInput
from pellucid.core.types import View
from pellucid.data.dataset import Dataset
from pellucid.evaluation.baselines import BASELINES
from pellucid.evaluation.bench import Bench
from pellucid.evaluation.forecast import Forecast, forecast
from pellucid.evaluation.run import Plan, plan, run
from pellucid.evaluation.table import NEEDS
from pellucid.evaluation.table import scores as scores_known
from pellucid.evaluation.trust import remember
from pellucid.models.network import Network
from pellucid.prove.explainers import Method, chosen
from pellucid.prove.pictures import bench_of
from pellucid.prove.question import Question, question

#: What methods that would take thousands of passes a picture are given here, unless told otherwise: they are judged
#: dozens of times. The page names it.
ECONOMY: Mapping[str, Mapping[str, Any]] = {
    "rise": {"samples": 250},
    "smoothgrad": {"samples": 20},
    "vargrad": {"samples": 20},
    "integrated_gradients": {"most_steps": 64},
}

#: What a first look takes in place of all: one blank, coarse curves, few draws.
QUICK_SCORES = (
    "deletion:mean,steps=8",
    "insertion:blur,steps=8",
    "sensitivity_n:draws=10",
    "infidelity:draws=20",
    "max_sensitivity:draws=2",
    "randomised_weights:rank",
    "exchanged_pictures",
    "pointing_game",
    "mass_within_mask",
    "relevance_rank",
    "part_ranks",
)


def evaluate_explanations(
    network: Network, data: Any, methods: Iterable[str] | None = None, target: Wanted = "top", **choices: Any
) -> View:
    """How true the maps of many methods are, on this network and these pictures, by many scores.

    data: a data set or its path, a folder of pictures, files or Samples; with masks of what decides (an ``images`` and
    a ``masks`` folder) the truth scores too; or a ``Bench``, which knows all this itself. methods, target, choices:
    everything in ``Question`` (scores, of, pictures, repeats, mask, shuffled, quick, thorough, seed, cache); anything
    else is an option of methods.

    Gives arrays values and known [method, score, sample]; mean, low, high, count [method, score]; differences of all
    pairs with intervals and p after Holm's correction [score, method, other]; maps of each method's best and worst
    picture; and a table with a row a method and score. Random map, Sobel's edges and the picture's centre are always
    among the methods. Intervals are 95 % bootstrap intervals over pictures, or over groups of them.
    """
    asked = question(methods, target, choices)
    work = planned(network, data, asked)
    view = run(work.plan, named=asked.methods is not None, left_out=work.left_out, notes=work.notes, **work.said)
    if asked.cache:
        remember(view, _source(data))
    return view


def forecast_explanations(
    network: Network, data: Any, methods: Iterable[str] | None = None, target: Wanted = "top", **choices: Any
) -> Forecast:
    """How long ``evaluate_explanations`` would take with the same arguments, measured on a first picture."""
    return forecast(planned(network, data, question(methods, target, choices)).plan)


@dataclass(frozen=True)
class Work:
    """What is to be done, methods and scores that are left out with the reasons, notes, and how it was asked."""

    plan: Plan
    left_out: Mapping[str, str]
    notes: tuple[str, ...]
    said: Mapping[str, Any]


def planned(network: Network, data: Any, asked: Question) -> Work:
    """From a question to what is to be done."""
    if not isinstance(network, Network):
        raise BadInput(f"a {type(network).__name__} is no opened network", cure="open it first: pellucid.open(…)")
    taken, left_out = chosen(asked.methods, of=asked.of, seed=asked.seed, quick=asked.quick, options=asked.options)
    spared = {} if asked.thorough else _spared(taken)
    bench, unrendered = (_own(data, network), "") if isinstance(data, Bench) else bench_of(network, data, asked)
    scores = asked.scores
    if asked.quick and scores is None:
        scores, lacking = _quick(bench)
        left_out |= lacking
    notes = [_spared_of(name, method.options) for name, method in spared.items()]
    if unrendered and bench.parts is None:
        left_out["part_ranks"] = unrendered
    elif unrendered:
        notes.append(unrendered)
    made = plan(bench, {**taken, **spared}, asked=scores, keep=asked.cache)
    economy = {name: dict(method.options) for name, method in spared.items()}
    return Work(made, left_out, tuple(notes), {"quick": asked.quick, "repeats": bench.repeats, "economy": economy})


def _source(data: Any) -> str:
    """What was judged on, in a word."""
    if isinstance(data, str | os.PathLike):
        return Path(data).name
    return Path(data.source).name if isinstance(data, Dataset) else "your own"


def _spared_of(name: str, options: Mapping[str, Any]) -> str:
    given = ", ".join(f"{k}={options[k]}" for k in ECONOMY[name])
    return f"{name} is judged with {given}, fewer passes than pellucid explain takes; --thorough gives it as many"


def _own(bench: Bench, network: Network) -> Bench:
    """A bench that somebody made, of this network."""
    if bench.source.facts()["weights_sha256"] != network.facts()["weights_sha256"] and bench.original is not None:
        raise BadInput("the bench was made for another network", where=bench.source.name, cure="make it anew")
    return dataclasses.replace(bench, original=network)


def _spared(taken: Mapping[str, Method]) -> dict[str, Method]:
    """Those that are given fewer passes than usual."""
    return {
        name: Method(name, method.of, method.seed, {**ECONOMY[name], **method.options})
        for name, method in taken.items()
        if name in ECONOMY and not set(ECONOMY[name]) <= set(method.options)
    }


def _quick(bench: Bench) -> tuple[list[str], dict[str, str]]:
    """The scores of a first look, and those of them that the bench does not allow."""
    has = bench.judging(BASELINES["sobel"]).has
    lacking = {
        name: f"it needs {need}; {NEEDS[need]}"
        for name in (asked.partition(":")[0] for asked in QUICK_SCORES)
        for need in sorted(scores_known[name].facts.needs)
        if not has(need)
    }
    return [asked for asked in QUICK_SCORES if asked.partition(":")[0] not in lacking], lacking
