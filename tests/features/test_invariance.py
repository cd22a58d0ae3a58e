"""``pellucid.invariance``: planted invariances, the three traps, the cut, real digits, bad input."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import nets
import pellucid
from pellucid import InputSpec
from pellucid.core.errors import BadInput
from pellucid.data.digits import ONE_SIDED, one_sided_digits, write_mirrored_digits
from pellucid.features import invariance as module
from pellucid.features.equivariance import pairs, probe
from pellucid.features.equivariance.cka import debiased_cka
from pellucid.features.resampling import weights
from pellucid.features.table import views


class Planted(nn.Module):
    """Layers with known answers to a horizontal flip T.

    equal: φ(x) + T⁻¹φ(Tx), which moves along. vector: its average, which does not change. paired: filters and their
    mirror images, which exchange their channels. plain: φ alone.
    """

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, 6, 3, padding=1)
        self.plain, self.equal, self.paired, self.vector = (nn.Identity() for _ in range(4))
        self.map = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        phi, turned = torch.relu(self.conv(x)), torch.relu(self.conv(x.flip(-1))).flip(-1)
        self.paired(torch.cat([self.plain(self.map(phi)), turned], 1))
        return self.vector(self.equal(phi + turned).mean((2, 3)))


def planted() -> pellucid.Network:
    return pellucid.open(Planted(), input=nets.SPEC)


def look(net: pellucid.Network, x: Any, *args: Any, **more: Any) -> dict[str, Any]:
    view = pellucid.invariance(net, x, *args, **more)
    return {row["layer"]: row for row in view.table}


# -- what is planted is found ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    return look(planted(), nets.images(64), "hflip", ["plain", "equal", "paired", "vector"])


def test_a_sum_over_the_flip_moves_along_exactly(found: dict[str, Any]) -> None:
    assert found["equal"]["d_eq"] < 1e-10
    assert found["equal"]["d_inv"] > 0.3
    assert found["plain"]["d_eq"] > 0.1


def test_its_average_is_invariant(found: dict[str, Any]) -> None:
    assert found["vector"]["resolution"] == "vector"
    assert found["vector"]["d_inv"] < 1e-10
    assert found["vector"]["cka"] == pytest.approx(1, abs=1e-9)
    assert found["vector"]["d_eq"] is None
    assert found["equal"]["d_inv_pooled"] < 1e-10
    assert found["plain"]["d_inv_pooled"] > 1e-3


def test_mirrored_pairs_are_mapped_and_not_called_invariant(found: dict[str, Any]) -> None:
    row = found["paired"]
    assert row["cka"] == pytest.approx(1, abs=1e-9)
    assert row["d_map"] < 1e-9
    assert row["d_inv_pooled"] > 1e-3
    assert row["d_inv"] > 0.3
    assert row["d_eq"] > 0.1


def test_every_figure_lies_in_its_interval(found: dict[str, Any]) -> None:
    for row in found.values():
        for key in ("d_inv", "d_inv_pooled", "d_eq", "d_map", "probe", "probe_parts"):
            if row[key] is not None:
                assert row[f"{key}_low"] <= row[key] <= row[f"{key}_high"]
    assert found["plain"]["d_inv_low"] < found["plain"]["d_inv_high"]


def test_independent_features_have_no_cka_where_the_biased_one_has() -> None:
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 128, 2048, generator=generator)
    assert abs(debiased_cka(a, b)) < 0.03
    k, l = ((x - x.mean(0)) @ (x - x.mean(0)).T for x in (a, b))
    assert float((k * l).sum() / (k.norm() * l.norm())) == pytest.approx(0.94, abs=0.005)
    assert debiased_cka(a, a[:, torch.randperm(2048, generator=generator)] * 3) == pytest.approx(1, abs=1e-9)


def test_the_measures_are_their_definitions() -> None:
    """A slow second way, from all maps at once."""
    net, x = nets.network("modules"), nets.images(24)
    row = look(net, x, "hflip", "act2")["act2"]
    phi, after = (net.capture(each, ["act2"])["act2"].double() for each in (x, x.flip(-1)))
    gaps = (phi[:, None] - phi).flatten(2).square().sum(2)
    between = gaps[~torch.eye(24, dtype=torch.bool)].mean()
    mean = lambda a: a.flatten(1).square().sum(1).mean() / between  # noqa: E731
    assert row["d_inv"] == pytest.approx(float(mean(after - phi)), rel=1e-5)
    assert row["d_eq"] == pytest.approx(float(mean(after.flip(-1) - phi)), rel=1e-5)
    pooled = phi.mean((2, 3))
    spread = (pooled[:, None] - pooled).square().sum(2)[~torch.eye(24, dtype=torch.bool)].mean()
    away = (after.mean((2, 3)) - pooled).square().sum(1).mean()
    assert row["d_inv_pooled"] == pytest.approx(float(away / spread), rel=1e-5)


def test_each_pictures_own_share_is_kept() -> None:
    view = pellucid.invariance(nets.network("modules"), nets.images(12), "hflip", "act2")
    assert view["d_eq/act2"].shape == (12,)
    assert float(view["d_eq/act2"].mean()) == pytest.approx(view.table[0]["d_eq"], rel=1e-5)


# -- the grid -------------------------------------------------------------------------------------


class Stem(nn.Module):
    """Like a ResNet's first layers, every kernel mirror-symmetric."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv1, self.pool = nn.Conv2d(3, 8, 7, stride=2, padding=3), nn.MaxPool2d(3, 2, 1)
        self.conv2, self.conv3 = nn.Conv2d(8, 16, 3, 2, 1), nn.Conv2d(16, 32, 3, 2, 1)
        for each in (self.conv1, self.conv2, self.conv3):
            each.weight.data = (each.weight + each.weight.flip(-1)).data / 2
        self.head = nn.Linear(32, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(torch.relu(self.conv1(x)))
        return self.head(torch.relu(self.conv3(torch.relu(self.conv2(x)))).mean((2, 3)))


PHOTOS = ["example:cat", "example:coffee", "example:astronaut", "example:rocket"]


def stem() -> pellucid.Network:
    return pellucid.open(Stem(), input=InputSpec(size=(224, 224)))


def test_symmetric_kernels_are_not_aligned_at_224_and_are_at_225() -> None:
    layers = ["conv1", "conv2", "conv3"]
    at = {size: look(stem(), PHOTOS, "hflip", layers, size=size) for size in (224, 225)}
    wrong = [at[224][n]["d_eq"] for n in layers]
    assert wrong == sorted(wrong)
    assert wrong[0] > 0.01
    assert wrong[-1] > 10 * wrong[0]
    assert all(at[225][n]["d_eq"] < 1e-10 for n in layers)
    assert all(at[224][n]["parity_floor"] == pytest.approx(at[224][n]["d_eq"], rel=0.9) for n in layers)


def test_an_aligned_size_is_chosen_and_said() -> None:
    view = pellucid.invariance(stem(), PHOTOS, "hflip", "conv3")
    assert view.options["size"] == (225, 225)
    parity = view.options["parity"]
    assert parity["resized"]
    assert parity["aligned"]
    assert parity["culprits"] == ("conv1", "pool", "conv2", "conv3")
    assert parity["worst"] > 0.01
    assert view.table[0]["d_eq"] < 1e-10


def test_what_cannot_be_resized_is_left_and_told() -> None:
    x = torch.randn(4, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    view = pellucid.invariance(stem(), x, "hflip", "conv3")
    assert view.options["size"] == (224, 224)
    assert not view.options["parity"]["aligned"]


def test_a_vertical_flip_asks_for_the_height_and_a_shift_for_nothing() -> None:
    module = Stem()
    for each in (module.conv1, module.conv2, module.conv3):
        each.weight.data = (each.weight + each.weight.flip(-2)).data / 2
    net = pellucid.open(module, input=InputSpec(size=(225, 224)))
    x = torch.randn(4, 3, 225, 224, generator=torch.Generator().manual_seed(0))
    assert pellucid.invariance(net, x, "vflip", "conv3").options["parity"]["aligned"]
    assert not pellucid.invariance(net, x, "hflip", "conv3").options["parity"]["aligned"]
    assert pellucid.invariance(net, x, "shift:16,0", "conv3").options["parity"] is None


# -- other transforms -----------------------------------------------------------------------------


def smooth(count: int, height: int = 32, width: int = 32) -> Tensor:
    noise = torch.randn(count, 3, height + 8, width + 8, generator=torch.Generator().manual_seed(0))
    return nn.functional.avg_pool2d(noise, 9, 1)


def flat(*modules: nn.Module, kernel: int = 3) -> pellucid.Network:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 8, kernel, padding=kernel // 2), nn.ReLU(), *modules)
    return pellucid.open(net, input=InputSpec(size=(32, 32)))


@pytest.mark.parametrize(
    ("transform", "most"),
    [
        ("hflip", 1e-10),
        ("vflip", 1e-10),
        ("shift:8,-4", 1e-10),
        ("rotate:90", 1e-10),
        ("rotate:-180", 1e-10),
        ("scale:1.25", 0.05),
        ("scale:0.5", 0.3),
        ("rotate:30", 0.1),
    ],
)
def test_what_looks_at_single_places_moves_along(transform: str, most: float) -> None:
    row = look(flat(kernel=1), smooth(8), transform, "1")["1"]
    assert row["d_eq"] < most
    assert row["d_inv"] > max(0.2, 3 * row["d_eq"])


def test_a_shift_by_whole_cells_of_a_pooled_map_is_exact_and_by_parts_is_said() -> None:
    net = flat(nn.AvgPool2d(4))
    exact = pellucid.invariance(net, smooth(8), "shift:8,0", ["1", "2"])
    assert not any("interpolation" in n for n in exact.notes)
    between = pellucid.invariance(net, smooth(8), "shift:6,0", ["1", "2"])
    assert next(n for n in between.notes if "interpolation" in n).endswith(": 2")
    assert exact.table[1]["probe"] is None
    assert any("no probe" in n for n in exact.notes)


def test_brightness_moves_nothing() -> None:
    view = pellucid.invariance(flat(), smooth(8), "brightness:1.3", "1")
    row = view.table[0]
    assert row["d_eq"] == row["d_inv"] > 0
    assert row["probe"] is not None
    assert any("D_eq is D_inv" in n for n in view.notes)


def test_a_quarter_turn_of_what_is_not_square() -> None:
    """The turned input is fed as it is; maps of another shape cannot be compared place by place."""
    row = look(flat(), smooth(8, 24, 32), "rotate:90", "1")["1"]
    assert row["d_inv"] is None
    assert row["d_inv_pooled"] > 0
    assert row["d_eq"] > 0


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        ("hfilp", "unknown; did you mean 'hflip'"),
        ("hflip:2", "cannot be read; write hflip"),
        ("rotate", "write rotate:90"),
        ("rotate:360", "changes nothing"),
        ("shift:3", "write shift:DX,DY"),
        ("shift:0,0", "changes nothing"),
        ("shift:1.5,0", "whole pixels"),
        ("scale:0", "between 0.05 and 20"),
        ("scale:x", "write scale:1.25"),
        ("brightness:1", "changes nothing"),
        ("scale:nan", "cannot be read"),
        ("shift:40,0", "1: no place of its 32 × 32 map is left in common; take a smaller step than shift:40,0"),
    ],
)
def test_transforms_that_cannot_be(transform: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        look(flat(), smooth(4), transform, "1")


def test_a_matrix_has_no_brightness() -> None:
    net = pellucid.open(nn.Sequential(nn.Conv2d(1, 4, 3)), input=InputSpec.matrix(8, 8))
    with pytest.raises(BadInput, match="a matrix has no brightness"):
        look(net, torch.randn(4, 1, 8, 8), "brightness:2", "0")
    assert look(net, torch.randn(4, 1, 8, 8), "hflip", "0")["0"]["d_inv"] > 0


# -- the probe and the cut ------------------------------------------------------------------------


class Forgetful(nn.Module):
    """``sees`` answers to steps, and so does its average. ``halves`` is linear: only its halves have a side.

    ``folds`` adds the mirror image before it looks: nothing is left to tell.
    """

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.sees = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU())
        self.halves, self.folds = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 4, 1)
        self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        self.sees(x), self.halves(x)
        return self.head(torch.relu(self.folds(x + x.flip(-1))).mean((2, 3)))


