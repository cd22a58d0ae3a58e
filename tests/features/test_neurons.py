"""``pellucid.neurons``: planted units, laws of linear codes, literal second implementations, real networks."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from torch import Tensor, nn

import nets
import pellucid
from features.codes import DIGITS, TARGETS, UNITS, Autoencoder, curved, linear, mix, opened, principal
from pellucid.core.errors import BadInput
from pellucid.features.coding import ablation, spectrum
from pellucid.features.coding.code import Layout, Moments
from pellucid.features.coding.refit import FOLDS, fit_refit
from pellucid.features.table import views
from pellucid.models.prepare import untouched

X = DIGITS[:400]


def look(net: pellucid.Network, x: Any = X, layer: str = "code", **more: Any) -> pellucid.View:
    return pellucid.neurons(net, x, layer, **{"traverse": 2, "tests": 400, **more})


def by_unit(view: pellucid.View, key: str) -> np.ndarray:
    rows = sorted(view.table, key=lambda r: r["unit"])
    return np.array([r[key] for r in rows])


def same(a: pellucid.View, b: pellucid.View) -> bool:
    arrays = all(a[n].tobytes() == b[n].tobytes() for n in a.arrays)
    return arrays and a.arrays.keys() == b.arrays.keys() and a.table == b.table


# -- laws of linear codes -------------------------------------------------------------------------


def test_in_pca_a_units_loss_is_its_eigenvalue() -> None:
    variances, *_ = principal()
    view = look(linear())
    np.testing.assert_allclose(view["delta"], variances, rtol=1e-9)
    np.testing.assert_allclose(view["spectrum/answer"], variances, rtol=1e-9)
    np.testing.assert_allclose(view["spectrum/covariance"], variances * 64, rtol=1e-9)
    np.testing.assert_allclose(view["unique"], variances, rtol=0.1)  # nobody else knows anything of it
    whole = float((X.flatten(1) - X.flatten(1).mean(0)).square().mean())
    np.testing.assert_allclose(view["curve/variance"], whole - np.r_[0, variances.cumsum()], rtol=1e-9)
    assert [row["unit"] for row in view.table] == list(range(UNITS))
    assert all(row["delta_low"] < row["delta"] < row["delta_high"] for row in view.table)


@pytest.mark.parametrize("make", [linear, curved])
def test_mixing_the_code_keeps_only_the_spectrum_that_reaches_the_answer(make: Any) -> None:
    plain, mixed = look(make()), look(make(mix()))
    np.testing.assert_allclose(mixed["spectrum/answer"], plain["spectrum/answer"], rtol=1e-3)
    ratio = mixed["spectrum/covariance"] / plain["spectrum/covariance"]
    assert ratio.max() > 2 * ratio.min()
    assert mixed["delta"].sum() > 2 * plain["delta"].sum()
    np.testing.assert_allclose(mixed.options["found"]["untouched"], plain.options["found"]["untouched"], rtol=1e-6)
    # What a unit alone knows is not more for it.
    assert mixed["unique"].sum() < plain["unique"].sum() * 1.1


def test_a_dead_unit_and_two_that_know_the_same() -> None:
    """Unit 6 never varies; unit 7 repeats unit 0, and the decoder takes half from each."""
    plan = torch.zeros(UNITS + 2, UNITS, dtype=torch.float64)
    plan[:UNITS] = torch.eye(UNITS)
    plan[UNITS + 1, 0] = 1
    view = look(linear(plan))
    variances, *_ = principal()
    assert view["delta"][UNITS] == view["unique"][UNITS] == view["variance"][UNITS] == 0
    assert view.options["found"]["still"] == 1
    for unit in (0, UNITS + 1):
        assert view["delta"][unit] == pytest.approx(variances[0] / 4)
        assert abs(view["unique"][unit]) < 1e-3 * view["delta"][unit]
        assert by_unit(view, "predicted")[unit] > 0.999
        assert by_unit(view, "correlation")[unit] == pytest.approx(1)
    assert by_unit(view, "most_like")[0] == UNITS + 1
    assert by_unit(view, "most_like")[UNITS] is None
    assert view.table[-1]["unit"] == UNITS


def test_a_decoder_that_ignores_a_loud_unit() -> None:
    """The unit varies most of all, and does not matter: what a positive eigenvalue does not say."""
    net = linear()
    net.module.code.weight.data[5] *= 100
    net.module.unmix.weight.data[:, 5] = 0
    view = look(net)
    assert view["variance"].argmax() == 5
    assert view["delta"][5] == 0
    assert view.options["found"]["most_varied"] == 5
    assert view.options["found"]["most_varied_rank"] == UNITS
    assert (view["spectrum/covariance"] > 0).all()
    assert view["spectrum/answer"][-1] < 1e-12


# -- literal second implementations ---------------------------------------------------------------


def ablated(net: pellucid.Network, layer: str, x: Tensor, axis: int = 1) -> tuple[Tensor, list[Tensor]]:
    """The network's answers, and those with each unit at its mean, one sample at a time through the whole network."""
    with untouched(net.module), torch.no_grad():
        code = net.capture(x, [layer])[layer].clone()
        mean = code.mean(0)
        found = []
        for j in range(code.shape[axis]):
            changed = code.clone()
            changed.select(axis, j).copy_(mean.select(axis - (axis > 0), j).expand_as(changed.select(axis, j)))
            found.append(torch.cat([net.behind(layer, x[i : i + 1])(changed[i : i + 1]) for i in range(len(x))]))
        return net(x), found


