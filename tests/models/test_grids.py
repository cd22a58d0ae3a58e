"""Feature maps of any architecture: tokens, channels last, and stages through the depth."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import pellucid
from nets import SPEC, images, network
from pellucid.core.errors import BadInput
from pellucid.models.grids import Grid, grid_of

KNOWN = {(14, 14), (7, 7)}

GRIDS = [
    ((64, 14, 14), Grid(14, 14, "map")),
    ((56, 56, 96), Grid(56, 56, "channels_last")),
    ((197, 192), Grid(14, 14, "tokens", 1)),
    ((201, 192), Grid(14, 14, "tokens", 5)),
    ((196, 192), Grid(14, 14, "tokens")),
    ((784, 64), Grid(28, 28, "tokens")),  # of no known size, but of the input's proportions
    ((3, 197, 197), None),  # attention
    ((196, 196, 4), None),  # attention too: an input of 224 does not fall into 196 patches
    ((1280,), None),
    ((1280, 1, 1), None),
    ((150, 64), None),
    (None, None),
]


@pytest.mark.parametrize(("shape", "grid"), GRIDS)
def test_where_places_lie(shape: tuple[int, ...] | None, grid: Grid | None) -> None:
    assert grid_of(shape, KNOWN, (224, 224)) == grid


def test_tokens_become_maps_and_registers_go() -> None:
    maps = torch.arange(2 * 3 * 4 * 5.0).reshape(2, 3, 4, 5)
    tokens = torch.cat([torch.full((2, 2, 3), -1.0), maps.flatten(2).transpose(1, 2)], 1)
    assert torch.equal(Grid(4, 5, "tokens", 2).maps(tokens), maps)
    assert torch.equal(Grid(4, 5, "channels_last").maps(maps.permute(0, 2, 3, 1)), maps)
    with pytest.raises(BadInput, match="2 \\+ 4 × 4 were expected"):
        Grid(4, 4, "tokens", 2).maps(tokens)


STAGES = {
    "timm:vit_tiny_patch16_224": ["patch_embed.proj", "blocks.2", "blocks.5", "blocks.8", "blocks.11"],
    "torchvision:vit_b_16": ["conv_proj", *(f"encoder.layers.encoder_layer_{i}" for i in (2, 5, 8, 11))],
    "timm:swin_tiny_patch4_window7_224": ["layers.0", "layers.1", "layers.2", "norm"],
    "torchvision:swin_t": ["features.1", "features.3", "features.5", "permute"],
    "timm:mixer_s32_224": ["stem.proj", "blocks.1", "blocks.3", "blocks.5", "blocks.7"],
}


@pytest.mark.parametrize("name", STAGES)
def test_transformers_have_stages_and_maps(name: str) -> None:
    net = pellucid.open(name, weights="none")
    assert net.stages() == net.spatial_layers() == STAGES[name]
    maps = net.maps(net.probe(2), STAGES[name])
    assert all(m.ndim == 4 and len(m) == 2 and m.shape[2] * m.shape[3] > 1 for m in maps.values())
    raw = net.capture(net.probe(2), STAGES[name])
    for layer in STAGES[name]:
        assert maps[layer].abs().sum() > 0
        assert set(maps[layer].shape[2:]) <= set(raw[layer].shape[2:]) or raw[layer].ndim == 3


def test_a_class_token_is_in_no_map() -> None:
    net = pellucid.open("timm:vit_tiny_patch16_224", weights="none")
    x = net.probe(2)
    raw, maps = net.capture(x, ["blocks.5"])["blocks.5"], net.maps(x, ["blocks.5"])["blocks.5"]
    assert torch.equal(maps.flatten(2).transpose(1, 2), raw[:, 1:])


def test_layers_without_places_say_so() -> None:
    net = network("modules")
    with pytest.raises(BadInput, match="'head' gives an output of shape"):
        net.spatial_layers(["act1", "head"])
    with pytest.raises(BadInput, match="not spatial"):
        net.maps(images(), ["head"])


def test_a_call_of_a_reused_module_is_a_map_too() -> None:
    net = network("reused")
    shape = net.maps(images(2), ["act1:1", "act1:2"])
    assert [tuple(m.shape) for m in shape.values()] == [(2, 8, 12, 12), (2, 16, 6, 6)]


def test_what_is_not_finite_is_refused() -> None:
    net = network("modules")
    nn.init.constant_(net.module.conv2.bias, float("nan"))
    with pytest.raises(BadInput, match=r"conv2: .* activations are NaN"):
        net.maps(images(), ["conv1", "conv2"])


def test_a_larger_input_has_a_larger_grid() -> None:
    net = pellucid.open(nn.Sequential(nn.Conv2d(3, 4, 3, stride=2, padding=1)), input=SPEC)
    assert net.maps(torch.randn(1, 3, 36, 24), ["0"])["0"].shape == (1, 4, 18, 12)
