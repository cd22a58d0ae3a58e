"""A board from above with small figures scattered over it, as in a board game: pictures whose boxes are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pellucid.core.errors import BadInput

#: What stands on a board.
KINDS = ("pawn", "disc", "cube")

#: Their colours; the two of the squares; squares along a side.
COLOURS = ((196, 48, 44), (44, 92, 188), (52, 142, 64), (236, 186, 40), (40, 40, 44))
SQUARES, ACROSS = ((222, 203, 168), (186, 154, 112)), 6

#: A figure's height as a share of the board's side, from and to; and how far figures stay apart, in pixels.
SMALLEST, LARGEST, APART = 0.09, 0.28, 1.0

#: Samples a pixel, along each axis; places that are tried for a figure.
_FINE, _TRIES = 3, 60


@dataclass(frozen=True, eq=False)
class Board:
    """picture: uint8 [side, side, 3]. corners: [k, 4] as x0, y0, x1, y1 in pixels, tight. kinds: of each."""

    picture: np.ndarray
    corners: np.ndarray
    kinds: tuple[str, ...]


def board(rng: np.random.Generator, figures: int, *, side: int = 64) -> Board:
    """One board with so many figures, or as many of them as found a free place."""
    if figures < 0 or side < 16:
        raise BadInput(f"{figures} figures on {side} pixels", cure="pass 0 or more figures and 16 pixels or more")
    large = side * _FINE
    canvas = _empty(rng, large)
    placed: list[tuple[float, float, float, float]] = []
    kinds: list[str] = []
    for _ in range(figures):
        kind = KINDS[int(rng.integers(len(KINDS)))]
        height = large * float(np.exp(rng.uniform(np.log(SMALLEST), np.log(LARGEST))))
        width = height * (rng.uniform(0.55, 0.75) if kind == "pawn" else 1.0)
        box = _free(rng, placed, width, height, large)
        if box is None:
            continue
        mask = _shape(kind, box, large)
        _paint(canvas, mask, COLOURS[int(rng.integers(len(COLOURS)))], box, rng)
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        placed.append((float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)))
        kinds.append(kind)
    canvas += rng.normal(0, 5, canvas.shape)
    picture = canvas.reshape(side, _FINE, side, _FINE, 3).mean((1, 3)).clip(0, 255).round().astype(np.uint8)
    return Board(picture, np.array(placed, float).reshape(-1, 4) / _FINE, tuple(kinds))


def boards(count: int, *, figures: tuple[int, int] = (1, 8), side: int = 64, seed: int = 0) -> list[Board]:
    """So many boards, each with a number of figures from ``figures``, both ends among them; each has its own stream."""
    low, high = figures
    if not 0 <= low <= high:
        raise BadInput(f"{low} to {high} figures", cure="pass the fewest and the most")
    found = []
    for number in range(count):
        rng = np.random.default_rng((seed, number))
        found.append(board(rng, int(rng.integers(low, high + 1)), side=side))
    return found


def _empty(rng: np.random.Generator, large: int) -> np.ndarray:
    """The squares, shifted and lit by chance: float [large, large, 3]."""
    shift = rng.uniform(0, 1, 2)
    places = np.arange(large) * ACROSS / large
    odd = (np.floor(places + shift[0])[:, None] + np.floor(places + shift[1])[None]) % 2
    light, dark = (np.array(c, float) for c in SQUARES)
    lit = rng.uniform(0.75, 1.1) + rng.uniform(-0.15, 0.15) * (places / ACROSS - 0.5)[None, :, None]
    return np.where(odd[..., None] > 0, dark, light) * lit


def _free(
    rng: np.random.Generator, placed: list[tuple[float, float, float, float]], width: float, height: float, large: int
) -> tuple[float, float, float, float] | None:
    """A place where no other stands."""
    gap = APART * _FINE
    for _ in range(_TRIES):
        x, y = rng.uniform(0, large - width), rng.uniform(0, large - height)
        box = (x, y, x + width, y + height)
        if all(
            box[2] + gap <= b[0] or b[2] + gap <= box[0] or box[3] + gap <= b[1] or b[3] + gap <= box[1] for b in placed
        ):
            return box
    return None


def _shape(kind: str, box: tuple[float, float, float, float], large: int) -> np.ndarray:
    """Where a figure is, bool [large, large]."""
    x0, y0, x1, y1 = box
    places = np.arange(large) + 0.5
    u, v = (places - x0)[None] / (x1 - x0), (places - y0)[:, None] / (y1 - y0)
    inside = (u >= 0) & (u <= 1) & (v >= 0) & (v <= 1)
    if kind == "disc":
        return (u - 0.5) ** 2 + (v - 0.5) ** 2 <= 0.25
    if kind == "cube":
        return inside
    ratio = (x1 - x0) / (y1 - y0)
    head = ((u - 0.5) * ratio) ** 2 + (v - 0.24) ** 2 <= 0.24**2
    return inside & (head | ((v >= 0.3) & (abs(u - 0.5) <= 0.12 + 0.38 * (v - 0.3) / 0.7)))


def _paint(
    canvas: np.ndarray,
    mask: np.ndarray,
    colour: tuple[int, int, int],
    box: tuple[float, float, float, float],
    rng: np.random.Generator,
) -> None:
    """A figure, lighter towards the left upper side."""
    large = len(canvas)
    places = np.arange(large)
    slope = (places[None] - box[0]) / (box[2] - box[0]) + (places[:, None] - box[1]) / (box[3] - box[1])
    shade = rng.uniform(0.85, 1.1) * (1.15 - 0.2 * slope)
    canvas[mask] = np.array(colour, float) * shade[mask][:, None] + 12