LAYERS = [("modules", "conv1"), ("modules", "act2"), ("residual", "stem"), ("residual", "gate"), ("reused", "act1:1")]


@pytest.mark.parametrize(("name", "layer"), LAYERS)
def test_the_ablations_one_by_one(name: str, layer: str) -> None:
    net, x = nets.network(name), nets.images(9)
    answer, without = ablated(net, layer, x)
    view = look(net, x, layer)
    own = answer.softmax(1)
    divergence = [float((own * (own.log() - a.log_softmax(1))).sum(1).mean()) for a in without]
    np.testing.assert_allclose(view["delta"], divergence, atol=2e-6, rtol=1e-3)
    changed = [float((a.argmax(1) != answer.argmax(1)).float().mean()) for a in without]
    np.testing.assert_allclose(by_unit(view, "changed"), changed, atol=1e-6)
    assert view.options["found"]["untouched"] == pytest.approx(0, abs=1e-6)

    labels = torch.arange(9) % 4
    with_labels = look(net, x, layer, labels=labels)
    loss = lambda a: float(nn.functional.cross_entropy(a, labels))  # noqa: E731
    np.testing.assert_allclose(with_labels["delta"], [loss(a) - loss(answer) for a in without], atol=2e-6, rtol=1e-3)
    hits = lambda a: float((a.argmax(1) == labels).float().mean())  # noqa: E731
    np.testing.assert_allclose(
        by_unit(with_labels, "accuracy_drop"), [hits(answer) - hits(a) for a in without], atol=1e-6
    )


