"""Learners on the pixels: neighbours, SVMs, weighted sums of all pixels, of components, of smaller pictures."""

from __future__ import annotations

import numpy as np
from sklearn.decomposition import PCA
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from pellucid.training.rivals.bench import Answer, Fold
from pellucid.training.rivals.estimators import linear, neighbours, piped, some, standardised, svm
from pellucid.training.rivals.searching import MOST, searched
from pellucid.training.rivals.table import Absent, Size, rivals

#: Components that are tried; sides of smaller pictures, as shares.
COMPONENTS, SHRUNK = (10, 20, 40, 80, 160), (2, 4)


def _kernels(size: Size) -> float:
    """Seconds of a kernel matrix and of the machine behind it."""
    n = min(size.learn, MOST)
    return n * n * (4e-11 * size.pixels + 4e-8)


def _sums(size: Size, features: float) -> float:
    """Seconds of one logistic regression."""
    return 0.02 + 2.5e-9 * size.learn * features * (size.classes + 4)


@rivals.register(
    "knn",
    group="pixels",
    title="nearest neighbours",
    numbers="nearest neighbours",
    question="Do pictures that are alike pixel by pixel belong together?",
    seconds=lambda size: 0.1 + 30 * min(size.learn, MOST) * (size.items - size.learn) * size.pixels * 1e-10,
)
def knn(fold: Fold) -> Answer:
    """K nearest neighbours by Euclidean distance, of pixels as they are or standardised; k chosen inside."""
    pipeline, grid = piped(neighbours(fold), scale=StandardScaler())
    return searched(fold, fold.bench.pixels, pipeline, grid | {"scale": ["passthrough", StandardScaler()]}, most=MOST)


@rivals.register(
    "linear_svm",
    group="pixels",
    title="linear SVM",
    numbers="linear SVM",
    question="How far does a flat boundary between pixels go?",
    seconds=lambda size: 8 * _kernels(size),
)
def linear_svm(fold: Fold) -> Answer:
    """A linear support vector machine on standardised pixels; C chosen inside."""
    return searched(fold, fold.bench.pixels, *piped(svm(fold.bench, "linear"), scale=standardised()), most=MOST)


@rivals.register(
    "rbf_svm",
    group="pixels",
    title="SVM with an RBF kernel",
    numbers="SVM with an RBF kernel",
    question="How far does a curved boundary between pixels go?",
    seconds=lambda size: 24 * _kernels(size),
)
def rbf_svm(fold: Fold) -> Answer:
    """A support vector machine with Gaussian kernels, on pixels as they are or standardised; C and γ chosen inside."""
    pipeline, grid = piped(svm(fold.bench, "rbf"), scale=StandardScaler())
    return searched(fold, fold.bench.pixels, pipeline, grid | {"scale": ["passthrough", StandardScaler()]}, most=MOST)


@rivals.register(
    "logistic",
    group="pixels",
    title="logistic regression",
    numbers="ridge regression",
    question="How far does a weighted sum of all pixels go?",
    seconds=lambda size: 12 * _sums(size, size.pixels),
)
def logistic(fold: Fold) -> Answer:
    """Logistic (ridge) regression on standardised pixels, all of them; the penalty chosen inside."""
    return searched(fold, fold.bench.pixels, *piped(linear(fold.bench), scale=standardised()))


@rivals.register(
    "pca",
    group="pixels",
    title="principal components + logistic",
    numbers="principal components + ridge",
    question="Does it help to keep only the directions in which pictures differ most?",
    seconds=lambda size: 30 * (_sums(size, 100) + 2e-8 * size.learn * min(size.pixels, 1000) * 10),
)
def pca(fold: Fold) -> Answer:
    """Logistic (ridge) regression on principal components; their number and the penalty chosen inside."""
    bench = fold.bench
    most = min(min(len(fitted) for fitted, _ in fold.inner), bench.pixels.shape[1]) - 1
    counts = [k for k in COMPONENTS if k <= most] or [max(1, most)]
    steps = {"scale": standardised(), "pca": PCA(random_state=bench.seed), "again": standardised()}
    pipeline, grid = piped(linear(bench), **steps)
    return searched(fold, bench.pixels, pipeline, {"pca__n_components": some(counts, bench)} | grid)


@rivals.register(
    "smaller",
    group="pixels",
    title="smaller pictures + logistic",
    numbers="smaller pictures + ridge",
    question="Would pictures of half or a quarter of the side do?",
    seconds=lambda size: 20 * _sums(size, size.pixels / 6),
)
def smaller(fold: Fold) -> Answer:
    """Logistic (ridge) regression on pictures of 1/2 or 1/4 of the side, chosen inside with the penalty."""
    bench = fold.bench
    shrunk = {f"1/{by}": Shrunk(bench.shape, by) for by in SHRUNK if min(bench.shape[1:]) >= 2 * by}
    if not shrunk:
        raise Absent(f"{bench.shape[1]} × {bench.shape[2]} cannot be made smaller")
    pipeline, grid = piped(linear(bench), smaller=FunctionTransformer(), scale=standardised())
    return searched(fold, bench.pixels, pipeline, {"smaller__func": list(shrunk.values())} | grid)


class Shrunk:
    """The means of blocks of ``by`` × ``by`` pixels; what is left over at the right and below is cut off."""

    def __init__(self, shape: tuple[int, int, int], by: int):
        self.shape, self.by = shape, by

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """[n, C·H·W] → [n, C·(H // by)·(W // by)]."""
        channels, height, width = (self.shape[0], *(side // self.by for side in self.shape[1:]))
        whole = x.reshape(len(x), *self.shape)[:, :, : height * self.by, : width * self.by]
        blocks = whole.reshape(len(x), channels, height, self.by, width, self.by)
        return blocks.mean((3, 5)).reshape(len(x), -1)

    def __repr__(self) -> str:
        return f"{self.shape[1] // self.by} × {self.shape[2] // self.by}"
