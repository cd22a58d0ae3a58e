"""Bootstrap intervals: what a figure would have been had other pictures of the same kind been drawn (Efron 1979)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: How often is drawn. The ends of a 95 % interval then move by a few per cent of its length from seed to seed.
DRAWS = 1000


@dataclass(frozen=True)
class Interval:
    """A figure, the 95 % percentile interval around it, and its values under all draws (NaN: none).

    ends: of the interval, where they are known better than from the draws.
    """

    value: float
    draws: np.ndarray
    ends: tuple[float, float] | None = None

    @property
    def low(self) -> float:
        """The interval's lower end."""
        return self._percentile(2.5) if self.ends is None else self.ends[0]

    @property
    def high(self) -> float:
        """The interval's upper end."""
        return self._percentile(97.5) if self.ends is None else self.ends[1]

    def _percentile(self, percent: float) -> float:
        known = self.draws[~np.isnan(self.draws)]
        return float(np.percentile(known, percent)) if len(known) else float("nan")

    @property
    def error(self) -> float:
        """The standard error."""
        return float(np.nanstd(self.draws))

    def named(self, name: str) -> dict[str, float]:
        """The figure and its interval as cells of a table."""
        return {name: self.value, f"{name}_low": self.low, f"{name}_high": self.high}


def weights(groups: np.ndarray, *, seed: int, draws: int = DRAWS) -> np.ndarray:
    """How often each row is drawn when whole groups are drawn, with replacement: float32 [draws, rows].

    groups: int [rows], from 0. Rows of one group (a picture and its mirror image) say the same thing twice, so they
    come and go together.
    """
    count = int(groups.max()) + 1
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=draws)
    return drawn.astype(np.float32)[:, groups]


def ratio(above: np.ndarray, below: np.ndarray, weight: np.ndarray, *, value: float | None = None) -> Interval:
    """Σ above / Σ below with its interval; above, below: [rows]; weight: [draws, rows].

    value: the ratio itself where it is known better than from these rows.
    """
    total, under = above.sum(dtype=np.float64), below.sum(dtype=np.float64)
    if under <= 0:
        return Interval(float("nan"), np.full(len(weight), np.nan))
    own = total / under
    scale = 1.0 if value is None or own == 0 else value / own
    draws = (weight @ above.astype(np.float64)) / np.maximum(weight @ below.astype(np.float64), 1e-300)
    return Interval(float(own if value is None else value), draws * scale)