def test_the_refit_is_a_ridge_of_each_unit_on_all_others() -> None:
    rng = np.random.default_rng(0)
    data = rng.normal(size=(200, 5)) @ rng.normal(size=(5, 5))
    data[:, 3] = data[:, 0] - data[:, 1] + 0.3 * rng.normal(size=200)
    moments = Moments(FOLDS)
    for rows in (range(120), range(120, 200)):
        moments.add(torch.from_numpy(data[rows.start : rows.stop])[:, None], rows)
    np.testing.assert_allclose(moments.covariance(), np.cov(data.T, bias=True), rtol=1e-9)
    found = fit_refit(moments)
    fold = np.arange(200) % FOLDS
    for f in range(FOLDS):
        train, test = data[fold != f], data[fold == f]
        ours = found.residuals(torch.from_numpy(test)[:, None], f)[:, 0].numpy()
        scaled = (data - train.mean(0)) / train.std(0)
        for j in range(5):
            x, y = np.delete(scaled, j, 1), scaled[:, j]
            # One of these penalties is the one that was taken.
            fits = [Ridge(r * len(train), fit_intercept=False) for r in (1e-6, 1e-4, 1e-2, 1e-1, 1.0)]
            left = [y[fold == f] - m.fit(x[fold != f], y[fold != f]).predict(x[fold == f]) for m in fits]
            assert min(np.abs(ours[:, j] - e * train.std(0)[j]).max() for e in left) < 1e-8
    assert found.predicted[3] > 0.9


