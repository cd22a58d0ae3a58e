"""How relevance is handed back through one operation: pure functions of operands and relevance.

Through a linear operation with contributions c_ij = x_i·w_ij, a rule hands out R_i = Σ_j n_ij·R_j/d_j and
says what of each R_j is left. Sources: Bach et al. 2015 (doi:10.1371/journal.pone.0130140),
Montavon et al. 2017 (arXiv:1512.02479), Montavon et al. 2019 (doi:10.1007/978-3-030-28954-6_10),
Ancona et al. 2018 (arXiv:1711.06104) for the simplest one.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid.attribution.relevance.operations import Affine
from pellucid.core.errors import BadInput
from pellucid.core.registry import Registry

#: Keeps 0/0 at 0: far below any contribution, far above where float32 ends.
SMALLEST = 1e-30

#: A sum of contributions below this is nobody (masked attention leaves 1e-44): SMALLEST would take part of its share.
NOBODY = 1e-24

#: A remainder below this share of the largest relevance is rounding.
NEGLIGIBLE = 1e-6

#: An operand and the weight that it is multiplied by.
Part = tuple[Tensor, Tensor | None]


@dataclass(frozen=True)
class RuleFacts:
    """source: the paper and its equation."""

    source: str


rules: Registry[RuleFacts] = Registry("rule", facts=RuleFacts, group="pellucid.rules")


#: What a rule gives: the operand's relevance, and what of the output's it found nobody for (None: nothing).
Handed = tuple[Tensor, Tensor | None]


def hand_out(
    affine: Affine,
    parts: list[Part],
    relevance: Tensor,
    *,
    bias: Tensor | None = None,
    epsilon: float = 0.0,
    positive: bool = False,
    floor: float = 0.0,
) -> Handed:
    """Σ_j n_ij·R_j/d_j with n_ij = Σ over ``parts`` of x_i·w_ij and d_j = Σ_i n_ij + bias_j; and what is left of R_j.

    epsilon: added to d away from zero, as a share of each sample's root mean square of d. positive: no n
    is negative, so that either all of R_j is handed out or, where d_j is nearly 0, nothing. floor: a d_j below
    this share of the sample's largest counts as 0, where n is a difference and may be rounding alone.
    """
    with torch.enable_grad():
        leaves = [x.detach().requires_grad_(True) for x, _ in parts]
        products = [affine.apply(leaf, weight) for leaf, (_, weight) in zip(leaves, parts, strict=True)]
        total = functools.reduce(torch.add, products)
        n = total.detach()
        d = n + SMALLEST if positive else away_from_zero(n if bias is None else n + bias, epsilon)
        share = torch.div(relevance, d, out=d)
        if floor:
            nobody = n <= floor * n.flatten(1).amax(1).view(-1, *[1] * (n.ndim - 1))
            share = share.masked_fill_(nobody, 0)
        backs = torch.autograd.grad(total, leaves, share)
    given = backs[0] * parts[0][0]
    for back, (x, _) in zip(backs[1:], parts[1:], strict=True):
        given.addcmul_(x, back)
    if positive:
        nobody = nobody if floor else n.abs() < NOBODY
        return given, relevance * nobody if bool(nobody.any()) else None
    left = relevance - share.mul_(n)
    return given, left if float(left.abs().amax()) > NEGLIGIBLE * float(relevance.abs().amax()) else None


def away_from_zero(d: Tensor, epsilon: float) -> Tensor:
    """D + ε·sgn d, where ε is a share of each sample's root mean square of d and sgn 0 = ±1."""
    return d + _step(d, epsilon)


def _step(d: Tensor, epsilon: float) -> Tensor:
    step = torch.full((1,) * d.ndim, SMALLEST, dtype=d.dtype, device=d.device)
    if epsilon:
        step = step + epsilon * d.reshape(len(d), -1).square().mean(1).sqrt().view(-1, *[1] * (d.ndim - 1))
    return torch.copysign(step, d)


# -- rules for what is linear -------------------------------------------------------------------------


def _positive(affine: Affine, x: Tensor, *, sign: int = 1) -> list[Part]:
    """The operands whose products are the contributions of one sign."""
    weight = affine.weight
    one, other = (None, None) if weight is None else (weight.clamp(min=0), weight.clamp(max=0))
    if sign < 0:
        one, other = other, one
    parts = [(x.clamp(min=0), one), (x.clamp(max=0), other)]
    if weight is None:
        parts = parts[:1] if sign > 0 else parts[1:]
    elif float(x.amin()) >= 0:  # after a ReLU the other half is nothing: half of the work
        parts = [(x, one)]
    return parts


@rules.register("z", source="Bach 2015, eq. 52")
def z(affine: Affine, x: Tensor, relevance: Tensor) -> Handed:
    """In proportion to the contributions (n = x·w, d = Σn + b)."""
    return hand_out(affine, [(x, affine.weight)], relevance, bias=affine.bias)


@rules.register("epsilon", source="Bach 2015, eq. 58")
def epsilon(affine: Affine, x: Tensor, relevance: Tensor, *, epsilon: float = 0.1) -> Handed:
    """In proportion to the contributions, less where they cancel (d = Σn + b ± ε·rms d)."""
    return hand_out(affine, [(x, affine.weight)], relevance, bias=affine.bias, epsilon=epsilon)


