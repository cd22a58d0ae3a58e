"""1 to 10 landmarks of one type in a picture: a heatmap that all share, against a fixed list of coordinates.

A list needs an order, which landmarks of one type do not have: as the data tell them, from left to right, or whichever
order fits the answer best (a loss over the set). With the word ``full`` behind it on more pictures and for longer.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from scipy.optimize import linear_sum_assignment
from torch import nn
from torch.nn import functional as F

import pellucid
from pellucid.report.spots import spotted
from pellucid.synth.dataset import Plan as Parts
from pellucid.synth.dataset import write_dataset
from pellucid.synth.folder import Wish
from pellucid.synth.recipe import recipe_of
from pellucid.synth.table import objects
from pellucid.tasks.landmarks import scores
from pellucid.training.plan import Plan
from pellucid.training.scoring import drawn_rows, scored
from pellucid.training.setup import prepare
from pellucid.training.train import fit

FULL = sys.argv[1:2] == ["full"]
PLATES, EPOCHS, LISTS, SIDE, MOST = (1200, 20, 120, 64, 10) if FULL else (300, 8, 40, 64, 10)
COLOURS = {
    "one heatmap": "#4477aa",
    "list, as told": "#ee6677",
    "list, left to right": "#ccbb44",
    "list, best order": "#228833",
}


class Lister(nn.Module):
    """Ten times x, y and whether it is there, from maps that still know where everything is."""

    def __init__(self):
        super().__init__()
        layers, before = [], 3
        for width in (16, 32, 64, 64):
            layers += [nn.Conv2d(before, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2)]
            before = width
        places = before * (SIDE // 16) ** 2
        self.body = nn.Sequential(*layers, nn.Flatten(), nn.Linear(places, 256), nn.ReLU(), nn.Linear(256, 3 * MOST))

    def forward(self, x):
        return self.body(x).unflatten(1, (MOST, 3))


def in_order(targets, order, answers):
    """Places [N, MOST, 2] as shares of the side, and which of them are there, in the order that a list is given."""
    rows = targets[:, 1:, :2] / SIDE
    there = ~rows[..., 0].isnan()
    if order == "left to right":
        place = rows[..., 0].nan_to_num(9.0).argsort(1)
        rows, there = rows.gather(1, place[..., None].expand_as(rows)), there.gather(1, place)
    if order == "best order":  # Hungarian, as of sets (Carion et al. 2020, arXiv:2005.12872)
        rows, there = rows.clone(), there.clone()
        for i, answer in enumerate(answers.detach()):
            own = rows[i][there[i]]
            cost = (answer[:, None, :2] - own[None]).abs().sum(2) - answer[:, 2:].sigmoid()
            slot, which = linear_sum_assignment(cost.numpy())
            rows[i], there[i] = torch.nan, False
            rows[i, slot], there[i, slot] = own[which], True
    return rows.nan_to_num(0.0), there


def list_loss(answers, targets, order):
    rows, there = in_order(targets, order, answers)
    off = (F.smooth_l1_loss(answers[..., :2], rows, reduction="none", beta=0.02).sum(2) * there).sum()
    return off / there.sum() + F.binary_cross_entropy_with_logits(answers[..., 2], there.float())


def listed(setup, order):
    """Train a list; gives the answers [n, MOST, 3] for validation and test pictures."""
    torch.manual_seed(0)
    network, device = Lister(), torch.device("cpu")
    steps = torch.optim.AdamW(network.parameters(), 2e-3)
    total = LISTS * -(-len(setup.train) // 16)
    rate = torch.optim.lr_scheduler.CosineAnnealingLR(steps, total)
    for _ in range(LISTS):
        for rows in torch.randperm(len(setup.train)).split(16):
            x, target = setup.train.x(rows, device), setup.train.targets[rows].clone()
            flip = torch.rand(len(rows)) < 0.5
            x[flip], target[flip, 1:, 0] = x[flip].flip(3), SIDE - target[flip, 1:, 0]
            steps.zero_grad()
            list_loss(network(x), target, order).backward()
            steps.step()
            rate.step()
    network.eval()
    with torch.inference_mode():
        return [network(part.x(torch.arange(len(part)), device)) for part in (setup.val, setup.test)]


def summaries(answers, targets, most):
    """A list's answers in the form that scores of heatmaps are computed from."""
    found = torch.cat([answers[..., :2] * SIDE, answers[..., 2:].sigmoid()], 2)
    found = F.pad(found, (0, 0, 0, most - MOST))
    there = (~targets[:, 1:, :1].isnan()).float()
    true = torch.cat([targets[:, 1:, :2].nan_to_num(0.0), there], 2)
    first = torch.tensor([0.0, 1.0, SIDE]).expand(len(answers), 1, 3)
    return torch.cat([first, found, true], 1)[:, None].numpy()


