"""What each loss is smallest at, when a level is drawn from known probabilities: the figures of docs/ordinal.md."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pellucid.tasks.grading import soft
from tasks.grades import PLACES, task

#: The most likely level is 1, the median 2, the mean 2.7.
TRUTH = np.array([0.35, 0.25, 0.05, 0.05, 0.30])
DISTANCES = np.abs(PLACES[:, None] - PLACES)

simplex = st.lists(st.floats(0.03, 1), min_size=5, max_size=5).map(lambda p: np.array(p) / sum(p))


def smallest_at(loss: str, truth: np.ndarray, **options) -> tuple[np.ndarray, float]:
    """The probabilities at the smallest expected loss, found from its own outputs, and that loss."""
    made = task(loss, **options)
    weight, y = torch.from_numpy(truth), torch.arange(5)
    free = torch.zeros(1, made.head.outputs, dtype=torch.float64, requires_grad=True)

    def outputs() -> Tensor:
        if loss != "cumulative":
            return free
        return torch.cat([free[:, :1], free[:, :1] - torch.nn.functional.softplus(free[:, 1:]).cumsum(1)], 1)

    def closure() -> Tensor:
        optimizer.zero_grad()
        expected = (made.loss(outputs().expand(5, -1), y) * weight).sum()
        expected.backward()
        return expected

    optimizer = torch.optim.LBFGS(
        [free], max_iter=1000, line_search_fn="strong_wolfe", tolerance_grad=1e-10, tolerance_change=1e-14
    )
    value = float(optimizer.step(closure).detach())
    return made.probabilities(outputs().detach())[0].numpy(), value


def expected(loss: str, truth: np.ndarray, p: np.ndarray) -> float:
    """The expected loss where the network says p, for losses with a score a level."""
    made = task(loss)
    output = torch.from_numpy(p).clamp(min=1e-300).log().expand(5, -1)
    return float((made.loss(output, torch.arange(5)) * torch.from_numpy(truth)).sum())


@pytest.mark.parametrize("loss", ["cross_entropy", "emd", "coral", "corn", "cumulative"])
@given(truth=simplex)
@settings(max_examples=15, deadline=None)
def test_proper_losses_are_smallest_at_the_truth(loss: str, truth: np.ndarray) -> None:
    p, _ = smallest_at(loss, truth)
    assert np.abs(p - truth).max() < 2e-3


@given(truth=simplex)
@settings(max_examples=30, deadline=None)
def test_soft_labels_are_smallest_at_the_blurred_truth(truth: np.ndarray) -> None:
    labels = {
        "soft_exponential": soft.exponential(DISTANCES, 2.0),
        "soft_gaussian": soft.exponential(DISTANCES**2, 2.0),
        "soft_binomial": soft.binomial(5),
        "soft_triangular": soft.triangular(5, 0.05),
    }
    for loss, label in labels.items():
        p, _ = smallest_at(loss, truth)
        assert np.abs(p - label.T @ truth).max() < 2e-3, loss


def by_class(truth: np.ndarray, power: float = 1.0) -> np.ndarray:
    """The closed form in ``distance_by_class``: levels are left out until none that is left would be negative."""
    far = (DISTANCES**power) @ truth
    left = np.ones(5, bool)
    while True:
        p = np.where(left, 1 - (left.sum() - 1) * far / far[left].sum(), 0)
        if (p >= 0).all():
            return p
        left &= p > 0


@given(truth=simplex, power=st.sampled_from([0.5, 1.0, 2.0]))
@settings(max_examples=20, deadline=None)
def test_distances_by_class_are_smallest_at_their_closed_form(truth: np.ndarray, power: float) -> None:
    """Not at the truth; but the most likely level has the smallest expected distance (for power 1 it is the median)."""
    p, value = smallest_at("distance_by_class", truth, power=power)
    made = task("distance_by_class", power=power)
    closed = by_class(truth, power)
    output = torch.from_numpy(closed).clamp(min=1e-300).log().expand(5, -1)
    at_closed = float((made.loss(output, torch.arange(5)) * torch.from_numpy(truth)).sum())
    assert at_closed <= value + 1e-6
    assert np.abs(p - closed).max() < 0.02
    far = (DISTANCES**power) @ truth
    assert far[made.decide(closed[None], made.rule)[0]] <= far.min() + 1e-9


def test_distances_by_class_are_far_from_the_truth() -> None:
    p = by_class(TRUTH)
    assert p == pytest.approx([5 / 22, 8 / 22, 6 / 22, 3 / 22, 0], abs=1e-9)
    assert p.argmax() == 1  # the median, where the most likely level is 0
    assert expected("distance_by_class", TRUTH, p) < expected("distance_by_class", TRUTH, TRUTH) - 0.1


def test_distances_by_decision_tilt_the_probabilities_away_from_the_decision() -> None:
    """Where the tilted truth keeps its most likely level it is the smallest, by search over the other decisions too."""
    truth = np.array([0.6, 0.2, 0.1, 0.06, 0.04])
    tilted = truth * (1 + PLACES)
    tilted /= tilted.sum()
    assert tilted.argmax() == 0
    best = expected("distance_by_decision", truth, tilted)
    assert best < expected("distance_by_decision", truth, truth) - 0.1
    rng = np.random.default_rng(0)
    near = (tilted + 0.05 * rng.standard_normal((1500, 5))).clip(1e-6)
    for p in np.concatenate([rng.dirichlet([1] * 5, size=1500), near / near.sum(1, keepdims=True)]):
        assert expected("distance_by_decision", truth, p) >= best - 1e-12
    # Level 0 has 0.6 and is said to have 0.34; level 4 has 0.04 and is said to have 0.11.
    assert tilted[[0, 4]] == pytest.approx([0.345, 0.115], abs=1e-3)


@pytest.mark.parametrize(("loss", "wanted"), [("regression", PLACES @ TRUTH), ("regression_l1", 1.0)])
def test_regression_knows_one_number(loss: str, wanted: float) -> None:
    """Its mean, or its median: of the five probabilities nothing is left."""
    made = task(loss)
    grid = torch.linspace(-2, 2, 4001, dtype=torch.float64)
    costs = [made.loss(grid[:, None], torch.full((4001,), y)) * TRUTH[y] for y in range(5)]
    best = grid[torch.stack(costs).sum(0).argmin()].reshape(1, 1)
    assert made.probabilities(best)[0].numpy() @ PLACES == pytest.approx(wanted, abs=2e-3)
