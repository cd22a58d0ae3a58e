"""``pellucid.evaluate_explanations``: methods and scores meet, and say whether the heatmap is true."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pellucid.attribution.target import Of, Wanted
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

#: What methods that would take thousands of passes a picture are given here, unless told otherwise: they are judged
#: dozens of times. The page names it.
ECONOMY: Mapping[str, Mapping[str, Any]] = {
    "rise": {"samples": 250},
    "smoothgrad": {"samples": 20},
    "vargrad": {"samples": 20},
    "integrated_gradients": {"most_steps": 64},
}

#: What a first look takes in place of all: few pictures, one blank, coarse curves, few draws.
QUICK_PICTURES, QUICK_REPEATS = 8, 3
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
    network: Network,
    data: Any,
    methods: Iterable[str] | None = None,
    target: Wanted = "top",
    *,
    scores: Iterable[str] | None = None,
    of: Of = "logit",
    pictures: int | None = None,
    repeats: int | None = None,
    mask: Iterable[str] = (),
    shuffled: Network | None = None,
    quick: bool = False,
    thorough: bool = False,
    seed: int = 0,
    cache: bool = True,
    **options: Any,
) -> View:
    """How true the maps of many methods are, on this network and these pictures, by many scores.

    data: a data set or its path, a folder of pictures, files or Samples; with masks of what decides (an ``images`` and
    a ``masks`` folder) the truth scores too; or a ``Bench``, which knows all this itself. methods: names; without them
    all that need nothing fitted. target, of: as for ``explain``; one output a picture. scores: ``deletion``,
    ``deletion:blur``, ``deletion:blur,steps=32``; without them all that the data allow, and the others are named as
    left out. pictures: how many are drawn (50). repeats: how many of them are explained again by the scores that do so
    (12; of slow methods a third). mask: names of the masks' regions that count. shuffled: the same network trained on
    shuffled labels, for ``randomised_labels``. quick: the fast methods on 8 pictures. thorough: RISE, SmoothGrad,
    VarGrad and integrated gradients with as many passes as ``explain`` gives them, in place of the fewer that they are
    judged with. cache: scores are looked up, and kept, by network, method, options and data. options: each goes to
    every method that has it.

    Gives arrays values and known [method, score, sample]; mean, low, high, count [method, score]; differences of all
    pairs with intervals and p after Holm's correction [score, method, other]; maps of each method's best and worst
    picture; and a table with a row a method and score. Random map, Sobel's edges and the picture's centre are always
    among the methods. Intervals are 95 % bootstrap intervals over pictures, or over groups of them.
    """
    made, left_out, said = planned(
        network,
        data,
        methods,
        target,
        scores=scores,
        of=of,
        pictures=pictures,
        repeats=repeats,
        mask=mask,
        shuffled=shuffled,
        quick=quick,
        thorough=thorough,
        seed=seed,
        cache=cache,
        **options,
    )
    spared = [_spared_of(name, options) for name, options in said["economy"].items()]
    view = run(made, named=methods is not None, left_out=left_out, notes=spared, **said)
    if cache:
        remember(view, _source(data))
    return view


def _source(data: Any) -> str:
    """What was judged on, in a word."""
    if isinstance(data, str | os.PathLike):
        return Path(data).name
    return Path(data.source).name if isinstance(data, Dataset) else "your own"


def _spared_of(name: str, options: Mapping[str, Any]) -> str:
    given = ", ".join(f"{k}={options[k]}" for k in ECONOMY[name])
    return f"{name} is judged with {given}, fewer passes than pellucid explain takes; --thorough gives it as many"


def forecast_explanations(network: Network, data: Any, *args: Any, **choices: Any) -> Forecast:
    """How long ``evaluate_explanations`` would take with the same arguments, measured on a first picture."""
    made, *_ = planned(network, data, *args, **choices)
    return forecast(made)


def planned(
    network: Network,
    data: Any,
    methods: Iterable[str] | None = None,
    target: Wanted = "top",
    *,
    scores: Iterable[str] | None = None,
    of: Of = "logit",
    pictures: int | None = None,
    repeats: int | None = None,
    mask: Iterable[str] = (),
    shuffled: Network | None = None,
    quick: bool = False,
    thorough: bool = False,
    seed: int = 0,
    cache: bool = True,
    **options: Any,
) -> tuple[Plan, dict[str, str], dict[str, Any]]:
    """What is to be done, the methods that are left out with the reasons, and how it was asked."""
    if not isinstance(network, Network):
        raise BadInput(f"a {type(network).__name__} is no opened network", cure="open it first: pellucid.open(…)")
    if seed < 0:
        raise BadInput(f"a seed of {seed}", cure="pass 0 or more")
    named = None if methods is None else list(dict.fromkeys([methods] if isinstance(methods, str) else methods))
    if named == []:
        raise BadInput("no method is named", cure="name one, or leave methods= away for all")
    asked = None if scores is None else [scores] if isinstance(scores, str) else list(scores)
    regions = [mask] if isinstance(mask, str) else list(mask)
    taken, left_out = chosen(named, of=of, seed=seed, quick=quick, options=options)
    spared = {} if thorough else _spared(taken)
    ranks = asked is not None and any(a.partition(":")[0] == "part_ranks" for a in asked)
    bench, unrendered = (
        (_own(data, network), "")
        if isinstance(data, Bench)
        else bench_of(
            network,
            data,
            target,
            of=of,
            pictures=(QUICK_PICTURES if quick else 50) if pictures is None else pictures,
            repeats=(QUICK_REPEATS if quick else 12) if repeats is None else repeats,
            mask=regions,
            shuffled=shuffled,
            seed=seed,
            parts="if they can be" if asked is None else "yes" if ranks else "no",
        )
    )
    if quick and asked is None:
        asked, lacking = _quick(bench)
        left_out |= lacking
    if unrendered:
        left_out["part_ranks"] = unrendered
    made = plan(bench, {**taken, **spared}, asked=asked, keep=cache)
    said = {"quick": quick, "repeats": bench.repeats, "economy": {n: dict(m.options) for n, m in spared.items()}}
    return made, left_out, said


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
