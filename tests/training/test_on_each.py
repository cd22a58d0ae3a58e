"""More pictures, or more on each: thinning takes labels and leaves things, and nobody pays for what is not asked."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

import pellucid
from pellucid.core.errors import BadInput
from pellucid.data.augment import Moves
from pellucid.data.dataset import Boxes, Dataset, Stack
from pellucid.models.grid import FIRST_CLASS, OBJECT, level_of_places
from pellucid.models.sources.small_ import plain_pixels
from pellucid.report.look import look_of
from pellucid.synth.boards import boards
from pellucid.tasks.boxes.sizes import sizes_of
from pellucid.tasks.detecting import scores
from pellucid.tasks.detecting.anchoring import anchors_of
from pellucid.tasks.detecting.losses import loss_of
from pellucid.tasks.detecting.truth import OPEN, target_of
from pellucid.tasks.detecting.truth import moved as boxes_moved
from pellucid.tasks.landmarks import losses as landmark_losses
from pellucid.tasks.landmarks.truth import heatmaps, moved
from pellucid.tasks.task import scene_vocabulary
from pellucid.training import on_each
from pellucid.training.on_each import counts_of, grid_of, thinned

BOXES: dict[str, Any] = {"task": "detection", "model": "grid:2", "epochs": 1, "batch": 8}


def boxed(count: int = 13, *, figures: tuple[int, int] = (2, 3)) -> Dataset:
    own = boards(count, figures=figures, side=16)
    pictures = Stack.of(np.stack([b.picture for b in own]), "boards")
    return Dataset("boards", pictures, boxes=tuple(Boxes(b.corners, b.kinds) for b in own))


def pointed(count: int = 13) -> Dataset:
    generator = np.random.default_rng(0)
    points = tuple(generator.uniform(2, 14, (3, 2)) for _ in range(count))
    pixels = generator.integers(0, 60, (count, 16, 16), np.uint8)
    for picture, own in zip(pixels, points, strict=True):
        for x, y in own.astype(int):
            picture[y, x] = 255
    return Dataset("points", Stack.of(pixels, "points"), points=points)


# -- thinning --------------------------------------------------------------------------------------


def test_a_smaller_number_is_among_a_larger_one_and_all_boxes_stay() -> None:
    data = boxed(12)
    before: list[set[int]] = [set() for _ in range(12)]
    for most in (1, 2):
        found = thinned(data, range(10), most, "boxes", seed=3)
        assert found.boxes is data.boxes
        kept = [set(np.flatnonzero(found.asked(i, len(data.boxes[i].kinds)))) for i in range(12)]
        assert [len(k) for k in kept[:10]] == [most] * 10
        assert [len(k) for k in kept[10:]] == [len(b.kinds) for b in data.boxes[10:]], "only these rows"
        assert all(a <= b for a, b in zip(before[:10], kept[:10], strict=True))
        before = kept
    assert found.take([4, 2]).unasked == (found.unasked[4], found.unasked[2])
    assert thinned(data, range(10), 1, "boxes", seed=4).unasked != thinned(data, range(10), 1, "boxes", seed=3).unasked


def test_what_was_not_asked_for_before_stays_so() -> None:
    once = thinned(boxed(10), range(10), 1, "boxes", seed=3)
    assert thinned(once, range(10), 1, "boxes", seed=4).unasked == once.unasked


def test_what_is_not_asked_keeps_its_class_known_and_lends_no_size_to_anchors() -> None:
    data = boxed(12)
    found = thinned(data, range(12), 1, "boxes", seed=0)
    whole, part = (scene_vocabulary(d, "boxes", range(12)) for d in (data, found))
    assert part.values == whole.values
    assert part.most == whole.most
    assert len(part.sizes) == 12 < len(whole.sizes)
    spec = plain_pixels((16, 16), 3)
    target = target_of(part.values["box"], part.most)(found, 0, spec.frame(16, 16), spec)
    assert (target[1:, 4] >= 0).sum() == 1
    assert (target[1:, 4] < OPEN).sum() == len(data.boxes[0].kinds) - 1


def test_a_crowd_is_no_example_no_size_and_no_class_of_its_own() -> None:
    data = boxed(12)
    crowds = tuple(
        Boxes(np.concatenate([b.corners, [[0, 0, 15, 9]]]), (*b.kinds, "herd"), frozenset([len(b.kinds)]))
        for b in data.boxes
    )
    herds = dataclasses.replace(data, boxes=crowds)
    whole, part = (scene_vocabulary(d, "boxes", range(12)) for d in (data, herds))
    assert (part.values, part.sizes, part.most) == (whole.values, whole.sizes, whole.most + 1)
    assert counts_of(herds, "boxes").tolist() == counts_of(data, "boxes").tolist()
    assert np.array_equal(sizes_of(herds).sizes, sizes_of(data).sizes)
    spec = plain_pixels((16, 16), 3)
    target = target_of(part.values["box"], part.most)(herds, 0, spec.frame(16, 16), spec)
    assert (target[1:, 4] == OPEN).sum() == 1, "nothing is taught of it"
    assert (target[1:, 4] >= 0).sum() == len(data.boxes[0].kinds)


def test_what_the_edge_leaves_of_a_crowd_stays_one() -> None:
    rows = torch.tensor([[32.0, 32, 0, 0, -1], [2, 2, 10, 10, 1], [2, 2, 10, 10, OPEN - 2]])[None]
    away = boxes_moved(rows, Moves(torch.tensor([[[1.0, 0, -8.5], [0, 1, 0]]]), (32, 32)))
    assert away[0, 1].isnan().all()
    assert away[0, 2].tolist() == [0, 2, 1.5, 10, OPEN - 2]


def test_points_that_are_nowhere_are_not_counted() -> None:
    data = pointed(4)
    data = dataclasses.replace(data, points=(np.array([[1.0, 1], [np.nan, np.nan]]), *data.points[1:3], None))
    assert counts_of(data, "points").tolist() == [1, 3, 3, 0]
    assert thinned(data, range(4), 1, "points", seed=0).unasked[0] == frozenset()


def test_the_grid_takes_what_half_of_the_pictures_hold() -> None:
    counts = np.array([0] * 5 + [1] * 10 + [3] * 24 + [9] * 8)
    assert grid_of(counts, np.arange(47), "boxes", "x") == ([4, 8, 16, 32], [1, 2])
    with pytest.raises(BadInput, match="10 training pictures of mostly 1 boxes make no grid"):
        grid_of(counts, np.arange(15), "boxes", "x")


# -- nobody pays for it ----------------------------------------------------------------------------


def output_with(objects: dict[tuple[float, float], float]) -> torch.Tensor:
    """Boxes of 4 pixels around the middles of their cells; at these middles somebody is sure of an object."""
    size = (32, 32)
    output = torch.zeros(1, len(level_of_places(size)), FIRST_CLASS + 2)
    cells = torch.arange(8) * 4 + 2.0
    middle = torch.stack(torch.meshgrid(cells, cells, indexing="xy"), -1).reshape(-1, 1, 2).expand(-1, 3, -1)
    output[0, :192, :2], output[0, :192, 2:4] = middle.reshape(-1, 2) - 2, middle.reshape(-1, 2) + 2
    output[0, 192:, :4] = torch.tensor([0.0, 28, 4, 32])  # the coarser levels say nothing, in a corner
    output[..., OBJECT] = -6.0
    for (x, y), logit in objects.items():
        output[0, :192][(middle.reshape(-1, 2) == torch.tensor([x, y])).all(1), OBJECT] = logit
    return output


@pytest.mark.parametrize("anchors", ["fixed", "none"])
def test_a_box_that_is_not_asked_costs_nothing_whatever_is_said_there(anchors: str) -> None:
    found = anchors_of(anchors, np.empty((0, 2)))
    known = None if found is None else torch.from_numpy(found).float()
    rows = torch.tensor([[32.0, 32, 0, 0, -1], [2, 2, 10, 10, 1], [16, 16, 28, 28, OPEN]])[None]
    alone = torch.where(torch.arange(3)[None, :, None] == 2, torch.nan, rows)
    quiet, loud, elsewhere = ({}, {(18.0, 22.0): 4.0}, {(30.0, 6.0): 4.0})
    cost = [float(loss_of(output_with(said), rows, known)) for said in (quiet, loud, elsewhere)]
    assert cost[1] == pytest.approx(cost[0], abs=1e-6)
    assert cost[2] > cost[0] + 1, "beside it background is background"
    assert float(loss_of(output_with(loud), alone, known)) > cost[0] + 1, "left there unlabelled it would be taught"
    one = scores.summary(np.empty((0, 7), np.float32), rows[0, 1:].numpy(), 2)
    assert one[0, 0] == 1, "and nobody misses it"


@pytest.mark.parametrize("name", ["squared_error", "focal"])
def test_a_landmark_that_is_not_asked_costs_nothing_whatever_is_said_there(name: str) -> None:
    loss = getattr(landmark_losses, name)
    rows = torch.tensor([[32.0, 32, -1], [8.5, 8.5, 0], [20.5, 22.5, OPEN]])[None]
    low = 0.0 if name == "squared_error" else -6.0
    said = torch.full((3, 1, 32, 32), low)
    said[1, 0, 22, 20] = said[2, 0, 8, 25] = 3.0
    quiet, there, elsewhere = (float(loss(each[None], rows, 1.5)) for each in said)
    assert there == quiet
    assert elsewhere > quiet + 0.5
    near = torch.tensor([[32.0, 32, -1], [8.5, 8.5, 0], [9.5, 8.5, OPEN]])[None]
    assert float(loss(said[:1], near, 1.5)) > 0, "a landmark beside one that is not asked for is still asked for"


def test_a_mirror_leaves_landmarks_that_are_not_asked() -> None:
    rows = torch.tensor([[32.0, 32, -1], [8, 8, 0], [20, 22, OPEN]])[None]
    there = moved(("left eye", "right eye"))(rows, Moves(torch.tensor([[[-1.0, 0, 0], [0, 1, 0]]]), (32, 32)))
    assert there[0, 1:].tolist() == [[24, 8, 1], [12, 22, OPEN]]
    assert heatmaps(there, 2, (32, 32), 1.5)[0, 0].max() == 0


# -- trainings -------------------------------------------------------------------------------------


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_each, "DRAWS", 40)


@pytest.mark.usefixtures("quick")
def test_a_grid_over_boxes() -> None:
    view = pellucid.howmany(boxed(), instances=True, repeats=3, **BOXES)
    assert view.kind == "on_each"
    assert view["each"].tolist() == [1, 2]
    assert view["score"].shape == (len(view["pictures"]), 2, 3)
    assert all(row["things"] == row["pictures"] * row["each"] for row in view.table)
    assert set(view.options["doubling"]) == {"pictures", "each"}
    look = look_of("on_each")
    text = " ".join(s.text for s in look.words(view))
    assert "twice as many pictures with half as many boxes on each" in text
    assert "neither taught nor taken for background" in text
    assert "beyond that nothing is said" in text
    look.figure(view)


@pytest.mark.usefixtures("quick")
def test_a_grid_over_points_and_the_same_again() -> None:
    choices = {"task": "keypoints", "model": "unet:2x1", "epochs": 1, "batch": 8, "options": {"radius": 0.1}}
    view, again = (pellucid.howmany(pointed(), instances=True, repeats=3, **choices) for _ in range(2))
    assert view.options["things"] == "points"
    assert view["each"].tolist() == [1, 2]
    np.testing.assert_array_equal(view["score"], again["score"])


@pytest.mark.usefixtures("quick")
def test_where_nothing_helps_nothing_is_compared() -> None:
    view = pellucid.howmany(boxed(), instances=True, repeats=3, **BOXES)
    look = look_of("on_each")
    for ends, told in (((-0.1, 0.1), True), ((0.01, 0.1), False)):
        each = {"value": 0.0, "low": ends[0], "high": ends[1]}
        options = {**view.options, "doubling": {"pictures": each, "each": each}}
        options["at_equal_total"] = {**options["at_equal_total"], "real": False}
        one = dataclasses.replace(view, options=options)
        assert any("take nothing off the error" in s.text for s in look.words(one)) is told
        assert look.headline(one).startswith("Neither more pictures nor more boxes on each") is told


def test_mistakes_are_told() -> None:
    with pytest.raises(BadInput, match="the data tell of no boxes"):
        pellucid.howmany(pointed(), instances=True, **BOXES)
    with pytest.raises(BadInput, match="leave --instances away for the curve over pictures"):
        pellucid.howmany(boxed(figures=(1, 1)), instances=True, **BOXES)
