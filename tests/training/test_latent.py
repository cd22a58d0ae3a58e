"""What is said of codes: figures against scikit-learn, and answers that are known because the pictures were made so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits, make_blobs
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score, roc_auc_score

import pellucid
from pellucid.data.dataset import Dataset, Stack
from pellucid.training import latent as module
from pellucid.training.latents import classes, groups, outliers, plane
from pellucid.training.scoring import drawn_rows
from training.learnable import undrawn  # noqa: F401


def digits(count: int = 300) -> Dataset:
    found = load_digits()
    images = (found.images[:count] / 16).astype(np.float32)
    return Dataset("digits", Stack.of(images, "digits"), {"digit": tuple(map(str, found.target[:count]))}, "digit")


def patterns(count: int = 160, *, brighter: bool = False) -> Dataset:
    """Noise around two patterns; brighter: those of the second are the first's, three times as bright, noise too."""
    generator = np.random.default_rng(0)
    kinds = np.arange(count) % 2
    shapes = generator.random((2, 6, 6))
    noise = 0.1 * generator.normal(size=(count, 6, 6))
    images = 3.0 ** kinds[:, None, None] * (shapes[0] + noise) if brighter else shapes[kinds] + noise
    names = np.array(["calm", "wild"])[kinds]
    return Dataset("patterns", Stack.of(images.astype(np.float32), "patterns"), {"kind": tuple(names)}, "kind")


def run(data: Dataset, folder: Path, model: str = "autoencoder:linear-2", **options: object) -> pellucid.Run:
    plan = {"epochs": 20, "lr": 0.03, "batch": 32, "options": options}
    return pellucid.train(data, out=folder, task="autoencoder", model=model, **plan)


@pytest.fixture(scope="module")
def of_digits(tmp_path_factory: pytest.TempPathFactory) -> tuple[pellucid.Run, pellucid.View]:
    made = run(digits(), tmp_path_factory.mktemp("digits") / "run", "autoencoder:dense-32-2")
    return made, pellucid.latent(made, digits())


def value(view: pellucid.View, metric: str, space: str, method: str = "") -> float:
    return next(
        r["value"]
        for r in view.table
        if (r["metric"], r["space"]) == (metric, space) and r["method"].startswith(method)
    )


# -- the figures ----------------------------------------------------------------------------------


def test_agreements_are_scikit_learns() -> None:
    generator = np.random.default_rng(0)
    a, b = generator.integers(0, 4, 90), generator.integers(0, 3, 90)
    b[a == 0] = 0
    found = groups.agreement(a, b, drawn_rows(90, None, seed=0, draws=50), seed=0)
    assert found["ARI"][0].value == pytest.approx(adjusted_rand_score(b, a))
    assert found["NMI"][0].value == pytest.approx(normalized_mutual_info_score(b, a))
    assert abs(found["ARI"][1]) < 0.03
    assert 0 < found["NMI"][1] < 0.1
    for each, _ in found.values():
        assert each.low < each.value < each.high
        assert each.draws.mean() == pytest.approx(each.value)
    assert groups.mutual_information(np.array([[5.0]])) == 1


def test_k_means_finds_what_lies_apart() -> None:
    x, kinds = make_blobs(200, 3, centers=4, cluster_std=0.1, random_state=0)
    found = groups.clustered(x[:150], x[150:], 4, seed=0)
    assert adjusted_rand_score(kinds[150:], found) == 1
    assert groups.clustered(np.zeros((5, 2)), np.zeros((2, 2)), 3, seed=0).tolist() == [0, 0]  # no more than there are


def test_classifiers_tell_apart_what_lies_apart() -> None:
    x, kinds = make_blobs(120, 3, centers=3, cluster_std=0.3, random_state=1)
    draws = drawn_rows(40, None, seed=0, draws=20)
    for said in (
        classes.by_neighbours(x[:80], kinds[:80], x[80:]),
        classes.by_logistic(x[:80], kinds[:80], x[80:], seed=0),
    ):
        assert classes.accuracy(said, kinds[80:], draws).value == 1
    few = classes.by_logistic(x[:6], np.array([0, 1, 2, 0, 1, 2]), x[:6], seed=0)
    assert few.shape == (6,)


