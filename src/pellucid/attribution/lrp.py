"""Layer-wise relevance propagation and Deep Taylor decomposition: what each input contributes, layer by layer."""

from __future__ import annotations

from functools import partial
from typing import Literal

import torch
from torch import Tensor

from pellucid.attribution.relevance.composites import read_composite
from pellucid.attribution.relevance.layerwise import Layerwise
from pellucid.attribution.relevance.tape import flow
from pellucid.attribution.table import Attribution, methods
from pellucid.attribution.target import Target
from pellucid.core.progress import track
from pellucid.core.types import TINY
from pellucid.models.network import Network
from pellucid.models.parts import Behind

Fallback = Literal["error", "gradient"]

#: From this ratio of Σ|R| to the score on, a map is warned of.
CANCELLING = 100.0


@methods.register(
    "lrp",
    group="attribution",
    source="doi:10.1371/journal.pone.0130140",
    laws=frozenset({"conservation"}),
    cost="2 to 6 gradients",
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
    cost="2 to 6 gradients",
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
        part = x[rows]
        make = partial(Layerwise, chosen, conserve, epsilon, fallback == "gradient", len(part), fallen_back)
        relevance, score = flow(network, part, target.rows(rows), make, bounds=bounds_of(network, part))
        maps.append(relevance)
        values.append(score)
    found, expected = torch.cat(maps), torch.cat(values)
    return Attribution(
        found, expected=expected, fallbacks=tuple(dict.fromkeys(fallen_back)), notes=_cautions(found, expected)
    )


def bounds_of(network: Network, x: Tensor) -> tuple[Tensor, Tensor] | None:
    """The network's values for black and for white, each of the shape of ``x``; None for matrices and inside."""
    if network.input.is_matrix or any(isinstance(p, Behind) for p in network.parts):
        return None
    return network.input.normalise(torch.zeros_like(x)), network.input.normalise(torch.full_like(x, 255.0))


def _cautions(relevance: Tensor, expected: Tensor) -> tuple[str, ...]:
    """What cancels itself is no explanation, even where the sum holds."""
    worst = float((relevance.flatten(1).abs().sum(1) / expected.abs().clamp(min=TINY)).max())
    if worst < CANCELLING:
        return ()
    return (f"positive and negative shares are {worst:.0f} times the score and cancel: choose a rule as epsilon_plus",)
