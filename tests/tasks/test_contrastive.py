"""Contrastive losses at what is known of them: closed forms, a literal loop, the paper's equivalences."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from pellucid.core.errors import BadInput
from pellucid.tasks.contrasting import losses, scores
from pellucid.tasks.contrastive import contrastive
from pellucid.tasks.task import Task, Vocabulary


def task(**options: object) -> Task:
    return contrastive(Vocabulary({}, 10), **options)


def projections(count: int, size: int, seed: int = 0) -> Tensor:
    return torch.randn(2 * count, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def literal(z: Tensor, temperature: float) -> float:
    """Equation 1 of arXiv:2002.05709, view by view."""
    count, total = len(z) // 2, 0.0
    alike = lambda i, k: float(z[i] @ z[k] / (z[i].norm() * z[k].norm()))  # noqa: E731
    for i in range(2 * count):
        partner = (i + count) % (2 * count)
        below = sum(math.exp(alike(i, k) / temperature) for k in range(2 * count) if k != i)
        total -= math.log(math.exp(alike(i, partner) / temperature) / below)
    return total / (2 * count)


@pytest.mark.parametrize("temperature", [0.07, 0.5, 2.0])
def test_nt_xent_is_the_papers_sum(temperature: float) -> None:
    z = projections(6, 5)
    assert float(losses.nt_xent(z, temperature).mean()) == pytest.approx(literal(z, temperature), rel=1e-12)


@pytest.mark.parametrize(("count", "temperature"), [(2, 1.0), (8, 0.5), (32, 0.1)])
def test_orthogonal_pairs_have_a_closed_form(count: int, temperature: float) -> None:
    """Partners equal, all others at a right angle: log(1 + (2n − 2) e^(−1/τ))."""
    z = 3 * torch.eye(count, dtype=torch.float64).repeat(2, 1)
    wanted = math.log1p((2 * count - 2) * math.exp(-1 / temperature))
    assert losses.nt_xent(z, temperature).tolist() == pytest.approx([wanted] * count, rel=1e-12)


def test_one_pair_alone_costs_nothing_and_who_makes_the_same_of_all_pays_for_chance() -> None:
    assert float(losses.nt_xent(projections(1, 4), 0.1)) == pytest.approx(0.0, abs=1e-12)
    same = torch.ones(32, 4, dtype=torch.float64)
    assert losses.nt_xent(same, 0.1).tolist() == pytest.approx([math.log(31)] * 16)


@pytest.mark.parametrize("options", [{"loss": "nt_xent"}, {"loss": "decoupled", "weight": 0.7}])
def test_the_constant_answer_is_what_its_loss_gives(options: dict[str, object]) -> None:
    own = task(temperature=0.3, **options)
    z = torch.ones(20, 4)
    said = own.unlearnt(np.full(10, 19.0, np.float32))
    assert own.loss(z, torch.zeros(10)).tolist() == pytest.approx(said[:, scores.LOSS].tolist(), rel=1e-5)
    assert own.scores(np.full(10, 19.0), said)["uniformity"] == 0.0
    assert scores.summary(z, own.loss(z, torch.zeros(10))).numpy() == pytest.approx(said, rel=1e-5)


def test_at_initialisation_the_loss_is_that_of_chance() -> None:
    """Wide random projections are nearly orthogonal, partners too."""
    z = projections(128, 4096)
    assert float(losses.nt_xent(z, 0.5).mean()) == pytest.approx(math.log(255), abs=0.01)


@pytest.mark.parametrize("options", [{}, {"loss": "decoupled", "weight": 0.4}, {"loss": "swd"}])
def test_the_order_of_pictures_changes_nothing(options: dict[str, object]) -> None:
    own, z = task(**options), projections(12, 6).float()
    order = torch.randperm(12, generator=torch.Generator().manual_seed(1))
    torch.manual_seed(3)
    usual = own.loss(z, torch.zeros(12))
    torch.manual_seed(3)
    moved = own.loss(z[torch.cat([order, order + 12])], torch.zeros(12))
    torch.testing.assert_close(moved, usual[order])
    swapped = scores.summary(torch.cat([z[12:], z[:12]]), usual)
    torch.testing.assert_close(swapped, scores.summary(z, usual))


def test_decoupled_with_lambda_as_temperature_is_nt_xent() -> None:
    """arXiv:2011.02803, eq. 2: τ · NT-Xent = alignment + τ · distribution; also the gradients."""
    for temperature in (0.05, 0.2, 1.0):
        z = projections(8, 5).requires_grad_()
        both = temperature * losses.nt_xent(z, temperature), losses.decoupled(z, temperature, temperature)
        torch.testing.assert_close(*both)
        torch.testing.assert_close(*(torch.autograd.grad(each.sum(), z)[0] for each in both))
    z = projections(8, 5)
    own = task(loss="decoupled", temperature=0.3)
    torch.testing.assert_close(own.loss(z, torch.zeros(8)), 0.3 * losses.nt_xent(z, 0.3))


def test_another_lambda_is_no_nt_xent_of_any_temperature_but_weighs_its_parts() -> None:
    z = projections(8, 5)
    one, two, three = (losses.decoupled(z, 0.5, weight) for weight in (1.0, 2.0, 3.0))
    torch.testing.assert_close(two - one, three - two)
    torch.testing.assert_close(one - (two - one), -torch.nn.functional.cosine_similarity(z[:8], z[8:]))


@pytest.mark.parametrize("options", [{}, {"loss": "decoupled"}])
def test_gradients_are_finite_however_small_the_temperature(options: dict[str, object]) -> None:
    z = projections(8, 5).float().requires_grad_()
    found = task(temperature=1e-4, **options).loss(z, torch.zeros(8))
    assert torch.isfinite(found).all()
    found.mean().backward()
    assert torch.isfinite(z.grad).all()
    nothing = torch.zeros(8, 5, requires_grad=True)
    task(temperature=1e-2).loss(nothing, torch.zeros(4)).mean().backward()
    assert torch.isfinite(nothing.grad).all()


def test_sliced_wasserstein_is_the_papers_algorithm() -> None:
    """Algorithm 1 of arXiv:2011.02803, direction by direction, by the same draws."""
    z = projections(16, 4)
    torch.manual_seed(5)
    found = losses.sliced_wasserstein(z, 5.0, "normal")
    torch.manual_seed(5)
    directions = losses.orthogonal(4).double()
    prior = losses.drawn("normal", 32, 4).double()
    distance = 0.0
    for k in range(4):
        h, p = sorted((z @ directions[:, k]).tolist()), sorted((prior @ directions[:, k]).tolist())
        distance += sum((a - b) ** 2 for a, b in zip(h, p, strict=True)) / (4 * 32)
    alignment = float((z[:16] - z[16:]).square().mean()) / 2
    assert float(found.mean()) == pytest.approx(alignment + 5 * distance, rel=1e-6)


def test_orthogonal_directions_are_orthogonal_and_even() -> None:
    torch.manual_seed(0)
    drawn = torch.stack([losses.orthogonal(3) for _ in range(2000)])
    torch.testing.assert_close(drawn @ drawn.transpose(1, 2), torch.eye(3).expand(2000, 3, 3), atol=1e-5, rtol=0)
    assert drawn.mean(0).abs().max() < 0.05  # without the signs' correction the diagonal would be one-sided


@pytest.mark.parametrize("prior", ["sphere", "cube", "normal"])
def test_what_is_spread_as_the_prior_is_costs_less_than_what_is_not(prior: losses.Prior) -> None:
    torch.manual_seed(0)
    spread = losses.drawn(prior, 512, 8).repeat(2, 1)
    heap = spread[:1].expand(1024, 8) + 1e-3 * torch.randn(1024, 8)
    far, near = (float(losses.sliced_wasserstein(z, 1.0, prior).mean()) for z in (heap, spread))
    assert near < 0.1 * far


def test_summaries_are_what_they_say() -> None:
    z = torch.eye(4).repeat(2, 1)
    found = scores.summary(z, torch.arange(4.0))
    assert found[:, scores.LOSS].tolist() == [0, 1, 2, 3]
    assert found[:, scores.MATCHED].tolist() == [1.0] * 4
    assert found[:, scores.APART].abs().max() < 1e-6
    assert found[:, scores.CLOSE].tolist() == pytest.approx([(1 + 6 * math.exp(-4)) / 7] * 4)
    apart = scores.summary(torch.cat([torch.eye(4), torch.eye(4).roll(1, 0)]), torch.zeros(4))
    assert apart[:, scores.MATCHED].tolist() == [0.0] * 4
    assert apart[:, scores.APART].tolist() == pytest.approx([2.0] * 4)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"temperature": 0.0}, "temperature is 0.0"),
        ({"weight": -1.0}, "weight is -1.0"),
        ({"projection": 0}, "projection is 0"),
        ({"smallest": 0.0}, "smallest is 0.0"),
        ({"strength": 2.0}, "strength is 2.0"),
        ({"views": "crop,colr"}, "'colr'"),
        ({"views": " "}, "same picture"),
        ({"weight": 0.1}, "'nt_xent' has no weight; leave weight away, or pass loss='decoupled'"),
        ({"prior": "cube"}, "'nt_xent' has no prior; leave prior away, or pass loss='swd'"),
        ({"loss": "decoupled", "prior": "cube"}, "'decoupled' has no prior"),
        (
            {"loss": "swd", "temperature": 0.1},
            "'swd' has no temperature; leave temperature away, or pass loss='nt_xent'",
        ),
    ],
)
def test_what_cannot_be_is_told(options: dict[str, object], told: str) -> None:
    with pytest.raises(BadInput, match=told):
        task(**options)
