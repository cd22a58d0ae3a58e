"""LRP, Deep Taylor, DeepLIFT and patterns against laws, a literal second implementation, zennit and captum."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import captum.attr as captum
import numpy as np
import pytest
import torch
import zennit.composites
import zennit.rules
from torch import Tensor, nn
from torch.nn import functional as F

import pellucid
from nets import NETS, SPEC, images, module, network
from pellucid.attribution.relevance.composites import PRESETS, read_composite
from pellucid.attribution.relevance.rules import rules
from pellucid.attribution.relevance.tape import Tape


def opened(own: nn.Module) -> pellucid.Network:
    return pellucid.open(own.eval(), input=SPEC)


def lrp(own: nn.Module, composite: str, x: Tensor, **more: Any) -> np.ndarray:
    return pellucid.explain(opened(own), x, "lrp", 1, composite=composite, **more).values


# -- conservation ---------------------------------------------------------------------------------

#: Every rule by itself, and every preset.
COMPOSITES = [*(r for r in rules if r != "z_box"), *PRESETS]


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("composite", COMPOSITES)
def test_nothing_is_lost(net: str, composite: str) -> None:
    found = pellucid.explain(network(net), images(), "lrp", "cat", composite=composite)
    assert found.receipt.relative_gap < 2e-5
    assert found.receipt.fallbacks == ()


def test_without_conserve_a_bias_swallows_its_share() -> None:
    """f = w·x + b: the z rule hands out f·(w·x)/(w·x + b)."""
    own = module("linear").eval()
    x = images()
    with torch.no_grad():
        out, bias = own(x)[:, 1], own.head.bias[1].detach()
    found = lrp(own, "z", x, conserve=False).sum((1, 2, 3))
    np.testing.assert_allclose(found, (out - bias).numpy(), rtol=1e-4)
    np.testing.assert_allclose(lrp(own, "z", x).sum((1, 2, 3)), out.numpy(), rtol=1e-4)


# -- the formulas, once more and slowly -------------------------------------------------------------


class Small(nn.Module):
    """A convolution with negative inputs, a ReLU and a dense layer, biases in both."""

    def __init__(self, *, bias: bool = True) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.conv = nn.Conv2d(3, 4, 3, stride=2, padding=1, bias=bias)
        self.head = nn.Linear(4 * 6 * 6, 4, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(F.relu(self.conv(x)).flatten(1))


def literal(rule: str, w: np.ndarray, b: np.ndarray, x: np.ndarray, r: np.ndarray, low: float, high: float) -> Any:
    """R_i = Σ_j n_ij·R_j/d_j with w [j, i] and everything written out."""
    out = np.zeros_like(x)
    for j in range(len(r)):
        c = x * w[j]
        z = c.sum() + b[j]
        if rule == "z":
            out += c / z * r[j]
        elif rule == "z_plus":
            positive = np.maximum(c, 0)
            out += positive / positive.sum() * r[j]
        elif rule == "alpha_beta":
            positive, negative = np.maximum(c, 0), np.minimum(c, 0)
            out += 2 * positive / positive.sum() * r[j] - negative / negative.sum() * r[j]
        elif rule == "gamma":
            part = np.maximum if z > 0 else np.minimum
            out += (c + 0.25 * part(c, 0)) / (c.sum() + b[j] + 0.25 * (part(c, 0).sum() + part(b[j], 0))) * r[j]
        elif rule == "w_square":
            out += w[j] ** 2 / (w[j] ** 2).sum() * r[j]
        elif rule == "flat":
            there = (w[j] != 0).astype(float)  # a dense matrix has zeros where a kernel does not reach
            out += there / there.sum() * r[j]
        elif rule == "z_box":
            n = c - low * np.maximum(w[j], 0) - high * np.minimum(w[j], 0)
            out += n / n.sum() * r[j]
    return out


@pytest.mark.parametrize("rule", ["z", "z_plus", "alpha_beta", "gamma", "w_square", "flat", "z_box"])
def test_rules_against_dense_matrices(rule: str) -> None:
    own = Small().double().eval()
    spec = pellucid.InputSpec(size=(12, 12), mean=(0.5,) * 3, std=(0.25,) * 3, crop=None)  # bounds −2 and 2
    x = images(1).double().clamp(-2, 2)
    with torch.no_grad():
        hidden = own.conv(x)
        basis = torch.eye(x.numel(), dtype=x.dtype).view(-1, *x.shape[1:])
        matrix = F.conv2d(basis, own.conv.weight, stride=2, padding=1).flatten(1).T.numpy()
        score = own(x)[0].numpy()
    relevance = np.zeros(4)
    relevance[1] = score[1]
    late = "z" if rule == "z_box" else rule
    behind = hidden.relu().flatten().numpy()
    relevance = literal(late, own.head.weight.detach().numpy(), own.head.bias.detach().numpy(), behind, relevance, 0, 0)
    biases = own.conv.bias.detach().repeat_interleave(36).numpy()
    wanted = literal(rule, matrix, biases, x.flatten().numpy(), relevance, -2.0, 2.0)
    composite = f"all={late}, first={rule}"
    found = pellucid.explain(pellucid.open(own, input=spec), x, "lrp", 1, composite=composite, conserve=False)
    np.testing.assert_allclose(found.values.ravel(), wanted, rtol=1e-5, atol=1e-7 * np.abs(wanted).max())


# -- zennit judges --------------------------------------------------------------------------------

PLAIN: dict[str, Callable[[], Any]] = {
    "z": lambda: zennit.rules.Epsilon(epsilon=1e-12),
    "z_plus": lambda: zennit.rules.ZPlus(stabilizer=1e-12, zero_params="bias"),
    "alpha_beta": lambda: zennit.rules.AlphaBeta(alpha=2, beta=1, stabilizer=1e-12, zero_params="bias"),
    "w_square": lambda: zennit.rules.WSquare(stabilizer=1e-12, zero_params="bias"),
    "flat": lambda: zennit.rules.Flat(stabilizer=1e-12, zero_params="bias"),
    "gamma": lambda: zennit.rules.Gamma(gamma=0.25, stabilizer=1e-12),
    "z_box": lambda: zennit.rules.ZBox(low=-2.0, high=2.0, stabilizer=1e-12, zero_params="bias"),
}


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("rule", PLAIN)
def test_rules_against_zennit(rule: str, bias: bool) -> None:
    own = Small(bias=bias).double().eval()
    spec = pellucid.InputSpec(size=(12, 12), mean=(0.5,) * 3, std=(0.25,) * 3, crop=None)
    x = images(2).double().clamp(-2, 2)
    composite = zennit.composites.NameMapComposite([(["conv"], PLAIN[rule]()), (["head"], PLAIN["z"]())])
    with composite.context(own) as judged:
        leaf = x.clone().requires_grad_()
        out = judged(leaf)[:, 1]
        (wanted,) = torch.autograd.grad(out, leaf, out.detach())
    text = f"dense=z, conv={rule}"
    found = pellucid.explain(pellucid.open(own, input=spec), x, "lrp", 1, composite=text, conserve=False)
    np.testing.assert_allclose(found.values, wanted.numpy(), rtol=1e-4, atol=1e-6 * float(wanted.abs().max()))


def sequential() -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 8, 3, padding=1),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(72, 16),
        nn.ReLU(),
        nn.Linear(16, 4),
    ).eval()


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("conv=z_plus, dense=z", lambda: zennit.composites.EpsilonPlus(epsilon=1e-9, zero_params="bias")),
        (
            "conv=z_plus, dense=z, first=flat",
            lambda: zennit.composites.EpsilonPlusFlat(epsilon=1e-9, zero_params="bias"),
        ),
        (
            "conv=alpha_beta(2,1), dense=z",
            lambda: zennit.composites.EpsilonAlpha2Beta1(epsilon=1e-9, zero_params="bias"),
        ),
    ],
)
def test_presets_against_zennit(ours: str, theirs: Callable[[], Any]) -> None:
    """Without biases, which zennit's presets count in one rule and not in the other."""
    own = sequential().double()
    for layer in own:
        if getattr(layer, "bias", None) is not None:
            layer.bias.data.zero_()
    x = images(2).double()
    with theirs().context(own) as judged:
        leaf = x.clone().requires_grad_()
        out = judged(leaf)[:, 1]
        (wanted,) = torch.autograd.grad(out, leaf, out.detach())
    found = lrp(own, ours, x, conserve=False)
    np.testing.assert_allclose(found, wanted.numpy(), rtol=1e-3, atol=1e-4 * float(wanted.abs().max()))


