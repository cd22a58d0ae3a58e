"""Autoencoders give back the input's shape, whatever it is, and have a layer called code."""

from __future__ import annotations

import pytest
import torch

import pellucid
from pellucid.models.autoencoders import Autoencoder, Centre, autoencoder
from pellucid.models.layers import CODE

NAMES = ("linear-2", "dense-5", "dense-12-3", "dense-12x2-3", "dense-12-8-3", "conv-4-3")


@pytest.mark.parametrize("variational", [False, True])
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 25, 18), (2, 3, 5), (1, 1, 7)])
@pytest.mark.parametrize("name", NAMES)
def test_what_comes_back_has_the_inputs_shape(name: str, shape: tuple[int, int, int], variational: bool) -> None:
    kind = "vae" if variational else "autoencoder"
    spec = pellucid.InputSpec.matrix(shape[1], shape[2], shape[0])
    network = pellucid.open(f"{kind}:{name}", weights="none", input=spec)
    x = network.probe(2)
    output = network(x)
    assert (output[0] if variational else output).shape == x.shape
    units = int(name.rpartition("-")[2])
    assert next(layer.shape for layer in network.tree() if layer.name == CODE) == (units,)
    if variational:
        assert output[1].shape == output[2].shape == (2, units)
    assert network.output == "values"


def test_the_usual_one_is_named_without_sizes() -> None:
    network = pellucid.open("autoencoder", weights="none")
    assert next(layer.shape for layer in network.tree() if layer.name == CODE) == (32,)
    assert network.input.shape == (3, 64, 64)


@pytest.mark.parametrize(
    "name",
    ["dense", "conv-16", "conv-16-", "linear-0", "linear-2-3", "dense-4x0-2", "dense-4-2x2", "round-3", "conv-a-b"],
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(pellucid.BadInput, match="dense-256x2-32"):
        autoencoder(name, (1, 8, 8))


def test_it_has_no_pretrained_weights() -> None:
    with pytest.raises(pellucid.BadInput, match="no pretrained weights"):
        pellucid.open("autoencoder:linear-2")


def test_centre_takes_the_mean_picture_and_one_deviation_a_channel() -> None:
    x = torch.randn(50, 2, 3, 4, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 5.0])[:, None, None]
    x[:, 0, 0, 0] += 7
    centre = Centre((2, 3, 4))
    centre.measure(x)
    out = centre(x)
    assert torch.allclose(out.mean(0), torch.zeros(2, 3, 4), atol=1e-5)
    assert torch.allclose(out.square().mean((0, 2, 3)), torch.ones(2), atol=1e-5)
    assert torch.allclose(centre.undo(out), x, atol=1e-5)


def test_a_drawn_code_is_drawn_only_while_it_learns() -> None:
    torch.manual_seed(0)
    module = autoencoder("dense-6-3", (1, 4, 4), variational=True)
    x = torch.randn(5, 1, 4, 4)
    assert not torch.equal(module.train()(x)[0], module(x)[0])
    assert torch.equal(module.eval()(x)[0], module(x)[0])
    assert torch.equal(module(x)[0], module.standardise.undo(module.decoder(module(x)[1])))


def test_levels_pair_each_layer_with_the_one_that_undoes_it() -> None:
    module = autoencoder("dense-12-8-3", (1, 4, 4))
    sizes = [(there.in_features, there.out_features) for there, _ in module.levels()]
    assert sizes == [(16, 12), (12, 8), (8, 3)]
    assert all((b.in_features, b.out_features) == (t.out_features, t.in_features) for t, b in module.levels())
    conv: Autoencoder = autoencoder("conv-4-3", (1, 8, 8))
    assert conv.levels() == []
