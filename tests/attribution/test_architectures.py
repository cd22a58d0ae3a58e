"""Conservation and completeness on the architectures that people use, in float32 and float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import timm
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F

import pellucid
from pellucid import InputSpec
from pellucid.attribution.table import methods
from pellucid.attribution.target import resolve
from pellucid.models.prepare import untouched

pytestmark = pytest.mark.slow


class UNet(nn.Module):
    """Two levels down and up again, transposed convolutions and skips."""

    def __init__(self) -> None:
        super().__init__()
        block = lambda i, o: nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(inplace=True))  # noqa: E731
        self.down = nn.ModuleList([block(3, 8), block(8, 16), block(16, 32)])
        self.up = nn.ModuleList([nn.ConvTranspose2d(32, 16, 2, 2), nn.ConvTranspose2d(16, 8, 2, 2)])
        self.join = nn.ModuleList([block(32, 16), block(16, 8)])
        self.head = nn.Conv2d(8, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        skips = []
        for i, block in enumerate(self.down):
            x = block(F.max_pool2d(x, 2) if i else x)
            skips.append(x)
        for up, join, skip in zip(self.up, self.join, skips[1::-1], strict=True):
            x = join(torch.cat([up(x), skip], 1))
        return self.head(x)


TORCHVISION = (
    *("vgg11", "resnet18", "resnet50", "densenet121", "googlenet", "inception_v3", "squeezenet1_0", "mobilenet_v2"),
    *("mobilenet_v3_small", "efficientnet_b0", "mnasnet1_0", "shufflenet_v2_x1_0", "regnet_y_400mf"),
    *("convnext_tiny", "vit_b_16", "swin_t", "swin_v2_t"),
)
FIXED = {"vit_b_16": 224, "swin_t": 64, "swin_v2_t": 64, "inception_v3": 128}
MADE: dict[str, Callable[[], nn.Module]] = {
    **{n: lambda n=n: torchvision.models.get_model(n, weights=None, **_quick_init(n)) for n in TORCHVISION},
    "deeplabv3": lambda: torchvision.models.segmentation.deeplabv3_resnet50(weights=None, weights_backbone=None),
    "unet": UNet,
    "timm convnextv2": lambda: timm.create_model("convnextv2_atto"),
    "timm vit": lambda: timm.create_model("vit_tiny_patch16_224"),
    "timm poolformer": lambda: timm.create_model("poolformer_s12"),
}


def _quick_init(name: str) -> dict[str, Any]:
    return {"init_weights": False, "aux_logits": False} if name in ("googlenet", "inception_v3") else {}


def calibrated(name: str) -> tuple[nn.Module, Tensor]:
    """Random weights, running statistics of a batch, and no layer of zeros: as after a little training."""
    torch.manual_seed(0)
    own = MADE[name]()
    for parameter in own.parameters():
        if not parameter.any():
            nn.init.normal_(parameter, std=0.02)
    size = FIXED.get(name, 224 if name.startswith("timm vit") else 96)
    x = torch.randn(4, 3, size, size)
    norms = [m for m in own.modules() if isinstance(m, nn.BatchNorm2d)]
    own.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
        norm.train()
    with torch.no_grad():
        own(x)
    return own.eval(), x[:2]


def target_of(name: str) -> Any:
    """A class, or for maps its mean over a mask."""
    if name == "deeplabv3":
        return lambda output: output["out"][:, 3, 4:60, 4:60].mean((1, 2))
    return (lambda output: output[:, 3, 4:60, 4:60].mean((1, 2))) if name == "unet" else 3


def gap(net: pellucid.Network, x: Tensor, method: str, target: Any) -> float:
    ready = net.prepared()
    with untouched(ready.module):
        goal = resolve(ready, x, target, of="logit")
        found = methods[method].function(ready, x, goal)
    total = found.values.double().flatten(1).sum(1)
    return float(((total - found.expected.double()) / found.expected.double()).abs().max())


@pytest.mark.parametrize("name", MADE)
def test_relevance_adds_up(name: str) -> None:
    own, x = calibrated(name)
    spec = InputSpec(size=tuple(x.shape[-2:]))
    target = target_of(name)
    single = {m: gap(pellucid.open(own, input=spec), x, m, target) for m in ("lrp", "deep_taylor", "deeplift")}
    own.double()
    double = {m: gap(pellucid.open(own, input=spec), x.double(), m, target) for m in ("lrp", "deeplift")}
    assert max(single.values()) <= 1e-3, single
    assert max(double.values()) <= 1e-9, double


@pytest.mark.parametrize("method", ["lrp", "deep_taylor", "deeplift"])
def test_relevance_adds_up_on_the_default_network(
    method: str, default_network: pellucid.Network, photos: list[pellucid.Sample]
) -> None:
    found = pellucid.explain(default_network, photos, method)
    assert found.receipt.relative_gap <= 1e-4
    np.testing.assert_allclose(found.receipt.actual, found.receipt.expected, rtol=1e-4)