# -- composites -----------------------------------------------------------------------------------


def test_what_stands_later_overrules() -> None:
    own, x = sequential(), images(1)
    flat = lrp(own, "conv=z_plus, dense=epsilon, first=flat", x)
    np.testing.assert_array_equal(flat, lrp(own, "epsilon_plus_flat", x))
    np.testing.assert_array_equal(flat, lrp(own, "conv=z_plus, dense=epsilon(0.1), 0=flat", x))
    np.testing.assert_array_equal(
        flat, lrp(own, "first=w_square, conv=z_plus, dense=epsilon, type:Conv2d=flat, 3=z_plus", x)
    )
    assert not np.array_equal(flat, lrp(own, "conv=z_plus, dense=epsilon, first=flat, last=z_plus", x))
    assert not np.array_equal(flat, lrp(own, "first=flat, conv=z_plus, dense=epsilon", x))


@pytest.mark.parametrize(
    ("composite", "cure"),
    [
        ("epsilon_pluss", "epsilon_plus"),
        ("conv=zplus", "z_plus"),
        ("conv=z_plus, dense", "place=rule"),
        ("conv:z_plus", "z_plus"),
        ("conv=gamma(a)", "gamma(0.25)"),
        ("conv=gamma(1,2)", "gamma"),
        ("conv=alpha_beta(3,1)", "beta"),
        ("blocks.9=flat", "no layer matches"),
        ("all=z_box", "first"),
    ],
)
def test_a_mistyped_composite_is_told(composite: str, cure: str) -> None:
    with pytest.raises(pellucid.BadInput) as caught:
        lrp(sequential(), composite, images(1))
    assert cure in str(caught.value)


