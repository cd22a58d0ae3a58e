"""Real differences: identical alternatives are told apart in at most one of twenty comparisons, planted ones are."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from pellucid.training.paired import Judged, drawn_items, holm, pairs, spread

SEEDS, DRAWS = 5, 100


def accuracies(right: np.ndarray, rows: list[np.ndarray], groups: np.ndarray, seed: int, shared: float) -> Judged:
    """The accuracy of simulated answers. right: [alternatives, items of the pool, seeds] as 0 and 1; rows: the test
    items of each seed.
    """
    tested = np.unique(np.concatenate(rows))
    _, units = np.unique(groups[tested], return_inverse=True)
    times = np.zeros((DRAWS, len(groups)), np.float32)
    times[:, tested] = drawn_items(units, seed=seed, draws=DRAWS)
    values = np.stack([right[:, own, s].mean(1) for s, own in enumerate(rows)], 1)
    draws = np.stack(
        [(times[:, own] @ right[:, own, s].T) / times[:, own].sum(1, keepdims=True) for s, own in enumerate(rows)], 2
    )
    return Judged(values, draws, int(units.max()) + 1, shared)


def simulated(
    generator: np.random.Generator, levels: list[float], *, items: int, seed_noise: float, same_test: bool
) -> Judged:
    """Alternatives of these accuracies: items have a difficulty, alternatives have luck with seeds and with items."""
    pool = items if same_test else items * 5
    rows = [np.arange(items) if same_test else np.sort(generator.permutation(pool)[:items]) for _ in range(SEEDS)]
    difficulty = generator.normal(0, 0.8, pool)
    right = []
    for level in levels:
        luck = seed_noise * generator.standard_normal(SEEDS)
        taste = generator.normal(0, 0.5, pool)
        score = stats.norm.ppf(level) + (difficulty + taste)[:, None] + luck + generator.normal(0, 0.5, (pool, SEEDS))
        right.append(score > 0)
    shared = 0.0 if same_test else items / (pool - items)
    return accuracies(np.array(right, float), rows, np.arange(pool), int(generator.integers(1 << 30)), shared)


def test_identical_alternatives_are_rarely_told_apart() -> None:
    generator = np.random.default_rng(0)
    rates = {}
    for noise, same_test in itertools.product((0.0, 0.1, 0.5), (True, False)):
        own = (simulated(generator, [0.8] * 3, items=80, seed_noise=noise, same_test=same_test) for _ in range(150))
        rates[noise, same_test] = np.mean([any(pair.real for pair in pairs(each)) for each in own])
    assert np.mean(list(rates.values())) <= 0.05, rates
    assert max(rates.values()) <= 0.09, rates  # of 150: three standard errors above 0.04


@pytest.mark.parametrize("same_test", [True, False], ids=["one test", "a split a seed"])
def test_a_planted_difference_is_found(same_test: bool) -> None:
    generator = np.random.default_rng(1)
    found = 0
    for _ in range(50):
        own = simulated(generator, [0.85, 0.6, 0.6], items=150, seed_noise=0.05, same_test=same_test)
        real = {(p.a, p.b): p.real and p.difference > 0 for p in pairs(own)}
        found += real[0, 1] and real[0, 2] and not real[1, 2]
    assert found >= 45


def test_the_interval_holds_the_planted_difference() -> None:
    generator = np.random.default_rng(2)
    inside = 0
    for _ in range(100):
        own = simulated(generator, [0.7, 0.7], items=120, seed_noise=0.2, same_test=True)
        pair = pairs(own)[0]
        inside += pair.low <= 0 <= pair.high
    assert inside >= 93


def test_without_item_noise_it_is_the_paired_t_test() -> None:
    generator = np.random.default_rng(3)
    values = generator.normal(0, 1, (2, SEEDS))
    own = Judged(values, np.repeat(values[None], DRAWS, 0), 100)
    pair = pairs(own)[0]
    assert pair.chance == pytest.approx(stats.ttest_rel(values[0], values[1]).pvalue)


def test_without_seed_noise_it_is_the_items_bootstrap() -> None:
    generator = np.random.default_rng(4)
    right = np.repeat(generator.integers(0, 2, (1, 200, 1)).astype(float), SEEDS, 2)
    own = accuracies(right, [np.arange(200)] * SEEDS, np.arange(200), 0, 0.0)
    found = own.level(0)[1]
    assert found.variance == pytest.approx(own.draws[:, 0, 0].var(ddof=1))
    assert found.variance == pytest.approx(right.var() / 200, rel=0.2)
    assert found.freedom == pytest.approx(199)


def test_items_of_one_group_are_one_observation() -> None:
    right = np.repeat(np.random.default_rng(5).integers(0, 2, (1, 100, 1)).astype(float), SEEDS, 2)
    alone = accuracies(right, [np.arange(100)] * SEEDS, np.arange(100), 0, 0.0)
    twice = np.repeat(right, 4, 1)
    grouped = accuracies(twice, [np.arange(400)] * SEEDS, np.repeat(np.arange(100), 4), 0, 0.0)
    assert grouped.level(0)[1].variance == pytest.approx(alone.level(0)[1].variance, rel=1e-9)


def test_shared_training_items_widen_the_seeds_part() -> None:
    values = np.array([0.5, 0.6, 0.55, 0.7, 0.65])
    draws = np.repeat(values[None], DRAWS, 0)
    apart, shared = spread(values, draws, 100), spread(values, draws, 100, shared=0.2)
    assert shared.variance == pytest.approx(apart.variance * (1 / SEEDS + 0.2) * SEEDS)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_against_one_asks_fewer_questions() -> None:
    own = simulated(np.random.default_rng(6), [0.8, 0.75, 0.7, 0.72], items=150, seed_noise=0.1, same_test=True)
    every = {(p.a, p.b): p for p in pairs(own)}
    assert set(every) == set(itertools.combinations(range(4), 2))
    one = pairs(own, against=1)
    assert [(p.a, p.b) for p in one] == [(0, 1), (2, 1), (3, 1)]
    for pair in one:
        other = every[min(pair.a, pair.b), max(pair.a, pair.b)]
        assert pair.chance == other.chance
        assert pair.corrected <= other.corrected


def test_equal_answers_are_no_difference() -> None:
    own = simulated(np.random.default_rng(7), [0.8], items=50, seed_noise=0.1, same_test=True)
    same = Judged(np.repeat(own.values, 2, 0), np.repeat(own.draws, 2, 1), own.groups)
    pair = pairs(same)[0]
    assert (pair.difference, pair.low, pair.high, pair.real) == (0.0, 0.0, 0.0, False)