def noise(count: int, units: int, seed: int = 0) -> tuple[Tensor, Moments]:
    made = torch.randn(count, 1, units, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    moments = Moments(FOLDS)
    moments.add(made, range(count))
    return made, moments


def test_where_nobody_predicts_a_unit_its_mean_is_taken() -> None:
    cells, moments = noise(60, 8)
    found = fit_refit(moments)
    alone = found.predicted == 0
    assert alone.any()
    for f in range(FOLDS):
        left = found.residuals(cells[f::FOLDS], f)
        torch.testing.assert_close(left[..., alone], (cells[f::FOLDS] - found.means[f])[..., alone])


def test_independent_units_predict_nothing_of_each_other() -> None:
    """The samples predicted have no say in the ridge, so luck does not look like knowledge."""
    for count in (40, 80):
        predicted = torch.cat([fit_refit(noise(count, 32, seed)[1]).predicted for seed in range(6)])
        assert predicted.mean() < 0.005
        assert (predicted < 0).any()


def test_the_fold_that_is_predicted_has_no_say_in_its_weights() -> None:
    cells, moments = noise(40, 6)
    other = cells.clone()
    other[::FOLDS] = other[::FOLDS].flip(2) * 3
    changed = Moments(FOLDS)
    changed.add(other, range(40))
    torch.testing.assert_close(fit_refit(moments).weights[0], fit_refit(changed).weights[0], rtol=0, atol=0)


def test_two_samples_teach_nothing() -> None:
    moments = Moments(2)
    moments.add(torch.randn(2, 1, 3, dtype=torch.float64), range(2))
    assert fit_refit(moments).predicted.tolist() == [0, 0, 0]


def literal_spectrum(net: pellucid.Network, layer: str, x: Tensor, embed: Any) -> np.ndarray:
    """Eigenvalues of GC, J by one backward pass an output, of a vector layer."""
    with untouched(net.module):
        with torch.no_grad():
            code = net.capture(x, [layer])[layer].clone()
        gram = torch.zeros(code.shape[1], code.shape[1], dtype=torch.float64)
        for i in range(len(x)):
            behind = net.behind(layer, x[i : i + 1])
            j = torch.autograd.functional.jacobian(lambda h, behind=behind: embed(behind(h))[0], code[i : i + 1])[:, 0]
            gram += (j.T @ j).double() / len(x)
    centred = (code - code.mean(0)).double()
    values = torch.linalg.eigvals(gram @ (centred.T @ centred) / len(x)).real
    return values.sort(descending=True).values.numpy()


class Dense(nn.Module):
    """A vector in the middle of a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.code, self.act, self.head = nn.Linear(432, 5), nn.Tanh(), nn.Linear(5, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.act(self.code(x.flatten(1))))


def test_the_spectrum_of_a_classifier_is_in_nats() -> None:
    torch.manual_seed(0)
    net = pellucid.open(Dense(), input=nets.SPEC, classes=nets.CLASSES)
    x = nets.images(20)
    view = look(net, x)
    wanted = literal_spectrum(net, "code", x, lambda a: math.sqrt(2) * a.softmax(1).sqrt())
    np.testing.assert_allclose(view["spectrum/answer"], wanted, rtol=1e-3, atol=1e-7)
    assert "4 products with the transposed Jacobian" in view.options["found"]["answer_how"]


def test_the_three_ways_to_the_jacobian_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    net, x = curved(), X[:20]
    wanted = literal_spectrum(net, "code", x, lambda a: a.flatten(1) / 8)
    forward = look(net, x)
    assert "6 products with the Jacobian" in forward.options["found"]["answer_how"]
    np.testing.assert_allclose(forward["spectrum/answer"], wanted, rtol=1e-6)
    monkeypatch.setattr(spectrum, "ROOM", 1)
    projected = look(net, x)
    assert "64 random projections of the 64 outputs" in projected.options["found"]["answer_how"]
    found = projected.options["found"]
    total = wanted.sum()
    assert abs(found["answer_total"] / total - 1) < 5 * found["answer_total_error"]
    assert 0 < found["answer_total_error"] < 0.2


def test_the_error_of_the_spectrum_is_that_of_other_samples() -> None:
    net = curved()
    totals, errors = [], []
    for i in range(12):
        found = look(net, DIGITS[i * 32 : (i + 1) * 32], traverse=0).options["found"]
        totals.append(found["answer_total"])
        errors.append(found["answer_total_error"] * found["answer_total"])
    gram = np.std(totals)  # their covariances differ as well, so the spread is at least the error's
    assert 0.1 * gram < np.mean(errors) < 2 * gram


# -- what is told ---------------------------------------------------------------------------------


def test_intervals_hold_what_other_samples_give() -> None:
    net, inside = curved(), 0
    truth = look(net, DIGITS, tests=1797, traverse=0)["delta"]
    for i in range(10):
        view = look(net, DIGITS, tests=60, traverse=0, seed=i)
        inside += int((by_unit(view, "delta_low") <= truth).sum())
        inside -= int((by_unit(view, "delta_high") < truth).sum())
    assert inside >= 0.85 * 10 * UNITS


def test_a_linear_decoder_moves_as_far_as_the_unit() -> None:
    view = look(linear(), traverse=3)
    _, components, _ = principal()
    assert view["traversal/images"].shape == (3, 7, 8, 8, 1)
    codes_ = (X.flatten(1) - X.flatten(1).mean(0)) @ components.T
    for row, unit in enumerate(view["traversal/units"]):
        values = np.quantile(codes_[:, unit], (0.01, 0.17, 0.34, 0.5, 0.66, 0.83, 0.99))
        np.testing.assert_allclose(view["traversal/values"][row], values, atol=1e-5)
        moved = view["traversal/images"][row] - view["traversal/untouched"]
        step = (values - float(codes_[0, unit]))[:, None] * components[unit].numpy()
        np.testing.assert_allclose(moved.reshape(7, 64), step, atol=1e-5)
    np.testing.assert_allclose(view["traversal/input"][..., 0], X[0, 0], atol=1e-6)


def test_the_curve_ends_where_nothing_is_ablated() -> None:
    view = look(curved())
    assert list(view["curve/kept"]) == list(range(UNITS + 1))
    found = view.options["found"]
    for name in ("importance", "variance", "random", "random_low", "random_high"):
        assert view[f"curve/{name}"][-1] == pytest.approx(found["untouched"])
        assert view[f"curve/{name}"][0] == pytest.approx(found["none"])
    assert list(ablation.steps_of(1280))[:3] == [0, 1, 2]
    assert ablation.steps_of(1280)[-1] == 1280
    assert list(ablation.steps_of(1)) == [0, 1]


def test_no_sample_chooses_its_own_order() -> None:
    """Even samples follow the ranking by the odd ones, and the other way round."""
    probe = SimpleNamespace(mean=torch.zeros(1, 4), layout=Layout("code", 1))
    ranked = [np.array([2, 0, 1, 3]), np.array([3, 0, 1, 2])]  # by the odd ones, by the even ones
    code, odd = torch.arange(8.0).view(2, 4) + 1, torch.tensor([False, True])
    (kept,) = ablation._kept_codes(probe, code, np.array([1]), ranked, [], odd)
    assert kept.tolist() == [[0, 0, 3, 0], [0, 0, 0, 8]]


def test_the_same_seed_gives_the_same_bytes() -> None:
    make = lambda **more: look(curved(), DIGITS[:200], tests=50, **more)  # noqa: E731
    assert same(make(), make())
    assert not same(make(), make(seed=1))


def test_the_view_is_complete() -> None:
    view = look(curved(), tests=30)
    assert views["neurons"].function is pellucid.neurons
    assert (view.kind, view.options["layer"], view.options["tests"]) == ("neurons", "code", 30)
    assert view.options["found"]["tests"] == 30
    assert view.options["found"]["samples"] == 400
    assert view.provenance["seed"] == 0
    assert len(view.table) == UNITS


def test_it_saves_and_loads_equal(tmp_path: Any) -> None:
    view = look(curved(), DIGITS[:60], factors={"digit": TARGETS[:60]})
    assert pellucid.load(view.save(tmp_path / "v.npz")) == view


def test_the_module_is_left_as_found() -> None:
    module = nets.module("modules")
    before = {n: t.clone() for n, t in module.state_dict().items()}
    look(pellucid.open(module, input=nets.SPEC), nets.images(4), "act1")
    assert module.training
    assert all(p.requires_grad for p in module.parameters())
    assert all(not m._forward_hooks and "forward" not in m.__dict__ for m in module.modules())
    for name, tensor in module.state_dict().items():
        assert torch.equal(tensor, before[name])


# -- kinds of networks ----------------------------------------------------------------------------


def test_what_is_lost_by_the_networks_output() -> None:
    torch.manual_seed(0)
    regression = pellucid.open(Dense(), input=nets.SPEC, output="values")
    x = nets.images(12)
    view = look(regression, x)
    assert (view.options["found"]["kind"], view.options["found"]["loss"]) == ("output", "mean squared change")
    assert view.options["found"]["untouched"] == 0
    assert view["traversal/outputs"].shape == (2, 7, 3)
    assert view.options["found"]["followed"][0][0].startswith("output ")
    answer, without = ablated(regression, "code", x)
    np.testing.assert_allclose(view["delta"], [float((a - answer).square().mean()) for a in without], rtol=1e-4)

    own = pellucid.open(nn.Sequential(Dense(), nn.Linear(4, 1)), input=nets.SPEC, output="values")
    targets = torch.linspace(-1, 1, 12)
    answer, without = ablated(own, "0.code", x)
    view = look(own, x, "0.code", labels=targets)
    loss = lambda a: float((a[:, 0] - targets).square().mean())  # noqa: E731
    np.testing.assert_allclose(view["delta"], [loss(a) - loss(answer) for a in without], rtol=1e-4, atol=1e-7)


def test_one_output_several_labels_and_probabilities() -> None:
    torch.manual_seed(0)
    x, dense = nets.images(12), Dense()
    answer, without = ablated(pellucid.open(dense, input=nets.SPEC), "code", x)

    binary = pellucid.open(nn.Sequential(dense, nn.Linear(4, 1)), input=nets.SPEC)
    labels = torch.arange(12) % 2
    logits, changed = ablated(binary, "0.code", x)
    loss = lambda a: float(nn.functional.binary_cross_entropy_with_logits(a[:, 0], labels.float()))  # noqa: E731
    view = look(binary, x, "0.code", labels=labels)
    np.testing.assert_allclose(view["delta"], [loss(a) - loss(logits) for a in changed], rtol=1e-3, atol=1e-7)

    several = pellucid.open(dense, input=nets.SPEC, output="multilabel")
    own = answer.sigmoid()
    mean = lambda a: nn.functional.binary_cross_entropy_with_logits(a, own, reduction="none").mean()  # noqa: E731
    view = look(several, x)
    np.testing.assert_allclose(view["delta"], [float(mean(a) - mean(answer)) for a in without], rtol=1e-2, atol=1e-6)

    shares = pellucid.open(nn.Sequential(dense, nn.Softmax(1)), input=nets.SPEC, output="probabilities")
    logits = look(pellucid.open(dense, input=nets.SPEC), x)
    np.testing.assert_allclose(look(shares, x, "0.code")["delta"], logits["delta"], rtol=1e-3, atol=1e-7)


class Segments(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.code, self.head = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 5, 1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"out": self.head(torch.relu(self.code(x)))}


def test_a_map_of_classes_in_a_dict() -> None:
    torch.manual_seed(0)
    view = look(pellucid.open(Segments(), input=nets.SPEC), nets.images(6))
    assert view["delta"].shape == (4,)
    assert (view["delta"] > 0).all()
    assert view.options["found"]["places"] == 144
    assert view["traversal/outputs"].shape == (2, 7, 3)


def test_a_code_that_draws_is_given_the_same_draws() -> None:
    class Variational(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.flat, self.mu, self.decoder = nn.Flatten(), nn.Linear(64, 3), nn.Linear(3, 64)
            self.mu.weight.data[2] = 0

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            mu = self.mu(self.flat(x))
            return self.decoder(mu + 0.5 * torch.randn_like(mu)).view(-1, 1, 8, 8), mu

    torch.manual_seed(0)
    net = opened(Variational())
    view = look(net, DIGITS[:40].float(), "mu")
    found = view.options["found"]
    assert found["random"]
    assert found["active"] == 2
    assert by_unit(view, "active").tolist() == [True, True, False]
    assert view["delta"][2] == 0  # with other draws it would not be
    assert any("same seed" in n for n in view.notes)
    assert same(view, look(net, DIGITS[:40].float(), "mu"))
    assert "active" not in look(net, DIGITS[:40].float(), "mu", variational=False).options["found"]
    assert "active" in look(linear(), variational=True).table[0]


def test_flat_outputs_are_reconstructions_too() -> None:
    net = linear()
    net.module.shape = nn.Identity()
    view = look(net)
    np.testing.assert_allclose(view["delta"], look(linear())["delta"])
    assert view["traversal/images"].shape == (2, 7, 8, 8, 1)


class Tokens(nn.Module):
    """Patches as tokens, with one more that stands for no place."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.block, self.head = nn.Conv2d(3, 5, 4, 4), nn.Linear(5, 5), nn.Linear(5, 4)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([tokens.mean(1, keepdim=True), tokens], 1)
        return self.head(torch.tanh(self.block(tokens)).mean(1))


def test_tokens_have_their_units_last() -> None:
    torch.manual_seed(0)
    net, x = pellucid.open(Tokens(), input=nets.SPEC), nets.images(6)
    view = look(net, x, "block")
    assert view.options["found"]["places"] == 10
    with untouched(net.module), torch.no_grad():
        own, code = net(x).log_softmax(1), net.capture(x, ["block"])["block"].clone()
        for j in range(5):
            changed = code.clone()
            changed[..., j] = code[..., j].mean(0)
            other = torch.cat([net.behind("block", x[i : i + 1])(changed[i : i + 1]) for i in range(6)]).log_softmax(1)
            wanted = float((own.exp() * (own - other)).sum(1).mean())
            assert view["delta"][j] == pytest.approx(wanted, rel=1e-3, abs=1e-6)


def test_real_photos_on_the_default_network(default_network: pellucid.Network) -> None:
    rng, crops = np.random.default_rng(0), []
    for name in ("cat", "coffee"):
        pixels = pellucid.read(f"example:{name}").array
        for y, x in rng.integers(0, 40, (2, 2)):
            crops.append(pixels[y : y + 240, x : x + 240])
    view = pellucid.neurons(default_network, crops, "blocks.6", tests=2, traverse=2)
    found = view.options["found"]
    assert (found["units"], found["places"], found["run"]) == (320, 49, "free")
    assert found["none"] > 10 * view.table[0]["delta"] > 0
    assert view["curve/importance"][-3] < view["curve/random"][-3]
    assert all(name in str(default_network.classes) for name in found["followed"][0])
    assert view.pictures.shape == (1, 224, 224, 3)


# -- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"x": X[:1]}, "single sample"),
        ({"layer": "nowhere"}, "no layer matches"),
        ({"layer": "*"}, "picks 5 layers"),
        ({"tests": 1}, "tests is 1"),
        ({"traverse": -1}, "traverse is -1"),
        ({"loss": "mse"}, "loss is 'mse'"),
        ({"labels": [1, 2]}, "2 labels for 400"),
        ({"labels": ["a"] * 400, "loss": "reconstruction"}, "not against labels"),
        ({"factors": {"digit": [1, 2]}}, "2 values for 400"),
        ({"factors": {}}, "no factor"),
        ({"factors": 3}, "factors is a int"),
        ({"factors": {"a": [1] * 400}}, "same value everywhere"),
        ({"factors": {"a": ["x"] * 399 + [""]}}, "sample 399 .* is empty"),
        ({"factors": {"a": [1.0] * 399 + [math.nan]}}, "sample 399 is not finite"),
        ({"factors": {"a": [f"name{i}" for i in range(400)]}}, "400 different values"),
    ],
)
def test_bad_input(more: dict[str, Any], word: str) -> None:
    with pytest.raises(BadInput, match=word):
        look(linear(), **more)


