"""What is remembered of methods on a network, and told beside its maps."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import pellucid
from pellucid.cli.main import main
from pellucid.evaluation.trust import remember, remembered, trust_words
from pellucid.evaluation.truth.hand import hand_weighted
from pellucid.prove.judge import evaluate_explanations

ROW = {"method": "any", "score": "", "verdict": "", "value": 0.73, "score_group": "truth", "vs_random": "better"}
ROW |= {"low": 0.7, "high": 0.75, "count": 12}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_a_method_that_draws_the_picture_is_told_of_before_how_well_it_scores():
    rows = [
        {**ROW, "score": "randomised_weights:rank", "verdict": "fails", "score_group": "randomisation"},
        {**ROW, "score": "randomised_weights:ssim,depths=2", "verdict": "fails", "score_group": "randomisation"},
        {**ROW, "score": "pointing_game"},
        {**ROW, "score": "deletion:blur", "vs_random": "worse"},
    ]
    said = trust_words(rows, "50 pictures of cats")
    assert [s["level"] for s in said] == ["warning", "fact"]
    assert "hardly depends on what the network has learnt. Its map stays 0.73 alike" in said[0]["text"]
    assert "by 1 of 2 scores" in said[1]["text"]
    assert "by deletion:blur truly worse (50 pictures of cats)" in said[1]["text"]


def test_a_method_that_is_never_better_than_noise_is_a_warning():
    assert trust_words([{**ROW, "score": "deletion:blur", "vs_random": "as random"}], "x")[0]["level"] == "warning"
    assert trust_words([], "x") == []


def test_what_was_judged_on_more_pictures_stays():
    hand = hand_weighted(8)
    weights = hand.network.facts()["weights_sha256"]
    ask = {"methods": ["gradient"], "scores": ["mass_within_mask"]}
    few, many = (evaluate_explanations(hand.network, hand.bench(n), **ask, cache=False) for n in (6, 12))
    assert remembered(weights) == {}
    assert remember(many, "lights") is not None
    assert remember(few, "lights") is None
    assert "12 pictures of lights" in remembered(weights)["gradient"][0]["text"]
    assert set(remembered(weights)) == {"gradient"}


def test_what_was_found_of_other_methods_and_by_more_scores_stays():
    hand, scores = hand_weighted(8), ["mass_within_mask", "infidelity", "relevance_rank"]
    weights, bench = hand.network.facts()["weights_sha256"], hand.bench(6)
    evaluate_explanations(hand.network, bench, ["gradient", "lrp"], scores=scores)
    before = dict(remembered(weights))
    assert set(before) == {"gradient", "lrp"}
    evaluate_explanations(hand.network, bench, ["gradient", "deeplift"], scores=["max_sensitivity"])
    assert {m: remembered(weights)[m] for m in before} == before
    assert remembered(weights)["deeplift"] == []


def test_a_damaged_file_is_as_none():
    hand = hand_weighted(8)
    view = evaluate_explanations(hand.network, hand.bench(6), ["gradient"], scores=["mass_within_mask"])
    weights = hand.network.facts()["weights_sha256"]
    assert remembered(weights)
    remember(view, "x").write_text("{nonsense", encoding="utf-8")
    assert remembered(weights) == {}


@pytest.mark.slow
def test_the_report_of_explain_shows_it_beside_each_map(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for i in range(6):
        Image.fromarray(rng.integers(0, 255, (224, 224, 3), np.uint8)).save(f"{i}.png")
    name = "efficientnet_lite0"
    network = pellucid.open(name, weights="none")
    paths = [f"{i}.png" for i in range(6)]
    evaluate_explanations(network, paths, ["gradient"], scores=["deletion:mean,steps=2"])
    ask = [
        "0.png",
        "--model",
        name,
        "--weights",
        "none",
        "--method",
        "gradient",
        "--method",
        "input_times_gradient",
        "-o",
        "out",
    ]
    monkeypatch.setattr("sys.argv", ["pellucid", "explain", *ask])
    with pytest.raises(SystemExit, match="0"):
        main()
    page = (tmp_path / "out" / "index.html").read_text()
    assert page.count("How far to trust it here") >= 1
    assert "than a map of noise (6 pictures of your own)" in page
