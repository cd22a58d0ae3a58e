"""The loop: it learns what can be learnt and nothing else, goes on bit-exactly, and leaves what is frozen alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import pellucid
from pellucid.core.errors import BadInput, PellucidError
from pellucid.data.dataset import Dataset
from pellucid.training import runs
from pellucid.training.answering import answers
from pellucid.training.fit import rate_factor, weights_of
from pellucid.training.plan import Plan
from pellucid.training.scoring import baselines, constant_answer, scored
from pellucid.training.setup import Setup, prepare
from pellucid.training.train import Training, fit
from pellucid.training.transfer import without_head
from training.learnable import digits, stripes

SMALL = {"model": "small_cnn:4", "epochs": 3, "batch": 16, "lr": 0.01}


def setup(data: Dataset, **choices: Any) -> Setup:
    return prepare(data, Plan(**{**SMALL, **choices}))


def test_what_is_separable_is_learnt_and_its_interval_is_narrow() -> None:
    prepared = setup(stripes(160), epochs=12, model="small_cnn:8")
    fitted = fit(prepared)
    found = scored(prepared.task, prepared.test.targets.numpy(), fitted.answers("test"), fitted.rule)
    assert found["accuracy"].value == 1.0
    # Without a mistake among n items the rule of three bounds what may be: 1 − 0.05^(1/n) of them.
    assert found["accuracy"].low == pytest.approx(0.05 ** (1 / len(prepared.test)))
    assert found["accuracy"].high == 1.0
    assert baselines(prepared.task, prepared.test.targets.numpy())["accuracy"] == pytest.approx(0.5, abs=0.1)


def test_shuffled_labels_are_chance() -> None:
    prepared = setup(stripes(400, shuffled=True), epochs=3, shares=(0.5, 0.1, 0.4))
    fitted = fit(prepared)
    found = scored(prepared.task, prepared.test.targets.numpy(), fitted.answers("test"), fitted.rule)["accuracy"]
    assert found.low < 0.5 < found.high
    assert found.high - found.low < 0.2


def test_the_same_seed_gives_the_same_bytes_and_another_does_not() -> None:
    networks = [fit(setup(stripes(), seed=seed)).network for seed in (1, 1, 2)]
    first, again, other = (weights_of(n.module) for n in networks)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_the_users_random_numbers_are_those_that_would_have_come() -> None:
    prepared = setup(stripes(), augment=("flip", "shift"))
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    fit(prepared)
    assert torch.equal(torch.rand(1), expected)


# -- going on -------------------------------------------------------------------------------------

#: 80 items, 56 of them to learn from: 4 steps an epoch, 12 in all.
_WAYS = {
    "adamw": {"optimizer": "adamw", "augment": ("flip", "shift", "light"), "clip": 1.0},
    "sgd": {"optimizer": "sgd", "augment": ("erase",), "probe_epochs": 1},
    "head on codes": {"unfreeze_from": "head", "optimizer": "adam", "batch": 8},
}


@pytest.mark.parametrize("way", _WAYS)
def test_interrupted_after_any_step_the_same_bytes_come_out(way: str, tmp_path: Path) -> None:
    prepared = lambda: setup(stripes(), **_WAYS[way])  # noqa: E731
    whole = Training(prepared())
    whole.loop.run()
    for after in (1, whole.loop.steps - 1, whole.loop.steps, whole.loop.steps + 1, whole.loop.total):
        first = Training(prepared())
        left = iter(range(after))

        def stop(left: Any = left) -> None:
            next(left)
            if left.__length_hint__() == 0:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            first.loop.run(on_step=stop)
        runs.write_state(tmp_path, first.loop, "mark")
        again = Training(prepared())
        runs.read_state(tmp_path, again.loop, "mark")
        again.loop.run()
        _assert_equal(whole, again)


def _assert_equal(one: Training, other: Training) -> None:
    first, second = weights_of(one.loop.module), weights_of(other.loop.module)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert all(torch.equal(one.loop.kept[name], other.loop.kept[name]) for name in first)
    without = [[{k: v for k, v in row.items() if k != "seconds"} for row in t.loop.state.rows] for t in (one, other)]
    assert without[0] == without[1]
    assert one.loop.state.best_epoch == other.loop.state.best_epoch


def test_interrupted_from_an_epochs_end_goes_on() -> None:
    def stop(row: Any) -> None:
        if row["epoch"] == 1:
            raise KeyboardInterrupt

    whole, part = Training(setup(stripes())), Training(setup(stripes()))
    whole.loop.run()
    with pytest.raises(KeyboardInterrupt):
        part.loop.run(on_epoch=stop)
    assert len(part.loop.state.rows) == 1
    part.loop.run()
    _assert_equal(whole, part)


# -- what is frozen -------------------------------------------------------------------------------


def test_frozen_layers_and_their_statistics_keep_every_bit() -> None:
    prepared = setup(stripes(), unfreeze_from="stage2.conv2", epochs=2)
    before = weights_of(prepared.network.module)
    frozen = prepared.chosen.frozen
    after = weights_of(fit(prepared).network.module)
    moved = {name.rpartition(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert frozen
    assert not moved & set(frozen)
    assert "stage2.conv2" in moved
    assert prepared.chosen.head in moved


@pytest.mark.slow
def test_the_default_network_cut_at_a_late_block_keeps_every_bit_before_it() -> None:
    data = stripes(12, side=32)
    plan = Plan(unfreeze_from="blocks.6", epochs=1, batch=4, size=(64, 64), shares=(0.7, 0.3, 0))
    prepared = prepare(data, plan)
    before = weights_of(prepared.network.module)
    after = weights_of(fit(prepared).network.module)
    early = [n for n in before if n.startswith(("conv_stem", "bn1", *(f"blocks.{i}." for i in range(6))))]
    late = [n for n in before if n.startswith("blocks.6.")]
    assert len(early) > 200
    assert all(torch.equal(before[n], after[n]) for n in early)
    assert any(not torch.equal(before[n], after[n]) for n in late if n.endswith("running_mean"))
    assert all(not torch.equal(before[n], after[n]) for n in late if n.endswith("conv_pw.weight"))


def test_probe_epochs_move_the_head_alone() -> None:
    prepared = setup(stripes(), probe_epochs=2, epochs=2)
    before = weights_of(prepared.network.module)
    training = Training(prepared)
    training.loop.run()
    after = weights_of(training.loop.module)
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved == {f"{prepared.chosen.head}.weight", f"{prepared.chosen.head}.bias"}


@pytest.mark.parametrize("options", [{"task": "multiclass"}, {"task": "ordinal", "options": {"loss": "coral"}}])
def test_a_head_that_was_trained_on_codes_answers_the_same_in_the_whole_network(options: dict[str, Any]) -> None:
    prepared = setup(digits(120), model="small_cnn:4", unfreeze_from="head", epochs=20, **options)
    fitted = fit(prepared)
    assert fitted.rest is not None
    whole = answers(fitted.network, prepared.task, prepared.test)
    np.testing.assert_allclose(fitted.answers("test"), whole, atol=2e-5)


# -- what goes wrong ------------------------------------------------------------------------------


class _Bomb(nn.Module):
    """A NaN from the n-th call on in training."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.divide = _Divide()
        self.classifier = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.divide(self.conv(x)).mean((2, 3)))


