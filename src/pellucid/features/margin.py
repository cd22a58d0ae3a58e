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
        if not self.rim:
            return x
        right, below = (self._far(side) for side in (self.width, self.height))
        return pad(x, (self.rim, right, self.rim, below), mode="reflect")

    def inside(self, maps: Tensor) -> Tensor:
        """The places of maps [n, C, h, w] that lie wholly in the picture; all where there would be none."""
        rows = self._places(self.height, maps.shape[2])
        columns = self._places(self.width, maps.shape[3])
        return maps[:, :, rows, columns]

    def _far(self, side: int) -> int:
        """The margin at the far edge: at most what a mirror has to show."""
        return min(self.rim + -(side + 2 * self.rim) % STRIDE, side - 1)

    def _places(self, side: int, places: int) -> slice:
        if not self.rim:
            return slice(None)
        whole = self.rim + side + self._far(side)
        first, last = -(-self.rim * places // whole), (self.rim + side) * places // whole
        return slice(first, last) if last > first else slice(None)
