"""The principal components against scikit-learn, and what must not move them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from pellucid.core.errors import BadInput
from pellucid.features.grouping.directions import directions, fit_basis, is_flat


def cells(rows: int, channels: int, *, decay: float = 0.8, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.linalg.qr(torch.randn(channels, channels, generator=generator)).Q
    scales = decay ** torch.arange(channels)
    return (torch.randn(rows, channels, generator=generator) * scales) @ mixing + 3


@pytest.mark.parametrize(("rows", "channels"), [(500, 20), (20, 500), (64, 64), (20_000, 8)])
def test_the_same_components_as_scikit_learn(rows: int, channels: int) -> None:
    x = cells(rows, channels)
    basis, theirs = fit_basis(x), PCA(0.95, svd_solver="full").fit(x.double().numpy())
    kept = len(basis.components)
    assert kept == max(3, theirs.n_components_)
    assert basis.explained == pytest.approx(theirs.explained_variance_ratio_.sum(), abs=1e-5)
    products = np.abs(basis.components.numpy() @ theirs.components_.T)
    np.testing.assert_allclose(products, np.eye(kept), atol=5e-3)
    assert (basis.coordinates(x).square().sum(1).mean() * 1).item() == pytest.approx(basis.explained, abs=1e-4)


def test_the_largest_loading_is_positive() -> None:
    components = fit_basis(cells(300, 30)).components
    assert (components.gather(1, components.abs().argmax(1, keepdim=True)) > 0).all()


def test_no_more_than_sixty_four_components() -> None:
    basis = fit_basis(cells(2000, 200, decay=1.0))
    assert len(basis.components) == 64
    assert 0.3 < basis.explained < 0.5


@pytest.mark.parametrize(("channels", "kept"), [(1, 1), (2, 2), (3, 3), (10, 3)])
def test_at_least_three_components_where_there_are(channels: int, kept: int) -> None:
    x = cells(200, channels, decay=0.05 if channels > 3 else 0.5)
    assert len(fit_basis(x).components) == kept


def test_channels_that_are_never_on_change_nothing() -> None:
    x = cells(200, 6)
    padded = torch.cat([x, torch.zeros(200, 4)], 1)
    torch.testing.assert_close(fit_basis(padded).coordinates(padded), fit_basis(x).coordinates(x), atol=1e-4, rtol=0)


@pytest.mark.parametrize("factor", [1e-6, 0.5, 3.7, 1e6])
def test_scale_does_not_matter(factor: float) -> None:
    x = cells(300, 12)
    torch.testing.assert_close(
        directions(fit_basis(x * factor).coordinates(x * factor)),
        directions(fit_basis(x).coordinates(x)),
        atol=2e-4,
        rtol=0,
    )


def test_length_one_except_at_the_mean() -> None:
    x = cells(300, 12)
    x[0] = fit_basis(x).mean
    lengths = directions(fit_basis(x).coordinates(x)).norm(dim=1)
    torch.testing.assert_close(lengths[1:], torch.ones(299))
    found = directions(torch.tensor([[0.0, 0.0], [1e-9, 0.0]])).norm(dim=1)
    assert (found < 1e-3).all()


def test_flat_cells_are_refused() -> None:
    x = torch.full((50, 4), 0.1) * (1 + 1e-7 * torch.randn(50, 1, generator=torch.Generator().manual_seed(0)))
    assert is_flat(x)
    with pytest.raises(BadInput, match="the same features"):
        fit_basis(x)
    # One channel that tells cells apart is enough, also beside a much larger one.
    x = torch.cat([torch.full((50, 1), 1e4), torch.linspace(0, 1e-2, 50)[:, None]], 1)
    assert not is_flat(x)
    assert len(fit_basis(x).components) == 1
