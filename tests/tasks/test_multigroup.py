"""Several exclusive groups at once: each has a softmax, or their combinations have one."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import nets
import pellucid
from pellucid.core.errors import BadInput
from pellucid.models.heads import Head, with_head
from tasks.labelled import task

VEHICLES = {
    "type": ["van", "car", "van", "bus", "", "car", ""],
    "make": ["Alba", "Brio", "Brio", "", "Alba", "Alba", ""],
}
LABELS = ("type: bus", "type: car", "type: van", "make: Alba", "make: Brio")


def test_a_softmax_a_group() -> None:
    t = task("multigroup", VEHICLES)
    assert t.classes == t.outputs == LABELS
    assert t.groups == (3, 2)
    assert t.head == Head("linear", 5)
    assert t.decided == ("type", "make")
    target = t.encode(VEHICLES)
    assert target.tolist() == [[2, 0], [1, 1], [2, 1], [0, -1], [-1, 0], [1, 0], [-1, -1]]
    assert [t.say(row) for row in target[[0, 3, 6]].numpy()] == [
        "van, Alba",
        "bus, make unknown",
        "type unknown, make unknown",
    ]
    output = torch.randn(7, 5)
    p = t.probabilities(output).numpy()
    np.testing.assert_allclose(p[:, :3].sum(1), 1, rtol=1e-6)
    np.testing.assert_array_equal(t.decide(p, t.rule), np.stack([p[:, :3].argmax(1), p[:, 3:].argmax(1)], 1))


def test_the_loss_is_the_sum_of_the_groups_that_are_known() -> None:
    t = task("multigroup", VEHICLES)
    target, output = t.encode(VEHICLES), torch.randn(7, 5, requires_grad=True)
    loss = t.loss(output, target)
    kinds = F.cross_entropy(output[:, :3], target[:, 0].clamp(min=0), reduction="none")
    makes = F.cross_entropy(output[:, 3:], target[:, 1].clamp(min=0), reduction="none")
    torch.testing.assert_close(loss[:3], (kinds + makes)[:3])
    torch.testing.assert_close(loss[3:5], torch.stack([kinds[3], makes[4]]))
    loss.sum().backward()
    assert loss[6] == 0
    assert output.grad[6].abs().max() == 0
    assert output.grad[3, 3:].abs().max() == output.grad[4, :3].abs().max() == 0
    assert (output.grad[3, :3] != 0).all()


def test_the_power_set_of_groups() -> None:
    t = task("multigroup", VEHICLES, encoding="power_set")
    assert t.outputs == ("van + Brio", "van + Alba", "car + Brio", "car + Alba")
    assert t.classes == (*LABELS, *t.outputs)
    assert t.groups == ()
    assert "4 of 6 combinations" in t.notes[0]
    target, output = t.encode(VEHICLES), torch.randn(7, 4, dtype=torch.float64, requires_grad=True)
    loss = t.loss(output, target)
    loss.sum().backward()
    p = output.detach().softmax(1)
    torch.testing.assert_close(loss[0], -p[0, 1].log())
    assert loss[3] == 0  # no combination with a bus was seen
    torch.testing.assert_close(loss[4], -(p[4, 1] + p[4, 3]).log())  # an Alba of unknown type
    assert loss[6] == 0
    assert output.grad[[3, 6]].abs().max() == 0
    told = t.probabilities(output.detach()).numpy()
    np.testing.assert_allclose(told[:, 2], p[:, 0] + p[:, 1])
    np.testing.assert_array_equal(told[:, 0], 0)
    assert [t.say(d) for d in t.decide(told, {})] == [t.outputs[i].replace(" + ", ", ") for i in p.argmax(1)]
    each = task("multigroup", VEHICLES, encoding="power_set", decision="each").decide(told, {})
    np.testing.assert_array_equal(each, np.stack([told[:, :3].argmax(1), told[:, 3:5].argmax(1)], 1))


def test_a_combination_that_was_never_seen_counts_as_a_mistake() -> None:
    t = task("multigroup", VEHICLES, encoding="power_set")
    other = {"type": ["bus", "van"], "make": ["Brio", "Alba"]}
    p = t.probabilities(torch.tensor([[9.0, 0, 0, 0], [0, 9, 0, 0]])).numpy()
    found = t.scores(t.encode(other).numpy(), p)
    assert found["subset_accuracy"] == 0.5
    assert found["accuracy: make"] == 1.0
    assert found["accuracy: type"] == 0.5


def test_a_network_with_groups_says_what_the_task_says() -> None:
    t = task("multigroup", VEHICLES)
    headed = with_head(nets.network("modules"), t.head, seed=1)
    net = dataclasses.replace(headed, classes=t.outputs, output=t.output, groups=t.groups)
    x = nets.images(4)
    with torch.no_grad():
        output = net.module.eval()(x)
    p = t.probabilities(output)
    torch.testing.assert_close(net.probabilities(output), p)
    for best, decision in zip(net.predict(x), t.decide(p.numpy(), t.rule), strict=True):
        named = {name.partition(": ")[2] for _, name, _ in best[:2]}
        assert named == set(t.say(decision).split(", "))
    assert pellucid.explain(net, x, "gradient", "make: Brio").target[0] == "make: Brio"


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ({"type": ["a", "b"]}, {}, "learns several columns, and 'type' is one"),
        ({"type": ["a", "b"], "make": ["x", "x"]}, {}, "column 'make' holds one class alone"),
        (VEHICLES, {"decision": "likeliest"}, "separate softmaxes know no combinations"),
        ({"a": ["x", "y", "", ""], "b": ["", "", "u", "v"]}, {"encoding": "power_set"}, "all its labels known"),
    ],
)
def test_mistakes(columns: dict, options: dict, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        task("multigroup", columns, **options)


def test_unknown_cells_of_other_data_are_told() -> None:
    with pytest.raises(BadInput, match="column 'make' holds 'Albo', which is none of the classes; did you mean 'Alba'"):
        task("multigroup", VEHICLES).encode({"type": ["van"], "make": ["Albo"]})
