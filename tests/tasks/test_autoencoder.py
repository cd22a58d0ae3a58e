"""What autoencoders are trained and judged by: closed forms against draws, definitions against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import r2_score
from torch import Tensor, nn

import pellucid
from pellucid.models.autoencoders import autoencoder as network
from pellucid.tasks.reconstruction.kl import kl, kl_units
from pellucid.tasks.reconstruction.losses import objective, squared_error
from pellucid.tasks.reconstruction.scores import metrics, of_the_mean
from pellucid.tasks.table import tasks
from pellucid.tasks.task import Task, Vocabulary


def task(**options: object) -> Task:
    return tasks["autoencoder"].function(Vocabulary({}, 10), **options)


def test_kl_in_closed_form_is_that_of_draws() -> None:
    mean = torch.tensor([[0.0, 1.0, -2.0, 0.3]], dtype=torch.float64)
    log_variance = torch.tensor([[0.0, -1.0, 0.5, -3.0]], dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(400_000, 4, generator=generator, dtype=torch.float64)
    drawn = mean + (log_variance / 2).exp() * noise
    own = -(log_variance + noise.square()) / 2  # logarithms of both densities, but for the same constant
    prior = -drawn.square() / 2
    each = own - prior
    error = each.std(0) / len(each) ** 0.5
    assert (each.mean(0) - kl_units(mean, log_variance)[0]).abs().le(4 * error + 1e-12).all()
    assert torch.allclose(kl(mean, log_variance), kl_units(mean, log_variance).sum(1))


def test_the_prior_itself_costs_nothing_and_all_else_something() -> None:
    assert kl(torch.zeros(1, 5), torch.zeros(1, 5)).item() == 0
    assert kl(torch.zeros(1, 1), torch.tensor([[0.1]])).item() > 0


@pytest.mark.parametrize("kind", ["dense-6-3", "conv-4-3"])
def test_without_beta_and_noise_it_is_the_plain_one(kind: str) -> None:
    torch.manual_seed(0)
    drawn, plain = network(kind, (1, 8, 8), variational=True).eval(), network(kind, (1, 8, 8)).eval()
    plain.load_state_dict({n: t for n, t in drawn.state_dict().items() if not n.startswith("log_variance")})
    x = torch.randn(7, 1, 8, 8)
    found = []
    for module in (drawn, plain):
        losses, summary = objective(0.0)(module, x, torch.zeros(7))
        losses.mean().backward()
        found.append((losses.detach(), summary[:, 0], module.code.weight.grad))
    for one, other in zip(*found, strict=True):
        assert torch.equal(one, other)


def test_with_beta_one_the_gradient_is_that_of_the_evidence_bound_with_the_best_variance() -> None:
    torch.manual_seed(0)
    module = network("dense-6-3", (1, 4, 4), variational=True).double().eval()
    x = torch.randn(9, 1, 4, 4, dtype=torch.float64)
    objective(1.0)(module, x, torch.zeros(9))[0].mean().backward()
    own = [p.grad.clone() for p in module.parameters()]
    module.zero_grad()
    output, mean, log_variance = module(x)
    error = (output - x).square().mean()
    bound = 16 / 2 * error.log() + kl(mean, log_variance).mean()  # for a picture, but for a constant
    bound.backward()
    factor = 2 * error.detach() / 16
    for mine, parameter in zip(own, module.parameters(), strict=True):
        # in float32, as losses are
        assert torch.allclose(mine, factor * parameter.grad, rtol=1e-4, atol=1e-7)


def test_the_target_is_the_input_and_each_item_has_its_own_error() -> None:
    x = torch.rand(3, 1, 2, 2)
    losses, summary = objective(1.0)(
        lambda x: x + torch.tensor([0.0, 1.0, 2.0])[:, None, None, None], x, torch.zeros(3)
    )
    assert torch.allclose(losses, torch.tensor([0.0, 1.0, 4.0]), atol=1e-6)
    assert summary.shape == (3, 3)
    assert not summary[:, 1:].any()


def test_another_shape_is_no_reconstruction() -> None:
    with pytest.raises(pellucid.BadInput, match="no reconstruction"):
        squared_error(torch.zeros(2, 10), torch.zeros(2, 1, 4, 4))


def _summaries(errors: np.ndarray, values: int, said: np.ndarray) -> np.ndarray:
    return np.stack([errors, said, said / values], 1)


def test_scores_are_what_they_are_called() -> None:
    generator = np.random.default_rng(0)
    x, learnt = generator.normal(size=(40, 16)), generator.normal(size=(40, 16))
    answer = x + 0.3 * generator.normal(size=x.shape)
    errors, usual = ((answer - x) ** 2).mean(1), ((x - x.mean(0)) ** 2).mean(1)
    pca = usual / 2
    said = generator.uniform(1, 3, 40)
    found = metrics(2.0)
    targets, summaries = np.stack([usual, pca], 1), _summaries(errors, 16, said)
    score = {name: metric.compute(targets, summaries, summaries) for name, metric in found.items()}
    assert score["mse"] == pytest.approx(((answer - x) ** 2).mean())
    assert score["explained_variance"] == pytest.approx(r2_score(x, answer, multioutput="variance_weighted"))
    assert score["pca_mse"] == pytest.approx(pca.mean())
    assert score["error_over_pca"] == pytest.approx(errors.sum() / pca.sum())
    assert score["kl"] == pytest.approx(said.mean())
    expected = np.log(2 * np.pi * np.e * errors.mean()) / 2 + 2 * said.mean() / 16
    assert score["cost"] == pytest.approx(expected)
    assert learnt.shape == x.shape


def test_who_answers_the_mean_picture_explains_nothing() -> None:
    targets = np.stack([np.array([1.0, 2.0]), np.array([0.5, 0.1])], 1)
    scores = task().scores(targets, of_the_mean(targets))
    assert scores["explained_variance"] == 0
    assert scores["mse"] == 1.5
    assert scores["kl"] == 0


@pytest.mark.parametrize(
    "options", [{"beta": -1.0}, {"beta": float("nan")}, {"layerwise": -1}, {"normal": "a", "anomalous": "b"}]
)
def test_options_that_cannot_be_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(pellucid.BadInput):
        task(**options)


def test_it_learns_no_column_and_says_an_error() -> None:
    with pytest.raises(pellucid.BadInput, match="no column"):
        task().encode({"a": ["1"]})
    assert "0.25" in task().say(np.array([0.25, 0, 0]))


class Wide(nn.Module):
    """Gives (reconstruction, mean, log-variance) at reduced precision."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """As a variational network under mixed precision."""
        half = x.to(torch.bfloat16)
        return half, half.flatten(1), half.flatten(1)


def test_losses_are_summed_in_float32() -> None:
    losses, summary = objective(1.0)(Wide(), torch.rand(2, 1, 4, 4), torch.zeros(2))
    assert losses.dtype == summary.dtype == torch.float32