def slanted(count: int, *, seed: int = 0) -> Tensor:
    """Noise that brightens slowly to the right and darkens at once, again and again: left is not right."""
    generator = torch.Generator().manual_seed(seed)
    ramp = (torch.arange(24.0) % 6 / 6).expand(count, 3, 24, 24)
    fade = torch.linspace(0, 1, 24)
    return 2 * ramp + fade + 0.3 * torch.randn(count, 3, 24, 24, generator=generator)


@pytest.fixture(scope="module")
def forgotten() -> pellucid.View:
    net = pellucid.open(Forgetful(), input=InputSpec(size=(24, 24)))
    return pellucid.invariance(net, slanted(48), "hflip", ["sees", "halves", "folds"])


def test_the_probe_falls_where_the_side_is_folded_away(forgotten: pellucid.View) -> None:
    rows = {r["layer"]: r for r in forgotten.table}
    assert rows["sees"]["probe"] > 0.95
    assert rows["halves"]["probe"] < 0.7
    assert rows["halves"]["probe_parts"] > 0.95
    assert rows["folds"]["probe"] < 0.7
    assert rows["folds"]["probe_parts"] < 0.7


def test_the_cut_is_the_last_layer_that_tells(forgotten: pellucid.View) -> None:
    assert forgotten.options["cut"] == "sees"
    assert forgotten.options["unfreeze_from"] == "halves"
    assert forgotten.options["pooled_apart"] == "halves"
    assert forgotten.options["chance"] == 0.5


