"""Ready-made targets: functions of a module's output that give one number a sample, for ``target=``.

``pellucid.explain(net, photo, target=pellucid.targets.segmentation(3, mask))``. Any function of your
own does as well: it takes what the module returns and gives a tensor [N].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from pellucid.core.errors import BadInput
from pellucid.models.network import first_tensor

Function = Callable[[Any], Tensor]


def segmentation(
    output: int, where: np.ndarray | tuple[int, int] | None = None, *, overlapping: bool = False
) -> Function:
    """The mean score of one class over a part of a segmentation map [N, classes, H, W].

    where: a mask [h, w] of what entered the network (behind its crop), at any size; or a pixel (row, column)
    of the map; None takes the pixels where this class has the best score, and its best pixel where it has none.
    overlapping: each class has a sigmoid, so its pixels are those where its score is above 0.
    """

    def score(result: Any) -> Tensor:
        maps = _maps(result, output, "a segmentation map")
        chosen = maps[:, output]
        if isinstance(where, tuple):
            if len(where) != 2 or not all(-size <= at < size for at, size in zip(where, chosen.shape[1:], strict=True)):
                what = f"pixel {where} lies outside of a map of {chosen.shape[1]} × {chosen.shape[2]}"
                raise BadInput(what, where="segmentation", cure="give (row, column) of the map")
            return chosen[:, where[0], where[1]]
        weights = won(maps, output, overlapping=overlapping) if where is None else _laid_over(where, chosen)
        return (chosen * weights).sum((1, 2)) / weights.sum((1, 2))

    score.__name__ = f"output {output}{'' if where is None else ' there'}"
    return score


def won(maps: Tensor, output: int, *, overlapping: bool = False) -> Tensor:
    """Where a class is the best one, or there; its own best pixel where it nowhere is: 0 or 1, [N, H, W]."""
    with torch.no_grad():
        there = maps[:, output] > 0 if overlapping else maps.argmax(1) == output
        best = maps[:, output].flatten(1)
        best = (best == best.amax(1, keepdim=True)).view_as(there)
        return torch.where(there.flatten(1).any(1)[:, None, None], there, best).to(maps.dtype)


def _laid_over(mask: np.ndarray, like: Tensor) -> Tensor:
    """A mask at the size of a map: 0 or 1, [1, H, W]."""
    plane = torch.as_tensor(np.asarray(mask))
    if plane.ndim != 2:
        cure = "pass [height, width]; explain samples with other masks one by one"
        raise BadInput(f"a mask of shape {tuple(plane.shape)}", where="segmentation", cure=cure)
    plane = F.interpolate((plane != 0).to(like)[None, None], size=like.shape[1:], mode="nearest-exact")[0]
    if not plane.any():
        what = f"the mask is empty on a map of {like.shape[1]} × {like.shape[2]}"
        raise BadInput(what, where="segmentation", cure="mark at least one pixel of the map")
    return plane


def peaked(maps: Tensor, output: int) -> Tensor:
    """Where a heatmap is at least half as high as its highest peak (its highest pixel, where none is above 0):
    0 or 1, [N, H, W].
    """
    with torch.no_grad():
        heat = maps[:, output]
        high = heat.amax((1, 2), keepdim=True)
        return torch.where(high > 0, heat >= high / 2, heat == high).to(maps.dtype)


def keypoint(
    output: int,
    what: Literal["height", "x", "y"] = "height",
    *,
    near: tuple[float, float] | None = None,
    reach: int = 4,
) -> Function:
    """One landmark of a heatmap [N, landmarks, H, W].

    what: the "height" of its peak; or its "x" or "y", in pixels of the map from its left or upper edge, as the
    mean place under the softmax of the heatmap, which moves smoothly. near: where the map shows several landmarks, the
    x and y around which, ``reach`` pixels far, the one lies that is meant.
    """
    if what not in ("height", "x", "y"):
        raise BadInput(f"what is {what!r}", where="keypoint", cure="pass 'height', 'x' or 'y'")

    def score(result: Any) -> Tensor:
        heat, (left, top) = _around(_maps(result, output, "a heatmap")[:, output], near, reach)
        if what == "height":
            return heat.amax((1, 2))
        share = heat.flatten(1).softmax(1).view_as(heat).sum(1 if what == "x" else 2)
        places = torch.arange(share.shape[1], dtype=share.dtype, device=share.device)
        return (share * places).sum(1) + (left if what == "x" else top)

    score.__name__ = f"landmark {output} {what}"
    return score


def _around(heat: Tensor, near: tuple[float, float] | None, reach: int) -> tuple[Tensor, tuple[int, int]]:
    """The part of heatmaps [N, H, W] around a place, and its left upper corner; all of them where none is named."""
    if near is None:
        return heat, (0, 0)
    height, width = heat.shape[1:]
    column, row = (int(v) for v in near)
    if not (0 <= near[0] < width and 0 <= near[1] < height) or reach < 0:
        what = f"({near[0]:g}, {near[1]:g}) lies outside of a map of {height} × {width}"
        raise BadInput(what, where="keypoint", cure="give x and y in pixels of the map")
    left, top = max(0, column - reach), max(0, row - reach)
    return heat[:, top : row + reach + 1, left : column + reach + 1], (left, top)


def _maps(result: Any, output: int, what: str) -> Tensor:
    maps = first_tensor(result)
    if not isinstance(output, int):
        raise BadInput(
            f"{output!r} is no index of an output", cure="pass a whole number; net.class_index(name) knows it"
        )
    if maps.ndim != 4 or not -maps.shape[1] <= output < maps.shape[1]:
        if maps.ndim == 4:
            raise BadInput(f"there is no output {output} in {what}", cure=f"pass 0 to {maps.shape[1] - 1}")
        cure = "pass the network whose output is meant"
        raise BadInput(f"the output's shape is {tuple(maps.shape)}, which is not {what} [N, outputs, H, W]", cure=cure)
    return maps


def box(label: int, near: tuple[float, float, float, float] | None = None) -> Function:
    """The best box of one label in a detector's output: its score, times its overlap with ``near``.

    The output is a list of {"boxes": [n, 4], "scores": [n], "labels": [n]}, as torchvision's detectors
    give it. near: x0, y0, x1, y1 in pixels of the input; None for any place. 0 where no such box is found.
    Source: arXiv:2006.03204, eq. 3.
    """

    def score(result: Any) -> Tensor:
        if not isinstance(result, list | tuple) or not all(isinstance(r, Mapping) and "boxes" in r for r in result):
            cure = "use it for a detector that gives a list of {boxes, scores, labels}"
            raise BadInput(f"a {type(result).__name__} is no list of boxes", where="box", cure=cure)
        return torch.stack([_best_box(found, label, near) for found in result])

    score.__name__ = f"box of label {label}"
    return score


def _best_box(found: Mapping[str, Tensor], label: int, near: tuple[float, ...] | None) -> Tensor:
    mine = found["labels"] == label
    scores = found["scores"][mine]
    if near is not None:
        from torchvision.ops import box_iou  # loaded when asked: nearly as slow as torch

        scores = scores * box_iou(found["boxes"][mine], found["boxes"].new_tensor([near]))[:, 0]
    return scores.max() if len(scores) else found["scores"].sum() * 0


def unit(index: int, position: tuple[int, ...] | int | None = None, *, channels: int | None = None) -> Function:
    """One unit of an output: of a vector [N, units], of maps [N, channels, H, W] or of tokens [N, T, channels].

    position: (row, column), or a token's number; None takes the mean over all places. channels: the axis of the
    channels, where it is another one (−1 for maps [N, H, W, channels]).
    """

    def score(result: Any) -> Tensor:
        values = first_tensor(result)
        axis = channels if channels is not None else 1 if values.ndim >= 4 else -1
        values = values.movedim(axis, -1)
        if not -values.shape[-1] <= index < values.shape[-1]:
            raise BadInput(f"there is no unit {index}", cure=f"pass 0 to {values.shape[-1] - 1}")
        one = values[..., index]
        if position is None:
            return one.flatten(1).mean(1) if one.ndim > 1 else one
        place = position if isinstance(position, tuple) else (position,)
        if len(place) != one.ndim - 1 or not all(-n <= p < n for p, n in zip(place, one.shape[1:], strict=True)):
            raise BadInput(f"there is no place {place}", cure=f"the output has {' × '.join(map(str, one.shape[1:]))}")
        return one[(slice(None), *place)]

    score.__name__ = f"unit {index}" + ("" if position is None else f" at {position}")
    return score
