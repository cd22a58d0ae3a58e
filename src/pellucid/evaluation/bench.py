"""What explanations are scored on: a network, pictures as it is fed them, and what is known of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from typing import Any, Literal, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

from pellucid.core.errors import BadInput
from pellucid.models.network import Network, first_tensor
from pellucid.models.prepare import untouched

T = TypeVar("T")


class Explainer(Protocol):
    """A method as the evaluation room gets it: signed maps [n, H, W], float32 on the CPU, channels added up."""

    def __call__(self, network: Network, x: Tensor, targets: Tensor) -> Tensor:
        """network: any of the same outputs. x: [n, C, H, W]. targets: int64 [n], an output each."""


@dataclass(frozen=True, eq=False)
class Parts:
    """What a generator can render away.

    masks: bool [n, parts, H, W], a part's visible pixels; none where it is not in the picture. effects: float
    [n, parts], how far the explained value falls when the part is rendered away; NaN where it is not in the picture.
    noise: float [n], how far it moves when the scene is rendered with nothing that matters changed; None: not measured.
    decides: the parts that tell the label, where that is known.
    """

    names: tuple[str, ...]
    masks: np.ndarray
    effects: np.ndarray
    noise: np.ndarray | None = None
    decides: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Bench:
    """Everything that a score may look at; the same for all methods but for ``explain``.

    network: prepared (``network.prepared()``). x: [n, C, H, W], as it is fed. targets: int64 [n], the output that is
    explained for each picture. names: [n]. of: what is explained of it. pictures: uint8 [n, H, W, 3] for drawing.
    masks: bool [n, H, W] at the size of ``x``, what ought to decide; a picture without any has no True. groups: int
    [n], which pictures belong together (drawn together for intervals). parts: truth by rendering. explain: the method
    itself, for scores that explain again. original: the network before it was prepared, which methods are given and
    whose weights may be changed in copies. shuffled: the same network trained on shuffled labels. repeats: how many
    pictures, the first ones, are explained again by scores that do so. shared, own: what scores keep for all methods,
    and for the other scores of this one (``once``).
    """

    network: Network
    x: Tensor
    targets: Tensor
    names: tuple[str, ...]
    of: Literal["logit", "probability"] = "logit"
    pictures: np.ndarray | None = None
    masks: np.ndarray | None = None
    groups: np.ndarray | None = None
    parts: Parts | None = None
    explain: Explainer | None = None
    original: Network | None = None
    shuffled: Network | None = None
    repeats: int = 12
    seed: int = 0
    shared: dict[Any, Any] = field(default_factory=dict, repr=False)
    own: dict[Any, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        n, _, *size = self.x.shape
        fits = {
            "targets": tuple(self.targets.shape) == (n,),
            "names": len(self.names) == n,
            "masks": self.masks is None or self.masks.shape == (n, *size),
            "groups": self.groups is None or self.groups.shape == (n,),
            "parts": self.parts is None or self.parts.masks.shape == (n, len(self.parts.names), *size),
        }
        wrong = [name for name, fit in fits.items() if not fit]
        if wrong:
            raise BadInput(f"{wrong[0]} do not fit {n} pictures of {size[0]} × {size[1]}", where="Bench")

    def __len__(self) -> int:
        return len(self.x)

    def has(self, need: str) -> bool:
        """Whether it has what a score needs (a key of ``table.NEEDS``)."""
        return getattr(self, need) is not None

    def generator(self, *words: Any) -> torch.Generator:
        """Seeded by the bench's seed and these words alone, so every method meets the same draws."""
        key = f"{self.seed} {words}".encode()
        return torch.Generator().manual_seed(int.from_bytes(_digest(key), "big") >> 1)

    def once(self, key: Any, make: Callable[[], T], *, own: bool = False) -> T:
        """What ``make`` gives, made for the first method and kept for the others; ``own``: for this method alone."""
        kept = self.own if own else self.shared
        if key not in kept:
            kept[key] = make()
        return kept[key]

    def judging(self, explain: Explainer | None, *, repeats: int | None = None) -> Bench:
        """The same bench for another method."""
        return dataclasses.replace(self, explain=explain, own={}, repeats=repeats or self.repeats)

    @property
    def repeated(self) -> Tensor:
        """The numbers of the pictures that are explained again."""
        return torch.arange(min(self.repeats, len(self)))

    @property
    def source(self) -> Network:
        """The network that methods are given."""
        return self.original or self.network

    # -- what the network says ----------------------------------------------------------------------

    def asked(self, rows: Tensor, changed: Callable[[Tensor, Tensor], Tensor], *, of: str | None = None) -> Tensor:
        """The explained value of changed pictures: float64 [len(rows)], in batches that fit.

        rows: which picture each one is made of, repeats allowed. changed: takes a slice's places in ``rows`` and
        their pictures' numbers, gives these pictures [m, C, H, W], made only when their turn comes. of: what is
        asked, if not the bench's own ("chance": the output's probability where the network has one).
        """
        found = torch.empty(len(rows), dtype=torch.float64)
        with untouched(self.network.module), torch.no_grad():
            for places in self.batches(len(rows)):
                which = rows[places]
                output = first_tensor(self.network(changed(places, which)))
                found[places] = self.read(output, which, of=of).double().cpu()
        if not torch.isfinite(found).all():
            cure = "check the weights (pellucid health)"
            raise BadInput(
                "the network's answer to a changed picture is not finite", where=self.network.name, cure=cure
            )
        return found

    def batches(self, count: int) -> Iterator[Tensor]:
        """0…count − 1 in slices that fit into one pass each."""
        yield from torch.arange(count).split(self.network.batch_size(self.x, gradient=False))

    def read(self, output: Tensor, rows: Tensor, *, of: str | None = None) -> Tensor:
        """The explained value [m] from outputs [m, classes] of pictures ``rows``."""
        of = of or self.of
        if of == "chance":
            of = "logit" if self.network.output in ("values", "heatmaps") else "probability"
        if of == "probability":
            output = self.network.probabilities(output)
        return output.gather(1, self.targets[rows].to(output.device)[:, None])[:, 0]

    @cached_property
    def clean(self) -> Tensor:
        """The explained value of each picture as it is: float64 [n]."""
        return self.once("clean", lambda: self.asked(torch.arange(len(self)), lambda _, rows: self.x[rows]))

    @cached_property
    def chance(self) -> Tensor:
        """The output's probability for each picture as it is (its value, of a network of values): float64 [n]."""
        every = torch.arange(len(self))
        return self.once("chance", lambda: self.asked(every, lambda _, rows: self.x[rows], of="chance"))


def _digest(key: bytes) -> bytes:
    return blake2b(key, digest_size=8).digest()
