"""Cells become labels: tags in one column, yes and no in several."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.core.errors import BadInput
from pellucid.tasks.labelling.tags import labels_of
from tasks.labelled import vocabulary

NAN = np.nan
WANTED = [[1, 1], [0, 1], [0, 0], [NAN, NAN], [1, NAN]]


@pytest.mark.parametrize(
    "cells",
    [
        ["red;round", "round", "", "?", "red;?"],
        [" round ; red", "round;", "", " ? ", "red;?;red"],
        ["red|round", "round", "", "?", "red|?"],
        ["red, round", "round", "", "?", "red,?"],
        ['["red", "round"]', '["round"]', "[]", "?", '["red", "?"]'],
        ["['red', 'round']", "['round']", "", "?", "['red', '?']"],
    ],
)
def test_every_way_of_writing_tags(cells: list[str]) -> None:
    labels = labels_of(vocabulary({"tags": cells}))
    assert labels.names == ("red", "round")
    np.testing.assert_array_equal(labels.encode({"tags": cells}), WANTED)
    assert labels.notes == ()


def test_columns_of_yes_and_no() -> None:
    columns = {"red": ["1", "0", "", "TRUE", "no"], "round": ["1.0", "0.0", "?", "yes", "False"]}
    labels = labels_of(vocabulary(columns))
    assert labels.names == ("red", "round")
    np.testing.assert_array_equal(labels.encode(columns), [[1, 1], [0, 0], [NAN, NAN], [1, 1], [0, 0]])


def test_numbers_are_in_their_order() -> None:
    assert labels_of(vocabulary({"tags": ["10;9", "2"]})).names == ("2", "9", "10")


def test_a_tag_that_holds_a_separator_is_told() -> None:
    labels = labels_of(vocabulary({"tags": ["red;round", "red,round"]}))
    assert labels.names == ("red", "red,round", "round")
    assert "'red,round' counts as one tag" in labels.notes[0]


def test_a_cell_that_holds_a_separator_alone_has_no_tag() -> None:
    np.testing.assert_array_equal(labels_of(vocabulary({"tags": ["a;b", ";"]})).encode({"tags": [";"]}), [[0, 0]])


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"x": ["yes", "no"]}, "holds no tags but no and yes; use --task binary"),
        ({"x": ["?", "?"]}, "holds no tags"),
        ({"x": [";", ";"]}, "holds no tag;"),
        ({"x": ["1", "0"], "y": ["1", "2"]}, "column 'y' holds '2', neither 1 nor 0; use --task multigroup"),
        ({"x": ['["a"]', '["a"']}, "which is no list"),
        ({"x": ['["a"]', '[{"a": 1}]']}, "which is no list of tags"),
    ],
)
def test_mistakes(columns: dict, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        labels_of(vocabulary(columns))


def test_unknown_cells_of_other_data_are_told() -> None:
    with pytest.raises(BadInput, match="the tag 'rouind', which is not among those learnt; did you mean 'round'"):
        labels_of(vocabulary({"tags": ["red;round"]})).encode({"tags": ["red;rouind"]})
    columns = {"a": ["1", "0"], "b": ["1", "0"]}
    with pytest.raises(BadInput, match="column 'b' holds 'x'"):
        labels_of(vocabulary(columns)).encode({"a": ["1"], "b": ["x"]})