def test_distances_are_what_they_are_called() -> None:
    generator = np.random.default_rng(0)
    normal, asked = generator.normal(size=(9000, 3)) * [1.0, 2.0, 0.5], generator.normal(size=(7, 3))
    own = np.sqrt(
        np.einsum("ij,jk,ik->i", asked - normal.mean(0), np.linalg.inv(np.cov(normal.T)), asked - normal.mean(0))
    )
    assert outliers.mahalanobis(normal, asked) == pytest.approx(own, rel=0.005)  # of many items little is shrunk
    every = np.sort(np.linalg.norm(asked[:, None] - normal[None], axis=2), axis=1)
    assert outliers.neighbour_distance(normal, asked) == pytest.approx(every[:, :5].mean(1))


def test_detection_is_the_area_under_the_roc_curve() -> None:
    generator = np.random.default_rng(0)
    strange, scores = generator.random(80) < 0.3, generator.normal(size=80).round(1)
    found = outliers.detection(outliers.Score("a", "code", "network", scores), strange, drawn_rows(80, None, seed=0))
    assert found.value == pytest.approx(roc_auc_score(strange, scores))
    assert found.low < found.value < found.high


def test_the_plane_of_many_units_is_spanned_by_their_main_directions() -> None:
    generator = np.random.default_rng(0)
    codes = generator.normal(size=(300, 5)) * [0.1, 3.0, 0.1, 2.0, 0.1]
    where, share = plane.places(codes, codes)
    assert np.abs(np.corrcoef(where[:, 0], codes[:, 1])[0, 1]) > 0.99
    assert np.abs(np.corrcoef(where[:, 1], codes[:, 3])[0, 1]) > 0.99
    assert 0.99 < share < 1
    assert plane.places(codes[:, :1], codes[:, :1])[0].shape == (300, 2)


# -- the whole ------------------------------------------------------------------------------------


def test_only_items_that_were_not_learnt_from_are_asked(of_digits: tuple[pellucid.Run, pellucid.View]) -> None:
    made, view = of_digits
    splits = made.split
    assert {splits[name] for name in view.names} == {"test"}
    assert view.options["learnt"] == sum(s == "train" for s in splits.values())
    assert view.options["unseen"]


def test_codes_lie_as_the_network_puts_them(of_digits: tuple[pellucid.Run, pellucid.View]) -> None:
    made, view = of_digits
    numbers = [int(name.partition("[")[2][:-1]) for name in view.names]
    x = torch.from_numpy(digits().items.array[numbers])[:, None]  # type: ignore[union-attr]
    with torch.no_grad():
        code = made.network.until("code")(x)
        rebuilt = made.network(x)
    assert np.allclose(view["code"], code.numpy(), atol=1e-4)
    assert np.array_equal(view["place"], view["code"])
    assert np.allclose(view["error"], (rebuilt - x).square().mean((1, 2, 3)).numpy(), atol=1e-5)
    assert view["error"].mean() == pytest.approx(value(view, "MSE", "code"), rel=1e-4)
    assert [digits().columns["digit"][n] for n in numbers] == [view.options["classes"][c] for c in view["class"]]


def test_the_plane_is_decoded_as_the_decoder_does(of_digits: tuple[pellucid.Run, pellucid.View]) -> None:
    made, view = of_digits
    where, pictures = view["plane/place"], view["plane/pictures"]
    assert pictures.shape == (plane.STEPS**2, 8, 8, 3)
    module = made.network.module
    with torch.no_grad():
        wanted = module.standardise.undo(module.decoder(torch.from_numpy(where)))  # type: ignore[operator,union-attr]
    assert np.abs(pictures[..., 0] - (255 * wanted[:, 0].clamp(0, 1)).numpy()).max() <= 1
    assert (where[0] == [where[:, 0].min(), where[:, 1].max()]).all()  # the upper left


def test_every_figure_has_an_interval_and_stands_beside_others(of_digits: tuple[pellucid.Run, pellucid.View]) -> None:
    _, view = of_digits
    for row in view.table:
        assert row["value_low"] <= row["value"] <= row["value_high"], row
    for metric in ("ARI", "NMI", "accuracy"):
        assert {r["space"] for r in view.table if r["metric"] == metric} == {"code", "pixels", "PCA"}
    assert {r["space"] for r in view.table if r["metric"] == "MSE"} == {"code", "PCA"}
    gap = next(d for d in view.options["differences"] if d["metric"] == "MSE")
    assert gap["by"] == pytest.approx(value(view, "MSE", "PCA") - value(view, "MSE", "code"))  # above 0 is better
    gap = next(d for d in view.options["differences"] if d["metric"] == "ARI" and d["over"] == "pixels")
    assert gap["by"] == pytest.approx(value(view, "ARI", "code") - value(view, "ARI", "pixels"))


