"""Softmax or sigmoids for masks of seven labels: what is printed while they learn, and what they have learnt.

With the word ``full`` behind it on more pictures and for longer.
"""

import sys
import tempfile
from pathlib import Path

import torch
from matplotlib.figure import Figure
from torch.nn import functional as F

import pellucid
from pellucid.synth.dataset import Plan as Parts
from pellucid.synth.dataset import write_dataset
from pellucid.synth.folder import Wish
from pellucid.synth.recipe import recipe_of
from pellucid.synth.table import objects
from pellucid.tasks.painting import scores
from pellucid.tasks.painting.counts import summary_of
from pellucid.tasks.painting.truth import asked
from pellucid.training.answering import outputs_of
from pellucid.training.fit import Loop
from pellucid.training.plan import Plan
from pellucid.training.setup import prepare

FULL = sys.argv[1:2] == ["full"]
BOWLS, EPOCHS, SIDE = (300, 40, 48) if FULL else (80, 12, 48)
BLUE, RED, GREY = "#4477aa", "#ee6677", "#888888"


def printed(maps, target, sigmoids):
    """Loss and accuracy as they are usually printed, and the mean Dice of the seven labels."""
    wanted, known = asked(target, maps.shape[1])
    best = F.one_hot(maps.argmax(1), maps.shape[1]).movedim(-1, 1).bool()
    summary = summary_of(best, wanted, known).numpy()
    dice = scores.mean(scores.each_region(summary[:, 1:], scores.dice))
    if sigmoids:
        pairs = summary_of(maps > 0, wanted, known).numpy()
        return float(F.binary_cross_entropy_with_logits(maps, wanted)), scores.pairs_right(pairs), float(dice)
    return float(F.cross_entropy(maps, target.long())), scores.pixels_right(summary), float(dice)


def learnt(data, loss):
    """These three on validation pictures before training and after each epoch."""
    choices = {"model": "unet:8x4", "size": (SIDE, SIDE), "epochs": EPOCHS, "batch": 4, "lr": 0.005, "backbone_lr": 1.0}
    setup = prepare(data, Plan.of({**choices, "task": "segmentation", "options": {"loss": loss}}), check=False)
    loop = Loop(setup.network, setup.task, setup.chosen, setup.plan, setup.train, setup.val)
    shape = (len(setup.val), len(setup.task.classes), SIDE, SIDE)
    rows = [printed(torch.zeros(shape), setup.val.targets, loss == "bce")]

    def look(row):
        rows.append(printed(outputs_of(loop.network, setup.val), setup.val.targets, loss == "bce"))

    loop.run(on_epoch=look)
    return rows


with tempfile.TemporaryDirectory() as folder:
    write_dataset(
        Path(folder), Wish((recipe_of(objects["fruit-bowl"]),), count=BOWLS, seed=1, size=64, formats=()), Parts()
    )
    data = pellucid.dataset(folder)
    found = {"softmax, cross entropy": learnt(data, "ce"), "sigmoids, binary cross entropy": learnt(data, "bce")}

figure = Figure(figsize=(12, 3.8), layout="constrained")
titles = ("The loss that is printed", "The accuracy that is printed", "Mean Dice of the seven labels")
for place, (axes, title) in enumerate(zip(figure.subplots(1, 3), titles, strict=True)):
    for (name, rows), colour in zip(found.items(), (BLUE, RED), strict=True):
        axes.plot([row[place] for row in rows], color=colour, marker="o", markersize=3, label=name)
    axes.set_title(title, loc="left", fontsize=11)
    axes.set_xlabel("epoch", color=GREY)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_ylim(0, None if place == 0 else 1)
    if place == 1:
        axes.axhline(7 / 8, color=GREY, linewidth=1, linestyle=(0, (4, 2)))
        axes.text(EPOCHS, 0.04, "dashed: “no” to all eight, 7/8", ha="right", fontsize=9, color=GREY)
    if place == 0:
        axes.legend(frameon=False, fontsize=9)
figure.savefig("which_loss_for_masks.png", dpi=110)
for name, rows in found.items():
    first, last = (", ".join(f"{value:.3f}" for value in row) for row in (rows[0], rows[-1]))
    print(f"{name}: loss, accuracy, Dice {first} before and {last} after {EPOCHS} epochs")
