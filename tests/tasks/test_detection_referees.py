"""Anchors, decoding, matching, losses and suppression beside those of torchvision's RetinaNet and FCOS."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchvision.models.detection._utils import BoxCoder, Matcher
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import box_iou, nms, sigmoid_focal_loss

from pellucid.models.grid import BOXES, FIRST_CLASS, OBJECT, STRIDES, GridDetector, grids, level_of_places
from pellucid.tasks.boxes.iou import box_iou as own_iou
from pellucid.tasks.detecting.anchoring import SHAPES, SIZES, anchors_of
from pellucid.tasks.detecting.assignment import _paired_iou, by_anchors
from pellucid.tasks.detecting.candidates import CLASS, EDGE, MOST, SCORE, candidates, suppressed
from pellucid.tasks.detecting.losses import loss_of

SIDE = 96
FIXED = torch.from_numpy(anchors_of("fixed", np.empty((0, 2)))).float()


def some_boxes(count: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    corners = torch.rand(count, 2, generator=generator) * 0.7 * SIDE
    return torch.cat([corners, corners + 2 + torch.rand(count, 2, generator=generator) * 0.28 * SIDE], 1)


def with_output(raw: torch.Tensor) -> torch.Tensor:
    """What a detector gives whose last layers say ``raw`` [numbers of a box] of every place."""
    net = GridDetector(1, len(raw) - FIRST_CLASS, width=2).eval()
    net.anchors.copy_(FIXED)
    for stride in STRIDES:
        layer = net.get_submodule(f"level{stride}")
        torch.nn.init.zeros_(layer.weight)
        layer.bias.data.copy_(raw.repeat(BOXES))
    return net(torch.rand(1, 1, SIDE, SIDE)).detach()[0]


def test_the_fixed_anchors_are_those_of_retinanet() -> None:
    """But for its rounding to whole pixels, and its centres in the corners of cells."""
    sizes = tuple((round(s * SIDE),) for s in SIZES)
    assert [s for (s,) in sizes] == pytest.approx([s * SIDE for s in SIZES], abs=0.5)
    made = AnchorGenerator(sizes, (tuple(1 / r for r in SHAPES),) * len(sizes))
    maps = [torch.zeros(1, 1, rows, columns) for rows, columns in grids((SIDE, SIDE))]
    theirs = made(ImageList(torch.zeros(1, 1, SIDE, SIDE), [(SIDE, SIDE)]), maps)[0]
    ours = with_output(torch.zeros(FIRST_CLASS + 1))
    assert len(theirs) == len(ours)
    half = torch.tensor(STRIDES)[level_of_places((SIDE, SIDE))][:, None] / 2
    middle = lambda boxes: (boxes[:, :2] + boxes[:, 2:4]) / 2  # noqa: E731
    torch.testing.assert_close(middle(ours), middle(theirs) + half)
    sides = lambda boxes: boxes[:, 2:4] - boxes[:, :2]  # noqa: E731
    assert (sides(ours) - sides(theirs)).abs().max() <= 1.5


@pytest.mark.parametrize("sides", [(0.0, 0.0), (0.7, -0.4), (-1.3, 1.1)])
def test_a_middle_of_nothing_and_any_sides_are_decoded_as_their_box_coder_does(sides: tuple[float, float]) -> None:
    anchors = with_output(torch.zeros(FIRST_CLASS + 1))[:, :4]
    ours = with_output(torch.tensor([0.0, 0, *sides, 0, 0]))[:, :4]
    relative = torch.tensor([0.0, 0, *sides]).expand(len(anchors), -1)
    torch.testing.assert_close(ours, BoxCoder((1.0, 1, 1, 1)).decode_single(relative, anchors), rtol=1e-5, atol=1e-3)


def test_the_anchors_that_answer_are_those_of_their_matcher() -> None:
    centred = lambda sides: torch.cat([-sides / 2, sides / 2], -1)  # noqa: E731
    anchors = centred(FIXED.reshape(-1, 2) * SIDE)
    for box in some_boxes(60, 0):
        shared = box_iou(centred(box[None, 2:] - box[None, :2]), anchors)
        wanted = Matcher(0.4, 0.4, allow_low_quality_matches=True)(shared) >= 0
        target = torch.tensor([[[SIDE, SIDE, 0, 0, -1.0], [*box.tolist(), 0]]])
        found = by_anchors(target, FIXED)
        levels = level_of_places((SIDE, SIDE))[found.place]
        firsts = torch.tensor([int((level_of_places((SIDE, SIDE)) < k).sum()) for k in range(len(STRIDES))])
        own = levels * BOXES + (found.place - firsts[levels]) % BOXES
        tied = (
            shared[0] - shared.max()
        ).abs() < 1e-5  # of a box within several of one area both take all, but for rounding
        assert set(wanted.nonzero()[:, 0].tolist()) <= set(own.tolist())
        assert set(own.tolist()) <= set((wanted | tied).nonzero()[:, 0].tolist())


def test_overlaps_are_theirs() -> None:
    a, b = some_boxes(50, 1), some_boxes(50, 2)
    torch.testing.assert_close(_paired_iou(a, b), box_iou(a, b).diagonal())
    np.testing.assert_allclose(own_iou(a.double().numpy(), b.double().numpy()), box_iou(a.double(), b.double()))


def test_where_nothing_is_the_loss_of_objects_is_retinanets_focal_loss() -> None:
    output = torch.randn(3, len(level_of_places((SIDE, SIDE))), FIRST_CLASS + 2)
    nothing = torch.full((3, 2, 5), torch.nan)
    nothing[:, 0] = torch.tensor([SIDE, SIDE, 0, 0, -1.0])
    wanted = sigmoid_focal_loss(output[..., OBJECT], torch.zeros_like(output[..., OBJECT]), alpha=-1, gamma=2).sum(1)
    torch.testing.assert_close(loss_of(output, nothing, FIXED), wanted)


def test_a_true_box_said_to_the_pixel_pays_their_focal_loss_of_the_likelihood() -> None:
    output = torch.zeros(1, len(level_of_places((SIDE, SIDE))), FIRST_CLASS + 1)
    output[..., 2:4] = 1.0
    output[..., OBJECT] = -2.0
    target = torch.tensor([[[SIDE, SIDE, 0, 0, -1.0], [20, 20, 36, 40, 0]]])
    place = by_anchors(target, FIXED).place
    output[0, place, :4] = target[0, 1, :4]
    output[0, place, OBJECT] = 0.7
    there = torch.zeros_like(output[..., OBJECT])
    there[0, place] = 1.0
    wanted = sigmoid_focal_loss(output[..., OBJECT], there, alpha=-1, gamma=2).sum(1)
    torch.testing.assert_close(loss_of(output, target, FIXED), wanted)


def test_what_is_meant_is_what_their_suppression_leaves_of_each_class() -> None:
    boxes = some_boxes(MOST, 5)
    output = torch.randn(
        1, len(level_of_places((SIDE, SIDE))), FIRST_CLASS + 3, generator=torch.Generator().manual_seed(1)
    )
    output[0, :, :4] = boxes.repeat(len(output[0]) // MOST + 1, 1)[: len(output[0])]
    found = candidates(output, (SIDE, SIDE))[0].numpy()
    ours = suppressed(found)
    for kind in range(3):
        own = torch.from_numpy(found[found[:, CLASS] == kind])
        left = own[nms(own[:, EDGE], own[:, SCORE], 0.5)].numpy()
        np.testing.assert_array_equal(ours[ours[:, CLASS] == kind], left)
