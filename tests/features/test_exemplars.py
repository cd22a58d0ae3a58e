"""The patches that excite a unit most."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import nets
import pellucid
from pellucid.core.errors import BadInput
from pellucid.data.stream import Stream
from pellucid.features.units import exemplars
from pellucid.features.units.exemplars import top_patches

SPEC = pellucid.InputSpec(size=(20, 20), mean=(0.0,) * 3, std=(1.0,) * 3, crop=None)


def dots(places: list[tuple[int, int]]) -> list[np.ndarray]:
    """Dark pictures, each with one dot, the later ones brighter, on its own grey."""
    made = []
    for i, (row, column) in enumerate(places):
        picture = np.full((20, 20, 3), 10 + i, np.uint8)
        picture[row, column] = 100 + 40 * i
        made.append(picture)
    return made


@pytest.fixture
def net() -> pellucid.Network:
    """Its first unit is the mean over 3 × 3 pixels, its second minus that."""
    layer = nn.Conv2d(3, 2, 3, padding=1)
    with torch.no_grad():
        layer.weight[0], layer.weight[1] = 1 / 27, -1 / 27
        layer.bias.zero_()
        layer.weight[0, :, 1, 1] *= 2
    return pellucid.open(nn.Sequential(layer, nn.ReLU()), input=SPEC, output="values")


def test_patches_are_cut_where_the_unit_fires(net: pellucid.Network) -> None:
    places = [(5, 5), (0, 0), (19, 10), (7, 3)]
    pictures = dots(places)
    found = top_patches(net, Stream.of(net, pictures), "0", [0], count=3)
    assert found.patches.shape == (1, 3, 3, 3, 3)
    assert found.rows.tolist() == [[3, 2, 1]]
    assert [tuple(p) for p in found.places[0]] == [places[3], places[2], places[1]]
    np.testing.assert_array_equal(found.patches[0, 0], pictures[3][6:9, 2:5])
    assert found.inside[0, 0].all()
    assert found.maxima.shape == (4, 2)
    np.testing.assert_array_equal(found.activations[0], found.maxima[[3, 2, 1], 0])
    assert (np.diff(found.activations[0]) < 0).all()


def test_beyond_the_edge_nothing_is_made_up(net: pellucid.Network) -> None:
    pictures = dots([(0, 0), (19, 10)])
    found = top_patches(net, Stream.of(net, pictures), "0", [0])
    bottom, corner = found.patches[0], found.inside[0]
    np.testing.assert_array_equal(corner[1], [[0, 0, 0], [0, 1, 1], [0, 1, 1]])
    np.testing.assert_array_equal(bottom[1][1:, 1:], pictures[0][:2, :2])
    np.testing.assert_array_equal(corner[0], [[1, 1, 1], [1, 1, 1], [0, 0, 0]])
    assert (found.patches[~found.inside] == 255).all()


def test_one_patch_a_picture_and_no_more_than_there_are(net: pellucid.Network) -> None:
    found = top_patches(net, Stream.of(net, dots([(5, 5), (9, 9)])), "0", count=9)
    assert found.units == (0, 1)
    assert found.rows.shape == (2, 2)
    assert [sorted(r) for r in found.rows.tolist()] == [[0, 1], [0, 1]]


def test_batches_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    net, x = nets.network("modules"), nets.images(7)
    whole = top_patches(net, Stream.of(net, x), "act2", [0, 5, 9], count=4)
    monkeypatch.setattr(pellucid.Network, "batch_size", lambda self, x, gradient: 2)
    parts = top_patches(net, Stream.of(net, x), "act2", [0, 5, 9], count=4)
    np.testing.assert_allclose(parts.maxima, whole.maxima, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(parts.patches, whole.patches)
    reference = net.maps(x, ["act2"])["act2"].amax((2, 3)).numpy()
    np.testing.assert_allclose(whole.maxima, reference, rtol=1e-5, atol=1e-6)


def test_equal_pictures_come_in_their_order(net: pellucid.Network) -> None:
    one = dots([(5, 5)])
    assert top_patches(net, Stream.of(net, one * 3), "0", [0], count=2).rows.tolist() == [[0, 1]]


def test_a_vector_shows_the_whole_picture() -> None:
    net = nets.network("modules")
    found = top_patches(net, Stream.of(net, nets.images(3)), "head", [1])
    assert found.patches.shape == (1, 3, 12, 12, 3)
    assert found.inside.all()
    assert found.maxima.shape == (3, 4)


def test_a_matrix_is_shown_in_greys() -> None:
    net = pellucid.open(nn.Sequential(nn.Conv2d(1, 2, 3, padding=1)), input=pellucid.InputSpec.matrix(8, 8))
    matrix = np.random.default_rng(0).normal(size=(8, 8)).astype(np.float32)
    found = top_patches(net, Stream.of(net, [matrix]), "0", [0])
    seen = found.patches[0, 0][found.inside[0, 0]]
    assert (seen[:, 0] == seen[:, 1]).all()
    assert len(np.unique(seen)) > 3


def test_bad_input(net: pellucid.Network, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Stream.of(net, dots([(5, 5)]))
    with pytest.raises(BadInput, match="there is no unit 2"):
        top_patches(net, stream, "0", [2])
    with pytest.raises(BadInput, match="count is 0"):
        top_patches(net, stream, "0", [0], count=0)
    monkeypatch.setattr(exemplars, "free_bytes", lambda device: 10)
    with pytest.raises(BadInput, match="fewer units"):
        top_patches(net, stream, "0", [0])
    with torch.no_grad():
        net.module[0].weight.fill_(torch.nan)
    with pytest.raises(BadInput, match="NaN"):
        top_patches(net, stream, "0", [0])


def test_a_vision_transformers_tokens() -> None:
    net = pellucid.open("timm:vit_tiny_patch16_224", weights="none")
    found = top_patches(net, Stream.of(net, ["example:cat", "example:coffee"]), "blocks.2", [0, 7])
    assert found.patches.shape == (2, 2, 48, 48, 3)
    assert found.maxima.shape == (2, 192)
    assert found.places.max() < 14
