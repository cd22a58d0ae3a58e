"""Every metric beside scikit-learn's."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve

from pellucid.tasks import curves
from pellucid.tasks.group_metrics import group_metrics
from pellucid.tasks.label_metrics import label_metrics
from pellucid.tasks.metrics import BINARY, EXCLUSIVE, expected_cost
from pellucid.tasks.task import MISSING

N = 500


def exclusive(seed: int, classes: int, *, missing: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    given = rng.dirichlet(np.ones(classes), N)
    truth = np.where(rng.random(N) < 0.6, given.argmax(1), rng.integers(0, classes, N))
    if missing:
        truth[::7] = MISSING
    return truth, given, given.argmax(1)


@pytest.mark.parametrize("missing", [False, True])
def test_exclusive_classes(missing: bool) -> None:
    truth, given, said = exclusive(0, 4, missing=missing)
    found = {name: m.compute(truth, given, said) for name, m in EXCLUSIVE.items()}
    known = truth != MISSING
    y, p, d = truth[known], given[known], said[known]
    wanted = {
        "accuracy": sk.accuracy_score(y, d),
        "balanced_accuracy": sk.balanced_accuracy_score(y, d),
        "macro_f1": sk.f1_score(y, d, average="macro"),
        "log_loss": sk.log_loss(y, p),
    }
    assert found == pytest.approx(wanted)


@pytest.mark.parametrize("missing", [False, True])
def test_two_classes(missing: bool) -> None:
    truth, given, _ = exclusive(1, 2, missing=missing)
    said = (given[:, 1] >= 0.4).astype(int)
    found = {name: m.compute(truth, given, said) for name, m in BINARY.items()}
    known = truth != MISSING
    y, p, d = truth[known], given[known, 1], said[known]
    wanted = {
        "accuracy": sk.accuracy_score(y, d),
        "balanced_accuracy": sk.balanced_accuracy_score(y, d),
        "f1": sk.f1_score(y, d),
        "precision": sk.precision_score(y, d),
        "recall": sk.recall_score(y, d),
        "auroc": sk.roc_auc_score(y, p),
        "average_precision": sk.average_precision_score(y, p),
        "brier": sk.brier_score_loss(y, p),
        "log_loss": sk.log_loss(y, p),
        "calibration_error": by_bins(y, p),
    }
    assert found == pytest.approx(wanted)


def by_bins(y: np.ndarray, p: np.ndarray, bins: int = 15) -> float:
    """The calibration error from scikit-learn's curve, which leaves out empty bins."""
    true, predicted = calibration_curve(y, p, n_bins=bins)
    counts = np.histogram(p, np.linspace(0, 1, bins + 1))[0]
    return float((np.abs(true - predicted) * counts[counts > 0]).sum() / len(y))


def test_the_mean_cost_counts_both_mistakes() -> None:
    truth, said = np.array([0, 0, 0, 1, 1, MISSING]), np.array([1, 0, 0, 0, 1, 1])
    metric = expected_cost(2.0, 10.0)
    assert metric.compute(truth, np.zeros((6, 2)), said) == pytest.approx((2 + 10) / 5)
    assert not metric.higher


