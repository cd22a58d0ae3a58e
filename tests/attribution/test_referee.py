"""captum judges: gradient, integrated gradients, occlusion and Grad-CAM, on small nets and the default network."""

from __future__ import annotations

from typing import Any

import captum.attr as captum
import numpy as np
import pytest
import torch

import pellucid
from nets import SIZE, images, module, network
from pellucid.data.batches import as_batch

NETS = ["linear", "modules", "residual"]


def close(found: pellucid.Explanation, wanted: torch.Tensor, *, share: float = 1e-4) -> None:
    wanted_array = wanted.detach().numpy()
    np.testing.assert_allclose(found.values, wanted_array, rtol=1e-3, atol=share * np.abs(wanted_array).max())


@pytest.mark.parametrize("net", NETS)
def test_gradient_on_small_nets(net: str) -> None:
    x = images().requires_grad_()
    wanted = captum.Saliency(module(net).eval()).attribute(x, target=1, abs=False)
    close(pellucid.explain(network(net), x.detach(), "gradient", 1), wanted)
    times = captum.InputXGradient(module(net).eval()).attribute(x, target=1)
    close(pellucid.explain(network(net), x.detach(), "input_times_gradient", 1), times)


@pytest.mark.parametrize("net", NETS)
def test_integrated_gradients_on_small_nets(net: str) -> None:
    judge = captum.IntegratedGradients(module(net).eval())
    wanted = judge.attribute(images(), target=1, n_steps=27, method="riemann_middle")
    close(pellucid.explain(network(net), images(), "integrated_gradients", 1, steps=27), wanted)


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize(("window", "stride"), [(4, 4), (4, 2), (3, 3)])
def test_occlusion_on_small_nets(net: str, window: int, stride: int) -> None:
    judge = captum.Occlusion(module(net).eval())
    shape, strides = (3, window, window), (3, stride, stride)
    with torch.no_grad():
        wanted = judge.attribute(images(), target=1, sliding_window_shapes=shape, strides=strides)
    close(pellucid.explain(network(net), images(), "occlusion", 1, window=window, stride=stride), wanted[:, :1])


def test_grad_cam_on_a_small_net() -> None:
    own = module("modules").eval()
    x = images()
    cam = captum.LayerGradCam(own, own.act2).attribute(x, target=1, relu_attributions=False)
    wanted = captum.LayerAttribution.interpolate(cam, (SIZE, SIZE), interpolate_mode="bilinear")
    close(pellucid.explain(network("modules"), x, "grad_cam", 1, layer="act2"), wanted)


def alike(found: np.ndarray, wanted: np.ndarray) -> None:
    """Equal but for single pixels behind units that sit on the kink of a ReLU6, where rounding decides."""
    assert np.linalg.norm(found - wanted) <= 0.01 * np.linalg.norm(wanted)


def test_all_four_on_the_default_network(default_network: pellucid.Network, photos: list[pellucid.Sample]) -> None:
    own = default_network.module.eval()
    x = as_batch(default_network.input, photos, "cpu", torch.float32).x
    goal = torch.tensor([282, 967])

    def check(method: str, wanted: torch.Tensor, **options: Any) -> None:
        exact, fast = (
            pellucid.explain(default_network, photos, method, [282, 967], prepared=p, **options) for p in (False, True)
        )
        alike(exact.values, wanted.detach().numpy())
        alike(fast.values, exact.values)

    wanted = captum.Saliency(own).attribute(x.clone().requires_grad_(), target=goal, abs=False)
    check("gradient", wanted)
    judge = captum.IntegratedGradients(own)
    wanted = judge.attribute(x, target=goal, n_steps=6, method="riemann_middle")
    check("integrated_gradients", wanted, steps=6)
    shape = {"sliding_window_shapes": (3, 56, 56), "strides": (3, 56, 56), "perturbations_per_eval": 4}
    with torch.no_grad():
        wanted = captum.Occlusion(own).attribute(x, target=goal, **shape)
    check("occlusion", wanted[:, :1], window=56, stride=56)
    cam = captum.LayerGradCam(own, own.bn2).attribute(x, target=goal, relu_attributions=False)
    check("grad_cam", captum.LayerAttribution.interpolate(cam, (224, 224), interpolate_mode="bilinear"))
    assert pellucid.explain(default_network, photos, "grad_cam").receipt.layer == "bn2"
