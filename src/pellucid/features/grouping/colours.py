"""Twelve colours for regions, and which region takes which."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from pellucid.features.grouping.agreement import contingency

#: Paul Tol's "bright" six (https://sronpersonalpages.nl/~pault/), and six more that lie as far as can be from
#: those, from white, from near-black and from each other, for the usual eye and for the three kinds of colour
#: blindness (CIEDE2000 after Machado et al. 2009; the tests hold the distances).
PALETTE = np.array(
    [
        [68, 119, 170],  # blue
        [238, 102, 119],  # red
        [34, 136, 51],  # green
        [204, 187, 68],  # yellow
        [102, 204, 238],  # cyan
        [170, 51, 119],  # purple
        [176, 224, 176],  # mint
        [164, 128, 248],  # violet
        [140, 44, 8],  # rust
        [8, 80, 80],  # petrol
        [164, 140, 164],  # mauve
        [104, 92, 80],  # umber
    ],
    np.uint8,
)
PALETTE.flags.writeable = False


def by_size(labels: np.ndarray, clusters: int) -> np.ndarray:
    """New numbers for labels: the largest region becomes 0; of two as large the one that comes first.

    Gives uint8 [clusters], to index with a label.
    """
    flat = labels.reshape(-1)
    masks = (flat == k for k in range(clusters))  # bincount would first make eight bytes of each
    sizes, first = np.array([(np.count_nonzero(mask), mask.argmax()) for mask in masks]).T
    new = np.empty(clusters, np.uint8)
    new[np.lexsort((first, -sizes))] = np.arange(clusters)
    return new


def matched(before: np.ndarray, labels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The colour of each region of ``labels``, so that most of the picture keeps its colour.

    before: another layer's colours at the same places. size: (colours, regions), with at least as
    many colours. The assignment that keeps most places (Kuhn 1955, the Hungarian method); a region
    too many takes a colour that is free. Gives uint8 [regions], to index with a label.
    """
    colours, regions = linear_sum_assignment(contingency(before, labels, size), maximize=True)
    new = np.empty(size[1], np.uint8)
    new[regions] = colours
    return new