def test_bad_labels_and_networks() -> None:
    net, x = nets.network("modules"), nets.images(4)
    with pytest.raises(BadInput, match="label 7, but the network has the classes 0 to 3"):
        look(net, x, "act1", labels=[0, 1, 2, 7])
    with pytest.raises(BadInput, match="unknown class 'cow'"):
        look(net, x, "act1", labels=["cat", "cow", "ant", "bee"])
    assert look(net, x, "act1", labels=["cat", "dog", "ant", "honeybee"]).options["found"]["labelled"]
    with pytest.raises(BadInput, match="no reconstruction"):
        look(net, x, "act1", loss="reconstruction")
    several = pellucid.open(nets.module("modules"), input=nets.SPEC, output="multilabel")
    with pytest.raises(BadInput, match="more than one question"):
        look(several, x, "act1", labels=[0, 1, 2, 3])
    values = pellucid.open(Dense(), input=nets.SPEC, output="values")
    with pytest.raises(BadInput, match="is no number"):
        look(values, x, labels=["a", "b", "c", "d"])
    broken = nets.module("modules")
    broken.conv1.weight.data[0] = math.nan
    with pytest.raises(BadInput, match="NaN or infinite"):
        look(pellucid.open(broken, input=nets.SPEC), x, "conv1")
    broken = nets.module("modules")
    broken.head.weight.data[0] = math.nan
    with pytest.raises(BadInput, match="output is not finite"):
        look(pellucid.open(broken, input=nets.SPEC), x, "conv1")