def test_pictures_without_a_side_give_no_cut() -> None:
    view = pellucid.invariance(nets.network("modules"), nets.images(40), "hflip", "act*")
    assert view.options["cut"] is None
    assert view.options["unfreeze_from"] is None


def test_labels_and_groups_from_a_table(tmp_path: Path) -> None:
    table = write_mirrored_digits(tmp_path / "digits", 12)
    net = pellucid.open(nn.Sequential(nn.Conv2d(3, 8, 5, 2), nn.ReLU()), input=InputSpec(size=(29, 29), crop=None))
    view = pellucid.invariance(net, str(tmp_path / "digits"), "hflip", "1", labels=table)
    assert view.options["groups"] == 12
    assert view.options["pictures"] == 24
    assert view.options["probe"] == "labels"
    assert view.options["classes"] == ("as written", "mirrored")
    given = [name.split("-", 1)[1] for name in view.names]
    again = pellucid.invariance(
        net, str(tmp_path / "digits"), "hflip", "1", labels=given, groups=[int(n.split("-")[0]) for n in view.names]
    )
    assert [r["probe"] for r in again.table] == [r["probe"] for r in view.table]


def two_kinds(seed: int) -> tuple[np.ndarray, probe.Question]:
    """24 rows, 14 of one kind, told by a few features together, as a layer's averages of few pictures are."""
    rng = np.random.default_rng(seed)
    labels = np.repeat([0, 1], [14, 10])
    features = rng.normal(size=(24, 24)).astype(np.float32)
    features[:, :4] += 1.5 * labels[:, None]
    groups = np.arange(24)
    return features, probe.Question(labels, groups, ("a", "b"), weights(groups, seed=0))


