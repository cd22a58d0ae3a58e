"""How often equals are called different, and what is found, in simulated comparisons: prints docs/compare-tasks.md's
figures. ``python -m benchmarks.real_differences``.
"""

from __future__ import annotations

import itertools

import numpy as np
from scipy import stats

from pellucid.training.paired import Judged, drawn_items, pairs

SEEDS, DRAWS = 5, 100


def simulated(
    generator: np.random.Generator, levels: list[float], *, items: int, seed_noise: float, same_test: bool
) -> Judged:
    """Accuracies of alternatives on items of different difficulty, with luck of seeds, of items and of both."""
    pool = items if same_test else items * 5
    rows = [np.arange(items) if same_test else np.sort(generator.permutation(pool)[:items]) for _ in range(SEEDS)]
    difficulty, right = generator.normal(0, 0.8, pool), []
    for level in levels:
        luck, taste = seed_noise * generator.standard_normal(SEEDS), generator.normal(0, 0.5, pool)
        score = stats.norm.ppf(level) + (difficulty + taste)[:, None] + luck + generator.normal(0, 0.5, (pool, SEEDS))
        right.append(score > 0)
    tested, units = np.unique(np.concatenate(rows)), np.arange(pool)
    times = np.zeros((DRAWS, pool), np.float32)
    drawn = drawn_items(units[: len(tested)], seed=int(generator.integers(1 << 30)), draws=DRAWS)
    times[:, tested] = drawn
    answers = np.array(right, np.float32)
    values = np.stack([answers[:, own, s].mean(1) for s, own in enumerate(rows)], 1)
    draws = [(times[:, own] @ answers[:, own, s].T) / times[:, own].sum(1, keepdims=True) for s, own in enumerate(rows)]
    return Judged(values, np.stack(draws, 2), len(tested), 0.0 if same_test else items / (pool - items))


def main() -> None:
    generator, rates = np.random.default_rng(0), []
    for noise, same in itertools.product((0.0, 0.1, 0.5), (True, False)):
        own = (simulated(generator, [0.8] * 4, items=80, seed_noise=noise, same_test=same) for _ in range(400))
        rates.append(np.mean([any(p.real for p in pairs(each)) for each in own]))
        print(f"equals, luck of seeds {noise}, {'one test' if same else 'a split a seed'}: {rates[-1]:.4f}")
    print(f"all: {np.mean(rates):.4f}")
    for same, less, noise in itertools.product((True, False), (0.05, 0.1, 0.15), (0.05, 0.2)):
        levels = [0.8, 0.8 - less]
        own = (simulated(generator, levels, items=200, seed_noise=noise, same_test=same) for _ in range(200))
        found = np.mean([pairs(each)[0].real for each in own])
        print(f"{less} less, luck of seeds {noise}, {'one test' if same else 'a split a seed'}: found in {found:.3f}")


if __name__ == "__main__":
    main()