def test_a_layer_that_is_too_wide_is_told_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    wide = nn.Sequential(nn.Flatten(), nn.Linear(64, 5000), nn.Linear(5000, 64), nn.Unflatten(1, (1, 8, 8)))
    with pytest.raises(BadInput, match=r"5000 units.*at most \d+"):
        look(opened(wide), X[:4].float(), "1")
    monkeypatch.setattr("pellucid.features.neurons.free_bytes", lambda device: 4 * 8 * 25 * 24)
    with pytest.raises(BadInput, match="at most 5"):
        look(linear())


def test_few_samples_and_one_unit() -> None:
    view = look(nets.network("modules"), nets.images(2), "act1")
    assert len(view.table) == 8
    _, components, mean = principal()
    decode = nn.Linear(1, 64).double()
    one = look(opened(Autoencoder(components[:1], decode, mean)))
    assert one.table[0]["most_like"] is None
    assert one.table[0]["unique"] == pytest.approx(one.table[0]["delta"], rel=0.1)


# -- slow -----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_convolutional_autoencoder_of_a_hundred_units() -> None:
    """112 × 112 × 3 → 100 → 112 × 112 × 3."""
    torch.manual_seed(0)
    down = lambda i, o: nn.Sequential(nn.Conv2d(i, o, 3, 2, 1), nn.ReLU())  # noqa: E731
    up = lambda i, o: nn.Sequential(nn.ConvTranspose2d(i, o, 4, 2, 1), nn.ReLU())  # noqa: E731
    encoder = nn.Sequential(down(3, 8), down(8, 16), down(16, 32), down(32, 32), nn.Flatten(), nn.Linear(32 * 49, 100))
    decoder = nn.Sequential(nn.Linear(100, 32 * 49), nn.Unflatten(1, (32, 7, 7)), up(32, 32), up(32, 16), up(16, 8))
    module = nn.Sequential(encoder, decoder, nn.ConvTranspose2d(8, 3, 4, 2, 1))
    module[0][-1].weight.data[17] = 0  # a unit that says nothing
    net = pellucid.open(module, input=pellucid.InputSpec(size=112, crop=None), output="values")
    photo = net.input.tensor(pellucid.read("example:cat"))[0]
    x = torch.stack([torch.roll(photo, (5 * i, 9 * i), (1, 2)) for i in range(40)])
    view = pellucid.neurons(net, x, "0.5", tests=32)
    found = view.options["found"]
    assert (found["units"], found["run"], found["kind"]) == (100, "free", "reconstruction")
    assert "100 products with the Jacobian" in found["answer_how"]
    assert view["delta"][17] == 0
    assert found["still"] == 1
    assert view["traversal/images"].shape == (6, 7, 112, 112, 3)
    assert view["traversal/images"].dtype == np.uint8


