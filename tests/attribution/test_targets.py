"""What is explained: sums of classes, maps, landmarks, boxes, independent labels, units; and where: a layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import pellucid
from nets import CLASSES, SIZE, SPEC, images, module, network
from pellucid import targets
from pellucid.attribution.table import methods


class Fixed(nn.Module):
    """Maps that are linear in the input: each output channel is a weighted sum of the input's channels."""

    def __init__(self, wrap: Callable[[Tensor], Any] = lambda maps: maps) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.mix, self.wrap = nn.Conv2d(3, 4, 1, bias=False), wrap

    def forward(self, x: Tensor) -> Any:
        return self.wrap(self.mix(x))


def fixed(wrap: Callable[[Tensor], Any] = lambda maps: maps, **more: Any) -> pellucid.Network:
    return pellucid.open(Fixed(wrap), input=SPEC, **more)


# -- classes --------------------------------------------------------------------------------------


def test_sums_and_differences_of_classes() -> None:
    net, x = network("modules"), images()
    each = {c: pellucid.explain(net, x, "gradient", c).values for c in ("ant", "cat", "dog")}
    found = pellucid.explain(net, x, "gradient", "ant + cat - dog")
    np.testing.assert_allclose(found.values, each["ant"] + each["cat"] - each["dog"], atol=1e-6)
    assert found.target == ("ant + cat - dog",) * 3
    likely = pellucid.explain(net, x, "lrp", "cat - honeybee", of="probability")
    with torch.no_grad():
        shares = net.module.eval()(x).softmax(1)
    np.testing.assert_allclose(likely.receipt.expected, shares[:, 2] - shares[:, 1], rtol=1e-4)
    with pytest.raises(pellucid.BadInput, match="unknown class 'wolf'"):
        pellucid.explain(net, x, "gradient", "cat - wolf")


def test_a_class_whose_name_looks_like_a_sum_is_a_class() -> None:
    net = pellucid.open(module("modules"), input=SPEC, classes=["a - b", "a", "b", "c"])
    wanted = pellucid.explain(net, images(), "gradient", 0).values
    np.testing.assert_array_equal(pellucid.explain(net, images(), "gradient", "a - b").values, wanted)


def test_labels_that_do_not_exclude_each_other() -> None:
    net, x = pellucid.open(module("modules"), input=SPEC, classes=CLASSES, output="multilabel"), images()
    with torch.no_grad():
        logits = net.module.eval()(x)
    (_, name, share), *_ = net.predict(x)[0]
    assert name == net.class_name(int(logits[0].argmax()))
    np.testing.assert_allclose(share, logits[0].max().sigmoid(), rtol=1e-5)
    found = pellucid.explain(net, x, "lrp", "cat", of="probability")
    np.testing.assert_allclose(found.receipt.expected, logits[:, 2].sigmoid(), rtol=1e-5)


def test_relevance_of_a_difference_is_the_difference_of_relevances() -> None:
    """Each output sends its own score back; what speaks for the other class must not vanish."""
    net, x = network("modules"), images()
    cat, dog = (pellucid.explain(net, x, "lrp", c).values for c in ("cat", "dog"))
    for target in ("cat - dog", lambda output: output[:, 2] - output[:, 3]):
        found = pellucid.explain(net, x, "lrp", target)
        np.testing.assert_allclose(found.values, cat - dog, atol=1e-5 * np.abs(cat).max())
        assert found.receipt.relative_gap < 1e-4


