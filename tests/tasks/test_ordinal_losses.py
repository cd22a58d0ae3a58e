"""The losses for grades: against other libraries, against literal ones, and the laws that they obey."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from coral_pytorch.dataset import corn_label_from_logits, levels_from_labelbatch, proba_to_label
from coral_pytorch.layers import CoralLayer
from coral_pytorch.losses import coral_loss, corn_loss
from dlordinal import losses as theirs
from dlordinal.output_layers import CLM
from dlordinal.soft_labelling import (
    get_binomial_soft_labels,
    get_exponential_soft_labels,
    get_triangular_soft_labels,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import Tensor, nn
from torch.nn import functional as F

from pellucid.core.errors import BadInput
from pellucid.models.heads import Head, Offsets, OneScore, Thresholds, head_place, make_head, with_head
from pellucid.models.inputs import InputSpec
from pellucid.models.network import Network
from pellucid.models.open import open as open_network
from pellucid.tasks.grading import coral, corn, cumulative, distance, emd, regression, soft
from pellucid.tasks.grading.ways import WAYS
from pellucid.tasks.task import MISSING
from tasks.grades import PLACES, task, trained, world

ALL = sorted(WAYS)
DISTANCES = torch.from_numpy(np.abs(PLACES[:, None] - PLACES))
Y = torch.tensor([0, 3, 1, 4, 2, 2, 0, 4])


def scores(outputs: int, seed: int = 0, scale: float = 2.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(len(Y), outputs, generator=generator, dtype=torch.float64) * scale


# -- other libraries --------------------------------------------------------------------------------


def test_coral_is_that_of_its_authors() -> None:
    levels = torch.tensor([[1.0, 1, 0, 0], [1, 0, 0, 0], [1, 1, 1, 1]])
    logits = torch.tensor([[2.1, 1.8, -2.1, -1.8], [1.9, -1.0, -1.5, -1.3], [1.9, 1.8, 1.7, 1.6]])
    own = coral.coral(logits, levels.sum(1).long())
    assert float(own.mean()) == pytest.approx(0.6920, abs=5e-5)  # their docstring's example
    assert torch.allclose(own, coral_loss(logits, levels, reduction=None))
    o = scores(4)
    assert torch.allclose(coral.coral(o, Y), coral_loss(o, levels_from_labelbatch(Y, 5).double(), reduction=None))


def test_corn_is_that_of_its_authors_but_for_the_number_of_terms() -> None:
    o = scores(4)
    terms = (Y.clamp(max=3) + 1).sum()
    assert float(corn.corn(o, Y).sum() / terms) == pytest.approx(float(corn_loss(o, Y, 5)))
    assert float(corn.corn(o, Y).sum() / terms) == pytest.approx(float(theirs.CORNLoss(5)(o, Y)))


def test_medians_are_the_labels_of_their_authors() -> None:
    """Counting P(y > k) > ½, as coral-pytorch decides, is the median."""
    o = scores(4, seed=3).sort(1, descending=True).values
    made = task("coral")
    assert made.decide(made.probabilities(o).numpy(), {"decide": "median"}).tolist() == (
        proba_to_label(o.sigmoid()).tolist()
    )
    o, made = scores(4, seed=4), task("corn")
    assert (
        made.decide(made.probabilities(o).numpy(), {"decide": "median"}).tolist() == corn_label_from_logits(o).tolist()
    )


def test_distance_weighted_squared_emd_and_soft_labels_are_those_of_dlordinal() -> None:
    o = scores(5)
    for power in (0.5, 1.0, 2.0):
        own = distance.distance_by_class(o, Y, DISTANCES**power).mean()
        assert float(own) == pytest.approx(float(theirs.CDWCELoss(5, alpha=power)(o, Y)), rel=1e-6)
    assert float(emd.squared_emd(o, Y, torch.ones(4)).mean()) == pytest.approx(float(theirs.EMDLoss(5)(o, Y)))
    labels = soft.exponential(DISTANCES.numpy(), 1.7)
    own = soft.soft_labels(o, Y, torch.from_numpy(labels)).mean()
    assert float(own) == pytest.approx(float(theirs.SORDLoss(1.7, 5, Y)(o, Y)))
    for name, matrix in (("Exponential", soft.exponential(DISTANCES.numpy(), 1.0)), ("Binomial", soft.binomial(5))):
        their = getattr(theirs, f"{name}Loss")(nn.CrossEntropyLoss(), 5)
        own = soft.soft_labels(o, Y, torch.from_numpy(matrix)).mean()
        assert float(own) == pytest.approx(float(their(o.float(), Y)), rel=1e-5)


@pytest.mark.parametrize("levels", [3, 5, 9])
def test_soft_labels_are_those_of_dlordinal(levels: int) -> None:
    ranks = np.arange(levels)
    distances = np.abs(ranks[:, None] - ranks)
    assert np.allclose(soft.exponential(distances, 0.5), get_exponential_soft_labels(levels, tau=2.0))
    assert np.allclose(soft.exponential(distances**2, 1.0), get_exponential_soft_labels(levels, p=2.0))
    assert np.allclose(soft.binomial(levels), get_binomial_soft_labels(levels))
    for share in (0.01, 0.05, 0.12):
        own, their = soft.triangular(levels, share), get_triangular_soft_labels(levels, share)
        assert np.allclose(own[:-1], their[:-1], atol=1e-6)  # theirs gives the last level another width than the first
        assert np.allclose(own, own[::-1, ::-1])


def test_the_cumulative_link_is_that_of_dlordinal() -> None:
    """Its cutpoints are squares summed up instead of softplus; with the same cutpoints the model is the same."""
    layer = CLM(5, "logit")
    with torch.no_grad():
        layer.thresholds_b_.fill_(-1.5)
        layer.thresholds_a_.copy_(torch.tensor([1.0, 0.5, 1.2]))
    cut = torch.tensor([-1.5, -0.5, -0.25, 1.19])
    score = torch.linspace(-3, 3, 8)[:, None]
    own = cumulative.cumulative_probabilities(score - cut)
    assert torch.allclose(own, layer(score), atol=1e-6)
    assert torch.allclose(cumulative.cumulative(score - cut, Y), -layer(score)[range(8), Y].log(), atol=1e-4)


# -- literal ones -----------------------------------------------------------------------------------


def literal(loss: str, o: np.ndarray, y: int) -> float:
    """Each loss as its paper writes it, for one item, in loops."""
    up = lambda z: 1 / (1 + math.exp(-z))  # noqa: E731
    p = [math.exp(v) / sum(math.exp(w) for w in o) for v in o]
    above = [up(v) for v in o]
    if loss == "cross_entropy":
        return -math.log(p[y])
    if loss == "distance_by_class":
        return -sum(abs(k - y) * math.log(1 - p[k]) for k in range(5))
    if loss == "distance_by_decision":
        return -(1 + abs(p.index(max(p)) - y)) * math.log(p[y])
    if loss in ("soft_exponential", "soft_gaussian"):
        heights = [math.exp(-2 * abs(k - y) ** (1 + (loss == "soft_gaussian"))) for k in range(5)]
        return -sum(h / sum(heights) * math.log(q) for h, q in zip(heights, p, strict=True))
    if loss == "soft_binomial":
        at = 0.1 + 0.2 * y
        return -sum(math.comb(4, k) * at**k * (1 - at) ** (4 - k) * math.log(p[k]) for k in range(5))
    if loss == "soft_triangular":
        outer = get_triangular_soft_labels(5, 0.05)[0, 1]
        beside = {k: outer if y in (0, 4) else 0.05 for k in (y - 1, y + 1) if 0 <= k < 5}
        return -sum(v * math.log(p[k]) for k, v in (beside | {y: 1 - sum(beside.values())}).items())
    if loss == "coral":
        return -sum(math.log(above[k] if y > k else 1 - above[k]) for k in range(4))
    if loss == "corn":
        return -sum(math.log(above[k] if y > k else 1 - above[k]) for k in range(4) if y >= k)
    if loss == "cumulative":
        bounds = [1.0, *above, 0.0]
        return -math.log(bounds[y] - bounds[y + 1])
    if loss == "emd":
        return sum((sum(p[: k + 1]) - (y <= k)) ** 2 for k in range(5))
    place = (y - 2) / math.sqrt(2)  # of levels that are equally frequent
    return (o[0] - place) ** 2 if loss == "regression" else abs(o[0] - place)


@pytest.mark.parametrize("loss", ALL)
def test_each_loss_is_its_literal_form(loss: str) -> None:
    made = task(loss)
    o = scores(made.head.outputs, seed=1)
    if loss == "cumulative":
        o = o.sort(1, descending=True).values
    own = made.loss(o, Y)
    assert own.tolist() == pytest.approx([literal(loss, row.numpy(), int(y)) for row, y in zip(o, Y, strict=True)])


# -- laws -------------------------------------------------------------------------------------------


def outputs_for(loss: str, p: Tensor) -> Tensor:
    """The outputs that say the probabilities p [levels]."""
    above = p.flip(0).cumsum(0).flip(0)
    if loss in ("coral", "cumulative"):
        return torch.logit(above[1:])
    return torch.logit(above[1:] / above[:-1]) if loss == "corn" else p.log()


@pytest.mark.parametrize("loss", [name for name in ALL if not name.startswith("regression")])
def test_probabilities_come_back(loss: str) -> None:
    p = torch.tensor([0.1, 0.3, 0.2, 0.35, 0.05], dtype=torch.float64)
    assert torch.allclose(task(loss).probabilities(outputs_for(loss, p)[None])[0], p)


@pytest.mark.parametrize("loss", ALL)
def test_missing_targets_cost_nothing_and_the_order_of_a_batch_is_nothing(loss: str) -> None:
    made = task(loss)
    o, y = scores(made.head.outputs).requires_grad_(), Y.clone()
    y[2] = MISSING
    each = made.loss(o, y)
    each.sum().backward()
    each = each.detach()
    assert float(each[2]) == 0
    assert not o.grad[2].any()
    assert o.grad[[0, 1, 3]].any(1).all()
    order = torch.tensor([5, 2, 7, 0, 1, 6, 4, 3])
    assert torch.equal(made.loss(o.detach()[order], y[order]), each[order])
    everything = torch.full_like(Y, MISSING)
    assert not made.loss(o, everything).any()


@pytest.mark.parametrize("loss", ALL)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_extreme_outputs_give_finite_losses_and_gradients(loss: str, dtype: torch.dtype) -> None:
    made = task(loss)
    k = made.head.outputs
    ends = torch.linspace(1, -1, k) if k > 1 else torch.ones(1)
    rows = [s * torch.ones(k) for s in (-1e4, 0.0, 1e4)] + [s * ends for s in (-1e4, 1e4)]
    o = torch.stack([row for row in rows for _ in range(5)]).to(dtype).requires_grad_()
    each = made.loss(o, torch.arange(5).repeat(len(rows)))
    each.sum().backward()
    assert each.isfinite().all()
    assert o.grad.isfinite().all()
    assert made.probabilities(o.detach()).isfinite().all()


@pytest.mark.parametrize("loss", ALL)
def test_a_perfect_answer_has_the_smallest_loss(loss: str) -> None:
    """Of outputs that are sure of a level the right one's is the smallest, and none of many at random is below."""
    made = task(loss)
    certain = made.probabilities  # for its shape below
    k = made.head.outputs
    for y in range(5):
        if k == 1:
            best = torch.tensor([[(y - 2) / math.sqrt(2)]])
        elif made.output == "multilabel":
            best = torch.where(torch.arange(4) < y, 12.0, -12.0)[None] + torch.linspace(0.1, -0.1, 4)
        elif loss.startswith("soft"):
            label = {"exponential": soft.exponential(DISTANCES.numpy(), 2.0), "binomial": soft.binomial(5)}
            label |= {"gaussian": soft.exponential(DISTANCES.numpy() ** 2, 2.0), "triangular": soft.triangular(5, 0.05)}
            best = torch.from_numpy(label[loss[5:]][y]).clamp(min=1e-12).log()[None]
        else:
            best = torch.where(torch.arange(5) == y, 12.0, -12.0)[None]
        generator = torch.Generator().manual_seed(y)
        others = torch.randn(500, k, generator=generator) * 4
        if loss == "cumulative":
            others = others.sort(1, descending=True).values
        least = float(made.loss(best, torch.tensor([y])))
        assert least <= float(made.loss(others, torch.full((500,), y)).min()) + 1e-4
        assert certain(best).argmax() == y


