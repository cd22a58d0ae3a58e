"""Which operation to apply to a number, learnt from data in four ways: curves, choices, gaps, bias and variance."""

import math
from collections import Counter

import numpy as np
import torch
from matplotlib.figure import Figure

from pellucid import choice

OPERATIONS = {"identity": lambda x: x, "negate": torch.neg, "square": torch.square, "sin": torch.sin, "exp": torch.exp}
WORLDS = {
    "y = sin x, one of the operations": torch.sin,
    "y = ½ sinh x, none of them": lambda x: x.sinh() / 2,
}
CHOOSERS = {
    "soft mixture": choice.SoftMixture,
    "Gumbel-softmax": choice.GumbelSoftmax,
    "straight-through": choice.StraightThrough,
    "REINFORCE": choice.Reinforce,
}
COLOURS = dict(zip(CHOOSERS, ["#2563eb", "#d97706", "#7c3aed", "#0f766e"], strict=True))
SEEDS, STEPS, EVERY, BATCH = 10, 400, 20, 16


def data(truth, count, seed):
    """x from −2 to 2, and the answer with a little noise."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(count, 1, generator=generator) * 4 - 2
    return x, truth(x) + 0.1 * torch.randn(count, 1, generator=generator)


def against(y):
    """The objective: each item's squared error."""
    return lambda output: (output - y).square().mean(1)


def learnt(kind, truth, seed):
    """A chooser that has learnt, and on held-out items its losses [moment, (as trained, hard)]."""
    torch.manual_seed(seed)
    chooser = kind(OPERATIONS)
    optimizer = torch.optim.Adam(chooser.parameters(), lr=0.05)
    (x, y), (x_out, y_out) = data(truth, 500, seed), data(truth, 500, 1000)
    losses = []
    for step in range(STEPS + 1):
        if step % EVERY == 0:
            gap = choice.hard_gap(chooser, x_out, against(y_out), draws=4)
            losses.append((gap.soft, gap.hard))
        if isinstance(chooser, choice.GumbelSoftmax | choice.StraightThrough):
            chooser.temperature = choice.annealed(step / STEPS, start=1.0, end=0.1)
        rows = torch.randint(len(x), (BATCH,))
        chosen = chooser(x[rows])
        loss = chosen.loss(against(y[rows])(chosen.output))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return choice.hard_gap(chooser, x_out, against(y_out)), np.array(losses)


def interval(values):
    """The mean over seeds and half of its 95 % interval (Student's t, 9 degrees of freedom)."""
    return np.mean(values), 2.262 * np.std(values, ddof=1) / math.sqrt(len(values))


def heading(part, text):
    """Over a part of the figure."""
    part.suptitle(text, x=0.01, ha="left", fontsize=12, fontweight="bold")


figure = Figure(figsize=(13, 10.6), layout="constrained")
figure.get_layout_engine().set(h_pad=0.08, w_pad=0.08)
*halves, below = figure.subfigures(3, 1, height_ratios=[1, 1, 1.15])
for part, (world, truth) in zip(halves, WORLDS.items(), strict=True):
    heading(part, f"The truth is {world}")
    row = part.subplots(1, 4, sharey=True)
    print(f"\n{world}: mean of {SEEDS} seeds on 500 held-out items (± half of the 95 % interval over seeds)")
    for axes, (name, kind) in zip(row, CHOOSERS.items(), strict=True):
        found = [learnt(kind, truth, seed) for seed in range(SEEDS)]
        gaps, curves = [gap for gap, _ in found], np.stack([losses for _, losses in found])
        taken = Counter(max(gap.chosen, key=gap.chosen.__getitem__) for gap in gaps).most_common()
        told = ", ".join(f"{operation} {times}×" for operation, times in taken)
        soft, hard, between = (interval([getattr(g, which) for g in gaps]) for which in ("soft", "hard", "gap"))
        print(
            f"{name:18}as trained {soft[0]:.3f} ±{soft[1]:.3f}   hard {hard[0]:.3f} ±{hard[1]:.3f}   "
            f"gap {between[0]:+.3f} ±{between[1]:.3f}   probability {np.mean([g.sure for g in gaps]):.2f}   {told}"
        )
        steps = np.arange(0, STEPS + 1, EVERY)
        for which, style in ((0, "-"), (1, (0, (3, 1.5)))):
            mean = curves[:, :, which].mean(0)
            label = ("as trained", "after the hard choice")[which]
            axes.plot(steps, mean, color=COLOURS[name], linestyle=style, linewidth=2, label=label)
            low, high = curves[:, :, which].min(0), curves[:, :, which].max(0)
            axes.fill_between(steps, low, high, color=COLOURS[name], alpha=0.12, linewidth=0)
        best = gaps[0].each[gaps[0].best]
        axes.axhline(best, color="#6b7280", linewidth=1, linestyle=":", label=f"the best one alone: {gaps[0].best}")
        axes.set_yscale("log")
        axes.set_title(
            f"{name}: {told}\ngap {between[0]:+.3f} ± {between[1]:.3f}".replace("-0.", "−0."), loc="left", fontsize=10
        )
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=9)
        axes.set_xlabel("step", fontsize=9.5)
    row[0].set_ylabel("held-out loss", fontsize=9.5)
    row[0].legend(fontsize=8.5, frameon=False)

