"""Contours to masks: our fill against matplotlib's and scikit-image's test of every pixel centre."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from matplotlib.path import Path as Polygon
from skimage.draw import polygon2mask
from skimage.measure import grid_points_in_poly

from benchmarks.pairs import Pair, compare, write_page
from pellucid.data.dicom.raster import fill

SHAPE = (512, 512)


def lines(count: int = 40, corners: int = 300, seed: int = 0) -> list[np.ndarray]:
    """Wavy closed lines, as long as the outline of a lung, as (column, row)."""
    rng = np.random.default_rng(seed)
    angles = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    found = []
    for _ in range(count):
        radii = rng.uniform(40, 120) * (1 + 0.2 * np.sin(rng.integers(2, 9) * angles + rng.uniform(0, 6)))
        found.append(np.stack([*(rng.uniform(130, 380, (2, 1)) + radii * [np.cos(angles), np.sin(angles)])], 1))
    return found


def pairs() -> Iterator[Pair]:
    drawn = lines()
    rows, columns = np.indices(SHAPE)
    centres = np.stack([columns.ravel(), rows.ravel()], 1)
    ours = lambda: np.stack([fill(p, SHAPE) for p in drawn])  # noqa: E731
    peers = {
        "matplotlib's Path.contains_points": lambda p: Polygon(p).contains_points(centres).reshape(SHAPE),
        "scikit-image's grid_points_in_poly": lambda p: grid_points_in_poly(SHAPE, p[:, ::-1]),
        "scikit-image's polygon2mask": lambda p: polygon2mask(SHAPE, p[:, ::-1]),
    }
    for name, peer in peers.items():
        yield compare(
            f"40 contours of 300 points on 512 × 512, {name}", ours, lambda peer=peer: [peer(p) for p in drawn]
        )


def main() -> None:
    packages = ("pellucid", "matplotlib", "scikit-image")
    write_page("CONTOURS", "Contours to masks", "", pairs(), packages=packages, differ="mask difference")


if __name__ == "__main__":
    main()
