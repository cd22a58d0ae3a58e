"""Networks that are trained on made objects, for methods to be held to the truth."""

from __future__ import annotations

import pytest

from pellucid.core.errors import BadInput
from pellucid.prove.judge import evaluate_explanations
from pellucid.prove.synthetic import KNOWN, trained


def test_an_object_of_which_nothing_is_known_is_refused(tmp_path):
    with pytest.raises(BadInput, match="nothing is known to be learnt of 'spoon'"):
        trained("spoon", tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_trained_network_is_judged_by_all_that_is_known_of_its_pictures(tmp_path):
    known = KNOWN["apple"]
    data, network = trained("apple", tmp_path, count=120, size=48, epochs=6)
    asked = {"methods": ["gradient", "guided_backprop", "deconvnet"], "pictures": 12, "repeats": 8, "cache": False}
    view = evaluate_explanations(network, data, target=known.target, mask=known.decides, **asked)
    have = {row["score"] for row in view.table}
    assert {"part_ranks", "pointing_game", "mass_within_mask", "relevance_rank"} <= have
    fails = {r["method"] for r in view.table if r["score"] == "randomised_weights:rank" and r["verdict"] == "fails"}
    assert {"guided_backprop"} <= fails  # as Adebayo et al. 2018 report
    assert "gradient" not in fails
    assert any("answer moves beyond its noise: leaf" in s["text"] for s in view.options["words"])
