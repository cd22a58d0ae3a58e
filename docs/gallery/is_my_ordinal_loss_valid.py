"""Which losses for grades find the true probabilities, and what each is good for: theory, then planted data."""

import numpy as np
import torch
from matplotlib.figure import Figure
from scipy.optimize import minimize

from pellucid.models.heads import make_head
from pellucid.tasks.grading.ways import WAYS
from pellucid.tasks.ordinal import ordinal
from pellucid.tasks.task import Vocabulary

LEVELS, PLACES = ("1", "2", "3", "4", "5"), np.arange(5.0)
TRUTH = np.array([0.35, 0.25, 0.05, 0.05, 0.30])  # most likely: 1; median: 2; mean 2.7, so 3
GRADES = Vocabulary({"grade": LEVELS}, 5, {(level,): 1 for level in LEVELS})
RULES = ("mode", "median", "mean")


def outputs_for(loss, p):
    """What a network puts out that says the probabilities p."""
    above = p.flip(0).cumsum(0).flip(0).clamp(1e-12, 1 - 1e-12)
    if loss in ("coral", "cumulative"):
        return torch.logit(above[1:])
    return torch.logit((above[1:] / above[:-1]).clamp(max=1 - 1e-12)) if loss == "corn" else p.clamp(min=1e-300).log()


def best_answer(loss):
    """The probabilities with the smallest expected loss, searched for under each most likely level."""
    task, y, weight = ordinal(GRADES, loss=loss), torch.arange(5), torch.from_numpy(TRUTH)
    if loss.startswith("regression"):
        number = torch.linspace(-2, 2, 4001, dtype=torch.float64)[:, None]
        costs = torch.stack([task.loss(number, torch.full((4001,), k)) for k in range(5)], 1) @ weight
        return task.probabilities(number[costs.argmin()][None])[0].numpy()

    def expected(p):
        p = torch.tensor(p, requires_grad=True)
        value = (task.loss(outputs_for(loss, p).expand(5, -1), y) * weight).sum()
        value.backward()
        return value.item(), p.grad.numpy()

    found = []
    for top in range(5):
        is_top = [{"type": "ineq", "fun": lambda p, k=k, top=top: p[top] - p[k] - 1e-9} for k in range(5) if k != top]
        sums_to_one = {"type": "eq", "fun": lambda p: p.sum() - 1}
        start = np.where(np.arange(5) == top, 0.4, 0.15)
        limits = {"bounds": [(1e-9, 1)] * 5, "constraints": [sums_to_one, *is_top], "method": "SLSQP"}
        found.append(minimize(expected, start, jac=True, options={"maxiter": 500, "ftol": 1e-12}, **limits))
    return min(found, key=lambda result: result.fun).x


def panel(axes, loss, p):
    """The answer as bars, the truth as steps over them."""
    off = np.abs(p - TRUTH).sum() / 2
    axes.bar(LEVELS, p, color="#4477aa" if off < 1e-3 else "#ee6677", width=0.8)
    for k, share in enumerate(TRUTH):
        axes.plot([k - 0.45, k + 0.45], [share, share], color="#222222", linewidth=2, solid_capstyle="butt")
    axes.set_title(
        f"{loss}\n" + ("the truth" if off < 1e-3 else f"{100 * off:.0f} % misplaced"), fontsize=10, loc="left"
    )
    axes.set_ylim(0, 0.75)
    axes.set_yticks([0, 0.25, 0.5, 0.75], ["0", "", "50 %", ""])
    axes.spines[["top", "right"]].set_visible(False)


answers = {loss: best_answer(loss) for loss in WAYS}
print(f"{'loss':22}{'smallest at':38}misplaced  mode median mean")
for loss, p in {"(the truth)": TRUTH, **answers}.items():
    made = ordinal(GRADES)
    decided = [LEVELS[int(made.decide(p[None], {"decide": rule})[0])] for rule in RULES]
    print(f"{loss:22}{np.round(p, 3)!s:38}{np.abs(p - TRUTH).sum() / 2:9.3f}  {'      '.join(decided)}")

