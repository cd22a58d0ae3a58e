"""Anchors by six ways of K-means on the same boxes, by average IoU and both recalls; and the figure of the best."""

import numpy as np
from sklearn.cluster import KMeans

import pellucid
from pellucid.report.figures import as_png
from pellucid.tasks.boxes.anchors import Anchors, fit_anchors
from pellucid.tasks.boxes.recall import overlap_recall, ratio_recall
from pellucid.tasks.boxes.rivals import copied

SEEDS, K = 10, 9


def boxes(seed, count=2000):
    """Three kinds of objects, each of its own size and proportions, with a spread of 35 % on each side."""
    rng = np.random.default_rng(seed)
    kinds = np.array([[30, 40], [90, 70], [200, 260]])[rng.integers(0, 3, count)]
    return kinds * np.exp(0.35 * rng.standard_normal((count, 2)))


def euclidean(sizes, seed, way=lambda s: s, back=lambda s: s):
    """scikit-learn's K-means, of the sizes or of what ``way`` makes of them."""
    return Anchors.of(sizes, back(KMeans(K, n_init=10, random_state=seed).fit(way(sizes)).cluster_centers_))


def climbed(sizes, seed):
    """Medians, and from there every side moved by less and less as long as the average IoU grows."""
    best, step = fit_anchors(sizes, K, seed=seed), 0.1
    while step > 0.002:
        before = best.average_iou
        for place in np.ndindex(K, 2):
            for factor in (1 + step, 1 / (1 + step)):
                moved = best.sizes.copy()
                moved[place] *= factor
                best = max(best, Anchors.of(sizes, moved), key=lambda a: a.average_iou)
        step = step if best.average_iou > before else step / 2
    return best


WAYS = {
    "YOLOv3's for COCO, scaled": lambda sizes, seed: copied(sizes),
    "Euclidean": euclidean,
    "Euclidean, of logarithms": lambda sizes, seed: euclidean(sizes, seed, np.log, np.exp),
    "1 − IoU, means": lambda sizes, seed: fit_anchors(sizes, K, update="mean", seed=seed),
    "1 − IoU, medians": lambda sizes, seed: fit_anchors(sizes, K, seed=seed),
    "medians, then climbed": climbed,
}
rows = {name: [] for name in WAYS}
for seed in range(SEEDS):
    sizes = boxes(seed)
    for name, way in WAYS.items():
        found = way(sizes, seed)
        recalls = ratio_recall(sizes, found.sizes).mean(), overlap_recall(found.overlap).mean()
        rows[name].append((found.average_iou, *recalls))

print(f"{K} anchors for 2000 boxes: mean of {SEEDS} seeds (± half of the 95 % interval of the difference from medians)")
print(f"{'':28}{'average IoU':>18}{'recall by ratio':>20}{'recall by IoU':>20}")
usual = np.array(rows["1 − IoU, medians"])
for name, row in rows.items():
    half = 2.262 * (np.array(row) - usual).std(0, ddof=1) / np.sqrt(SEEDS)
    print(f"{name:28}" + "".join(f"{m:12.4f} ±{h:.4f}" for m, h in zip(np.mean(row, 0), half, strict=True)))

view = pellucid.anchors(boxes(0))
with open("anchors_of_boxes.png", "wb") as file:
    file.write(as_png(view.show(), dpi=90))
