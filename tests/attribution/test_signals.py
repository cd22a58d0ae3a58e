"""Guided Backprop and DeconvNet: captum judges on a clean network; what breaks it does not break us."""

from __future__ import annotations

import captum.attr as captum
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import pellucid
from nets import SPEC, images, module, network


@pytest.mark.parametrize("judge", [captum.GuidedBackprop, captum.Deconvolution])
def test_against_captum_where_every_relu_is_a_module_of_its_own(judge: type) -> None:
    with pytest.warns(UserWarning, match="hooks"):
        wanted = judge(module("modules").eval()).attribute(images().requires_grad_(), target=1).detach().numpy()
    name = "guided_backprop" if judge is captum.GuidedBackprop else "deconvnet"
    for net in ("modules", "functional", "in_place", "reused"):
        found = pellucid.explain(network(net), images(), name, 1)
        np.testing.assert_allclose(found.values, wanted, rtol=1e-3, atol=1e-5 * np.abs(wanted).max())
        assert not np.allclose(found.values, pellucid.explain(network(net), images(), "gradient", 1).values)


FORMS = {
    "F.relu": F.relu,
    "torch.relu": torch.relu,
    "method": lambda x: x.relu(),
    "in place": lambda x: F.relu(x, inplace=True),
    "underscore": lambda x: x.relu_(),
    "discarded": lambda x: (x.relu_(), x)[1],
    "clamp": lambda x: x.clamp(min=0),
    "clamp_min": lambda x: x.clamp_min(0),
    "keyword clamp": lambda x: torch.clamp(x, min=0.0),
    "hardtanh": lambda x: F.hardtanh(x, 0, 1e9),
    "leaky, slope 0": lambda x: F.leaky_relu(x, 0.0),
}


class OneLayer(nn.Module):
    def __init__(self, form: str) -> None:
        super().__init__()
        self.form = form
        self.first, self.last = nn.Conv2d(3, 5, 3), nn.Linear(5, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(FORMS[self.form](self.first(x)).mean((2, 3)))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["guided_backprop", "deconvnet"])
def test_by_hand_however_the_relu_is_written(form: str, name: str) -> None:
    torch.manual_seed(0)
    own, x = OneLayer(form).eval(), images()
    found = pellucid.explain(pellucid.open(own, input=SPEC), x, name, 1)
    with torch.no_grad():
        z = own.first(x)
        back = (own.last.weight[1] / z[0, 0].numel()).clamp_min(0)[None, :, None, None].expand_as(z)
        back = back * (z > 0) if name == "guided_backprop" else back
        wanted = F.conv_transpose2d(back, own.first.weight)
    np.testing.assert_allclose(found.values, wanted, rtol=1e-3, atol=1e-6)


def test_a_smooth_activation_is_said() -> None:
    found = pellucid.explain(network("residual"), images(), "guided_backprop", 1)
    assert found.receipt.notes == ("silu: not a ReLU, for which the rule was made",)
    clean = pellucid.explain(network("modules"), images(), "guided_backprop", 1)
    assert clean.receipt.notes == ()