# -- what the gradients are worth, beside the enumerated one ---------------------------------------

ESTIMATORS = {
    "soft mixture": choice.SoftMixture(OPERATIONS),
    "Gumbel-softmax, τ = 1": choice.GumbelSoftmax(OPERATIONS),
    "Gumbel-softmax, τ = 0.1": choice.GumbelSoftmax(OPERATIONS, temperature=0.1),
    "straight-through, argmax": choice.StraightThrough(OPERATIONS, draw="argmax"),
    "straight-through, drawn": choice.StraightThrough(OPERATIONS, draw="categorical"),
    "straight-through, Gumbel, τ = 1": choice.StraightThrough(OPERATIONS),
    "straight-through, Gumbel, τ = 0.1": choice.StraightThrough(OPERATIONS, temperature=0.1),
    "REINFORCE, no baseline": choice.Reinforce(OPERATIONS, baseline="none"),
    "REINFORCE, moving average": choice.Reinforce(OPERATIONS, baseline="moving_average"),
    "REINFORCE, mean": choice.Reinforce(OPERATIONS, baseline="mean"),
    "REINFORCE, leave one out": choice.Reinforce(OPERATIONS, baseline="leave_one_out"),
}
x, y = data(torch.sin, BATCH, 0)
judged = {}
for name, chooser in ESTIMATORS.items():
    chooser.logits.data.copy_(torch.tensor([0.5, 0.0, -0.5, 0.2, -1.0]))
    exact = choice.exact_gradient(chooser, x, against(y))
    judged[name] = choice.judged(choice.gradient_draws(chooser, x, against(y), draws=3000), exact)
print(f"\nexact gradient {[round(float(g), 3) for g in exact]}, norm {float(exact.norm()):.3f}; a batch of {BATCH}")
for name, found in judged.items():
    print(
        f"{name:36}bias {found.bias:.3f} (by chance {found.error:.3f})   variance {found.variance:6.3f}   "
        f"cosine {found.cosine:+.3f}"
    )

heading(below, f"What one gradient of {BATCH} items is worth, beside the enumerated one (3000 draws)")
left, right = below.subplots(1, 2, sharey=True)
norm = float(exact.norm())
names = list(judged)[::-1]
colours = [next(colour for kind, colour in COLOURS.items() if name.startswith(kind)) for name in names]
chance = [judged[name].error / norm for name in names]
left.barh(names, [judged[name].bias / norm for name in names], color=colours, height=0.62)
left.barh(names, chance, color="white", edgecolor="#6b7280", hatch="////", height=0.3, linewidth=0.8)
left.set_title("bias, as a share of the exact gradient (hatched: what chance gives)", loc="left", fontsize=10)
right.barh(names, [math.sqrt(judged[name].variance) / norm for name in names], color=colours, height=0.62)
right.set_title("standard deviation, as a share of the exact gradient", loc="left", fontsize=10)
for axes in (left, right):
    axes.tick_params(labelsize=9.5, length=0)
    axes.grid(axis="x", color="#e5e7eb", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
figure.savefig("choose_an_operation.png", dpi=90)
