"""Several labels at once: what is learnt, what is decided, and when combinations are worth a softmax of their own."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch.nn import functional as F

from pellucid.core.errors import BadInput
from pellucid.tasks.labelling.decisions import best_expected_f1
from pellucid.tasks.labelling.embedding import means_of, tag_vectors, with_nothing
from pellucid.tasks.labelling.power_set import f1_between
from pellucid.tasks.labelling.seen import combinations_of
from tasks.labelled import cells, fit, scores, task, vocabulary, world

TAGS = {"tags": ["red", "red;round", "round", "", "red;small", "?", "red;?"]}
ENCODINGS = ("sigmoid", "power_set", "embedding")
ALL = ["sigmoid auto", "sigmoid f1", "sigmoid cost", "sigmoid expected_f1"]
ALL += ["power_set auto", "power_set half", "power_set f1", "power_set expected_f1"]
ALL += ["embedding auto", "embedding greedy", "embedding f1"]


def made(which: str, columns: dict | None = None, **options):
    encoding, decision = which.split()
    return task("multilabel", columns or TAGS, encoding=encoding, decision=decision, **options)


# -- losses ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ALL)
def test_what_is_not_known_teaches_nothing(which: str) -> None:
    t = made(which)
    target = t.encode(TAGS)
    output = torch.randn(7, t.head.outputs, requires_grad=True)
    loss = t.loss(output, target)
    loss.sum().backward()
    assert loss.shape == (7,)
    assert loss[5] == 0
    assert output.grad[5].abs().max() == 0
    assert (output.grad[:5].abs().sum(1) > 0).all()


def test_of_sigmoids_only_the_known_ones_count() -> None:
    t = made("sigmoid auto")
    output = torch.randn(7, 3, requires_grad=True)
    target = t.encode(TAGS)
    t.loss(output, target)[6].backward()
    assert (output.grad[6] != 0).tolist() == [True, False, False]  # of "red;?" red alone is known
    whole = F.binary_cross_entropy_with_logits(output[:5], target[:5], reduction="none").sum(1)
    torch.testing.assert_close(t.loss(output, target)[:5], whole)


def test_the_power_sets_loss_is_the_cross_entropy_of_the_combination() -> None:
    t = made("power_set auto")
    output = torch.randn(7, t.head.outputs, dtype=torch.float64)
    loss = t.loss(output, t.encode(TAGS))
    which = torch.tensor([t.outputs.index(n) for n in ("red alone", "red + round", "round alone", "nothing")])
    torch.testing.assert_close(loss[:4], F.cross_entropy(output[:4], which, reduction="none"))
    with_red = [i for i, name in enumerate(t.outputs) if "red" in name]
    torch.testing.assert_close(loss[6], -output[6].softmax(0)[with_red].sum().log())
    unseen = t.encode({"tags": ["round;small"]})
    assert t.loss(output[:1], unseen).item() == 0


def test_a_weight_shifts_a_labels_best_logit_by_its_logarithm() -> None:
    t = task("multilabel", TAGS, pos_weight="balanced")
    target = t.encode(TAGS)
    logits = torch.zeros(1, 3, requires_grad=True)
    optimizer = torch.optim.LBFGS([logits], max_iter=200, tolerance_grad=1e-9)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = t.loss(logits.expand(7, 3), target).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    # "balanced" moves each label's constant logit to 0; what is told is its share: 4/6, 2/5, 1/5 of those known.
    assert logits.detach()[0].tolist() == pytest.approx([0, 0, 0], abs=1e-5)
    assert t.probabilities(logits.detach())[0].tolist() == pytest.approx([4 / 6, 2 / 5, 1 / 5], abs=1e-5)
    plain = task("multilabel", TAGS)
    shift = (t.probabilities(torch.zeros(1, 3)).logit() - plain.probabilities(torch.zeros(1, 3)).logit())[0]
    assert shift.tolist() == pytest.approx([-math.log(2 / 4), -math.log(3 / 2), -math.log(4)], abs=1e-5)


# -- probabilities and decisions ------------------------------------------------------------------


def test_a_labels_probability_is_that_of_all_combinations_that_have_it() -> None:
    t = made("power_set auto")
    output = torch.randn(20, t.head.outputs, dtype=torch.float64)
    p = t.probabilities(output).numpy()
    each = output.softmax(1).numpy()
    for i, label in enumerate(t.decided):
        with_it = [j for j, name in enumerate(t.outputs) if label in name]
        np.testing.assert_allclose(p[:, i], each[:, with_it].sum(1))
    np.testing.assert_allclose(p[:, 3:], each)
    assert len(t.classes) == p.shape[1]
    assert [t.say(d) for d in t.decide(p, t.rule)] == [
        t.outputs[i].removesuffix(" alone").replace(" + ", ", ") for i in each.argmax(1)
    ]


def test_expected_f1_is_that_of_trying_everything() -> None:
    """All 2⁵ decisions against all 2⁵ truths."""
    rng = np.random.default_rng(0)
    p = rng.random((30, 5)) ** 2
    every = np.array(list(itertools.product([0, 1], repeat=5)), float)
    chance = np.prod(np.where(every == 1, p[:, None], 1 - p[:, None]), 2)
    expected = chance @ f1_between(every)
    found = best_expected_f1(p)
    index = (found @ [16, 8, 4, 2, 1]).astype(int)
    np.testing.assert_allclose(expected[np.arange(30), index], expected.max(1))
    assert (found != (p >= 0.5)).any()
    assert best_expected_f1(np.full((1, 5), 0.01)).sum() == 0
    assert best_expected_f1(np.full((1100, 2), 0.4)).tolist() == [[1, 1]] * 1100


def test_the_power_sets_expected_f1_knows_what_goes_together() -> None:
    t = made("power_set expected_f1")
    p = t.probabilities(torch.randn(50, t.head.outputs) * 2).numpy()
    members = np.array([[n in name for n in t.decided] for name in t.outputs], float)
    worth = p[:, 3:] @ f1_between(members)
    np.testing.assert_array_equal(t.decide(p, {}), members[worth.argmax(1)])


def test_thresholds_a_label_are_tuned_on_what_they_are_given() -> None:
    rng = np.random.default_rng(1)
    p = rng.random((400, 3)) * [1, 0.5, 0.2]
    truth = (rng.random((400, 3)) < p).astype(np.float32)
    truth[rng.random((400, 3)) < 0.2] = np.nan
    t = made("sigmoid f1")
    rule = t.tuned(p, truth)
    tuned, untuned = (t.scores(truth, p, r)["macro_f1"] for r in (rule, t.rule))
    assert tuned > untuned
    assert sorted(rule["thresholds"]) == ["red", "round", "small"]
    assert "untuned" not in rule
    truth[:, 2] = 0
    assert t.tuned(p, truth)["untuned"] == ["small"]
    assert t.tuned(p, truth)["thresholds"]["small"] == 0.5
    assert made("sigmoid cost", cost_fp=1, cost_fn=4).rule["thresholds"] == dict.fromkeys(t.decided, 0.2)
    assert made("sigmoid cost").tuned(p, truth) == made("sigmoid cost").rule


# -- tag sets as points ---------------------------------------------------------------------------


def test_tags_that_meet_are_near_and_tags_that_never_meet_are_at_right_angles() -> None:
    rows = np.array([[1, 1, 0, 0], [0, 0, 1, 1], [1, 0, 0, 0], [0, 0, 1, 0]], float)
    seen = combinations_of(rows, np.array([40.0, 40, 10, 10]), "abcd")
    cosines = tag_vectors(seen, 4) @ tag_vectors(seen, 4).T
    np.testing.assert_allclose(np.diag(cosines), 1, atol=1e-6)
    assert cosines[0, 1] > 0.8
    assert np.abs(cosines[:2, 2:]).max() < 1e-6


@pytest.mark.parametrize("decision", ["nearest", "greedy"])
def test_a_sets_own_point_is_decoded_to_the_set(decision: str) -> None:
    rng = np.random.default_rng(2)
    columns = cells(rng.random((60, 6)) < 0.35, "abcdef")
    t = task("multilabel", columns, encoding="embedding", decision=decision)
    target = t.encode(columns)
    seen = combinations_of(target.numpy(), np.ones(60), t.decided)
    assert len(seen) > 15
    tags, none = (torch.from_numpy(v) for v in with_nothing(tag_vectors(seen, 6)))
    points = means_of(target, tags, none)
    assert t.loss(points, target).max() < 1e-10
    said = t.decide(t.probabilities(points).numpy(), t.rule)
    right = (said == target.numpy()).all(1).mean()
    assert right == 1.0 if decision == "nearest" else right > 0.9


def test_greedily_a_set_may_be_found_that_was_never_seen() -> None:
    columns = {"tags": ["a;b", "c;d", "a;c", "b;d", "a;d", "b", ""]}
    t = task("multilabel", columns, encoding="embedding", decision="greedy")
    tags, none = (torch.from_numpy(v) for v in with_nothing(tag_vectors(seen_of(columns), 4)))
    point = means_of(torch.tensor([[0.0, 1, 1, 0], [0, 0, 0, 0]]), tags, none)
    assert [t.say(d) for d in t.decide(t.probabilities(point).numpy(), {})] == ["b, c", "nothing"]
    nearest = task("multilabel", columns, encoding="embedding")
    said = nearest.decide(nearest.probabilities(point).numpy(), {})
    assert [nearest.say(d) for d in said][1] == "nothing"
    assert nearest.say(said[0]) != "b, c"


def seen_of(columns: dict):
    t = task("multilabel", columns)
    rows = t.encode(columns).numpy()
    return combinations_of(rows, np.ones(len(rows)), t.decided)


def test_too_few_dimensions_are_told() -> None:
    columns = cells(np.array(list(itertools.product([0, 1], repeat=4))), "abcd")
    t = task("multilabel", columns, encoding="embedding", dimension=1)
    assert t.head.outputs == 2
    assert any("cannot be told apart; raise dimension" in note for note in t.notes)
    whole = task("multilabel", columns, encoding="embedding")
    assert not any("told apart" in note for note in whole.notes)


def test_the_order_of_the_rows_changes_no_vector() -> None:
    seen = seen_of({"tags": ["a;b", "c", "a;c", "b"]})
    other = seen_of({"tags": ["b", "c;a", "b;a", "c"]})
    np.testing.assert_array_equal(tag_vectors(seen, 3), tag_vectors(other, 3))


# -- when is the power set worth it? --------------------------------------------------------------

SEEDS = 8
T_95 = 2.365  # Student's t of 7 degrees of freedom, 97.5 %


def trained(*, dependent: bool, **options: str) -> dict[str, np.ndarray]:
    """Every metric on planted labels that were not trained on, one value a seed."""
    found = []
    for seed in range(SEEDS):
        x, labels = world(2400, seed, dependent=dependent)
        t = task("multilabel", {n: c[:400] for n, c in cells(labels).items()}, **options)
        target = torch.tensor(labels, dtype=torch.float32)
        found.append(scores(t, fit(t, x[:400], target[:400], seed=seed), x[400:], target[400:]))
    return {name: np.array([f[name] for f in found]) for name in found[0]}


def surely(gain: np.ndarray) -> float:
    """The lower end of the 95 % interval of a paired gain."""
    return float(gain.mean() - T_95 * gain.std(ddof=1) / np.sqrt(SEEDS))


def test_dependent_labels_are_right_as_a_whole_more_often_by_power_set() -> None:
    ours, theirs = (trained(dependent=True, encoding=e)["subset_accuracy"] for e in ("power_set", "sigmoid"))
    assert surely(ours - theirs) > 0.1


def test_independent_labels_are_not() -> None:
    ours, theirs = (trained(dependent=False, encoding=e)["subset_accuracy"] for e in ("power_set", "sigmoid"))
    assert surely(ours - theirs) <= 0
    assert abs((ours - theirs).mean()) < 0.02


def test_each_decision_wins_the_figure_that_it_is_for() -> None:
    """Whole combinations, single labels and a picture's F1 have different best decisions where labels depend."""
    likeliest = trained(dependent=True, encoding="power_set")
    half = trained(dependent=True, encoding="power_set", decision="half")
    f1 = trained(dependent=True, encoding="power_set", decision="expected_f1")
    assert surely(likeliest["subset_accuracy"] - half["subset_accuracy"]) > 0.05
    assert surely(likeliest["hamming_loss"] - half["hamming_loss"]) > 0.01
    assert surely(f1["picture_f1"] - likeliest["picture_f1"]) > 0.05