@pytest.mark.slow
def test_the_default_networks_last_vector(default_network: pellucid.Network, photos: list[pellucid.Sample]) -> None:
    crops = [p.array[y : y + 200, y : y + 200] for p in photos for y in range(0, 60, 10)]
    view = pellucid.neurons(default_network, crops, "global_pool", labels=["tiger cat"] * 6 + ["espresso"] * 6)
    found = view.options["found"]
    assert (found["units"], found["places"]) == (1280, 1)
    assert found["accuracy"] >= 0.5
    # Behind it all is linear up to the softmax, so the first loss is known: one matrix product.
    assert view.table[0]["delta"] > 0
    assert view.options["found"]["eigenvalues_positive"] == 11


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "layer", "units"),
    [
        ("torchvision:vgg16", "features.2", 64),
        ("timm:legacy_xception", "act4", 2048),
        ("timm:vit_tiny_patch16_224", "blocks.10", 192),
        ("timm:swin_tiny_patch4_window7_224", "layers.3", 768),
    ],
)
def test_shapes_of_real_architectures(name: str, layer: str, units: int) -> None:
    size = {"torchvision:vgg16": (32, 32), "timm:legacy_xception": (96, 96)}.get(name)
    net = pellucid.open(name, weights="none")
    if size:
        net = pellucid.open(net, input=pellucid.InputSpec(size=size))
    view = pellucid.neurons(net, net.probe(2), layer, tests=2, traverse=1)
    assert view["delta"].shape == (units,)
    assert np.isfinite(view["delta"]).all()
