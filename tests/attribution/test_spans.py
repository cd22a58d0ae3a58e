"""Spans must be where the decision is made, and nowhere where nothing is decided."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import pellucid
from pellucid import InputSpec
from pellucid.attribution.spans import best_run, elsewhere, excess, p_values, shuffled
from pellucid.core.errors import BadInput

HEIGHT, WIDTH, FIRST, LAST = 24, 12, 10, 14


class RowsDecide(nn.Module):
    """Output 1 is Σ relu(x) over rows 10 to 14, less a constant; output 0 is always zero."""

    def __init__(self) -> None:
        super().__init__()
        weight = torch.zeros(HEIGHT, WIDTH)
        weight[FIRST : LAST + 1] = 1
        self.weight = nn.Parameter(weight)

    def forward(self, x: Tensor) -> Tensor:
        score = (torch.relu(x[:, 0]) * self.weight).sum((1, 2)) - 20
        return torch.stack([torch.zeros_like(score), score], 1)


def hand_made() -> pellucid.Network:
    return pellucid.open(RowsDecide(), input=InputSpec.matrix(HEIGHT, WIDTH), classes=("calm", "burst"))


def noise(seed: int = 0, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(height, width)).astype(np.float32)


def burst(seed: int = 0) -> np.ndarray:
    """Noise, and 2 more in rows 10 to 14."""
    x = noise(seed)
    x[FIRST : LAST + 1] += 2
    return x


@pytest.fixture(scope="module")
def trained() -> pellucid.Network:
    """A small convolutional network that has learnt to tell bursts in rows 10 to 14 from noise."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d((HEIGHT, 3)),
        nn.Flatten(),
        nn.Linear(8 * HEIGHT * 3, 2),
    )
    optimiser = torch.optim.AdamW(net.parameters(), 3e-3, weight_decay=0.1)
    draw = torch.Generator().manual_seed(0)
    for _ in range(250):
        x, y = torch.randn(64, 1, HEIGHT, WIDTH, generator=draw), torch.randint(0, 2, (64,), generator=draw)
        x[:, :, FIRST : LAST + 1] += 2 * y[:, None, None, None]
        loss = nn.functional.cross_entropy(net(x), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return pellucid.open(net, input=InputSpec.matrix(HEIGHT, WIDTH), classes=("calm", "burst"))


# -- truth ----------------------------------------------------------------------------------------

METHODS = ("input_times_gradient", "integrated_gradients", "lrp", "deeplift", "gradient", "occlusion")


@pytest.mark.parametrize("method", METHODS)
def test_the_rows_that_decide_are_found(method):
    options = {"window": 1} if method == "occlusion" else {}
    view = pellucid.spans(hand_made(), burst(), "row", method, "burst", share=1.0, shuffles=39, **options)
    (row,) = view.table
    assert (row["start"], row["stop"]) == (FIRST, LAST + 1)
    assert row["share"] == pytest.approx(1)
    assert row["confirmed"] is True
    assert row["expected_drop"] == row["highest_drop"] == 0  # no other row is looked at
    assert row["compared"] == 6 + 5  # runs of five before row 10 and after row 14
    if method != "gradient":  # the gradient is 1 wherever the input is positive, in shuffled inputs too
        assert row["p"] == 1 / 40
        alone = set((view["p/row"][0] <= 0.05).nonzero()[0].tolist())
        assert alone <= set(range(FIRST, LAST + 1))
        assert len(alone) >= 3


def test_the_fall_is_that_of_the_module():
    x = burst()
    view = pellucid.spans(hand_made(), x, "row", "input_times_gradient", "burst", share=1.0, shuffles=19)
    covered = x.copy()
    covered[FIRST : LAST + 1] = x.mean()
    with torch.no_grad():
        before, after = (RowsDecide()(torch.tensor(v)[None, None])[0, 1] for v in (x, covered))
    assert view.table[0]["drop"] == pytest.approx(float(before - after), rel=1e-5)
    assert view["together/row"][0] == pytest.approx(float(before - after), rel=1e-5)
    assert view["drop/row"].shape == (1, HEIGHT)
    assert not view["drop/row"][0, :FIRST].any()
    assert (view["drop/row"][0, FIRST : LAST + 1] > 0).all()
    nothing = pellucid.spans(hand_made(), x, "row", "input_times_gradient", "burst", share=1.0, shuffles=19, cover=-1)
    gone = np.maximum(x, 0)[FIRST : LAST + 1].sum()
    assert nothing.table[0]["drop"] == pytest.approx(gone, rel=1e-5)


@pytest.mark.parametrize("method", ["integrated_gradients", "lrp", "deeplift"])
def test_a_trained_network_tells_its_rows(trained, method):
    view = pellucid.spans(trained, burst(7), method=method, target="burst", share=0.8, shuffles=39)
    row, column = view.table
    assert {row["start"], row["stop"] - 1} <= set(range(FIRST - 1, LAST + 2))
    assert row["stop"] - row["start"] >= 4
    assert row["p"] <= 0.05
    assert row["confirmed"]
    assert column["axis"] == "column"
    assert column["p"] > 0.05  # though the whole matrix speaks for a burst, no column does so more than others


def test_rows_and_columns_change_places():
    class Turned(RowsDecide):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x.mT)

    network = pellucid.open(Turned(), input=InputSpec.matrix(WIDTH, HEIGHT))
    options = {"method": "input_times_gradient", "target": 1, "share": 1.0, "shuffles": 19, "runs": 1}
    row = pellucid.spans(hand_made(), burst(), "row", **options).table[0]
    column = pellucid.spans(network, burst().T, "column", **options).table[0]
    assert (column["start"], column["stop"]) == (row["start"], row["stop"])
    assert column["drop"] == pytest.approx(row["drop"])
    assert column["p"] == row["p"]


