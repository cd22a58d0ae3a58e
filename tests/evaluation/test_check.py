"""The randomisation checks in words: what a map that stays shows, and what that is read beside."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from evaluation.trained import face_bench, face_network
from pellucid.evaluation.baselines import BASELINES
from pellucid.evaluation.check import ALIKE, failure, verdict, words
from pellucid.evaluation.columns import columns
from pellucid.evaluation.run import plan, run
from pellucid.evaluation.scores.exchanged_pictures import exchanged_pictures
from pellucid.evaluation.truth.hand import hand_weighted
from pellucid.prove.explainers import Method


def row(method, score, value, **more):
    return {"method": method, "score": score, "value": value, "low": value, "high": value, "count": 12, **more}


def test_other_pictures_by_hand():
    bench = face_bench()
    maps = torch.rand(10, 32, 32, generator=torch.Generator().manual_seed(0)) + bench.x[:, 0]
    found = exchanged_pictures(bench, maps)
    flat = maps.flatten(1).numpy()
    for i in (0, 7):
        each = [spearmanr(flat[i], flat[j]).statistic for j in range(10) if j != i]
        assert found[i] == pytest.approx(np.mean(each))


def test_other_pictures_of_what_knows_none():
    bench = face_bench()
    said = {name: exchanged_pictures(bench, b(bench.source, bench.x, bench.targets)) for name, b in BASELINES.items()}
    assert said["random_map"].abs().max() < 0.05
    torch.testing.assert_close(said["centre"], torch.ones(10).double())
    assert said["sobel"].mean() < 0.5
    torch.testing.assert_close(exchanged_pictures(bench, torch.zeros(10, 32, 32)), torch.ones(10).double())


def test_pictures_of_one_group_are_not_held_against_each_other():
    maps = torch.rand(10, 32, 32, generator=torch.Generator().manual_seed(0))
    maps[5:] = maps[:5]
    pairs = dataclasses.replace(face_bench(), groups=np.arange(10) % 5)
    assert exchanged_pictures(pairs, maps).max() < 0.1
    assert exchanged_pictures(face_bench(), maps).min() > 0.05
    one = dataclasses.replace(face_bench(), groups=np.zeros(10, int))
    assert exchanged_pictures(one, maps).isnan().all()


def test_a_map_that_turns_into_its_opposite_fails():
    (column,), _ = columns(face_bench().judging(BASELINES["sobel"]), ["randomised_weights:rank"])
    assert verdict(column, -0.8, -0.6, 12) == verdict(column, 0.6, 0.8, 12) == "fails"
    assert verdict(column, -0.2, 0.1, 12) == "passes"
    assert verdict(column, -0.4, 0.1, 12) == verdict(column, 0.1, 0.4, 12) == verdict(column, 0.9, 1, 2) == "unclear"
    (column,), _ = columns(face_bench(), ["exchanged_pictures"])
    assert verdict(column, 0.9, 1, 12) == ""


def test_what_a_failure_means_is_told_beside_other_pictures():
    failed = row("any", "randomised_weights:rank", 0.7)
    assert "draws the picture, not the network" in failure(failed, row("any", "exchanged_pictures", 0.1))
    assert "whatever is shown" in failure(failed, row("any", "exchanged_pictures", failed["low"] + 0.01))
    places = failure(failed, row("any", "exchanged_pictures", 0.9))
    assert "the same places whatever the network has learnt, and whatever is shown" in places
    assert "picture, not" not in places
    assert "hardly depends on what the network has learnt" in failure(failed, None)
    turned = failure(row("any", "randomised_labels", -0.7), row("any", "exchanged_pictures", 0.1))
    assert "stays 0.70 alike, in the opposite colours, when the network was trained on shuffled labels" in turned


def test_a_method_that_shows_the_same_for_all_pictures_is_told():
    rows = [row("deconvnet", "exchanged_pictures", 0.99), row("centre", "exchanged_pictures", 1.0)]
    ((level, text),) = words(rows, ["deconvnet"])
    assert level == "warning"
    assert "deconvnet draws the same map for all pictures (0.99 alike" in text


def test_two_maps_that_say_nothing_are_alike():
    bench = face_bench().judging(lambda network, x, targets: torch.zeros(len(x), 32, 32))
    from pellucid.evaluation.scores.randomised_weights import randomised_weights

    assert (randomised_weights(bench, torch.zeros(10, 32, 32)) == 1).all()
    assert (randomised_weights(bench, bench.x[:, 0]) == 0).all()


def test_guided_backprop_keeps_more_than_other_pictures_have_in_common_on_faces():
    network, bench = face_network(), face_bench()
    maps = Method("guided_backprop")(network, bench.x, bench.targets)
    assert exchanged_pictures(bench, maps).mean() < ALIKE


def test_what_knows_no_network_and_is_first_is_a_warning():
    bench = hand_weighted(8).bench(24)
    flat = lambda network, x, targets: torch.rand(len(x), 8, 8, generator=torch.Generator().manual_seed(1))  # noqa: E731
    view = run(plan(bench, {"noise": flat}, asked=["infidelity", "mass_within_mask"], keep=False))
    said = {s["text"]: s["level"] for s in view.options["words"]}
    idle = [t for t in said if "which knows no network: choose no method by that here" in t]
    assert idle
    assert {said[t] for t in idle} == {"warning"}
    assert not any("Truly better than all others" in t for t in said)
