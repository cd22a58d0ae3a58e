"""RISE: random masks, each weighted by the score that the masked input gets, until the map is known well enough."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from pellucid.attribution.passes import scores
from pellucid.attribution.table import Attribution, methods
from pellucid.attribution.target import Target
from pellucid.core.errors import BadInput
from pellucid.core.progress import track
from pellucid.models.network import Network


@methods.register(
    "rise",
    group="localisation",
    source="arXiv:1806.07421",
    cost="1 forward a mask (64 to 4000, by error)",
    slow=True,
)
def rise(
    network: Network,
    x: Tensor,
    target: Target,
    *,
    error: float = 0.3,
    samples: int = 4000,
    cells: int = 7,
    keep: float = 0.5,
    seed: int = 0,
) -> Attribution:
    """The mean score of the masked inputs that show a pixel, against that of all of them (eq. 6).

    error: stop when the map's standard error is this share of its own spread over the pixels;
    samples: at the latest after so many masks. cells: a mask's grid before it is enlarged. keep: the
    share of cells that a mask shows. From every score that of the evenly dimmed input is taken off:
    in the mean that only removes a constant from the paper's map, and the noise that came with it.
    """
    if not 0 < keep < 1 or cells < 2 or samples < 2 or error < 0:
        what = f"error {error}, samples {samples}, cells {cells}, keep {keep}"
        raise BadInput(what, cure="pass a keep between 0 and 1, and at least 2 cells and samples")
    runs = [
        _one(network, each, target.rows(torch.tensor([i])), error, samples, cells, keep, seed)
        for i, each in enumerate(x)
    ]
    maps, drawn, left = zip(*runs, strict=True)
    return Attribution(torch.stack(maps)[:, None], samples=max(drawn), error=max(left))


def _one(
    network: Network, x: Tensor, target: Target, error: float, most: int, cells: int, keep: float, seed: int
) -> tuple[Tensor, int, float]:
    """One sample's map [H, W], the masks that it took, and the error that is left."""
    generator = torch.Generator().manual_seed(seed)
    mean = torch.zeros(x.shape[1:], dtype=x.dtype, device=x.device)
    squares, drawn, left = torch.zeros_like(mean), 0, float("inf")
    dimmed = scores(network, keep * x[None], target)
    size = network.batch_size(x[None], gradient=False)
    for first in track(range(0, most, size), "rise"):
        masks = random_masks(min(size, most - first), cells, keep, x, generator)
        found = scores(network, masks[:, None] * x, target.rows(torch.zeros(len(masks), dtype=torch.long)))
        for draw in (found - dimmed)[:, None, None] * (masks / keep - 1):
            # Welford's running mean and sum of squared deviations.
            drawn += 1
            step = draw - mean
            mean += step / drawn
            squares += step * (draw - mean)
        left = _error(mean, squares, drawn)
        if drawn >= min(64, most) and left <= error:
            break
    return mean, drawn, left


def random_masks(count: int, cells: int, keep: float, x: Tensor, generator: torch.Generator) -> Tensor:
    """Masks [count, H, W] in 0…1: random grids, enlarged bilinearly and shifted by up to a cell (§3.2)."""
    height, width = x.shape[-2:]
    step_y, step_x = -(-height // cells), -(-width // cells)
    grids = (torch.rand(count, 1, cells + 1, cells + 1, generator=generator) < keep).float()
    large = interpolate(grids, size=((cells + 1) * step_y, (cells + 1) * step_x), mode="bilinear", align_corners=False)
    tops = torch.randint(step_y, (count,), generator=generator).tolist()
    lefts = torch.randint(step_x, (count,), generator=generator).tolist()
    cut = [m[0, t : t + height, l : l + width] for m, t, l in zip(large, tops, lefts, strict=True)]
    return torch.stack(cut).to(x)


def _error(mean: Tensor, squares: Tensor, drawn: int) -> float:
    """The map's root mean square standard error, as a share of its standard deviation over the pixels."""
    if drawn < 2:
        return float("inf")
    spread = mean.std().clamp_min(torch.finfo(mean.dtype).tiny)
    return float((squares.mean() / (drawn * (drawn - 1))).sqrt() / spread)
