"""Learning curves: planted laws are found, what lies too far out is not said, parts are nested and fair."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import numpy as np
import pytest

import pellucid
from pellucid.core.errors import BadInput
from pellucid.core.types import View
from pellucid.data.dataset import Dataset
from pellucid.report.look import look_of
from pellucid.tasks.metrics import EXCLUSIVE
from pellucid.training.fit import Loop
from pellucid.training.howmany import FARTHEST, Curve, _target, howmany
from pellucid.training.instances import at_equal_total, doublings, grid_of
from pellucid.training.paired import Judged
from pellucid.training.power_law import curves_drawn, fitted
from pellucid.training.subsets import beginning, default_sizes, ordered_groups
from training.comparing import bars

QUICK: dict[str, Any] = {"model": "linear", "epochs": 2, "lr": 0.03}
ACCURACY, LOSS = EXCLUSIVE["accuracy"], EXCLUSIVE["log_loss"]
REPEATS, ITEMS, DRAWS = 5, 300, 300


def world(generator: np.random.Generator, law: tuple[float, float, float], sizes: np.ndarray) -> Curve:
    """The curve of simulated trainings whose errors follow a·n^−b + c, on items of different difficulty."""
    a, b, c = law
    luck = np.exp(0.05 * (generator.standard_normal((REPEATS, 1)) + generator.standard_normal((REPEATS, len(sizes)))))
    difficulty = generator.gamma(10, 1 / 10, ITEMS)
    chance = np.clip((a * sizes**-b + c) * luck, 0, 1)[..., None] * difficulty
    wrong = generator.random((REPEATS, len(sizes), ITEMS)) < chance
    times = generator.multinomial(ITEMS, np.full(ITEMS, 1 / ITEMS), size=DRAWS) / ITEMS
    scores = 1 - wrong.mean(2).T
    draws = 1 - np.einsum("di,rki->dkr", times, wrong)
    return Curve.of(sizes, scores, draws, ACCURACY, seed=int(generator.integers(1 << 30)))


SIZES = np.round(np.geomspace(20, 1000, 7))
LAWS = [(1.5, 0.5, 0.05), (1.2, 0.3, 0.05), (1.2, 0.4, 0.0), (4.0, 1.0, 0.08)]


# -- the law --------------------------------------------------------------------------------------


def test_an_exact_law_is_found_exactly() -> None:
    for a, b, c in LAWS:
        law = fitted(SIZES, a * SIZES**-b + c, np.ones(len(SIZES)))
        assert law(SIZES)[0] == pytest.approx(a * SIZES**-b + c, abs=2e-3)
        assert law.b[0] == pytest.approx(b, rel=0.03)
        assert law.c[0] == pytest.approx(c, abs=6e-3)
        assert law.a[0] == pytest.approx(a, rel=0.06)
        wanted = a * 1500.0**-b + c
        assert law.size_for(wanted)[0] == pytest.approx(1500, rel=0.1)


def test_fits_stay_within_what_an_error_can_be() -> None:
    rising = fitted(SIZES, np.linspace(0.1, 0.3, 7), np.ones(7))
    assert rising.fall[0] == 0
    assert rising.c[0] == pytest.approx(0.2)
    assert rising.size_for(0.15)[0] == np.inf
    assert rising.size_for(0.25)[0] == 0
    steep = fitted(SIZES, 30 * SIZES**-1.0 - 0.02, np.ones(7))
    assert steep.c[0] == 0


def test_the_closed_form_is_the_bounded_least_squares_fit() -> None:
    from scipy.optimize import lsq_linear

    generator = np.random.default_rng(0)
    for _ in range(20):
        errors, weights = generator.random(7), generator.random(7) + 0.1
        law = fitted(SIZES, errors, weights)
        u = (SIZES / law.unit) ** -law.b[0]
        root = np.sqrt(weights)
        best = lsq_linear(np.stack([u, np.ones(7)], 1) * root[:, None], errors * root, (0, np.inf))
        assert [law.fall[0], law.c[0]] == pytest.approx(best.x, abs=1e-6)


def test_the_planted_law_lies_within_its_intervals() -> None:
    generator = np.random.default_rng(1)
    inside = []
    for law, _ in itertools.product(LAWS, range(30)):
        curve = world(generator, law, SIZES)
        planted = [*law, law[0] * 2000.0 ** -law[1] + law[2]]
        found = [curve.law.a, curve.law.b, curve.law.c, curve.law(2000.0)]
        ends = [np.percentile(own[1:], [2.5, 97.5]) + np.array([-1e-9, 1e-9]) for own in found]
        size = curve.needed(planted[3])
        inside.append(
            [low <= p <= high for p, (low, high) in zip(planted, ends, strict=True)] + [size[1] <= 2000 <= size[2]]
        )
        assert curve.falls
    rates = np.mean(inside, axis=0)  # a, b, c, the error at 2000, and the size for that error
    assert rates.min() >= 0.9, rates


def test_a_flat_curve_is_seldom_said_to_fall() -> None:
    generator = np.random.default_rng(2)
    assert np.mean([world(generator, (0.0, 1.0, 0.3), SIZES).falls for _ in range(80)]) <= 0.05


def test_what_follows_no_power_law_is_told() -> None:
    generator = np.random.default_rng(3)
    followed = [world(generator, LAWS[0], SIZES).follows for _ in range(30)]
    assert np.mean(followed) >= 0.95
    scores = 1 - np.array([0.5, 0.1, 0.5, 0.1, 0.5, 0.1, 0.1])[:, None] + generator.normal(0, 0.002, (7, REPEATS))
    curve = Curve.of(SIZES, scores, np.repeat(scores[None], 50, 0), ACCURACY, seed=0)
    assert not curve.follows


def test_repeats_that_share_their_items_are_not_taken_for_sure() -> None:
    generator = np.random.default_rng(4)
    errors = 0.3 * SIZES**-0.3 + generator.normal(0, 0.01, (REPEATS, 7))
    errors[:, -1] = errors[:, -1].mean()  # all repeats learn from the same items at the largest size
    scores = 1 - errors.T
    curve = Curve.of(SIZES, scores, np.repeat(scores[None], 200, 0), ACCURACY, seed=0)
    free = int(np.searchsorted(SIZES, SIZES[-1] / 2)) - 1
    assert curve.draws[:, -1].std() >= 0.9 * curve.draws[:, free].std() * np.sqrt(SIZES[free] / SIZES[-1])


def test_curves_spread_by_students_t() -> None:
    errors = np.random.default_rng(5).normal(0, 1, (REPEATS, 1))
    drawn = curves_drawn(errors, np.zeros((20000, 1)), seed=0)[:, 0]
    from scipy.stats import t

    margin = t.isf(0.025, REPEATS - 1) * errors.std(ddof=1) / np.sqrt(REPEATS)
    assert np.percentile(drawn, [2.5, 97.5]) == pytest.approx([-margin, margin], rel=0.05)


# -- the target -----------------------------------------------------------------------------------


def exact(law: tuple[float, float, float]) -> Curve:
    generator = np.random.default_rng(0)
    errors = (law[0] * SIZES ** -law[1] + law[2])[:, None] * (1 + generator.normal(0, 0.01, (7, REPEATS)))
    again = (1 - errors)[None] + generator.normal(0, 0.003, (200, 1, 1))
    return Curve.of(SIZES, 1 - errors, again, ACCURACY, seed=0)


def test_a_target_within_reach_is_told_with_its_interval() -> None:
    told = _target(exact((1.5, 0.5, 0.0)), ACCURACY, 1 - 1.5 * 1500**-0.5, believed=True)
    assert told["pictures"] == pytest.approx(1500, rel=0.1)
    assert told["low"] < 1500 < (told["high"] or FARTHEST * 1000)
    assert not told["reached"]


def test_a_far_target_is_refused() -> None:
    told = _target(exact((1.5, 0.5, 0.0)), ACCURACY, 0.99, believed=True)
    assert told["pictures"] is None
    assert told["high"] is None
    assert told["least"] == round(FARTHEST * 1000)


def test_a_target_below_the_floor_is_refused() -> None:
    told = _target(exact((1.5, 0.5, 0.1)), ACCURACY, 0.95, believed=True)
    assert told["pictures"] is None
    assert told["least"] == round(FARTHEST * 1000)


def test_without_a_curve_only_the_least_is_told() -> None:
    curve = exact((0.0, 1.0, 0.3))
    assert _target(curve, ACCURACY, 0.9, believed=False) == {
        "score": 0.9,
        "pictures": None,
        "low": None,
        "high": None,
        "least": 1000,
        "reached": False,
    }
    assert _target(curve, ACCURACY, 0.5, believed=False)["reached"]


# -- the parts ------------------------------------------------------------------------------------


def grouped(count: int = 120, each: int = 4) -> Dataset:
    """Bars in groups of one grade."""
    data = bars(count, grades=3)
    order = sorted(range(count), key=lambda i: data.columns["grade"][i])
    group = {row: f"g{place // each}" for place, row in enumerate(order)}
    return dataclasses.replace(data, group=tuple(group[i] for i in range(count)))


def test_parts_are_nested_whole_groups_and_stratified() -> None:
    data = grouped()
    groups = np.unique(np.array(data.group), return_inverse=True)[1]
    rows = np.arange(0, 120)
    ordered = ordered_groups(data, ("grade",), rows, groups, seed=0)
    assert sorted(np.concatenate(ordered).tolist()) == rows.tolist()
    before: set[int] = set()
    for size in (12, 24, 60, 120):
        part = beginning(ordered, size)
        assert len(part) == size
        assert before <= set(part.tolist())
        before = set(part.tolist())
        for group in set(groups[part]):
            assert set(np.flatnonzero(groups == group)) <= before
        grades = np.bincount([int(data.columns["grade"][i]) for i in part], minlength=3)
        assert grades.max() - grades.min() <= 4
    other = ordered_groups(data, ("grade",), rows, groups, seed=1)
    assert [o.tolist() for o in other] != [o.tolist() for o in ordered]


def test_sizes_are_equal_steps_of_ratio() -> None:
    assert default_sizes(640, 10, 7) == [10, 20, 40, 80, 160, 320, 640]
    with pytest.raises(BadInput, match="too few for a learning curve"):
        default_sizes(30, 8, 7)


# -- trainings ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def view() -> View:
    return howmany(bars(260, noise=120), sizes=[6, 12, 24, 48, 96, 182], target=0.97, **(QUICK | {"epochs": 6}))


def test_a_curve_of_trainings(view: View) -> None:
    assert view["pictures"].tolist() == [6, 12, 24, 48, 96, 182]
    assert view["score"].shape == (6, 5)
    means = view["score"].mean(1)
    assert means[-1] > means[0] + 0.1
    measured = [row for row in view.table if row["known"] == "measured"]
    assert [row["score"] for row in measured] == pytest.approx(means)
    assert all(row["low"] <= row["score"] <= row["high"] for row in view.table)
    assert view.options["falls"], view.table
    assert view["curve/pictures"][-1] == pytest.approx(FARTHEST * 182)
    assert (view["curve/low"] <= view["curve/high"]).all()


def test_words_and_figure_of_a_curve(view: View) -> None:
    look = look_of("howmany")
    text = " ".join(s.text for s in look.words(view))
    assert "For accuracy 0.970 it takes" in text
    assert "5 times, from other random parts" in text
    assert "nothing is said" in text
    assert look.figure(view).axes


def test_the_same_seed_gives_the_same_curve(view: View) -> None:
    again = howmany(bars(80), sizes=[6, 12, 24, 48], repeats=3, **QUICK)
    other = howmany(bars(80), sizes=[6, 12, 24, 48], repeats=3, **QUICK)
    assert again.table == other.table
    for name in again.arrays:
        np.testing.assert_array_equal(again[name], other[name])


@pytest.mark.parametrize("budget", ["steps", "epochs"])
def test_every_size_takes_as_many_steps_or_epochs(budget: str, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[int] = []
    pictures: list[int] = []
    begin = Loop.__init__

    def beginning(loop: Loop, *args: Any) -> None:
        begin(loop, *args)
        steps.append(loop.total)
        pictures.append(len(np.unique(loop.train.rows)))

    monkeypatch.setattr(Loop, "__init__", beginning)
    howmany(bars(80), sizes=[6, 12, 24, 48], repeats=3, budget=budget, batch=8, **QUICK)
    assert pictures == [6, 12, 24, 48] * 3
    assert steps == [14 if budget == "steps" else 2 * s for s in (1, 2, 3, 6)] * 3


def test_an_untrained_learner_gets_no_curve() -> None:
    view = howmany(bars(80), sizes=[6, 12, 24, 48], repeats=3, target=0.99, **(QUICK | {"lr": 1e-9}))
    assert not view.options["falls"]
    assert view.options["target"]["pictures"] is None
    assert {row["known"] for row in view.table} == {"measured"}
    look = look_of("howmany")
    told = look.words(view)
    assert told[0].level == "warning"
    assert "does not rise beyond chance" in told[0].text
    assert "at least 48 pictures" in " ".join(s.text for s in told)
    look.figure(view)


def test_a_loss_is_a_target_too() -> None:
    told = _target(exact((1.5, 0.5, 0.0)), ACCURACY, 0.9, believed=True)
    errors = 1 - exact((1.5, 0.5, 0.0)).errors
    curve = Curve.of(SIZES, 1 - errors, np.repeat(1 - errors[None], 200, 0), LOSS, seed=0)
    assert _target(curve, LOSS, 0.1, believed=True)["pictures"] == pytest.approx(told["pictures"], rel=0.1)


# -- objects against pictures of each -------------------------------------------------------------


def planted(groups: float, each: float) -> tuple[Judged, list[tuple[int, int]]]:
    """Errors 0.6·g^−groups·k^−each of five repeats, with a little noise."""
    generator = np.random.default_rng(0)
    cells = list(itertools.product((8, 16, 32), (1, 2, 4)))
    errors = np.array([0.6 * g**-groups * k**-each for g, k in cells])[:, None]
    values = 1 - errors * (1 + generator.normal(0, 0.01, (9, REPEATS)))
    draws = values[None] * (1 + generator.normal(0, 0.002, (200, 1, 1)))
    return Judged(values, draws, 100), cells


def test_what_doubling_takes_off_is_found() -> None:
    own, cells = planted(0.4, 0.1)
    found = doublings(own, cells, higher=True)
    assert found["groups"]["low"] <= 1 - 2**-0.4 <= found["groups"]["high"]
    assert found["each"]["low"] <= 1 - 2**-0.1 <= found["each"]["high"]
    assert found["groups"]["value"] == pytest.approx(1 - 2**-0.4, abs=0.02)


def test_at_equal_totals_the_planted_one_is_worth_more() -> None:
    more_objects, cells = planted(0.4, 0.1)
    told = at_equal_total(more_objects, cells, higher=True)
    assert told["real"]
    assert told["better_by"] > 0
    assert told["pairs"] == 4
    more_views, cells = planted(0.1, 0.4)
    assert at_equal_total(more_views, cells, higher=True)["better_by"] < 0
    equal, cells = planted(0.25, 0.25)
    assert not at_equal_total(equal, cells, higher=True)["real"]


def test_the_grid_takes_as_many_of_each_as_half_of_the_groups_have() -> None:
    groups = np.repeat(np.arange(40), 5)
    assert grid_of(groups, np.arange(200), "x") == ([5, 10, 20, 40], [1, 2, 4])
    with pytest.raises(BadInput, match="make no grid"):
        grid_of(np.arange(100), np.arange(100), "x")


def test_a_grid_of_trainings() -> None:
    view = howmany(grouped(160), instances=True, repeats=3, **QUICK)
    assert view.kind == "instances"
    assert view["each"].tolist() == [1, 2, 4]
    assert view["score"].shape == (len(view["groups"]), 3, 3)
    assert all(row["pictures"] == row["groups"] * row["each"] for row in view.table)
    look = look_of("instances")
    text = " ".join(s.text for s in look.words(view))
    assert "twice as many objects with half as many pictures each" in text
    look.figure(view)


# -- mistakes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"repeats": 2}, "repeats is 2"),
        ({"budget": "time"}, "budget is 'time'"),
        ({"sizes": 3}, "3 sizes"),
        ({"sizes": [5, 10, 20]}, "3 sizes"),
        ({"sizes": [5, 10, 20, 500]}, "sizes from 5 to 500"),
        ({"metric": "f2"}, "no metric 'f2'"),
        ({"target": 1.0}, "accuracy is best at 1"),
        ({"metric": "log_loss", "target": 0.0}, "log_loss is best at 0"),
        ({"instances": True}, "make no grid"),
    ],
)
def test_mistakes_are_told(choices: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput) as told:
        howmany(bars(60), **(QUICK | choices))
    assert said in str(told.value)


def test_pellucid_has_it() -> None:
    assert pellucid.howmany is howmany
