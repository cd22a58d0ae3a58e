"""Choosers' gradients beside the enumerated one, and the gap after the hard choice."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pellucid.core.errors import BadInput
from pellucid.tasks.choosing import (
    Chooser,
    GumbelSoftmax,
    Reinforce,
    SoftMixture,
    StraightThrough,
    exact_gradient,
    gradient_draws,
    hard_gap,
    judged,
)

OPERATIONS = {"identity": lambda x: x, "negate": torch.neg, "square": torch.square, "sin": torch.sin, "exp": torch.exp}
LOGITS = torch.tensor([0.5, 0.0, -0.5, 0.2, -1.0])
ITEM, ANSWER, DRAWS = torch.tensor([[1.2]]), torch.tensor([[0.9]]), 60_000


def squared(output: Tensor) -> Tensor:
    return (output - ANSWER).square().mean(1)


def many(chooser: Chooser, seed: int = 0) -> Tensor:
    """Gradients of one item, [DRAWS, K], all in one pass: each row has logits of its own."""
    rows = LOGITS.repeat(DRAWS, 1).requires_grad_()
    chosen = chooser(ITEM.expand(DRAWS, 1), rows, generator=torch.Generator().manual_seed(seed))
    return torch.autograd.grad(chosen.loss(squared(chosen.output)), rows)[0].double() * DRAWS


def exact() -> Tensor:
    chooser = SoftMixture(OPERATIONS)
    chooser.logits.data.copy_(LOGITS)
    return exact_gradient(chooser, ITEM, squared)


def far(drawn: Tensor, wanted: Tensor) -> float:
    """By how many standard errors the worst entry of the mean misses."""
    return float(((drawn.mean(0) - wanted).abs() / (drawn.std(0) / len(drawn) ** 0.5)).max())


def test_the_exact_gradient_is_that_of_the_expected_loss() -> None:
    logits = LOGITS.double().requires_grad_()
    losses = torch.cat([squared(f(ITEM)) for f in OPERATIONS.values()]).double()
    torch.testing.assert_close(exact(), torch.autograd.grad(logits.softmax(0) @ losses, logits)[0])


@pytest.mark.parametrize("baseline", ["none", "mean", "leave_one_out", "moving_average"])
def test_reinforce_is_unbiased(baseline: str) -> None:
    assert far(many(Reinforce(OPERATIONS, baseline=baseline)), exact()) < 4.5


def test_straight_through_with_drawing_is_biased_and_the_test_above_can_fail() -> None:
    for chooser in (
        StraightThrough(OPERATIONS),
        StraightThrough(OPERATIONS, draw="categorical"),
        GumbelSoftmax(OPERATIONS),
    ):
        assert far(many(chooser), exact()) > 20


def test_towards_no_temperature_the_bias_goes_and_the_variance_comes() -> None:
    for kind in (GumbelSoftmax, StraightThrough):
        found = [judged(many(kind(OPERATIONS, temperature=t)), exact()) for t in (2.0, 1.0, 0.5, 0.1)]
        assert [f.bias for f in found] == sorted((f.bias for f in found), reverse=True)
        assert [f.variance for f in found] == sorted(f.variance for f in found)
        assert found[-1].bias < 0.25 * found[1].bias
        assert found[-1].cosine > 0.99


def test_the_order_of_variances() -> None:
    variance = {
        name: judged(many(chooser), exact()).variance
        for name, chooser in {
            "soft": SoftMixture(OPERATIONS),
            "gumbel 1": GumbelSoftmax(OPERATIONS),
            "straight 1": StraightThrough(OPERATIONS),
            "baseline": Reinforce(OPERATIONS),
            "none": Reinforce(OPERATIONS, baseline="none"),
            "straight 0.1": StraightThrough(OPERATIONS, temperature=0.1),
        }.items()
    }
    assert list(variance.values()) == sorted(variance.values()), variance
    assert variance["soft"] < 1e-12


def test_gradient_draws_are_those_of_training_passes() -> None:
    chooser = Reinforce(OPERATIONS, baseline="moving_average").eval()
    x, y = torch.linspace(-1, 1, 8)[:, None], torch.zeros(8, 1)
    drawn = gradient_draws(chooser, x, lambda o: (o - y).square().mean(1), draws=400)
    assert drawn.equal(gradient_draws(chooser, x, lambda o: (o - y).square().mean(1), draws=400))
    found = judged(drawn, exact_gradient(chooser, x, lambda o: (o - y).square().mean(1)))
    assert found.bias < 3 * found.error
    assert found.error == pytest.approx((found.variance / 400) ** 0.5)
    assert (chooser.training, chooser.seen.item(), chooser.logits.grad) == (False, 0, None)
    with pytest.raises(BadInput, match="no variance"):
        gradient_draws(chooser, x, squared, draws=1)


# -- the gap ---------------------------------------------------------------------------------------

X = torch.linspace(-2, 2, 200)[:, None]


def trained(chooser: Chooser, y: Tensor, steps: int = 300) -> Chooser:
    torch.manual_seed(0)
    optimizer = torch.optim.Adam(chooser.parameters(), lr=0.05)
    for _ in range(steps):
        rows = torch.randint(len(X), (16,))
        chosen = chooser(X[rows])
        loss = chosen.loss((chosen.output - y[rows]).square().mean(1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return chooser


def test_the_hard_choice_surprises_a_mixture_and_drawing_finds_the_best() -> None:
    """Half of sinh is in no single operation's reach; identity and negate mixed come close."""
    y = torch.sinh(X) / 2
    away = lambda o: (o - y).square().mean(1)  # noqa: E731
    soft = hard_gap(trained(SoftMixture(OPERATIONS), y), X, away)
    assert soft.low > 0.05
    assert soft.hard > soft.each[soft.best]
    drawn = hard_gap(trained(Reinforce(OPERATIONS), y), X, away)
    assert drawn.chosen[drawn.best] == 1.0
    assert drawn.hard == drawn.each[drawn.best] < soft.hard


