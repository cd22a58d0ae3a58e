"""Landmarks as targets, and as heatmaps.

A target is float32 [1 + most, 5]. Its first row is (width, height, JUDGED) of what enters the network, then a row a
landmark: x, y in pixels (the first pixel's left upper corner is 0, 0) and the number of its type. Rows without one are
NaN; where nobody knows what a picture shows, all are. A picture that was looked at and shows none has its first row.
A landmark of type OPEN is not asked for: it is neither taught, nor is its place taken for background. A row of type
VEILED is no landmark but a box from x, y to the two numbers behind the type, in which nobody marked any: a crowd's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from pellucid.core.errors import BadInput
from pellucid.core.types import Frame
from pellucid.data.augment import Moves
from pellucid.data.dataset import Dataset
from pellucid.models.inputs import InputSpec
from pellucid.tasks.task import ONE_KIND, Vocabulary

#: Landmarks of a picture that are drawn at once: hundreds of whole maps together would not fit.
_TOGETHER = 8

#: What stands in the first row of a target, where a landmark has its type.
JUDGED = -1.0

#: The type of a landmark that nobody asks for, and how many sigma around it are not looked at.
OPEN, AROUND = -1.0, 3.0

#: The type of a box in which nobody marked the landmarks, and where its x0, y0, x1, y1 stand in its row.
VEILED, BOX = -2.0, [0, 1, 3, 4]


def target_of(vocabulary: Vocabulary) -> Callable[[Dataset, int, Frame, InputSpec], Tensor]:
    """The targets of a task: item i's landmarks in pixels of what enters the network; those outside of it are none."""
    kinds, most = vocabulary.values["point"], vocabulary.most

    def target(data: Dataset, i: int, frame: Frame, spec: InputSpec) -> Tensor:
        found = torch.full((1 + most, 5), torch.nan)
        given = None if data.points is None else data.points[i]
        if given is None:
            return found
        height, width = spec.size
        found[0, :3] = torch.tensor([width, height, JUDGED])
        places = np.asarray(given, np.float64).reshape(-1, 2)
        named = kinds_of(data, i, len(places))
        unknown = sorted(set(named) - set(kinds))
        if unknown:
            cure = f"known are {', '.join(map(repr, kinds))}"
            raise BadInput(f"{unknown[0]!r} is no known type of landmark", where=data.row(i), cure=cure)
        numbers = np.array([kinds.index(name) for name in named], np.float64)
        numbers[~data.asked(i, len(numbers))] = OPEN
        scale = np.array([width / (frame.right - frame.left), height / (frame.bottom - frame.top)])
        places = (places - [frame.left, frame.top]) * scale
        inside = ((places >= 0) & (places <= [width, height])).all(1)
        shown = np.concatenate([places, numbers[:, None], np.full((len(places), 2), np.nan)], 1)[inside]
        veils = (_veils(data, i).reshape(-1, 2) - [frame.left, frame.top]) * scale
        rows = np.concatenate([shown, np.insert(veils.reshape(-1, 4), 2, VEILED, axis=1)])
        if len(rows) > most:  # of boxes, and of a picture that was not there in training
            found = torch.cat([found, found.new_full((len(rows) - most, 5), torch.nan)])
        found[1 : 1 + len(rows)] = torch.from_numpy(rows).float()
        return found

    return target


def _veils(data: Dataset, i: int) -> np.ndarray:
    """The boxes of item i in which nobody marked landmarks: [k, 4] as x0, y0, x1, y1 in its pixels."""
    boxes = None if data.boxes is None else data.boxes[i]
    return np.empty((0, 4)) if boxes is None else np.asarray(boxes.corners, np.float64)[sorted(boxes.unpointed)]


def kinds_of(data: Dataset, i: int, count: int) -> Sequence[str]:
    """The type of each landmark of item i; where the data name none, all are of one."""
    named = None if data.point_kinds is None else data.point_kinds[i]
    return (ONE_KIND,) * count if named is None else named


def mirrored(kinds: Sequence[str]) -> tuple[int, ...]:
    """The number that each type has in a mirror: "left eye" becomes "right eye", where both are known."""
    swap = {"left": "right", "right": "left", "Left": "Right", "Right": "Left"}
    found = []
    for place, kind in enumerate(kinds):
        side = next((s for s in swap if s in kind), None)
        other = kind if side is None else kind.replace(side, swap[side])
        found.append(kinds.index(other) if other in kinds else place)
    return tuple(found)