class _Divide(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += self.training
        return x / 0.0 * 0.0 if self.calls > 2 else x


def test_a_number_that_is_not_finite_is_told_with_its_layer() -> None:
    own = pellucid.open(_Bomb(), input=pellucid.InputSpec((8, 8), (0.0,), (1.0,), crop=None))
    prepared = prepare(stripes(), Plan(epochs=2, batch=16, weights="none"), model=own)
    with pytest.raises(pellucid.NonFinite, match="divide") as caught:
        fit(prepared)
    assert "epoch 1, step 3" in str(caught.value)


def test_without_watch_nobody_asks() -> None:
    own = pellucid.open(_Bomb(), input=pellucid.InputSpec((8, 8), (0.0,), (1.0,), crop=None))
    prepared = prepare(stripes(), Plan(epochs=1, batch=16, weights="none", watch=False), model=own)
    Training(prepared).loop.run()


def test_an_exploding_rate_is_an_error_and_no_result() -> None:
    with pytest.raises(PellucidError, match="epoch"):
        fit(setup(stripes(), optimizer="sgd", lr=1e30, epochs=4))


# -- choices --------------------------------------------------------------------------------------


def test_patience_ends_it_and_the_best_epoch_is_kept() -> None:
    training = Training(setup(stripes(shuffled=True), epochs=40, patience=2))
    training.loop.run()
    state = training.loop.state
    assert state.stopped == "no epoch was better for 2"
    assert len(state.rows) == state.best_epoch + 2
    scores = [row["val_accuracy"] for row in state.rows]
    assert max(scores) == scores[state.best_epoch - 1]


def test_the_finders_rate_is_taken_and_is_that_of_what_learns() -> None:
    plain = Training(setup(stripes(), lr="find"))
    head = Training(setup(stripes(), lr="find", unfreeze_from="classifier", augment=("flip",)))
    rates = [t.loop.optimizer.param_groups[0]["lr"] for t in (plain, head)]
    assert all(1e-5 < rate < 1 for rate in rates)
    assert rates[0] != rates[1]


def test_a_finder_that_finds_nothing_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = setup(stripes(), lr="find", model="linear", init="zero")
    monkeypatch.setattr("pellucid.training.lr_range.suggestion", lambda *_: None)
    with pytest.raises(BadInput, match="found no rate"):
        Training(prepared)


def test_the_schedule_rises_and_falls() -> None:
    factors = [rate_factor("cosine", step, 100) for step in range(100)]
    assert factors[0] == pytest.approx(0.2)
    assert max(factors) == factors[4] == 1.0
    assert factors[-1] < 0.001
    assert {rate_factor("constant", step, 100) for step in range(10, 100)} == {1.0}


def test_the_backbone_learns_at_its_share_of_the_rate() -> None:
    training = Training(setup(stripes(), backbone_lr=0.25, lr=0.04, unfreeze_from="stage2.conv2"))
    rates = {group["lr"] for group in training.loop.optimizer.param_groups}
    assert rates == {0.04, 0.01}
    decays = {group["weight_decay"] for group in training.loop.optimizer.param_groups}
    assert decays == {0.01, 0.0}


def test_a_split_may_be_empty() -> None:
    prepared = setup(stripes(), shares=(1.0, 0.0, 0.0))
    assert fit(prepared).best_epoch in (1, 2, 3)
    head = setup(stripes(), shares=(0.8, 0.2, 0.0), unfreeze_from="head")
    assert "val_accuracy" in fit(head).rows[-1]


def test_the_constant_answer_is_how_often_each_class_is_there() -> None:
    prepared = setup(digits(300), shares=(1.0, 0.0, 0.0))
    counts = np.bincount(prepared.train.targets.numpy()) / 300
    np.testing.assert_allclose(constant_answer(prepared.task), counts, atol=1e-3)


# -- codes ----------------------------------------------------------------------------------------


def test_a_second_head_does_not_run_the_network_and_a_changed_picture_is_computed_anew(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from pellucid.training import codes

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    computed: list[int] = []
    real = codes._computed
    monkeypatch.setattr(codes, "_computed", lambda n, s, items: computed.append(len(items)) or real(n, s, items))
    data = stripes()
    first = fit(setup(data, unfreeze_from="head"))
    assert sum(computed) == 80
    computed.clear()
    second = fit(setup(data, unfreeze_from="head", optimizer="sgd", seed=0))
    assert not computed
    assert first.rows != second.rows
    data.items.whole[5] += 1
    fit(setup(data, unfreeze_from="head"))
    assert sum(computed) == 1
    (cache,) = (tmp_path / "pellucid" / "codes").glob("*.safetensors")
    cache.write_bytes(cache.read_bytes()[:100])
    computed.clear()
    third = fit(setup(data, unfreeze_from="head"))
    assert sum(computed) == 80
    assert third.rows[-1]["loss"] == pytest.approx(first.rows[-1]["loss"], rel=0.05)


def test_codes_are_what_enters_the_head() -> None:
    from pellucid.training.codes import codes_of

    prepared = setup(stripes(12))
    body = without_head(prepared.network)
    found = codes_of(body, prepared.store, np.arange(12), cache=False)
    x = prepared.store.x(np.arange(12), prepared.network.device, torch.float32)
    head = prepared.network.module.get_submodule(prepared.chosen.head)
    with torch.no_grad():
        torch.testing.assert_close(head(found), prepared.network.module.eval()(x), atol=1e-5, rtol=1e-4)