with tempfile.TemporaryDirectory() as folder:
    wish = Wish((recipe_of(objects["landmark-plate"]),), count=PLATES, seed=1, size=96, formats=())
    write_dataset(Path(folder), wish, Parts())
    choices = {"model": "unet:8x4", "size": (SIDE, SIDE), "epochs": EPOCHS, "lr": 0.01, "backbone_lr": 1.0, "batch": 8}
    setup = prepare(pellucid.dataset(folder), Plan.of({**choices, "task": "keypoints", "augment": ("flip",)}))
    fitted = fit(setup)
    task, truth = setup.task, setup.test.targets.numpy()
    most = 2 * task.vocabulary.most + 5
    given, rules = {"one heatmap": fitted.answers("test")}, {"one heatmap": fitted.rule}
    for order in ("as told", "left to right", "best order"):
        name, (val, test) = f"list, {order}", listed(setup, order)
        given[name] = summaries(test, setup.test.targets, most)
        rules[name] = task.tuned(summaries(val, setup.val.targets, most), setup.val.targets.numpy())
    pictures = setup.network.input.pictures(setup.test.x(torch.arange(len(setup.test)), torch.device("cpu")))

figure = Figure(figsize=(13.4, 4.3), layout="constrained")
left, *sides = figure.subplots(1, 4, width_ratios=[1.25, 1, 1, 1])
count = (~np.isnan(truth[:, 1:, 0])).sum(1)
bins = ((1, 3), (4, 6), (7, 10))
for shift, (name, summary) in enumerate(given.items()):
    found = scored(task, truth, summary, rules[name], only=("f1", "distance", "count_mae"))
    told = {k: "{:.3f} ({:.3f} to {:.3f})".format(*i.named("v").values()) for k, i in found.items()}
    print(f"{name}: " + ", ".join(f"{k} {v}" for k, v in told.items()))
    decisions = task.decide(summary, rules[name])
    for place, (low, high) in enumerate(bins):
        own = decisions[(count >= low) & (count <= high)]
        draws = [float(scores.f1(own[p])[0]) for p in drawn_rows(len(own), None, seed=0, draws=400)]
        x, colour = place + 0.16 * (shift - 1.5), COLOURS[name]
        left.vlines(x, *np.nanpercentile(draws, (2.5, 97.5)), color=colour, linewidth=2, alpha=0.5)
        left.plot(x, float(scores.f1(own)[0]), "o", color=colour, markersize=6, label=None if place else name)
left.set_xticks(range(len(bins)), [f"{low} to {high}" for low, high in bins])
left.set_xlabel("landmarks in the picture")
left.set_ylim(0, 1.03)
left.set_title(
    f"F1 within {0.03 * SIDE:.1f} of {SIDE} pixels, 95 % intervals\n({len(truth)} plates)", loc="left", fontsize=10
)
left.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(0.0, 0.5))
left.spines[["top", "right"]].set_visible(False)
shown = int(np.argmax(np.where(count <= 7, count, 0)))
for axes, name in zip(sides, ("one heatmap", "list, left to right", "list, best order"), strict=True):
    _, peaks, true = scores.parts(given[name][shown, 0], most)
    kept = peaks[peaks[:, 2] > rules[name]["thresholds"][0]]
    places = [[0, *p] for p in true], [[0, *p] for p in kept[:, :2]]
    axes.imshow(spotted(pictures[shown], *places))
    axes.set_title(f"{name}: rings are true,\ncrosses were found", loc="left", fontsize=10)
    axes.set_axis_off()
figure.savefig("landmarks_in_no_order.png", dpi=110)
