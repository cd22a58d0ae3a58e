"""Splits keep groups together, every label's share, and what the data say themselves."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.core.errors import BadInput
from pellucid.data.dataset import Dataset, Files
from pellucid.data.sets.splitting import folds, one_group, split_rows, tokens


def made(cells=None, *, group=None, split=None, names=None, **columns):
    if cells is not None:
        columns["label"] = cells
    n = len(next(iter(columns.values())))
    paths = tuple(names or (f"{i:05}.png" for i in range(n)))
    columns = {name: tuple(map(str, values)) for name, values in columns.items()}
    return Dataset("made", Files(paths), columns, "label", split, None if group is None else tuple(map(str, group)))


def counted(data, rows, column="label"):
    return {name: Counter(data.columns[column][i] for i in part) for name, part in rows.items()}


def test_each_class_has_its_share_and_every_item_is_somewhere_once():
    data = made(["a"] * 100 + ["b"] * 40 + ["c"] * 20)
    rows = split_rows(data, ["label"])
    assert list(rows) == ["train", "val", "test"]
    assert counted(data, rows) == {
        "train": {"a": 70, "b": 28, "c": 14},
        "val": {"a": 15, "b": 6, "c": 3},
        "test": {"a": 15, "b": 6, "c": 3},
    }
    assert sorted(np.concatenate(list(rows.values()))) == list(range(160))
    assert all((np.diff(part) > 0).all() for part in rows.values())


def test_three_of_a_class_are_one_in_each_and_one_alone_is_learned():
    data = made(["common"] * 50 + ["three"] * 3 + ["two"] * 2 + ["one"])
    for seed in range(10):
        found = counted(data, split_rows(data, ["label"], seed=seed))
        assert [found[s]["three"] for s in found] == [1, 1, 1]
        assert found["train"]["two"] == 1
        assert found["train"]["one"] == 1


def test_groups_are_never_parted_and_classes_keep_their_shares():
    rng = np.random.default_rng(0)
    sizes = rng.integers(1, 9, 120)
    group = np.repeat([f"patient {k}" for k in range(120)], sizes)
    cells = np.repeat(["rare" if k % 8 == 0 else "common" for k in range(120)], sizes)
    data = made(cells, group=group)
    rows = split_rows(data, ["label"])
    seen = [{group[i] for i in part} for part in rows.values()]
    assert sum(map(len, seen)) == len(set(group))
    shares = np.array([sum(cells[i] == "rare" for i in part) for part in rows.values()]) / (cells == "rare").sum()
    assert shares == pytest.approx([0.7, 0.15, 0.15], abs=0.06)


def test_items_of_one_group_alone_are_told():
    alone = made(["a"] * 6, group=["p1"] * 6)
    assert [len(part) for part in split_rows(alone, ["label"]).values()] == [6, 0, 0]
    assert "6 items are of one group, 'p1'" in one_group(alone)[0]
    assert one_group(made(["a"] * 6)) == one_group(made(["a"] * 6, group=["p1"] * 5 + ["p2"])) == ()
    assert one_group(made(["a"] * 2, group=["p1"] * 2, split=("train", "test"))) == ()


def test_an_empty_group_stands_alone_and_rows_of_one_file_stay_together():
    names = [f"{i // 2}.png" for i in range(40)]
    data = made(["a", "b"] * 20, group=[""] * 40, names=names)
    rows = split_rows(data, ["label"])
    assert len(rows["val"])
    assert all(len({i ^ 1 for i in part} - set(part)) == 0 for part in map(list, rows.values()))


def test_rare_tags_and_several_columns_keep_their_shares():
    rng = np.random.default_rng(3)
    tags = [
        ";".join(t for t, p in (("sky", 0.6), ("tree", 0.3), ("fox", 0.05)) if rng.random() < p) for _ in range(400)
    ]
    data = made(tags, colour=rng.choice(["red", "blue"], 400).tolist())
    rows = split_rows(data, ["label", "colour"])
    for wanted in ("sky", "tree", "fox"):
        have = np.array([sum(wanted in tags[i].split(";") for i in part) for part in rows.values()])
        assert have / have.sum() == pytest.approx([0.7, 0.15, 0.15], abs=0.05 if wanted == "fox" else 0.02)
    red = [np.mean([data.columns["colour"][i] == "red" for i in part]) for part in rows.values()]
    assert np.ptp(red) < 0.03


def test_tags_may_be_parted_and_listed_in_several_ways():
    for cells in (["a|b", "?", "", "a"], ["a, b", "?", "", "a"], ['["a", "b"]', "?", "[]", '["a"]']):
        found = tokens(made(cells), ["label"])
        assert [[t for _, t in own] for own in found] == [["a", "b"], [], [], ["a"]]


def test_measurements_are_dealt_by_tenths():
    values = np.random.default_rng(0).normal(size=300)
    data = made([f"{v:.6f}" for v in values])
    rows = split_rows(data, ["label"])
    assert np.ptp([values[part].mean() for part in rows.values()]) < 0.12
    assert len(rows["test"]) == pytest.approx(45, abs=2)


def test_what_the_data_say_is_kept_and_what_they_lack_is_drawn_from_train():
    split = ("train",) * 60 + ("test",) * 20 + ("held",) * 10 + ("",) * 10
    data = made(["a", "b"] * 50, split=split)
    rows = split_rows(data, ["label"])
    assert rows["test"].tolist() == list(range(60, 80))
    assert rows["held"].tolist() == list(range(80, 90))
    assert set(rows["val"]) <= {*range(60), *range(90, 100)}
    assert len(rows["val"]) == pytest.approx(70 * 0.15 / 0.85, abs=1)
    whole = made(["a", "b"] * 50, split=("train",) * 80 + ("val",) * 10 + ("test",) * 10)
    assert [len(part) for part in split_rows(whole, ["label"]).values()] == [80, 10, 10]


def test_the_seed_decides_and_the_order_of_the_list_does_not():
    rng = np.random.default_rng(5)
    data = made(rng.choice(["a", "b", "c"], 200).tolist(), group=rng.integers(0, 60, 200).astype(str))
    first = split_rows(data, ["label"], seed=4)
    assert all(np.array_equal(first[s], split_rows(data, ["label"], seed=4)[s]) for s in first)
    assert not np.array_equal(first["val"], split_rows(data, ["label"], seed=5)["val"])
    order = rng.permutation(200)
    again = split_rows(data.take(order), ["label"], seed=4)
    assert all(sorted(order[again[s]]) == first[s].tolist() for s in first)


def test_folds_test_every_item_once_by_whole_groups_with_every_class():
    rng = np.random.default_rng(1)
    group = rng.integers(0, 50, 300).astype(str)
    cells = np.array(["rare" if int(g) < 10 else "common" for g in group])
    data = made(cells, group=group)
    parted = folds(data, ["label"], 5, seed=0)
    assert sorted(np.concatenate([test for _, test in parted])) == list(range(300))
    for train, test in parted:
        assert not {*group[train]} & {*group[test]}
        assert len(train) + len(test) == 300
        assert (cells[test] == "rare").sum() >= 1
        assert (cells[test] == "rare").mean() == pytest.approx((cells == "rare").mean(), abs=0.07)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 12)), min_size=1, max_size=60), st.integers(0, 9))
def test_whatever_the_labels_a_class_of_three_groups_is_in_every_split(pairs, seed):
    pairs = [(kind, f"{kind}-{group}") for kind, group in pairs]
    data = made([str(k) if k else "zero" for k, _ in pairs], group=[g for _, g in pairs])
    rows = split_rows(data, ["label"], seed=seed)
    assert sorted(np.concatenate(list(rows.values()))) == list(range(len(pairs)))
    groups = {name: {pairs[i] for i in part} for name, part in rows.items()}
    for kind in {k for k, _ in pairs}:
        if len({g for k, g in pairs if k == kind}) >= 3:
            assert all(any(k == kind for k, _ in part) for part in groups.values())


def test_wrong_shares_too_many_folds_and_no_train_are_said():
    data = made(["a", "b"])
    with pytest.raises(BadInput, match="make no splits"):
        split_rows(data, ["label"], shares=(0.5, 0.5, 0.5))
    with pytest.raises(BadInput, match="cannot make 3 folds"):
        folds(data, ["label"], 3)
    with pytest.raises(BadInput, match="no item is left to train on"):
        split_rows(made(["a", "b"], split=("test", "test")), ["label"])
    with pytest.raises(BadInput, match="there is no column"):
        split_rows(data, ["lable"])
    assert not len(split_rows(data, ["label"], shares=(0.8, 0.2, 0.0))["test"])