def test_rules_come_from_other_packages_too() -> None:
    def mine(affine: Any, x: Tensor, relevance: Tensor) -> tuple[Tensor, None]:
        """All to nobody, and nothing left."""
        return torch.zeros_like(x), None

    with rules.temporary("mine", mine, source="here"):
        assert not lrp(sequential(), "last=mine", images(1)).any()
    assert read_composite(opened(sequential()), "flat").places


def test_shares_that_cancel_are_warned_of(default_network: pellucid.Network) -> None:
    found = pellucid.explain(default_network, "example:cat", "lrp", composite="epsilon")
    assert found.receipt.relative_gap < 1e-3
    assert "cancel" in " ".join(found.receipt.notes)
    assert "cancel" not in " ".join(pellucid.explain(network("modules"), images(), "lrp", 1).receipt.notes)


# -- operations -----------------------------------------------------------------------------------


class Body(nn.Module):
    """A convolution, something in the middle, and a head."""

    def __init__(self, middle: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.head, self.middle = nn.Conv2d(3, 4, 3, padding=1), nn.Linear(4, 4), middle

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.middle(self.conv(x)).mean((2, 3)))


class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return 2 * x

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return 2 * grad


@pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")
@pytest.mark.parametrize("method", ["lrp", "deep_taylor", "deeplift"])
def test_what_is_out_of_sight_is_refused(method: str) -> None:
    for middle in (Double.apply, torch.jit.trace(lambda x: x.relu() * 3, torch.randn(1, 4, 12, 12))):
        with pytest.raises(pellucid.BadInput, match="out of sight"):
            pellucid.explain(opened(Body(middle)), images(), method, 1, prepared=False)


@pytest.mark.parametrize("method", ["lrp", "deep_taylor", "deeplift"])
def test_an_operation_without_a_rule_is_named(method: str) -> None:
    with pytest.raises(pellucid.BadInput, match="no rule for operation logcumsumexp in layer"):
        pellucid.explain(opened(Body(lambda x: x.logcumsumexp(3))), images(), method, 1)


def test_a_fallback_is_recorded() -> None:
    net = opened(Body(lambda x: x.logcumsumexp(3)))
    found = pellucid.explain(net, images(), "lrp", 1, fallback="gradient")
    assert found.receipt.fallbacks == ("operation logcumsumexp in layer (the network itself)",)
    assert found.receipt.relative_gap < 1e-5
    assert pellucid.explain(network("modules"), images(), "lrp", 1, fallback="gradient").receipt.fallbacks == ()


@pytest.mark.parametrize(
    "middle", [lambda x: torch.where(x > 0, x, 0.1 * x), lambda x: x.masked_fill(x < 0, 0.0), lambda x: x * (x > 0)]
)
def test_a_condition_that_depends_on_the_input_has_no_multiplier(middle: Callable[[Tensor], Tensor]) -> None:
    with pytest.raises(pellucid.BadInput, match="no rule"):
        pellucid.explain(opened(Body(middle)), images(), "deeplift", 1)


