"""Regions of 200 photos at four layers, against torchvision's feature extractor with scikit-learn's K-means."""

from __future__ import annotations

import platform
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.preprocessing import normalize
from timm.layers.conv2d_same import Conv2dSame
from torch import Tensor
from torch.nn.functional import interpolate
from torchvision.models.feature_extraction import create_feature_extractor

import pellucid
from benchmarks.pairs import Pair, compare
from pellucid.core.progress import quiet
from pellucid.data.batches import as_batch
from pellucid.data.images import EXAMPLES, read
from pellucid.features.agreement import contingency
from pellucid.features.kmeans import MOST, draw

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
    """The same steps by the libraries that are there: all maps, the same cells drawn, grouped, every cell told."""

    def __init__(self, net: pellucid.Network, layers: Sequence[str]):
        self.net, self.layers = net, list(layers)
        # Left alone, the tracer stops at the first of these, whose padding depends on the input's size.
        whole = {"leaf_modules": [Conv2dSame]}
        self.extract = create_feature_extractor(net.module.eval(), {n: n for n in layers}, tracer_kwargs=whole)

    def __call__(self, inputs: Sequence[str] | Tensor) -> np.ndarray:
        maps: dict[str, list[Tensor]] = {name: [] for name in self.layers}
        with torch.no_grad():
            for first in range(0, len(inputs), BATCH):
                x = as_batch(self.net.input, inputs[first : first + BATCH], "cpu", torch.float32).x
                for name, each in self.extract(x).items():
                    maps[name].append(each)
        return np.concatenate([self.labels(torch.cat(maps.pop(name))).reshape(-1) for name in self.layers])

    def labels(self, maps: Tensor) -> np.ndarray:
        """The group of every cell and then of every pixel: similarities made larger, and the nearest."""
        n, channels, height, width = maps.shape
        cells = maps.permute(0, 2, 3, 1).reshape(-1, channels).numpy()
        drawn = cells[draw(len(cells), MOST, torch.Generator().manual_seed(0)).numpy()]
        pca = PCA(0.95).fit(drawn)  # its own choice of solver is the fastest
        kept = min(64, max(3, pca.n_components_))
        fit = KMeans(CLUSTERS, n_init=10, random_state=0).fit(normalize(pca.transform(drawn)[:, :kept]))
        centroids = normalize(fit.cluster_centers_)
        cosines = torch.from_numpy(normalize(pca.transform(cells)[:, :kept]) @ centroids.T).float()
        cosines = cosines.view(n, height, width, -1).permute(0, 3, 1, 2)
        size = self.net.input.size
        return np.concatenate(
            [interpolate(one, size=size, mode="bilinear").argmax(1).to(torch.uint8).numpy() for one in cosines.split(1)]
        )


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
    peer = Peer(net, layers)
    read_ = as_batch(net.input, files, "cpu", torch.float32).x
    for what, inputs in (("from files", files), ("from a tensor, read before", read_)):
        last: dict[str, np.ndarray] = {}

        def ours(inputs: Sequence[str] | Tensor = inputs, last: dict[str, np.ndarray] = last) -> np.ndarray:
            view = pellucid.regions(net, inputs, layers, CLUSTERS)
            last["ours"] = np.concatenate([view[f"labels/{name}"].reshape(-1) for name in layers])
            return last["ours"]

        def theirs(inputs: Sequence[str] | Tensor = inputs, last: dict[str, np.ndarray] = last) -> np.ndarray:
            last["theirs"] = peer(inputs)
            return last["theirs"]

        pair = compare(f"{PHOTOS} photos {what}, {len(layers)} layers, k = {CLUSTERS}", ours, theirs, rounds=3)
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
size. Ours also measures what it prints: silhouette, stability on ten halves, and all of it for the raw colours.
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
