"""Which loss for masks of seven labels: trained alike with the same seeds; and what the usual figures say of each.

``python -m benchmarks.mask_losses two`` compares the two of the question alone, with more seeds, and prints.
"""

from __future__ import annotations

import dataclasses
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

import pellucid
from pellucid.core.types import View
from pellucid.data.dataset import Dataset
from pellucid.data.masks import UNJUDGED, read_mask
from pellucid.synth.dataset import Plan as Parts
from pellucid.synth.dataset import write_dataset
from pellucid.synth.folder import Wish
from pellucid.synth.recipe import recipe_of
from pellucid.synth.table import objects
from pellucid.tasks.painting import scores
from pellucid.tasks.painting.counts import summary_of
from pellucid.tasks.painting.truth import asked
from pellucid.tasks.task import MISSING
from pellucid.training.alternatives import Alternative, Outcome
from pellucid.training.answering import outputs_of
from pellucid.training.plan import Plan
from pellucid.training.results import Fitted
from pellucid.training.setup import prepare
from pellucid.training.train import fit

PAGE = Path(__file__).with_name("MASK_LOSSES.md")

#: Bowls, the side of their pictures, seeds, and what all trainings have in common.
COUNT, SIDE, SEEDS, SEEDS_OF_TWO = 200, 64, 4, 8
CHOICES: dict[str, Any] = {
    "task": "segmentation",
    "model": "unet:8x4",
    "size": (48, 48),
    "epochs": 24,
    "batch": 8,
    "lr": 0.01,
    "backbone_lr": 1.0,
    "augment": ("flip",),
}

LOSSES = {
    "softmax, cross entropy": {"loss": "ce"},
    "sigmoids, binary cross entropy": {"loss": "bce"},
    "softmax, Dice": {"loss": "dice"},
    "softmax, cross entropy + Dice": {"loss": "ce_dice"},
    "sigmoids, binary cross entropy + Dice": {"loss": "bce_dice"},
}


def bowls(folder: Path) -> Dataset:
    """Seven labels, a bowl and six kinds of fruit, and the background."""
    folder.mkdir(parents=True)
    wish = Wish((recipe_of(objects["fruit-bowl"]),), count=COUNT, seed=1, size=SIDE, formats=())
    write_dataset(folder, wish, Parts())
    return pellucid.dataset(folder)


# -- ways to leave the background out ---------------------------------------------------------------


def without_background(data: Dataset, folder: Path) -> Dataset:
    """The same, with the background's pixels as nobody's, and seven labels numbered from 0."""
    folder.mkdir(exist_ok=True)
    paths = []
    for i, mask in enumerate(data.masks or ()):
        own = read_mask(mask or "")
        paths.append(str(folder / f"{i}.png"))
        Image.fromarray(np.where(own == 0, UNJUDGED, own - 1).astype(np.uint8)).save(paths[-1])
    names = {n - 1: name for n, name in data.mask_names.items() if n}
    return dataclasses.replace(data, masks=tuple(paths), mask_names=names)


def softmax_of_seven(plan: Plan, folder: Path) -> Alternative:
    """Seven labels, a softmax over these alone: where none of them is there, nothing is learnt."""

    def train(data: Dataset, seed: int) -> Outcome:
        own = without_background(data, folder)
        return _outcome(data, own, dataclasses.replace(plan, seed=seed, options={"loss": "ce"}), apart=False)

    return Alternative("", train, "seven channels, a softmax, no background")


def sigmoids_of_seven(plan: Plan) -> Alternative:
    """Seven labels, a sigmoid each, and none above a half is the background."""

    def train(data: Dataset, seed: int) -> Outcome:
        options = {"loss": "bce", "overlapping": True}
        return _outcome(data, data, dataclasses.replace(plan, seed=seed, options=options), apart=True)

    return Alternative("", train, "seven channels, a sigmoid each, no background")


def _outcome(data: Dataset, own: Dataset, plan: Plan, *, apart: bool) -> Outcome:
    """Train on seven channels, and count against all eight classes."""
    setup = prepare(own, plan, check=False)
    began = time.perf_counter()
    fitted = fit(setup)
    seconds = time.perf_counter() - began
    truth = prepare(data, dataclasses.replace(plan, options={"loss": "ce"}), check=False)
    target = truth.examples("test").targets
    maps = outputs_of(fitted.network, setup.test)
    seven = maps > 0 if apart else F.one_hot(maps.argmax(1), maps.shape[1]).movedim(-1, 1).bool()
    said = torch.cat([~seven.any(1, keepdim=True), seven], 1)
    summary = summary_of(said, *asked(target, said.shape[1])).numpy()
    return Outcome(setup.rows["test"], summary, {"": summary}, seconds, epochs=len(fitted.rows))


# -- what the usual figures say ---------------------------------------------------------------------


