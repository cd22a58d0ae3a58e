"""What can be said without a look at the picture."""

from __future__ import annotations

from sklearn.dummy import DummyClassifier, DummyRegressor

from pellucid.training.rivals.bench import Answer, Fold
from pellucid.training.rivals.estimators import piped
from pellucid.training.rivals.searching import searched
from pellucid.training.rivals.table import rivals


@rivals.register(
    "most_frequent",
    group="trivial",
    title="always the most frequent class",
    numbers="always the mean",
    question="What is it worth to say the same always?",
    seconds=lambda size: 0.01,
)
def most_frequent(fold: Fold) -> Answer:
    """The most frequent class of the learning part (the mean of its numbers)."""
    each = DummyRegressor() if fold.bench.numbers else DummyClassifier(strategy="most_frequent")
    return searched(fold, fold.bench.pixels[:, :1], *piped((each, {})))


@rivals.register(
    "by_share",
    group="trivial",
    title="guessing by the classes' shares",
    numbers="always the median",
    question="What is it worth to guess?",
    seconds=lambda size: 0.01,
)
def by_share(fold: Fold) -> Answer:
    """Classes drawn as often as they are in the learning part (the median of its numbers)."""
    if fold.bench.numbers:
        each = DummyRegressor(strategy="median")
    else:
        each = DummyClassifier(strategy="stratified", random_state=fold.bench.seed)
    return searched(fold, fold.bench.pixels[:, :1], *piped((each, {})))
