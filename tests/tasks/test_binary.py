"""Yes or no: where the sigmoid goes, what a weight does to it, and which threshold decides."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from pellucid.core.errors import BadInput
from pellucid.models.heads import Head
from pellucid.tasks.task import MISSING
from pellucid.tasks.thresholds import cost_threshold, tuned_threshold
from tasks.labelled import task

FRUIT = {"ripe": ["no"] * 6 + ["yes"] * 2 + ["", "?"]}


def test_two_values_are_one_logit() -> None:
    made = task("binary", FRUIT)
    assert made.classes == ("no", "yes")
    assert made.outputs == ("yes",)
    assert made.head == Head("linear", 1)
    assert "'yes' is the positive class" in made.notes[0]
    assert made.encode(FRUIT).tolist() == [0] * 6 + [1] * 2 + [MISSING] * 2
    assert made.say(np.int64(1)) == "yes"
    assert made.say(np.int64(MISSING)) == "unknown"


@pytest.mark.parametrize(
    ("cells", "positive"),
    [
        (["0", "1"], "1"),
        (["true", "false"], "true"),
        (["False", "True"], "True"),
        (["Yes", "no"], "Yes"),
        (["0.0", "1.0"], "1.0"),
        (["10", "9"], "10"),
        (["apple", "pear"], "pear"),
    ],
)
def test_the_later_value_is_positive_and_words_for_yes_are(cells: list[str], positive: str) -> None:
    assert task("binary", {"x": cells}).classes[1] == positive
    assert task("binary", {"x": cells}, positive=cells[0]).classes[1] == cells[0]


def test_one_value_against_all_others() -> None:
    columns = {"fruit": ["apple", "pear", "plum", ""]}
    made = task("binary", columns, positive="pear")
    assert made.classes == ("not pear", "pear")
    assert made.encode(columns).tolist() == [0, 1, 0, MISSING]


def test_one_tag_against_its_absence() -> None:
    columns = {"tags": ["red;round", "round", "", "?", "round;?"]}
    made = task("binary", columns, positive="red", tags=True)
    assert made.classes == ("not red", "red")
    assert made.encode(columns).tolist() == [1, 0, 0, MISSING, MISSING]


def test_a_softmax_of_two_is_the_sigmoid_of_the_difference() -> None:
    z = torch.linspace(-30, 30, 61, dtype=torch.float64)[:, None]
    two = torch.cat([torch.zeros_like(z), z], 1)
    made = task("binary", FRUIT)
    torch.testing.assert_close(made.probabilities(z), two.softmax(1))
    target = (torch.arange(61) % 2).long()
    torch.testing.assert_close(made.loss(z, target), F.cross_entropy(two, target, reduction="none"))


@pytest.mark.parametrize("weight", [0.2, 1.0, 3.0, "balanced"])
def test_a_weight_shifts_the_best_logit_by_its_logarithm(weight: float | str) -> None:
    """2 of 8 are positive: a constant logit ends at log(w·2/6), and its probability is told as 2/8 all the same."""
    made = task("binary", FRUIT, pos_weight=weight)
    logit = torch.zeros(1, 1, dtype=torch.float64, requires_grad=True)
    target = made.encode(FRUIT)
    optimizer = torch.optim.LBFGS([logit], max_iter=200, tolerance_grad=1e-12, tolerance_change=1e-15)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = made.loss(logit.expand(10, 1), target).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    w = 3.0 if weight == "balanced" else weight
    assert float(logit.detach()) == pytest.approx(math.log(w * 2 / 6), abs=1e-6)
    assert made.probabilities(logit.detach())[0].tolist() == pytest.approx([0.75, 0.25], abs=1e-6)
    assert (len(made.notes) == 2) == (w != 1)
    if w != 1:
        assert f"{math.log(w):+.3f}" in made.notes[1]


def test_what_is_not_known_teaches_nothing() -> None:
    made = task("binary", FRUIT, pos_weight=2.0)
    output = torch.randn(10, 1, requires_grad=True)
    loss = made.loss(output, made.encode(FRUIT))
    loss.sum().backward()
    assert loss[8:].tolist() == [0, 0]
    assert output.grad[8:].flatten().tolist() == [0, 0]
    assert (output.grad[:8] != 0).all()


def test_the_cheapest_threshold_is_that_of_the_costs() -> None:
    """Planted: calibrated probabilities; every other threshold on a grid costs more."""
    rng = np.random.default_rng(0)
    p = rng.random(200_000)
    truth = (rng.random(len(p)) < p).astype(int)
    made = task("binary", FRUIT, cost_fp=1.0, cost_fn=4.0)
    assert made.rule == {"threshold": 0.2}
    assert made.primary == "expected_cost"
    given = np.stack([1 - p, p], 1)
    metric = made.metrics["expected_cost"].compute
    cost = {t: metric(truth, given, made.decide(given, {"threshold": t})) for t in np.arange(0.05, 1, 0.05).round(2)}
    assert min(cost, key=cost.get) == 0.2
    assert made.tuned(given, truth) == made.rule


def test_thresholds_are_tuned_on_what_they_are_given() -> None:
    p, truth = np.array([0.1, 0.2, 0.3, 0.6, 0.7]), np.array([0, 1, 0, 1, 1])
    given = np.stack([1 - p, p], 1)
    made = task("binary", FRUIT, threshold="f1")
    rule = made.tuned(given, truth)
    assert rule == {"threshold": pytest.approx(0.15)}  # all three found, one mistake: F1 = 6/7, above 4/5 of 0.45
    assert made.decide(given, rule).tolist() == [0, 1, 1, 1, 1]
    rule = task("binary", FRUIT, threshold="youden").tuned(given, truth)
    assert rule == {"threshold": pytest.approx(0.45)}
    assert task("binary", FRUIT, threshold=0.9).tuned(given, truth) == {"threshold": 0.9}
    nothing = made.tuned(given, np.array([0, MISSING, 0, 0, 0]))
    assert nothing == {"threshold": 0.5, "untuned": ["yes"]}


def test_a_tuned_threshold_is_the_best_of_all() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        p = rng.random(60).round(1)
        truth = rng.random(60) < p
        every = np.unique(np.concatenate([p, p - 0.05, [1.1]]))
        above = p >= every[:, None]
        tp, said = (above & truth).sum(1), above.sum(1)
        f1 = 2 * tp / np.maximum(said + truth.sum(), 1)
        youden = tp / truth.sum() - (said - tp) / (~truth).sum()
        for aim, values in (("f1", f1), ("youden", youden)):
            found = tuned_threshold(truth, p, aim)
            at = values[np.searchsorted(every, found - 1e-9)] if found in every else values[(every >= found).argmax()]
            assert at == pytest.approx(values.max()), aim


def test_the_best_f1_is_reached_at_half_of_it() -> None:
    """For calibrated probabilities (Lipton 2014); a million items, of a share that is far from 1/2."""
    rng = np.random.default_rng(2)
    for a, b in ((1, 3), (2, 2), (0.5, 4)):
        p = rng.beta(a, b, 1_000_000)
        truth = rng.random(len(p)) < p
        found = tuned_threshold(truth, p, "f1")
        said = p >= found
        best = 2 * (said & truth).sum() / (said.sum() + truth.sum())
        assert found == pytest.approx(best / 2, abs=0.01)


def test_neighbours_among_floats_keep_a_threshold_between_them() -> None:
    p = np.array([0.5, np.nextafter(0.5, 1)])
    found = tuned_threshold(np.array([False, True]), p, "f1")
    assert (p >= found).tolist() == [False, True]


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ({"x": ["a", "b", "c"]}, {}, "3 values, not two; name one with --positive"),
        ({"x": ["a", "a", ""]}, {}, "one value alone, a"),
        ({"x": ["a", "b"]}, {"positive": "bb"}, "positive is 'bb'"),
        ({"x": ["a", "b"], "y": ["a", "b"]}, {}, "learns one column, and 2 were named"),
        ({"x": ["a", "b"]}, {"pos_weight": 0.0}, "pos_weight is 0.0"),
        ({"x": ["a", "b"]}, {"pos_weight": "balance"}, "pos_weight is 'balance'"),
        ({"x": ["a", "b"]}, {"threshold": "f2"}, "threshold is 'f2'"),
        ({"x": ["a", "b"]}, {"threshold": 1.5}, r"threshold is 1\.5"),
        ({"x": ["a", "b"]}, {"cost_fp": -1.0}, "a mistake costs -1"),
        ({"x": ["a;b", "b"]}, {"tags": True, "positive": "c"}, "'c' is none of the tags"),
        ({"x": ["a;b", "b"]}, {"tags": True}, "name it with --positive"),
    ],
)
def test_mistakes(columns: dict, options: dict, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        task("binary", columns, **options)


def test_unknown_cells_of_other_data_are_told() -> None:
    with pytest.raises(BadInput, match="'maybe', which is none of the classes"):
        task("binary", FRUIT).encode({"ripe": ["maybe"]})
    with pytest.raises(BadInput, match="a mistake costs 0"):
        cost_threshold(0, 1)


def test_a_balanced_weight_needs_both() -> None:
    from pellucid.tasks.table import tasks
    from pellucid.tasks.task import Vocabulary

    only = Vocabulary({"x": ("a", "b")}, 2, {("a",): 5})
    with pytest.raises(BadInput, match="no training picture is 'b'"):
        tasks["binary"].function(only, pos_weight="balanced")
