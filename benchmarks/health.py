"""What watching costs: a training step with and without, in turn."""

from __future__ import annotations

import contextlib
import copy
import platform
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

import pellucid
from pellucid.data.batches import as_batch

ROUNDS = 9


def small() -> nn.Module:
    """A CNN for pictures of 32 × 32, as small as people train."""
    wide = lambda a, b: (nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU(inplace=True))  # noqa: E731
    body = [*wide(3, 32), nn.MaxPool2d(2), *wide(32, 64), nn.MaxPool2d(2), *wide(64, 128), nn.AdaptiveAvgPool2d(1)]
    return nn.Sequential(*body, nn.Flatten(), nn.Linear(128, 10))


def cases() -> Iterator[tuple[str, nn.Module, Tensor, int]]:
    """What is trained, on what, and how many steps are one measurement."""
    torch.manual_seed(0)
    net = pellucid.open()
    photos = as_batch(net.input, ["example:cat", "example:coffee"], "cpu", torch.float32).x
    yield "EfficientNet-Lite0, 8 photos at 224 × 224", net.module, photos.repeat(4, 1, 1, 1), 1
    yield "a CNN of 3 convolutions, 64 pictures at 32 × 32", small(), torch.randn(64, 3, 32, 32), 8
    yield (
        "a perceptron of 2 layers, 64 pictures at 8 × 8",
        nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10)),
        torch.randn(64, 1, 8, 8),
        200,
    )


def train(module: nn.Module, x: Tensor, steps: int, *, watched: bool) -> tuple[float, float]:
    """Seconds for so many steps, and the last loss."""
    torch.manual_seed(0)
    net = copy.deepcopy(module).train()
    optimizer = torch.optim.SGD(net.parameters(), 1e-4)
    labels = torch.arange(len(x)) % 10
    around: Any = pellucid.watch(net, optimizer) if watched else contextlib.nullcontext()
    with around:
        began = time.perf_counter()
        for _ in range(steps):
            optimizer.zero_grad()
            loss = cross_entropy(net(x), labels)
            loss.backward()
            optimizer.step()
        return time.perf_counter() - began, float(loss.detach())


def row(what: str, module: nn.Module, x: Tensor, steps: int) -> str:
    """One line of the table."""
    same = train(module, x, steps, watched=False)[1] == train(module, x, steps, watched=True)[1]
    ratios, bare, seen = [], [], []
    for _ in range(ROUNDS):
        bare.append(train(module, x, steps, watched=False)[0] / steps)
        seen.append(train(module, x, steps, watched=True)[0] / steps)
        ratios.append(seen[-1] / bare[-1])
    ratios.sort()
    times = f"{1000 * statistics.median(bare):.2f} | {1000 * statistics.median(seen):.2f}"
    spread = f"**{statistics.median(ratios):.2f}×** ({ratios[0]:.2f}–{ratios[-1]:.2f})"
    return f"| {what} | {times} | {spread} | {'the same' if same else 'different'} |"


def main() -> None:
    rows = [row(*case) for case in cases()]
    machine = f"{platform.machine()}, {torch.get_num_threads()} threads, no GPU"
    text = f"""# What watching a training costs

Written by `python -m benchmarks.health`. One process, a training step (forward, loss, backward, SGD) without and with
`pellucid.watch(model, optimizer)` in turn; the ratio of the same round, as the median of {ROUNDS} with the smallest
and largest. pellucid {pellucid.__version__}, torch {torch.__version__}; {machine}.

| what is trained | bare, ms | watched, ms | ratio | loss |
|---|---|---|---|---|
{chr(10).join(rows)}

Each layer's output and each gradient is read once more, and a few microseconds of Python go to each module and each
recorded operation. Networks whose whole step takes less than a millisecond feel those; nothing else does.
"""
    Path(__file__).with_name("HEALTH.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
