"""Autoencoders learn, reach what is known, keep what is not normal apart, and open in every look."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

import pellucid
from cli.calling import call
from pellucid.data.dataset import Dataset, Stack
from pellucid.training.layerwise import begin_layerwise
from pellucid.training.plan import Plan
from pellucid.training.setup import Setup, prepare
from pellucid.training.train import fit
from training.learnable import stripes, undrawn  # noqa: F401


def digits(count: int | None = None) -> Dataset:
    found = load_digits()
    images = (found.images[:count] / 16).astype(np.float32)
    return Dataset("digits", Stack.of(images, "digits"), {"digit": tuple(map(str, found.target[:count]))}, "digit")


def setup(data: Dataset, model: str, **choices: object) -> Setup:
    return prepare(data, Plan.of({"task": "autoencoder", "model": model, **choices}))


def test_a_linear_code_of_two_units_is_pca() -> None:
    plan = {"epochs": 20, "lr": 0.03, "batch": 128, "weight_decay": 0.0, "shares": (1.0, 0.0, 0.0)}
    fitted = fit(setup(digits(), "autoencoder:linear-2", **plan))
    targets = fitted.setup.train.targets.numpy()
    assert targets[:, 1].mean() == pytest.approx(0.052426, abs=1e-6)
    reached = fitted.setup.task.scores(targets, fitted.answers("train"))
    assert 1 - 1e-4 < reached["error_over_pca"] < 1.01


def test_a_dense_code_of_two_units_does_better_than_pca() -> None:
    plan = {"epochs": 25, "lr": 0.01, "batch": 128}
    fitted = fit(setup(digits(), "autoencoder:dense-64-2", **plan))
    targets = fitted.setup.test.targets.numpy()
    reached = fitted.setup.task.scores(targets, fitted.answers("test"))
    assert reached["error_over_pca"] < 0.85
    assert reached["explained_variance"] == pytest.approx(1 - reached["mse"] / targets[:, 0].mean())


@pytest.mark.parametrize("model", ["autoencoder:conv-4-5", "vae:dense-16-5"])
def test_a_run_opens_in_every_look(model: str, tmp_path: Path) -> None:
    data = digits(120)
    run = pellucid.train(data, out=tmp_path / "run", task="autoencoder", model=model, epochs=2, lr=0.01)
    network, x = run.network, torch.from_numpy(data.items.array[:16])[:, None]  # type: ignore[union-attr]
    assert network.output == "values"
    assert "code" in {layer.name for layer in network.tree()}
    assert pellucid.codes(network, x, layers="code")["code"].shape == (16, 5)
    ranked = pellucid.neurons(network, x, "code", tests=8, traverse=2)
    assert len(ranked.table) == 5
    assert ranked.options["found"]["kind"] == "reconstruction"
    assert ("active" in ranked.table[0]) == model.startswith("vae")
    told = pellucid.explain(network, x[:2], unit="code:3")
    assert told.values.shape == (2, 1, 8, 8)
    assert told.receipt.relative_gap is not None
    assert told.receipt.relative_gap < 0.02
    healthy = pellucid.health(network, x)
    assert healthy.options["labels"] == "held against themselves"
    assert 0 < healthy.options["loss"] < 0.3, "of targets drawn at random it would be above 0.8"
    assert pellucid.filters(network, x).kind == "filters"
    if "conv" in model:
        assert network.stages() == ["encoder.stage1", "decoder.unflatten", "decoder.values"]
        assert pellucid.regions(network, x[:4], layers="encoder.stage1").kind == "regions"


@pytest.mark.slow
def test_its_encoder_is_asked_for_invariance() -> None:
    network = fit(setup(digits(120), "autoencoder:conv-4-5", epochs=1)).network
    x = torch.from_numpy(digits(4).items.array)[:, None]  # type: ignore[union-attr]
    assert pellucid.invariance(network, x, layers="encoder.stage1").kind == "invariance"


def test_a_code_unit_is_explained_by_the_command_that_the_run_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    run = pellucid.train(digits(60), out=tmp_path / "run", task="autoencoder", model="autoencoder:conv-4-5", epochs=1)
    picture = tmp_path / "digit.npy"
    np.save(picture, digits(1)[0].array)
    words = shlex.split(run.summary["next"]["what a unit looks at"].replace("IMAGES", str(picture)))[1:]
    code, out, err = call(monkeypatch, capfd, *words, "--method", "gradient", "--out", tmp_path / "page")
    assert (code, "report:" in out) == (0, True), err
    assert run.network.predict(torch.zeros(2, 1, 8, 8)) == [[], []]
    code, _, err = call(monkeypatch, capfd, "explain", picture, "--model", f"run:{run.folder}", "--method", "gradient")
    assert (code, "name a unit inside (unit=, --unit LAYER:CHANNEL)" in err) == (2, True)


def test_what_a_run_says(tmp_path: Path) -> None:
    run = pellucid.train(digits(150), out=tmp_path / "a", task="autoencoder", model="vae:dense-16-4", epochs=2)
    named = {row["metric"] for row in run.summary["scores"] if row["split"] == "test"}
    assert named == {"mse", "explained_variance", "pca_mse", "error_over_pca", "cost", "kl"}
    assert run.summary["primary"] == "cost"
    assert any("PCA with as many components" in said["text"] for said in run.summary["words"])
    assert [row["what"] for row in run.summary["classes"]] == list("0123456789")
    assert run.summary["next"]["what its codes are good for"].startswith("pellucid latent")
    assert run.summary["network"]["outputs"] == 64
    with pytest.raises(pellucid.BadInput, match="pellucid latent"):
        pellucid.evaluate(run, digits(150))
    with pytest.raises(pellucid.BadInput, match="pellucid latent"):
        pellucid.predict(run, digits(3))


def test_of_a_plain_one_nothing_is_said_of_kl() -> None:
    assert set(setup(stripes(), "autoencoder:linear-2").task.metrics) == {
        "mse",
        "explained_variance",
        "pca_mse",
        "error_over_pca",
    }


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"beta": 4.0}, "beta weighs what a drawn code says"),
        ({"normal": "77"}, "digits: column 'digit' has no class '77'; did you mean '7'"),
    ],
)
def test_what_would_mean_nothing_is_refused(options: dict[str, object], told: str) -> None:
    with pytest.raises(pellucid.BadInput, match=told):
        setup(digits(60), "autoencoder:linear-2", options=options)


def test_a_code_as_wide_as_the_picture_is_told(tmp_path: Path) -> None:
    run = pellucid.train(digits(150), out=tmp_path / "a", task="autoencoder", model="autoencoder:linear-70", epochs=1)
    said = " ".join(each["text"] for each in run.summary["words"])
    assert "PCA with as many components misses nothing" in said
    assert "the error over PCA's" not in said


def test_an_interrupted_training_goes_on_with_the_same_bytes(tmp_path: Path) -> None:
    plan = {"task": "autoencoder", "model": "vae:dense-16-4", "epochs": 4, "options": {"beta": 0.5}}

    def stop(row: dict[str, float], best: int) -> None:
        if row["epoch"] == 2:
            raise KeyboardInterrupt

    whole = pellucid.train(stripes(), out=tmp_path / "whole", **plan)
    with pytest.raises(KeyboardInterrupt):
        pellucid.train(stripes(), out=tmp_path / "parts", on_epoch=stop, **plan)
    parts = pellucid.train(stripes(), out=tmp_path / "parts", resume=True, **plan)
    for name in ("best.safetensors", "last.safetensors"):
        assert (whole.folder / name).read_bytes() == (parts.folder / name).read_bytes()


def test_what_is_not_normal_is_kept_apart() -> None:
    made = setup(digits(300), "autoencoder:linear-2", options={"anomalous": "3, 7"})
    cells = np.array(digits(300).columns["digit"])
    assert not np.isin(cells[np.concatenate([made.rows[s] for s in ("train", "val", "test")])], ["3", "7"]).any()
    assert set(cells[made.rows["anomalous"]]) == {"3", "7"}
    assert sum(map(len, made.rows.values())) == 300
    other = setup(digits(300), "autoencoder:linear-2", options={"normal": "3"})
    assert set(cells[other.rows["train"]]) == {"3"}
    assert "3" not in set(cells[other.rows["anomalous"]])


@pytest.mark.parametrize(
    ("options", "says"),
    [({"normal": "11"}, "no class '11'"), ({"anomalous": ",".join("0123456789")}, "no training item is normal")],
)
def test_classes_that_leave_nothing_are_refused(options: dict[str, str], says: str) -> None:
    with pytest.raises(pellucid.BadInput, match=says):
        setup(digits(100), "autoencoder:linear-2", options=options)


def test_without_a_column_nobody_knows_what_is_normal() -> None:
    data = Dataset("plain", Stack.of(np.random.default_rng(0).random((20, 4, 4)).astype(np.float32), "plain"))
    assert len(setup(data, "autoencoder:linear-2").train) == 14
    with pytest.raises(pellucid.BadInput, match="no column says"):
        setup(data, "autoencoder:linear-2", options={"normal": "a"})


def test_layer_by_layer_begins_with_less_to_learn() -> None:
    first = []
    for layerwise in (0, 20):
        made = setup(digits(400), "autoencoder:dense-48-24-8", options={"layerwise": layerwise}, lr=0.01)
        begin_layerwise(made)
        x = made.val.x(slice(0, None), torch.device("cpu"))
        with torch.no_grad():
            first.append(float((made.network.module.eval()(x) - x).square().mean()))
        assert not any(p.requires_grad for p in made.network.module.parameters())
    assert first[1] < 0.8 * first[0]


def test_layer_by_layer_is_for_dense_ones() -> None:
    for model in ("autoencoder:conv-4-3", "autoencoder:linear-3"):
        with pytest.raises(pellucid.BadInput, match="one by one"):
            fit(setup(stripes(), model, options={"layerwise": 1}, epochs=1))


def test_the_finder_finds_a_rate() -> None:
    fitted = fit(setup(stripes(), "autoencoder:dense-16-4", lr="find", epochs=1))
    assert np.isfinite(fitted.rows[0]["loss"])


class Own(nn.Module):
    """Somebody's own autoencoder; its narrowest layer is a map."""

    def __init__(self, name: str = "code"):
        super().__init__()
        self.name = name
        self.add_module(name, nn.Conv2d(1, 2, 4, 4))
        self.back = nn.ConvTranspose2d(2, 1, 4, 4)

    def forward(self, x: Tensor) -> Tensor:
        """Through the code and back."""
        return self.back(self.get_submodule(self.name)(x))


def test_an_own_module_is_trained_by_its_layer_called_code() -> None:
    spec = pellucid.InputSpec.matrix(8, 8)
    own = pellucid.open(Own(), input=spec)
    made = prepare(digits(100), Plan.of({"task": "autoencoder", "epochs": 1}), model=own)
    assert np.isfinite(fit(made).rows[0]["loss"])
    with pytest.raises(pellucid.BadInput, match="'code'"):
        prepare(digits(100), Plan.of({"task": "autoencoder"}), model=pellucid.open(Own("narrow"), input=spec))


def test_a_classifier_is_no_autoencoder() -> None:
    with pytest.raises(pellucid.BadInput, match=r"no reconstruction|not answer"):
        setup(digits(100), "small_cnn")


def test_a_cam_of_a_code_unit_looks_at_the_encoder() -> None:
    network = fit(setup(digits(60), "autoencoder:conv-4-5", epochs=1)).network
    picture = torch.from_numpy(digits(1)[0].array)[None, None]
    told = pellucid.explain(network, picture, "grad_cam", unit="code:2")
    assert told.receipt.layer == "encoder.stage1"
    same = pellucid.explain(network, picture, "grad_cam", unit="code:2", layer="encoder.stage1")
    assert np.array_equal(told.values, same.values)
