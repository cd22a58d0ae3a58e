"""What somebody who is no specialist may conclude from the scores, and what not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.core.listed import listed
from pellucid.evaluation import check
from pellucid.evaluation.baselines import BASELINES
from pellucid.evaluation.bench import Bench, Explainer
from pellucid.evaluation.columns import Column
from pellucid.evaluation.curves import blank
from pellucid.evaluation.judged import Judged
from pellucid.evaluation.truth import heard

#: Where blurring what the mask marks takes less than this share of what blurring everything takes, it is not looked at.
IGNORED = 0.05

#: Independent pictures from which on methods can be told apart at all.
_ENOUGH = 20

#: The baselines in a sentence.
_KNOWS_NOTHING = {"random_map": "a map of noise", "sobel": "the picture's edges", "centre": "a bell in the middle"}

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
    """Methods that a map of noise beats, the most often beaten first."""
    judged = [r for r in table if r["method"] in own and r["score_group"] in ("faithfulness", "truth")]
    beaten = Counter(r["method"] for r in judged if r["vs_random"] == "worse")
    asked = Counter(r["method"] for r in judged)
    if not beaten:
        return []
    told = listed([f"{name} by {count} of {asked[name]} scores" for name, count in beaten.most_common()])
    return [_warning(f"Truly worse than a map of noise: {told}.")]


def _leaders(methods: Mapping[str, Explainer], found: Sequence[Column], judged: Judged) -> Said:
    """What a table of means does not show: who is truly better than all others, and where what knows no network is."""
    names, mean = list(methods), judged.means()[0]
    single, idle, shared = [], {}, 0
    for s, column in enumerate(found):
        there = np.isfinite(mean[:, s])
        if column.facts.group not in ("faithfulness", "truth") or not there.any():
            continue
        first = int(np.argmax(np.where(there, judged.signs[s] * mean[:, s], -np.inf)))
        beside = judged.against(first, s)
        if names[first] in BASELINES:
            idle.setdefault(names[first], []).append(column.name)
        elif all(beside[m] != 0 for m in np.flatnonzero(there) if m != first):
            single.append(f"{names[first]} by {column.name}")
        else:
            shared += 1
    said = [
        _warning(
            f"By {listed(by)}, {_KNOWS_NOTHING[name]} is first, which knows no network: choose no method by that here."
        )
        for name, by in idle.items()
    ]
    if single:
        rest = (
            f" By {'the other score' if shared == 1 else f'the other {shared} scores'} several share the first place."
        )
        said.append(_fact(f"Truly better than all others: {listed(single)}.{rest if shared else ''}"))
    elif shared:
        said.append(
            _fact("By no score is one method truly better than all others: go by the colours, not by the order.")
        )
    return said


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
