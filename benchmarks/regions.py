"""Regions of 200 photos at four layers, against torchvision's feature extractor with scikit-learn's K-means."""

from __future__ import annotations

import platform
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.metadata import version
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score, silhouette_score
from sklearn.preprocessing import normalize
from timm.layers.conv2d_same import Conv2dSame
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, interpolate
from torchvision.models.feature_extraction import create_feature_extractor

import pellucid
from benchmarks.pairs import Pair, compare
from pellucid.core.progress import quiet
from pellucid.data.batches import as_batch
from pellucid.data.images import EXAMPLES, read
from pellucid.features.grouping.agreement import contingency
from pellucid.features.grouping.kmeans import MOST, draw

PHOTOS, CLUSTERS, BATCH = 200, 6, 8


def crops(folder: Path, count: int) -> list[str]:
    """Distinct square pieces of the example photos, as files."""
    rng, files = np.random.default_rng(0), []
    photos = [Image.fromarray(a.repeat(3 // a.shape[2], 2)) for a in (read(f"example:{n}").array for n in EXAMPLES)]
    for i in range(count):
        photo = photos[i % len(photos)]
        side = int(min(photo.size) * rng.uniform(0.4, 0.95))
        left, top = (int(rng.integers(room - side + 1)) for room in photo.size)
        files.append(str(folder / f"{i:05d}.jpg"))
        photo.crop((left, top, left + side, top + side)).resize((320, 320)).save(files[-1], quality=90)
    return files


class Peer:
    """The same steps by the libraries that are there: all maps, the same cells drawn, grouped, every cell told.

    figures: also what ours prints with them: silhouette (on a sample, for all pairs of cells would take hours),
    stability of ten halves, and both for the raw colours of the same places, with the agreement.
    """

    def __init__(self, net: pellucid.Network, layers: Sequence[str], *, figures: bool):
        self.net, self.layers, self.figures = net, list(layers), figures
        # Left alone, the tracer stops at the first of these, whose padding depends on the input's size.
        whole = {"leaf_modules": [Conv2dSame]}
        self.extract = create_feature_extractor(net.module.eval(), {n: n for n in layers}, tracer_kwargs=whole)

    def __call__(self, inputs: Sequence[str] | Tensor) -> np.ndarray:
        maps: dict[str, list[Tensor]] = {name: [] for name in self.layers}
        colours: dict[str, list[Tensor]] = {name: [] for name in self.layers}
        with torch.no_grad():
            for first in range(0, len(inputs), BATCH):
                x = as_batch(self.net.input, inputs[first : first + BATCH], "cpu", torch.float32).x
                for name, each in self.extract(x).items():
                    maps[name].append(each)
                    if self.figures:
                        colours[name].append(adaptive_avg_pool2d(x, each.shape[2:]))
        found = []
        for name in self.layers:
            cells, drawn = drawn_of(torch.cat(maps[name]))
            pca, kept, fit = grouped(drawn)
            if self.figures:
                print_figures(drawn, fit, *drawn_of(torch.cat(colours[name]))[1:])
            found.append(self.painted(maps.pop(name), cells, pca, kept, fit).reshape(-1))
        return np.concatenate(found)

    def painted(self, maps: list[Tensor], cells: np.ndarray, pca: PCA, kept: int, fit: KMeans) -> np.ndarray:
        """The group of every cell and then of every pixel: similarities made larger, and the nearest."""
        (_, _, height, width), size = maps[0].shape, self.net.input.size
        cosines = normalize(pca.transform(cells)[:, :kept]) @ normalize(fit.cluster_centers_).T
        cosines = torch.from_numpy(cosines).float().view(-1, height, width, CLUSTERS).permute(0, 3, 1, 2)
        return np.concatenate(
            [interpolate(one, size=size, mode="bilinear").argmax(1).to(torch.uint8).numpy() for one in cosines.split(1)]
        )


def drawn_of(maps: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """All cells, and those that a fit looks at."""
    cells = maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1]).numpy()
    return cells, cells[draw(len(cells), MOST, torch.Generator().manual_seed(0)).numpy()]


def grouped(drawn: np.ndarray) -> tuple[PCA, int, KMeans]:
    pca = PCA(0.95).fit(drawn)  # its own choice of solver is the fastest
    kept = min(64, max(min(3, drawn.shape[1]), pca.n_components_))
    return pca, kept, KMeans(CLUSTERS, n_init=10, random_state=0).fit(normalize(pca.transform(drawn)[:, :kept]))


def print_figures(drawn: np.ndarray, fit: KMeans, colours: np.ndarray) -> None:
    _, _, raw = grouped(colours)
    told = [adjusted_rand_score(fit.labels_, raw.labels_)]
    for cells, own in ((drawn, fit), (colours, raw)):
        x = normalize(PCA(own.cluster_centers_.shape[1]).fit_transform(cells))
        told.append(silhouette_score(x, own.labels_, metric="cosine", sample_size=3000, random_state=0))
        told.append(stability(x[np.random.default_rng(0).permutation(len(x))[:3000]]))


def stability(x: np.ndarray) -> float:
    rng, labels = np.random.default_rng(0), []
    for i in range(10):
        half = x[rng.permutation(len(x))[: len(x) // 2]]
        labels.append(KMeans(CLUSTERS, n_init=10, random_state=i).fit(half).predict(x))
    return float(np.mean([adjusted_rand_score(a, b) for a, b in combinations(labels, 2)]))


def otherwise(ours: np.ndarray, theirs: np.ndarray, layers: int) -> float:
    """The share of pixels that the two group otherwise, under the best matching of their groups in each layer."""
    alike = 0
    for a, b in zip(ours.reshape(layers, -1), theirs.reshape(layers, -1), strict=True):
        table = contingency(a, b, (CLUSTERS, CLUSTERS))
        alike += table[linear_sum_assignment(table, maximize=True)].sum()
    return 1 - alike / ours.size


def pairs(folder: Path) -> Iterator[Pair]:
    net = pellucid.open()
    layers = net.stages()[:4]
    files = crops(folder, PHOTOS)
    peers = {"": Peer(net, layers, figures=False), ", and their figures": Peer(net, layers, figures=True)}
    for what, peer in peers.items():
        last: dict[str, np.ndarray] = {}

        def ours(last: dict[str, np.ndarray] = last) -> np.ndarray:
            view = pellucid.regions(net, files, layers, CLUSTERS)
            last["ours"] = np.concatenate([view[f"labels/{name}"].reshape(-1) for name in layers])
            return last["ours"]

        def theirs(peer: Peer = peer, last: dict[str, np.ndarray] = last) -> np.ndarray:
            last["theirs"] = peer(files)
            return last["theirs"]

        note = "the other also measures what ours prints" if what else "ours measures its figures all the same"
        pair = compare(f"regions of {PHOTOS} photos at {len(layers)} layers{what}", ours, theirs, rounds=5, note=note)
        yield replace(pair, difference=otherwise(last["ours"], last["theirs"], len(layers)))


def main() -> None:
    with quiet(), tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rows = [pair.row() for pair in pairs(Path(folder))]
    versions = ", ".join(f"{name} {version(name)}" for name in ("pellucid", "torch", "torchvision", "scikit-learn"))
    machine = f"{platform.machine()}, {torch.get_num_threads()} threads, no GPU"
    text = f"""# Regions, side by side

Written by `python -m benchmarks.regions`. One process, the two in turn after a warm-up; a ratio is the other's time
over ours in the same round, given as the median with the smallest and largest. EfficientNet-Lite0 with ImageNet
weights at 224 × 224. The other is torchvision's `create_feature_extractor` with scikit-learn's `PCA` and `KMeans`
doing the same steps: the same 50 000 cells a layer drawn, centred, reduced to 95 % of the variance and at most 64
components, scaled to length 1, K-means from ten starts, every cell assigned, similarities interpolated to the input's
size; k = 6. Ours always measures what it prints beside the regions: silhouette, stability on ten halves, and both for
the raw colours of the same places. In the second row the other does that too (its silhouette on 3 000 cells only).
{versions}; {machine}.

| what | pellucid, s | the other, s | faster by | pixels grouped otherwise | |
|---|---|---|---|---|---|
{chr(10).join(rows)}

Pixels are grouped otherwise where two starts end in groupings that are as good, and at borders.
"""
    Path(__file__).with_name("REGIONS.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