def test_noise_is_rarely_significant():
    """Networks that look at all places alike, and noise: p ≤ 0.05 in about one span of twenty."""
    found = []
    for seed in range(60):
        torch.manual_seed(seed)
        net = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)
        )
        network = pellucid.open(net, input=InputSpec.matrix(10, 9))
        view = pellucid.spans(network, noise(seed, 10, 9), method="input_times_gradient", shuffles=19, seed=seed)
        found += [row["p"] for row in view.table]
    assert len(found) >= 100
    assert np.mean(np.array(found) <= 0.05) <= 0.08


def test_noise_in_the_network_that_looks_at_rows():
    hits = [
        pellucid.spans(hand_made(), noise(s), "row", "input_times_gradient", "burst", shuffles=19).table[0]["p"] <= 0.05
        for s in range(30)
    ]
    assert np.mean(hits) <= 0.2


# -- the parts, by hand ---------------------------------------------------------------------------


def test_p_counts_the_matrix_itself():
    assert p_values(np.array([5.0, 2.0, 0.0]), np.array([1.0, 2.0, 3.0, 4.0])).tolist() == [1 / 5, 4 / 5, 1]


def test_the_best_run_is_the_best_of_all():
    each = np.random.default_rng(0).normal(size=(20, 9))
    for line, told in zip(each, best_run(each), strict=True):
        every = (line[a:b].sum() for a, b in itertools.combinations(range(10), 2))
        assert told == pytest.approx(max(every))
    assert excess(np.array([[4.0, -9.0, 0.0, 2.0]])).tolist() == [[2.5, -1.5, -1.5, 0.5]]


def test_shuffling_keeps_each_line_and_each_place():
    x = torch.arange(2 * 5 * 4.0).view(1, 2, 5, 4)
    x[:, 1] = -x[:, 0]
    for axis, dim in (("row", 2), ("column", 3)):
        copies = shuffled(x, axis, 6, seed=1)
        assert len({tuple(c.flatten().tolist()) for c in copies}) == 6
        for copy in copies:
            torch.testing.assert_close(copy[None].sort(dim).values, x.sort(dim).values)
            torch.testing.assert_close(copy[1], -copy[0])
        torch.testing.assert_close(copies, shuffled(x, axis, 6, seed=1))


def test_other_runs_touch_no_span():
    assert elsewhere(10, 3, [(2, 5)], 99, seed=0) == [(5, 8), (6, 9), (7, 10)]
    assert elsewhere(10, 8, [(0, 8)], 99, seed=0) == []
    assert len(elsewhere(1000, 3, [(2, 5)], 7, seed=0)) == 7


# -- use ------------------------------------------------------------------------------------------


