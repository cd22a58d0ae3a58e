"""Objects in a mask: parts that hang together, or these cut at their necks, where objects touch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.morphology import local_maxima, reconstruction
from skimage.segmentation import watershed

from pellucid.core.errors import BadInput, near

COMPONENTS, WATERSHED = "components", "watershed"
WAYS = (COMPONENTS, WATERSHED)

#: How near two seeds may be where nobody says, and the blur of the depth they are sought in, in pixels.
APART, BLUR = 4, 1.5

#: By how many pixels the depth falls at a neck. What falls less are steps in a slanted edge.
NECK = 0.3

#: Pixels that touch at a corner are of one part.
_TOUCHING = np.ones((3, 3), int)


@dataclass(frozen=True)
class Objects:
    """How a mask falls into objects. way: "components", parts that hang together; "watershed", these cut at their
    necks. apart: two seeds of a watershed in one part lie more than so many pixels apart, in rows or in columns.

    Raises BadInput for another way, and for a distance that is none, or that nobody asks for.
    """

    way: str = COMPONENTS
    apart: int = APART

    @classmethod
    def of(cls, way: str | None, apart: int | None) -> Objects:
        """As a user says it; None: nothing was said."""
        way = way or COMPONENTS
        if way not in WAYS:
            raise BadInput(f"no objects by {way!r}", where="instances", cure=near(way, WAYS))
        if apart is not None and way != WATERSHED:
            cure = f"pass instances={WATERSHED!r} (--instances {WATERSHED}), or leave apart= (--apart) away"
            raise BadInput("a distance of seeds, where there are no seeds", where="apart", cure=cure)
        if apart is not None and apart < 1:
            raise BadInput(f"seeds {apart} pixels apart", where="apart", cure="pass 1 or more")
        return cls(way, APART if apart is None else apart)

    def numbered(self, mask: np.ndarray) -> np.ndarray:
        """The number of each pixel's object, from 1, and 0 outside: int32 [height, width]. mask: bool, the same.

        Every pixel of the mask is of an object, and no object is of two parts. Seeds of the watershed are the peaks of
        the distance to the mask's edge, blurred, between which it falls by ``NECK`` or more (extended maxima, Soille
        2003, 6.3.5), at least one a part (Beucher & Lantuéjoul 1979).
        """
        parts, count = ndimage.label(mask, _TOUCHING)
        if self.way == COMPONENTS or count == 0 or mask.all():
            return parts.astype(np.int32)
        depth = ndimage.gaussian_filter(ndimage.distance_transform_edt(mask), BLUR)
        depth = np.where(mask, depth.round(2), 0)  # rounded, so that a flat top is flat
        cut = watershed(-depth, _seeds(depth, parts, count, self.apart), _TOUCHING, mask=mask)
        return np.unique(cut, return_inverse=True)[1].reshape(mask.shape).astype(np.int32)


def _seeds(depth: np.ndarray, parts: np.ndarray, count: int, apart: int) -> np.ndarray:
    """A number at each seed, 0 elsewhere: the tops that are peaks of their part, the deepest pixel of one without."""
    flooded = reconstruction(np.maximum(depth - NECK, 0), depth, footprint=_TOUCHING).round(2)
    tops, highest = ndimage.label(local_maxima(flooded, connectivity=2), _TOUCHING)
    peaks = peak_local_max(depth, min_distance=apart, labels=parts, exclude_border=False)
    found = np.where(np.isin(tops, tops[tuple(peaks.T)]), tops, 0)
    bare = np.setdiff1d(parts, parts[found > 0])
    for number, part in enumerate(bare[bare > 0].tolist(), highest + 1):
        found[ndimage.maximum_position(depth, parts, part)] = number
    return found
