"""Whether known factors of variation lie in units of their own: the mutual information gap, and DCI."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from pellucid.core.errors import BadInput
from pellucid.core.progress import track

#: Bins of a unit or a continuous factor, each with as many samples; what has no more values keeps them.
BINS = 20

#: A factor of numbers with more distinct values than this is continuous.
DISCRETE = 10

#: Samples that DCI's models are fitted to and tested on, and units above which they are sparse linear ones.
MOST, BOOSTED = 1000, 200

#: Shuffled factors that say what chance gives: for information, and for DCI, whose models take long.
SHUFFLES, DCI_SHUFFLES = 20, 2

Model = Literal["gradient boosting", "lasso"]


@dataclass(frozen=True)
class Factor:
    """A factor's values as numbers [n], and whether they are classes; levels: how many bins or classes."""

    name: str
    values: np.ndarray
    discrete: bool

    @property
    def bins(self) -> np.ndarray:
        """Its classes, or its bins."""
        return self.values.astype(int) if self.discrete else binned(self.values)


@dataclass(frozen=True)
class Disentanglement:
    """What units say of factors.

    information: mutual information in nats [factors, units]. entropy: of each factor. gap: the MIG of each. chance:
    the mean MIG with shuffled factors. share_chance: the largest share of a factor's entropy that each unit tells of
    shuffled factors, [units]. importance: DCI's [factors, units]. disentanglement: the mean D (None with a
    single factor). completeness: C of each. informativeness: of each, balanced accuracy or R² on held-out samples;
    None where its value is the same in all of them. …_chance: D and C of models that learnt shuffled factors, and
    the balanced accuracy of always naming the same class (R² 0). model: of DCI.
    """

    factors: tuple[str, ...]
    information: np.ndarray
    entropy: np.ndarray
    gap: np.ndarray
    chance: float
    share_chance: np.ndarray
    importance: np.ndarray
    disentanglement: float | None
    disentanglement_chance: float | None
    completeness: np.ndarray
    completeness_chance: np.ndarray
    informativeness: tuple[float | None, ...]
    informativeness_chance: tuple[float | None, ...]
    model: Model

    @property
    def mig(self) -> float:
        """The mean gap."""
        return float(self.gap.mean())


def as_factors(columns: Mapping[str, Sequence[Any]], count: int) -> list[Factor]:
    """Columns of text or numbers as factors; one that does not vary is an error."""
    if not columns:
        raise BadInput("there is no factor", where="factors", cure="give at least one column beside the pictures'")
    return [_factor(str(name), values, count) for name, values in columns.items()]


def _factor(name: str, given: Sequence[Any], count: int) -> Factor:
    where = f"factor {name!r}"
    if len(given) != count:
        raise BadInput(f"{len(given)} values for {count} samples", where=where, cure="give one value a sample")
    texts = [str(v).strip() for v in given]
    if "" in texts:
        what = f"the value of sample {texts.index('')} (counted from 0) is empty"
        raise BadInput(what, where=where, cure="fill it, or leave the column out")
    numbers = _numbers(texts)
    if numbers is not None and not np.isfinite(numbers).all():
        what = f"the value of sample {int(np.flatnonzero(~np.isfinite(numbers))[0])} is not finite"
        raise BadInput(what, where=where, cure="fill it, or leave the column out")
    distinct, classes = np.unique(texts if numbers is None else numbers, return_inverse=True)
    if len(distinct) < 2:
        raise BadInput("it has the same value everywhere", where=where, cure="leave the column out")
    if numbers is not None and len(distinct) > DISCRETE:
        return Factor(name, numbers, discrete=False)
    if 2 * len(distinct) > count:
        what = f"it has {len(distinct)} different values in {count} samples, so nothing can be learnt of them"
        raise BadInput(what, where=where, cure="leave the column out")
    return Factor(name, classes.astype(float), discrete=True)


def _numbers(texts: Sequence[str]) -> np.ndarray | None:
    try:
        return np.array([float(t) for t in texts])
    except ValueError:
        return None


