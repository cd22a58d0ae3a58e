"""Sigmoids, one softmax over combinations, or points for tag sets: which is right when, on planted labels."""

import functools

import numpy as np
import torch
from matplotlib.figure import Figure

from pellucid.models.heads import make_head
from pellucid.tasks.multilabel import multilabel
from pellucid.tasks.task import Vocabulary

TAGS, SEEDS, T_95 = np.array(list("abc")), 10, 2.262
TRAIN, VAL, OUT = slice(0, 400), slice(400, 700), slice(700, 3700)
WAYS = {
    "sigmoid, 1/2": {},
    "sigmoid, tuned thresholds": {"decision": "f1"},
    "sigmoid, expected F1": {"decision": "expected_f1"},
    "power set, likeliest": {"encoding": "power_set"},
    "power set, 1/2": {"encoding": "power_set", "decision": "half"},
    "power set, expected F1": {"encoding": "power_set", "decision": "expected_f1"},
    "embedding, nearest": {"encoding": "embedding"},
    "embedding, greedy": {"encoding": "embedding", "decision": "greedy"},
}
METRICS = {
    "subset_accuracy": "all tags right",
    "hamming_loss": "single tags right",
    "picture_f1": "F1 of a picture",
    "mean_average_precision": "mAP",
}


def world(dependent, seed):
    """Three features and three tags: each tag on its own, or combinations that differ between three regions."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(OUT.stop, 3))
    if dependent:  # the likeliest combination is 100, the tags' own majorities make 010
        drawn = np.array([[1, 0, 0], [0, 1, 1], [0, 1, 0]])[rng.choice(3, len(x), p=(0.4, 0.3, 0.3))]
        tags = np.take_along_axis(drawn, (np.arange(3) + x.argmax(1)[:, None]) % 3, 1)
    else:
        tags = (rng.random((len(x), 3)) < 1 / (1 + np.exp(-2 * x))).astype(int)
    return torch.tensor(x, dtype=torch.float32), [";".join(TAGS[row == 1]) for row in tags]


def trained(task, x, targets, seed):
    """A linear network, to the end, with a little weight decay."""
    torch.manual_seed(seed)
    module = make_head(task.head, x.shape[1])
    optimizer = torch.optim.LBFGS(module.parameters(), max_iter=200, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = task.loss(module(x), targets).mean() + 1e-3 * sum(p.square().sum() for p in module.parameters())
        loss.backward()
        return loss

    optimizer.step(closure)
    return module


@functools.cache
def network(encoding, dependent, seed):
    """The decision changes nothing of what is learnt."""
    task, x, targets = planted({"encoding": encoding}, dependent, seed)
    return trained(task, x[TRAIN], targets[TRAIN], seed)


def planted(way, dependent, seed):
    x, cells = world(dependent, seed)
    rows = {(c,): cells[TRAIN].count(c) for c in dict.fromkeys(cells[TRAIN])}
    task = multilabel(Vocabulary({"tags": tuple(sorted(set(cells) - {""}))}, len(cells), rows), **way)
    return task, x, task.encode({"tags": cells})


@torch.no_grad()
def answers(task, module, x):
    return task.probabilities(module(x)).numpy()


def figures(way, dependent, seed):
    task, x, targets = planted(way, dependent, seed)
    module = network(way.get("encoding", "sigmoid"), dependent, seed)
    rule = task.tuned(answers(task, module, x[VAL]), targets[VAL].numpy())
    found = task.scores(targets[OUT].numpy(), answers(task, module, x[OUT]), rule)
    found["hamming_loss"] = 1 - found["hamming_loss"]
    return [found[name] for name in METRICS]


def panel(axes, values, title):
    """A bar for each way with the 95 % interval of its mean over seeds; the best one dark."""
    mean, half = values.mean(1), T_95 * values.std(1, ddof=1) / np.sqrt(SEEDS)
    rows = np.arange(len(WAYS))[::-1]
    colour = ["#4477aa" if m >= mean.max() - 0.003 else "#bbccdd" for m in mean]
    axes.barh(rows, mean, color=colour, xerr=half, error_kw={"ecolor": "#555555", "elinewidth": 1})
    for row, value, error in zip(rows, mean, half, strict=True):
        axes.text(value + error + 0.012, row, f"{value:.3f}"[1:], va="center", fontsize=9)
    axes.set_yticks(rows, WAYS)
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.5, 1], ["0", ".5", "1"])
    axes.set_title(title, fontsize=10, loc="left")
    axes.spines[["top", "right"]].set_visible(False)


figure = Figure(figsize=(12, 5.6), layout="constrained")
halves = figure.subfigures(2, 1)
for dependent, half in zip((True, False), halves, strict=True):
    kind = "Tags that depend on each other" if dependent else "Tags that are independent, given the picture"
    values = np.array([[figures(way, dependent, s) for s in range(SEEDS)] for way in WAYS.values()])
    print(f"\n{kind}: mean of {SEEDS} seeds (± half of the 95 % interval of the paired difference from sigmoid, 1/2)")
    print(" " * 28 + "".join(f"{title:>22}" for title in METRICS.values()))
    for name, row in zip(WAYS, values, strict=True):
        spread = T_95 * (row - values[0]).std(0, ddof=1) / np.sqrt(SEEDS)
        print(f"{name:28}" + "".join(f"{m:14.3f} ±{s:.3f} " for m, s in zip(row.mean(0), spread, strict=True)))
    grid = half.subplots(1, len(METRICS), sharey=True)
    for i, (axes, title) in enumerate(zip(grid, METRICS.values(), strict=True)):
        panel(axes, values[:, :, i], title)
    half.suptitle(f"{kind} (dark: the best, within .003)", fontsize=12, x=0.01, ha="left")
figure.savefig("multilabel.png", dpi=100)
