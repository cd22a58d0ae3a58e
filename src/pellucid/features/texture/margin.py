"""A mirrored margin around a picture: what a network's padding does to the edge happens there, and is left out."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import pad

#: Pixels at the left and at the top; at the right and below as many, and what makes the whole a multiple of STRIDE.
WIDTH, STRIDE = 16, 32


@dataclass(frozen=True)
class Margin:
    """The margin around pictures of height × width; ``rim`` 0 where the network takes one size alone."""

    height: int
    width: int
    rim: int = WIDTH

    def around(self, x: Tensor) -> Tensor:
        """Pictures [n, C, height, width] with their mirrored margin."""
        return pad(x, (*self._rims(self.width), *self._rims(self.height)), mode="reflect") if self.rim else x

    def inside(self, maps: Tensor) -> Tensor:
        """The places of maps [n, C, h, w] that lie wholly in the picture; all where there would be none."""
        rows = self._places(self.height, maps.shape[2])
        columns = self._places(self.width, maps.shape[3])
        return maps[:, :, rows, columns]

    def _rims(self, side: int) -> tuple[int, int]:
        """The margin before and behind a side: at most what a mirror has to show."""
        most = side - 1
        return min(self.rim, most), min(self.rim + -(side + 2 * self.rim) % STRIDE, most)

    def _places(self, side: int, places: int) -> slice:
        near, far = self._rims(side) if self.rim else (0, 0)
        whole = near + side + far
        first, last = -(-near * places // whole), (near + side) * places // whole
        return slice(first, last) if last > first else slice(None)
