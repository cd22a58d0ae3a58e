"""Pictures one after the other, as a file that moves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

#: How long a frame is shown, and the last one, in milliseconds.
_EACH, _LAST = 80, 1500

#: Endings of files that move.
ENDINGS = (".gif", ".webp")


def write_animation(path: Path, frames: np.ndarray) -> None:
    """Write frames [n, height, width, 3], uint8, as GIF or WebP by the path's ending; it runs in a loop."""
    images = [Image.fromarray(frame) for frame in frames]
    times = [_EACH] * (len(images) - 1) + [_LAST]
    options = {"quality": 85, "method": 4} if path.suffix.lower() == ".webp" else {"optimize": False}
    images[0].save(path, save_all=True, append_images=images[1:], duration=times, loop=0, **options)
