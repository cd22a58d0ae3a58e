"""Naming layers, choosing one a resolution, and taking their outputs."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torchvision.models import feature_extraction

import pellucid
from nets import SPEC, images, module, network

#: The last layer of each resolution that everything deeper is computed from
#: (in ConvNeXt that is the norm before each downsampling).
STAGES = {
    "torchvision:resnet18": ["relu", "layer1", "layer2", "layer3", "layer4"],
    "torchvision:vgg11": ["features.1", "features.4", "features.9", "features.14", "features.19"],
    "torchvision:mobilenet_v3_small": ["features.0", "features.1", "features.3", "features.8", "features.12"],
    "torchvision:squeezenet1_1": ["features.1", "features.4", "features.7", "classifier.2"],
    "torchvision:convnext_tiny": ["features.2.0", "features.4.0", "features.6.0", "features.7"],
    "timm:regnetx_002": ["stem", "s1", "s2", "s3", "final_conv"],
}


@pytest.mark.parametrize("name", STAGES)
def test_stages_by_themselves(name: str) -> None:
    assert pellucid.open(name, weights="none").stages() == STAGES[name]


def test_stages_of_the_default_network(default_network: pellucid.Network) -> None:
    assert default_network.stages() == ["blocks.0", "blocks.1", "blocks.2", "blocks.4", "bn2"]
    sizes = {l.name: l.resolution for l in default_network.tree() if l.stage}
    assert list(sizes.values()) == [(112, 112), (56, 56), (28, 28), (14, 14), (7, 7)]


PATTERNS = [
    ("blocks.4", ["blocks.4"]),
    ("blocks.?", [f"blocks.{i}" for i in range(7)]),
    ("blocks.*", [f"blocks.{i}" for i in range(7)]),
    ("conv_*", ["conv_stem", "conv_head"]),
    ("re:^conv_(stem|head)$", ["conv_stem", "conv_head"]),
    ("type:Conv2dSame", None),
    ("type:Linear", ["classifier"]),
    ("stage:last", ["bn2"]),
    ("stage:2", ["blocks.1"]),
    ("stage:*", ["blocks.0", "blocks.1", "blocks.2", "blocks.4", "bn2"]),
]


@pytest.mark.parametrize(("pattern", "names"), PATTERNS)
def test_patterns(default_network: pellucid.Network, pattern: str, names: list[str] | None) -> None:
    found = default_network.layers(pattern)
    assert found == names if names is not None else len(found) >= 3
    assert len(default_network.layers("**")) == len(default_network.tree())


@pytest.mark.parametrize(
    "pattern", ["blocks.9", "type:Conv2D", "stage:9", "stage:0", "re:^nothing$", "re:(", "*.nothing"]
)
def test_a_pattern_without_a_match_says_so(default_network: pellucid.Network, pattern: str) -> None:
    with pytest.raises(pellucid.BadInput, match=r"no layer matches|regular expression"):
        default_network.layers(pattern)


def test_near_names_of_layers(default_network: pellucid.Network) -> None:
    with pytest.raises(pellucid.BadInput) as caught:
        default_network.layers("block.4")
    assert "blocks.4" in caught.value.cure


def test_capture_agrees_with_torchvision() -> None:
    net = pellucid.open("torchvision:resnet18", weights="none")
    names = ["relu", "layer2.0.conv1", "layer2", "layer4.1.bn2"]
    own = feature_extraction.create_feature_extractor(net.module.eval(), return_nodes={n: n for n in names})
    x = net.probe(2)
    with torch.no_grad():
        wanted = own(x)
    for network_ in (net, net.prepared(keep=names)):
        with pellucid.models.prepare.untouched(network_.module):
            found = network_.capture(x, names)
        for name in names:
            scale = wanted[name].abs().max()
            assert torch.allclose(found[name], wanted[name], atol=1e-4 * float(scale)), name


class Clobbering(nn.Module):
    """Each output is overwritten by the next operation; one module runs three times."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.act = nn.Conv2d(3, 3, 3, padding=1), nn.ReLU(inplace=True)
        self.unused = nn.Linear(2, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for _ in range(3):
            x = self.act(self.conv(x))
            x = x.mul_(2)
        return x.mean((2, 3))


def test_what_is_overwritten_later_is_taken_before() -> None:
    torch.manual_seed(0)
    own = Clobbering().eval()
    net, x = pellucid.open(own, input=SPEC), images()
    step = lambda t: 2 * own.conv(t).clamp_min(0)  # noqa: E731
    with torch.no_grad():
        found = net.capture(x, ["conv:1", "conv:2", "conv", "act:1", "act"])
        assert torch.allclose(found["conv:1"], own.conv(x), atol=1e-6)
        assert torch.allclose(found["conv:2"], own.conv(step(x)), atol=1e-6)
        assert torch.allclose(found["conv"], own.conv(step(step(x))), atol=1e-6)
        assert torch.allclose(found["act:1"], own.conv(x).clamp_min(0), atol=1e-6)
        assert torch.allclose(found["act"], own.conv(step(step(x))).clamp_min(0), atol=1e-6)


def test_the_pass_ends_after_the_last_wanted_layer() -> None:
    ran = []
    net = network("modules")
    net.module.eval()
    handle = net.module.head.register_forward_hook(lambda m, i, o: ran.append("head"))
    net.tree()  # the calls are counted here
    ran.clear()
    net.capture(images(), ["act1"])
    assert ran == []
    handle.remove()


def test_hooks_are_gone_after_every_end() -> None:
    own = module("modules").eval()
    net = pellucid.open(own, input=SPEC)
    count = lambda: sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in own.modules())  # noqa: E731
    net.capture(images(), ["act1", "conv2"])
    with pytest.raises(pellucid.BadInput, match="unknown layer"):
        net.capture(images(), ["act1", "act9"])
    with pytest.raises(RuntimeError):
        net.capture(images()[:, :2], ["act1"])
    with pytest.raises(pellucid.BadInput, match="called 0 times"):
        pellucid.open(Clobbering(), input=SPEC).capture(images(), ["unused"])
    assert count() == 0


def test_an_autoencoder_has_stages_before_its_code_and_behind_it() -> None:
    net = pellucid.open("autoencoder:conv-4-5", weights="none", input=pellucid.InputSpec(size=(32, 32)))
    before = [name for name in net.stages() if name.startswith("encoder.")]
    behind = [name for name in net.stages() if name.startswith("decoder.")]
    assert net.stages() == [*before, *behind]
    sizes = {layer.name: layer.resolution for layer in net.tree()}
    assert [sizes[name] for name in before] == [(16, 16), (8, 8), (4, 4)][: len(before)]
    assert [sizes[name] for name in behind][-1] == (32, 32)
    assert len(before) >= 2
