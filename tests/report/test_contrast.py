"""The words of a contrastive run's evaluation: what is worse is said by how much, without a minus."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.core.types import View
from pellucid.report.looks import contrast as look


def row(part: str, method: str, space: str, metric: str, value: float) -> dict[str, Any]:
    ends = {"value": value, "value_low": value - 0.05, "value_high": value + 0.05}
    return {"part": part, "method": method, "space": space, "metric": metric, **ends, "chance": 0.1, "items": 200}


def view(by: float) -> View:
    table = [row("classes", "linear probe", space, "accuracy", 0.8) for space in ("code", "pixels")]
    table += [row("geometry", "two views of a picture", "code", "alignment", 1.0)]
    table += [row("geometry", "two pictures", "code", "uniformity", -2.0)]
    gap = {"part": "classes", "method": "linear probe", "metric": "accuracy", "over": "pixels"}
    gap |= {"by": by, "by_low": by - 0.03, "by_high": by + 0.05, "items": 200}
    options = {"column": "class", "items": 200, "learnt": 500, "units": 4, "layer": "classifier", "unseen": True}
    options |= {"differences": [gap], "loss": "nt_xent", "names": ["a", "b"]}
    return View("contrast", {"code": np.zeros((2, 4))}, {"code": ("sample", "unit")}, tuple(table), options)


def warnings(by: float) -> list[str]:
    return [said.text for said in look.words(view(by)) if said.level == "warning"]


def test_what_is_worse_is_said_by_how_much() -> None:
    assert warnings(-0.1) == ["Linear probe: the codes are worse than pixels, by 0.100 (95 % interval 0.050 to 0.130)."]


def test_what_may_be_chance_keeps_its_sign() -> None:
    told = "with a difference of -0.010 (95 % interval -0.040 to 0.040)"
    assert warnings(-0.01) == [f"Linear probe: the codes are not shown to be better than pixels, {told}."]
    assert warnings(0.1) == []
