"""DeepLIFT: what each input's difference from a reference contributes to the output's difference."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from pellucid.attribution.passes import backward
from pellucid.attribution.relevance.differences import Differences, Reference
from pellucid.attribution.relevance.tape import Tape, again_if_overwritten
from pellucid.attribution.table import Attribution, methods
from pellucid.attribution.target import Target
from pellucid.core.progress import track
from pellucid.models.baselines import Baseline, baseline_of
from pellucid.models.network import Network


@methods.register(
    "deeplift",
    group="attribution",
    source="arXiv:1704.02685",
    laws=frozenset({"completeness", "linear_exact"}),
    cost="2 to 4 gradients",
)
def deeplift(
    network: Network,
    x: Tensor,
    target: Target,
    *,
    baseline: Baseline = 0.0,
    rule: Literal["rescale", "reveal_cancel"] = "rescale",
) -> Attribution:
    """Multipliers Δoutput/Δinput from layer to layer, times the input's difference from a reference.

    baseline: the reference, as for integrated_gradients. rule: at activations, "rescale" takes the
    whole difference; "reveal_cancel" takes its positive and negative parts apart, so that what cancels shows.
    """
    start = baseline_of(network, x, baseline)
    maps, changes, notes = [], [], set()
    parts = torch.arange(len(x)).split(max(1, network.batch_size(x, gradient=True) // 2))
    for rows in track(parts, "deeplift"):
        found = again_if_overwritten(
            lambda safe, rows=rows: _between(
                network, start[rows], x[rows], target.rows(rows), reveal=rule == "reveal_cancel", safe=safe
            )
        )
        maps.append(found[0])
        changes.append(found[1])
        notes.add(found[2])
    return Attribution(torch.cat(maps), expected=torch.cat(changes), notes=tuple(sorted(filter(None, notes))))


def _between(
    network: Network, start: Tensor, end: Tensor, target: Target, *, reveal: bool, safe: bool
) -> tuple[Tensor, Tensor, str]:
    """The contributions of ``end − start`` [N, C, H, W], the change of the target [N], and what to note."""
    reference = Reference(safe=safe)
    differences = Differences(reference, reveal)
    first, second = Tape(reference), Tape(differences, safe=safe)
    before = first.score(network, first.begin(start), target).detach()
    leaf = second.begin(end)
    after = second.score(network, leaf, target)
    note = ""
    if reveal and differences.revealed < differences.activations:
        only = f"{differences.revealed} of {differences.activations} activations directly follow their layer"
        note = f"{only}, where reveal_cancel applies; the others took rescale"
    return (end - start) * backward(after, leaf, target), (after - before).detach(), note
