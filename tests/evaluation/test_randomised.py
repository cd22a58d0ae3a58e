"""A network whose weights are shuffled: what must change, what must not, and who fails."""

import pytest
import torch
from torch import nn

import pellucid
from evaluation.trained import face_bench, face_network
from pellucid.core.errors import BadInput
from pellucid.evaluation.baselines import BASELINES
from pellucid.evaluation.check import ALIKE
from pellucid.evaluation.randomise import in_order, randomised
from pellucid.evaluation.table import scores
from pellucid.models.inputs import InputSpec
from pellucid.prove.explainers import Method


def alike(explain, **options):
    bench = face_bench().judging(explain)
    maps = explain(bench.source, bench.x, bench.targets)
    return scores["randomised_weights"].function(bench, maps, **options)


@pytest.mark.parametrize("name", ["guided_backprop", "deconvnet"])
def test_what_draws_the_picture_fails_as_the_literature_says(name):
    found = alike(Method(name))
    assert found.mean() > ALIKE + 0.1


@pytest.mark.parametrize("name", ["gradient", "input_times_gradient", "deeplift"])
def test_what_follows_the_weights_passes(name):
    assert alike(Method(name)).mean() < ALIKE - 0.1


def test_baselines_are_the_two_ends():
    assert alike(BASELINES["random_map"]).abs().mean() < 0.05
    for likeness in ("rank", "unsigned", "ssim"):
        for name in ("sobel", "centre"):
            assert torch.allclose(alike(BASELINES[name], likeness=likeness), torch.ones(10).double())


def test_labels_that_say_nothing_change_the_map():
    bench = face_bench(shuffled=face_network(shuffled=True))
    found = {}
    for name in ("gradient", "guided_backprop"):
        own = bench.judging(Method(name))
        maps = own.explain(bench.source, bench.x, bench.targets)
        found[name] = scores["randomised_labels"].function(own, maps).mean()
    assert found["gradient"] < ALIKE < found["guided_backprop"]


def test_the_network_is_left_as_found():
    network = face_network()
    before = {n: t.clone() for n, t in network.module.state_dict().items()}
    modes = [m.training for m in network.module.modules()]
    alike(Method("gradient"))
    assert all(torch.equal(t, before[n]) for n, t in network.module.state_dict().items())
    assert [m.training for m in network.module.modules()] == modes
    assert not any(m._forward_hooks for m in network.module.modules())


def test_layers_are_randomised_from_the_output_down_and_keep_their_numbers():
    network = face_network()
    x = face_bench().x
    names = ["0", "3", "6", "10", "12"]
    assert in_order(network, x) == [network.module.get_submodule(n) for n in names]
    for share, changed in ((0.01, 1), (0.5, 3), (1.0, 5)):
        twin = randomised(network, x, share, seed=4)
        for place, name in enumerate(names):
            old, new = (n.module.get_submodule(name).weight for n in (network, twin))
            assert torch.equal(old, new) == (place < len(names) - changed)
            assert torch.equal(old.flatten().sort().values, new.flatten().sort().values)
    again = randomised(network, x, 1.0, seed=4)
    assert torch.equal(again.module[0].weight, twin.module[0].weight)


def test_batch_norms_count_anew():
    module = nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2)
    )
    network = pellucid.open(module.eval(), input=InputSpec.matrix(32, 32))
    x = face_bench().x
    twin = randomised(network, x, 1.0, seed=0)
    with torch.no_grad():
        came = twin.module[0](x)
    torch.testing.assert_close(twin.module[1].running_mean, came.mean((0, 2, 3)), atol=1e-4, rtol=1e-3)
    assert not twin.module[1].training
    assert twin.module[1].momentum == module[1].momentum


def test_a_network_that_cannot_be_copied_is_told():
    class Stubborn(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(1024, 2)

        def forward(self, x):
            return self.linear(x.flatten(1))

        def __deepcopy__(self, memo):
            raise RuntimeError("no")

    network = pellucid.open(Stubborn(), input=InputSpec.matrix(32, 32))
    with pytest.raises(BadInput, match="cannot be copied"):
        randomised(network, face_bench().x, 1.0, seed=0)