@rules.register("gamma", source="Montavon 2019, §10.2.3")
def gamma(affine: Affine, x: Tensor, relevance: Tensor, *, gamma: float = 0.25) -> Handed:
    """The contributions of the output's own sign count 1 + γ times (n = c + γ·c⁺ where Σc > 0, else c + γ·c⁻)."""
    with torch.no_grad():
        total = affine.apply(x, affine.weight)
    if affine.bias is not None:
        total = total + affine.bias
    both = []
    for sign, where in ((1, total > 0), (-1, total <= 0)):
        parts = [(x, affine.weight)]
        parts += [(gamma * part, weight) for part, weight in _positive(affine, x, sign=sign)]
        bias = affine.bias
        if bias is not None:
            bias = bias + gamma * (bias.clamp(min=0) if sign > 0 else bias.clamp(max=0))
        both.append(hand_out(affine, parts, relevance * where, bias=bias))
    return _added(*both)


@rules.register("z_plus", source="arXiv:1512.02479, eq. 14")
def z_plus(affine: Affine, x: Tensor, relevance: Tensor) -> Handed:
    """In proportion to the positive contributions (n = c⁺, d = Σc⁺)."""
    return hand_out(affine, _positive(affine, x), relevance, positive=True)


@rules.register("alpha_beta", source="Bach 2015, eq. 60")
def alpha_beta(affine: Affine, x: Tensor, relevance: Tensor, *, alpha: float = 2.0, beta: float = 1.0) -> Handed:
    """α times by the positive contributions, minus β times by the negative ones; α − β = 1."""
    if abs(alpha - beta - 1) > 1e-6 or beta < 0:
        raise BadInput(f"alpha_beta({alpha:g}, {beta:g})", cure="choose alpha − beta = 1 and beta ≥ 0, as (2, 1)")
    found = hand_out(affine, _positive(affine, x), alpha * relevance, positive=True)
    if beta:
        # Negative shares over a negative sum: the signs cancel.
        found = _added(found, hand_out(affine, _positive(affine, x, sign=-1), -beta * relevance))
    return found


def _added(one: Handed, other: Handed) -> Handed:
    left = [h[1] for h in (one, other) if h[1] is not None]
    return one[0] + other[0], functools.reduce(torch.add, left) if left else None


@rules.register("z_box", source="arXiv:1512.02479, eq. 17")
def z_box(affine: Affine, x: Tensor, relevance: Tensor) -> Handed:
    """For inputs between bounds l and h (n = x·w − l·w⁺ − h·w⁻)."""
    if affine.bounds is None or affine.weight is None:
        what = "z_box needs the bounds of what enters the layer, which are known for the network's pixels alone"
        raise BadInput(what, cure="use it for first layers, or use w_square or flat")
    low, high = affine.bounds
    parts = [(x, affine.weight), (-low, affine.weight.clamp(min=0)), (-high, affine.weight.clamp(max=0))]
    return hand_out(affine, parts, relevance, positive=True, floor=1e-5)


@rules.register("w_square", source="arXiv:1512.02479, eq. 12")
def w_square(affine: Affine, x: Tensor, relevance: Tensor) -> Handed:
    """In proportion to the squared weights, whatever the input (n = w²)."""
    weight = None if affine.weight is None else affine.weight.square()
    return hand_out(affine, [(torch.ones_like(x), weight)], relevance, positive=True)


@rules.register("flat", source="doi:10.1109/ICIP.2016.7532834")
def flat(affine: Affine, x: Tensor, relevance: Tensor) -> Handed:
    """To all inputs alike (n = 1)."""
    weight = None if affine.weight is None else torch.ones_like(affine.weight)
    return hand_out(affine, [(torch.ones_like(x), weight)], relevance, positive=True)


def absolute(affine: Affine, x: Tensor, relevance: Tensor) -> Handed:
    """In proportion to the contributions' sizes (n = |c|)."""
    weight = None if affine.weight is None else affine.weight.abs()
    return hand_out(affine, [(x.abs(), weight)], relevance, positive=True)


Rule = Callable[[Affine, Tensor, Tensor], Handed]


def cascade(affine: Affine, x: Tensor, relevance: Tensor, rule: Rule) -> Tensor:
    """The rule's shares, then what it left by the contributions' sizes, then what that left to all alike.

    So nothing is lost where a rule finds nobody to give to: a depthwise convolution without positive
    contributions, a bias, an ε.
    """
    given, left = rule(affine, x, relevance)
    for next_rule in (absolute, flat):
        if left is None:
            break
        more, left = next_rule(affine, x, left)
        given = given + more
    return given


# -- rules for what is not ------------------------------------------------------------------------------


def split_sum(a: Tensor, b: Tensor, relevance: Tensor, *, epsilon: float) -> tuple[Tensor, Tensor]:
    """The relevance of a + b in proportion to a and b; what cancels, by their sizes; a tie halves."""
    total = a + b
    step = _step(total, epsilon)
    sizes = a.abs() + SMALLEST
    by_size = sizes / (sizes + b.abs() + SMALLEST)
    to_a = by_size.mul_(step).add_(a).div_(total.add_(step)).mul_(relevance)
    return to_a, relevance - to_a


def spread(lost: Tensor, given: list[Tensor]) -> list[Tensor]:
    """``lost`` [rows] added to tensors [rows, …] in proportion to their absolute values; evenly where all are zero."""
    flat_given = [g.flatten(1) for g in given]
    sizes = torch.stack([g.abs().sum(1) for g in flat_given]).sum(0)
    count = sum(g.shape[1] for g in flat_given)
    shares = [
        torch.where(sizes[:, None] > 0, g.abs() / sizes[:, None].clamp(min=SMALLEST), 1 / count) for g in flat_given
    ]
    return [g + (lost[:, None] * s).view_as(g) for g, s in zip(given, shares, strict=True)]
