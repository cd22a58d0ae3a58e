"""The loop that draws: its rules, its variations, and pictures of channels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

import pellucid
from nets import SIZE, module, network
from pellucid.features.drawing import ascent
from pellucid.features.drawing.ascent import Adam, Climb, along, ascend, channel_pictures, moved, rolled
from pellucid.features.drawing.fourier import Waves
from pellucid.features.drawing.objectives import objective_of


def climbed(climb: Climb, start: Tensor, steps: int = 5) -> Tensor:
    (*_, (last, _)) = ascend(start, climb, steps, torch.Generator().manual_seed(0))
    return last


def a_climb(move: ascent.Move, factor: float = 1.0) -> Climb:
    part = network("modules").prepared(keep=["conv2"]).until("conv2")
    return Climb(lambda p: p, rolled(2), lambda x: factor * part(x).square().flatten(1).mean(1), move)


@pytest.mark.parametrize("move", [lambda: along(1.5, 0, 255), Adam])
def test_a_factor_on_the_objective_changes_nothing(move) -> None:
    start = torch.randn(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    once = climbed(a_climb(move()), start)
    assert torch.equal(climbed(a_climb(move(), 1024), start), once)
    assert not torch.equal(start, once)


def test_adam_is_torchs() -> None:
    """Against torch.optim.Adam, on directions of our own."""
    start = torch.randn(1, 7, generator=torch.Generator().manual_seed(1))
    directions = torch.randn(20, 1, 7, generator=torch.Generator().manual_seed(2))
    judge = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([judge], lr=0.05, maximize=True)
    ours, move = start, Adam(0.05)
    for direction in directions:
        judge.grad = direction.clone()
        optimizer.step()
        ours = move(ours, direction)
    torch.testing.assert_close(ours, judge.detach())


def test_a_step_is_as_large_as_asked_and_stays_in_the_range() -> None:
    climb = Climb(lambda p: p, rolled(0), lambda x: (x * torch.arange(1.0, 4)).sum(1), along(1.5, 0, 255))
    start = torch.tensor([[10.0, 10.0, 254.0]])
    np.testing.assert_allclose(climbed(climb, start, 1), [[10.75, 11.5, 255.0]])


def test_no_slope_leaves_the_picture() -> None:
    climb = Climb(lambda p: p, rolled(0), lambda x: x.sum(1) * 0, along(1.5, 0, 255))
    start = torch.tensor([[10.0, 20.0]])
    assert torch.equal(climbed(climb, start), start)


def test_a_gradient_that_is_not_finite_is_told() -> None:
    climb = Climb(lambda p: p, rolled(0), lambda x: (x - x).sqrt().sum(1), along(1.5, 0, 255))
    with pytest.raises(pellucid.BadInput, match="NaN or infinite"):
        climbed(climb, torch.ones(1, 3))


def test_moving_is_the_identity_where_nothing_moves_and_a_turn_keeps_its_angle() -> None:
    x = torch.rand(2, 3, 9, 17, generator=torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(0)
    torch.testing.assert_close(moved(0, 0, 0)(x, generator), x, atol=1e-5, rtol=0)
    # a bright spot to the right of the middle of an oblong picture, turned by 90 degrees, stands as far above or below
    spot = torch.zeros(1, 1, 41, 81)
    spot[..., 20, 50:53] = 1

    turned = _turned_by(spot, 90)
    down, across = torch.nonzero(turned[0, 0] > 0.5).float().mean(0).tolist()
    assert abs(across - 40) < 0.5
    assert abs(abs(down - 20) - 11) < 0.5


def _turned_by(x: Tensor, degrees: float) -> Tensor:
    """``moved`` at a turn that is known: the generator's fourth number gives the share of the angle."""
    share = float((2 * torch.rand(4, generator=torch.Generator().manual_seed(0)) - 1)[3])
    return moved(0, 0, degrees / share)(x, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("size", [(8, 8), (7, 12), (5, 9)])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_waves_give_pictures_of_any_size(size: tuple[int, int], channels: int) -> None:
    waves = Waves(channels, *size)
    start = waves.start(torch.Generator().manual_seed(0))
    picture = waves.pictures(start)
    assert picture.shape == (1, channels, *size)
    assert 0 < float(picture.min()) <= float(picture.max()) < 1
    torch.testing.assert_close(waves.pictures(0 * start), torch.full_like(picture, 0.5))


def test_slow_waves_are_the_strongest() -> None:
    waves = Waves(1, 32, 32)
    one = torch.zeros(2, 1, 32, 17, 2)
    one[0, 0, 0, 1, 0] = one[1, 0, 0, 8, 0] = 1.0
    slow, fast = waves.pictures(one).logit().std((1, 2, 3))
    np.testing.assert_allclose(slow / fast, 8, rtol=1e-3)


# -- pictures of channels -------------------------------------------------------------------------


def test_channels_do_not_depend_on_their_batch() -> None:
    net = network("modules")
    together = channel_pictures(net, "conv2", [3, 5, 9], steps=6, size=(16, 20))
    assert (together.shape, together.dtype) == ((3, 16, 20, 3), np.uint8)
    alone = channel_pictures(net, "conv2", [5], steps=6, size=(16, 20))
    assert np.abs(together[1].astype(int) - alone[0]).max() <= 1
    assert np.array_equal(alone, channel_pictures(net, "conv2", [5], steps=6, size=(16, 20)))
    assert not np.array_equal(alone, channel_pictures(net, "conv2", [5], steps=6, size=(16, 20), seed=1))
    assert channel_pictures(net, "conv2", []).shape == (0, SIZE, SIZE, 3)


def test_many_channels_go_in_as_many_batches_as_memory_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    net = network("modules")
    whole = channel_pictures(net, "conv2", range(5), steps=2)
    monkeypatch.setattr("pellucid.models.network.batch_size", lambda *_, **__: 2)
    assert np.abs(channel_pictures(net, "conv2", range(5), steps=2).astype(int) - whole).max() <= 1


def test_pictures_excite_their_channel_more_than_each_other(default_network: pellucid.Network) -> None:
    channels = [9, 20, 33]
    pictures = channel_pictures(default_network, "blocks.4", channels, steps=32, size=96)
    objective = objective_of(default_network.prepared(keep=["blocks.4"]), "blocks.4", channels, size=(96, 96))
    x = default_network.input.normalise(torch.from_numpy(pictures).permute(0, 3, 1, 2).float())
    each = objective.of_each_channel(objective.maps(x))[:, channels]
    assert each.argmax(0).tolist() == each.argmax(1).tolist() == [0, 1, 2]


def test_a_channel_that_there_is_not() -> None:
    with pytest.raises(pellucid.BadInput, match=r"no channel 16.*0 to 15"):
        channel_pictures(network("modules"), "conv2", [3, 16], steps=1)


def test_the_module_is_as_it_was() -> None:
    own = module("modules")
    net = pellucid.open(own, input=pellucid.InputSpec(size=SIZE))
    modes = [m.training for m in own.modules()]
    channel_pictures(net, "conv2", [0], steps=1)
    assert [m.training for m in own.modules()] == modes
    assert all(p.requires_grad and p.grad is None for p in own.parameters())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in own.modules())
