"""What is behind the object: colours that fade upwards, and patterns."""

from __future__ import annotations

import numpy as np

from pellucid.core.errors import BadInput, near
from pellucid.synth.textures import noise

#: The upper and the lower colour by name.
FADES = {
    "white": ((255, 255, 255), (255, 255, 255)),
    "grey": ((214, 216, 220), (168, 171, 178)),
    "sand": ((236, 222, 196), (205, 184, 148)),
    "sky": ((150, 190, 226), (222, 234, 242)),
    "slate": ((86, 98, 112), (48, 56, 68)),
    "meadow": ((176, 204, 150), (104, 142, 84)),
}

#: Patterns: two colours and how many bumps fit into the picture.
PATTERNS = {"clouds": ((128, 136, 150), (226, 228, 232), 4.0), "gravel": ((84, 78, 72), (196, 188, 176), 40.0)}

NAMES = (*FADES, *PATTERNS)


def backdrop(name: str, height: int, width: int, seed: int = 0) -> np.ndarray:
    """The backdrop of that name: float [height, width, 3], 0 to 255."""
    down = (np.arange(height) + 0.5) / height
    if name in FADES:
        upper, lower = (np.array(c, np.float64) for c in FADES[name])
        return np.repeat(upper + down[:, None, None] * (lower - upper), width, axis=1)
    if name not in PATTERNS:
        raise BadInput(f"there is no backdrop {name!r}", cure=near(name, NAMES))
    dark, light, bumps = PATTERNS[name]
    across = (np.arange(width) + 0.5) / height
    y, x = np.meshgrid(down * bumps, across * bumps, indexing="ij")
    points = np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], 1)
    amount = noise(points, np.random.default_rng(seed)).reshape(height, width, 1)
    return np.array(dark) + amount * (np.array(light, np.float64) - dark)