def measure(codes: np.ndarray, factors: Sequence[Factor], *, seed: int) -> Disentanglement:
    """MIG and DCI of codes [n, units].

    MIG: (I(best unit; factor) − I(second; factor)) / H(factor), averaged over the factors (Chen et al. 2018,
    arXiv:1802.04942, eq. 6), with units and continuous factors in 20 bins of equally many samples. DCI (Eastwood &
    Williams 2018, §2): the importance of each unit for each factor, of gradient-boosted trees (or sparse linear models
    where there are more than 200 units), in disentanglement, completeness and informativeness.
    """
    bins = np.stack([binned(c) for c in codes.T])
    information = np.array([mutual_information(f.bins, bins) for f in factors])
    entropy = np.array([_entropy(f.bins) for f in factors])
    generator = np.random.default_rng(seed)
    shuffled = [
        np.array([mutual_information(generator.permutation(f.bins), bins) for f in factors]) for _ in range(SHUFFLES)
    ]
    chance = float(np.mean([gaps(s, entropy) for s in shuffled]))
    model: Model = "gradient boosting" if codes.shape[1] <= BOOSTED else "lasso"
    learnt = _learn(codes, factors, model, seed)
    apart = [d for d in map(disentanglement, learnt.shuffled) if d is not None]
    return Disentanglement(
        factors=tuple(f.name for f in factors),
        information=information,
        entropy=entropy,
        gap=gaps(information, entropy),
        chance=chance,
        share_chance=np.mean([(s / entropy[:, None]).max(0) for s in shuffled], axis=0),
        importance=learnt.importance,
        disentanglement=disentanglement(learnt.importance),
        disentanglement_chance=float(np.mean(apart)) if apart else None,
        completeness=completeness(learnt.importance),
        completeness_chance=np.mean([completeness(s) for s in learnt.shuffled], axis=0),
        informativeness=learnt.scores,
        informativeness_chance=learnt.chances,
        model=model,
    )


# -- mutual information ---------------------------------------------------------------------------


def binned(values: np.ndarray) -> np.ndarray:
    """Numbers of bins of about equally many values each; at most 20 distinct values keep a bin each."""
    distinct, own = np.unique(values, return_inverse=True)
    if len(distinct) <= BINS:
        return own
    edges = np.unique(np.quantile(values, np.linspace(0, 1, BINS + 1)[1:-1]))
    return np.searchsorted(edges, values, side="right")


def mutual_information(factor: np.ndarray, units: np.ndarray) -> np.ndarray:
    """Of class numbers [n] with each row of bins [units, n], in nats."""
    count, levels = len(factor), int(factor.max()) + 1
    found = []
    for bins in units:
        joint = np.bincount(bins * levels + factor, minlength=(int(bins.max()) + 1) * levels) / count
        joint = joint.reshape(-1, levels)
        apart = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
        there = joint > 0
        found.append(float((joint[there] * np.log(joint[there] / apart[there])).sum()))
    return np.array(found)


def _entropy(classes: np.ndarray) -> float:
    shares = np.bincount(classes) / len(classes)
    return float(-(shares[shares > 0] * np.log(shares[shares > 0])).sum())


def gaps(information: np.ndarray, entropy: np.ndarray) -> np.ndarray:
    """How much more of each factor the best unit tells than the second, as a share of the factor's entropy."""
    ranked = np.sort(information, axis=1)[:, ::-1]
    second = ranked[:, 1] if ranked.shape[1] > 1 else 0.0
    return (ranked[:, 0] - second) / entropy


# -- DCI ------------------------------------------------------------------------------------------


def disentanglement(importance: np.ndarray) -> float | None:
    """1 where every unit serves one factor, 0 where all serve all alike; None with a single factor.

    Each unit counts by its share of all importance.
    """
    factors = len(importance)
    if factors < 2 or not importance.any():
        return None
    sums = importance.sum(0)
    used = sums > 0
    each = 1 - _entropies(importance[:, used] / sums[used], factors)
    return float((each * sums[used]).sum() / sums.sum())


