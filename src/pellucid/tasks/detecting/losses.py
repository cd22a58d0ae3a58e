"""What a detector pays for: places that say 'something' where nothing is, boxes that lie beside, and wrong classes."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from pellucid.models.grid import EDGES, FIRST_CLASS, OBJECT
from pellucid.tasks.detecting.assignment import Assigned, by_anchors, by_size
from pellucid.tasks.detecting.truth import asked, judged, unasked

#: The weight of the boxes' loss beside the others (5 in YOLOv1; 1 − GIoU reaches 2).
BOXES = 2.0


def loss_of(output: Tensor, targets: Tensor, anchors: Tensor | None) -> Tensor:
    """Each item's loss [N]: objects + BOXES · boxes + classes, each per true box; 0 where nobody looked.

    output: [N, places, 5 + classes] decoded. An assigned place should say the overlap of its box with the true one
    (Redmon 2016, § 2: Pr(object) · IoU), all others 0; by the quality focal loss |y − σ|² · BCE(σ, y) (Li 2020,
    arXiv:2006.04388, eq. 3), for nearly all places are empty. Boxes pay 1 − GIoU (arXiv:1902.09630), classes CE. Who
    answers for nothing and has its middle in a box that is not asked for pays nothing.
    """
    from torchvision.ops import generalized_box_iou_loss  # loaded when asked: nearly as slow as torch

    known = judged(targets)
    assigned = by_size(targets, output) if anchors is None else by_anchors(targets, anchors)
    count = asked(targets).sum(1).clamp(min=1)
    true = targets[assigned.item, assigned.row]
    own = output[assigned.item, assigned.place]
    apart = generalized_box_iou_loss(own[:, EDGES], true[:, :4], reduction="none")
    classes = F.cross_entropy(own[:, FIRST_CLASS:], true[:, 4].long(), reduction="none")
    paid = _per_item(BOXES * apart + classes, assigned, len(output))
    objects = _objects(output, targets, assigned, _overlap(own[:, EDGES].detach(), true[:, :4]))
    return torch.where(known, objects / count + paid, 0.0)


def _objects(output: Tensor, targets: Tensor, assigned: Assigned, overlap: Tensor) -> Tensor:
    """The quality focal loss over all places, a sum an item [N]."""
    wanted = torch.zeros_like(output[..., OBJECT])
    flat = assigned.item * output.shape[1] + assigned.place
    wanted.view(-1).scatter_reduce_(0, flat, overlap.to(wanted), "amax", include_self=True)
    logit = output[..., OBJECT]
    off = (wanted - logit.sigmoid()).abs() ** 2
    each = off * F.binary_cross_entropy_with_logits(logit, wanted, reduction="none")
    open_ = unasked(targets)
    if bool(open_.any()):
        taken = torch.zeros_like(wanted, dtype=torch.bool)
        taken.view(-1)[flat] = True
        each = each * (taken | ~_within(output[..., EDGES].detach(), targets[:, 1:, :4], open_))
    return each.sum(1)


def _within(boxes: Tensor, others: Tensor, which: Tensor) -> Tensor:
    """Whose middle lies in one of these others: [N, places, 4], [N, k, 4] and bool [N, k] → bool [N, places]."""
    middle = ((boxes[..., :2] + boxes[..., 2:]) / 2)[:, :, None]
    inside = ((middle >= others[:, None, :, :2]) & (middle <= others[:, None, :, 2:])).all(-1)
    return (inside & which[:, None]).any(2)


def _per_item(each: Tensor, assigned: Assigned, count: int) -> Tensor:
    """The mean over each item's pairs [N]; 0 where it has none."""
    total = each.new_zeros(count).index_add(0, assigned.item, each)
    pairs = each.new_zeros(count).index_add(0, assigned.item, torch.ones_like(each))
    return total / pairs.clamp(min=1)


def _overlap(boxes: Tensor, others: Tensor) -> Tensor:
    low, high = torch.maximum(boxes[:, :2], others[:, :2]), torch.minimum(boxes[:, 2:], others[:, 2:])
    shared = (high - low).clamp(min=0).prod(1)
    areas = [(b[:, 2:] - b[:, :2]).prod(1) for b in (boxes, others)]
    return shared / (areas[0] + areas[1] - shared).clamp(min=1e-9)
