"""One pass over any number of inputs, in batches that fit."""

from __future__ import annotations

import pytest
import torch

import nets
from pellucid.data.stream import Stream
from pellucid.features import walk as walking
from pellucid.features.codes import codes
from pellucid.features.units import exemplars


def test_every_input_once_and_the_number_of_batches_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    net, x = nets.network("modules"), nets.images(7)
    monkeypatch.setattr(type(net), "batch_size", lambda *_, **__: 3)
    told = []
    monkeypatch.setattr(walking, "track", lambda it, what, total: told.append((what, total)) or it)
    found = list(walking.batches(net, Stream.of(net, x), "some"))
    assert [rows for rows, _ in found] == [slice(0, 3), slice(3, 6), slice(6, 7)]
    torch.testing.assert_close(torch.cat([batch.x for _, batch in found]), x)
    steps = list(walking.walk(net, Stream.of(net, x), ["conv1"]))
    assert [len(step.maps["conv1"]) for step in steps] == [3, 3, 1]
    codes(net, x, "conv1")
    exemplars.top_patches(net, Stream.of(net, x), "conv1", [0])
    assert told == [("some", 3), ("activations", 3), ("activations", 3), ("patches of conv1", 3)]
