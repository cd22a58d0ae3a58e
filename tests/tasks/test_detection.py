"""Boxes: targets, who answers for which, the loss, suppression, and average precision beside COCO's own."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np
import pytest
import torch
from faster_coco_eval import COCO, COCOeval_faster

from pellucid.core.errors import BadInput
from pellucid.core.types import Frame
from pellucid.data.augment import Moves
from pellucid.data.dataset import Boxes, Dataset, Stack
from pellucid.models.grid import BOXES, FIRST_CLASS, OBJECT, STRIDES, GridDetector, grids, level_of_places
from pellucid.models.sources.small_ import plain_pixels
from pellucid.tasks.detecting import scores
from pellucid.tasks.detecting.anchoring import anchors_of
from pellucid.tasks.detecting.assignment import by_anchors, by_size
from pellucid.tasks.detecting.candidates import CLASS, EDGE, LEVEL, MOST, NONE, SCORE, candidates, suppressed
from pellucid.tasks.detecting.constant import constant_of
from pellucid.tasks.detecting.losses import loss_of
from pellucid.tasks.detecting.truth import OPEN, moved, target_of
from pellucid.tasks.detection import detection
from pellucid.tasks.task import Vocabulary

SIZES = tuple((w / 20, h / 20) for w in range(1, 7) for h in range(1, 7))


def targets(*pictures: list[list[float]] | None, size: tuple[int, int] = (64, 96), most: int = 4) -> torch.Tensor:
    found = torch.full((len(pictures), 1 + most, 5), torch.nan)
    for own, boxes in zip(found, pictures, strict=True):
        if boxes is not None:
            own[0] = torch.tensor([size[1], size[0], 0, 0, -1.0])
            for row, box in zip(own[1:], boxes, strict=False):
                row[:] = torch.tensor(box)
    return found


# -- the network -----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(64, 96), (61, 45), (33, 16), (128, 128)])
def test_places_are_the_cells_of_all_levels(size: tuple[int, int]) -> None:
    net = GridDetector(3, 2, width=4).eval()
    output = net(torch.rand(2, 3, *size))
    assert output.shape == (2, sum(r * c * BOXES for r, c in grids(size)), FIRST_CLASS + 2)
    assert len(level_of_places(size)) == output.shape[1]
    assert [(-(-size[0] // s), -(-size[1] // s)) for s in STRIDES] == list(grids(size))
    middle = (output[0, :, :2] + output[0, :, 2:4]) / 2
    strides = torch.tensor(STRIDES)[level_of_places(size)]
    rows, columns = zip(*grids(size), strict=True)
    first = 0
    for level, stride in enumerate(STRIDES):  # the middles lie around their own cells
        count = rows[level] * columns[level] * BOXES
        own = middle[first : first + count].view(rows[level], columns[level], BOXES, 2) / stride
        x = torch.arange(columns[level]) + 0.5
        y = torch.arange(rows[level]) + 0.5
        assert (own[..., 0] - x[None, :, None]).abs().max() <= 1
        assert (own[..., 1] - y[:, None, None]).abs().max() <= 1
        first += count
    assert len(strides) == first


def test_nearly_all_cells_are_empty_at_first() -> None:
    output = GridDetector(1, 3, width=4).eval()(torch.rand(1, 1, 64, 64)).detach()
    assert output[..., OBJECT].sigmoid().median() == pytest.approx(0.01, rel=0.3)


def test_anchors_are_where_the_sides_of_boxes_begin() -> None:
    net = GridDetector(1, 1, width=4).eval()
    net.anchors.copy_(torch.rand(3, BOXES, 2) * 0.5 + 0.1)
    for stride in STRIDES:
        torch.nn.init.zeros_(net.get_submodule(f"level{stride}").weight)
        torch.nn.init.zeros_(net.get_submodule(f"level{stride}").bias)
    output = net(torch.rand(1, 1, 32, 64))
    sides = (output[0, :, 2:4] - output[0, :, :2]) / torch.tensor([64.0, 32.0])
    first = 0
    for level, (rows, columns) in enumerate(grids((32, 64))):
        own = sides[first : first + rows * columns * BOXES].view(-1, BOXES, 2)
        torch.testing.assert_close(own, net.anchors[level].expand_as(own))
        first += rows * columns * BOXES


# -- targets ---------------------------------------------------------------------------------------


def test_boxes_become_targets_in_pixels_of_what_enters() -> None:
    pixels = np.zeros((2, 50, 100, 3), np.uint8)
    boxes = (Boxes(np.array([[10.0, 5, 30, 25], [90, 40, 120, 70], [99.9, 0, 150, 50]]), ("b", "a", "a")), None)
    data = Dataset("d", Stack.of(pixels, "d"), boxes=boxes)
    target = target_of(("a", "b"), 3)
    spec = plain_pixels((25, 50), 3)
    found = target(data, 0, spec.frame(50, 100), spec)
    assert found[0].tolist() == [50, 25, 0, 0, -1]
    assert found[1].tolist() == [5, 2.5, 15, 12.5, 1]
    assert torch.isnan(found[2:]).all(), "too little of the others is in the picture"
    assert torch.isnan(target(data, 1, Frame(50, 100, 0, 0, 50, 100), spec)).all()
    with pytest.raises(BadInput, match="'b' is no known kind"):
        target_of(("a",), 3)(data, 0, spec.frame(50, 100), spec)


def test_what_is_mirrored_is_mirrored_and_what_left_is_none() -> None:
    given = targets([[10, 20, 30, 40, 0], [60, 0, 90, 10, 1]])
    mirror = Moves(torch.tensor([[[-1.0, 0, 0], [0, 1, 0]]]), (64, 96))
    there = moved(given, mirror)
    assert there[0, 1].tolist() == [66, 20, 86, 40, 0]
    torch.testing.assert_close(moved(there, mirror), given, equal_nan=True)
    away = moved(given, Moves(torch.tensor([[[1.0, 0, 80], [0, 1, 0]]]), (64, 96)))
    assert torch.isnan(away[0, 2]).all()
    assert away[0, 1].tolist() == [90, 20, 96, 40, 0], "cut at the edge"


# -- who answers, and what it costs ----------------------------------------------------------------


def test_the_cell_with_the_middle_answers_with_the_anchors_that_fit() -> None:
    anchors = torch.from_numpy(anchors_of("kmeans", np.array(SIZES))).float()
    given = targets([[10, 20, 30, 40, 0]], None, [[0, 0, 96, 64, 1], [40, 30, 44, 33, 0]])
    found = by_anchors(given, anchors)
    assert set(found.item.tolist()) == {0, 2}
    levels, shapes = level_of_places((64, 96)), grids((64, 96))
    firsts = [sum(r * c * BOXES for r, c in shapes[:k]) for k in range(3)]
    for item, place, row in zip(found.item, found.place, found.row, strict=True):
        level = int(levels[place])
        cell = (int(place) - firsts[level]) // BOXES
        y, x = divmod(cell, shapes[level][1])
        box = given[item, row]
        assert x == int((box[0] + box[2]) / 2 / STRIDES[level])
        assert y == int((box[1] + box[3]) / 2 / STRIDES[level])
    pairs = set(zip(found.item.tolist(), found.row.tolist(), strict=True))
    assert pairs == {(0, 1), (2, 1), (2, 2)}, "every box has somebody who answers"


def test_without_anchors_the_level_follows_the_size_and_one_box_of_the_cell_answers() -> None:
    given = targets([[10, 20, 26, 36, 0], [0, 0, 64, 64, 0], [30, 10, 62, 42, 0]])
    output = GridDetector(1, 1, width=4).eval()(torch.rand(1, 1, 64, 96)).detach()
    found = by_size(given, output)
    assert level_of_places((64, 96))[found.place].tolist() == [0, 2, 1]
    own = output[0, found.place[0] // BOXES * BOXES :][:BOXES, :4]
    shared = [float(_iou(box, given[0, 1, :4])) for box in own]
    assert int(found.place[0]) % BOXES == int(np.argmax(shared))


def _iou(box: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    low, high = torch.maximum(box[:2], other[:2]), torch.minimum(box[2:], other[2:])
    shared = (high - low).clamp(min=0).prod()
    return shared / ((box[2:] - box[:2]).prod() + (other[2:] - other[:2]).prod() - shared)


@pytest.mark.parametrize("anchors", ["kmeans", "none"])
def test_the_loss_is_each_items_own_and_nothing_where_nobody_looked(anchors: str) -> None:
    found = anchors_of(anchors, np.array(SIZES))
    known = None if found is None else torch.from_numpy(found).float()
    given = targets([[10, 20, 30, 40, 0]], None, [], [[0, 0, 96, 64, 1], [40, 30, 48, 37, 0]])
    net = GridDetector(3, 2, width=4).eval()
    x = torch.rand(4, 3, 64, 96)
    losses = loss_of(net(x), given, known)
    assert losses[1] == 0
    assert losses[2] > 0, "an empty picture teaches that there is nothing"
    one_by_one = torch.cat([loss_of(net(x[i : i + 1]), given[i : i + 1], known) for i in (0, 2, 3)])
    torch.testing.assert_close(losses[[0, 2, 3]], one_by_one, rtol=1e-4, atol=1e-5)
    losses.sum().backward()
    assert all(p.grad is None or bool(torch.isfinite(p.grad).all()) for p in net.parameters())


def test_who_says_all_that_is_there_pays_nothing() -> None:
    given = targets([[10, 20, 30, 40, 1]])
    output = torch.zeros(1, len(level_of_places((64, 96))), 7)
    output[..., 2:4] = 1.0
    output[..., OBJECT] = -30.0
    found = torch.from_numpy(anchors_of("kmeans", np.array(SIZES))).float()
    place = by_anchors(given, found).place
    output[0, place, :4] = given[0, 1, :4]
    output[0, place, OBJECT] = 30.0
    output[0, place, FIRST_CLASS + 1] = 30.0
    assert loss_of(output, given, found).item() == pytest.approx(0, abs=1e-5)


# -- who does not look -----------------------------------------------------------------------------


def test_who_does_not_look_says_where_things_mostly_are() -> None:
    usual, rare = [10, 20, 30, 40, 1], [60, 30, 70, 50, 0]
    given = targets(None, [], *[[usual]] * 6, *[[[11, 21, 31, 40, 1], rare]] * 2)
    said = constant_of(given, 2)
    assert said.shape == (1, 2, FIRST_CLASS + 2)
    assert said[0, :, :4].tolist() == [usual[:4], rare[:4]], "the one that hits most, then what none has hit"
    found = torch.from_numpy(scores.summary_of(said.expand(len(given), -1, -1), given).numpy())
    assert scores.true_of(found.numpy())[2, 0, CLASS] == 1
    assert scores.precisions(found.numpy(), 2, [0])[:, 0] == pytest.approx([0.2, 0.8])


def test_the_constant_boxes_are_the_best_of_those_that_can_be_said() -> None:
    generator = np.random.default_rng(0)
    middles = generator.normal([30, 30], 3, (40, 2))
    given = targets(*[[[x - 8, y - 8, x + 8, y + 8, 0]] for x, y in middles])
    own = constant_of(given, 1)

    def hits(box: torch.Tensor) -> int:
        return sum(float(_iou(box, row[1, :4])) >= 0.5 for row in given)

    assert hits(own[0, 0, :4]) == max(hits(row[1, :4]) for row in given)
    assert (own[0, :, OBJECT].diff() <= 0).all()
    assert constant_of(targets([], []), 3).shape == (1, 1, FIRST_CLASS + 3), "where nothing ever is, nothing is said"
    assert candidates(constant_of(targets([], []), 3), (64, 96))[0, 0, SCORE] == NONE


# -- from places to boxes --------------------------------------------------------------------------


def test_of_boxes_on_one_thing_the_likeliest_is_meant() -> None:
    found = np.full((MOST, 7), NONE, np.float32)
    found[:4, EDGE] = [[0, 0, 10, 10], [1, 0, 11, 10], [1, 0, 11, 10], [30, 30, 40, 40]]
    found[:4, SCORE], found[:4, CLASS], found[:4, LEVEL] = [0.9, 0.8, 0.7, 0.2], [0, 0, 1, 0], [0, 1, 1, 2]
    assert suppressed(found)[:, SCORE].tolist() == pytest.approx([0.9, 0.7, 0.2])
    assert suppressed(found, without=(0,))[:, SCORE].tolist() == pytest.approx([0.8, 0.7, 0.2])


def test_candidates_are_the_likeliest_places() -> None:
    output = GridDetector(1, 3, width=4).eval()(torch.rand(2, 1, 64, 96)).detach()
    output[..., OBJECT] = torch.randn(output.shape[:2], generator=torch.Generator().manual_seed(0))
    found = candidates(output, (64, 96))
    score = output[..., OBJECT].sigmoid() * output[..., FIRST_CLASS:].softmax(-1).amax(-1)
    torch.testing.assert_close(found[..., SCORE], score.sort(descending=True).values[:, :MOST])


# -- average precision -----------------------------------------------------------------------------


def world(seed: int, classes: int = 3) -> tuple[np.ndarray, list[dict[str, Any]], list[dict[str, Any]]]:
    """Summaries of 12 pictures with true and found boxes, some of them alike; scores that tie; empty pictures."""
    generator = np.random.default_rng(seed)
    summaries, true, found = [], [], []
    for i in range(12):
        corners = generator.integers(0, 70, (generator.integers(0, 7), 2)).astype(float)
        boxes = np.concatenate([corners, corners + generator.integers(8, 30, corners.shape)], 1)
        kinds = generator.integers(0, classes, len(boxes))
        for box, kind in zip(boxes, kinds, strict=True):
            true.append({"image_id": i + 1, "category_id": int(kind) + 1, "bbox": _xywh(box), "iscrowd": 0})
            true[-1] |= {"area": float((box[2] - box[0]) * (box[3] - box[1])), "id": len(true)}
        near = boxes + generator.integers(-3, 4, boxes.shape)
        far = generator.integers(0, 60, (4 if i % 5 else 0, 2)).astype(float)
        said = np.concatenate([near, near[:2], np.concatenate([far, far + 20], 1)])
        guess = np.concatenate([kinds, kinds[:2], generator.integers(0, classes, len(far))])
        guess = np.where(generator.random(len(guess)) < 0.15, 0, guess)
        score = generator.integers(1, 10, len(said)) / 16
        order = np.argsort(-score, kind="stable")
        rows = np.concatenate([said, score[:, None], guess[:, None], np.zeros((len(said), 1))], 1)[order]
        own = np.concatenate([boxes, kinds[:, None]], 1)
        summaries.append(scores.summary(rows, own, 6))
        for row in rows:
            told = {"image_id": i + 1, "category_id": int(row[CLASS]) + 1, "bbox": _xywh(row[EDGE])}
            found.append({**told, "score": float(row[SCORE])})
    return np.stack(summaries), true, found


@pytest.mark.parametrize("seed", range(8))
def test_what_is_found_in_a_crowd_counts_neither_way_as_cocos(seed: int) -> None:
    _, true, found = world(seed)
    rng = np.random.default_rng(seed)
    for each in true:
        each["iscrowd"] = int(rng.random() < 0.35)
    for i in range(1, 5):  # large ones, with several boxes in them
        x, y = rng.integers(0, 30, 2)
        true.append({"image_id": i, "category_id": int(rng.integers(1, 4)), "bbox": [float(x), float(y), 60.0, 60.0]})
        true[-1] |= {"iscrowd": 1, "area": 3600.0, "id": len(true)}
    summaries = []
    for i in range(1, 13):
        told = [r for r in found if r["image_id"] == i]
        told = [[*_corners(r["bbox"]), r["score"], r["category_id"] - 1, 0] for r in told]
        own = [r for r in true if r["image_id"] == i]
        kinds = [OPEN - r["category_id"] if r["iscrowd"] else r["category_id"] - 1 for r in own]
        boxes = [[*_corners(r["bbox"]), kind] for r, kind in zip(own, kinds, strict=True)]
        summaries.append(scores.summary(np.array(told).reshape(-1, 7), np.array(boxes).reshape(-1, 5), 12))
    summaries, stats = np.stack(summaries), judged_by_coco(true, found)
    assert scores.found_of(summaries)[..., scores.SPARED].any()
    assert scores.mean_precision(summaries, 3) == pytest.approx(stats[0], abs=1e-9)
    assert scores.mean_precision(summaries, 3, [0]) == pytest.approx(stats[1], abs=1e-9)
    assert scores.mean_precision(summaries, 3, [5]) == pytest.approx(stats[2], abs=1e-9)


def test_a_threshold_knows_no_mistakes_in_a_crowd() -> None:
    true = np.array([[10.0, 10, 20, 20, 0], [40, 40, 90, 90, OPEN - 1], [0, 60, 30, 90, OPEN]])
    said = [[10, 10, 20, 20, 0.9, 0, 0], [50, 50, 60, 60, 0.8, 0, 0], [70, 70, 80, 80, 0.7, 0, 0]]
    said += [[50, 70, 60, 80, 0.6, 1, 0], [5, 65, 25, 85, 0.5, 0, 0]]
    one = scores.summary(np.array(said), true, 4)[None]
    told = scores.counts(one, 0.1, 2)[0].tolist()
    assert told == [[1, 1, 0], [0, 1, 0]], "another class is not spared, nor what a nameless crowd holds"
    assert scores.best_threshold(one) == pytest.approx(0.75, abs=0.06)


def _corners(box: list[float]) -> list[float]:
    return [box[0], box[1], box[0] + box[2], box[1] + box[3]]


def _xywh(box: np.ndarray) -> list[float]:
    return [float(box[0]), float(box[1]), float(box[2] - box[0]), float(box[3] - box[1])]


def judged_by_coco(true: list[dict[str, Any]], found: list[dict[str, Any]], classes: int = 3) -> Any:
    told: dict[str, Any] = {"images": [{"id": i + 1, "height": 100, "width": 100} for i in range(12)]}
    told |= {"annotations": true, "categories": [{"id": k + 1, "name": str(k)} for k in range(classes)]}
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(told)
        judge = COCOeval_faster(coco, coco.loadRes(found), iouType="bbox", print_function=lambda *_: None)
        judge.run()
    return judge.stats


@pytest.mark.parametrize("seed", range(8))
def test_average_precision_is_cocos(seed: int) -> None:
    summaries, true, found = world(seed)
    stats = judged_by_coco(true, found)
    assert scores.mean_precision(summaries, 3) == pytest.approx(stats[0], abs=1e-9)
    assert scores.mean_precision(summaries, 3, [0]) == pytest.approx(stats[1], abs=1e-9)
    assert scores.mean_precision(summaries, 3, [5]) == pytest.approx(stats[2], abs=1e-9)


def test_a_class_that_is_nowhere_true_does_not_count() -> None:
    summaries, true, found = world(0)
    assert scores.mean_precision(summaries, 5, [0]) == pytest.approx(judged_by_coco(true, found, 5)[1], abs=1e-9)


def test_perfect_answers_are_perfect_and_none_are_nothing() -> None:
    true = np.array([[10.0, 10, 30, 30, 0], [40, 40, 60, 50, 1]])
    said = np.concatenate([true[:, :4], [[0.9, 0, 0], [0.8, 1, 2]]], 1)
    metrics = scores.metrics(2)
    perfect, nothing = scores.summary(said, true, 4)[None], scores.summary(said[:0], true, 4)[None]
    best, worst = scores.counts(perfect, 0.5, 2), scores.counts(nothing, 0.5, 2)
    assert {n: m.compute(None, perfect, best) for n, m in metrics.items()} == pytest.approx(dict.fromkeys(metrics, 1))
    assert metrics["map50"].compute(None, nothing, worst) == 0
    assert metrics["recall"].compute(None, nothing, worst) == 0
    assert np.isnan(metrics["precision"].compute(None, nothing, worst))


def test_the_threshold_is_where_f1_is_best() -> None:
    summaries = world(3)[0]
    found = scores.f1(scores.counts(summaries, scores.best_threshold(summaries), 3))
    assert found == max(scores.f1(scores.counts(summaries, t, 3)) for t in np.arange(0.5, 10) / 16)


def test_a_level_that_is_not_asked_finds_nothing() -> None:
    given = targets([[10, 20, 30, 40, 0]])
    output = GridDetector(1, 1, width=4).eval()(torch.rand(1, 1, 64, 96)).detach()
    output[..., OBJECT] = 3.0
    whole = scores.found_of(scores.summary_of(output, given).numpy())
    assert set(whole[0, whole[0, :, CLASS] >= 0, LEVEL]) <= {0, 1, 2}
    less = scores.found_of(scores.summary_of(output, given, without=(0, 1)).numpy())
    assert set(less[0, less[0, :, CLASS] >= 0, LEVEL]) <= {2}


# -- options ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("anchors", "told"),
    [("0.1x0.2", "anchors are"), ("big", "anchors are"), ("kmeans", "no training picture has a box")],
)
def test_wrong_anchors_are_told(anchors: str, told: str) -> None:
    with pytest.raises(BadInput, match=told):
        detection(Vocabulary({"box": ("a",)}, 3, most=2), anchors=anchors)


def test_anchors_by_hand_go_to_the_levels_by_their_size() -> None:
    told = ",".join(f"{s / 20}x{s / 20}" for s in (9, 1, 5, 3, 7, 2, 4, 8, 6))
    found = anchors_of(told, np.empty((0, 2)))
    assert found is not None
    np.testing.assert_allclose(found.reshape(9, 2)[:, 0], np.arange(1, 10) / 20)
    assert anchors_of("none", np.empty((0, 2))) is None