@pytest.mark.parametrize("method", ["lrp", "deeplift"])
@pytest.mark.parametrize("middle", [lambda x: -x, lambda x: 0 - x])
def test_a_minus_keeps_relevance(method: str, middle: Callable[[Tensor], Tensor]) -> None:
    found = pellucid.explain(opened(Body(middle)), images(), method, 1)
    np.testing.assert_allclose(found.receipt.actual, found.receipt.expected, rtol=1e-4)


@pytest.mark.parametrize("method", ["lrp", "deeplift", "guided_backprop"])
def test_an_in_place_call_whose_result_is_discarded(method: str) -> None:
    def discarded(x: Tensor) -> Tensor:
        y = x.clone()
        y.addcmul_(x.tanh(), x.sigmoid(), value=3.0)
        y.relu_()
        return y

    kept = lambda x: F.relu(torch.addcmul(x, x.tanh(), x.sigmoid(), value=3.0))  # noqa: E731
    found, wanted = (pellucid.explain(opened(Body(m)), images(), method, 1).values for m in (discarded, kept))
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-6)


def test_positions_mean_linear_layers_by_any_name() -> None:
    weight = torch.randn(4, 4, generator=torch.Generator().manual_seed(5))
    for text in ("all=z, first=flat", "all=z, last=flat", "epsilon_plus_flat"):
        by_hand = lrp(Body(lambda x: (x.movedim(1, -1) @ weight.T).movedim(-1, 1)), text, images())
        called = lrp(Body(lambda x: F.linear(x.movedim(1, -1), weight).movedim(-1, 1)), text, images())
        np.testing.assert_allclose(by_hand, called, rtol=1e-4, atol=1e-6)


def test_an_edge_of_the_box_is_no_division_by_rounding() -> None:
    """A black region under positive weights has nothing above its lower bound."""
    own = Small().eval()
    own.conv.weight.data.abs_()
    spec = pellucid.InputSpec(size=(12, 12), crop=None)
    photo = np.zeros((12, 12, 3), np.uint8)
    photo[:, 8:] = np.random.default_rng(0).integers(0, 255, (12, 4, 3))
    found = pellucid.explain(pellucid.open(own, input=spec), photo, "deep_taylor", 1, bounded=True)
    assert found.receipt.relative_gap < 1e-4
    assert np.abs(found.values).max() < 100 * abs(found.receipt.expected[0])


def test_a_path_that_depends_on_the_input_has_no_reference() -> None:
    class Branches(Body):
        def forward(self, x: Tensor) -> Tensor:
            x = self.conv(x)
            return self.head((torch.tanh(x) if x.std() > 0.5 else torch.sigmoid(x)).mean((2, 3)))

    with pytest.raises(pellucid.BadInput, match="depends on its input"):
        pellucid.explain(opened(Branches(nn.Identity())), images() * 4, "deeplift", 1)


def test_a_dark_gate_passes_all_to_the_signal() -> None:
    """x·sigmoid(g(x)), of one size: the gate decides how much, the signal what."""
    torch.manual_seed(0)
    gate = nn.Conv2d(4, 4, 1).requires_grad_(False)
    with_gate = lrp(Body(lambda x: x * torch.sigmoid(gate(x))), "z_plus", images())
    plain = Body(lambda x: x * torch.sigmoid(gate(x)).detach())
    np.testing.assert_allclose(with_gate, lrp(plain, "z_plus", images()), rtol=1e-4, atol=1e-6)


def test_a_later_overwritten_operand_is_kept() -> None:
    """``y = a + b; a.zero_like()``: what the sum's rule needs is overwritten behind it."""

    def middle(x: Tensor) -> Tensor:
        a, b = x * 1, torch.tanh(x)
        y = a + b
        a.copy_(b * 7)
        return y

    def plainly(x: Tensor) -> Tensor:
        return x * 1 + torch.tanh(x)

    for method in ("lrp", "deeplift"):
        found, wanted = (pellucid.explain(opened(Body(m)), images(), method, 1).values for m in (middle, plainly))
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)


def test_no_hook_is_left_when_a_rule_raises() -> None:
    own = Body(lambda x: x.logcumsumexp(3))
    with pytest.raises(pellucid.BadInput):
        pellucid.explain(opened(own), images(), "lrp", 1, prepared=False)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in own.modules())
    assert not isinstance(torch.overrides._get_current_function_mode(), Tape)


# -- DeepLIFT -------------------------------------------------------------------------------------


