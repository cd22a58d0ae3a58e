"""The task of grades: which level a cell is, what is decided, what a user is told."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.core.errors import BadInput
from pellucid.tasks.grading.decisions import RULES
from pellucid.tasks.grading.ways import WAYS
from pellucid.tasks.ordinal import Loss
from pellucid.tasks.ordinal_metrics import mae, mse, qwk
from pellucid.tasks.table import tasks
from pellucid.tasks.task import MISSING, Task
from tasks.grades import LEVELS, PLACES, task, vocabulary

ALL = sorted(WAYS)


def test_every_loss_is_an_option() -> None:
    assert set(get_args(Loss)) == set(WAYS)
    assert tasks["ordinal"].summary


# -- levels -----------------------------------------------------------------------------------------


def test_numbers_are_ordered_by_size_and_however_written_the_same() -> None:
    made = task(cells=("10", "2", "2.0", "9"))
    assert made.classes == ("2", "9", "10")
    assert made.encode({"grade": ["9.00", "2", "", "10", "2.0"]}).tolist() == [1, 0, MISSING, 2, 0]
    assert made.say(np.int64(2)) == "10"


def test_words_need_their_order() -> None:
    with pytest.raises(BadInput, match="words, whose order nobody knows: 'fair', 'good', 'poor'; write it with levels"):
        task(cells=("fair", "good", "poor"))
    made = task(cells=("fair", "good", "poor"), levels="poor < fair<good")
    assert made.classes == ("poor", "fair", "good")
    assert made.encode({"grade": ["good", "poor"]}).tolist() == [2, 0]


def test_an_order_may_name_levels_that_nobody_has() -> None:
    made = task(cells=("1", "2", "4"), levels="1<2<3<4")
    assert made.head.outputs == 4
    assert made.notes == ("no training picture has the grade 3",)


def test_gaps_between_whole_numbers_are_told() -> None:
    assert re.match("no picture has the grade 3, so its neighbours", task(cells=("1", "2", "4", "5")).notes[0])
    assert task(cells=("1", "2", "3")).notes == task(cells=("0.5", "3")).notes == ()


def test_levels_without_a_training_picture_are_told() -> None:
    entry = tasks["ordinal"]
    assert entry.function(vocabulary(("1", "2", "3"), (4, 0, 2))).notes == ("no training picture has the grade 2",)


@pytest.mark.parametrize(
    ("cells", "options", "said"),
    [
        (("1",), {}, "one level alone"),
        (("1", "nan", "2"), {}, "'nan'"),
        (("1", "2"), {"levels": "1<<2"}, "empty name"),
        (("1", "2"), {"levels": "1<2<1.0"}, "name one twice"),
        (("1", "2", "3"), {"levels": "1<2"}, "'3' is no level of the scale 1 < 2"),
        (("a", "b"), {"levels": "a<b", "spacing": "values"}, "words have no values"),
        (("1", "2", "3"), {"levels": "1<3<2", "spacing": "values"}, "not that of their values"),
        (("1", "2", "5"), {"spacing": "values", "loss": "soft_binomial"}, "ranks alone"),
        (("1", "2"), {"sharpness": 0.0}, "above 0"),
        (("1", "2"), {"share": 0.5, "loss": "soft_triangular"}, "from 0 to 2/9"),
        (tuple(map(str, range(12))), {"loss": "soft_binomial"}, "too broad for 12 levels"),
    ],
)
def test_what_cannot_be_a_scale_is_told(cells: tuple[str, ...], options: dict, said: str) -> None:
    with pytest.raises(BadInput) as error:
        task(options.pop("loss", "cross_entropy"), cells, **options)
    assert said in str(error.value)
    assert error.value.cure


def test_a_cell_of_other_data_that_is_no_level_is_told() -> None:
    with pytest.raises(BadInput, match="'6' is no level of the scale 1 < 2 < 3 < 4 < 5"):
        task().encode({"grade": ["6"]})


def test_spacing_moves_distances_in_metrics_decisions_and_losses() -> None:
    truth, decisions = np.array([0, 0]), np.array([1, 2])
    probabilities = np.full((2, 3), 1 / 3)
    ranks, values = (task(cells=("1", "2", "5"), spacing=s) for s in ("ranks", "values"))
    assert ranks.metrics["mae"].compute(truth, probabilities, decisions) == 1.5
    assert values.metrics["mae"].compute(truth, probabilities, decisions) == 2.5
    even = np.array([[0.4, 0.0, 0.6]])  # the mean is rank 1.2, value 3.4
    assert [int(t.decide(even, {"decide": "mean"})[0]) for t in (ranks, values)] == [1, 1]
    assert [int(t.decide(np.array([[0.3, 0, 0.7]]), {"decide": "mean"})[0]) for t in (ranks, values)] == [1, 2]
    scores, y = torch.tensor([[0.0, 1.0, 2.0]]), torch.tensor([1])
    for loss in ("distance_by_class", "distance_by_decision", "soft_exponential", "emd", "regression"):
        one, two = (task(loss, ("1", "2", "5"), spacing=s) for s in ("ranks", "values"))
        output = scores[:, : one.head.outputs]
        assert float(one.loss(output, y)) != pytest.approx(float(two.loss(output, y)), rel=1e-3), loss


def test_a_falling_scale_of_values_is_the_rising_one_read_backwards() -> None:
    truth, decisions, p = np.array([0, 2]), np.array([1, 0]), np.full((2, 3), 1 / 3)
    one = task(cells=("1", "2", "5"), spacing="values")
    two = task(cells=("1", "2", "5"), spacing="values", levels="5<2<1")
    a, b = one.scores(truth, p), two.scores(2 - truth, p)
    assert a["rps"] == pytest.approx(b["rps"])
    assert one.metrics["mse"].compute(truth, p, decisions) == two.metrics["mse"].compute(2 - truth, p, 2 - decisions)


# -- decisions --------------------------------------------------------------------------------------


shares = st.lists(st.floats(0, 1), min_size=5, max_size=5).filter(lambda p: sum(p) > 0.1)


@given(shares)
@settings(max_examples=200, deadline=None)
def test_each_rule_has_the_smallest_expected_error_of_its_kind(raw: list[float]) -> None:
    p = np.array([raw]) / sum(raw)
    distances = np.abs(PLACES[:, None] - PLACES)
    costs = {"mode": distances > 0, "median": distances, "mean": distances**2}
    for rule, cost in costs.items():
        expected = cost @ p[0]
        assert expected[RULES[rule](p, PLACES)[0]] <= expected.min() + 1e-6, rule


@pytest.mark.parametrize(
    ("metric", "rule"), [("accuracy", "mode"), ("mae", "median"), ("mse", "mean"), ("qwk", "stretched")]
)
def test_the_metric_picks_the_rule(metric: str, rule: str) -> None:
    made = task(metric=metric)
    assert made.primary == metric
    assert made.rule == {"decide": rule}
    assert (made.tune is not None) == (rule == "stretched")
    p = np.array([[0.35, 0.25, 0.05, 0.05, 0.30]])  # mode 1, median 2, mean 2.7; untuned the stretch is the median
    assert int(made.decide(p, made.rule)[0]) == {"mode": 0, "median": 1, "mean": 2, "stretched": 1}[rule]
    assert task(metric=metric, decide="mode").rule == {"decide": "mode"}


def test_a_rule_that_does_not_suit_is_told() -> None:
    assert "decided by 'mode', though 'median' suits mae" in task(decide="mode").notes


def test_soft_labels_are_not_decided_by_a_rule_that_mistakes_a_certain_level() -> None:
    """Exponential labels of sharpness 1 have the mean 0.6 where level 0 is certain, so the rounded mean would say 1."""
    made = task("soft_exponential", metric="mse", sharpness=1.0)
    assert made.rule == {"decide": "median"}
    assert "decided by 'median', though 'mean' suits mse" in made.notes
    asked = task("soft_exponential", metric="mse", sharpness=1.0, decide="mean")
    assert "by 'mean' a picture that is certainly 1 is decided to be another" in asked.notes
    assert task("soft_exponential", metric="mse").rule == {"decide": "mean"}  # the default is sharp enough


def test_the_stretched_mean_is_tuned_on_validation_and_plain() -> None:
    made = task(metric="qwk")
    rng = np.random.default_rng(0)
    p = rng.dirichlet([3] * 5, size=400)
    truth = np.array([rng.choice(5, p=row) for row in p])
    rule = made.tuned(p, np.append(truth, MISSING)[:-1])
    assert rule["decide"] == "stretched"
    assert all(type(a) is float for a in rule["at"])
    given_, right = p @ PLACES, truth.astype(float)
    assert np.allclose(np.diff(rule["at"]), given_.std() / right.std())
    assert made.scores(truth, p, rule)["qwk"] > made.scores(truth, p, {"decide": "mean"})["qwk"] + 0.05
    alike = np.full((3, 5), 0.2)
    assert made.tuned(alike, np.array([0, 1, 2])) == {"decide": "stretched"}  # nothing to stretch
    assert made.tuned(alike, np.full(3, MISSING)) == {"decide": "stretched"}


def test_regression_is_decided_by_rounding_whatever_the_rule() -> None:
    made = task("regression")
    output = torch.linspace(-3, 3, 1201)[:, None]
    p = made.probabilities(output).numpy()
    centre, spread = PLACES.mean(), PLACES.std()
    place = np.clip(output[:, 0].numpy() * spread + centre, 0, 4)
    assert np.allclose(p @ PLACES, place, atol=1e-5)
    clear = np.abs(place % 1 - 0.5) > 1e-3
    for rule in ("mode", "median", "mean"):
        assert np.array_equal(made.decide(p, {"decide": rule})[clear], np.rint(place[clear])), rule


# -- what every loss has in common ------------------------------------------------------------------


@pytest.mark.parametrize("loss", ALL)
def test_a_certain_level_is_decided_as_itself(loss: str) -> None:
    """The outputs that are best for one level alone: all rules that the task uses give that level back."""
    y = torch.arange(5)
    for metric in ("accuracy", "mae", "mse", "qwk"):
        made = task(loss, metric=metric)
        free = torch.zeros(5, made.head.outputs, dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.LBFGS([free], max_iter=100, line_search_fn="strong_wolfe")

        def output(free: torch.Tensor = free) -> torch.Tensor:
            """What the head can give: the cumulative link's outputs fall."""
            falls = torch.nn.functional.softplus(free[:, 1:]).cumsum(1)
            return torch.cat([free[:, :1], free[:, :1] - falls], 1) if loss == "cumulative" else free

        def closure(made: Task = made, output: Callable = output, optimizer: Any = optimizer) -> torch.Tensor:
            optimizer.zero_grad()
            total = made.loss(output(), y).sum()
            total.backward()
            return total

        optimizer.step(closure)
        p = made.probabilities(output().detach()).numpy()
        assert made.decide(p, made.rule).tolist() == [0, 1, 2, 3, 4], metric


