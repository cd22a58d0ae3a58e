"""The outlines of a mask, along the edges of its pixels: what they enclose is the mask, exactly."""

from __future__ import annotations

import numpy as np

Corner = tuple[int, int]


def outlines(mask: np.ndarray) -> list[list[Corner]]:
    """Closed polygons of pixel corners (x, y) around a mask bool [h, w]; a hole runs the other way round.

    The signed areas of all (``area``) add up to the number of pixels.
    """
    ahead = _edges(mask)
    found = []
    while ahead:
        start = next(iter(ahead))
        line, here, came = [start], start, (0, 0)
        while True:
            ways = ahead[here]
            # Where two pixels touch at a corner alone, turn so that they stay apart.
            way = ways.pop(_sharpest(came, here, ways) if len(ways) > 1 else 0)
            if not ways:
                del ahead[here]
            came, here = (way[0] - here[0], way[1] - here[1]), way
            if here == start:
                break
            line.append(here)
        found.append(_straightened(line))
    return found


def area(line: list[Corner]) -> float:
    """What a polygon encloses; below 0 for a hole."""
    x, y = np.array(line, np.float64).T
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2)


def _edges(mask: np.ndarray) -> dict[Corner, list[Corner]]:
    """From each corner to the next, the mask on the right-hand side (in a picture, whose y runs down)."""
    wide = np.pad(np.asarray(mask, bool), 1)
    here = wide[1:-1, 1:-1]
    sides = (
        (here & ~wide[:-2, 1:-1], (0, 0), (1, 0)),
        (here & ~wide[1:-1, 2:], (1, 0), (1, 1)),
        (here & ~wide[2:, 1:-1], (1, 1), (0, 1)),
        (here & ~wide[1:-1, :-2], (0, 1), (0, 0)),
    )
    ahead: dict[Corner, list[Corner]] = {}
    for open_, (ax, ay), (bx, by) in sides:
        for y, x in np.argwhere(open_).tolist():
            ahead.setdefault((x + ax, y + ay), []).append((x + bx, y + by))
    return ahead


def _sharpest(came: Corner, here: Corner, ways: list[Corner]) -> int:
    """The way that turns right, around the same pixel."""
    turns = [came[0] * (y - here[1]) - came[1] * (x - here[0]) for x, y in ways]
    return int(np.argmax(turns))


def _straightened(line: list[Corner]) -> list[Corner]:
    """Without the corners at which nothing turns."""
    points = np.array(line)
    before, after = points - np.roll(points, 1, 0), np.roll(points, -1, 0) - points
    return [(int(x), int(y)) for x, y in points[before[:, 0] * after[:, 1] != before[:, 1] * after[:, 0]]]