logits = arrays(np.float32, (3, 4), elements=st.floats(-1e4, 1e4, width=32))


@given(logits)
@settings(max_examples=150, deadline=None)
def test_above_never_rises_with_the_level(o: np.ndarray) -> None:
    """Any outputs of CORN, any score and steps of the cumulative link's head: P(y > k) falls or stays."""
    p = corn.corn_probabilities(torch.from_numpy(o))
    head = Thresholds(4)
    with torch.no_grad():
        head.first.copy_(torch.from_numpy(o[0, :1]))
        head.steps.copy_(torch.from_numpy(o[0, 1:]))
        from_head = head(torch.from_numpy(o[1:, :1]))
    assert bool((from_head.diff(dim=1) <= 0).all())
    for rows in (p, cumulative.cumulative_probabilities(from_head), coral_like(o)):
        above = 1 - rows.double().cumsum(1)
        assert bool((above.diff(dim=1) <= 1e-6).all())
        assert bool((rows >= 0).all())
        assert torch.allclose(rows.sum(1), torch.ones(len(rows)), atol=1e-5)


def coral_like(o: np.ndarray) -> Tensor:
    """CORAL's probabilities of offsets that need not be in order."""
    return cumulative.cumulative_probabilities(torch.from_numpy(o))


def test_unordered_coral_is_cut_off_and_made_to_sum_to_one() -> None:
    above = torch.tensor([[0.5, 0.7, 0.2, 0.1]])  # rises from 0.5 to 0.7, so level 1 would have −0.2
    assert torch.allclose(cumulative.from_cumulative(above), torch.tensor([[0.5, 0.0, 0.5, 0.1, 0.1]]) / 1.2)


