"""Tag sets as points: each tag has a vector, a set is the mean of its tags', and the network gives a point.

The vectors are not learnt with the network but fixed before, from which tags go together in the training items: the
positive pointwise mutual information of tags, reduced by its singular values (Bullinaria & Levy 2007), to length 1.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from torch import Tensor

from pellucid.models.heads import Head
from pellucid.tasks.labelling.decisions import above
from pellucid.tasks.labelling.seen import Seen, shares
from pellucid.tasks.labelling.way import Way

#: More numbers than these are not given to a tag unless asked for.
MOST = 64

#: Sets whose points are nearer than this cannot be told apart.
SAME = 1e-4


def tag_vectors(seen: Seen, dimension: int) -> np.ndarray:
    """A vector of length 1 for each tag, float32 [tags, dimension]; 0 for a tag that no item has.

    PMI(a, b) = log(n_ab · (n + 1) / (n_a · n_b)), negative ones as 0; a tag goes with itself n_a times, so that tags
    that never meet stand at a right angle. Of M = Q Λ Qᵀ the vectors are Q √|Λ| of the largest |Λ|.
    """
    together = seen.members.T @ (seen.members * seen.counts[:, None])
    alone = np.diag(together)
    expected = np.outer(alone, alone) / (seen.counts.sum() + 1)
    ratio = np.divide(together, expected, out=np.ones_like(together), where=together > 0)
    values, directions = np.linalg.eigh(np.log(np.maximum(ratio, 1.0)))
    best = np.argsort(-np.abs(values), kind="stable")[:dimension]
    directions = directions[:, best] * np.sqrt(np.abs(values[best]))
    largest = np.take_along_axis(directions, np.abs(directions).argmax(0)[None], 0)
    directions = directions * np.where(largest < 0, -1.0, 1.0)  # or the sign would be the machine's
    length = np.linalg.norm(directions, axis=1, keepdims=True)
    return np.divide(directions, length, out=np.zeros_like(directions), where=length > 1e-9).astype(np.float32)


def with_nothing(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The tags' vectors with one more dimension, and the vector of an item without tags, which points along it."""
    wider = np.pad(vectors, ((0, 0), (0, 1)))
    return wider, np.eye(wider.shape[1], dtype=np.float32)[-1]


def embedding(labels: tuple[str, ...], seen: Seen, dimension: int, *, greedy: bool) -> Way:
    """The squared distance to the set's point is learnt; the nearest set that was seen is the decision, or (greedy) a
    set that is put together tag by tag, and need not have been seen.

    Probabilities are scores, a softmax of squared distances whose unit is that between neighbours among seen sets: they
    put labels in an order, and are not calibrated.
    """
    size = min(dimension or MOST, len(labels))
    vectors, nothing = with_nothing(tag_vectors(seen, size))
    tags, none = torch.from_numpy(vectors), torch.from_numpy(nothing)
    members = torch.from_numpy(seen.members)
    points = means_of(members, tags, none)
    unit, same = _spacing(points)

    def loss(output: Tensor, target: Tensor) -> Tensor:
        there = target.nan_to_num(0.0).to(output.dtype)
        away = (output - means_of(there, tags.to(output), none.to(output))).square().sum(1)
        return torch.where(target.isnan().any(1), 0.0, away)

    def nearest(output: Tensor) -> Tensor:
        return shares(-_squared_distances(output, points.to(output)) / unit, members.to(output))

    def grown(output: Tensor) -> Tensor:
        return greedy_shares(output, seen, tags.to(output), none.to(output), unit)

    def taken(given: np.ndarray, rule: object) -> np.ndarray:
        return seen.members[given[:, len(labels) :].argmax(1)].astype(np.int64)

    return Way(
        head=Head("linear", len(nothing)),
        output="values",
        outputs=None,
        classes=labels if greedy else (*labels, *seen.names),
        loss=loss,
        probabilities=grown if greedy else nearest,
        decisions={"greedy": cut} if greedy else {"nearest": taken, "f1": partial(above, labels)},
        notes=_notes(seen, size, same),
    )


def means_of(there: Tensor, tags: Tensor, none: Tensor) -> Tensor:
    """The mean of the vectors of each item's tags; there: 0 or 1, [n, tags]. An item without any is at ``none``."""
    count = there.sum(1, keepdim=True)
    return torch.where(count > 0, there @ tags / count.clamp(min=1), none)


def _squared_distances(a: Tensor, b: Tensor) -> Tensor:
    return (a.square().sum(1)[:, None] - 2 * a @ b.T + b.square().sum(1)).clamp(min=0)


def _spacing(points: Tensor) -> tuple[float, int]:
    """The mean squared distance of sets to their nearest neighbour, and how many share their point with another."""
    if len(points) == 1:
        return 1.0, 0
    away = _squared_distances(points, points).fill_diagonal_(torch.inf).amin(1)
    shared = away < SAME
    return (float(away[~shared].mean()) if not shared.all() else 1.0), int(shared.sum())


def greedy_shares(output: Tensor, seen: Seen, tags: Tensor, none: Tensor, unit: float) -> Tensor:
    """Add the tag that brings the mean nearest, up to the largest set seen: how far each step's set is from the output.

    A softmax of the steps' distances gives each tag the share of the steps that have it, [n, tags]. Tags that came
    later have less, so the steps' own shares are the drops from one tag to the next, and nothing is lost.
    """
    sizes, known = seen.members.sum(1), torch.from_numpy(seen.members.any(0))
    start = (output - none).square().sum(1) if (sizes == 0).any() else output.new_full((len(output),), torch.inf)
    distances, total = [start], torch.zeros_like(output)
    free = known.to(output.device).repeat(len(output), 1)
    added = []
    for size in range(1, int(sizes.max()) + 1):
        away = _squared_distances(size * output - total, tags) / size**2
        best = away.masked_fill(~free, torch.inf).argmin(1, keepdim=True)
        distances.append(away.gather(1, best)[:, 0])
        total, added = total + tags[best[:, 0]], [*added, best]
        free = free.scatter(1, best, False)
    steps = (-torch.stack(distances, 1) / unit).softmax(1)
    later = steps.flip(1).cumsum(1).flip(1)[:, 1:]
    empty = output.new_zeros(len(output), len(tags))
    return empty.scatter(1, torch.cat(added, 1), later.clamp(max=1.0)) if added else empty


def cut(shares: np.ndarray, rule: object) -> np.ndarray:
    """The greedy step whose set is nearest: the tags before the largest drop, int64 [n, tags]."""
    order = np.argsort(-shares, axis=1, kind="stable")
    falling = np.pad(np.take_along_axis(shares, order, 1), ((0, 0), (1, 1)), constant_values=((0, 0), (1, 0)))
    size = (falling[:, :-1] - falling[:, 1:]).argmax(1)
    decisions = np.empty(shares.shape, np.int64)
    np.put_along_axis(decisions, order, (np.arange(shares.shape[1]) < size[:, None]).astype(np.int64), 1)
    return decisions


def _notes(seen: Seen, size: int, same: int) -> tuple[str, ...]:
    notes = [f"{len(seen)} sets of tags are seen in training, as points of {size} numbers and one for 'no tag'"]
    if same:
        notes.append(f"{same} of them share their point with another and cannot be told apart; raise dimension")
    return tuple(notes)
