"""Anchors: K-means by overlap against scikit-learn's by distance, at equal numbers and at equal average IoU."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from benchmarks.pairs import Pair, compare, write_page
from pellucid.tasks.boxes.anchors import Anchors, fit_anchors
from pellucid.tasks.boxes.recall import ratio_recall

ANCHORS, STARTS = 9, 10


def boxes(count: int, seed: int = 0) -> np.ndarray:
    """Three kinds of objects, each of its own size and proportions, with a spread of 35 % on each side."""
    rng = np.random.default_rng(seed)
    kinds = np.array([[30, 40], [90, 70], [200, 260]])[rng.integers(0, 3, count)]
    return kinds * np.exp(0.35 * rng.standard_normal((count, 2)))


def peer(sizes: np.ndarray, k: int) -> Anchors:
    """scikit-learn's, with as many starts."""
    return Anchors.of(sizes, KMeans(k, n_init=STARTS, random_state=0).fit(sizes).cluster_centers_)


def worth(sizes: np.ndarray, anchors: Anchors) -> list[float]:
    """What is compared: the average IoU."""
    return [anchors.average_iou]


def told(sizes: np.ndarray, anchors: Anchors) -> str:
    recall = ratio_recall(sizes, anchors.sizes).mean()
    return f"{len(anchors)} anchors, average IoU {anchors.average_iou:.4f}, recall by ratio {recall:.4f}"


def pairs() -> Iterator[Pair]:
    few = boxes(2_000)
    wanted = fit_anchors(few, ANCHORS, restarts=STARTS).average_iou
    enough = next(k for k in range(ANCHORS, 40) if peer(few, k).average_iou >= wanted)
    as_many, as_good = (ANCHORS, "as many anchors"), (enough, "at our average IoU")
    for count, rounds, kinds in ((2_000, 9, (as_many, as_good)), (200_000, 5, (as_many, as_good))):
        sizes = boxes(count)
        ours = fit_anchors(sizes, ANCHORS, restarts=STARTS)
        for k, what in kinds:
            yield compare(
                f"{count} boxes, scikit-learn's KMeans, {what}",
                lambda sizes=sizes: worth(sizes, fit_anchors(sizes, ANCHORS, restarts=STARTS)),
                lambda sizes=sizes, k=k: worth(sizes, peer(sizes, k)),
                rounds=rounds,
                note=f"{told(sizes, ours)}; the other {told(sizes, peer(sizes, k))}",
            )


def main() -> None:
    said = (
        f"Synthetic\nboxes of three kinds, {STARTS} starts each, on one thread. Ours tries its starts on 10 000 of "
        "more boxes and goes on with\nall from the best."
    )
    packages = ("pellucid", "numpy", "scikit-learn")
    with threadpool_limits(1):
        write_page("ANCHORS", "Anchors", said, pairs(), packages=packages, differ="difference of the average IoU")


if __name__ == "__main__":
    main()
