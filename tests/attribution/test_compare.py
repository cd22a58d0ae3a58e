"""``pellucid.compare``: which methods it takes, in which order, and what it says of the others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pellucid
from pellucid.attribution.table import Attribution, methods
from pellucid.core.errors import BadInput

PHOTOS = ["example:cat", "example:coffee"]


@pytest.fixture(scope="module")
def small() -> pellucid.Network:
    return pellucid.open("timm:test_resnet", weights="none")


def test_every_method_is_compared_or_left_out_with_a_reason(small: pellucid.Network) -> None:
    found = pellucid.compare(small, "example:cat", quick=True)
    assert {*found.methods, *found.left_out} == set(methods)
    assert not set(found.methods) & set(found.left_out)
    slow = {e.name for e in methods.entries() if e.facts.slow}
    assert {"rise", "score_cam", "occlusion"} <= slow <= set(found.left_out)
    assert "patterns" in found.left_out["pattern_net"]
    assert "wraps another" in found.left_out["input_times"]
    groups = [methods[m].facts.group for m in found.methods]
    assert groups == sorted(groups, key=["function", "signal", "attribution", "localisation"].index)
    assert len(found.predictions[0]) == 5


def test_each_panel_is_what_explain_gives(small: pellucid.Network) -> None:
    found = pellucid.compare(small, PHOTOS, ["grad_cam", "gradient"], target=7, layer="stage:1", form="absolute")
    assert found.methods == ("gradient", "grad_cam")
    for photo, (gradient, cam) in zip(PHOTOS, found.explanations, strict=True):
        alone = pellucid.explain(small, photo, "gradient", 7, form="absolute")
        np.testing.assert_array_equal(gradient.values, alone.values)
        assert cam.receipt.layer == small.layers("stage:1")[0]
        assert cam.receipt.seconds > 0
    assert len(found.show().axes[0].images) == 1 + 2 * 3
    assert found._repr_html_().startswith("<img alt=")


def test_a_target_a_photo(small: pellucid.Network) -> None:
    found = pellucid.compare(small, PHOTOS, "gradient", target=[3, 5])
    assert [row[0].target for row in found.explanations] == [(small.class_name(3),), (small.class_name(5),)]
    with pytest.raises(BadInput, match="3 targets for 2 samples"):
        pellucid.compare(small, PHOTOS, "gradient", target=[3, 5, 7])


def test_tensors_are_compared_too(small: pellucid.Network) -> None:
    x = small.probe(2)
    found = pellucid.compare(small, x, ["gradient"])
    for i in range(2):
        np.testing.assert_array_equal(
            found.explanations[i][0].values, pellucid.explain(small, x[i : i + 1], "gradient").values
        )
    assert len(found.show().axes[0].images) == 1 + 2


def test_patterns_are_used_where_they_are_given(small: pellucid.Network) -> None:
    patterns = pellucid.fit_patterns(small, PHOTOS)
    found = pellucid.compare(small, "example:cat", quick=True, patterns=patterns)
    assert {"pattern_net", "pattern_attribution"} <= set(found.methods)


def _picky(network: Any, x: Any, target: Any, *, taste: int = 0) -> Attribution:
    """A method that likes dark photos only."""
    if float(x.mean()) > LIMIT[0]:
        raise BadInput("this photo is too bright", cure="darken it")
    return Attribution(x)


LIMIT = [0.0]


def test_a_method_that_fails_on_one_photo_is_left_out_unless_it_was_asked_for(small: pellucid.Network) -> None:
    from pellucid.data.batches import as_batch

    means = as_batch(small.input, PHOTOS, small.device, small.dtype).x.mean((1, 2, 3))
    LIMIT[0] = float(means.mean())
    dark_first = [PHOTOS[i] for i in means.argsort().tolist()]
    with methods.temporary("picky", _picky, group="function", source="a test"):
        found = pellucid.compare(small, dark_first, quick=True)
        assert found.left_out["picky"] == "this photo is too bright; darken it"
        assert "picky" not in found.methods
        for more in ({"methods": ["gradient", "picky"]}, {"quick": True, "taste": 1}):
            with pytest.raises(BadInput, match="too bright"):
                pellucid.compare(small, dark_first, **more)


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"methods": []}, "no method"),
        ({"methods": ["gradient"], "quick": True}, "quick"),
        ({"methods": ["gradient"], "window": 9}, "window"),
        ({"quick": True, "window": 9}, "name occlusion"),
        ({"target": "no such"}, "no such"),
        ({"of": "softmax"}, "probability"),
    ],
)
def test_bad_input(small: pellucid.Network, more: dict[str, Any], word: str) -> None:
    with pytest.raises(BadInput, match=word):
        pellucid.compare(small, "example:cat", **more)
    with pytest.raises(BadInput, match="no opened network"):
        pellucid.compare(small.module, "example:cat", **more)
