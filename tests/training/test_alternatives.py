"""Comparisons: the same for all but what is compared, judged in one form, with real differences found."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

import pellucid
from pellucid.core.errors import BadInput
from pellucid.core.types import View
from pellucid.data.dataset import Dataset
from pellucid.report.look import look_of
from pellucid.report.view_page import table_of
from pellucid.training import versus
from pellucid.training.alternatives import Alternative, Outcome, changed, planned
from pellucid.training.fit import Loop
from pellucid.training.ground import Ground
from pellucid.training.plan import Plan
from pellucid.training.ready_sets import SETS
from pellucid.training.versus import compare_tasks, judged
from training.comparing import bars, three_tags

QUICK: dict[str, Any] = {"model": "linear", "epochs": 2, "lr": 0.01}


def rows(view: View, metric: str) -> dict[str, Any]:
    return {row["alternative"]: row for row in view.table if row["metric"] == metric}


@pytest.fixture(scope="module")
def losses() -> View:
    wanted = {"plain": {}, "smooth": {"smoothing": 0.1}, "still": {"lr": 1e-9}, "plain again": {}}
    return compare_tasks(bars(160), wanted, **(QUICK | {"epochs": 12}))


def test_a_planted_difference_is_real_and_equals_are_not(losses: View) -> None:
    found = rows(losses, "accuracy")
    assert found["still"]["standing"] == "worse"
    assert found["still"]["difference_high"] < 0
    place = losses.names.index
    assert losses["difference/accuracy"][place("plain"), place("plain again")] == 0
    assert losses["chance/accuracy"][place("plain"), place("plain again")] == 1
    assert {r["standing"] for n, r in found.items() if n != "still"} <= {"best", "not told apart"}


def test_the_table_says_what_was_measured(losses: View) -> None:
    options = losses.options
    assert options["primary"] == "accuracy"
    assert options["seeds"] == [0, 1, 2, 3, 4]
    assert not options["same_test"]
    for metric, told in options["metrics"].items():
        found = list(rows(losses, metric).values())
        values = [row["value"] for row in found]
        assert values == sorted(values, reverse=told["higher"])
        assert found[0]["standing"] == "best"
        assert "difference" not in found[0]
        for row in found:
            seeds = losses[f"values/{metric}"][losses.names.index(row["alternative"])]
            assert row["value"] == pytest.approx(seeds.mean())
            assert row["low"] <= row["value"] <= row["high"]
            assert row["high"] <= 1 if told["higher"] else row["low"] >= 0
    assert [a["said"] for a in options["alternatives"]] == ["", "smoothing=0.1", "lr=1e-09", ""]
    assert all(a["parameters"] == 64 * 3 + 3 and a["seconds"] > 0 for a in options["alternatives"])


def test_intervals_end_where_the_metric_does() -> None:
    assert versus.within(-0.1, 1.2, "accuracy", True) == (0.0, 1.0)
    assert versus.within(-0.1, 1.2, "qwk", True) == (-0.1, 1.0)
    assert versus.within(-0.1, 1.2, "log_loss", False) == (0.0, 1.2)


def test_words_and_figure(losses: View) -> None:
    look = look_of("comparison")
    text = " ".join(sentence.text for sentence in look.words(losses))
    assert "cannot be told apart from" in text
    assert "Really worse is still (by" in text
    assert "5 seeds" in text
    assert "Holm" in text
    drawn = look.figure(losses)
    assert "accuracy" in drawn._suptitle.get_text()
    named = [tick.get_text() for tick in drawn.axes[0].get_yticklabels()]
    assert [name.split()[-1] for name in named] == [str(i + 1) for i in range(len(named))]  # as the matrix numbers them
    assert table_of(losses, look.COLUMNS, look.CELLS)["rows"][0][0] == "accuracy"
    assert [look.CELLS["metric"](name) for name in ("macro_mae", "kendall")] == ["macro MAE", "Kendall"]


def test_compared_with_one_alone_only_its_pairs_are_asked_about() -> None:
    wanted = {"plain": {}, "smooth": {"smoothing": 0.1}, "still": {"lr": 1e-9}}
    view = compare_tasks(bars(90), wanted, seeds=3, against="plain", **(QUICK | {"epochs": 8}))
    assert rows(view, "log_loss")["still"]["standing"] == "worse"
    assert rows(view, "log_loss")["plain"]["standing"] == "compared with"
    look = look_of("comparison")
    assert look.headline(view).startswith("By accuracy ")
    assert look.headline(view).endswith(" than plain")
    assert len([axes for axes in look.figure(view).axes if axes.axison]) == len(view.options["metrics"])


def test_the_same_seed_gives_the_same_view(losses: View) -> None:
    wanted = {"plain": {}, "still": {"lr": 1e-9}}
    one, other = (compare_tasks(bars(60), wanted, seeds=2, seed=3, **QUICK) for _ in range(2))
    assert one.options["seeds"] == [3, 4]
    for name in one.arrays:
        np.testing.assert_array_equal(one[name], other[name])
    assert one.table == other.table


def test_alternatives_share_splits_batches_and_initial_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    met: list[dict[str, Any]] = []
    begin, step = Loop.__init__, Loop._step

    def beginning(loop: Loop, *args: Any) -> None:
        begin(loop, *args)
        weights = torch.cat([t.flatten() for t in loop.module.state_dict().values()])
        met.append({"train": loop.train.rows, "val": loop.val.rows, "begin": weights, "order": []})

    def stepping(loop: Loop, places: torch.Tensor) -> float:
        met[-1]["order"].append(places.tolist())
        return step(loop, places)

    monkeypatch.setattr(Loop, "__init__", beginning)
    monkeypatch.setattr(Loop, "_step", stepping)
    compare_tasks(bars(60), {"plain": {}, "smooth": {"smoothing": 0.2}}, seeds=3, batch=16, **QUICK)
    assert len(met) == 6
    for first, second in zip(met[::2], met[1::2], strict=True):
        for name in ("train", "val", "begin"):
            np.testing.assert_array_equal(first[name], second[name])
        assert first["order"] == second["order"]
    for name in ("train", "begin"):
        assert not np.array_equal(met[0][name], met[2][name])
    assert met[0]["order"] != met[2]["order"]


def test_given_splits_are_kept_and_told() -> None:
    data = bars(60)
    split = tuple(("train", "train", "val", "test")[i // 3 % 4] for i in range(60))
    view = compare_tasks(dataclasses.replace(data, split=split), {"a": {}, "b": {"smoothing": 0.1}}, seeds=2, **QUICK)
    assert view.options["same_test"]
    assert view.options["items"] == {"train": 30, "val": 15, "test": 15}
    text = " ".join(s.text for s in look_of("comparison").words(view))
    assert "the same for all; a seed draws order and initial weights" in text
    assert "Nadeau" not in text


# -- one form for all -----------------------------------------------------------------------------


def test_an_exclusive_task_is_judged_as_grades_whatever_its_order_of_classes() -> None:
    names = ("small", "middle", "large")  # by the alphabet: large, middle, small
    data = bars(90)
    data = dataclasses.replace(data, columns={"grade": tuple(names[int(g)] for g in data.columns["grade"])})
    wanted = {"classes": {"task": "multiclass"}, "grades": {"loss": "cross_entropy"}}
    choices = QUICK | {"task": "ordinal", "options": {"levels": "small<middle<large"}, "epochs": 20}
    view = compare_tasks(data, wanted, seeds=2, **choices)
    assert view.options["primary"] == "mae"
    np.testing.assert_allclose(view["values/accuracy"][0], view["values/accuracy"][1], atol=0.15)
    assert view["values/accuracy"].min() > 0.6
    assert view["values/mae"].max() < 0.5


def test_grades_are_decided_for_each_metric() -> None:
    ground = Ground(bars(60), Plan(task="ordinal", options={"loss": "cross_entropy"}, **QUICK))
    outcome = planned("ce", {}, ground, ground.plan).train(ground.parted(0), 0)
    assert {"", "mae", "accuracy", "mse", "qwk"} <= set(outcome.decisions)
    np.testing.assert_array_equal(outcome.decisions["accuracy"], outcome.probabilities.argmax(1))
    reached = outcome.probabilities.astype(np.float64).cumsum(1) < 0.5 - 1e-7
    np.testing.assert_array_equal(outcome.decisions["mae"], reached.sum(1))


def test_networks_apart_are_judged_as_one() -> None:
    data = bars(60)
    plan = Plan(task="multigroup", labels=("grade", "side"), **(QUICK | {"model": "perceptron:32x1"}))
    ground = Ground(data, plan)
    own = {n: planned(n, {"networks": n}, ground, plan) for n in ("one", "separate", "separate_equal_total")}
    found = {name: way.train(ground.parted(0), 0) for name, way in own.items()}
    for outcome in found.values():
        assert outcome.probabilities.shape == (9, 5)
        np.testing.assert_allclose(outcome.probabilities[:, :3].sum(1), 1, rtol=1e-5)
        np.testing.assert_array_equal(outcome.decisions[""][:, 1], outcome.probabilities[:, 3:].argmax(1))
    assert [o.networks for o in found.values()] == [1, 2, 2]
    one, apart, together = (o.parameters for o in found.values())
    assert apart > 1.8 * one
    assert together == pytest.approx(one, rel=0.1)


def test_a_way_of_ones_own() -> None:
    from sklearn.neighbors import KNeighborsClassifier

    data = bars(90)

    def neighbours(data: Dataset, seed: int) -> Outcome:
        x = data.items.array.reshape(len(data), -1)
        y, split = np.array(data.columns["grade"]), np.array(data.split)
        given = KNeighborsClassifier(3).fit(x[split == "train"], y[split == "train"]).predict_proba(x[split == "test"])
        return Outcome(np.flatnonzero(split == "test"), given, {"": given.argmax(1)})

    wanted = {"network": {}, "neighbours": Alternative("knn", neighbours)}
    view = compare_tasks(data, wanted, seeds=2, **QUICK)
    assert rows(view, "accuracy")["neighbours"]["value"] > 0.5
    forgets = Alternative("bad", lambda data, seed: dataclasses.replace(neighbours(data, seed), rows=np.arange(3)))
    with pytest.raises(BadInput, match="it did not answer the test items"):
        compare_tasks(data, {"network": {}, "bad": forgets}, seeds=2, **QUICK)


def test_metrics_under_draws_are_those_of_drawn_items() -> None:
    generator = np.random.default_rng(0)
    ground = Ground(bars(60), Plan(**QUICK))
    tested = np.arange(10, 40)
    given = generator.dirichlet(np.ones(3), 30)
    outcome = Outcome(tested, given, {"": given.argmax(1)})
    found = judged(ground.judge, ground.truth, [[outcome]], ground.groups, seed=1, draws=20)["accuracy"]
    right = given.argmax(1) == ground.truth[tested]
    assert found.values[0, 0] == right.mean()
    assert found.groups == len(np.unique(ground.groups[tested]))
    from pellucid.training.paired import drawn_items

    _, units = np.unique(ground.groups[tested], return_inverse=True)
    times = drawn_items(units, seed=1, draws=20)
    np.testing.assert_allclose(found.draws[:, 0, 0], times @ right / times.sum(1))


# -- sets -----------------------------------------------------------------------------------------


def test_a_ready_made_set_brings_its_task_and_leaves_out_what_cannot_be() -> None:
    view = compare_tasks(bars(60), "ordinal", seeds=2, metrics=("mae", "accuracy"), **(QUICK | {"epochs": 1}))
    assert view.options["task"] == "ordinal"
    assert list(view.options["metrics"]) == ["mae", "accuracy"]
    assert {"cross_entropy", "coral", "corn", "cumulative", "emd", "regression"} <= set(view.names)
    left = [note for note in view.notes if note.startswith("left out")]
    assert len(view.names) + len(left) == len(SETS["ordinal"].alternatives(Plan()))


def test_every_set_names_two_or_more_alternatives() -> None:
    plan = Plan(model="small_cnn", labels=("a",))
    for name, ready in SETS.items():
        own = Plan() if name == "transfer" else plan
        assert len(ready.alternatives(own)) >= 2, name
    assert "a network for each, same total" in SETS["multigroup"].alternatives(plan)
    assert "a head for each" in SETS["multigroup"].alternatives(Plan())
    assert list(SETS["transfer"].alternatives(Plan(unfreeze_from="blocks.5")))[1] == "from blocks.5 on"


def test_all_have_as_many_epochs() -> None:
    plan, _ = versus.common_plan({"codes": {}, "more": {"unfreeze_from": "blocks.6"}}, {})
    assert plan.epochs == versus.EPOCHS
    plan, _ = versus.common_plan({"codes": {}, "slower": {"lr": 1e-4}}, {})
    assert plan.epochs == versus.EPOCHS_HEAD
    view = compare_tasks(bars(60), {"short": {}, "long": {"epochs": 4}}, seeds=2, **QUICK)
    assert any("budgets differ" in s.text for s in look_of("comparison").words(view))


# -- mistakes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "more", "said"),
    [
        ("grades", {}, "there is no set"),
        ({"a": {}}, {}, "it takes two alternatives or more"),
        ({"a": {}, "b": {"looss": 1}}, {}, "b: neither a training nor the task multiclass has an option 'looss'"),
        ({"a": {}, "b": {"seed": 1}}, {}, "alternatives share seed"),
        ({"a": {}, "b": {"networks": "many"}}, {}, "networks is 'many'"),
        ({"a": {}, "b": {"networks": "separate"}}, {"task": "ordinal"}, "asks one question"),
        ({"a": {}, "b": {"smoothing": 2.0}}, {}, "b: smoothing is 2.0"),
        ({"a": {}, "b": {}}, {"seeds": 1}, "seeds is 1"),
        ({"a": {}, "b": {}}, {"against": "c"}, "there is no alternative 'c'"),
        ({"a": {}, "b": {}}, {"metrics": ("f2",)}, "no metric 'f2'"),
        (
            {"a": {"task": "ordinal"}, "b": {"task": "regression"}},
            {"labels": ("grade",)},
            "cannot be measured by the same metrics",
        ),
        ({"a": {}, "b": {}}, {"shares": (0.8, 0.2, 0.0)}, "no item is left to judge by"),
    ],
)
def test_mistakes_are_told(wanted: Any, more: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput) as told:
        compare_tasks(bars(60), wanted, **({"seeds": 2} | QUICK | more))
    assert said in str(told.value)


def test_another_task_keeps_the_options_that_it_has() -> None:
    plan = Plan(task="multilabel", options={"encoding": "power_set", "cost_fp": 2.0})
    assert changed(plan, {"task": "multigroup"}).options == {"encoding": "power_set"}
    assert changed(plan, {"cost_fn": 3.0}).options == {"encoding": "power_set", "cost_fp": 2.0, "cost_fn": 3.0}


# -- what the encodings are for -------------------------------------------------------------------


def power_set_against_sigmoids(*, dependent: bool, count: int, **more: Any) -> dict[str, Any]:
    wanted = {"sigmoid": {}, "power set": {"encoding": "power_set"}}
    choices = {"task": "multilabel", "metrics": ("subset_accuracy",), "model": "linear", "lr": 0.03} | more
    view = compare_tasks(three_tags(count, dependent=dependent), wanted, **choices)
    return rows(view, "subset_accuracy") | {"best": view.table[0]["alternative"]}


def test_of_dependent_tags_the_power_set_gets_more_wholly_right() -> None:
    found = power_set_against_sigmoids(dependent=True, count=300, epochs=8)
    assert found["best"] == "power set"
    assert found["sigmoid"]["standing"] == "worse"
    assert found["sigmoid"]["value"] == pytest.approx(0.5, abs=0.12)  # of the lying ones none: all three are likely
    assert found["power set"]["value"] == pytest.approx(2 / 3, abs=0.12)


def test_of_independent_tags_it_does_not() -> None:
    found = power_set_against_sigmoids(dependent=False, count=300, epochs=8)
    assert {found["sigmoid"]["standing"], found["power set"]["standing"]} == {"best", "not told apart"}


def test_pellucid_has_it() -> None:
    assert pellucid.compare_tasks is compare_tasks
