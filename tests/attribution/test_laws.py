"""Every law, over every registered method and every network that breaks hooks."""

from __future__ import annotations

import copy
import threading
from typing import Any

import numpy as np
import pytest
import torch

import pellucid
from nets import CLASSES, NETS, SIZE, TWINS, images, module, network
from pellucid.attribution.passes import scores
from pellucid.attribution.table import LAWS, Attribution, methods
from pellucid.attribution.target import resolve

#: Small settings, so that thousands of runs are quick; and what a law needs to hold exactly.
QUICK: dict[str, dict[str, Any]] = {
    **{name: {"samples": 4} for name in ("smoothgrad", "vargrad", "smooth")},
    "occlusion": {"window": 4, "stride": 2},
    "rise": {"samples": 8, "cells": 3},
}
FOR_LAW: dict[tuple[str, str], dict[str, Any]] = {("occlusion", "linear_exact"): {"window": 1, "stride": 1}}


def quick(method: str, law: str = "") -> dict[str, Any]:
    return FOR_LAW.get((method, law), QUICK.get(method, {}))


def explain(net: pellucid.Network, x: Any, method: str, law: str = "", **more: Any) -> pellucid.Explanation:
    if "patterns" in methods[method].options:
        more = {"patterns": pellucid.fit_patterns(net, images(6, seed=9)), **more}
    return pellucid.explain(net, x, method=method, **{"target": "cat", **quick(method, law), **more})


#: Networks that a method is not made for; it must say so.
REFUSED = {
    "cam": {"functional", "in_place", "residual", "shared_conv", "awkward"},
    "guided_backprop": {"linear"},
    "deconvnet": {"linear"},
    **{m: {"linear"} for m in methods if "layer" in methods[m].options and m != "cam"},
}
REFUSED["cam"] |= {"linear"}


def suits(method: str, net: str) -> bool:
    return net not in REFUSED.get(method, ())


@pytest.mark.parametrize(("method", "net"), [(m, n) for m in REFUSED for n in sorted(REFUSED[m])])
def test_a_network_that_a_method_is_not_made_for_is_refused(method: str, net: str) -> None:
    with pytest.raises(pellucid.BadInput) as caught:
        explain(network(net), images(), method)
    assert caught.value.cure


CASES = [(m, n) for m in methods for n in NETS if suits(m, n)]
DECLARED = {law: [m for m in methods if law in methods[m].facts.laws] for law in LAWS}


def test_every_law_is_declared_by_some_method() -> None:
    assert all(DECLARED.values()), DECLARED


# -- laws that a method declares ------------------------------------------------------------------


@pytest.mark.parametrize("method", DECLARED["completeness"])
@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("of", ["logit", "probability"])
def test_completeness(method: str, net: str, of: str) -> None:
    opened, x = network(net), images()
    strict = {"tolerance": 1e-3} if "tolerance" in methods[method].options else {}
    found = explain(opened, x, method, of=of, **strict)
    target = resolve(opened.prepared(), x, "cat", of=of)
    change = scores(opened.prepared(), x, target) - scores(opened.prepared(), torch.zeros_like(x), target)
    np.testing.assert_allclose(found.receipt.expected, change, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.values.sum((1, 2, 3), dtype=np.float64), change, rtol=1.1e-3, atol=1e-6)
    assert found.receipt.relative_gap <= 1.1e-3


@pytest.mark.parametrize("method", DECLARED["conservation"])
@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("of", ["logit", "probability"])
def test_conservation(method: str, net: str, of: str) -> None:
    opened, x = network(net), images()
    found = explain(opened, x, method, of=of)
    value = scores(opened.prepared(), x, resolve(opened.prepared(), x, "cat", of=of))
    np.testing.assert_allclose(found.receipt.expected, value, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.values.sum((1, 2, 3), dtype=np.float64), value, rtol=1e-5)
    assert found.receipt.relative_gap <= 1e-5


