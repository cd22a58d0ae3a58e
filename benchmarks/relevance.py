"""Layer-wise relevance propagation against zennit, DeepLIFT against captum, and both in plain gradients."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import torch
import torchvision
import zennit.composites
import zennit.torchvision
from captum.attr import DeepLift
from torch import Tensor, nn

import pellucid
from benchmarks.pairs import Pair, compare, write_page
from pellucid.core.progress import quiet
from pellucid.data.batches import as_batch

TARGET = 282


def made(name: str) -> nn.Module:
    """Random weights, and no in-place activations, which captum does not take."""
    torch.manual_seed(0)
    own = torchvision.models.get_model(name, weights=None).eval()
    for module in own.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False
    return own


def flow(composite: Any, own: nn.Module, x: Tensor) -> Tensor:
    with composite.context(own) as judged:
        leaf = x.clone().requires_grad_()
        score = judged(leaf)[:, TARGET]
        return torch.autograd.grad(score, leaf, score.detach())[0]


def pairs() -> Iterator[Pair]:
    for name, canonizers in (("vgg11", []), ("resnet50", [zennit.torchvision.ResNetCanonizer()])):
        own = made(name)
        net = pellucid.open(own, input=pellucid.InputSpec())
        x = as_batch(net.input, ["example:cat", "example:coffee"], "cpu", torch.float32).x
        judge = zennit.composites.EpsilonPlusFlat(canonizers=canonizers)
        yield compare(
            f"LRP epsilon_plus_flat, {name}, zennit{' with its canonizer' if canonizers else ''}",
            lambda net=net, x=x: pellucid.explain(net, x, "lrp", TARGET).values,
            lambda own=own, x=x, judge=judge: flow(judge, own, x),
            note="the peer counts biases in and keeps no remainder",
        )
        yield compare(
            f"the plain gradient, {name}, beside LRP",
            lambda net=net, x=x: pellucid.explain(net, x, "gradient", TARGET).values,
            lambda net=net, x=x: torch.from_numpy(pellucid.explain(net, x, "lrp", TARGET).values),
            note="how many gradients LRP costs; the maps are not meant to be alike",
        )
    own = made("vgg11")
    net = pellucid.open(own, input=pellucid.InputSpec())
    x = as_batch(net.input, ["example:cat", "example:coffee"], "cpu", torch.float32).x
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield compare(
            "DeepLIFT rescale, vgg11, captum",
            lambda: pellucid.explain(net, x, "deeplift", TARGET).values,
            lambda: DeepLift(own).attribute(x.clone().requires_grad_(), torch.zeros_like(x), target=TARGET).detach(),
            note="max-pooling is shared out differently; both add up",
        )


def main() -> None:
    said = "Two photos at 224 × 224, random weights."
    packages = ("pellucid", "zennit", "captum", "torch")
    with quiet():
        write_page("RELEVANCE", "Relevance", said, pairs(), packages=packages, differ="map difference")


if __name__ == "__main__":
    main()
