"""``pellucid.filters``: planted filters, each in its own column; equal starts; real networks; bad input."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import nets
import pellucid
from features import plants
from pellucid.core.errors import BadInput
from pellucid.features.table import views
from pellucid.features.units.merging import merged


def look(net: pellucid.Network, x: Any = None, **more: Any) -> pellucid.View:
    return pellucid.filters(net, x, **more)


def same(a: pellucid.View, b: pellucid.View) -> bool:
    return a.table == b.table and all(a[n].tobytes() == b[n].tobytes() for n in a.arrays)


# -- planted --------------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", [False, True])
def test_planted_filters_are_found_each_in_its_own_column(norm: bool) -> None:
    view = look(plants.network(norm=norm), plants.images(16))
    row = view.table[0]
    counts = {n: row[n] for n in ("dead", "saturated", "duplicates", "confirmed", "negatives", "mirrored")}
    assert counts == {"dead": 1, "saturated": 1, "duplicates": 3, "confirmed": 2, "negatives": 1, "mirrored": 1}
    assert row["dead_units"] == (13,)
    assert row["saturated_units"] == (14,)
    assert row["bound"] == pytest.approx(3 / 16)
    pairs = {(p["unit"], p["other"]): p for p in row["pairs"]}
    assert {k: p["kind"] for k, p in pairs.items()} == {
        (9, 2): "duplicate",
        (10, 3): "duplicate",
        (11, 4): "negative",
        (12, 5): "mirrored",
        (15, 6): "duplicate",
    }
    assert pairs[9, 2]["correlation"] == pytest.approx(1, abs=1e-4)
    assert pairs[11, 4]["correlation"] == pytest.approx(-1, abs=1e-4)  # before the rectifier
    assert (pairs[11, 4]["confirmed"], pairs[12, 5]["confirmed"]) == (True, None)
    assert pairs[15, 6]["confirmed"] is False  # it points the same way, but fires elsewhere
    assert pairs[15, 6]["correlation"] < 0.95
    assert row["highest"] == pytest.approx(1)
    assert (row["activation"], row["zero"], row["not_finite"]) == ("relu6", 0, 0)
    for other in view.table[1:]:
        assert not any(other[n] for n in ("dead", "saturated", "duplicates", "negatives", "mirrored"))


def test_a_found_duplicate_can_be_merged() -> None:
    module = plants.Planted().eval()
    pair = next(p for p in look(pellucid.open(module, input=plants.SPEC), plants.images()).table[0]["pairs"])
    small = copy.deepcopy(module)
    small.first, small.second, _ = merged(module.first, module.second, pair["other"], pair["unit"])
    x = plants.images(seed=1)
    assert float((small(x) - module(x)).detach().abs().max()) < 1e-6


def test_without_pictures_only_the_weights_are_judged() -> None:
    view = look(plants.network())
    row = view.table[0]
    assert (row["duplicates"], row["negatives"], row["mirrored"]) == (3, 1, 1)
    assert [row[n] for n in ("dead", "saturated", "bound", "confirmed", "pictures")] == [None] * 5
    assert all(p["correlation"] is None and p["confirmed"] is None for p in row["pairs"])
    assert "only the weights were looked at" in view.notes[-1]
    assert set(view.arrays) == {"filters", "order"}


def test_one_picture_cannot_say_what_never_changes() -> None:
    module = nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 5))
    net = pellucid.open(module, input=pellucid.InputSpec(size=(8, 8), crop=None))
    one, two = (look(net, torch.rand(n, 3, 8, 8)).table[0] for n in (1, 2))
    assert (one["dead"], one["dead_units"]) == (None, ())
    assert (two["dead"], two["dead_units"]) == (0, ())


def test_what_is_alike_stands_together_on_the_sheet() -> None:
    view = look(plants.network())
    order = view["order"].tolist()
    assert sorted(order) == list(range(16))
    for a, b in ((9, 2), (10, 3), (11, 4), (12, 5), (15, 6)):
        assert abs(order.index(a) - order.index(b)) == 1
    squares = plants.Planted().first.weight.detach().square().mean((1, 2, 3)).numpy()
    alone = [u for u in order if u in (0, 1, 7, 8, 13, 14)]
    assert (np.diff(squares[alone]) <= 0).all()


def test_the_pictures_are_the_weights_on_one_scale() -> None:
    net = plants.network()
    view, weights = look(net), net.module.first.weight.detach().numpy()
    scale = view.options["sheet"]["scale"]
    expected = np.clip(np.round(127.5 + 127.5 * weights / scale), 0, 255).transpose(0, 2, 3, 1)
    assert np.abs(view["filters"].astype(int) - expected).max() <= 1
    assert np.quantile(np.abs(weights), 0.995) == pytest.approx(scale, rel=1e-3)


@pytest.mark.parametrize(
    ("channels", "how", "shape"), [(1, "grey", (5, 5)), (4, "strip", (5, 20)), (12, "components", (5, 5))]
)
def test_other_channel_counts(channels: int, how: str, shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(channels, 6, 5), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    view = look(pellucid.open(module, input=pellucid.InputSpec.matrix(16, 16, channels)))
    assert view.options["sheet"]["how"] == how
    assert view["filters"].shape == (6, *shape, 3)
    assert (view.options["sheet"]["explained"] is None) == (how != "components")


def test_a_linear_layer_on_flattened_pictures_has_pictures() -> None:
    module = nn.Sequential(nn.Flatten(), nn.Linear(64, 7), nn.Tanh(), nn.Linear(7, 3))
    view = look(pellucid.open(module, input=pellucid.InputSpec.matrix(8, 8)))
    assert view["filters"].shape == (7, 8, 8, 3)
    assert [r["type"] for r in view.table] == ["linear", "linear"]
    assert view.table[0]["symmetry"] is None


# -- equal starts ---------------------------------------------------------------------------------


def trained(start: Any) -> pellucid.View:
    """A small network on digits, its weights begun by ``start``."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    x = torch.tensor(digits.images[:120], dtype=torch.float32)[:, None] / 16
    y = torch.tensor(digits.target[:120])
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(1, 8, 5), nn.ReLU(), nn.Conv2d(8, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(24, 10)
    )
    for layer in module:
        if hasattr(layer, "weight"):
            start(layer.weight)
            nn.init.zeros_(layer.bias)
    optimiser = torch.optim.Adam(module.parameters(), lr=3e-3)
    for _ in range(30):
        optimiser.zero_grad()
        nn.functional.cross_entropy(module(x), y).backward()
        optimiser.step()
    return look(pellucid.open(module, input=pellucid.InputSpec.matrix(8, 8)))