def test_triangles_that_reach_further_than_the_neighbours_are_refused() -> None:
    assert soft.triangular(5, 2 / 9)[2].tolist() == pytest.approx([0, 2 / 9, 5 / 9, 2 / 9, 0])
    with pytest.raises(BadInput, match="from 0 to 2/9"):
        soft.triangular(5, 0.23)


def test_neighbours_share_the_number_between_them() -> None:
    standard = torch.tensor([-1.0, 0.0, 2.0])
    output = torch.tensor([[-9.0], [-1.0], [-0.25], [0.5], [2.0], [9.0]])
    wanted = [[1, 0, 0], [1, 0, 0], [0.25, 0.75, 0], [0, 0.75, 0.25], [0, 0, 1], [0, 0, 1]]
    assert regression.by_neighbours(output, standard).tolist() == wanted


# -- heads ------------------------------------------------------------------------------------------


def test_heads_begin_in_order_and_corals_as_that_of_its_authors() -> None:
    their = CoralLayer(6, 5)
    own = make_head(Head("coral", 4), 6)
    assert torch.allclose(own[1](torch.zeros(1, 1))[0], their.coral_bias)
    assert sum(p.numel() for p in own.parameters()) == sum(p.numel() for p in their.parameters()) == 6 + 4
    for count in (1, 2, 4, 9):
        for offsets in (Offsets(count), Thresholds(count)):
            begun = offsets(torch.zeros(1, 1))[0]
            assert begun.shape == (count,)
            assert bool((begun.diff() < 0).all())
    assert torch.allclose(Thresholds(5)(torch.zeros(1, 1)), torch.tensor([[1.0, 0.5, 0.0, -0.5, -1.0]]))


