"""What is behind a layer, run alone: equal to the whole network, in every way that it is run."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

import nets
import pellucid
from pellucid.models.parts import _hooked
from pellucid.models.prepare import untouched
from pellucid.models.tail import Tail


class Skip(nn.Module):
    """What is behind ``code`` needs the sample's own ``stem`` too; ``head`` sees both."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.act, self.code = nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(4, 4, 1)
        self.head = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        stem = self.act(self.stem(x))
        code = self.act(self.code(stem))  # overwrites what the layer gave
        return self.head(torch.cat([stem, code], 1).mean((2, 3)))


class Sized(Skip):
    """Its code takes its number of samples from the input."""

    def forward(self, x: Tensor) -> Tensor:
        code = self.code(self.act(self.stem(x)))
        return self.head(code.reshape(x.shape[0], 8, -1).mean(2))


class Noisy(nn.Module):
    """A variational autoencoder that draws in evaluation mode too."""

    def __init__(self) -> None:
        super().__init__()
        self.flat, self.mu, self.decoder = nn.Flatten(), nn.Linear(432, 3), nn.Linear(3, 432)

    def forward(self, x: Tensor) -> Tensor:
        mu = self.mu(self.flat(x))
        return self.decoder(mu + 0.1 * torch.randn_like(mu)).view(-1, *x.shape[1:])


class Functional(nn.Module):
    """Nothing but the layer is a module, and the rest takes its samples from the input."""

    def __init__(self) -> None:
        super().__init__()
        self.code, self.weight = nn.Linear(432, 3), nn.Parameter(torch.randn(4, 3))

    def forward(self, x: Tensor) -> Tensor:
        return self.code(x.flatten(1)) @ self.weight.T + x.mean((1, 2, 3))[:, None]


def opened(module: nn.Module, **more: str) -> pellucid.Network:
    return pellucid.open(module, input=nets.SPEC, **more)


def check(network: pellucid.Network, layer: str, how: str | None = None) -> Tail:
    """The tail gives for other outputs of the layer what the whole network gives with these put in."""
    x = nets.images(5)
    with untouched(network.module), torch.no_grad():
        tail = Tail.of(network, layer, x)
        code, run = tail.at(x)
        torch.testing.assert_close(code, network.capture(x, [layer])[layer])
        torch.testing.assert_close(tail.output(x), code)
        torch.testing.assert_close(run(code), network(x), atol=1e-5, rtol=1e-4)
        other = torch.randn(code.shape, generator=torch.Generator().manual_seed(1))
        wanted = _hooked(network.module, network._last_call(layer), lambda _: other.clone(), lambda: network(x))
        for _ in range(2):  # the recording is not used up, and not overwritten
            torch.testing.assert_close(run(other), wanted, atol=1e-5, rtol=1e-4)
    assert how is None or tail.how == how
    return tail


@pytest.mark.parametrize("name", nets.NETS)
def test_the_tail_is_the_network(name: str) -> None:
    network = nets.network(name)
    layers = [l.name for l in network.tree() if l.leaf and l.calls and not l.name.startswith(("gate", "head"))]
    before = {n: t.clone() for n, t in network.module.state_dict().items()}
    for layer in layers:
        check(network, layer)
        check(network.prepared(keep=[layer]), layer)
    modules = list(network.module.modules())
    assert all("forward" not in m.__dict__ and not m._forward_hooks and not m._forward_pre_hooks for m in modules)
    assert all(m.training for m in modules)
    for n, t in network.module.state_dict().items():
        torch.testing.assert_close(t, before[n], rtol=0, atol=0)


def test_one_call_of_several() -> None:
    network = nets.network("awkward")
    for call in range(1, 6):
        check(network, f"relu:{call}")


def test_what_needs_the_same_sample_is_answered_from_its_recording() -> None:
    torch.manual_seed(0)
    check(opened(Skip()), "code", "recorded")
    check(opened(Skip()), "stem", "free")
    check(opened(Sized()), "code", "recorded")


def test_a_chain_runs_nothing_before_and_any_number_at_once() -> None:
    calls = []
    module = nets.module("modules")
    convolve = module.conv1._conv_forward
    module.conv1._conv_forward = lambda *args: (calls.append(1), convolve(*args))[1]
    network = opened(module)
    tail = check(network, "act2", "free")
    with untouched(module), torch.no_grad():
        code, run = tail.at(nets.images(2))
        calls.clear()
        many = code.repeat(7, 1, 1, 1)
        torch.testing.assert_close(run(many), run(code).repeat(7, 1))
    assert not calls
    assert tail.together


