"""Surface reconstruction: our blended Hermite fits against scipy's RBFInterpolator, at equal error of the volume."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.interpolate import RBFInterpolator
from scipy.spatial import cKDTree

from benchmarks.pairs import Pair, compare, write_page
from pellucid.core.progress import quiet
from pellucid.surfaces import reconstruct
from pellucid.surfaces.reconstruct import _Grid, _marched, volume

TRUE = 4 / 3 * np.pi


def sphere(n: int) -> np.ndarray:
    i = np.arange(n) + 0.5
    polar, around = np.arccos(1 - 2 * i / n), np.pi * (1 + 5**0.5) * i
    return np.stack([np.cos(around) * np.sin(polar), np.sin(around) * np.sin(polar), np.cos(polar)], 1)


def theirs(points: np.ndarray, resolution: int, neighbours: int | None) -> float:
    """The usual way: two points beside each, values ±d, the cubic kernel, on the same grid's nodes near the surface.

    All other nodes take the sign of the nearest point's own plane, which is as cheap as can be.
    """
    d = 0.3 * float(np.median(cKDTree(points).query(points, 2)[0][:, 1]))
    nodes = np.concatenate([points, points * (1 + d), points * (1 - d)])
    values = np.repeat([0.0, d, -d], len(points))
    fit = RBFInterpolator(nodes, values, neighbors=neighbours, kernel="cubic")
    grid = _Grid.around(points, resolution)
    places = grid.places(np.stack(np.indices(grid.shape), -1).reshape(-1, 3).astype(float))
    away, nearest = cKDTree(points).query(places)
    field = ((places - points[nearest]) * points[nearest]).sum(1)
    near = away < 3 * grid.step
    field[near] = fit(places[near])
    return volume(*_marched(field.reshape(grid.shape), grid)) / TRUE


def pairs() -> Iterator[Pair]:
    for count, resolution, neighbours in ((1000, 64, None), (5000, 96, 50), (20000, 128, 50)):
        points = sphere(count)
        ours = reconstruct(points, points, resolution=resolution).figures["volume"] / TRUE
        peer = theirs(points, resolution, neighbours)
        how = "all points" if neighbours is None else f"{neighbours} neighbours"
        yield compare(
            f"a sphere of {count} points with normals, {resolution} cells, RBFInterpolator with {how}",
            lambda p=points, r=resolution: reconstruct(p, p, resolution=r).figures["volume"] / TRUE,
            lambda p=points, r=resolution, n=neighbours: theirs(p, r, n),
            rounds=3,
            note=f"volume {ours:.5f} and {peer:.5f} of the true one",
        )


def main() -> None:
    packages = ("pellucid", "scipy", "numpy")
    with quiet():
        write_page("SURFACES", "Surfaces", "", pairs(), packages=packages, differ="difference of the volumes")


if __name__ == "__main__":
    main()
