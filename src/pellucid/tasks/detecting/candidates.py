"""From a detector's places to the boxes it means: the likeliest ones, and of those on one thing one.

A candidate is (x0, y0, x1, y1, score, class, level); its score is P(object) · P(class).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pellucid.models.grid import EDGES, FIRST_CLASS, OBJECT, level_of_places

#: So many candidates of a picture are kept, none with a lower score; COCO judges 100 boxes a picture, too.
MOST, LEAST = 100, 0.01

#: Of two boxes of one class that overlap by more than this only the likelier is meant.
SUPPRESSED = 0.5

EDGE, SCORE, CLASS, LEVEL = slice(0, 4), 4, 5, 6
WIDTH = 7

#: What stands in all columns of a row that holds no box.
NONE = -1.0


def candidates(output: Tensor, size: tuple[int, int]) -> Tensor:
    """The likeliest of each picture, best first: [N, MOST, 7], NONE where there are fewer.

    output: [N, places, 5 + classes]. size: (height, width) of what entered the network.
    """
    share, kind = output[..., FIRST_CLASS:].softmax(-1).max(-1)
    score, place = (output[..., OBJECT].sigmoid() * share).topk(min(MOST, output.shape[1]), dim=1)
    found = output.new_full((len(output), MOST, WIDTH), NONE)
    levels = level_of_places(size).to(output.device)
    own = found[:, : score.shape[1]]
    own[..., EDGE] = output[..., EDGES].gather(1, place[..., None].expand(-1, -1, 4))
    own[..., SCORE], own[..., CLASS] = score, kind.gather(1, place).to(output)
    own[..., LEVEL] = levels[place].to(output)
    own[score < LEAST] = NONE
    return found


def suppressed(found: np.ndarray, *, overlap: float = SUPPRESSED, without: tuple[int, ...] = ()) -> np.ndarray:
    """Of one picture's candidates [k, 7] those that are meant, best first (greedy, within each class).

    without: levels that are not asked.
    """
    from torchvision.ops import batched_nms  # loaded when asked: nearly as slow as torch, and most tasks need none

    found = found[(found[:, SCORE] != NONE) & ~np.isin(found[:, LEVEL], without)]
    if not len(found):
        return found
    boxes, scores, kinds = (torch.from_numpy(np.ascontiguousarray(found[:, part])) for part in (EDGE, SCORE, CLASS))
    return found[batched_nms(boxes.float(), scores.float(), kinds.long(), overlap).numpy()]
