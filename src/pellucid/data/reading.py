"""``pellucid.read``: any file that holds an input, by its ending."""

from __future__ import annotations

import os

from pellucid.core.types import Sample
from pellucid.data import images, matrices


def read(source: str | os.PathLike[str]) -> Sample:
    """Read a picture, a matrix, or ``example:NAME``.

    What ends in .npy, .npz, .csv, .tsv or .parquet is a matrix, its numbers as they are, [height, width] or
    [height, width, channel]; ``file.npz:NAME`` names one array of several. All else is a picture, uint8
    [height, width, 3 or 1]. Raises BadInput, which says the cause and the cure, for what cannot be used.
    """
    return matrices.read(source) if matrices.is_matrix(source) else images.read(source)