def moved(kinds: Sequence[str]) -> Callable[[Tensor, Moves], Tensor]:
    """Targets [N, 1 + most, 5] after their pictures were moved; a landmark that left the picture is none.

    Where a picture was mirrored (the matrix turns left into right), so are the sides in the names of types.
    """
    other = torch.tensor(mirrored(kinds), dtype=torch.float32)

    def move(targets: Tensor, moves: Moves) -> Tensor:
        found = targets.clone()
        places = moves.points(targets[:, 1:, :2])
        height, width = moves.size
        edge = places.new_tensor([width, height])
        found[:, 1:, :2] = places
        outside = ((places < 0) | (places > edge)).any(2)
        numbers = targets[:, 1:, 2]
        mirror = torch.linalg.det(moves.matrix[:, :, :2]) < 0
        swapped = other.to(numbers)[numbers.nan_to_num(0.0).clamp(min=0).long()]
        swap = mirror.to(numbers.device)[:, None] & (numbers >= 0)
        found[:, 1:, 2] = torch.where(swap, swapped, numbers)
        veiled = numbers == VEILED
        found[:, 1:][outside & ~veiled] = torch.nan
        if bool(veiled.any()):
            boxes = moves.boxes(targets[:, 1:][..., BOX])
            found[:, 1:][..., BOX] = torch.where(veiled[..., None], boxes, found[:, 1:][..., BOX])
        return found

    return move


def judged(targets: Tensor) -> Tensor:
    """Which pictures anybody looked at: bool [N]."""
    return ~targets[:, 0, 0].isnan()


def limited(targets: Tensor) -> bool:
    """Whether some of these pictures have places that nobody asks for."""
    return bool((targets[:, 1:, 2] < 0).any())


def there(targets: Tensor, kinds: int) -> Tensor:
    """Which rows are landmarks of each type: bool [N, kinds, most]."""
    numbers = targets[:, 1:, 2]
    return numbers[:, None] == torch.arange(kinds, device=targets.device)[None, :, None]


def heatmaps(targets: Tensor, kinds: int, size: tuple[int, int], sigma: float) -> Tensor:
    """What an ideal network says: [N, kinds, height, width], exp(−d² / 2σ²) of the nearest landmark of each type.

    d is measured from the centre of each pixel to the landmark where it really is, not to the pixel it lies in: that
    is where a place between pixels is kept. sigma: in pixels. The landmarks of one type share one map, in which their
    order does not exist.
    """
    height, width = size
    places = targets[:, 1:, :2].nan_to_num(0.0)
    rows = torch.arange(height, device=targets.device) + 0.5
    columns = torch.arange(width, device=targets.device) + 0.5
    across = torch.exp(-((columns - places[..., 0:1]) ** 2) / (2 * sigma**2))  # [N, most, width]
    down = torch.exp(-((rows - places[..., 1:2]) ** 2) / (2 * sigma**2))
    own = there(targets, kinds)[..., None]
    found = targets.new_zeros(len(targets), kinds, height, width)
    for first in range(0, places.shape[1], _TOGETHER):
        some = slice(first, first + _TOGETHER)
        for kind in range(kinds):
            each = down[:, some, :, None] * (across[:, some] * own[:, kind, some])[:, :, None]
            found[:, kind] = torch.maximum(found[:, kind], each.amax(1))
    return found


def asked(targets: Tensor, wanted: Tensor, sigma: float) -> Tensor:
    """Which pixels of the heatmaps ``wanted`` [N, kinds, height, width] are judged: float of the same shape, or a 1.

    All but those within AROUND · sigma of a landmark that is not asked for and nearer to it than to one that is, and
    those of a veiled box that are not within AROUND · sigma of one that is.
    """
    open_, veiled = targets[:, 1:, 2] == OPEN, targets[:, 1:, 2] == VEILED
    far, size = math.exp(-(AROUND**2) / 2), (wanted.shape[-2], wanted.shape[-1])
    found = wanted.new_ones(())
    if bool(open_.any()):
        others = targets.clone()
        others[:, 1:, 2] = torch.where(open_, 0.0, torch.nan)
        near = heatmaps(others, 1, size, sigma)
        found = ((near < far) | (near <= wanted)).to(wanted)
    if bool(veiled.any()):
        found = found * (~_covered(targets, veiled, size)[:, None] | (wanted >= far))
    return found


def _covered(targets: Tensor, veiled: Tensor, size: tuple[int, int]) -> Tensor:
    """Which pixels' centres lie in a veiled box: bool [N, height, width]. veiled: which rows are such, [N, most]."""
    x0, y0, x1, y1 = targets[:, 1:][..., BOX].unbind(2)
    rows, columns = (torch.arange(side, device=targets.device) + 0.5 for side in size)
    across = (columns >= x0[..., None]) & (columns <= x1[..., None]) & veiled[..., None]
    down = (rows >= y0[..., None]) & (rows <= y1[..., None])
    return torch.einsum("nkh,nkw->nhw", down.float(), across.float()) > 0
