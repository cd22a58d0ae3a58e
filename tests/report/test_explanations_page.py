"""The leaderboard of explanations: who stands where, the page, and what it lets nobody conclude."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import pellucid
from pellucid.evaluation.truth.hand import hand_weighted
from pellucid.prove.judge import evaluate_explanations
from pellucid.report.explanations_page import WIDEST, may, may_not, parts, write_explanations
from pellucid.report.figures import as_png
from pellucid.report.leaderboard import STANDINGS, Column, columns, lines
from pellucid.report.look import figure_of
from pellucid.report.run import Run


@pytest.fixture(scope="module")
def view():
    hand = hand_weighted(8)
    asked = ["mass_within_mask", "deletion:zero,steps=4", "randomised_weights:rank", "part_ranks"]
    return evaluate_explanations(
        hand.network, hand.bench(12), ["integrated_gradients", "gradient"], scores=asked, repeats=6, cache=False
    )


@pytest.fixture
def page(view, tmp_path):
    run = Run("pellucid evaluate-explanations", "view", {"name": "hand_weighted"}, (), (), 1.0, 0, {})
    return write_explanations(tmp_path, run, view), (tmp_path / "index.html").read_text()


def test_truth_comes_first_and_the_best_mean_place_too(view):
    assert [c.group for c in columns(view)] == ["truth", "truth", "faithfulness", "randomisation"]
    found = lines(view)
    assert found[0].method == "integrated_gradients"
    assert [line.place for line in found] == sorted(line.place for line in found)
    assert {line.name for line in found if line.baseline} == {"random map", "edges (Sobel)", "centre"}


def test_a_cell_says_how_it_stands_beside_noise_and_the_others(view):
    by = {line.method: line for line in lines(view)}
    at = [c.name for c in columns(view)]
    assert by["integrated_gradients"].cells[at.index("mass in mask")].standing == "first"
    assert by["random_map"].cells[at.index("mass in mask")].standing == "random"
    shuffled = by["centre"].cells[at.index("shuffled weights")]
    assert shuffled.standing in ("fails", "unclear")
    assert all(c.standing in (*STANDINGS, "none") for line in by.values() for c in line.cells)


def test_the_page_shows_every_method_its_cases_and_what_may_not_be_concluded(page, view):
    summary, text = page
    assert summary["schema"] == "pellucid.evaluate_explanations/1"
    assert len(re.findall(r'<figure class="case', text)) == 5
    for told in (*may(view), *may_not(view)):
        assert told.replace("'", "&#39;") in text
    assert "What you may conclude, and what not" in text
    assert json.loads(json.dumps(summary))["table"]


def test_without_truth_scores_the_page_says_that_nothing_was_compared_with_the_truth(view):
    other = view.__class__(**{**view.__dict__, "options": {**view.options, "groups": ("faithfulness",) * 4}})
    assert any("cannot be rendered again" in told for told in may_not(other))
    assert not any("randomisation" in told for told in may(other))


@pytest.mark.parametrize(
    ("counts", "wide"),
    [
        ((2, 1, 0, 1), [4]),
        ((4, 6, 1, 4), [11, 4]),
        ((4, 6, 2, 2), [10, 4]),
        ((12, 1, 0, 0), [6, 7]),
        ((0, 0, 0, 0), []),
    ],
)
def test_many_scores_are_several_tables_of_whole_groups(counts, wide):
    groups = [
        g
        for g, n in zip(("truth", "faithfulness", "robustness", "randomisation"), counts, strict=True)
        for _ in range(n)
    ]
    shown = [Column(f"score {i}", "", group, "higher", "", i) for i, group in enumerate(groups)]
    found = [shown[part] for part in parts(shown)]
    assert [len(own) for own in found] == wide
    assert [column for own in found for column in own] == shown
    assert all(len(own) <= WIDEST for own in found)


def test_the_figure_is_as_wide_as_its_scores(view):
    assert as_png(figure_of(view))[:4] == b"\x89PNG"
    assert figure_of(view).get_size_inches()[0] == pytest.approx(2.9 + 1.12 * 4)


def test_a_saved_view_draws_the_same(view, tmp_path: Path):
    again = pellucid.load(view.save(tmp_path / "v.npz"))
    assert lines(again) == lines(view)
