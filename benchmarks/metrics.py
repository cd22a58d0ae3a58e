"""Metrics on bootstrap draws: what 100 draws of 10 000 items cost, beside scikit-learn's functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from sklearn import metrics as sk

from benchmarks.pairs import Pair, compare, write_page
from pellucid.tasks.group_metrics import group_metrics
from pellucid.tasks.label_metrics import label_metrics
from pellucid.tasks.metrics import BINARY
from pellucid.tasks.task import Metric

ITEMS, DRAWS, TAGS, WIDTHS = 10_000, 100, 20, (10, 10)

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray]


def two(rng: np.random.Generator) -> Arrays:
    p = rng.random(ITEMS)
    return (rng.random(ITEMS) < p).astype(int), np.stack([1 - p, p], 1), (p >= 0.5).astype(int)


def tags(rng: np.random.Generator) -> Arrays:
    p = rng.random((ITEMS, TAGS), dtype=np.float32) ** 3
    return (rng.random(p.shape) < p).astype(np.float32), p, (p >= 0.3).astype(int)


def groups(rng: np.random.Generator) -> Arrays:
    p = np.concatenate([rng.dirichlet(np.ones(w), ITEMS) for w in WIDTHS], 1)
    best = np.stack([part.argmax(1) for part in np.split(p, len(WIDTHS), 1)], 1)
    return np.where(rng.random(best.shape) < 0.7, best, rng.integers(0, 10, best.shape)), p, best


def of_two(t: np.ndarray, p: np.ndarray, d: np.ndarray) -> list[float]:
    y = p[:, 1]
    simple = sk.accuracy_score, sk.balanced_accuracy_score, sk.f1_score, sk.precision_score, sk.recall_score
    ranked = sk.roc_auc_score, sk.average_precision_score, sk.brier_score_loss
    return [*(f(t, d) for f in simple), *(f(t, y) for f in ranked), sk.log_loss(t, y)]


def of_tags(t: np.ndarray, p: np.ndarray, d: np.ndarray) -> list[float]:
    f1 = [sk.f1_score(t, d, average=a, zero_division=1.0) for a in ("macro", "micro", "samples")]
    loss = -np.where(t == 1, np.log(p), np.log(1 - p)).mean()
    each = sk.average_precision_score(t, p, average=None)
    return [each.mean(), sk.accuracy_score(t, d), *f1, sk.hamming_loss(t, d), loss, *each]


def of_groups(t: np.ndarray, p: np.ndarray, d: np.ndarray) -> list[float]:
    accuracies = [sk.accuracy_score(t[:, i], d[:, i]) for i in range(len(WIDTHS))]
    loss = np.mean([sk.log_loss(t[:, i], part) for i, part in enumerate(np.split(p, len(WIDTHS), 1))])
    f1 = [sk.f1_score(t[:, i], d[:, i], average="macro") for i in range(len(WIDTHS))]
    return [np.mean(accuracies), (t == d).all(1).mean(), loss, *accuracies, *f1]


def all_of(metrics: dict[str, Metric]) -> Callable[..., list[float]]:
    return lambda t, p, d: [m.compute(t, p, d) for m in metrics.values()]


def drawn(arrays: Arrays, compute: Callable[..., list[float]]) -> np.ndarray:
    rng = np.random.default_rng(0)
    rows = [rng.integers(0, ITEMS, ITEMS) for _ in range(DRAWS)]
    return np.array([compute(*(a[r] for a in arrays)) for r in rows])


def pairs() -> Iterator[Pair]:
    binary = {name: m for name, m in BINARY.items() if name != "calibration_error"}  # which scikit-learn has not
    cases = (
        (f"binary, all {len(binary)} figures", two, binary, of_two),
        (f"{TAGS} tags, all {len(label_metrics(range(TAGS)))} figures", tags, label_metrics(range(TAGS)), of_tags),
        ("two groups of 10 classes, all 7 figures", groups, group_metrics("ab", WIDTHS), of_groups),
    )
    for what, make, ours, theirs in cases:
        arrays = make(np.random.default_rng(1))
        yield compare(
            f"{what}, {DRAWS} draws of {ITEMS} items, scikit-learn",
            lambda arrays=arrays, ours=ours: drawn(arrays, all_of(ours)),
            lambda arrays=arrays, theirs=theirs: drawn(arrays, theirs),
            rounds=3,
        )


def main() -> None:
    write_page(
        "METRICS",
        "Metrics on bootstrap draws",
        "",
        pairs(),
        packages=("pellucid", "numpy", "scikit-learn"),
        differ="difference",
    )


if __name__ == "__main__":
    main()