SHOWN = ("cross_entropy", "emd", "coral", "corn", "cumulative")
SHOWN += ("soft_exponential", "soft_binomial", "distance_by_decision", "distance_by_class", "regression")
figure = Figure(figsize=(12, 5.4), layout="constrained")
grid = figure.subplots(2, 5, sharex=True, sharey=True)
for axes, loss in zip(grid.flat, SHOWN, strict=True):
    panel(axes, loss, answers[loss])
grid[1, 2].set_xlabel("grade")
figure.suptitle(
    "Bars: the answer with the smallest expected loss. Black: the true shares of five grades.\n", fontsize=12
)
figure.savefig("ordinal.png", dpi=100)

# -- the same losses on planted data: a linear network, 8 features, 10 paired seeds ---------------------


def world(kind, count, rng):
    """Features and grades. "one score": proportional odds; "no order": a softmax that knows no order."""
    x = rng.standard_normal((count, 8))
    if kind == "one score":
        y = np.searchsorted([-1.5, -0.5, 0.8, 2.5], x @ np.linspace(1, 0, 8) * 1.2 + rng.logistic(size=count))
    else:
        y = (x @ np.random.default_rng(7).standard_normal((8, 5)) + rng.gumbel(size=(count, 5))).argmax(1)
    return torch.tensor(x, dtype=torch.float32), torch.from_numpy(y)


def trained(task, x, y, seed):
    """The task's head alone, to the end, with a little weight decay."""
    torch.manual_seed(seed)
    module = make_head(task.head, 8)
    decayed = [p for p in module.parameters() if p.ndim > 1]
    optimizer = torch.optim.LBFGS(module.parameters(), max_iter=200, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = task.loss(module(x), y).mean() + 0.01 * sum((w**2).sum() for w in decayed)
        loss.backward()
        return loss

    optimizer.step(closure)
    return module


METRICS = ("accuracy", "mae", "mse", "qwk")
COLUMNS = (*METRICS, "mae by mode", "qwk by mean", "qwk by median", "rps", "log_loss")


def figures(loss, kind, seed):
    """Each metric held out under its own rule, tuned on validation items; then rules that do not suit.

    loss None: nothing of the features is known, every answer is how often each grade is among the training items.
    """
    rng = np.random.default_rng(seed)
    (x, y), (x_val, y_val), (x_out, y_out) = (world(kind, count, rng) for count in (150, 100, 4000))
    shares = torch.bincount(y, minlength=5) / len(y)
    module = (
        (lambda part: shares.log().expand(len(part), 5))
        if loss is None
        else trained(ordinal(GRADES, loss=loss), x, y, seed)
    )
    found = []
    for metric, rule in [*((m, "auto") for m in METRICS), ("mae", "mode"), ("qwk", "mean"), ("qwk", "median")]:
        task = ordinal(GRADES, loss=loss or "cross_entropy", metric=metric, decide=rule)
        with torch.no_grad():
            p_val, p_out = (task.probabilities(module(part)).numpy() for part in (x_val, x_out))
        scores = task.scores(y_out.numpy(), p_out, task.tuned(p_val, y_val.numpy()))
        found.append(scores[metric])
    return [*found, scores["rps"], scores["log_loss"]]


for kind in ("one score", "no order"):
    print(f"\n{kind}: mean of 10 seeds (± half of the 95 % interval of the paired difference from cross_entropy)")
    print(" " * 22 + "".join(f"{column:>17}" for column in COLUMNS))
    rows = {loss: np.array([figures(loss, kind, seed) for seed in range(10)]) for loss in (None, *WAYS)}
    for loss, row in rows.items():
        half = 2.262 * (row - rows["cross_entropy"]).std(0, ddof=1) / np.sqrt(10)
        print(
            f"{loss or '(features unknown)':22}"
            + "".join(f"{m:9.3f} ±{h:.3f} " for m, h in zip(row.mean(0), half, strict=True))
        )
    plain = rows["cross_entropy"]
    for words, gain in (
        ("median over mode, MAE", plain[:, 4] - plain[:, 1]),
        ("stretched over rounded mean, kappa", plain[:, 3] - plain[:, 5]),
        ("stretched over median, kappa", plain[:, 3] - plain[:, 6]),
    ):
        print(f"cross_entropy, {words}: better by {gain.mean():.3f} ±{2.262 * gain.std(ddof=1) / np.sqrt(10):.3f}")
