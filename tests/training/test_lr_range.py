"""The learning-rate range test finds where a loss falls, and leaves the network alone."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

import pellucid
from pellucid.report.look import look_of
from pellucid.training.clipping import advise
from pellucid.training.lr_range import _has_diverged, smoothed, suggestion
from training.broken import deep, digits, opened


def batches() -> list[tuple[torch.Tensor, torch.Tensor]]:
    x, y = digits(640)
    return list(zip(x.split(64), y.split(64), strict=True))


def test_the_suggested_rate_trains_and_the_diverging_one_does_not() -> None:
    torch.manual_seed(0)
    module = deep(64, 3, None)
    before, draws = copy.deepcopy(module.state_dict()), torch.get_rng_state()
    view = pellucid.lr_range(module, cross_entropy, batches())
    assert all(torch.equal(a, b) for a, b in zip(before.values(), module.state_dict().values(), strict=True))
    assert torch.equal(draws, torch.get_rng_state())
    assert not any(p.grad is not None for p in module.parameters())
    suggested, diverged = view.options["suggested"], view.options["diverged"]
    assert 1e-3 < suggested < diverged
    trained = {rate: train(copy.deepcopy(module), rate) for rate in (suggested, 10 * diverged)}
    assert trained[suggested] < math.log(10) / 2  # half of chance in 40 steps
    assert not trained[10 * diverged] < 2
    look = look_of("lr_range")
    assert "begin with a tenth" in look.words(view)[0].text
    assert look.figure(view).axes


def train(module: nn.Module, rate: float) -> float:
    sgd = torch.optim.SGD(module.parameters(), rate, momentum=0.9)
    losses = []
    for x, y in batches() * 4:
        sgd.zero_grad()
        loss = cross_entropy(module(x), y)
        losses.append(float(loss.detach()))
        loss.backward()
        sgd.step()
    return float(np.mean(losses[-5:]))


def test_same_seed_same_values_and_an_opened_network_will_do() -> None:
    one, two = (pellucid.lr_range(opened(deep(32, 3)), cross_entropy, batches(), steps=20, seed=3) for _ in range(2))
    assert one["loss"].tobytes() == two["loss"].tobytes()
    adam = pellucid.lr_range(deep(32, 3), cross_entropy, iter(batches()), optimizer="adam", steps=20)
    assert adam["lr"][0] == pytest.approx(1e-6)


def test_a_tenth_of_the_lowest_is_found_in_a_known_curve() -> None:
    rates = np.geomspace(1e-4, 1, 81)
    bowl = 1 + np.log10(rates / 0.1) ** 2
    assert suggestion(rates, bowl, 0.1) == pytest.approx(0.01)
    assert suggestion(rates, np.full(81, 2.0), 0.1) is None
    assert suggestion(rates, bowl[::-1].cumsum(), 0.1) is None
    assert smoothed([3.0, 3.0, 3.0]) == pytest.approx([3, 3, 3])


@pytest.mark.parametrize("shift", [-100.0, 100.0])
def test_a_loss_below_zero_or_far_above_gives_the_same_rate(shift: float) -> None:
    torch.manual_seed(0)
    module = deep(64, 3, None)
    plain = pellucid.lr_range(module, cross_entropy, batches())
    moved = pellucid.lr_range(module, lambda output, y: cross_entropy(output, y) + shift, batches())
    assert plain.options["suggested"] is not None
    assert moved.options == plain.options
    assert moved["loss"] == pytest.approx(plain["loss"] + shift, abs=0.01)


def test_noise_is_neither_a_fall_nor_a_divergence() -> None:
    rng = np.random.default_rng(0)
    for center in (2.3, -5.0):
        flat = [center + float(d) for d in rng.normal(scale=0.05, size=60)]
        assert not any(_has_diverged(flat[:n]) for n in range(1, 60))
    assert not any(_has_diverged([2.3] * 9 + [2.3 + 2e-7 * i for i in range(n)]) for n in range(1, 40))


def test_a_single_input_with_batch_norm_needs_eval_mode() -> None:
    module = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 10))
    x, y = digits(1)
    with pytest.raises(pellucid.BadInput, match="a training step fails: Expected more than 1 value"):
        pellucid.lr_range(module, cross_entropy, [(x, y)])
    assert pellucid.lr_range(module, cross_entropy, [(x, y)], train=False).options["suggested"] is not None


def test_mistakes() -> None:
    module = deep(8, 2)
    with pytest.raises(pellucid.BadInput, match="unknown optimizer"):
        pellucid.lr_range(module, cross_entropy, batches(), optimizer="sdg")
    with pytest.raises(pellucid.BadInput, match="lowest"):
        pellucid.lr_range(module, cross_entropy, batches(), lowest=1, highest=0.1)
    with pytest.raises(pellucid.BadInput, match="no batches"):
        pellucid.lr_range(module, cross_entropy, [])
    nn.init.constant_(module[1].weight, math.nan)
    with pytest.raises(pellucid.BadInput, match="not finite at the start"):
        pellucid.lr_range(module, cross_entropy, batches())


def test_clipping_lets_nine_in_ten_pass() -> None:
    clip = advise([*range(1, 101), math.nan, math.inf])
    assert clip.threshold == pytest.approx(90, abs=1)
    assert clip.spoilt == 2
    assert clip.python == "torch.nn.utils.clip_grad_norm_(model.parameters(), 90, error_if_nonfinite=True)"
    assert advise([math.nan]).threshold is None
