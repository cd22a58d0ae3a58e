"""Views: drawn from the generator alone, and nothing done that was not asked for."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from pellucid.data.views import BLUR, COLOUR, CROP, FLIP, GREY, VIEWS, crops, turned, two_views


def pictures(count: int = 6, channels: int = 3, side: int = 24) -> Tensor:
    return torch.rand(count, channels, side, side, generator=torch.Generator().manual_seed(1))


def made(x: Tensor, *names: str, seed: int = 0, **how: float) -> Tensor:
    return two_views(x, names, torch.Generator().manual_seed(seed), **how)


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_the_generator_alone_decides(channels: int) -> None:
    x = pictures(channels=channels)
    torch.manual_seed(1)
    first = made(x, *VIEWS)
    torch.manual_seed(2)
    assert torch.equal(first, made(x, *VIEWS))
    assert first.shape == (12, channels, 24, 24)
    assert torch.isfinite(first).all()
    assert not torch.equal(first, made(x, *VIEWS, seed=1))
    assert not torch.equal(first[:6], first[6:])


def test_nothing_asked_changes_nothing() -> None:
    x = pictures()
    assert torch.equal(made(x), x.repeat(2, 1, 1, 1))


def test_flips_mirror_about_half() -> None:
    x = pictures(400, 1, 5)
    views = made(x, FLIP)
    same = (views - x.repeat(2, 1, 1, 1)).abs().amax((1, 2, 3)) < 1e-5
    mirrored = (views - x.repeat(2, 1, 1, 1).flip(3)).abs().amax((1, 2, 3)) < 1e-5
    assert (same ^ mirrored).all()
    assert 0.4 < float(mirrored.float().mean()) < 0.6


def test_crops_lie_within_the_picture_and_have_the_areas_that_were_asked_for() -> None:
    matrix = crops(2000, (30, 20), 0.25, torch.Generator().manual_seed(0))
    wide, high = 1 / matrix[:, 0, 0], 1 / matrix[:, 1, 1]
    right, down = -matrix[:, 0, 2] * wide, -matrix[:, 1, 2] * high
    assert (right.abs() + wide * 10 <= 10 + 1e-3).all()
    assert (down.abs() + high * 15 <= 15 + 1e-3).all()
    area = wide * high
    assert 0.24 < float(area.min()) < 0.27
    assert float(area.max()) <= 1
    assert (wide / high <= 4 / 3 + 1e-3).all()
    whole = crops(3, (30, 20), 1.0, torch.Generator().manual_seed(0))
    torch.testing.assert_close(whole, torch.eye(3)[:2].expand(3, 2, 3))


def test_a_crop_shows_what_lies_there() -> None:
    """Of a picture whose values are its columns, a crop's columns are evenly spaced, and fewer than the picture's."""
    x = torch.arange(32.0).expand(4, 1, 32, 32).contiguous()
    views = made(x, CROP, smallest=0.3)
    steps = views[:, 0, :, 2:-2].diff(dim=2)
    assert (steps.std((1, 2)) < 0.02).all()
    assert (steps.mean((1, 2)) <= 1.001).all()


def test_grey_takes_all_colour_of_some_and_leaves_the_light() -> None:
    views = made(x := pictures(500, 3, 4), GREY)
    spread = views.std(1).amax((1, 2))
    assert 0.15 < float((spread < 1e-5).float().mean()) < 0.25
    light = torch.tensor([0.299, 0.587, 0.114])
    torch.testing.assert_close(
        torch.einsum("c,nchw->nhw", light, views), torch.einsum("c,nchw->nhw", light, x.repeat(2, 1, 1, 1))
    )


def test_hues_turn_about_grey() -> None:
    turn = turned(torch.tensor([0.0, 2 * math.pi / 3, 1.0]))
    torch.testing.assert_close(turn[0], torch.eye(3))
    torch.testing.assert_close(turn[1], torch.tensor([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]]), atol=1e-6, rtol=0)
    torch.testing.assert_close(turn @ torch.ones(3), torch.ones(3, 3))


@pytest.mark.parametrize("channels", [1, 3])
def test_colours_follow_the_scale_of_the_values(channels: int) -> None:
    """Brighter values in other units give the same views in these units."""
    x = pictures(channels=channels)
    torch.testing.assert_close(made(255 * x - 7, COLOUR), 255 * made(x, COLOUR) - 7, rtol=1e-4, atol=1e-2)


def test_blur_keeps_the_mean_and_takes_the_grain() -> None:
    x = torch.zeros(200, 1, 64, 64)
    x[:, :, 32, 32] = 1.0
    views = made(x, BLUR)
    torch.testing.assert_close(views.sum((1, 2, 3)), torch.ones(400))
    peaks = views.amax((1, 2, 3))
    assert 0.3 < float((peaks < 0.999).float().mean()) < 0.6
    assert made(torch.rand(2, 1, 1, 5), BLUR).shape == (4, 1, 1, 5)