def usual_figures(maps: torch.Tensor, target: torch.Tensor, *, sigmoids: bool) -> dict[str, float]:
    """Loss and accuracy as they are printed while training, and the Dice of what is decided."""
    count = maps.shape[1]
    wanted, known = asked(target, count)
    argmax = F.one_hot(maps.argmax(1), count).movedim(-1, 1).bool()
    summary = summary_of(argmax, wanted, known).numpy()
    each = F.binary_cross_entropy_with_logits(maps, wanted)
    pairs = summary_of(maps > 0, wanted, known).numpy()
    found = {
        "loss": float(each if sigmoids else F.cross_entropy(maps, target.long(), ignore_index=MISSING)),
        "sum": float(each * count if sigmoids else F.cross_entropy(maps, target.long(), ignore_index=MISSING)),
        "accuracy": scores.pairs_right(pairs) if sigmoids else scores.pixels_right(summary),
        "pixels": scores.pixels_right(summary),
    }
    regions = summary[:, 1:]
    return {**found, "dice": float(scores.mean(scores.each_region(regions, scores.dice)))}


def always(fitted: Fitted, *, sigmoids: bool) -> torch.Tensor:
    """Maps that say everywhere how often each class is there: the best constant answer."""
    target = fitted.setup.train.targets
    count = len(fitted.setup.task.classes)
    share = torch.stack([(target == k).float().mean() for k in range(count)])
    logits = torch.logit(share) if sigmoids else share.log()
    test = fitted.setup.test.targets
    return logits[None, :, None, None].expand(len(test), count, *test.shape[1:])


def figures(data: Dataset) -> Iterator[tuple[str, str, dict[str, float]]]:
    """Of three answers the figures by either loss: chance, the commonest class, and what was learnt."""
    for loss, name in (("ce", "softmax"), ("bce", "sigmoids")):
        sigmoids = loss == "bce"
        fitted = fit(prepare(data, Plan.of({**CHOICES, "options": {"loss": loss}}), check=False))
        test = fitted.setup.test
        shape = (len(test), len(fitted.setup.task.classes), *test.targets.shape[1:])
        yield name, "nothing learnt: all outputs 0", usual_figures(torch.zeros(shape), test.targets, sigmoids=sigmoids)
        yield (
            name,
            "everywhere the same: how common each is",
            usual_figures(always(fitted, sigmoids=sigmoids), test.targets, sigmoids=sigmoids),
        )
        yield (
            name,
            f"after {CHOICES['epochs']} epochs",
            usual_figures(outputs_of(fitted.network, test), test.targets, sigmoids=sigmoids),
        )


# -- the page ---------------------------------------------------------------------------------------


def compared(data: Dataset, folder: Path, *, seeds: int = SEEDS, **changes: Any) -> View:
    """All losses, and both ways without a background, with paired seeds."""
    common = {**CHOICES, **changes}
    plan = Plan.of(common)
    ways = {
        **LOSSES,
        "seven sigmoids, no background": sigmoids_of_seven(plan),
        "seven-way softmax, no background": softmax_of_seven(plan, folder),
    }
    return pellucid.compare_tasks(data, ways, seeds=seeds, against="softmax, cross entropy", **common)


def page(view: View, rows: list[tuple[str, str, dict[str, float]]]) -> str:
    lines = [
        "# Which loss for masks of seven labels",
        "",
        f"Written by `python -m benchmarks.mask_losses`. {COUNT} fruit bowls of pellucid make (seed 1), bowl and six "
        "kinds of fruit,",
        f"at 48 × 48; U-Net 8x4, {CHOICES['epochs']} epochs of AdamW, rate {CHOICES['lr']}, {SEEDS} seeds each; "
        f"{view.options['items']['test']} test pictures.",
        "",
        "| loss | Dice (95 %) | against softmax with cross entropy | IoU pooled | pixels right |",
        "|---|---|---|---|---|",
    ]
    told = {(row["alternative"], row["metric"]): row for row in view.table}
    order = [row["alternative"] for row in view.table if row["metric"] == "dice"]
    for name in order:
        dice, pooled, pixels = (told[name, metric] for metric in ("dice", "iou_pooled", "pixel_accuracy"))
        difference = "" if "difference" not in dice else (
            f"{dice['difference']:+.3f} ({dice['difference_low']:+.3f} to {dice['difference_high']:+.3f})"
            + (", real" if dice["real"] else "")
        )  # fmt: skip
        span = f"{dice['value']:.3f} ({dice['low']:.3f} to {dice['high']:.3f})"
        lines.append(f"| {name} | {span} | {difference} | {pooled['value']:.3f} | {pixels['value']:.3f} |")
    lines += [
        "",
        "| outputs | answer | loss as printed | summed over labels | accuracy as printed | pixels right | Dice |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, what, own in rows:
        cells = [f"{own[key]:.3f}" for key in ("loss", "sum", "accuracy", "pixels", "dice")]
        lines.append(f"| {name} | {what} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def main() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        data = bowls(Path(folder) / "bowls")
        if sys.argv[1:] == ["two"]:
            two = {name: LOSSES[name] for name in ("softmax, cross entropy", "sigmoids, binary cross entropy")}
            own = pellucid.compare_tasks(data, two, seeds=SEEDS_OF_TWO, against="softmax, cross entropy", **CHOICES)
            print(*(row for row in own.table if row["metric"] in ("dice", "pixel_accuracy")), sep="\n")
            return
        view = compared(data, Path(folder) / "seven")
        if len(sys.argv) > 1:
            view.save(sys.argv[1])
        PAGE.write_text(page(view, list(figures(data))), encoding="utf-8")


if __name__ == "__main__":
    main()
