"""Occlusion: cover a window and see what becomes of the target."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid.attribution.passes import scores
from pellucid.attribution.table import Attribution, methods
from pellucid.attribution.target import Target
from pellucid.core.errors import BadInput
from pellucid.core.progress import track
from pellucid.models.baselines import Baseline, baseline_of
from pellucid.models.network import Network


@methods.register(
    "occlusion",
    group="attribution",
    source="arXiv:1311.2901",
    laws=frozenset({"linear_exact"}),
    cost="1 forward a window (169)",
    slow=True,
)
def occlusion(
    network: Network,
    x: Tensor,
    target: Target,
    *,
    window: int | None = None,
    stride: int | None = None,
    baseline: Baseline = "zero",
) -> Attribution:
    """How much the target falls when a window is covered, averaged over the windows that cover a pixel.

    window: its side in pixels (default: a seventh of the shorter side). stride: from one window to
    the next (default: half a window). baseline: what covers it: "zero", "mean", "blur", "black" or a
    number. All channels are covered together, so the map has one channel.
    """
    height, width = x.shape[-2:]
    window = max(1, min(height, width) // 7) if window is None else window
    stride = max(1, window // 2) if stride is None else stride
    if window < 1:
        raise BadInput(f"the window's side is {window}", cure="pass at least 1")
    if not 1 <= stride <= window:
        raise BadInput(f"stride {stride} with a window of {window}", cure="pass a stride from 1 to the window's side")
    if window > min(height, width):
        cure = f"pass a window of at most {min(height, width)}, or a larger picture"
        raise BadInput(f"a window of {window} does not fit into an input of {height} × {width}", cure=cure)
    corners = torch.cartesian_prod(_starts(height, window, stride), _starts(width, window, stride))
    cover, clean = baseline_of(network, x, baseline), scores(network, x, target)
    falls = torch.zeros(len(x), len(corners), dtype=clean.dtype, device=x.device)
    pairs = torch.cartesian_prod(torch.arange(len(x)), torch.arange(len(corners)))
    for part in track(pairs.split(network.batch_size(x, gradient=False)), "occlusion"):
        rows, which = part[:, 0], part[:, 1]
        covered = x[rows]
        for i, (row, (top, left)) in enumerate(zip(rows.tolist(), corners[which].tolist(), strict=True)):
            patch = (slice(None), slice(top, top + window), slice(left, left + window))
            covered[(i, *patch)] = cover[(row, *patch)]
        with torch.no_grad():
            falls[rows, which] = clean[rows] - target.rows(rows)(network(covered))
    return Attribution(_spread(falls, corners, window, height, width)[:, None])


def _starts(length: int, window: int, stride: int) -> Tensor:
    """Where windows begin; the last one is moved back to end at the border, so that every pixel is covered."""
    starts = torch.arange(0, length - window + 1, stride)
    end = torch.tensor([length - window])
    return starts if starts[-1] == end else torch.cat([starts, end])


def _spread(falls: Tensor, corners: Tensor, window: int, height: int, width: int) -> Tensor:
    """The mean, at each pixel, of the falls of the windows over it: [N, height, width]."""
    total = torch.zeros(len(falls), height, width, dtype=falls.dtype, device=falls.device)
    count = torch.zeros(height, width, dtype=falls.dtype, device=falls.device)
    for (top, left), fall in zip(corners.tolist(), falls.T, strict=True):
        total[:, top : top + window, left : left + window] += fall[:, None, None]
        count[top : top + window, left : left + window] += 1
    return total / count
