"""MIG and DCI: 1 where each factor has a unit of its own, about 0 where all units say a little of all factors."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import mutual_info_score

from pellucid.core.errors import BadInput
from pellucid.features.coding import disentanglement as dci
from pellucid.features.coding.disentanglement import (
    as_factors,
    binned,
    completeness,
    disentanglement,
    gaps,
    measure,
    mutual_information,
)

COUNT = 600


def drawn(factors: int = 4, levels: int = 5, count: int = COUNT) -> np.ndarray:
    """Independent factors [count, factors], each with so many levels."""
    return np.random.default_rng(0).integers(0, levels, (count, factors)).astype(float)


def columns(values: np.ndarray) -> dict[str, np.ndarray]:
    return {f"factor {i}": v for i, v in enumerate(values.T)}


def test_a_unit_for_each_factor_is_one() -> None:
    values = drawn()
    found = measure(3 * values + 1, as_factors(columns(values), COUNT), seed=0)
    np.testing.assert_allclose(found.information.max(1), found.entropy)  # each unit tells all of its factor
    assert found.mig == pytest.approx(1, abs=0.02)  # but for what chance tells: (5 − 1)² / 2n of ln 5
    assert found.disentanglement == pytest.approx(1, abs=1e-3)
    np.testing.assert_allclose(found.completeness, 1, atol=1e-3)
    np.testing.assert_allclose(found.informativeness, 1)
    assert found.information.argmax(1).tolist() == [0, 1, 2, 3]
    assert abs(found.chance) < 0.02


def test_independent_codes_come_with_what_chance_gives() -> None:
    """Codes that know nothing: every figure is what it is for shuffled factors."""
    rng = np.random.default_rng(0)
    rare = (rng.random(COUNT) < 0.12).astype(float)  # naming the other class always is right for 88 %
    values = np.c_[rare, drawn(2)]
    found = measure(rng.normal(size=(COUNT, 6)), as_factors(columns(values), COUNT), seed=0)
    assert found.disentanglement == pytest.approx(found.disentanglement_chance, abs=0.08)
    np.testing.assert_allclose(found.completeness, found.completeness_chance, atol=0.08)
    np.testing.assert_allclose(found.informativeness, found.informativeness_chance, atol=0.12)
    assert found.informativeness_chance == (1 / 2, 1 / 5, 1 / 5)
    assert found.share_chance.min() > 0  # few samples always seem to tell something
    np.testing.assert_allclose((found.information / found.entropy[:, None]).max(0), found.share_chance, atol=0.04)


def test_what_does_not_vary_in_the_samples_held_out_is_not_known() -> None:
    order = np.random.default_rng(0).permutation(40)
    rare = np.zeros(40)
    rare[order[:3]] = 1  # none of them is held out
    found = measure(np.random.default_rng(0).normal(size=(40, 3)), as_factors({"rare": rare}, 40), seed=0)
    assert found.informativeness == found.informativeness_chance == (None,)


def test_only_solvers_that_stop_early_are_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    def fit(*_: object) -> tuple[object, np.ndarray]:
        warnings.warn("the solver stopped early", ConvergenceWarning, stacklevel=1)
        warnings.warn("a penalty is not what it was", FutureWarning, stacklevel=1)
        raise AssertionError("warnings are errors here")

    monkeypatch.setattr(dci, "_boosting", fit)
    with pytest.raises(FutureWarning, match="penalty"):
        measure(drawn(), as_factors(columns(drawn()), COUNT), seed=0)


def test_the_linear_models_are_sparse() -> None:
    """What a plain penalty of squares, as scikit-learn before 1.8 took it, does not give."""
    values = drawn(1, levels=2)
    noise = np.random.default_rng(1).normal(size=(COUNT, 30))
    _, importance = dci._lasso(as_factors(columns(values), COUNT)[0], np.c_[values - 0.5, noise], values[:, 0], 0)
    assert importance.argmax() == 0
    assert (importance[1:] == 0).mean() > 0.5


def test_all_units_for_all_factors_is_nothing() -> None:
    hadamard = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]])
    values = np.random.default_rng(0).normal(size=(COUNT, 4))
    found = measure(values @ hadamard, as_factors(columns(values), COUNT), seed=0)
    assert abs(found.mig) < 0.05
    assert found.disentanglement < 0.1
    assert (found.completeness < 0.15).all()
    assert min(found.informativeness) > 0.5  # mixed is not lost


def test_more_units_than_boosting_can_take_go_to_sparse_linear_models() -> None:
    count = 300
    values = np.c_[drawn(3, count=count), np.random.default_rng(1).normal(size=count)]
    noise = np.random.default_rng(2).normal(size=(count, 201))
    found = measure(np.c_[values, noise], as_factors(columns(values), count), seed=0)
    assert found.model == "lasso"
    assert found.importance.argmax(1).tolist() == [0, 1, 2, 3]
    assert found.disentanglement > 0.8
    assert found.mig > 0.8


def test_mutual_information_is_sklearns() -> None:
    rng = np.random.default_rng(0)
    factor, units = rng.integers(0, 4, 300), rng.integers(0, 6, (5, 300))
    units[2] = factor
    np.testing.assert_allclose(mutual_information(factor, units), [mutual_info_score(factor, u) for u in units])


def test_the_formulas_by_hand() -> None:
    information, entropy = np.array([[0.9, 0.2, 0.1], [0.3, 0.0, 0.4]]), np.array([1.0, 0.5])
    np.testing.assert_allclose(gaps(information, entropy), [0.7, 0.2])
    importance = np.array([[0.5, 0.5, 0.0], [0.0, 0.5, 0.5]])  # [factors, units]
    assert disentanglement(importance) == pytest.approx((0.5 * 1 + 1.0 * 0 + 0.5 * 1) / 2)
    np.testing.assert_allclose(completeness(importance), 1 - np.log(2) / np.log(3))
    assert disentanglement(importance[:1]) is None
    assert completeness(np.ones((2, 1))).tolist() == [1, 1]


def test_bins_hold_equally_many_and_keep_few_values_apart() -> None:
    bins = binned(np.random.default_rng(0).exponential(size=2000))
    assert np.bincount(bins).tolist() == [100] * 20
    assert binned(np.array([5.0, 1, 5, 9])).tolist() == [1, 0, 1, 2]
    mostly_zero = np.r_[np.zeros(900), np.arange(1, 101)].astype(float)
    assert np.bincount(binned(mostly_zero))[0] == 0 or binned(mostly_zero).min() == 0


def test_what_columns_are() -> None:
    found = as_factors({"text": ["a", "b"] * 30, "few": ["1", "2.0"] * 30, "many": [str(i) for i in range(60)]}, 60)
    assert [f.discrete for f in found] == [True, True, False]
    assert set(found[0].bins) == {0, 1}
    assert len(set(found[2].bins)) == 20
    with pytest.raises(BadInput, match="59 values for 60"):
        as_factors({"a": [1] * 59}, 60)


def test_a_class_too_rare_to_learn_is_told() -> None:
    values = np.zeros(40)
    values[0] = 1
    order = np.random.default_rng(0).permutation(40)
    rare = np.zeros(40)
    rare[order[-1]] = 1  # it falls into the part that is held out
    with pytest.raises(BadInput, match="too few to learn"):
        measure(np.random.default_rng(0).normal(size=(40, 3)), as_factors({"rare": rare}, 40), seed=0)
