"""Taking a duplicate out leaves the network's output as it was."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from pellucid.core.errors import BadInput
from pellucid.features.units.merging import merged


def images() -> Tensor:
    return torch.randn(4, 3, 12, 12, generator=torch.Generator().manual_seed(0))


def duplicated(layer: nn.Module, keep: int, drop: int, factor: float = 1.0) -> nn.Module:
    with torch.no_grad():
        layer.weight[drop] = factor * layer.weight[keep]
        layer.bias[drop] = factor * layer.bias[keep]
    return layer


@pytest.mark.parametrize("factor", [1.0, 0.4, 2.5])
@pytest.mark.parametrize(("keep", "drop"), [(2, 5), (5, 2), (0, 7)])
def test_from_convolution_to_convolution(keep: int, drop: int, factor: float) -> None:
    torch.manual_seed(0)
    first, second = duplicated(nn.Conv2d(3, 8, 3), keep, drop, factor), nn.Conv2d(8, 4, 3)
    a, b, _ = merged(first, second, keep, drop)
    between = nn.Sequential(nn.ReLU(), nn.MaxPool2d(2))
    x = images()
    change = b(between(a(x))) - second(between(first(x)))
    assert float(change.detach().abs().max()) < 1e-6
    assert (a.weight.shape, b.weight.shape) == ((7, 3, 3, 3), (4, 7, 3, 3))
    assert (a.out_channels, b.in_channels) == (7, 7)
    assert (first.weight.shape[0], second.weight.shape[1]) == (8, 8)  # the given layers stay


def test_through_a_batch_norm() -> None:
    torch.manual_seed(0)
    first, second, norm = duplicated(nn.Conv2d(3, 8, 3), 2, 5), nn.Conv2d(8, 4, 3), nn.BatchNorm2d(8).eval()
    with torch.no_grad():
        for tensor in (norm.weight, norm.running_var):
            tensor.uniform_(0.5, 2)
        for tensor in (norm.bias, norm.running_mean):
            tensor.normal_()
            tensor[5] = tensor[2]
        norm.weight[5], norm.running_var[5] = norm.weight[2], norm.running_var[2]
    a, b, c = merged(first, second, 2, 5, norm)
    x = images()
    change = b(c(a(x)).relu()) - second(norm(first(x)).relu())
    assert float(change.detach().abs().max()) < 1e-6
    assert c.num_features == 7


def test_into_a_linear_layer_behind_flattened_maps() -> None:
    torch.manual_seed(0)
    first, second = duplicated(nn.Conv2d(3, 8, 3), 1, 6), nn.Linear(8 * 5 * 5, 4)
    a, b, _ = merged(first, second, 1, 6)
    between = nn.Sequential(nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
    x = images()
    assert float((b(between(a(x))) - second(between(first(x)))).detach().abs().max()) < 1e-6
    assert b.in_features == 7 * 5 * 5


def test_from_linear_to_linear_and_through_transposed_convolutions() -> None:
    torch.manual_seed(0)
    first, second = duplicated(nn.Linear(20, 8), 0, 3, 2.0), nn.Linear(8, 4)
    a, b, _ = merged(first, second, 0, 3)
    x = torch.randn(6, 20)
    assert float((b(a(x).relu()) - second(first(x).relu())).detach().abs().max()) < 1e-6
    first, second = nn.ConvTranspose2d(3, 6, 3), nn.ConvTranspose2d(6, 2, 3)
    with torch.no_grad():
        first.weight[:, 4], first.bias[4] = first.weight[:, 1], first.bias[1]
    a, b, _ = merged(first, second, 1, 4)
    x = images()
    assert float((b(a(x).relu()) - second(first(x).relu())).detach().abs().max()) < 1e-6


def test_what_is_no_duplicate_is_missed() -> None:
    """So the other tests could fail."""
    torch.manual_seed(0)
    first, second = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 4, 3)
    a, b, _ = merged(first, second, 2, 5)
    x = images()
    assert float((b(a(x).relu()) - second(first(x).relu())).detach().abs().max()) > 1e-3


def test_bad_input() -> None:
    first, second = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 4, 3)
    with pytest.raises(BadInput, match="0 to 7"):
        merged(first, second, 2, 8)
    with pytest.raises(BadInput, match="different"):
        merged(first, second, 2, 2)
    with pytest.raises(BadInput, match="groups"):
        merged(first, nn.Conv2d(8, 8, 3, groups=8), 1, 2)
    with pytest.raises(BadInput, match="follows directly"):
        merged(first, nn.Linear(9, 2), 1, 2)
