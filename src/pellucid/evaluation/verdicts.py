"""What somebody who is no specialist may conclude from the scores, and what not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.evaluation import check
from pellucid.evaluation.baselines import BASELINES
from pellucid.evaluation.bench import Bench, Explainer
from pellucid.evaluation.columns import Column
from pellucid.evaluation.curves import blank
from pellucid.evaluation.judged import Judged
from pellucid.evaluation.listed import listed
from pellucid.evaluation.truth import heard

#: Where blurring what the mask marks takes less than this share of what blurring everything takes, it is not looked at.
IGNORED = 0.05

#: Independent pictures from which on methods can be told apart at all.
_ENOUGH = 20

#: So many names are told; of more, how many more.
_NAMED = 4

Said = list[dict[str, str]]


def words(
    bench: Bench,
    methods: Mapping[str, Explainer],
    found: Sequence[Column],
    judged: Judged,
    table: Sequence[Mapping[str, Any]],
) -> Said:
    """Sentences with a level, "fact" or "warning"."""
    own = [m for m in methods if m not in BASELINES]
    return [
        *_ignored(bench),
        *({"level": level, "text": text} for level, text in check.words(table, own)),
        *_worse(table, own),
        *_leaders(methods, found, judged),
        *(_few(bench) or _edges(table, own)),  # of few pictures nothing can be told apart from anything
        _fact(
            "A true map shows which pixels moved this network's answer on these pictures. It does not say that the"
            " answer is right, that the network looks at the same things elsewhere, or that what is marked is the cause"
            " in the world."
        ),
    ]


def _fact(text: str) -> dict[str, str]:
    return {"level": "fact", "text": text}


def _warning(text: str) -> dict[str, str]:
    return {"level": "warning", "text": text}


def _worse(table: Sequence[Mapping[str, Any]], own: Sequence[str]) -> Said:
    found: dict[str, list[str]] = {}
    for row in table:
        if row["method"] in own and row["vs_random"] == "worse" and row["score_group"] in ("faithfulness", "truth"):
            found.setdefault(row["score"], []).append(row["method"])
    return [
        _warning(f"By {score}, {listed(names)} {'does' if len(names) == 1 else 'do'} worse than a map of noise.")
        for score, names in found.items()
    ]


def _leaders(methods: Mapping[str, Explainer], found: Sequence[Column], judged: Judged) -> Said:
    """Who is first by each score that says how true a map is, and who cannot be told apart from the first."""
    names, mean, said = list(methods), judged.means()[0], []
    for s, column in enumerate(found):
        there = np.isfinite(mean[:, s])
        if column.facts.group not in ("faithfulness", "truth") or not there.any():
            continue
        order = np.argsort(np.where(there, -judged.signs[s] * mean[:, s], np.inf), kind="stable")
        first = int(order[0])
        beside = judged.against(first, s)
        level = [names[m] for m in order[1:] if there[m] and beside[m] == 0]
        what = f"{names[first]}, which knows no network," if names[first] in BASELINES else names[first]
        n = int(judged.known[first, s].sum())
        said.append(_fact(f"By {column.name}, {what} is first ({mean[first, s]:.2f}, {n} pictures){_level(level)}."))
    return said


def _level(names: Sequence[str]) -> str:
    """Who stands beside the first: by name if they are few."""
    if not names:
        return ", truly better than all others"
    who = listed(names) if len(names) <= _NAMED else f"{listed([*names[:_NAMED], f'{len(names) - _NAMED} more'])}"
    return f"; {who} cannot be told apart from it"


def _edges(table: Sequence[Mapping[str, Any]], own: Sequence[str]) -> Said:
    """Methods that no score puts above edges of the picture, which need no network."""
    rows = [r for r in table if r["method"] in own and r["score_group"] in ("faithfulness", "truth")]
    better = {r["method"] for r in rows if r["vs_sobel"] == "better"}
    never = [m for m in own if m not in better and any(r["method"] == m for r in rows)]
    if not never:
        return []
    return [
        _warning(f"No score here puts {listed(never)} above the edges of the picture (Sobel), which need no network.")
    ]


def _few(bench: Bench) -> Said:
    units = len(bench) if bench.groups is None else len(np.unique(bench.groups))
    if units >= _ENOUGH:
        return []
    return [_warning(f"These are {units} independent pictures: few can be told apart by so many. Take 50.")]


def _ignored(bench: Bench) -> Said:
    """Whether the network looks at all at what the masks mark, and at the parts; told, not averaged away."""
    said = []
    if bench.masks is not None and bench.masks.any():
        share, there = mask_shares(bench)
        idle = int((share[there] < IGNORED).sum())
        if idle:
            said.append(
                _warning(
                    f"In {idle} of {int(there.sum())} pictures the network hardly looks at what the mask marks:"
                    f" blurring it takes less than {IGNORED:.0%} of what blurring the whole picture takes from the"
                    " answer. There a map that marks it is wrong about the network, whatever the truth scores say."
                )
            )
    if bench.parts is not None:
        said += heard.words(bench.parts, bench.parts.decides)
    return said


def mask_shares(bench: Bench) -> tuple[np.ndarray, np.ndarray]:
    """How much of the answer's fall under a blur comes from the mask's pixels alone [n], and where that is known."""
    empty, every = blank(bench, "blur"), torch.arange(len(bench))
    marked = torch.from_numpy(bench.masks).to(bench.x.device)[:, None]

    def changed(_: Tensor, rows: Tensor) -> Tensor:
        return torch.where(marked[rows], empty[rows], bench.x[rows])

    part = (bench.clean - bench.asked(every, changed)).numpy()
    whole = (bench.clean - bench.asked(every, lambda _, rows: empty[rows])).numpy()
    there = bench.masks.any((1, 2)) & (whole > 0)
    return np.where(there, part / np.where(whole == 0, 1.0, whole), np.nan), there