def test_what_no_module_does_runs_as_a_whole() -> None:
    torch.manual_seed(0)
    assert check(opened(Functional()), "code").how in ("recorded", "whole")


def test_random_numbers_are_the_same_in_every_run() -> None:
    torch.manual_seed(0)
    network, x = opened(Noisy(), output="values"), nets.images(3)
    with untouched(network.module), torch.no_grad():
        tail = Tail.of(network, "mu", x, seed=3)
        assert (tail.random, tail.how, tail.together) == (True, "free", False)
        state = torch.get_rng_state()
        code, run = tail.at(x)
        assert torch.equal(run(code), run(code))
        assert torch.equal(torch.get_rng_state(), state)
        assert not Tail.of(nets.network("modules"), "act1", x).random


@pytest.mark.filterwarnings("ignore:.*torch.jit")  # how torch itself loads some forward derivatives
def test_gradients_and_forward_derivatives_go_through() -> None:
    from torch.autograd import forward_ad

    network, x = nets.network("modules"), nets.images(2)
    with untouched(network.module):
        code, run = Tail.of(network, "act2", x).at(x)
        along = torch.randn(code.shape, generator=torch.Generator().manual_seed(0))
        with forward_ad.dual_level():
            moved = forward_ad.unpack_dual(run(forward_ad.make_dual(code, along))).tangent
        start = code.clone().requires_grad_(True)
        (gradient,) = torch.autograd.grad(run(start).sum(), start)
    torch.testing.assert_close(moved.sum(), (gradient * along).sum())


def test_an_exception_leaves_nothing_behind() -> None:
    module = nets.module("modules")
    network = opened(module)
    with untouched(module), torch.no_grad():
        _, run = Tail.of(network, "act1", nets.images(2)).at(nets.images(2))
        with pytest.raises(RuntimeError):
            run(torch.zeros(2, 3, 5, 5))
        module.conv2.register_forward_hook(lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run(torch.zeros(2, 8, 12, 12))
    modules = list(module.modules())
    assert all("forward" not in m.__dict__ and not m._forward_pre_hooks for m in modules)
    assert sum(len(m._forward_hooks) for m in modules) == 1


def test_a_forward_of_the_users_own_stays() -> None:
    module = nets.module("modules")
    own = module.conv1.forward
    module.conv1.forward = own  # on the instance, as some libraries patch it
    check(opened(module), "act1")
    assert module.conv1.__dict__["forward"] is own


@pytest.mark.parametrize(
    ("layer", "word"), [("nowhere", "unknown layer"), ("unused", "not used"), ("pair", "not one row a sample")]
)
def test_layers_that_cannot_be_given(layer: str, word: str) -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.unused, self.pair, self.head = nn.Linear(2, 2), Pair(), nn.Linear(432, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.pair(x)[0].flatten(1))

    class Pair(nn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor, int]:
            return x, 1

    with torch.no_grad(), pytest.raises(pellucid.BadInput, match=word):
        Tail.of(opened(Odd()), layer, nets.images(2))


def test_the_cost_is_that_of_what_runs() -> None:
    network, x = nets.network("modules"), nets.images(2)
    with untouched(network.module), torch.no_grad():
        late, early = Tail.of(network, "act2", x), Tail.of(network, "conv1", x)
    assert late.cost == 16 * 4 + 4  # the head's weights, each used once
    assert early.cost > 100 * late.cost
    assert 1 <= early.rows(x) <= late.rows(x)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("timm:vit_tiny_patch16_224", "blocks.5"),
        ("timm:vit_tiny_patch16_224", "blocks.11.mlp.fc1"),
        ("torchvision:vgg16", "classifier.1"),
        ("timm:legacy_xception", "block5"),
        ("timm:swin_tiny_patch4_window7_224", "layers.2.blocks.1"),
        ("torchvision:densenet121", "features.denseblock2"),
    ],
)
def test_real_architectures(name: str, layer: str) -> None:
    network = pellucid.open(name, weights="none")
    x = network.probe(2)
    whole = copy.copy(network)
    with untouched(network.module), torch.no_grad():
        code, run = Tail.of(network, layer, x).at(x)
        torch.testing.assert_close(run(code), whole(x), atol=1e-5, rtol=1e-4)