def test_equal_filters_stay_equal_and_random_ones_part() -> None:
    constant = trained(lambda w: nn.init.constant_(w, 0.05)).table
    assert [(r["filters"], r["duplicates"]) for r in constant[:2]] == [(8, 7), (6, 5)]
    assert constant[2]["duplicates"] < 9  # the classes differ
    zero = trained(nn.init.zeros_).table
    assert [r["zero"] for r in zero[:2]] == [8, 6]
    for start in (nn.init.kaiming_normal_, nn.init.xavier_normal_):
        assert [r["duplicates"] for r in trained(start).table] == [0, 0, 0]


# -- what is told ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", nets.TWINS)
def test_four_ways_to_write_a_network_are_judged_alike(name: str) -> None:
    x = nets.images(5)
    rows, twin = look(nets.network(name), x).table, look(nets.network("modules"), x).table
    for row, other in zip(rows, twin, strict=True):
        assert {n: row[n] for n in ("activation", "dead_units", "saturated_units", "duplicates")} == {
            n: other[n] for n in ("activation", "dead_units", "saturated_units", "duplicates")
        }


@pytest.mark.parametrize("name", nets.NETS)
def test_every_small_network(name: str) -> None:
    net = nets.network(name)
    net.module.train()
    before = copy.deepcopy(net.module.state_dict())
    view = look(net, nets.images(3))
    for row in view.table:
        assert row["pictures"] == 3
        assert f"largest/{row['layer']}" in view.arrays
    assert all(torch.equal(before[n], t) for n, t in net.module.state_dict().items())
    assert net.module.training
    assert not any(m._forward_hooks for m in net.module.modules())
    assert all(p.requires_grad for p in net.module.parameters())


def test_the_largest_values_and_patches() -> None:
    net, x = nets.network("modules"), nets.images(6)
    view = look(net, x, units=3, patches=4)
    reference = net.maps(x, ["act1", "act2"])
    for conv, act in (("conv1", "act1"), ("conv2", "act2")):
        peaks = reference[act].amax((0, 2, 3)).numpy()
        np.testing.assert_allclose(view[f"largest/{conv}"], peaks, rtol=1e-4, atol=1e-5)
        assert view[f"units/{conv}"].tolist() == np.argsort(-peaks, kind="stable")[:3].tolist()
        assert view[f"patches/{conv}"].shape[:2] == (3, 4)
        assert view[f"inside/{conv}"].shape == view[f"patches/{conv}"].shape[:4]


def test_the_same_bytes_whatever_the_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    net, x = plants.network(), plants.images(5)
    whole = look(net, x)
    assert same(whole, look(plants.network(), x))
    monkeypatch.setattr(pellucid.Network, "batch_size", lambda self, x, gradient: 2)
    parts = look(plants.network(), x)
    for a, b in zip(whole.table, parts.table, strict=True):
        assert [a[n] for n in ("dead_units", "saturated_units", "confirmed")] == [
            b[n] for n in ("dead_units", "saturated_units", "confirmed")
        ]
    np.testing.assert_allclose(whole["largest/first"], parts["largest/first"], rtol=1e-5)


def test_some_layers() -> None:
    net, x = nets.network("modules"), nets.images(2)
    assert [r["layer"] for r in look(net, x, layers="conv2").table] == ["conv2"]
    assert [r["layer"] for r in look(net, x, layers=["head", "conv*"]).table] == ["conv1", "conv2", "head"]
    deep = pellucid.open(nn.Sequential(nets.module("modules")), input=nets.SPEC)
    assert [r["layer"] for r in look(deep, layers="0").table] == ["0.conv1", "0.conv2", "0.head"]


