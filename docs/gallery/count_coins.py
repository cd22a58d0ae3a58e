"""Coins in a photograph (scikit-image's, of the Brooklyn Museum): how many there are, and where their middles lie.

Learnt from cuttings of its left half, asked of the right half, which no cutting has seen.
"""

import numpy as np
from matplotlib.figure import Figure
from scipy import ndimage
from skimage import data, filters, morphology, segmentation

from pellucid.data.dataset import Dataset, Stack
from pellucid.report.spots import spotted
from pellucid.tasks.landmarks import scores
from pellucid.training.plan import Plan
from pellucid.training.scoring import scored
from pellucid.training.setup import prepare
from pellucid.training.train import fit

SIDE, LEFT, CUTTINGS = 96, 194, 120


def middles(photo):
    """The coins' middles [24, 2]: the edges' watershed, as in scikit-image's own example."""
    markers = np.zeros_like(photo, int)
    markers[photo < 30], markers[photo > 150] = 1, 2
    coins = ndimage.binary_fill_holes(segmentation.watershed(filters.sobel(photo), markers) == 2)
    numbers, count = ndimage.label(morphology.opening(coins, morphology.disk(5)))
    return np.array(ndimage.center_of_mass(numbers > 0, numbers, range(1, count + 1)))[:, ::-1] + 0.5


def cuttings(photo, points, corners, split):
    """Squares of the photograph, with the middles that lie in each."""
    pixels = np.stack([photo[y : y + SIDE, x : x + SIDE] for x, y in corners])
    own = [points - corner for corner in corners]
    own = tuple(p[((p >= 0) & (p <= SIDE)).all(1)] for p in own)
    return Dataset("coins", Stack.of(pixels, "coins.npz"), points=own, split=split)


photo = data.coins()
points = middles(photo)
rng = np.random.default_rng(0)
learnt = np.stack([rng.integers(0, LEFT - SIDE, CUTTINGS), rng.integers(0, len(photo) - SIDE, CUTTINGS)], 1)
asked = np.array([(x, y) for y in (0, 69, 138, 207) for x in (LEFT, 288)])
split = tuple(["val" if i % 6 == 5 else "train" for i in range(CUTTINGS)] + ["test"] * len(asked))
coins = cuttings(photo, points, np.concatenate([learnt, asked]), split)

choices = {"model": "unet:8x4", "size": (48, 48), "epochs": 20, "batch": 8, "lr": 0.003, "backbone_lr": 1.0}
options = {"radius": 0.06, "sigma": 2.0}
plan = Plan.of({**choices, "task": "keypoints", "augment": ("flip", "rotate", "zoom", "light"), "options": options})
fitted = fit(prepare(coins, plan, check=False))
setup, task = fitted.setup, fitted.setup.task
answers = fitted.answers("test")
found = scored(task, setup.test.targets.numpy(), answers, fitted.rule)
for name, interval in found.items():
    print(name, "{:.3f} ({:.3f} to {:.3f})".format(*interval.named("v").values()))

figure = Figure(figsize=(12, 6.4), layout="constrained")
for axes, summary, (x, y) in zip(figure.subplots(2, 4).ravel(), answers[:, 0], asked, strict=True):
    _, peaks, true = scores.parts(summary, 2 * task.vocabulary.most + 5)
    kept = peaks[peaks[:, 2] > fitted.rule["thresholds"][0]]
    grey = photo[y : y + SIDE, x : x + SIDE, None].repeat(3, 2)
    axes.imshow(spotted(grey, [[0, *2 * p] for p in true], [[0, *2 * p] for p in kept[:, :2]]))
    axes.set_title(f"{len(true)} there, {len(kept)} found", loc="left", fontsize=10)
    axes.set_axis_off()
figure.savefig("count_coins.png", dpi=100)
