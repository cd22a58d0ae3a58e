"""Heatmaps and what is read off them: places between pixels, matches, counts, losses, movement."""

from __future__ import annotations

import dataclasses
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import pellucid
from pellucid.core.errors import BadInput
from pellucid.data.augment import GEOMETRY, Moves
from pellucid.data.dataset import Boxes, Dataset, Stack
from pellucid.models.inputs import InputSpec
from pellucid.tasks.landmarks import losses, scores
from pellucid.tasks.landmarks.matching import matched
from pellucid.tasks.landmarks.peaks import is_peak, peaks
from pellucid.tasks.landmarks.truth import heatmaps, mirrored, moved, target_of
from pellucid.tasks.table import tasks
from pellucid.tasks.task import Task, Vocabulary, scene_vocabulary

SIZE = (24, 32)


def targets(*pictures: list[tuple[float, float, int]], most: int = 10) -> torch.Tensor:
    found = torch.full((len(pictures), 1 + most, 3), torch.nan)
    for i, rows in enumerate(pictures):
        found[i, 0] = torch.tensor([SIZE[1], SIZE[0], -1.0])
        for k, row in enumerate(rows):
            found[i, 1 + k] = torch.tensor(row)
    return found


def task(kinds: tuple[str, ...] = ("point",), most: int = 10, **options: object) -> Task:
    return tasks["keypoints"].function(Vocabulary({"point": kinds}, 1, most=most), **options)


def scattered(seed: int, count: int, apart: float = 7.0) -> list[tuple[float, float, int]]:
    rng, found = np.random.default_rng(seed), []
    while len(found) < count:
        x, y = rng.uniform(0, SIZE[1]), rng.uniform(0, SIZE[0])
        if all(np.hypot(x - a, y - b) > apart for a, b, _ in found):
            found.append((float(x), float(y), 0))
    return found


# -- places between pixels ------------------------------------------------------------------------


@pytest.mark.parametrize(("refine", "error"), [("dark", 0.000), ("quarter", 0.191), ("argmax", 0.383)])
@pytest.mark.parametrize("sigma", [1.0, 2.0])
def test_the_error_without_noise(refine: str, error: float, sigma: float) -> None:
    """Uniform places in a pixel are 0.3826 from its centre on average, a quarter in the right direction leaves half."""
    even = (np.arange(40) + 0.5) / 40
    one = targets(*[[(12 + float(x), 9 + float(y), 0)] for x in even for y in even], most=1)
    found = peaks(heatmaps(one, 1, SIZE, sigma), 1, refine=refine)[:, 0, 0]  # type: ignore[arg-type]
    off = np.hypot(*(found[:, :2] - one[:, 1, :2]).numpy().T).mean()
    assert off == pytest.approx(error, abs=5e-4 if refine == "dark" else 2e-3)


def test_places_at_the_edge_are_exact_too() -> None:
    places = [(x, y, 0) for x, y in itertools.product((0.5, 0.8, 12.3, 31.2, 31.5), (0.5, 0.9, 11.0, 23.1, 23.5))]
    one = targets(*[[p] for p in places], most=1)
    found = peaks(heatmaps(one, 1, SIZE, 1.5), 1)[:, 0, 0, :2]
    assert torch.allclose(found, one[:, 1, :2], atol=2e-3)


def test_ten_landmarks_of_one_type_share_a_heatmap() -> None:
    own = scattered(3, 10, apart=6.5)
    found = peaks(heatmaps(targets(own), 1, SIZE, 1.0), 15)[0, 0]
    kept = found[found[:, 2] > 0.3]
    assert len(kept) == 10
    _, _, distance = matched(kept[:, :2].numpy(), np.array(own)[:, :2], 1.0)
    assert len(distance) == 10
    assert distance.max() < 0.01


def test_their_order_does_not_exist() -> None:
    own = scattered(4, 6)
    assert torch.equal(heatmaps(targets(own), 1, SIZE, 1.5), heatmaps(targets(own[::-1]), 1, SIZE, 1.5))


