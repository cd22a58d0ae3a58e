"""Which loss, which encoding? Two comparisons of which the right answer is known, and one picture."""

from pathlib import Path

import numpy as np

import pellucid
from pellucid.data.dataset import Dataset, Stack

METRICS = ("subset_accuracy", "picture_f1", "hamming_loss")


def pictures(count: int, *, dependent: bool, seed: int = 0) -> Dataset:
    """Noisy 8 × 8 pictures of bars; upright ones have no tag. Lying ones have each of three tags in two of three cases:
    dependent, exactly two of the three, any two; independent, each for itself. Which, the picture does not show.
    """
    generator = np.random.default_rng(seed)
    lying = np.arange(count) % 2 == 1
    pixels = generator.normal(100, 20, (count, 8, 8))
    pixels[~lying, :, ::2] += 80
    pixels[lying, ::2] += 80
    tags = []
    for lies in lying:
        there = generator.permutation(3)[:2] if dependent else np.flatnonzero(generator.random(3) < 2 / 3)
        tags.append(";".join("abc"[t] for t in sorted(there)) if lies else "")
    stack = Stack.of(np.clip(pixels, 0, 255).astype(np.uint8), "bars")
    return Dataset("dependent" if dependent else "independent", stack, {"tags": tuple(tags)}, label="tags")


def compared(*, dependent: bool) -> pellucid.View:
    """All encodings and a network for each tag against sigmoids: ten seeds, sixteen hidden units."""
    data = pictures(600, dependent=dependent)
    common = {"model": "perceptron:16x1", "epochs": 15, "lr": 0.01}
    return pellucid.compare_tasks(data, "multilabel", seeds=10, against="sigmoid", metrics=METRICS, **common)


views = {data: compared(dependent=data == "dependent") for data in ("dependent", "independent")}
for data, view in views.items():
    print(f"\n{data} tags")
    for row in view.table:
        ends = f"{row['low']:.3f} to {row['high']:.3f}"
        print(f"  {row['metric']:16} {row['alternative']:32} {row['value']:.3f} ({ends})  {row['standing']}")
views["dependent"].show().savefig(Path("compare-tasks.png"), dpi=110)
