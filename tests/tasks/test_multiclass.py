"""Classes that exclude each other: one softmax, or each against the rest."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from pellucid.core.errors import BadInput
from tasks.labelled import fit, scores, task

FRUIT = {"fruit": ["apple", "pear", "plum", "apple", ""]}


def test_one_against_the_rest_is_a_sigmoid_a_class() -> None:
    t = task("multiclass", FRUIT, encoding="one_vs_rest")
    target, output = t.encode(FRUIT), torch.randn(5, 3, requires_grad=True)
    assert t.output == "multilabel"
    loss = t.loss(output, target)
    wanted = F.binary_cross_entropy_with_logits(output[:4], torch.eye(3)[target[:4]], reduction="none").sum(1)
    torch.testing.assert_close(loss[:4], wanted)
    loss.sum().backward()
    assert loss[4] == 0
    assert output.grad[4].abs().max() == 0
    p = t.probabilities(output.detach())
    shares = output.detach().sigmoid()
    torch.testing.assert_close(p, shares / shares.sum(1, keepdim=True))
    np.testing.assert_array_equal(t.decide(p.numpy(), {}), output.detach().argmax(1))
    assert torch.isfinite(t.probabilities(torch.full((1, 3), -200.0))).all()
    weighed = task("multiclass", FRUIT, encoding="one_vs_rest", balance="classes")
    torch.testing.assert_close(weighed.loss(output, target)[:4], wanted * torch.tensor([2 / 3, 4 / 3, 4 / 3, 2 / 3]))
    smooth = task("multiclass", FRUIT, encoding="one_vs_rest", smoothing=0.3)
    soft = torch.eye(3)[target[:4]] * 0.7 + 0.1
    wanted = F.binary_cross_entropy_with_logits(output[:4], soft, reduction="none").sum(1)
    torch.testing.assert_close(smooth.loss(output, target)[:4], wanted)


def test_softmax_and_one_against_the_rest_learn_what_can_be_told_apart() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(600, 2))
    columns = {"c": [str(i) for i in (np.arctan2(x[:, 1], x[:, 0]) // (2 * np.pi / 3)).astype(int)]}
    x = torch.tensor(x, dtype=torch.float32)
    for encoding in ("softmax", "one_vs_rest"):
        t = task("multiclass", columns, encoding=encoding)
        target = t.encode(columns)
        found = scores(t, fit(t, x[:300], target[:300], decay=1e-4), x[300:], target[300:])
        assert found["accuracy"] > 0.9, encoding


def test_a_cell_that_is_no_class_is_told() -> None:
    with pytest.raises(BadInput, match="column 'fruit' holds 'grape'"):
        task("multiclass", FRUIT).encode({"fruit": ["grape"]})
