"""Choosers: what they give while training and after, by their laws."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from scipy import stats
from torch import Tensor, nn

from pellucid.core.errors import BadInput
from pellucid.tasks.choosing import (
    Chooser,
    GumbelSoftmax,
    Reinforce,
    SoftMixture,
    StraightThrough,
    annealed,
    hard_gap,
)

OPERATIONS = {"identity": lambda x: x, "negate": torch.neg, "square": torch.square, "sin": torch.sin, "exp": torch.exp}
LOGITS = torch.tensor([0.3, -0.4, 1.1, 0.0, -1.0])
X = torch.linspace(-2, 2, 40)[:, None]

Maker = Callable[..., Chooser]
EVERY: dict[str, Maker] = {
    "soft": SoftMixture,
    "gumbel": lambda o: GumbelSoftmax(o, temperature=0.5),
    "argmax": lambda o: StraightThrough(o, draw="argmax"),
    "categorical": lambda o: StraightThrough(o, draw="categorical"),
    "straight": lambda o: StraightThrough(o, temperature=0.5),
    "reinforce": Reinforce,
    "moving": lambda o: Reinforce(o, baseline="moving_average"),
}


def made(name: str, operations: object = OPERATIONS) -> Chooser:
    chooser = EVERY[name](operations)
    if len(chooser.names) == len(LOGITS):
        chooser.logits.data.copy_(LOGITS)
    return chooser


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def gradient(chooser: Chooser, x: Tensor = X, seed: int = 0, logits: Tensor | None = None) -> Tensor:
    """Of the mean square, for the logits."""
    chosen = chooser(x, logits, generator=generator(seed))
    loss = chosen.loss(chosen.output.square().mean(1))
    return torch.autograd.grad(loss, chooser.logits if logits is None else logits)[0]


@pytest.mark.parametrize("name", EVERY)
def test_one_seed_one_choice_and_weights_sum_to_one(name: str) -> None:
    chooser = made(name)
    first, again = (chooser(X, generator=generator(3)) for _ in range(2))
    assert first.output.equal(again.output)
    torch.testing.assert_close(first.weights.sum(1), torch.ones(len(X)))
    if name not in ("soft", "argmax"):
        assert not first.output.equal(chooser(X, generator=generator(4)).output)
    torch.manual_seed(5)
    by_torch = chooser(X).output
    torch.manual_seed(5)
    assert chooser(X).output.equal(by_torch)


@pytest.mark.parametrize("name", EVERY)
def test_what_runs_forward_is_what_the_weights_say(name: str) -> None:
    chooser = made(name)
    chosen = chooser(X, generator=generator())
    every = chooser.operations(X)
    torch.testing.assert_close(chosen.output, (chosen.weights[:, :, None] * every).sum(1))
    if name not in ("soft", "gumbel"):  # exactly one operation, to the last bit
        which = chosen.weights.argmax(1)
        assert chosen.output.equal(every[torch.arange(len(X)), which])
        assert set(chosen.weights.unique().tolist()) == {0.0, 1.0}


@pytest.mark.parametrize("name", EVERY)
def test_afterwards_the_likeliest_runs_alone(name: str) -> None:
    chooser = made(name).eval()
    assert chooser(X).output.equal(X.square())
    rows = torch.eye(5)[torch.arange(40) % 5]  # a choice of its own for each item
    by_item = chooser(X, rows).output
    for k, operation in enumerate(OPERATIONS.values()):
        assert by_item[k::5].equal(operation(X[k::5]))


@pytest.mark.parametrize("name", EVERY)
def test_a_constant_on_all_logits_changes_nothing(name: str) -> None:
    chooser, moved = made(name), made(name)
    moved.logits.data += 7.0
    torch.testing.assert_close(chooser(X, generator=generator()).output, moved(X, generator=generator()).output)
    torch.testing.assert_close(gradient(chooser), gradient(moved), atol=1e-5, rtol=1e-4)
    assert gradient(chooser).sum().abs() < 1e-5  # so the gradient has no part along that constant


@pytest.mark.parametrize("name", EVERY)
def test_of_one_operation_there_is_no_choice(name: str) -> None:
    chooser = made(name, {"sin": torch.sin})
    assert chooser(X).output.equal(torch.sin(X))
    assert gradient(chooser).abs().max() < 1e-7
    gap = hard_gap(chooser, X, lambda o: o.square().mean(1), draws=3)
    assert (gap.gap, gap.best, gap.sure) == (0.0, "sin", 1.0)


@pytest.mark.parametrize("name", EVERY)
def test_operations_learn_and_only_those_that_ran(name: str) -> None:
    chooser = made(name, {"first": nn.Linear(1, 1), "second": nn.Linear(1, 1)})
    chooser.logits.data.copy_(torch.tensor([0.0, -200.0]))
    chosen = chooser(X, generator=generator())
    chosen.loss((chosen.output - 1).square().mean(1)).backward()
    first, second = (m.weight.grad for m in chooser.operations.learnt)
    assert first.abs().sum() > 0
    assert second is None or second.abs().sum() == 0
    assert {"logits", "operations.learnt.0.weight"} <= set(chooser.state_dict())


def test_reinforce_runs_each_operation_on_its_own_items_alone() -> None:
    seen: list[int] = []

    def counted(x: Tensor) -> Tensor:
        seen.append(len(x))
        return x

    chooser = Reinforce({"one": counted, "other": counted})
    chosen = chooser(X, generator=generator())
    assert sum(seen) == len(X)
    assert seen == chosen.weights.sum(0).int().tolist()


def test_soft_gradients_are_autograds_of_the_mixture() -> None:
    logits = LOGITS.clone().requires_grad_()
    mixture = sum(p * f(X) for p, f in zip(logits.softmax(0), OPERATIONS.values(), strict=True))
    wanted = torch.autograd.grad(mixture.square().mean(), logits)[0]
    torch.testing.assert_close(gradient(made("soft")), wanted)


def test_gumbel_noise_draws_with_the_softmax_s_probabilities() -> None:
    rows = LOGITS.expand(20_000, 5)
    for name in ("gumbel", "straight", "categorical", "reinforce"):
        weights = made(name)(torch.zeros(20_000, 1), rows, generator=generator(1)).weights
        counts = torch.bincount(weights.argmax(1), minlength=5).numpy()
        assert stats.chisquare(counts, 20_000 * LOGITS.double().softmax(0).numpy()).pvalue > 1e-3, name


def test_temperature_goes_from_a_choice_to_an_even_mixture() -> None:
    cold, hot = (GumbelSoftmax(OPERATIONS, temperature=t)(X, LOGITS, generator=generator()) for t in (1e-6, 1e6))
    assert cold.weights.amax(1).min() > 0.999
    torch.testing.assert_close(hot.weights, torch.full((40, 5), 0.2), atol=1e-4, rtol=0)
    hard = StraightThrough(OPERATIONS)(X, LOGITS, generator=generator())
    torch.testing.assert_close(cold.weights, hard.weights.detach(), atol=1e-3, rtol=0)
    for chooser in (GumbelSoftmax(OPERATIONS, temperature=1e-6), StraightThrough(OPERATIONS, temperature=1e-6)):
        assert torch.isfinite(gradient(chooser)).all()


@pytest.mark.parametrize("temperature", [0, -1, 1e-7, math.inf, math.nan])
def test_no_temperature_gives_nan(temperature: float) -> None:
    for kind in (GumbelSoftmax, StraightThrough):
        with pytest.raises(BadInput, match=r"has no gradient; anneal towards 0\.1"):
            kind(OPERATIONS, temperature=temperature)
        chooser = kind(OPERATIONS)
        with pytest.raises(BadInput, match="has no gradient"):
            chooser.temperature = temperature
        assert chooser.temperature == 1.0


def test_annealing_is_geometric() -> None:
    assert [annealed(s, 1.0, 0.01) for s in (0, 0.5, 1)] == pytest.approx([1.0, 0.1, 0.01])
    for bad in ((1.1, 1, 0.1), (0.5, 0, 0.1), (0.5, 1, math.nan)):
        with pytest.raises(BadInput):
            annealed(*bad)


def test_the_loss_is_the_losses_mean_and_the_mean_baseline_a_smaller_step() -> None:
    others, mean = made("reinforce"), Reinforce(OPERATIONS, baseline="mean")
    mean.logits.data.copy_(LOGITS)
    chosen = others(X, generator=generator())
    losses = chosen.output.square().mean(1)
    assert chosen.loss(losses).item() == losses.mean().item()
    torch.testing.assert_close(gradient(mean), gradient(others) * 39 / 40)


def test_a_moving_average_is_of_the_batches_before() -> None:
    chooser = Reinforce(OPERATIONS, baseline="moving_average", decay=0.5)
    seen = [chooser.compared(torch.tensor([value])).item() for value in (4.0, 10.0, 1.0)]
    assert seen == pytest.approx([0, 4, (0.25 * 4 + 0.5 * 10) / 0.75])
    other = Reinforce(OPERATIONS, baseline="moving_average", decay=0.5)
    other.load_state_dict(chooser.state_dict())
    assert other.compared(torch.ones(1)).item() == chooser.compared(torch.ones(1)).item()


@pytest.mark.parametrize("name", ["soft", "straight", "reinforce"])
def test_a_network_learns_to_choose_for_each_item(name: str) -> None:
    """Plus 1 where x is positive, minus 1 where not."""
    torch.manual_seed(0)
    chooser = EVERY[name]({"minus": lambda x: x - 1, "plus": lambda x: x + 1})
    gate = nn.Linear(1, 2)
    optimizer = torch.optim.Adam(gate.parameters(), lr=0.1)
    for _ in range(100):
        x = torch.rand(64, 1) * 4 - 2
        chosen = chooser(x, gate(x))
        loss = chosen.loss((chosen.output - x - x.sign()).square().mean(1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    wrong = (chooser.eval()(X, gate(X)).weights[:, 1] > 0.5) != (X[:, 0] > 0)
    assert X[wrong].abs().sum() < 0.4


def test_reinforce_learns_from_mistakes_that_are_only_counted() -> None:
    torch.manual_seed(0)
    chooser = Reinforce(OPERATIONS)
    optimizer = torch.optim.Adam(chooser.parameters(), lr=0.1)
    for _ in range(60):
        chosen = chooser(X)
        loss = chosen.loss((chosen.output != torch.sin(X)).float().mean(1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert chooser.names[chooser.logits.argmax()] == "sin"
    assert hard_gap(chooser, X, lambda o: (o != torch.sin(X)).float().mean(1)).hard == 0


def test_bad_input() -> None:
    class Halving(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x[::2]

    logs = {"identity": lambda x: x, "log": torch.log}
    cases: list[tuple[Callable[[], object], str]] = [
        (lambda: SoftMixture({}), "no operation"),
        (lambda: SoftMixture([torch.sin, torch.sin]), "operation 2 has no name of its own"),
        (lambda: SoftMixture([torch.sin, lambda x: x]), "pass a dictionary"),
        (lambda: SoftMixture(logs)(X), "'log' gives NaN or infinity for 20 of 40 items"),
        (lambda: SoftMixture({"a": torch.sin, "b": lambda x: x.expand(-1, 3)})(X), "different shapes"),
        (lambda: SoftMixture([Halving()])(X), "one output an item"),
        (lambda: SoftMixture(logs)(X, torch.zeros(3)), "logits of shape (3,) for 2"),
        (lambda: SoftMixture(logs)(X, torch.tensor([0.0, math.nan])), "a logit is NaN"),
        (lambda: StraightThrough(logs, draw="softly"), "draw is 'softly'"),
        (lambda: Reinforce(logs, baseline="best"), "baseline is 'best'"),
        (lambda: Reinforce(logs, decay=1.0), "decay is 1.0"),
        (lambda: gradient(made("reinforce"), X[:1]), "no others"),
        (lambda: made("soft")(X).loss(torch.zeros(40, 1)), "losses of shape (40, 1) for 40 items"),
        (lambda: hard_gap(made("soft"), X[:0], lambda o: o.mean(1)), "0 items"),
        (lambda: made("reinforce")(X[:0]), "a batch of no items"),
        (lambda: SoftMixture({"three": 3}), "'three' is int, which cannot be called"),
    ]
    for asked, message in cases:
        with pytest.raises(BadInput) as error:
            asked()
        assert message in str(error.value)
        assert "; " in str(error.value), "a cure"