def test_a_landmark_on_an_edge_between_pixels_is_one_peak() -> None:
    heat = heatmaps(targets([(8.0, 12.0, 0)]), 1, SIZE, 1.5)
    assert (heat == heat.max()).sum() == 4
    assert is_peak(heat).sum() == 1
    assert peaks(heat, 3)[0, 0, 0, :2].tolist() == pytest.approx([8.0, 12.0], abs=1e-3)
    assert is_peak(torch.zeros(1, 5, 5)).sum() == 1  # a plain has one peak, which no threshold lets through
    assert (peaks(torch.zeros(1, 5, 5), 4) == 0).all()


def test_peaks_are_those_of_a_plain_search() -> None:
    heat = torch.rand(20, 24, generator=torch.Generator().manual_seed(0))
    padded = np.pad(heat.numpy(), 1, constant_values=-1)
    slow = {(y, x) for y, x in np.ndindex(20, 24) if heat[y, x] == padded[y : y + 3, x : x + 3].max()}
    assert set(zip(*(i.tolist() for i in is_peak(heat).nonzero(as_tuple=True)), strict=True)) == slow


# -- matching and scores --------------------------------------------------------------------------


def test_the_matching_is_the_best_of_all() -> None:
    rng = np.random.default_rng(1)
    for _ in range(30):
        found, true = rng.uniform(0, 4, (rng.integers(1, 5), 2)), rng.uniform(0, 4, (4, 2))
        _, _, distance = matched(found, true, 1.2)
        each = np.hypot(*(found[:, None] - true[None]).transpose(2, 0, 1))
        best = (0, 0.0)
        for order in itertools.permutations(range(4), len(found)):
            own = each[np.arange(len(found)), order]
            own = own[own <= 1.2]
            best = max(best, (len(own), -own.sum()))
        assert (len(distance), -distance.sum()) == pytest.approx(best)


def test_the_nearest_one_twice_would_count_two() -> None:
    found, true = np.array([[5.0, 5.0]]), np.array([[4.5, 5.0], [5.5, 5.0]])
    assert len(matched(found, true, 1.0)[0]) == 1


def test_scores_of_a_known_answer() -> None:
    own, truth = task(radius=0.1), targets([(8, 8, 0), (20, 16, 0)], [], [(4, 4, 0)])
    said = targets([(8.3, 8.4, 0), (28, 4, 0)], [], [(4, 4, 0)])
    summary = own.summary(heatmaps(said, 1, SIZE, 1.5), truth)  # type: ignore[misc]
    assert torch.isfinite(summary).all()
    found = own.scores(truth.numpy(), summary.numpy())
    assert (found["precision"], found["recall"]) == pytest.approx((2 / 3, 2 / 3))
    assert found["f1"] == pytest.approx(2 / 3)
    assert found["distance"] == pytest.approx(0.25, abs=1e-3)
    assert found["pck"] == pytest.approx(1 / 3)  # 0.5 pixels are more than 0.01 of 32
    assert found["count_mae"] == 0
    assert found["density_mae"] == pytest.approx(0, abs=0.05)
    decided = own.decide(summary.numpy(), own.rule)
    assert [own.say(d) for d in decided] == ["point 1 of 2 and 1 too many", "none there, none found", "point 1 of 1"]


def test_how_sure_it_is_that_all_found_are_right_depends_on_how_many_were_found() -> None:
    own, truth = task(radius=0.1), targets([(8, 8, 0), (20, 16, 0), (28, 4, 0)], [(4, 4, 0)])
    summary = own.summary(heatmaps(targets([(8, 8, 0)], []), 1, SIZE, 1.5), truth)  # type: ignore[misc]
    decided = own.decide(summary.numpy(), own.rule)
    assert own.metrics["precision"].compute(truth.numpy(), summary.numpy(), decided) == 1
    counts = {name: own.metrics[name].of(truth.numpy(), decided) for name in ("precision", "recall")}
    assert counts == {"precision": 1, "recall": 4}


def test_pictures_that_nobody_looked_at_say_nothing() -> None:
    own = task()
    truth = torch.cat([targets([(8, 8, 0)]), torch.full((1, 11, 3), torch.nan)])
    output = heatmaps(targets([(8, 8, 0)], [(20, 12, 0)]), 1, SIZE, 1.5)
    assert own.scores(truth.numpy(), own.summary(output, truth).numpy())["precision"] == 1  # type: ignore[misc]
    assert own.loss(output, truth)[1] == 0


