"""Per-sample gradients are those of the loop, and their mean is the batch's gradient."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import pellucid
from pellucid.models.small import small
from pellucid.training import per_sample
from pellucid.training.per_sample import per_sample_gradients


def loop(module: nn.Module, x: Tensor, targets: Tensor) -> dict[str, Tensor]:
    """A backward pass for each sample."""
    found: dict[str, list[Tensor]] = {name: [] for name, _ in module.named_parameters()}
    for i in range(len(x)):
        module.zero_grad()
        F.cross_entropy(module(x[i : i + 1]), targets[i : i + 1]).backward()
        for name, parameter in module.named_parameters():
            assert parameter.grad is not None
            found[name].append(parameter.grad.clone())
    module.zero_grad()
    return {name: torch.stack(each) for name, each in found.items()}


def examples(shape: tuple[int, ...] = (1, 12, 12), count: int = 7) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn((count, *shape), generator=generator), torch.arange(count) % 3


class Twice(nn.Module):
    """One layer used twice, its weight tied to a second name, and a sum in place."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(9, 9), nn.Linear(9, 3)
        self.again = self.first

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x.flatten(1)).relu_()
        x = self.again(x)
        x += 1
        return self.last(x)


NETS = {
    "small_cnn": (lambda: small("small_cnn:4", (1, 12, 12), 3).eval(), (1, 12, 12)),
    "perceptron": (lambda: small("perceptron:8x2", (1, 5, 5), 3), (1, 5, 5)),
    "group norm": (
        lambda: nn.Sequential(nn.Conv2d(2, 4, 3), nn.GroupNorm(2, 4), nn.ReLU(True), nn.Flatten(), nn.Linear(36, 3)),
        (2, 5, 5),
    ),
    "used twice": (Twice, (1, 3, 3)),
    "depthwise": (
        lambda: nn.Sequential(
            nn.Conv2d(4, 4, 3, groups=4), nn.ReLU6(True), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)
        ),
        (4, 6, 6),
    ),
}


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("chunk", [None, 1, 3])
def test_they_are_those_of_the_loop(name: str, chunk: int | None) -> None:
    make, shape = NETS[name]
    torch.manual_seed(0)
    module = make()
    for each in module.modules():  # running statistics of their own, as after a training
        if isinstance(each, nn.BatchNorm2d):
            each.running_mean.uniform_(-0.3, 0.3)
            each.running_var.uniform_(0.5, 2)
    x, targets = examples(shape)
    wanted = loop(module, x, targets)
    found = per_sample_gradients(module, x, targets, F.cross_entropy, chunk=chunk)
    assert list(found) == list(wanted)
    for each in wanted:
        torch.testing.assert_close(found[each], wanted[each], rtol=1e-4, atol=1e-6)
    norms = per_sample_gradients(module, x, targets, F.cross_entropy, chunk=chunk, norms=True)
    for each in wanted:
        torch.testing.assert_close(norms[each], wanted[each].flatten(1).norm(dim=1), rtol=1e-4, atol=1e-6)


def test_their_mean_is_the_gradient_of_the_mean_loss() -> None:
    torch.manual_seed(0)
    module, (x, targets) = small("small_cnn:4", (1, 12, 12), 3).eval(), examples()
    F.cross_entropy(module(x), targets).backward()
    for name, gradients in per_sample_gradients(module, x, targets, F.cross_entropy).items():
        torch.testing.assert_close(gradients.mean(0), module.get_parameter(name).grad, rtol=1e-4, atol=1e-6)


def test_the_module_is_not_touched() -> None:
    torch.manual_seed(0)
    module, (x, targets) = small("small_cnn:4", (1, 12, 12), 3).eval(), examples()
    module.train()
    before = {n: t.clone() for n, t in module.state_dict().items()}
    net = pellucid.open(module, input=pellucid.InputSpec.matrix(12, 12))
    per_sample_gradients(net, x, targets, F.cross_entropy)
    assert all(torch.equal(t, before[n]) for n, t in module.state_dict().items())
    assert all(p.grad is None for p in module.parameters())
    assert module.training
    assert module.stage1.norm1.training


