"""The CAM family and RISE against slow literal second implementations."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import interpolate

import pellucid
from nets import SIZE, images, module, network
from pellucid.attribution import cams
from pellucid.attribution.rise import random_masks
from pellucid.models.grid import OBJECT, GridDetector, level_of_places

Array = np.ndarray


def layer_and_gradient(net: str, layer: str) -> tuple[Array, Array]:
    """[N, channels, h, w] each, by plain hooks on an untouched module."""
    own, kept = module(net).eval(), []
    own.get_submodule(layer).register_forward_hook(lambda m, i, o: kept.append(o))
    score = own(images())[:, 1]
    (grad,) = torch.autograd.grad(score.sum(), kept[0])
    return kept[0].detach().double().numpy(), grad.double().numpy()


def grad_cam(a: Array, g: Array) -> Array:
    return sum(g[k].mean() * a[k] for k in range(len(a)))


def grad_cam_plus_plus(a: Array, g: Array) -> Array:
    total = np.zeros(a.shape[1:])
    for k in range(len(a)):
        weight = 0.0
        for i in range(a.shape[1]):
            for j in range(a.shape[2]):
                below = 2 * g[k, i, j] ** 2 + a[k].sum() * g[k, i, j] ** 3
                weight += (g[k, i, j] ** 2 / below if below else 0.0) * max(g[k, i, j], 0.0)
        total += weight * a[k]
    return total


def hires_cam(a: Array, g: Array) -> Array:
    return (a * g).sum(0)


def layer_cam(a: Array, g: Array) -> Array:
    return (a * np.maximum(g, 0)).sum(0)


def xgrad_cam(a: Array, g: Array) -> Array:
    return sum(((g[k] * a[k]).sum() / a[k].sum() if a[k].sum() else 0.0) * a[k] for k in range(len(a)))


def eigen_cam(a: Array, g: Array) -> Array:
    cells = a.reshape(len(a), -1).T
    _, _, directions = np.linalg.svd(cells, full_matrices=False)
    map_ = (cells @ directions[0]).reshape(a.shape[1:])
    return map_ if map_.sum() >= 0 else -map_


FAMILY: list[Callable[[Array, Array], Array]] = [
    grad_cam, grad_cam_plus_plus, hires_cam, layer_cam, xgrad_cam, eigen_cam,
]  # fmt: skip


@pytest.mark.parametrize("literal", FAMILY, ids=lambda f: f.__name__)
@pytest.mark.parametrize(("net", "layer"), [("modules", "act2"), ("modules", "conv1"), ("residual", "late")])
@pytest.mark.parametrize("relu", [False, True])
def test_the_family_against_loops(literal: Callable, net: str, layer: str, relu: bool) -> None:
    a, g = layer_and_gradient(net, layer)
    maps = np.stack([literal(a[i], g[i]) for i in range(len(a))])
    maps = np.maximum(maps, 0) if relu else maps
    wanted = interpolate(torch.from_numpy(maps)[:, None], size=(SIZE, SIZE), mode="bilinear").numpy()
    found = pellucid.explain(network(net), images(), literal.__name__, 1, layer=layer, relu=relu)
    np.testing.assert_allclose(found.values, wanted, rtol=1e-3, atol=1e-4 * np.abs(wanted).max())


def test_a_map_of_answers_is_no_layer_to_look_at() -> None:
    torch.manual_seed(0)
    painter = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, 2, 1))
    net = pellucid.open(painter, input=pellucid.InputSpec(size=(SIZE, SIZE)), classes=["rest", "disc"])
    e = pellucid.explain(net, images(), method="grad_cam", target="disc")
    assert (e.receipt.layer, e.receipt.layer_reason) == (
        "1",
        f"the last feature map before the output ({SIZE} × {SIZE})",
    )
    alone = pellucid.open(nn.Sequential(painter[0]), input=pellucid.InputSpec(size=(SIZE, SIZE)))
    sums = pellucid.explain(alone, images(), method="grad_cam", target=lambda output: output[:, 0].sum((1, 2)))
    assert sums.receipt.layer_reason == f"the last layer that gives a feature map ({SIZE} × {SIZE})"


@pytest.mark.parametrize("shape", [(2, 30, 4), (2, 4, 30)])
def test_the_principal_direction_is_that_of_the_singular_values(shape: tuple[int, ...]) -> None:
    cells = torch.randn(*shape, generator=torch.Generator().manual_seed(0)).double()
    found = cams._principal(cells)
    for one, matrix in zip(found, cells, strict=True):
        left, values, _ = torch.linalg.svd(matrix, full_matrices=False)
        expected = left[:, 0] * values[0]
        torch.testing.assert_close(one * torch.sign(one @ expected), expected)


def test_cam_is_grad_cam_where_it_applies_and_adds_up_to_the_logit() -> None:
    net = network("modules")
    cam, grad = (pellucid.explain(net, images(), m, 1, layer="act2") for m in ("cam", "grad_cam"))
    np.testing.assert_allclose(cam.values, grad.values, rtol=1e-4, atol=1e-7)
    a, _ = layer_and_gradient("modules", "act2")
    weight = net.module.head.weight[1].detach().numpy()
    with torch.no_grad():
        logit = net.module.eval()(images())[:, 1].numpy() - net.module.head.bias[1].item()
    np.testing.assert_allclose(np.einsum("k,nkhw->n", weight, a) / a[0, 0].size, logit, rtol=1e-4)
    # Interpolation to twice the size makes each value count four times, but for the borders.
    np.testing.assert_allclose(cam.values.mean((1, 2, 3)) * a[0, 0].size, logit, rtol=0.1)


@pytest.mark.parametrize("level", range(3))
def test_boxes_of_each_level_are_seen_in_the_map_that_all_are_computed_from(level: int) -> None:
    torch.manual_seed(0)
    grid = GridDetector(3, 2, width=2)
    net = pellucid.open(grid, input=pellucid.InputSpec((32, 32), (0.0,) * 3, (1.0,) * 3, crop=None))
    place = int(torch.nonzero(level_of_places((32, 32)) == level)[0])
    found = pellucid.explain(net, torch.rand(1, 3, 32, 32), "grad_cam", lambda out: out[:, place, OBJECT], relu=False)
    assert found.receipt.layer == "merge16"
    assert np.abs(found.values).max() > 0


def test_score_cam_against_loops() -> None:
    own, x = module("modules").eval(), images(2)
    a, _ = layer_and_gradient("modules", "act2")
    maps = []
    with torch.no_grad():
        for i in range(2):
            increase, alive = [], []
            for k in range(a.shape[1]):
                if a[i, k].max() == a[i, k].min():
                    continue
                mask = torch.from_numpy((a[i, k] - a[i, k].min()) / (a[i, k].max() - a[i, k].min())).float()
                mask = interpolate(mask[None, None], size=(SIZE, SIZE), mode="bilinear")
                increase.append(float(own(x[i : i + 1] * mask)[0, 1] - own(torch.zeros_like(x[:1]))[0, 1]))
                alive.append(a[i, k])
            weights = np.exp(increase) / np.exp(increase).sum()
            maps.append(sum(w * c for w, c in zip(weights, alive, strict=True)))
    wanted = interpolate(torch.from_numpy(np.stack(maps))[:, None], size=(SIZE, SIZE), mode="bilinear").numpy()
    found = pellucid.explain(network("modules"), x, "score_cam", 1, layer="act2")
    np.testing.assert_allclose(found.values, wanted, rtol=1e-3, atol=1e-4 * np.abs(wanted).max())


# -- RISE -----------------------------------------------------------------------------------------


def test_rise_on_a_linear_model_meets_its_expectation() -> None:
    """E[f(x∘M)(M_λ/p − 1)] = Σ_j w_j x_j Cov(M_j, M_λ)/p: within a few of the standard errors that it tells."""
    net, x = network("linear"), images(1)
    generator = torch.Generator().manual_seed(9)
    masks = random_masks(200_000, 3, 0.5, x[0], generator).flatten(1)
    masks = masks - masks.mean(0)
    weight = net.module.head.weight[1].detach().view(3, SIZE, SIZE)
    per_pixel = (weight * x[0]).sum(0).flatten()
    wanted = ((masks @ per_pixel) @ masks / len(masks) / 0.5).view(SIZE, SIZE).numpy()
    found = pellucid.explain(net, x, "rise", 1, samples=20_000, error=0.0, cells=3)
    gap = np.sqrt(np.mean((found.map() - wanted) ** 2)) / wanted.std()
    assert found.receipt.samples == 20_000
    assert gap < 3 * found.receipt.error < 0.5


def test_rise_stops_at_the_stated_error() -> None:
    net = network("modules")
    rough, fine = (pellucid.explain(net, images(2), "rise", 1, cells=3, error=e).receipt for e in (0.6, 0.3))
    assert rough.samples < fine.samples < 4000
    assert fine.error <= 0.3 < rough.error <= 0.6


def test_masks_show_the_stated_share() -> None:
    masks = random_masks(2000, 4, 0.3, torch.zeros(3, 20, 31), torch.Generator().manual_seed(0))
    assert masks.shape == (2000, 20, 31)
    assert 0 <= masks.min() <= masks.max() <= 1 + 1e-6
    assert float(masks.mean()) == pytest.approx(0.3, abs=0.01)
    assert float((masks.mean(0) - 0.3).abs().max()) < 0.04  # at every pixel


def test_wrappers_are_what_they_wrap() -> None:
    net, x = network("modules"), images()
    same = {
        "input_times": ({"base": "gradient"}, "input_times_gradient", {}),
        "smooth": ({"base": "gradient", "samples": 6, "seed": 4}, "smoothgrad", {"samples": 6, "seed": 4}),
    }
    for name, (options, other, more) in same.items():
        a, b = pellucid.explain(net, x, name, 1, **options), pellucid.explain(net, x, other, 1, **more)
        np.testing.assert_allclose(a.values, b.values, rtol=1e-5)
    with pytest.raises(pellucid.BadInput, match="wraps another"):
        pellucid.explain(net, x, "smooth", 1, base="input_times")
    with pytest.raises(pellucid.BadInput, match="unknown method"):
        pellucid.explain(net, x, "smooth", 1, base="gradiant")


def test_vargrad_is_the_variance() -> None:
    net, x = network("residual"), images(1)
    spread = 0.15 * (x.max() - x.min())
    generator = torch.Generator().manual_seed(2)
    draws = torch.cat([x + spread * torch.randn(x.shape[1:], generator=generator) for _ in range(12)])
    grads = pellucid.explain(net, draws, "gradient", 1).values
    found = pellucid.explain(net, x, "vargrad", 1, samples=12, seed=2)
    np.testing.assert_allclose(found.values[0], grads.var(0, ddof=1), rtol=1e-3, atol=1e-6 * grads.var())


def test_of_a_unit_the_last_stage_before_it_is_looked_at(default_network: pellucid.Network) -> None:
    x = default_network.probe(1)
    found = pellucid.explain(default_network, x, "grad_cam", unit="blocks.4:17")
    assert found.receipt.layer == "blocks.2"
    assert pellucid.explain(default_network, x, "grad_cam", unit="classifier:17").receipt.layer == "bn2"
    with pytest.raises(
        pellucid.BadInput, match="no stage with a feature map is before 'conv_stem'; choose a layer with"
    ):
        pellucid.explain(default_network, x, "grad_cam", unit="conv_stem:1")
