"""Left or right: what a frozen network tells, what its last layer learns, and what re-training from the cut learns.

`python break_the_invariance.py full` gives the table of the page on invariance, in ten minutes of processor time;
without `full` it is a few digits, to see how it is done.
"""

import csv
import json
import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image
from sklearn.linear_model import LogisticRegression

import pellucid
from pellucid.data.digits import write_mirrored_digits
from pellucid.features.resampling import ratio, weights
from pellucid.synth.recipe import recipe
from pellucid.training.plan import Plan
from pellucid.training.setup import prepare
from pellucid.training.train import Training, fit

FULL = sys.argv[1:2] == ["full"]
SETS = (sys.argv[2:] or ["mirrored digits", "upright coins", "coins turned any way"]) if FULL else ["mirrored digits"]
SIZE = 129 if FULL else 65  # whose strides reach both edges alike, as 225 does, at a third of the time
ORIGINALS, SEEDS, EPOCHS = (500, 3, 10) if FULL else (60, 1, 2)
COLOURS = ("#9a9a9a", "#2e86ab", "#d1495b")


def write_coins(folder, *, turned):
    """Coins and their mirror images, with a table: image, label (where the head looks to), group (the original)."""
    made = recipe("coin").with_ranges({"turn": (-180, 180)} if turned else {})
    Path(folder).mkdir(exist_ok=True)
    rows = [("image", "label", "group")]
    for i in range(ORIGINALS):
        coin = made.make(0, i)
        picture, facing = coin.render(SIZE, supersample=2).image, coin.labels["facing"]
        other = {"left": "right", "right": "left"}[facing]
        for label, pixels in ((facing, picture), (other, np.ascontiguousarray(picture[:, ::-1]))):
            Image.fromarray(pixels).save(f"{folder}/{i:04d}-{label}.png")
            rows.append((f"{i:04d}-{label}.png", label, str(i)))
    with open(f"{folder}/labels.csv", "w", newline="") as file:
        csv.writer(file).writerows(rows)


def write(name, folder):
    """The pictures of a set, with their table."""
    if "digits" in name:
        write_mirrored_digits(folder, ORIGINALS)
    else:
        write_coins(folder, turned="turned" in name)


def linear(codes):
    """What a logistic regression on standardised codes answers; its penalty is chosen on the validation items."""
    train, val, test = ((codes[s].codes.numpy(), codes[s].targets.numpy()) for s in ("train", "val", "test"))
    tried = [LogisticRegression(C=c, max_iter=5000).fit(*train) for c in (1e-4, 1e-3, 1e-2, 1e-1, 1.0)]
    return max(tried, key=lambda model: model.score(*val)).predict(test[0])


def measured(data, cut):
    """For each of the three ways, whether each held-out picture of each seed is told right, and its original."""
    ways = {"a linear model on frozen codes": [], "only the last layer learns": [], f"{cut} and all behind learn": []}
    for seed in range(SEEDS):
        shared = {"size": (SIZE, SIZE), "shares": (0.6, 0.1, 0.3), "batch": 32, "seed": seed}
        head = Training(prepare(data, Plan(unfreeze_from="head", **shared), check=False))
        head.loop.run()
        plan = Plan(unfreeze_from=cut, epochs=EPOCHS, backbone_lr=1.0, **shared)  # no flips in the augmentation
        tuned = fit(prepare(data, plan, check=False))
        answers = linear(head.codes), head.fitted().answers("test").argmax(1), tuned.answers("test").argmax(1)
        group = np.array([int(data.group[row]) for row in tuned.setup.rows["test"]])
        for found, answer in zip(ways.values(), answers, strict=True):
            found.append(np.stack([answer == tuned.setup.test.targets.numpy(), group]))
    return {way: np.concatenate(found, axis=1) for way, found in ways.items()}


def told(found):
    """The share that is right over all seeds, with its 95 % interval over originals."""
    right, group = found
    _, number = np.unique(group, return_inverse=True)
    share = ratio(right.astype(float), np.ones(len(right)), weights(number, seed=0))
    return [share.value, share.low, share.high, len(right)]


table = {}
for name in SETS:
    folder = name.replace(" ", "-")
    write(name, folder)
    net = pellucid.open("efficientnet_lite0")
    view = pellucid.invariance(net, folder, labels=f"{folder}/labels.csv", layers=["blocks.*", "bn2"], size=SIZE)
    for row in view.table:
        print(f"{name}: {row['layer']:<9} the average tells {row['probe']:.3f}, its halves {row['probe_parts']:.3f}")
    cut = view.options["unfreeze_from"] or "blocks.5"
    found = measured(pellucid.dataset(f"{folder}/labels.csv"), cut)
    table[name] = {way: told(each) for way, each in found.items()}
    for way, (value, low, high, count) in table[name].items():
        print(f"{name}: {way:<32} {value:.1%} ({low:.1%} to {high:.1%}) of {count} held-out pictures, {SEEDS} seeds")
    Path("results.json").write_text(json.dumps(table))

figure = Figure(figsize=(9.5, 0.8 + 1.25 * len(table)), layout="constrained")
axes = figure.add_subplot()
labels = []
for i, (name, ways) in enumerate(table.items()):
    for j, (way, (value, low, high, _)) in enumerate(ways.items()):
        place = -4 * i - j
        axes.plot([low, high], [place, place], color=COLOURS[j], lw=3, solid_capstyle="butt", alpha=0.45)
        axes.plot(value, place, "o", color=COLOURS[j], ms=8)
        axes.annotate(f"{value:.1%}", (1.02, place), va="center", fontsize=10, color=COLOURS[j], annotation_clip=False)
        labels.append((place, way))
    axes.annotate(name.capitalize(), (0.45, -4 * i + 0.75), fontsize=11, weight="bold", annotation_clip=False)
axes.set_yticks(*zip(*labels, strict=True), fontsize=10)
axes.axvline(0.5, color="#bbbbbb", lw=1, ls=":")
axes.set(
    xlim=(0.45, 1.01),
    ylim=(1.4 - 4 * len(table), 1.2),
    xlabel="held-out pictures told from their mirror images (guessing: 50 %)",
)
axes.xaxis.set_major_formatter("{x:.0%}")
axes.spines[["top", "right", "left"]].set_visible(False)
axes.tick_params(axis="y", length=0)
figure.savefig("break_the_invariance.png", dpi=90)