def test_few_pictures_do_not_make_the_probe_guess() -> None:
    """A penalty chosen on four rows made the more frequent label the answer to all: 0.50 (0.50 to 0.50)."""
    found = []
    for seed in range(6):
        features, question = two_kinds(seed)
        found.append([probe.score(probe.right(features, question, seed=s), question).value for s in range(3)])
    assert np.min(found) > 0.6
    assert np.mean(found) > 0.75
    assert np.ptp(found, axis=1).max() < 0.15


def test_equal_answers_are_not_certain() -> None:
    _, question = two_kinds(0)
    one_label = probe.score((question.labels == 0).astype(float), question)
    assert one_label.value == 0.5
    assert one_label.low < 0.45
    assert one_label.high > 0.55
    perfect = probe.score(np.ones(24), question)
    assert (perfect.value, perfect.high) == (1, 1)
    assert perfect.low < 0.9


def test_few_groups_give_no_cut() -> None:
    """Brightness is told at once, by 39 pictures as by 40."""
    net = nets.network("modules")
    cuts = [pellucid.invariance(net, nets.images(n), "brightness:3", "act1").options["cut"] for n in (39, 40)]
    assert cuts == [None, "act1"]


def test_no_group_is_parted() -> None:
    """Rows that repeat another exactly would be told by heart if their twin were fitted on."""
    rng = np.random.default_rng(0)
    once, labels = rng.standard_normal((30, 40)), rng.integers(0, 2, 30)
    features, groups = np.repeat(once, 4, 0), np.repeat(np.arange(30), 4)
    weight = np.ones((2, 120), np.float32)
    question = probe.Question(np.repeat(labels, 4), groups, ("a", "b"), weight)
    assert probe.score(probe.right(features, question, seed=0), question).value < 0.75
    by_heart = dataclasses.replace(question, groups=np.arange(120))
    assert probe.score(probe.right(features, by_heart, seed=0), by_heart).value > 0.95


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"labels": ["a"] * 8}, "every picture is labelled 'a'"),
        ({"labels": ["a", "b"]}, "2 for 8 pictures"),
        ({"labels": ["a"] * 7 + ["b"]}, "label 'b' is in one group only"),
        ({"groups": [0, 0, 0, 0, 1, 1, 1, 1]}, "2 groups are too few"),
        ({"groups": [0, 1]}, "groups: 2 for 8 pictures"),
    ],
)
def test_labels_that_cannot_be_used(more: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        look(flat(), smooth(8), "hflip", "1", **more)


def test_digits_are_one_sided_and_the_same_for_a_seed() -> None:
    a, b = one_sided_digits(20), one_sided_digits(20)
    assert a == b
    assert a != one_sided_digits(20, seed=1)
    assert {d.label for d in one_sided_digits(300)} == set(ONE_SIDED)
    with pytest.raises(BadInput, match="ask for 1 to 3500"):
        one_sided_digits(4000)


# -- laws -----------------------------------------------------------------------------------------


def same(a: pellucid.View, b: pellucid.View) -> bool:
    return a.table == b.table and all(a[n].tobytes() == b[n].tobytes() for n in a.arrays)


def test_the_same_seed_gives_the_same_bytes() -> None:
    run = lambda **more: pellucid.invariance(nets.network("modules"), nets.images(12), "hflip", "act*", **more)  # noqa: E731
    assert same(run(), run())
    assert not same(run(), run(seed=1))


def test_a_layer_does_not_depend_on_the_others_or_on_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    net, x = nets.network("modules"), nets.images(12)
    both = look(net, x, "hflip", ["act1", "act2"])
    assert look(net, x, "hflip", "act2")["act2"] == both["act2"]
    monkeypatch.setattr(pairs, "MOST_CELLS", 12 * 5)
    few = look(net, x, "hflip", "act2")["act2"]
    assert few["d_eq"] == both["act2"]["d_eq"]  # distances are of all places, whatever is kept
    assert few["d_map"] != both["act2"]["d_map"]


def test_two_forwards_a_picture_serve_all_layers() -> None:
    """Counted on the module that runs: every picture once as it is and once transformed."""
    counted = nets.module("modules")
    net = pellucid.open(counted, input=nets.SPEC)
    seen: list[int] = []
    ready = net.prepared(keep=["act1", "act2"])
    ready.module.register_forward_pre_hook(lambda m, args: seen.append(len(args[0])))
    change = module.parse("hflip")
    stream = module.Stream.of(net, nets.images(20))
    module._collect(ready, stream, ["act1", "act2"], change, np.ones(20, bool), 0)
    assert sum(seen) == 1 + 2 * 20 - 1


def test_the_users_module_is_left_as_it_was() -> None:
    own = nets.module("modules")
    before = {n: t.clone() for n, t in own.state_dict().items()}
    look(pellucid.open(own, input=nets.SPEC), nets.images(8), "hflip", "act*")
    assert own.training
    assert all(not m._forward_hooks and not m._forward_pre_hooks for m in own.modules())
    assert all(torch.equal(before[n], t) for n, t in own.state_dict().items())


def test_no_hook_is_left_after_an_exception() -> None:
    own = nets.module("modules")
    own.conv2.weight.data.fill_(torch.nan)
    with pytest.raises(BadInput, match=r"act2: .* activations are NaN or infinite"):
        look(pellucid.open(own, input=nets.SPEC), nets.images(8), "hflip", "act2")
    assert all(not m._forward_hooks and not m._forward_pre_hooks for m in own.modules())


def test_one_call_of_a_module_that_runs_twice() -> None:
    rows = look(nets.network("reused"), nets.images(8), "hflip", ["act1:2", "act1:1"])
    assert [r["resolution"] for r in rows.values()] == ["12 × 12", "6 × 6"]


def test_a_layer_that_never_changes_has_no_figures() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU())
    nn.init.zeros_(net[0].weight)
    row = look(pellucid.open(net, input=nets.SPEC), nets.images(8), "hflip", "0")["0"]
    assert row["d_inv"] is None
    assert row["d_map"] is None
    assert row["cka"] is None