def several(seed: int, *, missing: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    given = rng.random((N, 5)) * [1, 0.9, 0.5, 0.3, 0.2]
    truth = (rng.random((N, 5)) < given).astype(np.float32)
    said = (given >= [0.5, 0.4, 0.3, 0.2, 0.9]).astype(int)  # the last one is never said
    if missing:
        truth[rng.random((N, 5)) < 0.3] = np.nan
        truth[::50] = np.nan
    return truth, given, said


def test_several_labels() -> None:
    truth, given, said = several(2, missing=False)
    found = {name: m.compute(truth, given, said) for name, m in label_metrics("abcde").items()}
    wanted = {
        "mean_average_precision": sk.average_precision_score(truth, given),
        "subset_accuracy": sk.accuracy_score(truth, said),
        "macro_f1": sk.f1_score(truth, said, average="macro", zero_division=np.nan),
        "micro_f1": sk.f1_score(truth, said, average="micro"),
        "picture_f1": sk.f1_score(truth, said, average="samples", zero_division=1.0),
        "hamming_loss": sk.hamming_loss(truth, said),
        "log_loss": np.mean([sk.log_loss(truth[:, i], given[:, i]) for i in range(5)]),
    }
    for i, each in enumerate(sk.average_precision_score(truth, given, average=None)):
        wanted[f"average_precision: {'abcde'[i]}"] = each
    assert found == pytest.approx(wanted)


def test_labels_that_are_not_known_count_for_nothing() -> None:
    truth, given, said = several(3, missing=True)
    metrics = label_metrics("abcde")
    found = {name: m.compute(truth, given, said) for name, m in metrics.items()}
    known = ~np.isnan(truth)
    column = [(truth[k, i], given[k, i], said[k, i]) for i, k in enumerate(known.T)]
    each = [sk.average_precision_score(y, p) for y, p, _ in column]
    assert [found[f"average_precision: {n}"] for n in "abcde"] == pytest.approx(each)
    assert found["mean_average_precision"] == pytest.approx(np.mean(each))
    macro = [sk.f1_score(y, d, zero_division=np.nan) for y, _, d in column]
    assert found["macro_f1"] == pytest.approx(np.nanmean(macro))
    assert found["micro_f1"] == pytest.approx(sk.f1_score(truth[known], said[known]))
    assert found["hamming_loss"] == pytest.approx(sk.hamming_loss(truth[known], said[known]))
    assert found["log_loss"] == pytest.approx(sk.log_loss(truth[known], given[known]))
    some = known.any(1)
    right = [(truth[i, known[i]] == said[i, known[i]]).all() for i in np.flatnonzero(some)]
    assert found["subset_accuracy"] == pytest.approx(np.mean(right))
    rows = [sk.f1_score(truth[i, k], said[i, k], zero_division=1.0) for i, k in enumerate(known) if k.any()]
    assert found["picture_f1"] == pytest.approx(np.mean(rows))
    changed = np.where(known, said, 1 - said)
    assert found == pytest.approx({name: m.compute(truth, given, changed) for name, m in metrics.items()})


@pytest.mark.parametrize("missing", [False, True])
def test_several_groups(missing: bool) -> None:
    widths = (3, 4)
    each = [exclusive(4 + i, width, missing=missing and i == 1) for i, width in enumerate(widths)]
    truth, said = (np.stack([e[k] for e in each], 1) for k in (0, 2))
    given = np.concatenate([e[1] for e in each], 1)
    found = {name: m.compute(truth, given, said) for name, m in group_metrics(("type", "make"), widths).items()}
    wanted, known = {}, truth != MISSING
    for i, name in enumerate(("type", "make")):
        y, d = truth[known[:, i], i], said[known[:, i], i]
        wanted[f"accuracy: {name}"] = sk.accuracy_score(y, d)
        wanted[f"macro_f1: {name}"] = sk.f1_score(y, d, average="macro")
    wanted["mean_accuracy"] = np.mean([wanted["accuracy: type"], wanted["accuracy: make"]])
    wanted["subset_accuracy"] = np.mean([(t == d)[k].all() for t, d, k in zip(truth, said, known, strict=True)])
    wanted["log_loss"] = np.mean([sk.log_loss(e[0][e[0] != MISSING], e[1][e[0] != MISSING]) for e in each])
    assert found == pytest.approx(wanted)


@given(
    st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.50000001, 1.0])), min_size=1, max_size=40)
)
@settings(deadline=None, max_examples=200)
def test_areas_with_ties(items: list[tuple[bool, float]]) -> None:
    truth, given = np.array([t for t, _ in items]), np.array([p for _, p in items])
    if truth.any():
        assert curves.average_precision(truth, given) == pytest.approx(sk.average_precision_score(truth, given))
    else:
        assert np.isnan(curves.average_precision(truth, given))
    if truth.any() and not truth.all():
        assert curves.auroc(truth, given) == pytest.approx(sk.roc_auc_score(truth, given))
    else:
        assert np.isnan(curves.auroc(truth, given))


def test_what_is_not_defined_is_nan_and_warns_of_nothing() -> None:
    none, given = np.full(3, MISSING), np.full((3, 2), 0.5)
    unknown = np.full((3, 2), np.nan, np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for metric in (*EXCLUSIVE.values(), *BINARY.values(), expected_cost(1, 1)):
            assert np.isnan(metric.compute(none, given, np.zeros(3, int)))
        for metric in label_metrics("ab").values():
            assert np.isnan(metric.compute(unknown, given, np.zeros((3, 2), int)))
        groups = np.full((3, 2), MISSING)
        for metric in group_metrics(("a", "b"), (2, 2)).values():
            assert np.isnan(metric.compute(groups, np.full((3, 4), 0.5), np.zeros((3, 2), int)))