def completeness(importance: np.ndarray) -> np.ndarray:
    """1 for a factor that one unit serves, 0 for one that all serve alike [factors]."""
    units = importance.shape[1]
    sums = importance.sum(1)
    if units < 2:
        return (sums > 0).astype(float)
    shares = importance.T / np.where(sums > 0, sums, 1)
    return np.where(sums > 0, 1 - _entropies(shares, units), 0.0)


def _entropies(shares: np.ndarray, base: int) -> np.ndarray:
    """Of each column, with the logarithm to ``base``."""
    logs = np.log(np.where(shares > 0, shares, 1))
    return -(shares * logs).sum(0) / np.log(base)


@dataclass(frozen=True)
class _Learnt:
    """Importances [factors, units], also of factors shuffled; each factor's score on unseen samples, and by chance."""

    importance: np.ndarray
    shuffled: list[np.ndarray]
    scores: tuple[float | None, ...]
    chances: tuple[float | None, ...]


def _learn(codes: np.ndarray, factors: Sequence[Factor], model: Model, seed: int) -> _Learnt:
    """Fit each factor, and twice its shuffled values; score it on samples unseen."""
    from sklearn.exceptions import ConvergenceWarning

    generator = np.random.default_rng(seed)
    order = generator.permutation(len(codes))[:MOST]
    split = max(1, len(order) * 3 // 4)
    train, test = order[:split], order[split:] if split < len(order) else order[:split]
    spread = codes[train].std(0)
    standard = (codes - codes[train].mean(0)) / np.where(spread > 0, spread, 1)
    fit = _boosting if model == "gradient boosting" else _lasso
    rows, shuffled, scores, chances = [], [], [], []
    for factor in track(factors, "factors"):
        values = factor.values[train]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # solvers stop a little early, a hundred times
            fitted, row = fit(factor, standard[train], values, seed)
            # The classes that are learnt stay the same: only the samples that have them are others.
            drawn = [generator.permutation(values) for _ in range(DCI_SHUFFLES)]
            shuffled.append([fit(factor, standard[train], d, seed)[1] for d in drawn])
        score, chance = _score(fitted, factor, standard[test], factor.values[test])
        rows.append(row)
        scores.append(score)
        chances.append(chance)
    return _Learnt(np.stack(rows), list(np.array(shuffled).swapaxes(0, 1)), tuple(scores), tuple(chances))


def _score(fitted: Any, factor: Factor, x: np.ndarray, y: np.ndarray) -> tuple[float | None, float | None]:
    """The balanced accuracy (the mean share of each class that is told right), or R² of numbers; and by chance.

    None where the values are all the same, for then anything that says so is always right.
    """
    if np.ptp(y) == 0:
        return None, None
    if not factor.discrete:
        return float(fitted.score(x, y)), 0.0
    right, classes = fitted.predict(x) == y, np.unique(y)
    return float(np.mean([right[y == c].mean() for c in classes])), 1 / len(classes)


def _boosting(factor: Factor, x: np.ndarray, y: np.ndarray, seed: int) -> tuple[Any, np.ndarray]:
    from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor

    kind = GradientBoostingClassifier if factor.discrete else GradientBoostingRegressor
    if len(np.unique(y)) < 2:
        what = "its rarer values are too few to learn from"
        raise BadInput(what, where=f"factor {factor.name!r}", cure="pass more samples, or leave the column out")
    fitted = kind(n_estimators=40, max_depth=3, random_state=seed).fit(x, y)
    return fitted, fitted.feature_importances_


def _lasso(factor: Factor, x: np.ndarray, y: np.ndarray, seed: int) -> tuple[Any, np.ndarray]:
    from sklearn.linear_model import LassoCV, LogisticRegression

    if not factor.discrete:
        fitted = LassoCV(cv=3, random_state=seed).fit(x, y)
        return fitted, np.abs(fitted.coef_)
    if len(np.unique(y)) < 2:
        what = "its rarer values are too few to learn from"
        raise BadInput(what, where=f"factor {factor.name!r}", cure="pass more samples, or leave the column out")
    fitted = LogisticRegression(l1_ratio=1.0, C=0.1, solver="saga", max_iter=200, random_state=seed).fit(x, y)
    return fitted, np.abs(fitted.coef_).mean(0)