@pytest.mark.parametrize(
    ("count", "layers", "message"),
    [
        (1, "act1", "1 picture cannot say what another picture is; pass at least 4"),
        (3, "act1", "3 pictures cannot"),
        (8, "act9", "no layer matches 'act9'"),
        (8, [], "no layer is named"),
    ],
)
def test_bad_input(count: int, layers: Any, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        look(nets.network("modules"), nets.images(count), "hflip", layers)


def test_it_is_registered() -> None:
    assert views["invariance"].function is pellucid.invariance
    assert {"labels", "groups", "size", "seed"} == set(views["invariance"].options)


# -- real networks --------------------------------------------------------------------------------


def test_real_photos_on_the_default_network(default_network: pellucid.Network) -> None:
    view = pellucid.invariance(default_network, PHOTOS, "hflip")
    assert view.options["size"] == (225, 225)
    assert view.options["parity"]["worst"] > 0.1
    assert view.options["parity"]["worst_here"] < 1e-9
    assert [r["resolution"] for r in view.table] == ["113 × 113", "57 × 57", "29 × 29", "15 × 15", "8 × 8"]
    assert all(0 < r["d_eq"] < 1.2 and 0 < r["d_inv"] < 1.5 and 0 < r["d_map"] < 1.2 for r in view.table)
    # A picture and its mirror image are nearly the same to the average: far nearer than another picture.
    assert all(r["d_inv_pooled"] < 0.2 for r in view.table)
    assert view.pictures.shape == (4, 225, 225, 3)
    np.testing.assert_allclose(view["example"], view.pictures[0][:, ::-1], atol=1)


@pytest.mark.slow
def test_mirrored_digits_are_told_until_the_fifth_block(default_network: pellucid.Network) -> None:
    layers = ["conv_stem", "blocks.*", "bn2"]
    view = pellucid.invariance(default_network, one_sided_digits(200), "hflip", layers, size=97)
    rows = {r["layer"]: r for r in view.table}
    assert rows["conv_stem"]["probe"] == pytest.approx(0.5, abs=0.05)  # linear: an average has no side
    assert rows["blocks.4"]["probe"] > 0.8
    assert rows["bn2"]["probe"] < rows["blocks.4"]["probe"]
    assert all(r["probe_parts"] > 0.75 for r in view.table)
    assert view.options["cut"] in ("blocks.1", "blocks.2", "blocks.3", "blocks.4", "blocks.5")
    assert view.options["unfreeze_from"] == f"blocks.{int(view.options['cut'][-1]) + 1}"
    assert view.options["pooled_apart"] is not None


@pytest.mark.slow
@pytest.mark.parametrize("name", ["torchvision:vgg16", "timm:legacy_xception", "timm:vit_tiny_patch16_224"])
def test_shapes_on_other_networks(name: str) -> None:
    net = pellucid.open(name, weights="none")
    layers = [net.stages()[0], net.stages()[-2]]
    view = pellucid.invariance(net, PHOTOS, "hflip", layers)
    assert [r["layer"] for r in view.table] == layers
    for row in view.table:
        assert all(row[key] is not None for key in ("d_inv", "d_eq", "d_map", "cka", "probe", "probe_parts"))
    tokens = "vit" in name
    assert any("tokens carry" in n for n in view.notes) == tokens
    assert view.options["parity"]["aligned"] != tokens  # position embeddings are no grid's fault
    assert not (tokens and view.options["parity"]["culprits"])
