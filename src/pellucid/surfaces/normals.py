"""Normals of a point cloud: local planes, turned to agree with their neighbours (Hoppe et al. 1992, §3)."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components, minimum_spanning_tree
from scipy.spatial import cKDTree

from pellucid.core.errors import BadInput

#: Rounds in which a point turns where its neighbours say so.
_VOTES = 5


def estimate_normals(points: np.ndarray, *, neighbours: int = 10) -> np.ndarray:
    """Unit normals [n, 3] of points [n, 3], pointing out of what they enclose.

    Each is the direction in which the nearest points vary least. Signs are passed along a minimum spanning tree of
    neighbours, whose edges cost the more the less parallel two normals are and the more one point lies behind the
    other; each point follows its neighbours' vote; and each part is turned so that it encloses a positive volume.
    """
    if len(points) < 4:
        raise BadInput(f"{len(points)} points have no surface", cure="pass at least 4, or normals")
    count = min(neighbours, len(points) - 1)
    far, near = cKDTree(points).query(points, count + 1)
    local = points[near] - points[near].mean(1, keepdims=True)
    normals = np.linalg.svd(local, full_matrices=False)[2][:, 2]
    return normals * _signs(points, normals, near, far[:, -1] ** 2)[:, None]


def _signs(points: np.ndarray, normals: np.ndarray, near: np.ndarray, areas: np.ndarray) -> np.ndarray:
    """+1 or −1 a point, so that neighbours agree and look outwards. areas: what each stands for, up to a factor."""
    n, count = near.shape
    rows, columns = np.repeat(np.arange(n), count - 1), near[:, 1:].ravel()
    away = points[columns] - points[rows]
    away /= np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-300)
    # Two sides of a thin sheet have parallel normals too, but lie behind each other.
    behind = np.maximum(np.abs((away * normals[rows]).sum(1)), np.abs((away * normals[columns]).sum(1)))
    alike = (normals[rows] * normals[columns]).sum(1)
    cost = coo_array((1 + 1e-6 - np.abs(alike) + behind, (rows, columns)), shape=(n, n)).tocsr()
    tree = minimum_spanning_tree(cost)
    signs = _passed_on(normals, tree)
    votes = coo_array((alike * np.maximum(1 - 2 * behind, 0), (rows, columns)), shape=(n, n)).tocsr()
    for _ in range(_VOTES):
        against = signs * (votes @ signs) < 0
        signs[against] *= -1
    parts, labels = connected_components(tree, directed=False)
    for part in range(parts):
        # The flux of x through a closed surface is three times its volume.
        own = labels == part
        centred = points[own] - points[own].mean(0)
        flux = (areas[own] * signs[own] * (centred * normals[own]).sum(1)).sum()
        signs[own] *= -1 if flux < 0 else 1
    return signs


def _passed_on(normals: np.ndarray, tree: csr_array) -> np.ndarray:
    """The signs along a tree (or several), from any of its points on."""
    tree = tree + tree.T
    labels = connected_components(tree, directed=False)[1]
    signs = np.ones(len(normals))
    for first in np.unique(labels, return_index=True)[1]:
        order, before = breadth_first_order(tree, first, directed=False)
        for each in order[1:]:
            parent = before[each]
            signs[each] = signs[parent] * (1.0 if normals[each] @ normals[parent] >= 0 else -1.0)
    return signs
