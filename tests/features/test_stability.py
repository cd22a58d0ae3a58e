"""Stability tells firm groups from none, and ``auto`` finds how many were planted."""

from __future__ import annotations

import pytest
import torch

from features.planted import directions
from pellucid.core.errors import BadInput
from pellucid.features.grouping.stability import choose_clusters, stability


@pytest.mark.parametrize("k", [2, 3, 7])
def test_auto_finds_the_planted_number(k: int) -> None:
    x, _ = directions(k, 300, d=12)
    turned = x @ torch.linalg.qr(torch.randn(12, 12, generator=torch.Generator().manual_seed(k))).Q
    chosen = choose_clusters(turned, seed=1)
    assert chosen.clusters == k
    assert chosen.stability > 0.95


def test_planted_groups_are_stable_and_noise_is_not() -> None:
    x, _ = directions(5, 1000)
    noise = torch.nn.functional.normalize(torch.randn(1000, 8, generator=torch.Generator().manual_seed(0)), dim=1)
    assert stability(x, 5) == pytest.approx(1)
    assert 0 <= (stability(noise, 5) or 0) < 0.6
    assert stability(noise, 5, seed=3) == stability(noise, 5, seed=3)


def test_too_few_cells() -> None:
    x, _ = directions(3, 8)
    assert stability(x, 5) is None
    assert stability(x, 4) is not None
    with pytest.raises(BadInput, match=r"3 cells are too few.*clusters="):
        choose_clusters(x[:3])
