"""The transfer: several maps in one graph, the margin, sizes, what the losses do, what is left behind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import nets
import pellucid
from pellucid.core.errors import BadInput
from pellucid.core.progress import listening
from pellucid.features.style import recommended
from pellucid.features.stylize import plan
from pellucid.features.texture.gram import moments
from pellucid.features.texture.margin import Margin
from pellucid.features.texture.taken import maps_with_gradient
from pellucid.features.texture.transfer import Target

LAYERS = {"content_layers": "conv2", "style_layers": ["act1", "conv2"]}


def picture(height: int = 24, width: int = 30, *, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def look(net: pellucid.Network, *, steps: int = 5, **more: Any) -> pellucid.View:
    return pellucid.stylize(net, picture(), picture(20, 16, seed=1), steps=steps, **{**LAYERS, **more})


# -- maps with gradients --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("modules", ["conv1", "act1", "conv2"]),
        ("in_place", ["bn1", "bn2", "conv1"]),
        ("reused", ["act1:1", "conv2", "conv1"]),
        ("awkward", ["relu:2", "one", "relu", "pool"]),
    ],
)
def test_maps_are_those_of_the_network_and_have_gradients(name: str, layers: list[str]) -> None:
    net = nets.network(name)
    net.module.eval()
    x = nets.images(1).requires_grad_()
    found = maps_with_gradient(net, x, layers)
    wanted = net.maps(x.detach(), layers)
    assert found.keys() == wanted.keys()
    for layer in layers:
        torch.testing.assert_close(found[layer].detach(), wanted[layer])
        (gradient,) = torch.autograd.grad(found[layer].square().sum(), x, retain_graph=True)
        assert gradient.abs().sum() > 0
    assert not any(m._forward_hooks for m in net.module.modules())


def test_the_pass_ends_behind_the_last_layer() -> None:
    net = nets.network("modules")
    net.tree()
    net.module.head.forward = None  # which nobody may call
    assert maps_with_gradient(net, nets.images(1), ["conv1"])["conv1"].shape == (1, 8, 12, 12)


def test_tokens_come_as_maps(default_vit: pellucid.Network) -> None:
    x = default_vit.probe().requires_grad_()
    found = maps_with_gradient(default_vit, x, ["blocks.0"])["blocks.0"]
    torch.testing.assert_close(found.detach(), default_vit.maps(x.detach(), ["blocks.0"])["blocks.0"])
    assert found.shape == (1, 192, 14, 14)


@pytest.fixture(scope="module")
def default_vit() -> pellucid.Network:
    return pellucid.open("timm:vit_tiny_patch16_224", weights="none")


# -- margins --------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(224, 337), (64, 64), (17, 31)])
def test_a_margin_is_a_mirror_and_goes_again(size: tuple[int, int]) -> None:
    x = torch.rand(1, 2, *size)
    margin = Margin(*size)
    wide = margin.around(x)
    if min(size) > 64:
        assert all(side % 32 == 0 for side in wide.shape[2:])
    assert torch.equal(margin.inside(wide), x)
    assert torch.equal(wide[..., 16 : 16 + size[0], 15], x[..., 1])
    coarse = margin.inside(wide[..., ::8, ::8])
    assert coarse.shape[2] <= size[0] // 8 + 1
    assert torch.equal(Margin(*size, rim=0).around(x), x)


def test_deep_maps_keep_at_least_one_place() -> None:
    assert Margin(64, 64).inside(torch.rand(1, 2, 1, 1)).shape == (1, 2, 1, 1)


# -- what is approached ---------------------------------------------------------------------------


def test_a_target_is_nothing_away_from_itself_wherever_its_places_are() -> None:
    maps = torch.rand(1, 4, 5, 6)
    order = torch.randperm(30)
    moved = maps.flatten(2)[..., order].view_as(maps)
    style = Target(moments(maps), (1.0, 1.0))
    content = Target((maps,), (float(maps.square().sum()),))
    assert style.distance(*moments(moved)) < 1e-10
    assert content.distance(moved) > 0.1
    assert content.distance(torch.zeros_like(maps)) == pytest.approx(1)


def test_both_losses_are_lowered_and_measured_on_what_is_saved() -> None:
    net = nets.network("modules")
    view = look(net, steps=40)
    assert view["result"].shape == view["content"].shape == (12, 15, 3)
    assert view["style"].shape == (15, 12, 3)
    style = [row for row in view.table if row["role"] == "style"]
    assert all(row["after"] < row["before"] / 2 for row in style)
    assert view["losses"].shape == (3, 40)
    (content,) = (row for row in view.table if row["role"] == "content")
    assert content["before"] < 1e-3
    # The content is held: it is nearer than it comes without any hold, and its loss falls from where it peaked.
    free = look(net, steps=40, strength=1000)
    assert content["after"] < next(row["after"] for row in free.table if row["role"] == "content")
    assert content["after"] < view["losses"][0].max()
    # The figures are those of the 8 bits that are saved.
    planned = plan(net, picture(), picture(20, 16, seed=1), *LAYERS.values())
    x = net.input.normalise(torch.from_numpy(view["result"]).permute(2, 0, 1)[None].float())
    parts = planned.transfer.parts(x)
    for row in view.table:
        assert row["after"] == pytest.approx(float(parts[row["role"], row["layer"]]), rel=1e-4)


def test_same_seed_same_bytes_and_untouched() -> None:
    net = nets.network("in_place")
    before = [m.training for m in net.module.modules()], [p.requires_grad for p in net.module.parameters()]
    a, b = (look(net, content_layers="conv2", style_layers=["bn1", "conv2"]) for _ in range(2))
    assert all(a[n].tobytes() == b[n].tobytes() for n in a.arrays)
    assert a.table == b.table
    assert before == ([m.training for m in net.module.modules()], [p.requires_grad for p in net.module.parameters()])


def test_no_hook_is_left_after_an_interruption() -> None:
    net = nets.network("modules")
    ready = net.prepared(keep=["conv2", "act1"])

    def stop(what: str, done: int, total: int | None) -> None:
        if what == "style transfer" and done == 2:
            raise KeyboardInterrupt

    with listening(stop), pytest.raises(KeyboardInterrupt):
        look(net)
    for module in (net.module, ready.module):
        assert not any(m._forward_hooks for m in module.modules())


def test_no_hook_is_left_after_an_exception() -> None:
    net = nets.network("modules")
    with pytest.raises(RuntimeError):
        maps_with_gradient(net, torch.zeros(1, 5, 12, 12), ["conv1"])
    assert not any(m._forward_hooks for m in net.module.modules())


def test_a_grey_network_and_odd_sizes() -> None:
    spec = pellucid.InputSpec(size=(21, 21), mean=(0.5,), std=(0.5,), crop=None)
    net = pellucid.open(nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU()), input=spec)
    view = pellucid.stylize(net, picture(), picture(seed=1), content_layers="0", style_layers="1", steps=2)
    assert view["result"].shape == (21, 26, 3)
    assert (view["result"][..., 0] == view["result"][..., 2]).all()


def test_the_recommended_layers_are_taken() -> None:
    net = nets.network("modules")
    advice = pellucid.style(net)
    view = pellucid.stylize(net, picture(), picture(seed=1), steps=2)
    content, style = recommended(advice)
    assert (view.options["content_layers"], view.options["style_layers"]) == (tuple(content), tuple(style))
    some = pellucid.stylize(net, picture(), picture(seed=1), content_layers="conv1", steps=2)
    assert some.options["content_layers"] == ("conv1",)
    assert some.options["style_layers"] == tuple(style)


def test_the_default_network_with_given_layers(default_network: pellucid.Network) -> None:
    layers = {"content_layers": "blocks.1.1", "style_layers": ["blocks.0.0", "blocks.2.0"]}
    view = pellucid.stylize(default_network, "example:cat", "example:gravel", steps=25, size=64, **layers)
    assert view["result"].shape == (64, 96, 3)
    style = [(row["before"], row["after"]) for row in view.table if row["role"] == "style"]
    assert np.mean([a for _, a in style]) < np.mean([b for b, _ in style]) / 2


@pytest.mark.slow
def test_the_default_network_by_itself(default_network: pellucid.Network) -> None:
    """On the default network and real pictures: what ``style`` recommends, and both losses in a few steps."""
    view = pellucid.stylize(default_network, "example:cat", "example:gravel", steps=12, size=64)
    assert view.options["content_layers"] == ("blocks.1.1",)
    assert view.options["style_layers"] == ("blocks.0.0", "blocks.1.1", "blocks.2.0", "blocks.3.2", "blocks.5.0")
    assert view["result"].shape == (64, 96, 3)
    style = [(row["before"], row["after"]) for row in view.table if row["role"] == "style"]
    assert np.mean([a for _, a in style]) < np.mean([b for b, _ in style]) / 2


# -- sizes ----------------------------------------------------------------------------------------


class Fixed(nets.Modules):
    """Takes its own size alone."""

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[2:] != (nets.SIZE, nets.SIZE):
            raise RuntimeError("another size")
        return super().forward(x)


def test_a_network_of_one_size_sees_the_middle() -> None:
    net = pellucid.open(Fixed(), input=nets.SPEC)
    view = look(net)
    assert view["result"].shape == (12, 12, 3)
    assert "takes pictures of 12 × 12 alone, so of the content" in view.notes[0]
    with pytest.raises(BadInput, match="takes no pictures of another size, and 40 was asked for"):
        look(net, size=40)


def test_tokens_take_one_size(default_vit: pellucid.Network) -> None:
    layers = {"content_layers": "blocks.3", "style_layers": ["blocks.0", "blocks.5"]}
    view = pellucid.stylize(default_vit, picture(64, 90), picture(50, 50, seed=1), steps=2, **layers)
    assert view["result"].shape == (224, 224, 3)
    assert len(view.notes) == 1
    with pytest.raises(BadInput, match="leave --size"):
        pellucid.stylize(default_vit, picture(), picture(), size=448, **layers)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"steps": 0}, "steps is 0; pass a whole number from 1"),
        ({"size": 3}, "the size is 3"),
        ({"size": 2_000_000}, "GiB of memory"),
        ({"strength": 0.0}, "the strength is 0.0"),
        ({"strength": float("nan")}, "the strength is nan"),
        ({"content_layers": "head"}, "not spatial"),
        ({"style_layers": "conv9"}, "no layer matches 'conv9'|does not say"),
    ],
)
def test_bad_input(more: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        look(nets.network("modules"), **more)


def test_matrices_and_broken_weights_are_refused() -> None:
    spec = pellucid.InputSpec.matrix(8, 8)
    with pytest.raises(BadInput, match="a matrix has no colours"):
        look(pellucid.open(nn.Sequential(nn.Conv2d(1, 4, 3)), input=spec))
    net = nets.network("modules")
    nn.init.constant_(net.module.conv1.weight, float("nan"))
    with pytest.raises(BadInput, match="NaN or infinite"):
        look(net)


def test_a_plan_tells_its_cost() -> None:
    planned = plan(nets.network("modules"), picture(), picture(seed=1), *LAYERS.values(), size=32)
    assert planned.shape == (32, 40)
    assert planned.seconds(100) > 0
    assert planned.transfer.losses == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "content", "style"),
    [
        ("torchvision:vgg16", "conv3_2", ["conv1_1", "relu2_1", "conv_5@tutorial"]),
        ("timm:legacy_xception", "block2", ["act1", "block1"]),
        ("torchvision:swin_t", "features.1.1", ["features.0.2", "features.3.0"]),
    ],
)
def test_other_architectures(name: str, content: str, style: list[str]) -> None:
    net = pellucid.open(name, weights="none")
    view = pellucid.stylize(
        net, "example:cat", "example:grass", content_layers=content, style_layers=style, steps=4, size=96
    )
    assert view["result"].shape == (96, 144, 3)
    rows = [row for row in view.table if row["role"] == "style"]
    assert len(rows) == len(style)
    assert np.mean([r["after"] for r in rows]) < np.mean([r["before"] for r in rows])
