"""Truth of a picture's pixels as truth of the network's input."""

from __future__ import annotations

import numpy as np

from pellucid.models.inputs import InputSpec


def at_input(masks: np.ndarray, spec: InputSpec) -> np.ndarray:
    """Masks [..., height, width] of pictures, where and as large as the network sees them: by the nearest pixel."""
    height, width = masks.shape[-2:]
    frame = spec.frame(height, width)
    rows = _places(frame.top, frame.bottom, spec.size[0], height)
    columns = _places(frame.left, frame.right, spec.size[1], width)
    return masks[..., rows[:, None], columns]


def _places(first: float, last: float, count: int, most: int) -> np.ndarray:
    middles = first + (np.arange(count) + 0.5) * (last - first) / count
    return np.clip(np.floor(middles).astype(np.int64), 0, most - 1)
