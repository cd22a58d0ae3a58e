"""One diverging colour scale for every heatmap: orange to red speaks for, blue against, zero is nothing.

The scale is a table of 255 colours, symmetric about its middle. Its colours tell apart for the usual
colour-vision deficiencies, and its opacity grows with the value, so that zero lets the photo through.
"""

from __future__ import annotations

import numpy as np

#: The percentile of |value| that gets the full colour, the same for all maps.
PERCENTILE = 99.5
#: Steps from zero to the full colour; with both signs and zero 255 colours, which fit one palette.
STEPS = 127
#: What zero looks like where there is no photo to shine through.
NEUTRAL = (247, 247, 247)
#: From faint to full, for and against.
FOR = ((253, 174, 97), (240, 90, 40), (165, 0, 38))
AGAINST = ((116, 173, 229), (44, 110, 203), (12, 44, 132))
_FULL = 0.94  # a little of the photo stays visible even under the strongest colour


def _ramp(anchors: tuple[tuple[int, int, int], ...]) -> np.ndarray:
    """The colours of one sign from the first step to the last: uint8 [STEPS, 3]."""
    along = np.linspace(0, len(anchors) - 1, STEPS)
    channels = [np.interp(along, range(len(anchors)), c) for c in np.array(anchors).T]
    return np.stack(channels, axis=1).round().astype(np.uint8)


def _table() -> np.ndarray:
    rgb = np.concatenate([_ramp(AGAINST)[::-1], np.array([NEUTRAL], np.uint8), _ramp(FOR)])
    strength = np.abs(np.arange(-STEPS, STEPS + 1)) / STEPS
    alpha = (255 * _FULL * strength**0.8).round().astype(np.uint8)[:, None]
    return np.concatenate([rgb, alpha], axis=1)


#: uint8 [255, 4]: RGBA from fully against, through transparent zero, to fully for.
TABLE = _table()
TABLE.setflags(write=False)


def is_flat(values: np.ndarray) -> bool:
    """Whether a map says nothing: all its values are zero, or the same up to rounding."""
    spread = float(values.max()) - float(values.min()) if values.size else 0.0
    return spread <= 1e-6 * float(np.abs(values).max(initial=0.0))


def scale_of(values: np.ndarray, percentile: float = PERCENTILE) -> float:
    """The |value| that gets the full colour: the given percentile of all |values|.

    A map so sparse that this percentile is zero is scaled by its largest |value| instead. A flat
    map has the scale 0.0 and is drawn neutral: there is nothing in it to stretch.
    """
    if is_flat(values):
        return 0.0
    sizes = np.abs(values)
    return float(np.percentile(sizes, percentile)) or float(sizes.max())


def _steps_of(values: np.ndarray, scale: float) -> np.ndarray:
    """The row of the table for each value."""
    if scale <= 0:
        return np.full(values.shape, STEPS)
    share = np.clip(values.astype(np.float64) / scale, -1, 1)
    return np.rint(share * STEPS).astype(int) + STEPS


def heat_rgba(values: np.ndarray, scale: float) -> np.ndarray:
    """Colours to lay over a photo: uint8 [height, width, 4], transparent where the value is zero.

    values: [height, width]; ±scale and beyond get the full colour.
    """
    return TABLE[_steps_of(values, scale)]


def heat_rgb(values: np.ndarray, scale: float) -> np.ndarray:
    """The same colours on their own: uint8 [height, width, 3], near white where the value is zero."""
    return opaque_table()[_steps_of(values, scale)]


def opaque_table() -> np.ndarray:
    """The colour scale over the neutral ground: uint8 [255, 3]."""
    alpha = TABLE[:, 3:] / 255.0
    return (alpha * TABLE[:, :3] + (1 - alpha) * np.array(NEUTRAL)).round().astype(np.uint8)


def lay_over(picture: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """A heat layer on a picture whose own colours are muted: uint8 [height, width, 3].

    picture: uint8 [height, width, 3]; heat: uint8 [height, width, 4] of the same size.
    """
    alpha = heat[..., 3:] / np.float32(255)
    return (alpha * heat[..., :3] + (1 - alpha) * muted(picture)).round().astype(np.uint8)


def muted(picture: np.ndarray, colour: float = 0.0) -> np.ndarray:
    """A picture with only a share of its colour left, so that all colour there is is the heat's: the same shape."""
    grey = picture.astype(np.float32) @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    return (colour * picture + (1 - colour) * grey[..., None]).round().astype(np.uint8)


def hexadecimal(colour: np.ndarray) -> str:
    """An RGB colour as ``#rrggbb``."""
    return "#" + "".join(f"{int(c):02x}" for c in colour[:3])