def test_several_matrices_and_their_own_targets(tmp_path):
    inputs = [pellucid.Sample(burst(1), ("height", "width"), source="one.npy"), noise(2)]
    network = hand_made()
    together = pellucid.spans(network, inputs, method="input_times_gradient", shuffles=19)
    assert together.names == ("one", "sample")
    assert together.options["target"] == ("burst", "calm")
    alone = pellucid.spans(network, inputs[0], method="input_times_gradient", shuffles=19)
    assert [r for r in together.table if r["sample"] == 0] == list(alone.table)
    np.testing.assert_array_equal(together["p/row"][:1], alone["p/row"])
    assert any("no row speaks for calm" in note for note in together.notes)
    assert pellucid.load(together.save(tmp_path / "v")) == together


def test_channels_are_added_and_travel_together():
    class Two(RowsDecide):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x[:, :1] * x[:, 1:])

    network = pellucid.open(Two(), input=InputSpec.matrix(HEIGHT, WIDTH, 2))
    x = np.stack([burst(), np.ones((HEIGHT, WIDTH), np.float32)], -1)
    (row,) = pellucid.spans(network, x, "row", "integrated_gradients", 1, share=1.0, shuffles=19).table
    assert (row["start"], row["stop"], row["confirmed"]) == (FIRST, LAST + 1, True)


def test_the_module_is_left_as_it_was():
    module = RowsDecide().train()
    before = {k: v.clone() for k, v in module.state_dict().items()}
    network = pellucid.open(module, input=InputSpec.matrix(HEIGHT, WIDTH))
    pellucid.spans(network, burst(), method="integrated_gradients", shuffles=2)
    assert module.training
    assert module.weight.requires_grad
    assert module.weight.grad is None
    assert all(torch.equal(v, before[k]) for k, v in module.state_dict().items())


def test_a_function_and_a_difference_are_targets():
    def margin(output: Tensor) -> Tensor:
        return output[:, 1] - output[:, 0]

    options = {"method": "input_times_gradient", "shuffles": 19, "share": 1.0}
    one = pellucid.spans(hand_made(), burst(), "row", target=margin, **options)
    two = pellucid.spans(hand_made(), burst(), "row", target="burst - calm", **options)
    assert one.table == two.table
    assert one.table[0]["stop"] == LAST + 1


def test_few_shuffles_are_told():
    view = pellucid.spans(hand_made(), burst(), method="input_times_gradient", shuffles=9)
    assert "no p can be below 0.1" in " ".join(view.notes)


def convolution() -> pellucid.Network:
    torch.manual_seed(0)
    layers = (nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(2 * (HEIGHT - 2) * (WIDTH - 2), 2))
    return pellucid.open(nn.Sequential(*layers), input=InputSpec.matrix(HEIGHT, WIDTH))


BAD = {
    "axis": ({"axis": "rows"}, "'row'"),
    "shuffles": ({"shuffles": 0}, "at least 1"),
    "share": ({"share": 2}, "share"),
    "unit": ({"unit": "0:1"}, "unit"),
    "cover": ({"cover": "black"}, "no black"),
    "layer": ({"layer": "0", "target": 1, "network": "convolution"}, "layer="),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_used(case):
    options, word = BAD[case]
    network = convolution() if options.pop("network", "") else hand_made()
    with pytest.raises(BadInput, match=word):
        pellucid.spans(network, burst(), **{"shuffles": 2, "method": "gradient", **options})


def test_methods_that_need_pixels_say_so():
    network = convolution()
    for method, options in (("lrp", {"composite": "first=z_box"}), ("integrated_gradients", {"baseline": "black"})):
        with pytest.raises(BadInput, match=r"pixels|no black"):
            pellucid.explain(network, burst(), method, 0, **options)


@pytest.mark.parametrize(
    "method", ["smoothgrad", "guided_backprop", "deconvnet", "deep_taylor", "rise", "score_cam", "cam"]
)
def test_other_methods_take_matrices(method):
    torch.manual_seed(0)
    layers = (nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    network = pellucid.open(nn.Sequential(*layers), input=InputSpec.matrix(HEIGHT, WIDTH))
    options = {"samples": 8} if method in ("smoothgrad", "rise") else {}
    found = pellucid.explain(network, burst(), method, 1, **options)
    assert found.values.shape[2:] == (HEIGHT, WIDTH)
    assert found.pictures is None
    assert found.on_source().shape == (HEIGHT, WIDTH)
