"""Where somebody who trains for the first time stumbles: each is told in words that help, or does not happen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import pellucid
from pellucid.training.train import train
from training.learnable import stripes, undrawn  # noqa: F401  (a fixture)

SMALL: dict[str, Any] = {"model": "small_cnn:4", "epochs": 3, "batch": 16, "lr": 0.01}


def test_a_network_with_one_output_says_no_by_name(tmp_path: Path) -> None:
    run = train(stripes(), out=tmp_path / "run", task="binary", options={"positive": "row"}, **SMALL)
    network = pellucid.open(f"run:{run.folder}")
    x = torch.rand(6, *network.input.shape)
    shares = network.module.eval()(x).sigmoid()[:, 0].tolist()
    for answers, share in zip(network.predict(x), shares, strict=True):
        assert {name for _, name, _ in answers} == {"row", "column"}
        assert answers[0][2] >= answers[1][2]
        assert {name: p for _, name, p in answers}["row"] == pytest.approx(share, abs=1e-5)
        assert sum(p for _, _, p in answers) == pytest.approx(1)
    assert pellucid.explain(network, x[:1]).target == ("row",)
