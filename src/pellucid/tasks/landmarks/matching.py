"""Which found landmark is which true one."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment


def matched(found: np.ndarray, true: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of the least total distance among the most pairs within ``radius``: places in each, and their distances.

    found [k, 2], true [m, 2]: each belongs to one pair at most (Hungarian method, Kuhn 1955). Taking the nearest one
    for each instead would let one found landmark count for two true ones.
    """
    if not len(found) or not len(true):
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
    distance = np.hypot(*(found[:, None] - true[None]).transpose(2, 0, 1))
    near = distance <= radius
    # A pair that is too far costs more than all pairs within the radius together, so as many of these as can be are.
    far = (min(distance.shape) + 1) * max(radius, 1e-9)
    one, other = linear_sum_assignment(np.where(near, distance, far))
    kept = near[one, other]
    return one[kept], other[kept], distance[one[kept], other[kept]]
