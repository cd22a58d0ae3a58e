from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.report.naming import Names, slug


@given(st.text(max_size=300))
def test_a_slug_is_always_a_safe_file_name(text):
    name = slug(text, "photo")
    assert name
    assert len(name) <= 60
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-")


@pytest.mark.parametrize(
    ("text", "name"),
    [("../../etc/passwd", "etc-passwd"), ("Crème brûlée", "creme-brulee"), ("猫", "photo"), ("CON", "photo-con")],
)
def test_slugs(text, name):
    assert slug(text, "photo") == name


def test_a_name_is_handed_out_once():
    names = Names("index")
    assert [names.claim(n) for n in ("cat", "cat", "cat-2", "cat", "index")] == [
        "cat",
        "cat-2",
        "cat-2-2",
        "cat-3",
        "index-2",
    ]
