"""Pictures beside each other on one sheet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

GAP = 4


def sheet(pictures: Sequence[np.ndarray], columns: int | None = None) -> np.ndarray:
    """Pictures uint8 [h, w, 3] of one size in rows, on white: uint8 [height, width, 3]."""
    columns = columns or int(np.ceil(np.sqrt(len(pictures))))
    rows = -(-len(pictures) // columns)
    h, w = pictures[0].shape[:2]
    page = np.full((rows * (h + GAP) + GAP, columns * (w + GAP) + GAP, 3), 255, np.uint8)
    for i, picture in enumerate(pictures):
        top, left = GAP + i // columns * (h + GAP), GAP + i % columns * (w + GAP)
        page[top : top + h, left : left + w] = picture
    return page