@pytest.mark.parametrize("method", DECLARED["linear_exact"])
def test_linear_exact(method: str) -> None:
    net, x = network("linear"), images()
    weight = net.module.head.weight[2].detach().view(1, 3, SIZE, SIZE)
    found = explain(net, x, method, "linear_exact")
    np.testing.assert_allclose(found.sum("channel").values, (weight * x).sum(1), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("method", DECLARED["linear_gradient"])
def test_linear_gradient(method: str) -> None:
    net, x = network("linear"), images()
    weight = net.module.head.weight[2].detach().view(1, 3, SIZE, SIZE)
    np.testing.assert_allclose(explain(net, x, method).values, weight.expand_as(x), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("method", DECLARED["linear_localised"])
def test_linear_localised(method: str) -> None:
    """Behind ``act2`` everything is a mean and a linear layer: the map must be that layer's own contributions."""
    net, x = network("modules"), images()
    layer = net.prepared(keep=["act2"]).capture(x, ["act2"])["act2"]
    weight = net.module.head.weight[2].detach()
    contributions = torch.einsum("k,nkhw->nhw", weight, layer) / layer[0, 0].numel()
    wanted = torch.nn.functional.interpolate(contributions[:, None], size=(SIZE, SIZE), mode="bilinear")
    np.testing.assert_allclose(explain(net, x, method, layer="act2").values, wanted, rtol=1e-4, atol=1e-6)


# -- laws that hold for every method --------------------------------------------------------------


@pytest.mark.parametrize(("method", "net"), CASES)
def test_shape_and_batch_independence(method: str, net: str) -> None:
    opened, x = network(net), images(5)
    together = explain(opened, x, method)
    assert together.axes == ("sample", "channel", "height", "width")
    assert together.values.dtype == np.float32
    assert together.values.shape[0] == 5
    assert together.values.shape[2:] == (SIZE, SIZE)
    assert together.target == ("cat",) * 5
    scale = np.abs(together.values).max()
    for i in (0, 3):
        alone = explain(opened, x[i : i + 1], method)
        np.testing.assert_allclose(alone.values[0], together.values[i], rtol=1e-3, atol=1e-5 * scale)


@pytest.mark.parametrize("method", [m for m in methods if m != "cam"])  # which wants a layer that two of them lack
def test_written_four_ways_it_is_the_same(method: str) -> None:
    where = {"layer": "bn2"} if "layer" in methods[method].options else {}  # which three of the four overwrite
    first, *others = (explain(network(n), images(), method, **where).values for n in TWINS)
    for other in others:
        np.testing.assert_allclose(other, first, rtol=1e-3, atol=1e-5 * np.abs(first).max())


@pytest.mark.parametrize(("method", "net"), CASES)
def test_the_fast_copy_gives_the_same(method: str, net: str) -> None:
    opened, x = network(net), images()
    fast, slow = (explain(opened, x, method, prepared=p) for p in (True, False))
    assert slow.receipt.prepared_difference is None
    assert fast.receipt.prepared_difference < 1e-4
    np.testing.assert_allclose(fast.values, slow.values, rtol=1e-3, atol=1e-4 * np.abs(slow.values).max())


@pytest.mark.parametrize(("method", "net"), CASES)
def test_same_seed_same_bytes(method: str, net: str) -> None:
    runs = [explain(network(net), images(), method, seed=7).values.tobytes() for _ in range(2)]
    assert runs[0] == runs[1]


def state(net: torch.nn.Module) -> dict[str, Any]:
    """All that explaining must leave alone."""
    names = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return {
        "bytes": {k: v.clone() for k, v in net.state_dict().items()},
        "modes": [m.training for m in net.modules()],
        "wants": [p.requires_grad for p in net.parameters()],
        "grads": [None if p.grad is None else p.grad.clone() for p in net.parameters()],
        "hooks": [len(getattr(m, n)) for m in net.modules() for n in names],
        "types": [type(m) for m in net.modules()],
        "ids": [id(m) for m in net.modules()],
    }


def same(a: dict[str, Any], b: dict[str, Any]) -> bool:
    tensors = all(torch.equal(a["bytes"][k], b["bytes"][k]) for k in a["bytes"])
    grads = all((g is None and h is None) or torch.equal(g, h) for g, h in zip(a["grads"], b["grads"], strict=True))
    return tensors and grads and all(a[k] == b[k] for k in ("modes", "wants", "hooks", "types", "ids"))


def mixed(name: str) -> torch.nn.Module:
    """A module in a state that is easily lost: mixed modes, a frozen layer, gradients in place, a hook."""
    net = module(name)
    next(net.children()).eval()
    next(net.parameters()).requires_grad_(False)
    for p in list(net.parameters())[1:]:
        p.grad = torch.ones_like(p)
    list(net.modules())[-1].register_forward_hook(lambda m, i, o: None)
    return net


@pytest.mark.parametrize(("method", "net"), CASES)
@pytest.mark.parametrize("prepared", [True, False])
def test_the_users_model_is_untouched(method: str, net: str, prepared: bool) -> None:
    own = mixed(net)
    before = state(own)
    explain(pellucid.open(own, input=network(net).input, classes=CLASSES), images(), method, prepared=prepared)
    assert same(before, state(own))


@pytest.mark.parametrize("method", methods)
@pytest.mark.parametrize("prepared", [True, False])
def test_the_users_model_is_untouched_after_an_exception(method: str, prepared: bool) -> None:
    own = mixed("modules")
    before = state(own)
    net = pellucid.open(own, input=network("modules").input)
    calls = []

    def bad_target(output: torch.Tensor) -> torch.Tensor:
        calls.append(len(output))
        raise RuntimeError("the target fails")

    with pytest.raises(RuntimeError, match="the target fails"):
        explain(net, images(), method, target=bad_target, prepared=prepared)
    assert calls
    assert same(before, state(own))


def test_a_module_that_cannot_be_copied_is_guarded() -> None:
    own = module("modules")
    own.lock = threading.Lock()  # deepcopy refuses it
    with pytest.raises(TypeError):
        copy.deepcopy(own)
    before = state(own)
    found = pellucid.explain(pellucid.open(own, input=network("modules").input), images(), method="gradient")
    assert found.receipt.prepared_difference is None
    assert any("fast copy was skipped" in n for n in found.receipt.notes)
    assert same(before, state(own))
    np.testing.assert_allclose(
        found.values, explain(network("modules"), images(), "gradient", target="top").values, atol=1e-6
    )


def test_training_in_between_is_noticed() -> None:
    """A changed weight, by an optimizer or behind torch's back, makes the fast copy anew."""
    own = module("modules")
    net = pellucid.open(own, input=network("modules").input)
    first = pellucid.explain(net, images(), method="gradient", target=1)
    with torch.no_grad():
        own.head.weight.mul_(2)
    np.testing.assert_allclose(pellucid.explain(net, images(), "gradient", 1).values, 2 * first.values, rtol=1e-4)
    own.head.weight.data.numpy()[:] *= 2
    np.testing.assert_allclose(pellucid.explain(net, images(), "gradient", 1).values, 4 * first.values, rtol=1e-4)


def test_a_false_promise_fails() -> None:
    """The laws find out a method that declares what it does not keep."""

    def liar(net: pellucid.Network, x: torch.Tensor, target: Any) -> Attribution:
        """Twice the input."""
        return Attribution(2 * x, expected=scores(net, x, target))

    with methods.temporary("liar", liar, group="attribution", source="none", laws=frozenset({"linear_exact"})):
        with pytest.raises(AssertionError):
            test_linear_exact("liar")
        assert explain(network("linear"), images(), "liar").receipt.relative_gap > 0.1
