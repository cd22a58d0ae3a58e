"""Losses, counts and scores of masks against what can be computed by hand, and against the field's library."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from pellucid.core.errors import BadInput
from pellucid.core.types import Frame
from pellucid.data.augment import augmented
from pellucid.tasks.painting import losses, scores
from pellucid.tasks.painting.counts import COUNTS, rim, rim_width, summary_of
from pellucid.tasks.painting.truth import asked, decided, laid_out, moved
from pellucid.tasks.table import tasks
from pellucid.tasks.task import MISSING, Task, Vocabulary

REGIONS = ("background", "hull", "wheel")


def made(names: tuple[str, ...] = REGIONS, pixels: tuple[int, ...] = (90, 8, 2), **options: Any) -> Task:
    counts = {(n,): p for n, p in zip(names, pixels, strict=True)}
    vocabulary = Vocabulary({"mask": names}, 10, counts, numbers=tuple(range(len(names))))
    return tasks["segmentation"].function(vocabulary, **options)


def drawn(seed: int, *, count: int = 4, channels: int = 3, side: int = 8) -> tuple[Tensor, Tensor]:
    """Outputs and masks, of which a tenth of the pixels is not known."""
    generator = torch.Generator().manual_seed(seed)
    output = torch.randn(count, channels, side, side, generator=generator)
    target = torch.randint(-1, channels, (count, side, side), generator=generator).to(torch.int16)
    return output, target


# -- losses ---------------------------------------------------------------------------------------


def test_cross_entropy_of_one_pixel_is_the_usual_one() -> None:
    output, target = torch.tensor([[1.0, -2.0, 0.5]]), torch.tensor([2])
    own = made().loss(output[:, :, None, None], target[:, None, None].to(torch.int16))
    assert own.item() == pytest.approx(F.cross_entropy(output, target).item(), abs=1e-7)


def test_of_each_picture_the_known_pixels_are_averaged() -> None:
    output, target = drawn(0)
    own = made().loss(output, target)
    for i in range(len(output)):
        usual = F.cross_entropy(output[i : i + 1], target[i : i + 1].long(), ignore_index=MISSING)
        assert own[i].item() == pytest.approx(usual.item(), abs=1e-6)
    bce = made(loss="bce").loss(output, target)
    known = target[0] != MISSING
    wanted = F.one_hot(target[0][known].long(), 3).T.float()
    usual = F.binary_cross_entropy_with_logits(output[0][:, known], wanted)
    assert bce[0].item() == pytest.approx(usual.item(), abs=1e-6)


@pytest.mark.parametrize("loss", ["ce", "bce", "dice", "ce_dice", "bce_dice"])
def test_what_is_not_known_has_no_gradient(loss: str) -> None:
    output, target = drawn(1)
    output.requires_grad_(True)
    made(loss=loss).loss(output, target).sum().backward()
    assert output.grad is not None
    unknown = (target == MISSING)[:, None].expand_as(output.grad)
    assert float(output.grad[unknown].abs().max()) == 0
    assert float(output.grad[~unknown].abs().min()) > 0


@pytest.mark.parametrize("loss", ["ce", "bce", "dice", "ce_dice"])
def test_a_picture_of_which_nothing_is_known_costs_nothing(loss: str) -> None:
    output, target = drawn(2)
    target[1] = MISSING
    own = made(loss=loss, dice="picture").loss(output, target)
    assert own[1].item() == pytest.approx(0, abs=1e-6)


def test_sums_are_sums() -> None:
    output, target = drawn(3)
    each = {loss: made(loss=loss).loss(output, target) for loss in ("ce", "bce", "dice", "ce_dice", "bce_dice")}
    assert torch.allclose(each["ce_dice"], each["ce"] + each["dice"])
    wanted, known = asked(target, 3)
    sigmoids = losses.soft_dice(output.sigmoid()[:, 1:], wanted[:, 1:], known)
    assert torch.allclose(each["bce_dice"], each["bce"] + sigmoids)


def test_soft_dice_by_hand_and_its_rule_for_empty_regions() -> None:
    share = torch.tensor([0.5, 1.0, 0.0, 0.25]).view(1, 1, 2, 2)
    wanted, known = torch.tensor([1.0, 1.0, 0.0, 0.0]).view(1, 1, 2, 2), torch.ones(1, 1, 2, 2)
    expected = 1 - (2 * 1.5 + 1) / (1.75 + 2 + 1)
    assert losses.soft_dice(share, wanted, known).item() == pytest.approx(expected)
    nothing = torch.zeros(1, 1, 40, 40)
    everywhere = torch.ones_like(nothing)
    assert losses.soft_dice(nothing, nothing, everywhere).item() == 0
    assert losses.soft_dice(everywhere, nothing, everywhere).item() == pytest.approx(1 - 1 / 1601)


def test_dice_over_a_batch_adds_up_first() -> None:
    share, wanted, known = torch.rand(3, 2, 5, 5), (torch.rand(3, 2, 5, 5) > 0.5).float(), torch.ones(3, 1, 5, 5)
    together = losses.soft_dice(share, wanted, known, over="batch")
    assert together.shape == (3,)
    joined = [each.movedim(0, 1).flatten(1, 2)[None] for each in (share, wanted, known)]
    assert together[0].item() == pytest.approx(losses.soft_dice(*joined, over="picture").item(), abs=1e-6)
    single = [losses.soft_dice(*(e[i : i + 1] for e in (share, wanted, known))).item() for i in range(3)]
    assert losses.soft_dice(share, wanted, known, over="picture").tolist() == pytest.approx(single, abs=1e-6)


def test_soft_dice_is_that_of_segmentation_models_pytorch_but_for_what_is_not_there() -> None:
    smp = pytest.importorskip("segmentation_models_pytorch")
    output, target = drawn(4)
    target = target.clamp(min=0)
    wanted, known = asked(target, 3)
    half = losses.SMOOTH / 2  # theirs is Tversky's, whose parts are half as large
    theirs = smp.losses.DiceLoss("multiclass", smooth=half)(output, target.long())
    assert losses.soft_dice(output.softmax(1), wanted, known)[0].item() == pytest.approx(theirs.item(), abs=1e-6)
    nothing, all_of_it = torch.zeros(1, 1, 8, 8), torch.full((1, 1, 8, 8), 20.0)
    assert smp.losses.DiceLoss("binary", smooth=1.0)(all_of_it, nothing).item() == 0  # whatever was claimed
    assert losses.soft_dice(all_of_it.sigmoid(), nothing, torch.ones_like(nothing)).item() > 0.98


def test_balance_weighs_what_is_rare() -> None:
    output, target = drawn(5)
    weight = torch.tensor([100 / (3 * 90), 100 / (3 * 8), 100 / (3 * 2)])
    each = F.cross_entropy(output, target.long(), weight, ignore_index=MISSING, reduction="none")
    known = (target != MISSING).flatten(1).sum(1)
    own = made(balance="classes").loss(output, target)
    assert torch.allclose(own, each.flatten(1).sum(1) / known)
    bce = made(loss="bce", balance="classes").loss(output, target)
    wanted, there = asked(target, 3)
    rare = torch.tensor([10 / 90, 92 / 8, 98 / 2])[:, None, None]
    each = F.binary_cross_entropy_with_logits(output, wanted, pos_weight=rare, reduction="none") * there
    assert torch.allclose(bce, each.flatten(1).sum(1) / (3 * known))


# -- targets --------------------------------------------------------------------------------------


def test_masks_are_laid_out_as_the_picture_is() -> None:
    mask = np.arange(16).reshape(4, 4)
    whole = Frame(4, 4, 0, 0, 4, 4)
    assert laid_out(mask, whole, (4, 4)).tolist() == mask.tolist()
    assert laid_out(mask, whole, (8, 8))[::2, ::2].tolist() == mask.tolist()
    assert laid_out(mask, whole, (2, 2)).tolist() == [[5, 7], [13, 15]]
    assert laid_out(mask, Frame(4, 4, 1, 1, 3, 3), (2, 2)).tolist() == [[5, 6], [9, 10]]
    assert laid_out(np.stack([mask, -mask]), whole, (4, 4))[1].tolist() == (-mask).tolist()


@pytest.mark.parametrize("names", [("flip",), ("shift",), ("rotate", "zoom"), ("flip", "shift", "zoom", "rotate")])
def test_masks_are_moved_along_with_their_pictures(names: tuple[str, ...]) -> None:
    side = 32
    target = torch.zeros(6, side, side, dtype=torch.int16)
    target[:, 8:20, 10:26] = 1
    x = target[:, None].float()
    moved_x, moves = augmented(x, names, torch.Generator().manual_seed(0))
    assert moves is not None
    seen = moved(target, moves)
    known = seen != MISSING
    agree = (moved_x[:, 0] > 0.5) == (seen == 1)
    assert float(agree[known].float().mean()) > 0.995  # but for pixels halfway
    assert ("shift" in names or "zoom" in names) == bool((~known).any())
    apart = moved(torch.stack([1 - target, target], 1), moves)
    assert torch.equal(apart[:, 1], seen)


# -- scores ---------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_dice_follows_from_iou(seed: int) -> None:
    output, target = drawn(seed)
    summary = made().summary(output, target).numpy()  # type: ignore[misc]
    dice, iou = (scores.each_picture(summary, m) for m in (scores.dice, scores.iou))
    assert np.allclose(dice, 2 * iou / (1 + iou), equal_nan=True)
    assert np.allclose(scores.pooled(summary, scores.dice), 2 * (j := scores.pooled(summary, scores.iou)) / (1 + j))


def test_counts_by_hand() -> None:
    target = torch.tensor([[[0, 1, 1], [2, 2, -1], [0, 0, 0]]], dtype=torch.int16)
    said = torch.tensor([[[0, 1, 2], [2, 0, 1], [0, 0, 0]]])
    output = F.one_hot(said, 3).movedim(-1, 1).float()
    summary = summary_of(decided(output, apart=False), *asked(target, 3))
    tp, fp, fn, tn = (summary[0, :, k].tolist() for k in range(4))
    assert (tp, fp, fn) == ([4, 1, 1], [1, 0, 1], [0, 1, 1])
    assert [sum(each) for each in zip(tp, fp, fn, tn, strict=True)] == [8, 8, 8]
    assert scores.pixels_right(summary.numpy()) == pytest.approx(6 / 8)
    assert scores.pairs_right(summary.numpy()) == pytest.approx(20 / 24)
    assert len(COUNTS) == summary.shape[2]


def test_accuracy_over_pairs_flatters_who_claims_nothing() -> None:
    """Of K labels a pixel has one: saying "none" K times is right K − 1 times."""
    target = torch.randint(0, 7, (3, 16, 16), dtype=torch.int16)
    nothing = torch.full((3, 7, 16, 16), -1.0)
    wanted, known = asked(target, 7)
    summary = summary_of(nothing > 0, wanted, known).numpy()
    assert scores.pairs_right(summary) == pytest.approx(6 / 7)


def test_the_rule_for_regions_that_are_not_there() -> None:
    there, claimed, neither, both = [0, 0, 5, 0], [0, 5, 0, 0], [0, 0, 0, 0], [5, 0, 0, 0]
    summary = np.array([[[*c, 0, 0, 0]] for c in (there, claimed, neither, both)], np.float32)
    skip = scores.each_picture(summary, scores.dice)[:, 0]
    one = scores.each_picture(summary, scores.dice, "one")[:, 0]
    assert skip[[0, 1, 3]].tolist() == [0, 0, 1]
    assert np.isnan(skip[2])
    assert one.tolist() == [0, 0, 1, 1]
    assert scores.each_region(summary, scores.dice).tolist() == pytest.approx([1 / 3])
    assert scores.each_region(summary, scores.dice, "one").tolist() == pytest.approx([1 / 2])
    assert scores.pooled(summary, scores.dice).tolist() == pytest.approx([10 / 20])


def test_hard_scores_are_those_of_segmentation_models_pytorch() -> None:
    smp = pytest.importorskip("segmentation_models_pytorch")
    output, target = drawn(6)
    target = target.clamp(min=0)
    summary = made().summary(output, target).numpy()  # type: ignore[misc]
    stats = smp.metrics.get_stats(output.argmax(1), target.long(), mode="multiclass", num_classes=3)
    own = [torch.from_numpy(summary[..., k]) for k in range(3)]
    assert all(torch.equal(a.float(), b) for a, b in zip(stats[:3], own, strict=True))
    theirs = smp.metrics.iou_score(*stats, reduction="none").numpy()
    assert np.allclose(theirs, scores.each_picture(summary, scores.iou))
    empty = [torch.zeros(1, 1, dtype=torch.int64)] * 4
    assert smp.metrics.f1_score(*empty, reduction="none").item() == 1  # as by the rule "one"


def test_the_rim_of_a_square() -> None:
    mask = torch.zeros(1, 1, 20, 20, dtype=torch.bool)
    mask[..., 5:15, 5:15] = True
    known = torch.ones_like(mask)
    assert int(rim(mask, known, 1).sum()) == 100 - 64
    assert int(rim(mask, known, 2).sum()) == 100 - 36
    cut = mask[..., 8:, :]
    assert int(rim(cut, known[..., 8:, :], 1).sum()) == 7 * 10 - 6 * 8  # the picture's edge is none
    assert rim_width(512, 512) == 14


def test_the_rim_notices_what_the_area_hides() -> None:
    target = torch.zeros(1, 64, 64, dtype=torch.int16)
    target[:, 4:60, 4:60] = 1
    said = torch.zeros(1, 64, 64, dtype=torch.int64)
    said[:, 7:57, 7:57] = 1
    task = made(REGIONS[:2], (10, 90))
    summary = task.summary(F.one_hot(said, 2).movedim(-1, 1).float(), target)  # type: ignore[misc]
    found = task.scores(np.empty(1), summary.numpy())
    assert found["iou"] == pytest.approx(50**2 / 56**2)
    assert found["rim_iou"] < 0.3 < 0.75 < found["iou"]


def test_the_constant_answer_is_the_likeliest_region_at_each_place() -> None:
    target = torch.zeros(5, 4, 4, dtype=torch.int16)
    target[:3, :2] = 1
    target[3:, 2:] = 2
    task = made()
    output = task.constant(target)  # type: ignore[misc]
    assert output.argmax(1)[0].tolist() == [[1] * 4] * 2 + [[0] * 4] * 2
    apart = made(overlapping=True)
    each = torch.stack([target == 1, target == 2], 1).to(torch.int16)
    assert (apart.constant(each) > 0).flatten(2).any(2).tolist() == [[True, False]]  # type: ignore[misc]


# -- the task -------------------------------------------------------------------------------------


def test_what_is_left_over_is_no_region_and_overlapping_ones_need_none() -> None:
    task, apart = made(), made(overlapping=True)
    assert (task.head.outputs, task.output, task.options["loss"]) == (3, "logits", "auto")
    assert (apart.classes, apart.head.outputs, apart.output) == (("hull", "wheel"), 2, "multilabel")
    assert "pixel_accuracy" not in apart.metrics
    assert "iou_with_rest" in task.metrics
    everywhere = made(("road", "sky"), (50, 50))
    assert "iou_with_rest" not in everywhere.metrics
    perfect = everywhere.summary(torch.eye(2)[None, :, :, None], torch.tensor([[[0], [1]]], dtype=torch.int16))  # type: ignore[misc]
    assert everywhere.scores(np.empty(1), perfect.numpy())["dice"] == 1


def test_overlapping_regions_are_learnt_apart() -> None:
    target = torch.ones(1, 2, 4, 4, dtype=torch.int16)
    target[0, 1, 0] = MISSING
    task = made(overlapping=True)
    output = torch.zeros(1, 2, 4, 4, requires_grad=True)
    loss = task.loss(output, target)
    assert loss.item() == pytest.approx(np.log(2), abs=1e-6)
    loss.sum().backward()
    assert output.grad is not None
    assert float(output.grad[0, 1, 0].abs().max()) == 0
    summary = task.summary(output.detach() + 1, target)  # type: ignore[misc]
    assert summary[0, :, 0].tolist() == [16, 12]


@pytest.mark.parametrize(
    ("names", "options", "said"),
    [
        (REGIONS, {"overlapping": True, "loss": "ce"}, r"a softmax gives each pixel one region, and regions overlap"),
        (REGIONS, {"loss": "dice", "balance": "classes"}, r"balance is for cross entropies"),
        (("background",), {}, r"the masks hold one region alone, 'background'; add pictures of another"),
        (("background",), {"overlapping": True}, r"the masks hold no region"),
    ],
)
def test_what_cannot_be_learnt_is_told(names: tuple[str, ...], options: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        made(names, (1,) * len(names), **options)


def test_what_a_user_should_know() -> None:
    (never, few) = made(("background", "hull", "wheel"), (99_990, 0, 10)).notes
    assert never == "no training picture has 'hull': nothing is learnt of it"
    assert few.startswith("few of the training pixels are of 'wheel' (0.01%)")
    assert made().notes == ()


def test_a_picture_in_words() -> None:
    summary = np.zeros((3, len(COUNTS)))
    assert made().say(summary) == "nothing there, nothing claimed"
    summary[1, 0], summary[2, :3] = 5, (1, 1, 1)
    assert made().say(summary) == "wheel 0.50, hull 1.00"
