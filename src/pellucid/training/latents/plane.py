"""The code laid out on a plane: two units as they are, more by their two main directions; and what a plane shows."""

from __future__ import annotations

import numpy as np
import torch

from pellucid.models.network import Network, first_tensor
from pellucid.models.prepare import untouched

#: Steps along each side of the plane that is decoded.
STEPS = 11


def places(fitted: np.ndarray, asked: np.ndarray) -> tuple[np.ndarray, float]:
    """Where codes [m, units] lie on the plane, float32 [m, 2], and the share of their variance that it shows.

    fitted: the codes whose main directions (their principal components) the plane is spanned by.
    """
    if fitted.shape[1] == 1:
        return np.concatenate([asked, np.zeros_like(asked)], 1).astype(np.float32), 1.0
    if fitted.shape[1] == 2:
        return asked.astype(np.float32), 1.0
    mean = fitted.mean(0, dtype=np.float64)
    _, sizes, directions = np.linalg.svd(fitted - mean, full_matrices=False)
    total = float((sizes**2).sum())
    share = float((sizes[:2] ** 2).sum() / total) if total > 0 else 1.0
    return ((asked - mean) @ directions[:2].T).astype(np.float32), share


def decoded(network: Network, layer: str, x: torch.Tensor, codes: np.ndarray) -> tuple[np.ndarray, torch.Tensor]:
    """A grid over the codes [m, 2] of a code of two units, and what each of its points becomes.

    Gives places float32 [STEPS², 2], row by row from the top, and the network's values [STEPS², C, H, W].
    x: one sample [1, C, H, W].
    """
    low, high = np.percentile(codes, [2, 98], axis=0)
    across, down = np.linspace(low[0], high[0], STEPS), np.linspace(high[1], low[1], STEPS)
    grid = np.stack(np.meshgrid(across, down), -1).reshape(-1, 2).astype(np.float32)
    behind = network.behind(layer, x)
    with untouched(network.module), torch.no_grad():
        output = first_tensor(behind(torch.from_numpy(grid).to(network.device, network.dtype)))
    return grid, output.float().cpu()
