"""``pellucid.codes`` and the table on disk: the numbers, the rows, what cannot be written."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pyarrow.parquet as parquet
import pytest
import torch
from torch import nn

import nets
import pellucid
from pellucid.core.errors import BadInput
from pellucid.features import codes as module
from pellucid.features.codes import write_codes
from pellucid.models import memory


@pytest.fixture
def few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(memory.MOST, "cpu", 2)


def plain(net: pellucid.Network, x: torch.Tensor, layer: str) -> torch.Tensor:
    return net.capture(x, [layer])[layer]


@pytest.mark.usefixtures("few_at_once")
def test_pooled_codes_are_the_layers_outputs() -> None:
    net, x = nets.network("modules"), nets.images(5)
    maps = plain(net, x, "act2")
    for pool, wanted in (("mean", maps.mean((2, 3))), ("max", maps.amax((2, 3))), ("none", maps.permute(0, 2, 3, 1))):
        view = pellucid.codes(net, x, "act2", pool=pool)
        np.testing.assert_allclose(view["act2"], wanted.numpy(), atol=1e-5)
        assert view.axes["act2"] == (
            ("sample", "height", "width", "channel") if pool == "none" else ("sample", "channel")
        )
        assert view["act2"].dtype == np.float32


@pytest.mark.parametrize("pool", ["mean", "max", "none"])
def test_vectors_are_the_same_under_each_pool(pool: Any) -> None:
    net, x = nets.network("modules"), nets.images(3)
    np.testing.assert_allclose(pellucid.codes(net, x, "head", pool=pool)["head"], plain(net, x, "head"), atol=1e-5)


def test_a_single_place_is_a_vector() -> None:
    own = nn.Sequential(nn.Conv2d(3, 5, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    net = pellucid.open(own, input=nets.SPEC)
    assert pellucid.codes(net, nets.images(2), "1", pool="none")["1"].shape == (2, 5)


def test_the_figures() -> None:
    view = pellucid.codes(nets.network("modules"), nets.images(4), ["act1", "head"])
    assert [row["layer"] for row in view.table] == ["act1", "head"]
    first, last = view.table
    assert (first["resolution"], first["channels"], last["resolution"], last["channels"]) == ("12 × 12", 8, None, 4)
    assert first["zeros"] == pytest.approx((view["act1"] == 0).mean())
    assert first["constant"] == (view["act1"] == view["act1"][0]).all(0).sum()
    assert pellucid.codes(nets.network("modules"), nets.images(1), "act2").options["pool"] == "mean"


def test_it_is_saved_and_loaded_equal(tmp_path: Path) -> None:
    view = pellucid.codes(nets.network("modules"), nets.images(2), "act*")
    assert pellucid.load(view.save(tmp_path / "codes")) == view


def test_one_call_of_a_module_that_is_used_twice() -> None:
    net, x = nets.network("reused"), nets.images(2)
    view = pellucid.codes(net, x, ["act1:1", "act1:2"], pool="none")
    assert view["act1:1"].shape == (2, 12, 12, 8)
    assert view["act1:2"].shape == (2, 6, 6, 16)


def test_tokens_without_a_place_are_left_out() -> None:
    net = pellucid.open("timm:vit_tiny_patch16_224", weights="none")
    x = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    tokens = plain(net, x, "blocks.5")
    assert tokens.shape == (1, 197, 192)
    view = pellucid.codes(net, x, ["blocks.5", "head"], pool="max")
    np.testing.assert_allclose(view["blocks.5"], tokens[:, 1:].amax(1), atol=1e-4)
    assert view["head"].shape == (1, 1000)


@pytest.mark.parametrize(
    ("layers", "pool", "message"),
    [
        ("act9", "mean", "no layer matches 'act9'"),
        ("act1", "median", "pool is 'median'; did you mean"),
        ([], "mean", "no layer is asked for"),
    ],
)
def test_what_cannot_be_asked(layers: Any, pool: Any, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        pellucid.codes(nets.network("modules"), nets.images(1), layers, pool=pool)


def test_neither_a_map_nor_a_vector() -> None:
    class Words(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.flatten(2)[:, :, :7].transpose(1, 2)

    net = pellucid.open(nn.Sequential(nn.Conv2d(3, 8, 3), Words(), nn.Flatten()), input=nets.SPEC)
    with pytest.raises(BadInput, match=r"layer '1' gives an output of shape \(7, 8\), which is neither a map nor"):
        pellucid.codes(net, nets.images(1), "1")


def test_too_much_for_the_memory_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "free_bytes", lambda device: 5000)
    with pytest.raises(BadInput, match="write them to a file: pellucid features"):
        pellucid.codes(nets.network("modules"), nets.images(3), "act1", pool="none")


def test_numbers_that_are_not_finite_leave_nothing_behind(tmp_path: Path) -> None:
    own = nets.module("modules")
    own.bn1.weight.data[0] = torch.nan
    net = pellucid.open(own, input=nets.SPEC)
    for call in (pellucid.codes, lambda *a: write_codes(tmp_path / "a.parquet", *a)):
        with pytest.raises(BadInput, match=r"act1: \d+ of \d+ activations are NaN or infinite; check the weights"):
            call(net, nets.images(2), "act1")
    assert list(tmp_path.iterdir()) == []
    assert not any(m._forward_hooks for m in own.modules())


# -- on disk --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("few_at_once")
@pytest.mark.parametrize("pool", ["mean", "max"])
def test_a_row_a_picture(pool: Any, tmp_path: Path) -> None:
    net, x = nets.network("modules"), nets.images(5)
    done = write_codes(tmp_path / "codes.parquet", net, x, ["act1", "head"], pool=pool)
    assert (done.rows, done.images, dict(done.channels)) == (5, 5, {"act1": 8, "head": 4})
    table = pandas.read_parquet(done.path)
    assert list(table.columns) == ["image", "act1", "head"]
    assert list(table["image"]) == [f"sample {i}" for i in range(5)]
    view = pellucid.codes(net, x, ["act1", "head"], pool=pool)
    for name in ("act1", "head"):
        np.testing.assert_array_equal(np.stack(table[name]), view[name])


@pytest.mark.usefixtures("few_at_once")
def test_a_row_a_cell(tmp_path: Path) -> None:
    net, x = nets.network("modules"), nets.images(5)
    done = write_codes(tmp_path / "codes.parquet", net, x, ["act1", "bn1"], pool="none")
    assert done.rows == 5 * 144
    table = pandas.read_parquet(done.path)
    view = pellucid.codes(net, x, ["act1", "bn1"], pool="none")
    np.testing.assert_array_equal(np.stack(table["bn1"]).reshape(5, 12, 12, 8), view["bn1"])
    row = 3 * 144 + 7 * 12 + 2
    assert (table["image"][row], table["row"][row], table["column"][row]) == ("sample 3", 7, 2)
    np.testing.assert_array_equal(table["act1"][row], view["act1"][3, 7, 2])


@pytest.mark.usefixtures("few_at_once")
@pytest.mark.parametrize("pool", ["mean", "none"])
def test_it_is_written_bit_by_bit(pool: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net, x = nets.network("modules"), nets.images(7)
    whole = write_codes(tmp_path / "whole.parquet", net, x, "act1", pool=pool)
    monkeypatch.setattr(module, "_GROUP", 1)
    bits = write_codes(tmp_path / "bits.parquet", net, x, "act1", pool=pool)
    assert parquet.ParquetFile(whole.path).num_row_groups == 1
    assert parquet.ParquetFile(bits.path).num_row_groups == 4
    a, b = (pandas.read_parquet(done.path).astype({"image": str}) for done in (whole, bits))
    pandas.testing.assert_frame_equal(a, b)


def test_the_file_says_what_it_is(tmp_path: Path) -> None:
    net = nets.network("modules")
    write_codes(tmp_path / "codes.parquet", net, nets.images(2), "act2", pool="max")
    schema = parquet.read_schema(tmp_path / "codes.parquet")
    facts = json.loads(schema.metadata[b"pellucid"])
    assert (facts["layers"], facts["pool"], facts["model"]) == (["act2"], "max", "Modules")
    assert facts["weights_sha256"] == net.facts()["weights_sha256"]
    assert facts["preprocessing"]["size"] == [12, 12]
    assert str(schema.field("act2").type) == "fixed_size_list<element: float>[16]"


def test_files_keep_their_paths(tmp_path: Path, default_network: pellucid.Network) -> None:
    write_codes(tmp_path / "codes.parquet", default_network, ["example:cat", "example:coffee"])
    table = pandas.read_parquet(tmp_path / "codes.parquet")
    assert list(table["image"]) == ["example:cat", "example:coffee"]
    assert np.stack(table.iloc[:, 1]).shape == (2, 1280)


def test_cells_that_are_not_the_same_are_refused(tmp_path: Path) -> None:
    net, x = nets.network("modules"), nets.images(1)
    with pytest.raises(BadInput, match=r"act1 12 × 12, act2 6 × 6, head a vector.*one file for each"):
        write_codes(tmp_path / "codes.parquet", net, x, ["act1", "act2", "head"], pool="none")
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"codes.csv: a table is written as Parquet; call it codes.parquet"):
        write_codes(tmp_path / "codes.csv", nets.network("modules"), nets.images(1), "act1")


def test_without_pyarrow_the_cure_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(BadInput, match=r'needs pyarrow, which is not installed; pip install "pellucid\[tables\]"'):
        write_codes(tmp_path / "codes.parquet", nets.network("modules"), nets.images(1), "act1")