@pytest.mark.parametrize("loss", ALL)
def test_names_and_shapes(loss: str) -> None:
    made = task(loss)
    assert len(made.outputs) == made.head.outputs
    kinds = {"coral": "multilabel", "corn": "multilabel", "cumulative": "multilabel", "regression": "values"}
    assert made.output == kinds.get(loss.removesuffix("_l1"), "logits")
    if made.output == "multilabel":
        assert made.outputs == ("above 1", "above 2", "above 3", "above 4")
    output = torch.randn(7, made.head.outputs, generator=torch.Generator().manual_seed(0))
    p = made.probabilities(output)
    assert p.shape == (7, 5)
    assert p.dtype == torch.float32
    assert torch.allclose(p.sum(1), torch.ones(7))
    assert bool((p >= 0).all())
    assert made.classes == LEVELS
    scores = made.scores(np.array([0, 1, 2, 3, 4, MISSING, 0]), p.numpy())
    assert all(np.isfinite(v) for v in scores.values())


def test_weighted_kappa_is_largest_near_the_stretch_of_its_formula() -> None:
    """s = σ(y)/σ(E[y|x]) against a search over s, on true probabilities; the mean and s = 4 are both worse."""
    rng = np.random.default_rng(3)
    p = rng.dirichlet([0.7] * 5, size=20000)
    truth = (rng.random((20000, 1)) > p.cumsum(1)[:, :-1]).sum(1)
    m = p @ PLACES

    def value(stretch: float) -> float:
        d = np.abs((truth.mean() + stretch * (m - m.mean()))[:, None] - PLACES).argmin(1)
        table = np.zeros((5, 5))
        np.add.at(table, (truth, d), 1)
        return qwk(table, PLACES)

    formula = truth.std() / m.std()
    best = max(np.linspace(1, 4, 61), key=value)
    assert 1.5 < formula < 2.6
    assert value(formula) > value(best) - 0.005
    assert value(formula) > value(1.0) + 0.05
    assert value(formula) > value(4.0) + 0.01


def test_what_a_table_counts_is_what_the_metrics_say() -> None:
    table = np.array([[3, 1, 0], [0, 2, 1], [1, 0, 2]])
    places = np.arange(3.0)
    assert mae(table, places) == pytest.approx(4 / 10)
    assert mse(table, places) == pytest.approx(6 / 10)