@pytest.mark.parametrize("count", range(11))
def test_peaks_and_the_density_count_alike(count: int) -> None:
    """Where landmarks are four sigmas apart and as far from the edge; nearer ones share a part of their Gaussians."""
    side = [(4.0 + 6 * (k % 5) + 0.3, 6.0 + 8 * (k // 5) + 0.2, 0) for k in range(count)]
    summary = task(sigma=1.0).summary(heatmaps(targets(side), 1, SIZE, 1.0), targets(side))  # type: ignore[misc]
    decided = task(sigma=1.0).decide(summary.numpy(), scores.untuned(1))
    assert scores.column(decided, "tp").sum() == count
    assert scores.column(decided, "density").sum() == pytest.approx(count, abs=0.03 * max(count, 1))


def test_thresholds_are_tuned_for_each_type() -> None:
    own = task(("low", "high"))
    truth = targets([(8, 8, 0), (24, 16, 1)], [(20, 8, 0), (10, 16, 1)])
    output = heatmaps(truth, 2, SIZE, 1.5) * torch.tensor([0.2, 0.9])[:, None, None]
    noise = heatmaps(targets([(28, 4, 1)], [(4, 20, 1)]), 2, SIZE, 1.5) * 0.5
    summary = own.summary(output + noise, truth).numpy()  # type: ignore[misc]
    assert own.scores(truth.numpy(), summary)["f1"] < 0.5
    rule = own.tuned(summary, truth.numpy())
    assert rule["thresholds"][0] < 0.2
    assert 0.5 < rule["thresholds"][1] < 0.9
    assert own.scores(truth.numpy(), summary, rule)["f1"] == 1
    assert own.scores(truth.numpy(), summary, rule)["density_mae"] < 0.05
    assert json.loads(json.dumps(rule)) == rule


# -- losses ---------------------------------------------------------------------------------------


def test_a_missed_landmark_costs_one() -> None:
    for count in (0, 1, 2):
        truth = targets([(8.2, 8.4, 0), (22.0, 14.0, 0)][:count])
        assert losses.squared_error(torch.zeros(1, 1, *SIZE), truth, 1.5).item() == pytest.approx(count, abs=0.01)
    assert losses.squared_error(heatmaps(truth, 1, SIZE, 1.5), truth, 1.5).item() == 0


def test_the_focal_loss_is_the_papers() -> None:
    generator = torch.Generator().manual_seed(0)
    output = torch.randn(1, 2, *SIZE, generator=generator)
    truth = targets([(8.2, 8.4, 0), (22.9, 14.0, 0), (3.1, 20.0, 1)])
    near, p = heatmaps(truth, 2, SIZE, 1.5), output.sigmoid()
    total = 0.0
    for k, y, x in np.ndindex(2, *SIZE):
        here = (k, y, x) in {(0, 8, 8), (0, 14, 22), (1, 20, 3)}
        q, g = p[0, k, y, x], near[0, k, y, x]
        total += float((1 - q) ** 2 * q.log() if here else (1 - g) ** 4 * q**2 * (1 - q).log())
    assert losses.focal(output, truth, 1.5).item() == pytest.approx(-total / 3, rel=1e-4)
    extreme = torch.full((1, 2, *SIZE), 200.0, requires_grad=True)
    losses.focal(extreme, truth, 1.5).sum().backward()
    assert torch.isfinite(extreme.grad).all()  # type: ignore[arg-type]


def test_who_does_not_look_says_the_mean() -> None:
    own = task(("a", "b"))
    truth = targets([(8, 8, 0)], [(8, 8, 0), (20, 12, 1)])
    found = own.constant(truth)  # type: ignore[misc]
    assert found.shape == (1, 2, *SIZE)
    assert found.amax((2, 3))[0].tolist() == pytest.approx([0.8948, 0.4474], abs=1e-3)


def test_who_does_not_look_pays_the_least_focal_loss() -> None:
    own = task(("a", "b"), loss="focal")
    truth = targets([(8, 8, 0)], [(8, 8, 0), (20, 12, 1)], [(9, 8, 0)], [(1, 1, 1)])
    truth[3] = torch.nan  # nobody looked
    best = own.constant(truth)  # type: ignore[misc]
    cost = lambda output: own.loss(output.expand(len(truth), -1, -1, -1), truth).sum()  # noqa: E731
    output = best.clone().requires_grad_()
    cost(output).backward()
    assert output.grad.abs().max() < 1e-4  # type: ignore[union-attr]
    mean = heatmaps(truth[:3], 2, SIZE, 1.5).mean(0, keepdim=True).clamp(1e-4, 1 - 1e-4)
    assert cost(best) < cost(torch.logit(mean)) - 0.1
    for seed in range(5):
        noise = torch.randn(best.shape, generator=torch.Generator().manual_seed(seed))
        assert cost(best + 0.1 * noise) > cost(best)


# -- moving ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*GEOMETRY, "mirror"])
def test_landmarks_move_with_their_pictures(name: str) -> None:
    """The heatmap of moved landmarks peaks where the moved heatmap does: nothing is half a pixel off."""
    truth = targets(*[[(float(x), float(y), 0)] for x in (12.2, 16.0, 19.7) for y in (9.5, 12.0, 14.1)])
    matrix = torch.tensor([[[-1.0, 0, 0], [0, 1, 0]]]).expand(len(truth), 2, 3)
    if name != "mirror":
        matrix = GEOMETRY[name](len(truth), SIZE, torch.Generator().manual_seed(3))
    moves = Moves(matrix, SIZE)
    after = moved(("point",))(truth, moves)
    picture = peaks(moves.pictures(heatmaps(truth, 1, SIZE, 2.0)), 1)[:, 0, 0, :2]
    assert torch.allclose(picture, after[:, 1, :2], atol=1e-3 if name in ("mirror", "flip", "shift") else 0.1)
    assert torch.equal(after[:, 0], truth[:, 0])


def test_mirroring_twice_is_nothing_and_once_keeps_places_exactly() -> None:
    truth = targets([(0.0, 3.0, 0), (31.25, 20.0, 0), (16.0, 12.0, 0)])
    moves = Moves(torch.tensor([[[-1.0, 0, 0], [0, 1, 0]]]), SIZE)
    once = moved(("point",))(truth, moves)
    assert once[0, 1:4, 0].tolist() == [32.0, 0.75, 16.0]
    assert torch.equal(moved(("point",))(once, moves).nan_to_num(-9), truth.nan_to_num(-9))
    assert torch.equal(heatmaps(once, 1, SIZE, 1.5), heatmaps(truth, 1, SIZE, 1.5).flip(3))


def test_left_becomes_right_in_a_mirror_and_stays_left_in_a_turn() -> None:
    kinds = ("left eye", "mouth", "right eye", "left ear")
    assert mirrored(kinds) == (2, 1, 0, 3)
    truth = targets([(8, 8, 0), (16, 14, 1), (24, 8, 2), (4, 4, 3)])
    mirror = Moves(torch.tensor([[[-1.0, 0, 0], [0, 1, 0]]]), SIZE)
    assert moved(kinds)(truth, mirror)[0, 1:5].tolist() == [[24, 8, 2], [16, 14, 1], [8, 8, 0], [28, 4, 3]]
    turn = Moves(torch.tensor([[[-1.0, 0, 0], [0, -1, 0]]]), SIZE)
    assert moved(kinds)(truth, turn)[0, 1:5, 2].tolist() == [0, 1, 2, 3]


def test_what_left_the_picture_is_none() -> None:
    truth = targets([(2, 8, 0), (20, 8, 0)])
    left = moved(("point",))(truth, Moves(torch.tensor([[[1.0, 0, -5], [0, 1, 0]]]), SIZE))
    assert left[0, 1].isnan().all()
    assert left[0, 2].tolist() == [15, 8, 0]


# -- data -----------------------------------------------------------------------------------------


def data_of(points: list[np.ndarray | None], kinds: list[tuple[str, ...] | None] | None = None) -> Dataset:
    pixels = np.random.default_rng(0).integers(0, 255, (len(points), 48, 64), dtype=np.uint8)
    named = None if kinds is None else tuple(kinds)
    return Dataset("dots", Stack.of(pixels, "dots.npz"), points=tuple(points), point_kinds=named)


def test_targets_are_in_pixels_of_what_enters_the_network() -> None:
    data = data_of([np.array([[4.0, 6.0], [63.0, 47.0], [np.nan, np.nan]]), None, np.empty((0, 2))])
    vocabulary = scene_vocabulary(data, "points", [0])
    assert (vocabulary.values, vocabulary.most) == ({"point": ("point",)}, 2)  # one of the three is not seen
    spec = InputSpec(SIZE, (0.0,), (1.0,), crop=None)
    found = [target_of(vocabulary)(data, i, spec.frame(48, 64), spec) for i in range(3)]
    assert found[0][:, :3].tolist() == [[32, 24, -1], [2, 3, 0], [31.5, 23.5, 0]]
    assert found[1].isnan().all()
    assert found[2][0, :3].tolist() == [32, 24, -1]
    half = dataclasses.replace(spec, crop=0.5)
    assert target_of(vocabulary)(data, 0, half.frame(48, 64), half)[1:].isnan().all()  # the crop shows none of them


def crowded() -> torch.Tensor:
    """One landmark at 4, 5, and from 16, 0 to 32, 24 a box in which nobody marked any."""
    boxes = (Boxes(np.array([[0.0, 0, 20, 20], [32, 0, 64, 48]]), ("one", "one"), frozenset({1}), frozenset({1})),)
    data = dataclasses.replace(data_of([np.array([[8.0, 10.0]])]), boxes=boxes)
    spec = InputSpec(SIZE, (0.0,), (1.0,), crop=None)
    return target_of(scene_vocabulary(data, "points", [0]))(data, 0, spec.frame(48, 64), spec)[None]


def with_a_stray(x: float, y: float) -> torch.Tensor:
    """A heatmap of the crowded picture's landmark and of one more."""
    return heatmaps(targets([(4, 5, 0), (x, y, 0)]), 1, SIZE, 1.5)


@pytest.mark.parametrize("loss", [losses.squared_error, losses.focal])
def test_what_is_said_in_a_crowd_costs_nothing(loss) -> None:
    truth, ideal = crowded(), heatmaps(crowded(), 1, SIZE, 1.5)
    say = (lambda heat: heat) if loss is losses.squared_error else (lambda heat: 12 * heat - 6)
    known = float(loss(say(ideal), truth, 1.5))
    assert float(loss(say(with_a_stray(24, 12)), truth, 1.5)) == pytest.approx(known, abs=1e-3)
    assert float(loss(say(with_a_stray(10, 18)), truth, 1.5)) > known + 0.5
    mirrored_back = moved(("point",))(truth, Moves(torch.tensor([[[-1.0, 0, 0], [0, 1, 0]]]), SIZE))
    assert mirrored_back[0, 1, :3].tolist() == [28, 5, 0]
    assert mirrored_back[0, 2].tolist() == [0, 0, -2, 16, 24]
    assert float(loss(say(with_a_stray(24, 12).flip(3)), mirrored_back, 1.5)) < known + 0.5


def test_what_is_found_in_a_crowd_counts_neither_way() -> None:
    own = task(most=1)

    def counts(x: float, y: float) -> list[float]:
        decisions = own.decide(own.summary(with_a_stray(x, y), crowded()).numpy(), own.rule)
        return [float(scores.column(decisions, name)[0, 0]) for name in ("tp", "fp", "fn")]

    assert counts(24, 12) == [1, 0, 0]
    assert counts(10, 18) == [1, 1, 0]
    inside = crowded()
    inside[0, 1, :2] = torch.tensor([24.0, 12.0])  # one that somebody marked within the crowd is asked for
    decisions = own.decide(own.summary(with_a_stray(24, 12), inside).numpy(), own.rule)
    assert scores.column(decisions, "tp")[0, 0] == 1


def test_the_constant_answer_learns_nothing_from_crowds() -> None:
    many = torch.cat([crowded(), torch.nn.functional.pad(targets([(24, 12, 0)], most=2), (0, 2), value=torch.nan)])
    constant = task().constant(many)
    at = constant[0, 0, 11:13, 23:25].mean()
    assert float(at) > 0.8, "of two pictures one does not say whether there is one"
    assert float(constant[0, 0, 4:6, 3:5].mean()) == pytest.approx(float(at) / 2, rel=1e-3)


def test_tables_tell_types_and_pictures_without_landmarks(tmp_path: Path) -> None:
    for i in range(4):
        Image.fromarray(np.random.default_rng(i).integers(0, 255, (20, 20), dtype=np.uint8)).save(tmp_path / f"{i}.png")
    table = tmp_path / "labels.csv"
    table.write_text(
        'image,points\n0.png,"[[""eye"", 3, 4], [""eye"", 12.5, 4], [""nose"", 8, 9]]"\n1.png,[]\n2.png,\n'
        '3.png,"[[""nose"", 1, 1]]"\n'
    )
    data = pellucid.dataset(table)
    assert data.point_kinds == (("eye", "eye", "nose"), (), None, ("nose",))
    assert data.points is not None
    assert data.points[1].shape == (0, 2)  # type: ignore[union-attr]
    assert data.points[2] is None
    assert data.take([3]).point_kinds == (("nose",),)
    assert scene_vocabulary(data, "points", [0]).values == {"point": ("eye", "nose")}
    table.write_text('image,points\n0.png,"[[""eye"", 3, 4]]"\n1.png,"[[3, 4]]"\n3.png,"[[""eye"", 4, 5, 6]]"\n')
    told = " ".join(p.what for p in pellucid.dataset(table).problems)
    assert "its points have no type, and those of other rows have" in told
    assert 'not of the form [[x, y], …] or [["eye", x, y], …]' in told


def test_keypoints_of_coco_have_their_names(tmp_path: Path) -> None:
    for name in ("a", "b"):
        Image.fromarray(np.random.default_rng(1).integers(0, 255, (20, 20), dtype=np.uint8)).save(
            tmp_path / f"{name}.png"
        )
    marks = [{"id": k, "image_id": 1, "category_id": 1, "bbox": [1, 1, 9, 9], "iscrowd": 0} for k in (1, 2)]
    marks[0]["keypoints"], marks[1]["keypoints"] = [2, 3, 2, 0, 0, 0], [12, 3, 2, 14, 9, 1]
    told = {
        "images": [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "b.png"}],
        "categories": [{"id": 1, "name": "quokka", "keypoints": ["eye", "nose"]}],
        "annotations": marks,
    }
    (tmp_path / "coco.json").write_text(json.dumps(told))
    data = pellucid.dataset(tmp_path / "coco.json")
    assert data.point_kinds == (("eye", "nose", "eye", "nose"), ())
    vocabulary = scene_vocabulary(data, "points", [0])
    spec = InputSpec((20, 20), (0.0,), (1.0,), crop=None)
    found = target_of(vocabulary)(data, 0, spec.frame(20, 20), spec)
    assert found[1:4, :3].tolist() == [[2, 3, 0], [12, 3, 0], [14, 9, 1]]  # the nose that nobody labelled is none
    assert target_of(vocabulary)(data, 1, spec.frame(20, 20), spec)[0, :3].tolist() == [20, 20, -1]
    marks[0]["keypoints"] = [2, 3, 2]
    (tmp_path / "coco.json").write_text(json.dumps(told))
    assert "it has 1 keypoints, and its category names 2" in pellucid.dataset(tmp_path / "coco.json").problems[0].what


def test_points_of_which_none_is_seen_teach_nothing() -> None:
    hidden = data_of([np.full((2, 2), np.nan), None])
    with pytest.raises(BadInput, match="no picture shows a landmark"):
        tasks["keypoints"].function(scene_vocabulary(hidden, "points", [0]))


def test_bad_choices_are_told() -> None:
    with pytest.raises(BadInput, match="no picture shows a landmark"):
        task(most=0)
    with pytest.raises(BadInput, match=r"sigma is 0; pass a number above 0 \(--sigma\)"):
        task(sigma=0)
    with pytest.raises(BadInput, match="radius is 3, and is a share of the longer side; divide pixels by the longer"):
        task(radius=3)
    data = data_of([np.array([[1.0, 1.0]])], [("ear",)])
    spec, make = InputSpec(SIZE, (0.0,), (1.0,), crop=None), target_of(Vocabulary({"point": ("eye",)}, 1, most=1))
    with pytest.raises(BadInput, match="'ear' is no known type of landmark; known are 'eye'"):
        make(data, 0, spec.frame(48, 64), spec)
