"""Invariance of 256 photos at all stages against torchvision's feature extractor, layer by layer and all at once."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from timm.layers import BatchNormAct2d, Conv2dSame
from torch import Tensor, nn
from torchvision.models.feature_extraction import create_feature_extractor

import pellucid
from benchmarks.pairs import Pair, compare
from pellucid.core.progress import quiet
from pellucid.data.images import EXAMPLES
from pellucid.data.stream import Stream
from pellucid.features import invariance as looking
from pellucid.features.equivariance.transforms import parse

COUNT, SIZE, EACH = 256, 225, 8
FLIP = parse("hflip")


def crops() -> Tensor:
    """Seeded square crops of the example photos, as the network is fed them: [COUNT, 3, SIZE, SIZE]."""
    rng = np.random.default_rng(0)
    spec = pellucid.InputSpec(size=(SIZE, SIZE), mean=(127 / 255,) * 3, std=(128 / 255,) * 3, crop=None)
    photos = [pellucid.read(f"example:{name}") for name in EXAMPLES]
    made = []
    for i in range(COUNT):
        picture = photos[i % len(photos)].array
        side = int(min(picture.shape[:2]) * rng.uniform(0.4, 0.9))
        top, left = (int(rng.integers(0, n - side + 1)) for n in picture.shape[:2])
        made.append(spec.tensor(pellucid.Sample(picture[top : top + side, left : left + side]))[0])
    return torch.stack(made)


def ours(net: pellucid.Network, x: Tensor, layers: Sequence[str]) -> list[float]:
    """D_inv and D_eq of each layer (and all that D_map, CKA and the probes need), two passes a batch."""
    ready = net.prepared(keep=layers)
    found = looking._collect(ready, Stream.of(net, x), layers, FLIP, np.ones(len(x), bool), 0)
    each = [(p.moved, p.kept) for p in found.values()]
    return [float(d.apart.mean() / d.spread) for pair in each for d in pair]


@torch.no_grad()
def theirs(module: nn.Module, x: Tensor, layers: Sequence[str]) -> list[float]:
    """The same two figures, straightforwardly: the extractor's features for x and its mirror image, streamed too."""
    # Their own control flow cannot be traced, so these stay whole.
    whole = {"leaf_modules": [Conv2dSame, BatchNormAct2d]}
    extractor = create_feature_extractor(module, list(layers), tracer_kwargs=whole)
    sums = dict.fromkeys(layers, 0.0)
    squares, moved, kept = dict(sums), dict(sums), dict(sums)
    for part in x.split(EACH):
        before, after = extractor(part), extractor(part.flip(-1))
        for n in layers:
            a, b = before[n].double(), after[n].double()
            sums[n] = sums[n] + a.sum(0)
            squares[n] = squares[n] + a.square().sum()
            moved[n] += float((b - a).square().sum())
            kept[n] += float((b.flip(-1) - a).square().sum())
    n = len(x)
    spread = {l: float(2 * (squares[l] - sums[l].square().sum() / n) / (n - 1)) for l in layers}
    return [figure[l] / n / spread[l] for l in layers for figure in (moved, kept)]


def layer_by_layer(module: nn.Module, x: Tensor, layers: Sequence[str]) -> list[float]:
    return [value for layer in layers for value in theirs(module, x, [layer])]


def forwards(net: pellucid.Network, x: Tensor, layers: Sequence[str]) -> float:
    """Passes a picture, counted on the module that runs; one more picture is looked at for the batch's size."""
    ready, seen = net.prepared(keep=layers), []
    handle = ready.module.register_forward_pre_hook(lambda m, args: seen.append(len(args[0])))
    try:
        ours(net, x, layers)
    finally:
        handle.remove()
    return sum(seen) / len(x)


def pairs(net: pellucid.Network, x: Tensor, layers: Sequence[str]) -> Iterator[Pair]:
    module = net.module.eval().requires_grad_(False)
    what = f"{len(layers)} stages × hflip"
    yield compare(
        f"{what}, the extractor once a layer",
        lambda: ours(net, x, layers),
        lambda: layer_by_layer(module, x, layers),
        rounds=3,
        note=f"{2 * len(layers)} passes a picture, up to each layer",
    )
    yield compare(
        f"{what}, one extractor for all layers",
        lambda: ours(net, x, layers),
        lambda: theirs(module, x, layers),
        rounds=3,
        note="2 passes a picture, as ours",
    )


def main() -> None:
    torch.manual_seed(0)
    net = pellucid.open("efficientnet_lite0", input=pellucid.InputSpec(size=(SIZE, SIZE)))
    layers, x = net.stages(), crops()
    with quiet():
        counted = forwards(net, x[:32], layers)
        rows = [pair.row() for pair in pairs(net, x, layers)]
    versions = ", ".join(f"{package} {version(package)}" for package in ("pellucid", "torchvision", "torch"))
    machine = f"{platform.machine()}, {torch.get_num_threads()} threads, no GPU"
    text = f"""# Invariance, side by side

Written by `python -m benchmarks.invariance`. One process, the two in turn after a warm-up; a ratio is the other's time
over ours in the same round, given as the median with the smallest and largest. EfficientNet-Lite0 with ImageNet
weights, {COUNT} crops of the example photos at {SIZE} × {SIZE}, D_inv and D_eq at {", ".join(layers)}; the other is
torchvision's `create_feature_extractor`. Ours keeps beside them what D_map, CKA and the probes need. The difference
is of the two sets of figures. {versions}; {machine}.

| what, and beside whom | pellucid, s | the other, s | ratio | difference | |
|---|---|---|---|---|---|
{chr(10).join(rows)}

Passes a picture for all layers, counted on the module that runs: {counted:g}.
"""
    Path(__file__).with_name("INVARIANCE.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