def test_the_relevance_of_any_function_adds_up() -> None:
    net, x = network("modules"), images()
    for target in (lambda o: o.logsumexp(1), lambda o: o[:, 2] - o.amax(1), lambda o: (o[:, 0] * o[:, 1]).tanh()):
        found = pellucid.explain(net, x, "lrp", target)
        np.testing.assert_allclose(found.receipt.actual, found.receipt.expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("target", [lambda o: o[0], lambda o: o.mean(0), lambda o: o.sum()[None]])
def test_a_target_that_mixes_samples_is_refused(target: Any) -> None:
    for method in ("gradient", "lrp", "deeplift", "occlusion"):
        with pytest.raises(pellucid.BadInput, match="not one number a sample"):
            run(network("modules"), images(), method, target=target)


# -- maps -----------------------------------------------------------------------------------------


def test_a_class_of_a_map_means_where_it_wins() -> None:
    net, x = fixed(classes=CLASSES), images(2)
    with torch.no_grad():
        maps = net.module(x)
    won = (maps.argmax(1) == 2).float()
    wanted = won[:, None] * net.module.mix.weight[2].detach()[None] / won.sum((1, 2))[:, None, None, None]
    for target in ("cat", 2, targets.segmentation(2)):
        np.testing.assert_allclose(pellucid.explain(net, x, "gradient", target).values, wanted, atol=1e-6)
    with pytest.raises(pellucid.BadInput, match="no output 7 in a segmentation map; pass 0 to 3"):
        pellucid.explain(net, x, "gradient", targets.segmentation(7))
    ant = pellucid.explain(net, x, "gradient", "ant").values
    both = pellucid.explain(net, x, "gradient", "cat - ant")
    np.testing.assert_allclose(both.values, wanted.numpy() - ant, atol=1e-6)
    assert both.target == ("cat - ant",) * 2
    with pytest.raises(pellucid.BadInput, match=r"map of classes \(mostly .*%"):
        pellucid.explain(net, x, "gradient")


@pytest.mark.parametrize("wrap", [lambda maps: maps, lambda maps: {"out": maps}])
def test_a_mask_and_a_pixel_of_a_map(wrap: Callable[[Tensor], Any]) -> None:
    net, x = fixed(wrap), images(2)
    mask = np.zeros((2 * SIZE, 2 * SIZE), bool)  # laid over the map, which is half as large
    mask[4:8, 10:16] = True
    found = pellucid.explain(net, x, "gradient", targets.segmentation(1, mask)).values
    there = np.zeros((SIZE, SIZE), bool)
    there[2:4, 5:8] = True
    assert (found[:, :, there] != 0).all()
    assert not found[:, :, ~there].any()
    pixel = pellucid.explain(net, x, "lrp", targets.segmentation(1, (3, 4)), composite="z")
    assert np.argwhere(pixel.values[0].any(0)).tolist() == [[3, 4]]


@pytest.mark.parametrize(
    ("where", "what"), [(np.zeros((5, 5)), "empty"), (np.ones(5), "mask of shape"), ((40, 1), "lies outside")]
)
def test_a_bad_mask_is_told(where: Any, what: str) -> None:
    with pytest.raises(pellucid.BadInput, match=what):
        pellucid.explain(fixed(), images(), "gradient", targets.segmentation(1, where))


def test_landmarks() -> None:
    net, x = fixed(), images(2)
    with torch.no_grad():
        heat = net.module(x)[:, 1]
    height = pellucid.explain(net, x, "gradient", targets.keypoint(1)).values
    for i in range(2):
        row, column = np.argwhere(heat[i].numpy() == heat[i].max().item())[0]
        assert np.argwhere(height[i].any(0)).tolist() == [[row, column]]
    share = heat.flatten(1).softmax(1).view_as(heat)
    wanted = (share.sum(1) * torch.arange(SIZE)).sum(1)
    found = pellucid.explain(net, x, "integrated_gradients", targets.keypoint(1, "x"), tolerance=1e-3)
    start = (SIZE - 1) / 2  # of a flat heatmap, the middle
    np.testing.assert_allclose(np.array(found.receipt.expected) + start, wanted, rtol=1e-4)
    with pytest.raises(pellucid.BadInput, match="not a heatmap"):
        pellucid.explain(network("modules"), x, "gradient", targets.keypoint(1))


def boxes(maps: Tensor) -> list[dict[str, Tensor]]:
    """Two boxes a picture, whose scores are two corners' means."""
    places = torch.tensor([[0.0, 0.0, 4.0, 4.0], [6.0, 6.0, 12.0, 12.0]])
    return [
        {
            "boxes": places,
            "labels": torch.tensor([1, 1]),
            "scores": torch.stack([m[0, :4, :4].mean(), m[0, 6:, 6:].mean()]).sigmoid(),
        }
        for m in maps
    ]


def test_boxes() -> None:
    net, x = fixed(boxes), images(2)
    near = pellucid.explain(net, x, "gradient", targets.box(1, near=(6, 6, 11, 11)))
    assert near.values[:, :, 6:, 6:].any()
    assert not near.values[:, :, :6, :6].any()
    best = pellucid.explain(net, x, "occlusion", targets.box(1), window=4, stride=4)
    assert best.values.any()
    with pytest.raises(pellucid.BadInput, match="no list of boxes"):
        pellucid.explain(network("modules"), x, "gradient", targets.box(1))
    assert not targets.box(7)(boxes(torch.randn(2, 4, 12, 12))).any()


# -- units and layers -----------------------------------------------------------------------------

INSIDE = [m for m in methods if "layer" not in methods[m].options]
QUICK: dict[str, dict[str, Any]] = {
    "occlusion": {"window": 2, "stride": 2},
    "rise": {"samples": 8, "cells": 3},
    **{m: {"samples": 4} for m in ("smoothgrad", "vargrad", "smooth")},
}


def run(net: pellucid.Network, x: Any, method: str, **more: Any) -> pellucid.Explanation:
    if "patterns" in methods[method].options:
        more["patterns"] = pellucid.fit_patterns(net, images(6))
    return pellucid.explain(net, x, method, **QUICK.get(method, {}), **more)


@pytest.mark.parametrize("method", INSIDE)
@pytest.mark.parametrize("prepared", [True, False])
def test_every_method_explains_a_layer(method: str, prepared: bool) -> None:
    net, x = network("modules"), images(2)
    found = run(net, x, method, layer="act1", target="cat", prepared=prepared)
    assert found.axes == ("sample", "channel", "height", "width")
    assert found.values.shape[2:] == (SIZE, SIZE)
    assert found.values.shape[1] in (1, 8)
    assert found.receipt.layer == "act1"
    alone = run(net, x[1:], method, layer="act1", target="cat", prepared=prepared)
    if "seed" not in methods[method].options:
        np.testing.assert_allclose(alone.values[0], found.values[1], rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("method", ["input_times_gradient", "integrated_gradients", "deeplift", "occlusion", "lrp"])
def test_behind_the_last_activation_a_layers_shares_are_known(method: str) -> None:
    """There the network is a mean and a linear layer."""
    net, x = network("modules"), images()
    hidden = net.prepared(keep=["act2"]).capture(x, ["act2"])["act2"]
    shares = torch.einsum("k,nkhw->nkhw", net.module.head.weight[2].detach(), hidden) / hidden[0, 0].numel()
    more = {"window": 1, "stride": 1} if method == "occlusion" else {}
    more |= {"composite": "all=z, pool=z", "conserve": False} if method == "lrp" else {}
    found = pellucid.explain(net, x, method, "cat", layer="act2", **more)
    wanted = shares.sum(1, keepdim=True) if method == "occlusion" else shares
    np.testing.assert_allclose(found.values, wanted, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("method", INSIDE)
def test_every_method_explains_a_unit(method: str) -> None:
    net, x = network("modules"), images(2)
    found = run(net, x, method, unit="bn2:3@2,4")
    assert found.target == ("unit bn2:3@2,4",) * 2
    assert found.values.shape[2:] == (SIZE, SIZE)
    if found.receipt.relative_gap is not None:
        assert found.receipt.relative_gap < 0.02


def test_a_unit_sees_its_receptive_field_alone() -> None:
    """conv2 at (2, 4) sees 3 × 3 pooled places, 6 × 6 before the pool, 8 × 8 pixels: rows 1–8, columns 5–12."""
    net, x = network("modules"), images(2)
    found = pellucid.explain(net, x, "lrp", unit="conv2:3@2,4").values
    outside = np.ones((SIZE, SIZE), bool)
    outside[1:9, 5:13] = False
    assert not found[:, :, outside].any()
    assert found[:, :, ~outside].any()
    whole = pellucid.explain(net, x, "gradient", unit="conv2:3").values
    at = [pellucid.explain(net, x, "gradient", unit=f"conv2:3@{r},{c}").values for r in range(6) for c in range(6)]
    np.testing.assert_allclose(whole, np.mean(at, axis=0), atol=1e-6)


def test_a_unit_as_seen_from_a_layer() -> None:
    net, x = network("modules"), images(2)
    found = pellucid.explain(net, x, "lrp", layer="act1", unit="bn2:3@2,4")
    assert found.values.shape == (2, 8, SIZE, SIZE)
    assert found.receipt.relative_gap < 1e-5
    with pytest.raises(pellucid.BadInput, match="not used"):
        pellucid.explain(net, x, "grad_cam", layer="act2", unit="conv1:3")


def test_the_default_composite_does_not_take_a_layer_for_the_first() -> None:
    """Behind the last activation there are shares to tell apart; the rule for pixels would level them."""
    net, x = network("modules"), images()
    found = pellucid.explain(net, x, "lrp", "cat", layer="act2").values
    hidden = net.prepared(keep=["act2"]).capture(x, ["act2"])["act2"].numpy()
    assert not found[hidden == 0].any()
    assert found.std((2, 3)).max() > 0


@pytest.mark.parametrize("method", ["gradient", "lrp", "deeplift", "integrated_gradients"])
def test_a_layer_before_an_in_place_activation(method: str) -> None:
    wanted = pellucid.explain(network("modules"), images(), method, "cat", layer="bn2").values
    for net in ("reused", "in_place"):
        found = pellucid.explain(network(net), images(), method, "cat", layer="bn2").values
        np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-6)


def test_a_layer_used_twice_means_its_last_use_unless_said() -> None:
    net, x = network("reused"), images()
    wanted = pellucid.explain(network("modules"), x, "lrp", "cat", layer="act2").values
    np.testing.assert_allclose(pellucid.explain(net, x, "lrp", "cat", layer="act1").values, wanted, atol=1e-6)
    unit = pellucid.explain(network("modules"), x, "gradient", unit="act2:3").values
    np.testing.assert_allclose(pellucid.explain(net, x, "gradient", unit="act1:3").values, unit, atol=1e-6)


def test_maps_with_their_channels_last() -> None:
    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.mix, self.head = nn.Linear(3, 5), nn.Linear(5, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.mix(x.permute(0, 2, 3, 1)).mean((1, 2)))

    net, x = pellucid.open(Last(), input=SPEC), images(2)
    found = pellucid.explain(net, x, "input_times_gradient", 1, layer="mix")
    assert found.values.shape == (2, 5, SIZE, SIZE)
    with pytest.raises(pellucid.BadInput, match="no unit 9"):
        pellucid.explain(net, x, "gradient", unit="mix:9")
    at = pellucid.explain(net, x, "gradient", unit="mix:4@2,7").values
    assert np.argwhere(at[0].any(0)).tolist() == [[2, 7]]


def test_tokens_and_vectors_keep_their_axes() -> None:
    net = pellucid.open("timm:vit_tiny_patch16_224", weights="none", seed=1)
    x = images(1).repeat(1, 1, 19, 19)[..., :224, :224]
    tokens = pellucid.explain(net, x, "input_times_gradient", 1, layer="blocks.5")
    assert (tokens.axes, tokens.values.shape) == (("sample", "token", "channel"), (1, 197, 192))
    assert tokens.show() is not None
    vector = pellucid.explain(network("modules"), images(), "lrp", 1, layer="head", composite="z")
    assert (vector.axes, vector.values.shape) == (("sample", "unit"), (3, len(CLASSES)))
    unit = pellucid.explain(net, x, "gradient", unit="blocks.5:7@3")
    assert unit.values.any()


@pytest.mark.parametrize(
    ("unit", "what"),
    [
        ("conv2", "no unit"),
        ("conv2:99", "no unit 99"),
        ("conv2:1@9,9", "no place"),
        ("conv9:1", "no layer matches"),
        ("head:1@0", "no place"),
    ],
)
def test_a_bad_unit_is_told(unit: str, what: str) -> None:
    with pytest.raises(pellucid.BadInput, match=what):
        pellucid.explain(network("modules"), images(), "gradient", unit=unit)


def test_a_unit_beside_a_target_is_refused() -> None:
    with pytest.raises(pellucid.BadInput, match="a unit and a target"):
        pellucid.explain(network("modules"), images(), "gradient", "cat", unit="conv2:1")
