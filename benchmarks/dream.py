"""Dreaming beside the same objective in a plain loop: a hook on the module as it is, and torch's own optimiser."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

import pellucid
from benchmarks.pairs import Pair, compare, write_page
from pellucid.core.progress import quiet
from pellucid.features.drawing.ascent import NOISE, channel_pictures, moved
from pellucid.features.drawing.fourier import Waves

LAYER, STEPS, CHANNELS = "blocks.4", 10, (1, 5, 9, 20)


def hooked(net: pellucid.Network, layer: str, x: Tensor) -> Tensor:
    """A layer's output the way one takes it by hand: the whole network runs."""
    kept: list[Tensor] = []
    handle = net.module.get_submodule(layer).register_forward_hook(lambda m, i, o: kept.append(o))
    net.module(x)
    handle.remove()
    return kept[0]


def plain_dream(net: pellucid.Network, photo: Tensor, layer: str, sizes: list[tuple[int, int]]) -> np.ndarray:
    generator = torch.Generator().manual_seed(0)
    detail = torch.zeros(1, 3, *sizes[0])
    for size in sizes:
        base = F.interpolate(photo, size, mode="bilinear", antialias=size != tuple(photo.shape[2:]))
        image = base + F.interpolate(detail, size, mode="bilinear")
        for _ in range(STEPS):
            image = image.detach().requires_grad_()
            down, across = torch.randint(-32, 33, (2,), generator=generator).tolist()
            found = hooked(net, layer, net.input.normalise(image.roll((down, across), (2, 3))))
            (found.square().mean() / 2).backward()
            image = (image + 1.5 * image.grad / image.grad.abs().mean()).clamp(0, 255)
        detail = image.detach() - base
    return image.detach().round()[0].permute(1, 2, 0).numpy()


def plain_channel(net: pellucid.Network, layer: str, channel: int, size: int) -> np.ndarray:
    generator = torch.Generator().manual_seed(0)
    waves, vary = Waves(3, size, size), moved()
    parameters = waves.start(generator).requires_grad_()
    optimizer = torch.optim.Adam([parameters], lr=0.05, maximize=True)
    for _ in range(STEPS):
        optimizer.zero_grad()
        noise = torch.randn((3, size, size), generator=generator) * NOISE * 255 / 128
        x = vary(net.input.normalise(255 * waves.pictures(parameters)), generator) + noise
        hooked(net, layer, x)[:, channel].mean().backward()
        optimizer.step()
    return np.asarray((255 * waves.pictures(parameters)).detach().round()[0].permute(1, 2, 0))


def pairs() -> Iterator[Pair]:
    nets = {"efficientnet_lite0": (pellucid.open(), LAYER)}
    nets |= {"resnet50, random weights": (pellucid.open("torchvision:resnet50", weights="none"), "layer3")}
    cat = pellucid.read("example:cat")
    for name, (net, layer) in nets.items():
        net.module.eval()
        view = pellucid.dream(net, cat, layer, steps=0, images=None)
        photo = torch.from_numpy(view["start"]).permute(2, 0, 1)[None].float()
        height, width = photo.shape[2:]
        sizes = [(round(height / 1.4**k), round(width / 1.4**k)) for k in reversed(range(4))]
        pair = compare(
            f"DeepDream, {name}, {layer}: {STEPS} steps at each of 4 sizes up to {height} × {width}",
            lambda net=net, layer=layer: pellucid.dream(net, cat, layer, steps=STEPS, images=None)["picture"],
            lambda net=net, layer=layer, photo=photo, sizes=sizes: plain_dream(net, photo, layer, sizes),
            rounds=5,
        )
        yield speeds(pair, 4 * STEPS)
    net = nets["efficientnet_lite0"][0]
    pair = compare(
        f"pictures of {len(CHANNELS)} channels of {LAYER}, {STEPS} steps at 224 × 224",
        lambda: channel_pictures(net, LAYER, CHANNELS, steps=STEPS),
        lambda: np.stack([plain_channel(net, LAYER, c, 224) for c in CHANNELS]),
        rounds=5,
    )
    yield speeds(pair, len(CHANNELS) * STEPS)


def speeds(pair: Pair, steps: int) -> Pair:
    """The pair with its steps a second."""
    ours, theirs = (steps / np.median(seconds) for seconds in (pair.ours, pair.theirs))
    return Pair(pair.what, pair.ours, pair.theirs, pair.difference, f"{ours:.1f} steps a second, {theirs:.1f} by hand")


def main() -> None:
    said = """The other is the same objective, rolls and steps in a plain loop: a hook on the module
as it is, which runs to its end, and its parameters' gradients are computed too. The pictures differ by rounding, which
grows from step to step."""
    packages = ("pellucid", "torch", "torchvision", "timm")
    with quiet():
        write_page("DREAM", "Dreams", said, pairs(), packages=packages, differ="picture difference")


if __name__ == "__main__":
    main()