def test_a_trained_head_is_scikit_learns_regressions() -> None:
    x, labels = world(500, 0, dependent=False)
    t = task("multilabel", cells(labels))
    net = fit(t, x, torch.tensor(labels, dtype=torch.float32), decay=0.0)
    own = t.probabilities(net(x)).detach().numpy()
    for i in range(3):
        other = LogisticRegression(C=np.inf).fit(x.numpy(), labels[:, i]).predict_proba(x.numpy())[:, 1]
        np.testing.assert_allclose(own[:, i], other, atol=5e-3)


# -- what is told ---------------------------------------------------------------------------------


def test_words() -> None:
    t = made("sigmoid auto")
    target = t.encode(TAGS).numpy()
    told = [t.say(row) for row in target]
    assert told == ["red", "red, round", "round", "nothing", "red, small", "unknown", "red, 2 unknown"]
    assert t.decided == t.classes == ("red", "round", "small")


def test_labels_that_are_never_there_or_always_are_told() -> None:
    v = vocabulary({"tags": ["a;b", "a", "a;c"]})
    from pellucid.tasks.table import tasks
    from pellucid.tasks.task import Vocabulary

    t = tasks["multilabel"].function(Vocabulary(v.values, 3, {("a;b",): 1, ("a",): 1}), pos_weight="balanced")
    assert "no training picture has 'c'" in t.notes[0]
    assert "no training picture is without 'a'" in t.notes[1]
    assert torch.isfinite(t.loss(torch.randn(3, 3), t.encode({"tags": ["a;b", "a", "a;c"]}))).all()


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        (TAGS, {"decision": "likeliest"}, "decision is 'likeliest', and encoding 'sigmoid'"),
        (TAGS, {"decision": "half", "encoding": "embedding"}, "known are 'nearest', 'f1', 'greedy'"),
        (TAGS, {"pos_weight": "balanced", "encoding": "power_set"}, "pos_weight is for sigmoids"),
        (TAGS, {"dimension": -1}, "dimension is -1"),
        (TAGS, {"cost_fp": 0.0, "decision": "cost"}, "a mistake costs 0"),
        ({"tags": ["a;?", "b;?"]}, {"encoding": "power_set"}, "no training picture has all its labels known"),
    ],
)
def test_mistakes(columns: dict, options: dict, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        task("multilabel", columns, **options)