def test_a_head_is_one_place_that_another_head_can_take() -> None:
    network = open_network("perceptron:8x1", input=InputSpec.matrix(4, 4, 1), weights="none")
    for kind in ("coral", "cumulative", "linear", "cumulative"):
        network = with_head(network, Head(kind, 4), seed=1)
        assert head_place(network).name == "classifier"
        assert isinstance(network.module.classifier, nn.Linear if kind == "linear" else OneScore)
        assert isinstance(network, Network)
        assert network(network.probe(2)).shape == (2, 4)


def test_cutpoints_stay_in_order_while_they_learn_and_find_the_planted_ones() -> None:
    """Planted −1.5, −0.5, 0.8, 2.5 with 4 000 items; a level that nobody has makes two cutpoints meet, not cross."""
    x, _, y = world("one score", 4000, np.random.default_rng(0))
    made = task("cumulative")
    head = trained(made, x, y, seed=0, decay=0.0)
    cut = -head[1](torch.zeros(1, 1))[0].detach()
    assert cut.tolist() == pytest.approx([-1.5, -0.5, 0.8, 2.5], abs=0.2)
    y = np.where(y == 2, 1, y)
    head = trained(made, x, y, seed=0, decay=0.0)
    cut = -head[1](torch.zeros(1, 1))[0].detach()
    assert bool((cut.diff() >= 0).all())
    assert float(cut.diff()[1]) < 0.05


