"""The figure and the words about units: figures of this network, warnings where they are due."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import re
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import nets
import pellucid
from features.codes import DIGITS, SPEC, TARGETS, linear
from pellucid.features.coding.ablation import Losses
from pellucid.features.coding.told import _top
from pellucid.report.look import figure_of, look_of
from pellucid.report.looks import neurons as looks


@functools.cache
def view() -> pellucid.View:
    return pellucid.neurons(linear(), DIGITS[:120], "code", factors={"digit": TARGETS[:120]})


def told(of: pellucid.View, level: str = "fact") -> str:
    return " ".join(s.text for s in looks.words(of) if s.level == level)


def test_the_answer_has_this_networks_figures() -> None:
    text = told(view())
    first = view().table[0]
    top = ", ".join(str(r["unit"]) for r in view().table[:5])
    assert f"The most important units of “code” are {top}; " in text
    assert f"rises by {looks.number(first['delta'])} (95 % interval {looks.number(first['delta_low'])} to " in text
    assert "Does a positive eigenvalue of the covariance mean an important neuron? No." in text
    assert "here 6 of 6 are positive" in text
    assert f"the smallest is {looks.number(float(view()['spectrum/covariance'][-1]))}" in text
    assert "Of the known factors" in text
    assert not told(view(), "warning")


def test_the_first_unit_claims_no_more_than_samples_that_did_not_choose_it() -> None:
    """Units without any effect: the interval of the first, on the samples that made it first, lies above 0."""
    above = 0
    for seed in range(40):
        found = _top(null_losses(seed), seed=0)
        assert found is not None
        above += found["low"] > 0
    assert above <= 5  # 2.5 % of 40 is 1; all 40 if they were the samples that chose it
    text = told(view())
    top = view().options["found"]["top"]
    assert f"lies above 0 for 6 of 6 units ({looks.number(0.15)} would if none mattered, 2.5 % of them)" in text
    assert f"the first is unit {top['unit']}, and the {top['tests']} samples that did not choose it lose" in text
    few = pellucid.neurons(linear(), DIGITS[:3], "code", traverse=0)
    assert "too few to choose on some and measure on others" in told(few)


def null_losses(seed: int) -> Losses:
    rng = np.random.default_rng(seed)
    return Losses(np.zeros(200), rng.normal(size=(200, 256)), np.zeros((200, 256)), None, None)


def test_figures_of_factors_come_with_what_chance_gives() -> None:
    found = view().options["found"]
    (factor,) = found["factors"]
    text = told(view())
    for name in ("completeness", "informativeness"):
        pair = f"{looks.number(factor[name])} (by chance {looks.number(factor[f'{name}_chance'])})"
        assert pair in text
    assert "factor_share_chance" in looks.COLUMNS
    assert all(0 < r["factor_share_chance"] < 1 for r in view().table)


def test_what_is_not_known_of_a_factor_is_said() -> None:
    rare = np.zeros(40)
    rare[np.random.default_rng(0).permutation(40)[:3]] = 1  # all among the samples that the models are fitted to
    of = pellucid.neurons(linear(), DIGITS[:40], "code", factors={"rare": rare}, traverse=0)
    assert "informativeness not known" in told(of)
    assert "told on unseen samples not known" in told(of)
    assert any("informativeness of factor 'rare' is not known" in note for note in of.notes)


def test_units_that_others_can_replace_are_named() -> None:
    twice = torch.cat([torch.eye(6, dtype=torch.float64), torch.eye(6, dtype=torch.float64)[:1]])
    text = told(pellucid.neurons(linear(twice), DIGITS[:120], "code", traverse=0))
    assert "Of 2 units that are missed, the other units can supply more than 90 %" in text
    assert re.search(r"\(it goes with unit [06], correlation 1\)", text)
    assert "can supply" not in told(view())


def test_warnings_where_they_are_due() -> None:
    few = pellucid.neurons(linear(), DIGITS[:4], "code", traverse=0)
    warned = told(few, "warning")
    assert "Only 4 samples" in warned
    assert "4 samples for 6 units: the covariance has at most 3 directions" in warned
    torch.manual_seed(0)
    blind = nn.Sequential(nn.Flatten(), nn.Linear(64, 3), nn.Linear(3, 64), nn.Unflatten(1, (1, 8, 8)))
    blind[2].weight.data.zero_()
    blind[2].bias.data.fill_(5)
    useless = pellucid.neurons(pellucid.open(blind, input=SPEC, output="values"), DIGITS[:40].float(), "1", traverse=1)
    warned = told(useless, "warning")
    assert "worse than one grey mean picture" in warned
    assert "does not need it" in warned
    assert "nothing is lost" in looks.headline(useless)
    figure_of(useless)


def test_a_layer_that_is_the_answer_itself_is_warned_of() -> None:
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 4), nn.Linear(4, 3))
    net = pellucid.open(encoder, input=SPEC, output="values")
    assert "Nothing runs behind “2”: it is the answer itself" in told(
        pellucid.neurons(net, DIGITS[:40].float(), "2", traverse=0), "warning"
    )
    assert "Nothing runs behind" not in told(pellucid.neurons(net, DIGITS[:40].float(), "1", traverse=0))


def test_a_classifier_is_told_against_its_own_answer() -> None:
    net = nets.network("modules")
    of = pellucid.neurons(net, nets.images(12), "act2", traverse=3)
    text = told(of)
    assert "how far the answers move from the network's own" in text
    assert "The layer has 36 places" in text
    assert "interval of what is lost lies above 0" not in text  # a divergence always does
    figure = figure_of(of)
    titles = [a.get_title(loc="left") for a in figure.axes]
    assert sum(t.startswith("Unit ") for t in titles) == 3
    names = {t.get_text() for a in figure.axes if a.get_legend() for t in a.get_legend().get_texts()}
    assert {"ant", "cat", "dog"} & names  # class names, not numbers
    labelled = pellucid.neurons(net, nets.images(12), "act2", labels=[0, 1, 2, 3] * 3)
    assert "of the labels" in told(labelled)


def test_the_figure_shows_everything() -> None:
    figure = figure_of(view())
    ranking, curve, spectra = figure.axes[:3]
    np.testing.assert_allclose([p.get_width() for p in ranking.patches], [r["delta"] for r in view().table])
    assert [t.get_text() for t in ranking.get_yticklabels()] == [f"unit {r['unit']}" for r in view().table]
    assert len(curve.get_lines()) >= 3
    shares = spectra.get_lines()[1].get_ydata()
    np.testing.assert_allclose(shares, view()["spectrum/answer"] / view()["spectrum/answer"].sum())
    assert len(figure.axes) == 7  # the picture, its reconstruction, and two blocks of sweeps
    figure.canvas.draw()
    for axes in figure.axes[:3]:
        box = axes.get_tightbbox()
        assert box.x0 >= 0
        assert box.x1 <= figure.bbox.x1


@pytest.mark.parametrize("kept", [[0, 1, 2, 3, 4, 7, 13, 23, 43, 80, 150, 280, 640, 1280], list(range(7)), [0, 1]])
def test_ticks_do_not_meet(kept: list[int]) -> None:
    ticks = looks._apart(kept)
    assert (ticks[0], ticks[-1]) == (0, kept[-1])
    assert all(b >= 2 * a for a, b in itertools.pairwise(ticks))


def test_pictures_are_shown_as_pictures() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Flatten(), nn.Linear(432, 3), nn.Linear(3, 432), nn.Unflatten(1, (3, 12, 12)))
    of = pellucid.neurons(pellucid.open(module, input=nets.SPEC, output="values"), nets.images(9), "1", traverse=3)
    figure = figure_of(of)
    mosaic: Any = figure.axes[5].images[0].get_array()
    assert mosaic.shape == (3 * 12 + 2, 7 * 12 + 6, 3)
    assert look_of("neurons").TITLE


def test_the_columns_name_what_the_table_has() -> None:
    keys = set(view().table[0])
    assert {"unit", "delta", "unique", "share", "variance", "most_like", "factor"} <= keys & set(looks.COLUMNS)


def guessed() -> pellucid.View:
    """The same, but for intervals that reach below 0."""
    rows = tuple({**row, "delta_low": -1.0} for row in view().table)
    found = {**view().options["found"], "tests": 24}
    return dataclasses.replace(view(), table=rows, options={**view().options, "found": found})


def test_no_unit_is_named_where_none_is_missed_beyond_chance() -> None:
    assert "none of its 6 units is missed beyond chance on 24 samples" in looks.headline(guessed())
    assert "most important" not in looks.headline(guessed())
    assert "No unit of “code” is missed beyond chance; the interval" in told(guessed())
    assert "and the ranking is a guess." in told(guessed(), "warning")


def test_an_order_that_does_worse_than_that_of_variance_is_told() -> None:
    arrays = {**view().arrays, "curve/importance": view()["curve/variance"] + 10.0}
    assert "worse than with the largest variance first" in told(dataclasses.replace(view(), arrays=arrays), "warning")


def test_an_output_keeps_its_colour_in_all_panels() -> None:
    styles = looks._styles((("cat", "dog"), ("dog", "owl"), tuple(f"class {i}" for i in range(20))))
    assert len(set(styles.values())) == len(styles) == 23
    assert [styles[n][0] for n in ("cat", "dog", "owl")] == list(looks._LINES[:3])
