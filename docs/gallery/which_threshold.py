"""Where a threshold belongs, and what pos_weight does to probabilities, on planted probabilities."""

import numpy as np
import torch
from matplotlib.figure import Figure

from pellucid.tasks.binary import binary
from pellucid.tasks.task import Vocabulary

BLUE, RED, BLACK = "#4477aa", "#ee6677", "#222222"
CLEAR = {"facecolor": "white", "edgecolor": "none", "pad": 1}
rng = np.random.default_rng(0)


def calibrated(count, rare):
    """Probabilities that are right, and what then happened."""
    p = rng.beta(1, rare, count)
    return p, (rng.random(count) < p).astype(np.int64)


def task(**options):
    return binary(Vocabulary({"spoilt": ("no", "yes")}, 2, {("no",): 4, ("yes",): 1}), **options)


figure = Figure(figsize=(12, 3.9), layout="constrained")
left, middle, right = figure.subplots(1, 3)
for axes in (left, middle, right):
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlim(0, 1)

# -- cost ----------------------------------------------------------------------------------------

p, happened = calibrated(200_000, 3)
given = np.stack([1 - p, p], 1)
grid = np.linspace(0.005, 0.995, 100)
for cost_fn, colour in ((1.0, BLUE), (4.0, RED)):
    own = task(cost_fn=cost_fn)
    metric = own.metrics["expected_cost"].compute
    costs = [metric(happened, given, own.decide(given, {"threshold": t})) for t in grid]
    best = own.rule["threshold"]
    left.plot(grid, costs, color=colour)
    left.plot(best, metric(happened, given, own.decide(given, own.rule)), "o", color=colour)
    left.annotate(f"{best:.1f}", (best, min(costs)), (0, -14), textcoords="offset points", ha="center", color=colour)
    left.text(0.99, costs[-1] + 0.02, f"a miss costs {cost_fn:g}", ha="right", color=colour)
    print(f"a miss costs {cost_fn:g}: cheapest of the grid at {grid[np.argmin(costs)]:.3f}, by cost {best:.3f}")
left.set_title("Mean cost by threshold: the smallest is at\nc_FP / (c_FP + c_FN)", fontsize=10, loc="left")
left.set_ylim(0, 1.15)
left.set_xlabel("threshold")

# -- F1 ------------------------------------------------------------------------------------------

for rare, colour in ((1, BLUE), (5, RED)):
    p, happened = calibrated(500_000, rare)
    own = task(threshold="f1")
    given = np.stack([1 - p, p], 1)
    metric = own.metrics["f1"].compute
    values = [metric(happened, given, own.decide(given, {"threshold": t})) for t in grid]
    rule = own.tuned(given, happened)
    best = metric(happened, given, own.decide(given, rule))
    middle.plot(grid, values, color=colour)
    middle.plot(rule["threshold"], best, "o", color=colour)
    middle.plot([rule["threshold"]] * 2, [0, best], ":", color=colour)
    words = f"{happened.mean():.0%} positive: best F1 {best:.3f},\nreached at {rule['threshold']:.3f}"
    middle.annotate(
        words, (rule["threshold"], best), (8, 6), textcoords="offset points", color=colour, fontsize=9, bbox=CLEAR
    )
    print(f"{happened.mean():.3f} positive: best F1 {best:.4f} at {rule['threshold']:.4f}, half of it {best / 2:.4f}")
middle.set_title("F1 by threshold: the largest is at half of itself", fontsize=10, loc="left")
middle.set_ylim(0, 0.9)
middle.set_xlabel("threshold")

# -- pos_weight ----------------------------------------------------------------------------------

p, happened = calibrated(50_000, 4)
score = torch.logit(torch.tensor(p, dtype=torch.float32).clamp(1e-4, 1 - 1e-4))[:, None]
own = task(pos_weight=8.0)
line = torch.tensor([1.0, 0.0], requires_grad=True)  # slope and offset of a network that has found the score
optimizer = torch.optim.LBFGS([line], max_iter=100, line_search_fn="strong_wolfe")


def closure():
    optimizer.zero_grad()
    loss = own.loss(score * line[0] + line[1], torch.from_numpy(happened)).mean()
    loss.backward()
    return loss


optimizer.step(closure)
output = (score * line[0] + line[1]).detach()
print(f"pos_weight 8: the offset learnt is {line[1].item():.3f}, log 8 = {np.log(8):.3f}")
for told, colour, words in (
    (output[:, 0].sigmoid().numpy(), RED, "the network's own sigmoid"),
    (own.probabilities(output)[:, 1].numpy(), BLUE, "log w taken away"),
):
    bins = np.minimum((told * 15).astype(int), 14)
    many = np.bincount(bins, minlength=15)
    shares = np.bincount(bins, happened, 15)[many > 30] / many[many > 30]
    right.plot(((np.arange(15) + 0.5) / 15)[many > 30], shares, "o-", color=colour, markersize=4, label=words)
right.plot([0, 1], [0, 1], color=BLACK, linewidth=1)
right.legend(frameon=False, fontsize=9, loc="upper left")
right.set_ylim(0, 1)
right.set_xlabel("probability that is told")
right.set_title("pos_weight=8: the share that is positive", fontsize=10, loc="left")
figure.savefig("binary.png", dpi=100)
