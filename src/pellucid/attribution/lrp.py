"""Layer-wise relevance propagation and Deep Taylor decomposition: what each input contributes, layer by layer."""

from __future__ import annotations

from functools import partial
from typing import Literal

import torch
from torch import Tensor

from pellucid.attribution.passes import backward
from pellucid.attribution.relevance.composites import read_composite
from pellucid.attribution.relevance.layerwise import Layerwise
from pellucid.attribution.relevance.tape import Interpretation, Tape, again_if_overwritten
from pellucid.attribution.table import Attribution, methods
from pellucid.attribution.target import Target
from pellucid.core.progress import track
from pellucid.models.network import Network

Fallback = Literal["error", "gradient"]
Flow = tuple[Tensor, Tensor]


@methods.register(
    "lrp",
    group="attribution",
    source="doi:10.1371/journal.pone.0130140",
    laws=frozenset({"conservation"}),
    cost="3 to 5 gradients",
)
def lrp(
    network: Network,
    x: Tensor,
    target: Target,
    *,
    composite: str = "epsilon_plus_flat",
    conserve: bool = True,
    epsilon: float = 0.1,
    fallback: Fallback = "error",
) -> Attribution:
    """The target's value, handed back from layer to layer in proportion to what each input contributed.

    composite: a preset (epsilon_plus_flat, preset_a, epsilon_gamma_box …), a rule (z, epsilon, gamma,
    alpha_beta, z_plus, z_box, w_square, flat) or rules by place: "conv=gamma(0.25), dense=epsilon,
    first=flat, blocks.0*=z_plus". conserve: what biases, ε and constants would swallow is handed out too, so
    that the values add up to the target's value; False is each rule as in its paper. epsilon:
    steadies sums of branches that cancel, relative to their size. fallback: "gradient" linearises an
    operation that has no rule, else it is an error.
    """
    return _propagated(network, x, target, composite, conserve=conserve, epsilon=epsilon, fallback=fallback)


@methods.register(
    "deep_taylor",
    group="attribution",
    source="arXiv:1512.02479",
    laws=frozenset({"conservation"}),
    cost="3 to 5 gradients",
)
def deep_taylor(
    network: Network, x: Tensor, target: Target, *, bounded: bool = False, fallback: Fallback = "error"
) -> Attribution:
    """LRP by the rules that follow from a Taylor expansion at each layer's root point (z⁺ and w², or z^B).

    bounded: the input lies between known bounds (pixels from black to white), so that its layer takes the
    z^B rule; else the w² rule. fallback: as for lrp.
    """
    preset = "bounded_deep_taylor" if bounded else "deep_taylor"
    return _propagated(network, x, target, preset, conserve=True, epsilon=0.1, fallback=fallback)


def _propagated(
    network: Network, x: Tensor, target: Target, rules: str, *, conserve: bool, epsilon: float, fallback: Fallback
) -> Attribution:
    chosen = read_composite(network, rules)
    fallen_back: list[str] = []
    maps, values = [], []
    parts = torch.arange(len(x)).split(max(1, network.batch_size(x, gradient=True) // 2))
    for rows in track(parts, "relevance"):
        layerwise = Layerwise(chosen, conserve, epsilon, fallback == "gradient", len(rows), fallen_back)
        run = partial(flow, network, x[rows], target.rows(rows), layerwise)
        relevance, score = again_if_overwritten(lambda safe, run=run: run(safe=safe))
        maps.append(relevance)
        values.append(score)
    return Attribution(torch.cat(maps), expected=torch.cat(values), fallbacks=tuple(dict.fromkeys(fallen_back)))


def bounds_of(network: Network, x: Tensor) -> tuple[Tensor, Tensor]:
    """The network's values for black and for white, each of the shape of ``x``."""
    return network.input.normalise(torch.zeros_like(x)), network.input.normalise(torch.full_like(x, 255.0))


def flow(network: Network, x: Tensor, target: Target, interpretation: Interpretation, *, safe: bool) -> Flow:
    """What flows back from the target's values to ``x`` under an interpretation, and those values [N]."""
    tape = Tape(interpretation, safe=safe)
    start = tape.begin(x, bounds_of(network, x))
    score = tape.score(network, start, target)
    return backward(score, start, target, seed=score.detach()), score.detach()