def test_the_gap_by_hand() -> None:
    chooser = SoftMixture({"one": torch.ones_like, "zero": torch.zeros_like}).train()
    chooser.logits.data.copy_(torch.tensor([0.0, 1.0]))
    gap = hard_gap(chooser, X, lambda o: (o[:, 0] - 0.5).abs())
    p = torch.tensor([0.0, 1.0]).softmax(0)[1].item()
    assert (gap.hard, gap.sure, gap.best) == (0.5, pytest.approx(p), "one")
    assert gap.soft == pytest.approx(p - 0.5)
    assert gap.gap == pytest.approx(1 - p)
    assert (gap.low, gap.high) == pytest.approx((gap.gap, gap.gap))  # every item has the same
    assert gap.chosen == {"one": 0.0, "zero": 1.0}
    assert chooser.training
    assert "a gap of +0.26" in str(gap)
    assert hard_gap(chooser, X[:1], lambda o: o[:, 0]).low != hard_gap(chooser, X[:1], lambda o: o[:, 0]).low  # NaN


def test_the_gap_s_interval_holds_the_truth() -> None:
    """Items drawn from a known world: in about 95 of 100 samples the interval holds the gap of all items."""
    chooser = SoftMixture(OPERATIONS)
    chooser.logits.data.copy_(LOGITS)
    rng = torch.Generator().manual_seed(1)
    world = torch.randn(20_000, 1, generator=rng)
    answer = lambda o: o.square().mean(1)  # noqa: E731
    truth, held = hard_gap(chooser, world, answer).gap, 0
    for _ in range(200):
        drawn = world[torch.randint(len(world), (60,), generator=rng)]
        gap = hard_gap(chooser, drawn, answer, draws=1)
        held += gap.low <= truth <= gap.high
    assert 170 <= held <= 199