def test_reveal_cancel_by_hand() -> None:
    """w = [1, −2, −3, 4], b = 1, x = [−1, −1, 1, 1]: Δy⁻ = −2.5 over contributions −4, Δy⁺ = 4.5 over 6."""
    weight, x = torch.tensor([1.0, -2.0, -3.0, 4.0]), torch.tensor([-1.0, -1.0, 1.0, 1.0])

    class Neuron(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.dense = nn.Linear(4, 1)
            self.dense.weight.data.copy_(weight[None])
            self.dense.bias.data.fill_(1.0)

        def forward(self, x: Tensor) -> Tensor:
            return F.relu(self.dense(x.flatten(1)))

    spec = pellucid.InputSpec(size=(2, 2), mean=(0.0,), std=(1.0,), crop=None)
    net = pellucid.open(Neuron(), input=spec, output="values")
    given = x.view(1, 1, 2, 2)
    found = pellucid.explain(net, given, "deeplift", 0, rule="reveal_cancel").values.ravel()
    contributions = weight * x
    wanted = torch.where(contributions > 0, contributions * 4.5 / 6, contributions * 2.5 / 4)
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    whole = pellucid.explain(net, given, "deeplift", 0).values.ravel()
    np.testing.assert_allclose(whole, contributions * (2 / 2), rtol=1e-6)  # from relu(1) = 1 to relu(3) = 3


def test_where_parts_cannot_be_told_apart_is_said() -> None:
    assert pellucid.explain(network("modules"), images(), "deeplift", 1, rule="reveal_cancel").receipt.notes == ()
    found = pellucid.explain(network("residual"), images(), "deeplift", 1, rule="reveal_cancel")
    assert found.receipt.notes == ()
    between = Body(lambda x: F.relu(x.flip(3)) + F.relu(x))
    (note,) = pellucid.explain(opened(between), images(), "deeplift", 1, rule="reveal_cancel").receipt.notes
    assert note.startswith("1 of 2 activations")
    assert pellucid.explain(opened(between), images(), "deeplift", 1).receipt.notes == ()


@pytest.mark.filterwarnings("ignore::UserWarning")  # the judge's own
def test_rescale_against_captum() -> None:
    """Without max-pooling, where both are complete and share out differently."""
    own = sequential()
    own[2] = nn.AvgPool2d(2)
    x = images().requires_grad_()
    wanted = captum.DeepLift(own).attribute(x, torch.zeros_like(x), target=1)
    found = pellucid.explain(opened(own), x.detach(), "deeplift", 1).values
    np.testing.assert_allclose(found, wanted.detach().numpy(), rtol=1e-3, atol=1e-5 * float(wanted.abs().max()))


@pytest.mark.parametrize(
    "middle",
    [
        lambda x: F.max_pool2d(x, 3, 2, 1),
        lambda x: F.adaptive_max_pool2d(x, 3),
        lambda x: x.amax((2, 3), keepdim=True),
        lambda x: F.layer_norm(x, (12,), torch.linspace(0.0, 1.0, 12, dtype=x.dtype)),
        lambda x: F.group_norm(x, 2),
        lambda x: F.rms_norm(x, (12,)),
        lambda x: F.normalize(x, dim=1),
        lambda x: x / (x.norm(dim=1, keepdim=True) + 1),
        lambda x: x.softmax(1),
        lambda x: x / (x.square() + 1),
        lambda x: torch.einsum("nchw,nchv->ncwv", x, x.tanh()),
        lambda x: F.gelu(x) * torch.sigmoid(x.flip(1)),
        lambda x: F.scaled_dot_product_attention(x, x.tanh(), x.flip(3), is_causal=True),
        lambda x: 1 / (2 + x.sigmoid()),
        lambda x: x * x - x,
        lambda x: -x @ x,
        lambda x: (0.1 * x) * (0.1 * x).pow(2).mean(1, keepdim=True).add(1e-6).rsqrt(),
        lambda x: x.clone().addcmul_(x.tanh(), x.sigmoid(), value=3.0),
        lambda x: torch.cat([x, F.hardswish(x)], 3).pow(3),
    ],
)
def test_every_multiplier_is_exact(middle: Callable[[Tensor], Tensor]) -> None:
    net = opened(Body(middle).double())
    found = pellucid.explain(net, images().double(), "deeplift", 1, baseline=0.3)
    np.testing.assert_allclose(found.receipt.actual, found.receipt.expected, rtol=1e-5, atol=1e-8)


# -- patterns -------------------------------------------------------------------------------------


def distracted(count: int) -> tuple[Tensor, Tensor, Tensor]:
    """x = signal·y + distractor·ε; the weights that filter y out again; and the signal."""
    generator = torch.Generator().manual_seed(0)
    signal, distractor = torch.tensor([1.0, 0.0, 2.0, -1.0]), torch.tensor([1.0, 1.0, 0.5, 0.0])
    y, noise = torch.randn((2, count, 1), generator=generator)
    x = y * signal + noise * distractor
    # wᵀ·signal = 1 and wᵀ·distractor = 0
    weight = torch.linalg.lstsq(torch.stack([signal, distractor]), torch.tensor([1.0, 0.0])).solution
    return x.view(count, 1, 2, 2), weight, signal


class Filter(nn.Module):
    def __init__(self, weight: Tensor, *, relu: bool) -> None:
        super().__init__()
        self.dense, self.relu = nn.Linear(4, 1, bias=False), relu
        self.dense.weight.data.copy_(weight[None])

    def forward(self, x: Tensor) -> Tensor:
        y = self.dense(x.flatten(1))
        return F.relu(y) if self.relu else y


@pytest.mark.parametrize("relu", [False, True])
def test_the_pattern_is_the_signal_where_the_gradient_is_the_filter(relu: bool) -> None:
    x, weight, signal = distracted(4000)
    spec = pellucid.InputSpec(size=(2, 2), mean=(0.0,), std=(1.0,), crop=None)
    net = pellucid.open(Filter(weight, relu=relu), input=spec, output="values")
    patterns = pellucid.fit_patterns(net, x)
    np.testing.assert_allclose(patterns.arrays["dense"].ravel(), signal, atol=0.05)
    one = x[:1] * torch.sign(x[:1].flatten() @ weight)
    value = float(one.flatten() @ weight)
    np.testing.assert_allclose(pellucid.explain(net, one, "gradient", 0).values.ravel(), weight, rtol=1e-5)
    found = pellucid.explain(net, one, "pattern_net", 0, patterns=patterns).values.ravel()
    np.testing.assert_allclose(found, value * signal, atol=0.06 * value)
    shares = pellucid.explain(net, one, "pattern_attribution", 0, patterns=patterns).values.ravel()
    np.testing.assert_allclose(shares, value * (weight * signal), atol=0.06 * value)
    np.testing.assert_allclose(shares.sum(), value, rtol=1e-3)


def test_patterns_are_kept_and_bound_to_their_weights(tmp_path: Any) -> None:
    net, x = network("modules"), images()
    patterns = pellucid.fit_patterns(net, images(8, seed=2))
    file = patterns.save(tmp_path / "patterns")
    again = pellucid.load(file)
    assert again.images == 8
    assert again.weights_sha256 == patterns.weights_sha256
    found = pellucid.explain(net, x, "pattern_net", 1, patterns=str(file))
    np.testing.assert_array_equal(found.values, pellucid.explain(net, x, "pattern_net", 1, patterns=patterns).values)
    assert any("fitted to 8 images" in n for n in found.receipt.notes)
    with pytest.raises(pellucid.BadInput, match="other weights"):
        pellucid.explain(network("modules", seed=1), x, "pattern_net", 1, patterns=file)
    with pytest.raises(pellucid.BadInput, match="patterns fit"):
        pellucid.explain(net, x, "pattern_net", 1)
    with pytest.raises(pellucid.BadInput, match="holds no patterns"):
        pellucid.explain(net, x, "pattern_net", 1, patterns=3.0)


def test_patterns_from_a_stream_are_those_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    x = images(7, seed=5)
    whole = pellucid.fit_patterns(network("residual"), x)
    monkeypatch.setattr(pellucid.Network, "batch_size", lambda self, x, *, gradient: 2)
    parts = pellucid.fit_patterns(network("residual"), x)
    for name, array in whole.arrays.items():
        np.testing.assert_allclose(parts.arrays[name], array, rtol=1e-2, atol=1e-3 * np.abs(array).max())


def test_neurons_that_never_fire_are_said() -> None:
    own = module("modules")
    own.conv2.weight.data.zero_()
    own.bn2.bias.data.fill_(-3.0)
    net = opened(own)
    patterns = pellucid.fit_patterns(net, images())
    assert patterns.silent["conv2"] == 1.0
    notes = pellucid.explain(net, images(), "pattern_net", 1, patterns=patterns).receipt.notes
    assert any("never fired" in n for n in notes)
