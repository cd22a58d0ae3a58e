"""An explanation of any axes as something that fits on paper: a map, or a strip."""

from __future__ import annotations

import numpy as np

from pellucid.core.types import Explanation


def plane_of(explanation: Explanation, i: int = 0) -> np.ndarray:
    """Sample ``i``'s values on at most two axes: [height, width], or [n] if one axis is all there is.

    Other axes are added up. Without height and width, the last two axes stay.
    """
    one = explanation[i]
    own = [a for a in one.axes if a != "sample"]
    kept = [a for a in ("height", "width") if a in own] or own[-2:]
    summed = one.sum("sample", *(a for a in own if a not in kept))
    return np.transpose(summed.values, [summed.axes.index(a) for a in kept])


def axes_of(explanation: Explanation) -> tuple[str, ...]:
    """The names of the axes that ``plane_of`` keeps."""
    own = [a for a in explanation.axes if a != "sample"]
    return tuple([a for a in ("height", "width") if a in own] or own[-2:])


def sheet_of(explanation: Explanation, i: int = 0) -> np.ndarray:
    """``plane_of`` as a map in any case: [height, width], a single axis being one row."""
    return np.atleast_2d(plane_of(explanation, i))
