"""Contrastive runs: they learn without labels, go on bit for bit, drop their projection, and open in every look."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import pellucid
from pellucid.core.errors import BadInput
from pellucid.data.dataset import Dataset
from pellucid.models.heads import Code, Projection, code_place
from pellucid.report.look import look_of
from pellucid.training.contrast_evaluated import as_it_began, uniformity
from pellucid.training.linear_probe import linear_probe
from pellucid.training.plan import Plan
from pellucid.training.runs import Run
from pellucid.training.setup import Setup, prepare
from pellucid.training.train import Training, fit
from pellucid.training.transfer import training_mode
from training.learnable import digits, undrawn  # noqa: F401

PLAN: dict[str, Any] = {"task": "contrastive", "model": "small_cnn:4", "epochs": 2, "batch": 32, "lr": 3e-3}


def setup(data: Dataset, **choices: object) -> Setup:
    return prepare(data, Plan.of({**PLAN, **choices}))


def blind(data: Dataset) -> Dataset:
    """The same pictures, of which nothing is known."""
    return dataclasses.replace(data, columns={}, label=None)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return pellucid.train(digits(160), out=tmp_path_factory.mktemp("runs") / "run", **PLAN)


# -- learning -------------------------------------------------------------------------------------


def test_labels_change_nothing_of_what_is_learnt() -> None:
    """The same pictures in the same splits, with their classes, with wrong ones, and with none."""
    data = digits(96)
    split = tuple(("val", "train", "train", "test")[i % 4] for i in range(96))
    known = dataclasses.replace(data, split=split)
    wrong = dataclasses.replace(known, columns={"digit": tuple(reversed(data.columns["digit"]))})
    weights = [fit(setup(each)).network.module.state_dict() for each in (known, wrong, blind(known))]
    for other in weights[1:]:
        assert all(torch.equal(other[name], tensor) for name, tensor in weights[0].items())


@pytest.mark.parametrize(
    "options",
    [{"loss": "decoupled", "temperature": 1.0, "weight": 0.1}, {"loss": "swd", "prior": "cube"}, {"temperature": 0.5}],
)
def test_every_loss_learns(options: dict[str, object]) -> None:
    fitted = fit(setup(blind(digits(200)), epochs=6, options=options))
    rows = fitted.rows
    assert rows[-1]["loss"] < rows[0]["loss"]
    assert all(np.isfinite(value) for row in rows for value in row.values())
    assert "val_probe_accuracy" not in rows[0]


def test_two_views_lose_no_features_to_dropout() -> None:
    """Where labels are learnt the same layer drops features."""
    made = setup(digits(160))
    assert "dropout" in made.chosen.frozen
    assert "dropout" not in prepare(digits(160), Plan(model="small_cnn:4")).chosen.frozen
    training_mode(made.network.module, made.chosen)
    assert not made.network.module.dropout.training
    assert made.network.module.stage1.norm1.training


def test_the_loss_begins_at_chance() -> None:
    made = Training(setup(digits(160), options={"temperature": 1.0}))
    assert (len(made.loop.train), made.loop.steps) == (110, 4)
    assert _first_loss(made) == pytest.approx(np.log(2 * 28 - 1), abs=0.1)


def _first_loss(made: Training) -> float:
    losses: list[float] = []

    def stop() -> None:
        losses.append(made.loop.state.loss / 28)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made.loop.run(on_step=stop)
    return losses[0]


def test_each_epoch_tells_the_probe_and_no_other_rows_change(run: Run) -> None:
    assert all(0 <= row["val_probe_accuracy"] <= 1 for row in run.rows)
    view = run.view
    assert view.options["shown"] == "probe_accuracy"
    assert view.options["primary"] == "contrastive_loss"
    assert len(view["val_probe_accuracy"]) == 2
    texts = [word.text for word in look_of("run").words(view)]
    assert any(text.startswith("Contrastive loss on the test items") for text in texts)
    look_of("run").figure(view)


def test_the_probe_knows_what_it_is_asked() -> None:
    """Of features that are the class itself it makes no mistake; of a column of one class there is no probe."""
    made = setup(digits(160), model="linear", options={"projection": 3})
    assert linear_probe(made) is not None
    assert linear_probe(made)()["val_probe_accuracy"] > 0.8  # pixels of digits tell
    assert linear_probe(setup(blind(digits(60)))) is None
    one = dataclasses.replace(digits(60), columns={"digit": ("7",) * 60})
    assert linear_probe(setup(one)) is None


def test_an_interrupted_run_goes_on_bit_for_bit(tmp_path: Path) -> None:
    data, plan = digits(120), {**PLAN, "options": {"loss": "swd"}}
    whole = pellucid.train(data, out=tmp_path / "whole", **plan)

    def stop(row: dict[str, Any], best: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pellucid.train(data, out=tmp_path / "part", on_epoch=stop, **plan)
    part = pellucid.train(data, out=tmp_path / "part", resume=True, **plan)
    for name in ("best.safetensors", "last.safetensors"):
        assert (whole.folder / name).read_bytes() == (part.folder / name).read_bytes()
    plain = [[{k: v for k, v in row.items() if k != "seconds"} for row in each.rows] for each in (whole, part)]
    assert plain[0] == plain[1]


def test_items_are_judged_beside_as_many_others_whatever_their_split() -> None:
    made = setup(digits(150), batch=16)
    fitted = fit(made)
    assert made.test.targets.tolist() == [31.0] * len(made.test)
    small = setup(digits(60), batch=64)  # the smallest split decides, for all of them
    assert set(small.train.targets.tolist()) == {2.0 * min(len(small.val), len(small.test)) - 1}
    first, again = fitted.answers("test"), fitted.answers("test")
    assert first.shape == (len(made.test), 4)
    assert np.array_equal(first, again)


def test_few_pictures_are_still_held_against_many() -> None:
    made = prepare(digits(200), Plan(task="contrastive", model="small_cnn:4"))
    assert made.plan.batch == 64
    assert prepare(digits(200), Plan(model="small_cnn:4")).plan.batch < 64


def test_the_finder_finds_a_rate_for_views() -> None:
    for count in (160, 400):
        made = Training(setup(digits(count), lr="find"))
        assert 0 < made.loop._rates[0] < 1


# -- what is left ---------------------------------------------------------------------------------


def test_a_run_opens_without_its_projection(run: Run) -> None:
    network = run.network
    assert code_place(network) == "classifier"
    assert isinstance(network.module.classifier, Code)
    assert not any(isinstance(module, Projection) for module in network.module.modules())
    x = network.probe(3)
    assert network(x).shape == (3, 8)
    assert network.output == "values"
    assert "projection" in (run.folder / "config.toml").read_text(encoding="utf-8")


def test_every_look_opens_it(run: Run) -> None:
    network, x = run.network, torch.from_numpy(np.stack([digits(12)[i].array for i in range(12)]))
    x = network.input.normalise(x[:, None].float())
    told = pellucid.explain(network, x[:2], unit="classifier:3")
    assert told.values.shape == (2, 1, 8, 8)
    assert told.receipt.relative_gap is not None
    assert told.receipt.relative_gap < 0.02
    assert pellucid.regions(network, x, layers="stage2", clusters=3).kind == "regions"
    assert pellucid.health(network, x).kind == "health"
    assert pellucid.filters(network, x).kind == "filters"
    assert pellucid.neurons(network, x, "classifier", tests=4).kind == "neurons"
    assert pellucid.codes(network, x, layers="classifier")["classifier"].shape == (12, 8)
    assert pellucid.latent(run, digits(160)).options["layer"] == "classifier"
    assert pellucid.invariance(network, x, layers=["stage1", "stage2"]).kind == "invariance"


def test_a_head_learns_on_its_codes(run: Run, tmp_path: Path) -> None:
    """Many pictures without labels first, few with labels after."""
    tuned = pellucid.train(digits(80), out=tmp_path / "tuned", model=f"run:{run.folder}", epochs=3)
    assert tuned.plan.unfreeze_from == "head"
    assert isinstance(tuned.network.module.classifier, nn.Linear)
    assert tuned.network.module.classifier.in_features == 8
    before, after = run.network.module.state_dict(), tuned.network.module.state_dict()
    assert torch.equal(before["stage1.conv1.weight"], after["stage1.conv1.weight"])


# -- evaluation -----------------------------------------------------------------------------------


def test_evaluation_tells_codes_beside_the_beginning_and_pixels(run: Run) -> None:
    view = pellucid.evaluate(run, digits(160))
    told = {(row["method"], row["space"], row["metric"]): row for row in view.table}
    assert {space for _, space, _ in told} == {"code", "as it began", "pixels"}
    for method in ("linear probe", "5 nearest neighbours"):
        for space in ("code", "as it began", "pixels"):
            row = told[method, space, "accuracy"]
            assert row["value_low"] <= row["value"] <= row["value_high"]
            assert row["items"] == view.options["items"] == len(view["code"])
    assert told["two views of a picture", "code", "alignment"]["value"] > 0
    assert told["two pictures", "code", "uniformity"]["value"] < 0
    assert len(view.options["differences"]) == 8
    look_of("contrast").figure(view)
    assert any("Linear probe on the codes" in word.text for word in look_of("contrast").words(view))


def test_evaluation_without_labels_tells_how_codes_lie(tmp_path: Path) -> None:
    data = blind(digits(100))
    run = pellucid.train(data, out=tmp_path / "run", **{**PLAN, "epochs": 1})
    view = pellucid.evaluate(run, data)
    assert {row["part"] for row in view.table} == {"geometry"}
    look_of("contrast").figure(view)
    assert any("No column holds classes" in word.text for word in look_of("contrast").words(view))


def test_evaluation_of_what_was_learnt_from_has_nobody_to_learn_from(run: Run) -> None:
    assert pellucid.evaluate(run, digits(160), split="val").options["split"] == "val"
    with pytest.raises(BadInput, match="leave split"):
        pellucid.evaluate(run, digits(160), split="all")


def test_the_beginning_is_the_network_that_learning_began_with(run: Run) -> None:
    network, why = as_it_began(run)
    assert network is not None
    assert why == ""
    before = setup(digits(160)).network.module
    for name, tensor in network.module.state_dict().items():
        assert torch.equal(tensor, before.state_dict()[name]), name


def test_uniformity_is_that_of_pairs() -> None:
    x = np.random.default_rng(0).standard_normal((7, 3))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    pairs = [np.exp(-2 * ((x[i] - x[j]) ** 2).sum()) for i in range(7) for j in range(7) if i != j]
    found = uniformity(x, np.array([[1.0] * 7, [2, 0, 1, 1, 1, 1, 1]]))
    assert found.value == pytest.approx(np.log(np.mean(pairs)))
    assert found.draws[0] == pytest.approx(found.value)
    drawn = [0, 0, 2, 3, 4, 5, 6]
    other = [np.exp(-2 * ((x[i] - x[j]) ** 2).sum()) for i in drawn for j in drawn if i != j]
    assert found.draws[1] == pytest.approx(np.log(np.mean(other)))


def test_predict_names_who_gives_codes(run: Run) -> None:
    with pytest.raises(BadInput, match="pellucid latent"):
        pellucid.predict(run, digits(4))


def test_a_module_of_ones_own_learns_and_keeps_no_beginning(tmp_path: Path) -> None:
    torch.manual_seed(0)
    own = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    network = pellucid.open(own, input=pellucid.InputSpec((8, 8), (0.0,), (1.0,), crop=None))
    made = pellucid.train(digits(90), out=tmp_path / "own", **{**PLAN, "model": network})
    opened = Run.open(made.folder, model=network)
    view = pellucid.evaluate(opened, digits(90))
    assert {row["space"] for row in view.table} == {"code", "pixels"}
    assert any("somebody's own" in note for note in view.notes)


# -- what it is for -------------------------------------------------------------------------------

#: Where Debian's package dataset-fashion-mnist puts its files, unless the variable names another place.
CLOTHES = Path(os.environ.get("FASHION_MNIST", "/usr/share/datasets/fashion-mnist"))


@pytest.mark.slow
@pytest.mark.skipif(
    not CLOTHES.is_dir(), reason="Fashion-MNIST is not installed (apt-get install dataset-fashion-mnist)"
)
def test_a_linear_probe_rises_above_the_network_as_it_began(tmp_path: Path) -> None:
    """Fashion-MNIST, 20 000 pictures, six epochs; asked of 5 000 pictures that nobody learnt from.

    Of ten seeds this one lies in the middle (benchmarks/contrast.py): 0.598 → 0.753.
    """
    every = pellucid.dataset(CLOTHES)
    split, generator = np.array(every.split), np.random.default_rng(0)
    wanted = [(n, count) for n, count in (("train", 20000), ("val", 2000), ("test", 5000)) if (split == n).any()]
    rows = [generator.permutation(np.flatnonzero(split == name))[:count] for name, count in wanted]
    data = every.take(np.sort(np.concatenate(rows)))
    choices = {"task": "contrastive", "model": "small_cnn:4", "epochs": 6, "batch": 128, "lr": 0.01, "seed": 21}
    options = {"views": "crop,flip,colour", "smallest": 0.3, "strength": 1.0, "temperature": 0.1}
    run = pellucid.train(data, out=tmp_path / "run", options=options, **choices)
    gains = pellucid.evaluate(run, data).options["differences"]
    gain = next(d for d in gains if (d["method"], d["over"]) == ("linear probe", "as it began"))
    assert gain["items"] == 5000
    assert gain["by_low"] >= 0.10