def test_a_network_answers_in_evaluation_mode() -> None:
    torch.manual_seed(0)
    module, (x, targets) = small("small_cnn:4", (1, 12, 12), 3), examples()
    net = pellucid.open(module, input=pellucid.InputSpec.matrix(12, 12))
    found = per_sample_gradients(net, x, targets, F.cross_entropy)
    wanted = loop(module.eval(), x, targets)
    torch.testing.assert_close(found["classifier.weight"], wanted["classifier.weight"], rtol=1e-4, atol=1e-6)


def test_what_is_frozen_is_left_out() -> None:
    module, (x, targets) = small("perceptron:8x1", (1, 12, 12), 3), examples()
    module.hidden1.requires_grad_(False)
    assert list(per_sample_gradients(module, x, targets, F.cross_entropy)) == ["classifier.weight", "classifier.bias"]
    module.requires_grad_(False)
    assert len(per_sample_gradients(module, x, targets, F.cross_entropy)) == 4


def test_batch_norm_in_training_is_refused_by_name() -> None:
    module, (x, targets) = small("small_cnn:4", (1, 12, 12), 3), examples()
    with pytest.raises(pellucid.BadInput, match=r"stage1\.norm1.*no sample has a gradient of its own.*eval"):
        per_sample_gradients(module, x, targets, F.cross_entropy)
    without = nn.Sequential(nn.BatchNorm2d(1, track_running_stats=False), nn.Flatten(), nn.Linear(144, 3)).eval()
    with pytest.raises(pellucid.BadInput, match="takes its mean over the batch"):
        per_sample_gradients(without, x, targets, F.cross_entropy)


class Drops(nn.Module):
    """A dropout that is no module."""

    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(x, 0.5, self.training)


def test_what_draws_is_refused() -> None:
    x, targets = examples()
    for drop in (nn.Dropout(0.5), Drops()):
        module = nn.Sequential(nn.Flatten(), nn.Linear(144, 3), drop)
        with pytest.raises(pellucid.BadInput, match="one of many"):
            per_sample_gradients(module, x, targets, F.cross_entropy)
        per_sample_gradients(module.eval(), x, targets, F.cross_entropy)


def test_what_torch_cannot_batch_is_told_as_such() -> None:
    x, targets = examples()
    module = nn.Sequential(nn.Flatten(), nn.Linear(144, 3), nn.RReLU()).eval()
    with pytest.raises(pellucid.BadInput, match=r"torch\.func cannot batch this network .*a backward pass for each"):
        per_sample_gradients(module, x, targets, F.cross_entropy)


def test_what_does_not_fit_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    module, (x, targets) = small("perceptron:8x1", (1, 12, 12), 3), examples()
    monkeypatch.setattr(per_sample, "free_bytes", lambda device: 10_000)
    with pytest.raises(pellucid.BadInput, match=r"do not fit into memory.*norms=True"):
        per_sample_gradients(module, x, targets, F.cross_entropy)
    assert len(per_sample_gradients(module, x, targets, F.cross_entropy, norms=True)) == 4


def test_inputs_without_targets_and_networks_without_parameters() -> None:
    x, targets = examples()
    with pytest.raises(pellucid.BadInput, match="7 inputs and 6 targets"):
        per_sample_gradients(nn.Flatten(), x, targets[:6], F.cross_entropy)
    with pytest.raises(pellucid.BadInput, match="no parameters"):
        per_sample_gradients(nn.Flatten(), x, targets, F.cross_entropy)
    net = pellucid.open(small("linear", (1, 12, 12), 3), input=pellucid.InputSpec.matrix(12, 12))
    with pytest.raises(pellucid.BadInput, match="a part of a network"):
        per_sample_gradients(net.until("flatten"), x, targets, F.cross_entropy)