def test_the_same_seed_gives_the_same_and_a_file_keeps_it(
    of_digits: tuple[pellucid.Run, pellucid.View], tmp_path: Path
) -> None:
    made, view = of_digits
    again = pellucid.latent(made.folder, digits())
    assert again.table == view.table
    assert all(np.array_equal(again[name], view[name]) for name in view.arrays)
    assert pellucid.load(view.save(tmp_path / "view.npz")) == view


def test_two_patterns_are_two_groups(tmp_path: Path) -> None:
    data = patterns()
    view = pellucid.latent(run(data, tmp_path / "run"), data)
    assert value(view, "ARI", "code") == 1
    assert value(view, "accuracy", "code", "5") == 1
    assert value(view, "accuracy", "code", "logistic") == 1
    assert view.options["clusters"] == 2


def test_what_was_not_learnt_is_found(tmp_path: Path) -> None:
    data = patterns()
    view = pellucid.latent(run(data, tmp_path / "run", normal="calm"), data)
    assert view.options["strange"] == 80
    assert value(view, "AUROC", "code", "reconstruction") == 1
    assert value(view, "AUROC", "PCA", "reconstruction") == 1
    assert {r["part"] for r in view.table} == {"reconstruction", "outliers"}  # of one class no groups are judged
    assert set(np.unique(view["normal"])) == {False, True}
    assert not view.notes


def test_brightness_that_would_do_is_told(tmp_path: Path) -> None:
    data = patterns(brighter=True)
    view = pellucid.latent(run(data, tmp_path / "run", normal="calm"), data)
    assert value(view, "AUROC", "brightness", "mean of its values") == 1
    gap = next(d for d in view.options["differences"] if d["part"] == "outliers" and d["over"] == "brightness")
    assert gap["by_low"] <= 0


def test_normal_classes_that_are_named_later_are_warned_of(tmp_path: Path) -> None:
    data = patterns()
    view = pellucid.latent(run(data, tmp_path / "run"), data, normal="calm")
    assert any("learnt from what is not normal too" in note for note in view.notes)
    with pytest.raises(pellucid.BadInput, match="no class 'clam'"):
        pellucid.latent(tmp_path / "run", data, normal="clam")


def test_new_pictures_without_labels(tmp_path: Path) -> None:
    made = run(patterns(), tmp_path / "run")
    fresh = patterns(60)
    images = fresh.items.array + np.float32(0.01)  # type: ignore[union-attr]
    view = pellucid.latent(made, Dataset("fresh", Stack.of(images, "fresh")))
    assert {r["part"] for r in view.table} == {"reconstruction"}
    assert view.options["held"] == 18
    assert view.options["clusters"] == module.GROUPS


def test_any_network_has_codes(tmp_path: Path) -> None:
    spec = pellucid.InputSpec.matrix(8, 8)
    network = pellucid.open("perceptron:16x1", weights="none", input=spec)
    view = pellucid.latent(network, digits(), layer="relu1")
    assert {r["part"] for r in view.table} == {"groups", "classes"}
    assert view.options["units"] == 16
    with pytest.raises(pellucid.BadInput, match="no layer matches"):
        pellucid.latent(network, digits())
    with pytest.raises(pellucid.BadInput, match="no data"):
        pellucid.latent(network)


def test_what_cannot_be_is_refused(of_digits: tuple[pellucid.Run, pellucid.View]) -> None:
    made, _ = of_digits
    with pytest.raises(pellucid.BadInput, match="no column 'nothing'"):
        pellucid.latent(made, digits(), label="nothing")
    with pytest.raises(pellucid.BadInput, match="clusters is 5000; pass 2 or more, up to the"):
        pellucid.latent(made, digits(), clusters=5000)
    with pytest.raises(pellucid.BadInput, match="clusters is 1"):
        pellucid.latent(made, digits(), clusters=1)


def test_a_run_that_has_seen_everything_says_so(tmp_path: Path) -> None:
    data = patterns(60)
    plan = {"task": "autoencoder", "model": "autoencoder:linear-2", "epochs": 2, "shares": (1.0, 0.0, 0.0)}
    view = pellucid.latent(pellucid.train(data, out=tmp_path / "run", **plan), data)
    assert not view.options["unseen"]
