"""Errors are one line that a person can act on."""

from __future__ import annotations

import pickle

import pytest

from pellucid.core.errors import BadInput, PellucidError, near

LINES = [
    ({"what": "broken"}, "broken"),
    ({"what": "broken", "where": "a.png"}, "a.png: broken"),
    ({"what": "broken", "cure": "mend it"}, "broken; mend it"),
    ({"what": "bro\n  ken", "where": "a\nb.png", "cure": "mend\r\n\u2028it"}, "a b.png: bro ken; mend it"),
]


@pytest.mark.parametrize("kind", [PellucidError, BadInput])
@pytest.mark.parametrize(("parts", "line"), LINES)
def test_one_line_that_survives_pickling(kind, parts, line):
    error = kind(**parts)
    assert str(error) == line
    back = pickle.loads(pickle.dumps(error))
    assert (type(back), str(back)) == (kind, line)
    assert (back.what, back.where, back.cure) == (error.what, error.where, error.cure)


def test_exit_codes_and_kinds():
    assert (PellucidError.exit_code, BadInput.exit_code) == (1, 2)
    assert issubclass(BadInput, ValueError)
    assert not issubclass(PellucidError, ValueError)


def test_the_edge_adds_the_place_only_where_none_is_known():
    error = BadInput("broken", cure="mend it")
    assert str(error.at("a.png")) == "a.png: broken; mend it"
    assert str(error.at("a.png").at("folder")) == "a.png: broken; mend it"
    assert type(error.at("a.png")) is BadInput
    assert error.where == ""


NEAR = [
    ("oclusion", ["occlusion", "gradient"], "did you mean 'occlusion'?"),
    ("GRADIENT", ["occlusion", "gradient"], "did you mean 'gradient'?"),
    ("cat", ["tabby cat", "tiger cat", "Egyptian cat", "catamaran", "dog"], None),
    ("zzz", ["a", "b"], "known are 'a', 'b'"),
    ("foo", ["flip", "shift", "zoom"], "known are 'flip', 'shift', 'zoom'"),
    ("zzz", [], "none is known"),
    (
        "zzz",
        [f"name{i}" for i in range(21)],
        "none of the 21 known names is near it: " + ", ".join(f"'name{i}'" for i in range(7)) + " and 14 more",
    ),
    ("", ["a"], "known are 'a'"),
]


@pytest.mark.parametrize(("name", "known", "cure"), NEAR)
def test_near_names(name, known, cure):
    answer = near(name, iter(known))
    if cure is None:  # too many: the three best, each of which holds the name
        assert answer.count("'") == 6
        assert answer.count("cat") == 3
    else:
        assert answer == cure
