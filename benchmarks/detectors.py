"""The grid detector beside torchvision's FCOS and RetinaNet: ``python -m benchmarks.detectors``.

The same boards, all from random weights, one thread, the same seconds of the processor for each, and four times as many
for the peers. Theirs stand on a ResNet-18 with a feature pyramid whose finest cells are of 4 pixels, as ours are; sizes
and shapes of RetinaNet's anchors are set for figures of 6 to 18 pixels. All are scored by the same code.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.models.detection import FCOS, RetinaNet
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone

import pellucid
from pellucid.core.progress import track
from pellucid.data.dataset import Boxes, Dataset, Stack
from pellucid.features.resampling import Interval
from pellucid.synth.boards import KINDS, Board, boards
from pellucid.tasks.detecting import scores
from pellucid.training.scoring import drawn_rows

LEARNT, VAL, TEST, EPOCHS, BATCH, SIDE = 800, 100, 240, 20, 8, 64

#: Tried on validation boards; the best of them is asked about the others.
RATES = (5e-4, 2e-3)


def fcos() -> nn.Module:
    """Sides of anchors are the strides: they say which sizes a level learns."""
    anchors = AnchorGenerator(((4,), (8,), (16,), (32,)), ((1.0,),) * 4)
    return FCOS(_pyramid(), len(KINDS), min_size=SIDE, max_size=SIDE, anchor_generator=anchors)


def retinanet() -> nn.Module:
    sides = tuple(tuple(round(1.25 * stride * 2 ** (k / 3)) for k in range(3)) for stride in (4, 8, 16, 32))
    anchors = AnchorGenerator(sides, ((0.7, 1.0, 1.5),) * 4)
    return RetinaNet(_pyramid(), len(KINDS), min_size=SIDE, max_size=SIDE, anchor_generator=anchors)


def _pyramid() -> nn.Module:
    return resnet_fpn_backbone(
        backbone_name="resnet18",
        weights=None,
        norm_layer=nn.BatchNorm2d,
        trainable_layers=5,
        returned_layers=[1, 2, 3],
    )


def learnt(make: Callable[[], nn.Module], own: list[Board], seconds: float, rate: float) -> nn.Module:
    """AdamW with a cosine over so many seconds of the processor; half of the boards mirrored."""
    torch.manual_seed(0)
    module, rng = make().train(), np.random.default_rng(0)
    optimizer = torch.optim.AdamW(module.parameters(), lr=rate, weight_decay=0.01)
    pictures, targets = [_picture(b) for b in own], [_target(b) for b in own]
    began = time.process_time()
    while (done := (time.process_time() - began) / seconds) < 1:
        rows = rng.integers(len(own), size=BATCH)
        mirrored = rng.random(BATCH) < 0.5
        x = [pictures[i].flip(-1) if m else pictures[i] for i, m in zip(rows, mirrored, strict=True)]
        y = [_mirrored(targets[i]) if m else targets[i] for i, m in zip(rows, mirrored, strict=True)]
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, done / 0.05) * (1 + math.cos(math.pi * done)) / 2
        loss = sum(module(x, y).values())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(module.parameters(), 10.0)
        optimizer.step()
    return module.eval()


def _picture(own: Board) -> Tensor:
    return torch.from_numpy(own.picture).permute(2, 0, 1).float() / 255


def _target(own: Board) -> dict[str, Tensor]:
    labels = torch.tensor([KINDS.index(kind) for kind in own.kinds], dtype=torch.int64)
    return {"boxes": torch.from_numpy(own.corners).float(), "labels": labels}


def _mirrored(target: dict[str, Tensor]) -> dict[str, Tensor]:
    boxes = target["boxes"][:, [2, 1, 0, 3]] * torch.tensor([-1.0, 1, -1, 1]) + torch.tensor([SIDE, 0.0, SIDE, 0])
    return {**target, "boxes": boxes}


def judged(module: nn.Module, own: list[Board]) -> Interval:
    """mAP at an overlap of 0.5 on these boards, with its interval over boards."""
    most = max(len(b.kinds) for b in own)
    summaries = []
    with torch.inference_mode():
        for each in own:
            said = module([_picture(each)])[0]
            order = said["scores"].argsort(descending=True)
            columns = [said["boxes"], said["scores"][:, None], said["labels"][:, None], torch.zeros(len(order), 1)]
            true = np.column_stack([each.corners, [KINDS.index(kind) for kind in each.kinds]])
            summaries.append(scores.summary(torch.cat(columns, 1)[order].numpy(), true, most))
    return interval(np.stack(summaries))


def interval(summaries: np.ndarray) -> Interval:
    draws = drawn_rows(len(summaries), None, seed=0)
    return Interval(map50(summaries), np.array([map50(summaries[rows]) for rows in draws]))


def map50(summaries: np.ndarray) -> float:
    return float(np.nanmean(scores.precisions(summaries, len(KINDS), [0])))


def dataset(own: list[Board]) -> Dataset:
    pictures = Stack.of(np.stack([b.picture for b in own]), "boards")
    splits = ("train",) * LEARNT + ("val",) * VAL + ("test",) * TEST
    return Dataset("boards", pictures, boxes=tuple(Boxes(b.corners, b.kinds) for b in own), split=splits)


def main() -> None:
    torch.set_num_threads(1)
    own = boards(LEARNT + VAL + TEST, seed=9)
    learn, val, test = own[:LEARNT], own[LEARNT : LEARNT + VAL], own[LEARNT + VAL :]
    with tempfile.TemporaryDirectory() as place:
        choices = {"task": "detection", "model": "grid:8", "lr": 0.005, "batch": BATCH, "augment": ("flip",)}
        began = time.process_time()
        run = pellucid.train(dataset(own), out=Path(place) / "run", epochs=EPOCHS, **choices)
        seconds = time.process_time() - began
        row = next(r for r in pellucid.evaluate(run, dataset(own)).table if r["metric"] == "map50")
        size = sum(p.numel() for p in run.network.module.parameters())
    ends = f"({row['value_low']:.3f} to {row['value_high']:.3f})"
    print(f"grid:8, {size:,} parameters, {seconds:.0f} s: {row['value']:.3f} {ends}", flush=True)
    for name, make in {"FCOS": fcos, "RetinaNet": retinanet}.items():
        size = sum(p.numel() for p in make().parameters())
        for times in (1, 4):
            tried = [learnt(make, learn, times * seconds, rate) for rate in track(RATES, f"{name}, {times}×")]
            best = max(range(len(tried)), key=lambda k: judged(tried[k], val).value)
            found = judged(tried[best], test)
            ends = f"({found.low:.3f} to {found.high:.3f})"
            told = f"{name}, {size:,} parameters, {times * seconds:.0f} s, lr {RATES[best]:g}"
            print(f"{told}: {found.value:.3f} {ends}", flush=True)


if __name__ == "__main__":
    main()