def test_adam_moves_the_offsets_in_time() -> None:
    """A perceptron on one score, 13 batches an epoch, 8 epochs of AdamW at 3e-3: held-out MAE, three paired seeds.

    With offsets as fast as weights it was 0.357 (cumulative) and 0.633 (CORAL); cross entropy has 0.332.
    """
    for loss, most in (("cumulative", 0.345), ("coral", 0.4)):
        found = []
        for seed in range(3):
            rng, made = np.random.default_rng(seed), task(loss)
            x = rng.standard_normal((4800, 8))
            size = 8 + 3.5 * np.tanh(x[:, 0] + 0.3 * x[:, 1]) + rng.normal(0, 0.7, 4800)
            x, y = torch.tensor(x, dtype=torch.float32), torch.from_numpy(np.digitize(size, [5, 7, 9, 11]))
            torch.manual_seed(seed)
            module = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), make_head(made.head, 64))
            optimizer = torch.optim.AdamW(module.parameters(), lr=3e-3)
            for _ in range(8):
                for rows in torch.randperm(800).tensor_split(13):
                    optimizer.zero_grad()
                    made.loss(module(x[rows]), y[rows]).mean().backward()
                    optimizer.step()
            with torch.no_grad():
                p = made.probabilities(module(x[800:])).numpy()
            found.append(made.scores(y[800:].numpy(), p)["mae"])
        assert np.mean(found) < most, (loss, found)


def test_large_steps_of_an_optimizer_keep_the_order_too() -> None:
    x, _, y = world("one score", 200, np.random.default_rng(1))
    made, target = task("cumulative"), torch.from_numpy(y[::-1].copy())  # labels that fit nothing
    torch.manual_seed(0)
    head = make_head(made.head, x.shape[1])
    optimizer = torch.optim.SGD(head.parameters(), lr=5.0)  # far too large, so steps jump about
    for _ in range(50):
        optimizer.zero_grad()
        made.loss(head(x), target).mean().backward()
        optimizer.step()
        assert bool((head(x[:1]).diff(dim=1) <= 0).all())


def test_two_levels_are_the_binary_task() -> None:
    """Every loss that learns probabilities is log loss for two levels (squared for EMD)."""
    z, y = torch.tensor([[0.7], [-1.2]]), torch.tensor([1, 0])
    binary = F.binary_cross_entropy_with_logits(z[:, 0], y.float(), reduction="none")
    for loss in ("coral", "corn", "cumulative"):
        assert torch.allclose(task(loss, ("0", "1")).loss(z, y), binary), loss
    two = torch.cat([torch.zeros(2, 1), z], 1)
    for loss in ("cross_entropy", "distance_by_class"):
        assert torch.allclose(task(loss, ("0", "1")).loss(two, y), binary), loss
    assert torch.allclose(task("emd", ("0", "1")).loss(two, y), (z[:, 0].sigmoid() - y) ** 2)


def test_crossed_cutpoints_are_parted_again() -> None:
    """Free outputs that begin crossed or equal find the order, because the loss goes on as a straight line there."""
    o = torch.tensor([[0.0, 0.0, 0.0, 0.0], [-1.0, 0.0, 1.0, 2.0]], requires_grad=True)
    optimizer = torch.optim.SGD([o], lr=1e-4)
    for _ in range(300):
        optimizer.zero_grad()
        cumulative.cumulative(o, torch.tensor([2, 2])).sum().backward()
        optimizer.step()
    assert bool((o[:, 1] > o[:, 2]).all())
