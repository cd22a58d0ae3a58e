"""Integrated gradients and occlusion against captum on the default network."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator
from pathlib import Path

import captum
import torch
from captum.attr import IntegratedGradients, Occlusion

import pellucid
from benchmarks.pairs import Pair, compare
from pellucid.core.progress import quiet
from pellucid.data.batches import as_batch

TARGET = 282  # tiger cat
TOLERANCE = 0.01


def pairs() -> Iterator[Pair]:
    net = pellucid.open()
    x = as_batch(net.input, "example:cat", "cpu", torch.float32).x
    judge = IntegratedGradients(net.module.eval())
    yield compare(
        "integrated gradients, 50 steps, midpoint rule",
        lambda: pellucid.explain(net, x, "integrated_gradients", TARGET, steps=50).values,
        lambda: judge.attribute(x, target=TARGET, n_steps=50, method="riemann_middle", internal_batch_size=16),
    )
    steps = next(n for n in (50, 100, 200, 400, 800, 1600, 3200) if gap(judge, x, n) <= TOLERANCE)
    taken = pellucid.explain(net, x, "integrated_gradients", TARGET, tolerance=TOLERANCE).receipt.steps
    yield compare(
        "integrated gradients to a gap of 1 %",
        lambda: pellucid.explain(net, x, "integrated_gradients", TARGET, tolerance=TOLERANCE).values,
        lambda: judge.attribute(x, target=TARGET, n_steps=steps, internal_batch_size=16),
        rounds=3,
        note=f"{taken} gradients, found by itself; {steps} with the peer's default rule, found by trying",
    )
    slide = Occlusion(net.module.eval())
    each = best_batch(slide, x)
    yield compare(
        "occlusion, 169 windows",
        lambda: pellucid.explain(net, x, "occlusion", TARGET, window=32, stride=16).values,
        lambda: occlude(slide, x, each)[:, :1],
        note=f"the peer at its best of 1, 4 and 16 windows a pass: {each}",
    )


def gap(judge: IntegratedGradients, x: torch.Tensor, steps: int) -> float:
    values, delta = judge.attribute(
        x, target=TARGET, n_steps=steps, internal_batch_size=16, return_convergence_delta=True
    )
    return float(delta.abs() / (values.sum() - delta).abs())


def occlude(slide: Occlusion, x: torch.Tensor, each: int) -> torch.Tensor:
    with torch.no_grad():
        return slide.attribute(
            x, target=TARGET, sliding_window_shapes=(3, 32, 32), strides=(3, 16, 16), perturbations_per_eval=each
        )


def best_batch(slide: Occlusion, x: torch.Tensor) -> int:
    seconds = {}
    for each in (1, 4, 16):
        occlude(slide, x, each)
        began = time.perf_counter()
        occlude(slide, x, each)
        seconds[each] = time.perf_counter() - began
    return min(seconds, key=seconds.__getitem__)


def main() -> None:
    torch.manual_seed(0)
    with quiet():
        rows = [pair.row() for pair in pairs()]
    versions = f"pellucid {pellucid.__version__}, captum {captum.__version__}, torch {torch.__version__}"
    machine = f"{platform.machine()}, {torch.get_num_threads()} threads, no GPU"
    text = f"""# Side by side

Written by `make bench`. One process, the two in turn after a warm-up; a ratio is the peer's time
over ours in the same round, given as the median with the smallest and largest. EfficientNet-Lite0
with ImageNet weights, one photo at 224 × 224. The difference is ‖ours − theirs‖ / ‖theirs‖ of the
two maps. {versions}; {machine}.

| what | pellucid, s | captum, s | faster by | map difference | |
|---|---|---|---|---|---|
{chr(10).join(rows)}

The second row's maps differ because the two take different points on the path; both meet the gap.
Absolute times depend on the machine and on what else it does; the ratios hold better.
"""
    Path(__file__).with_name("RESULTS.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
