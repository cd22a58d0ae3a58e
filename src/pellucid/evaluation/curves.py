"""What becomes of the answer while pixels go, or come, in the order of a map (Petsiuk et al. 2018)."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from pellucid.core.errors import BadInput
from pellucid.evaluation.bench import Bench
from pellucid.models.baselines import baseline_of

#: What takes a pixel's place: as ``models/baselines.py``, and noise of the picture's own colours.
Blank = Literal["mean", "blur", "noise", "zero", "black"]


def blank(bench: Bench, name: Blank) -> Tensor:
    """What each picture is without its pixels: as ``bench.x``; the same for all methods."""
    return bench.once(("blank", name), lambda: _blank(bench, name))


def _blank(bench: Bench, name: Blank) -> Tensor:
    if name != "noise":
        # A picture at a time: a blur of a tenth of the picture takes memory.
        return torch.cat([baseline_of(bench.network, each, name) for each in bench.x.split(8)]).contiguous()
    drawn = torch.randn(bench.x.shape, generator=bench.generator("noise"), dtype=torch.float32).to(bench.x)
    return bench.x.mean((2, 3), keepdim=True) + drawn * bench.x.std((2, 3), keepdim=True)


def curve(bench: Bench, maps: Tensor, *, towards: Literal["full", "blank"], baseline: Blank, steps: int) -> Tensor:
    """The output's probability at each share 0, 1/steps … 1 of pixels, the map's strongest first: [n, steps + 1].

    towards: "full" starts with nothing and shows pixels (insertion), "blank" starts with the picture and takes them
    (deletion). A network of values has no probability: its value is read.
    """
    if steps < 1:
        raise BadInput(f"{steps} steps", cure="pass at least 1")
    ranks, n = _ranks(bench, maps), len(bench)
    first, last = (_ends(bench, baseline), bench.chance)[:: 1 if towards == "full" else -1]
    shares = torch.arange(1, steps) / steps
    rows = torch.arange(n).repeat_interleave(steps - 1)
    start, end = (blank(bench, baseline), bench.x)[:: 1 if towards == "full" else -1]

    def changed(places: Tensor, which: Tensor) -> Tensor:
        count = (shares[places % (steps - 1)] * ranks[0].numel()).round()
        taken = (ranks[which] < count[:, None, None]).to(start.device)
        return torch.where(taken[:, None], end[which], start[which])

    between = bench.asked(rows, changed, of="chance").view(n, steps - 1)
    return torch.cat([first[:, None], between, last[:, None]], 1)


def area(values: Tensor) -> Tensor:
    """The mean height of curves [n, steps + 1], by the trapezoid rule: [n]."""
    return torch.trapezoid(values, dx=1 / (values.shape[1] - 1), dim=1)


def _ends(bench: Bench, baseline: Blank) -> Tensor:
    every, empty = torch.arange(len(bench)), blank(bench, baseline)
    asked = lambda: bench.asked(every, lambda _, rows: empty[rows], of="chance")  # noqa: E731
    return bench.once(("chance of blank", baseline), asked)


def _ranks(bench: Bench, maps: Tensor) -> Tensor:
    """Each pixel's place, 0 the strongest: int32 [n, H, W]. Equals stand in a drawn order, the same for all methods."""
    n, height, width = maps.shape
    ranks = np.empty((n, height * width), np.int32)
    for i, one in enumerate(maps.flatten(1).double().numpy()):
        chance = torch.rand(len(one), generator=bench.generator("ties", i)).numpy()
        ranks[i, np.lexsort((chance, -one))] = np.arange(len(one), dtype=np.int32)
    return torch.from_numpy(ranks).view(n, height, width)