def test_it_is_saved_loaded_and_registered(tmp_path: Any) -> None:
    view = look(nets.network("modules"), nets.images(2))
    assert pellucid.load(view.save(tmp_path / "view")) == view
    assert views["filters"].function is pellucid.filters
    assert view.provenance["seed"] == 0


# -- bad input ------------------------------------------------------------------------------------


def test_weights_that_are_no_numbers_are_told() -> None:
    net = plants.network()
    with torch.no_grad():
        net.module.first.weight[3, 0, 0, 0] = torch.nan
    view = look(net)
    assert view.table[0]["not_finite"] == 1
    assert (10, 3) not in {(p["unit"], p["other"]) for p in view.table[0]["pairs"]}
    assert "first: 1 of 16 filters hold NaN" in " ".join(view.notes)
    seen = look(net, plants.images(2))
    assert [r["dead"] for r in seen.table] == [None] * 3
    assert "values are NaN or infinite" in " ".join(seen.notes)
    assert not any(n.startswith("patches/") for n in seen.arrays)


def test_bad_input() -> None:
    net = nets.network("modules")
    with pytest.raises(BadInput, match="'pool' holds no filters"):
        look(net, layers="pool")
    with pytest.raises(BadInput, match="no layer matches"):
        look(net, layers="conw1")
    with pytest.raises(BadInput, match="units is 0"):
        look(net, units=0)
    with pytest.raises(BadInput, match="patches is True"):
        look(net, patches=True)
    with pytest.raises(BadInput, match="pellucid dream"):
        look(net, synthetic=True)
    plain = pellucid.open(nn.Sequential(nn.Flatten(), nn.ReLU()), input=nets.SPEC)
    with pytest.raises(BadInput, match="no convolution and no linear layer"):
        look(plain)


# -- real networks --------------------------------------------------------------------------------


def test_the_default_network_on_two_photos(default_network: pellucid.Network, photos: list[Any]) -> None:
    """Measured once; the weights are what they are."""
    view = look(default_network, photos, units=2, patches=2)
    rows = {r["layer"]: r for r in view.table}
    assert len(rows) == 50
    stem, wide = rows["conv_stem"], rows["blocks.1.0.conv_pw"]
    assert (stem["filters"], stem["fan_in"], stem["activation"]) == (32, 27, "relu6")
    assert stem["duplicates"] == 0
    assert stem["highest"] == pytest.approx(0.945, abs=0.002)
    assert stem["chance"] == pytest.approx(0.574, abs=0.002)
    assert stem["symmetry"] == pytest.approx(0.767, abs=0.002)
    assert stem["symmetry_chance"] == pytest.approx(2 / 3)
    assert set(stem["dead_units"]) == {11, 16, 28, 31}
    assert (wide["duplicates"], wide["negatives"]) == (14, 15)
    assert wide["highest"] == pytest.approx(0.991, abs=0.002)
    best = next(p for p in wide["pairs"] if (p["unit"], p["other"]) == (21, 7))
    assert best["correlation"] > 0.99
    assert sum(r["duplicates"] or 0 for r in view.table) == 40
    assert rows["blocks.1.0.conv_dw"]["duplicates"] is None
    assert len([n for n in view.arrays if n.startswith("patches/")]) == 4


@pytest.mark.parametrize(
    ("name", "layers", "activations", "sheet"),
    [
        ("torchvision:vgg16", "features.*", {"relu"}, (64, 3, 3, 3)),
        ("timm:legacy_xception", None, {"relu", "none"}, (32, 3, 3, 3)),
        ("timm:vit_tiny_patch16_224", None, {"gelu", "none"}, (192, 16, 16, 3)),
        ("timm:swin_tiny_patch4_window7_224", None, {"gelu", "none"}, (96, 4, 4, 3)),
        ("torchvision:mobilenet_v3_small", None, {"hardswish", "relu", "hardsigmoid", "none"}, (16, 3, 3, 3)),
    ],
)
@pytest.mark.slow
def test_known_architectures(name: str, layers: str | None, activations: set[str], sheet: tuple[int, ...]) -> None:
    net = pellucid.open(name, weights="none")
    view = look(net, ["example:cat", "example:coffee"], layers=layers, units=2)  # of one, nothing changes
    assert {r["activation"] for r in view.table} == activations
    assert view["filters"].shape == sheet
    assert sum(r["duplicates"] or 0 for r in view.table) == 0  # random weights
    assert all(r["dead"] is not None for r in view.table)
    assert [n for n in view.arrays if n.startswith("patches/")]
    assert not any(m._forward_hooks for m in net.module.modules())


@pytest.mark.slow
def test_drawn_pictures_stand_beside_the_natural_ones(default_network: pellucid.Network, photos: list[Any]) -> None:
    view = look(default_network, photos, layers="blocks.1.0.conv_pw", units=2, synthetic=True)
    assert view["synthetic/blocks.1.0.conv_pw"].shape == (2, 224, 224, 3)
    assert view["synthetic/blocks.1.0.conv_pw"].std() > 5
