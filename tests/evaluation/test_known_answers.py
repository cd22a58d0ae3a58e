"""Scores on a network of which they are known beforehand."""

import numpy as np
import pytest
import torch

from evaluation.linear import linear_bench, linear_network
from pellucid.core.errors import BadInput
from pellucid.evaluation.bench import Bench
from pellucid.evaluation.curves import curve
from pellucid.evaluation.table import scores

FAITHFUL = {
    "deletion": {"baseline": "zero"},
    "insertion": {"baseline": "zero"},
    "sensitivity_n": {"cells": 4},
    "infidelity": {},
}


def score(name, bench, maps, **options):
    entry = scores[name]
    return entry.function(bench, maps, **entry.complete({**FAITHFUL.get(name, {}), **options}))


def test_curves_of_a_linear_model_are_cumulative_sums():
    bench, right = linear_bench()
    ordered = right.flatten(1).double().sort(1, descending=True).values
    taken = torch.cat([torch.zeros(6, 1), ordered.cumsum(1)], 1)
    value = right.flatten(1).double().sum(1, keepdim=True)
    deleted = curve(bench, right, towards="blank", baseline="zero", steps=16)
    shown = curve(bench, right, towards="full", baseline="zero", steps=16)
    torch.testing.assert_close(deleted, value - taken, atol=1e-5, rtol=0)
    torch.testing.assert_close(shown, taken, atol=1e-5, rtol=0)
    area = torch.trapezoid(value - taken, dx=1 / 16)
    torch.testing.assert_close(score("deletion", bench, right, steps=16), area, atol=1e-5, rtol=0)


def test_the_right_map_explains_a_linear_model_without_rest():
    bench, right = linear_bench()
    torch.testing.assert_close(score("sensitivity_n", bench, right), torch.ones(6).double(), atol=1e-6, rtol=0)
    torch.testing.assert_close(score("infidelity", bench, 7 * right), torch.zeros(6).double(), atol=1e-9, rtol=0)
    plain = score("infidelity", bench, right, scale="none")
    torch.testing.assert_close(plain, torch.zeros(6).double(), atol=1e-9, rtol=0)


@pytest.mark.parametrize("name", FAITHFUL)
def test_the_right_map_is_best_and_its_opposite_worst(name):
    bench, right = linear_bench(8)
    others = [torch.randn(right.shape, generator=torch.Generator().manual_seed(s)) for s in range(5)]
    found = torch.stack([score(name, bench, m) for m in (right, *others, -right)])
    found = found if scores[name].facts.better == "higher" else -found
    assert (found[0] >= found - 1e-9).all()
    assert (found[-1] <= found + 1e-9).all()
    assert (found[0] > found[-1]).all()


def test_random_maps_stand_at_their_expectation():
    bench, _ = linear_bench(300, 6, 6, seed=3)
    noise = torch.randn(300, 6, 6, generator=torch.Generator().manual_seed(9))
    # In a random order each pixel goes as early as late: half of what all of them carry.
    for name, ends in (("deletion", bench.clean), ("insertion", bench.clean)):
        gap = score(name, bench, noise, steps=36) - ends / 2
        assert abs(gap.mean()) < 4 * gap.std() / 300**0.5
    found = score("sensitivity_n", bench, noise, cells=6)
    assert abs(found.mean()) < 4 * found.std() / 300**0.5


def test_infidelity_of_a_random_map_is_nearly_all():
    bench, _ = linear_bench(100, 12, 12, seed=3)
    noise = torch.randn(100, 12, 12, generator=torch.Generator().manual_seed(9))
    found = score("infidelity", bench, noise)
    assert 0.8 < found.mean() < 1
    assert (found <= 1).all()


def test_max_sensitivity_of_linear_maps():
    bench, right = linear_bench()
    _, weight = linear_network(4, 4)
    same = bench.judging(lambda network, x, targets: weight.expand(len(x), 4, 4))
    assert score("max_sensitivity", same, weight.expand(6, 4, 4)).max() == 0
    times = bench.judging(lambda network, x, targets: x[:, 0] * weight)
    nudges = [torch.rand(6, 1, 4, 4, generator=bench.generator("nudge", d)) * 0.04 - 0.02 for d in range(2)]
    wanted = [((d[:, 0] * weight).flatten(1).norm(dim=1) / right.flatten(1).norm(dim=1)).double() for d in nudges]
    torch.testing.assert_close(
        score("max_sensitivity", times, right), torch.stack(wanted).amax(0), atol=1e-5, rtol=1e-4
    )


def test_a_map_that_says_nothing_is_no_failure_of_arithmetic():
    bench, right = linear_bench()
    flat = torch.zeros_like(right)
    assert score("sensitivity_n", bench, flat).eq(0).all()
    assert score("infidelity", bench, flat).eq(1).all()
    assert torch.isnan(score("max_sensitivity", bench.judging(lambda network, x, targets: flat[: len(x)]), flat)).all()


def test_a_network_that_ignores_its_input_has_no_faithfulness():
    network, _ = linear_network(4, 4)
    with torch.no_grad():
        network.module[1].weight.zero_()
    bench = Bench(network, torch.randn(3, 1, 4, 4), torch.zeros(3, dtype=torch.int64), ("a", "b", "c"))
    maps = torch.randn(3, 4, 4)
    assert torch.isnan(score("sensitivity_n", bench, maps)).all()
    assert torch.isnan(score("infidelity", bench, maps)).all()


def test_equal_pixels_stand_in_an_order_that_all_methods_share():
    bench, right = linear_bench()
    first = score("deletion", bench, torch.zeros_like(right), steps=8)
    assert torch.equal(first, score("deletion", bench, torch.ones_like(right), steps=8))
    assert np.isfinite(first.numpy()).all()


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("infidelity", {"draws": 0}, "0 draws; pass at least 1"),
        ("sensitivity_n", {"draws": 1}, "1 draws have no correlation; pass at least 2"),
        ("max_sensitivity", {"draws": 0}, "0 draws; pass at least 1"),
        ("randomised_weights", {"depths": 0}, "0 depths; pass at least 1"),
        ("deletion", {"steps": 0}, "0 steps; pass at least 1"),
    ],
)
def test_what_cannot_be_drawn_is_told(name, options, told):
    bench, right = linear_bench()
    with pytest.raises(BadInput, match=told):
        score(name, bench, right, **options)
