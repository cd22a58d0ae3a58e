"""Contours → masks on the grid of a volume."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from scipy.ndimage import distance_transform_edt

from pellucid.core.errors import BadInput, near
from pellucid.core.progress import track
from pellucid.data.dicom.contours import Contour, Roi
from pellucid.data.dicom.raster import exclusive, fill, nested
from pellucid.data.dicom.series import Volume

Rule = Literal["nested", "xor", "union"]
Between = Literal["nearest", "interpolate"]

#: What several closed contours of one slice mean.
RULES = get_args(Rule)

#: A contour whose points lie farther apart along the normal, in slice distances, is not parallel to the slices.
_FLAT = 0.25

#: A contour that lies farther from a slice than this, in slice distances, lies between slices.
_ON_SLICE = 0.05


@dataclass(frozen=True, eq=False)
class Masks:
    """values: bool [slice, row, column] by the region's name, in the file's order. notes: what to know of them."""

    values: dict[str, np.ndarray]
    rois: dict[str, Roi] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def labels(self) -> np.ndarray:
        """One number a voxel, uint8 [slice, row, column]: 0 outside, then 1, 2, … in order; a later region wins."""
        if len(self.values) > 255:
            raise BadInput(f"{len(self.values)} regions in one picture", cure="name at most 255 (--roi)")
        out = np.zeros(next(iter(self.values.values())).shape, np.uint8)
        for number, mask in enumerate(self.values.values(), start=1):
            out[mask] = number
        return out

    def covered(self) -> list[str]:
        """What to say where regions overlap: in one picture of labels a voxel has only the last of them."""
        labels, names = self.labels(), list(self.values)
        told = []
        for number, (name, mask) in enumerate(self.values.items(), start=1):
            lost = labels[mask & (labels != number)]
            if len(lost):
                others = ", ".join(names[n - 1] for n in np.unique(lost))
                told.append(
                    f"{name}: {len(lost)} of its {int(mask.sum())} voxels are labelled as {others}, drawn over it"
                )
        return told


def masks_of(
    volume: Volume,
    rois: Sequence[Roi],
    names: Sequence[str] | None = None,
    *,
    rule: Rule = "nested",
    between: Between = "nearest",
) -> Masks:
    """The regions on the volume's grid: a voxel belongs to a region when its centre lies inside the contours.

    names: only these regions (default: all that were drawn in the volume's frame of reference). rule: what several
    closed contours of one slice mean: "nested" (one inside another is a hole, partial overlap is united), "xor", or
    "union"; CLOSEDPLANAR_XOR is XOR in any case. between: a contour between two slices counts for the "nearest";
    "interpolate" fills the slices between contours by their distance to the edge (Raya & Udupa 1990).
    """
    if rule not in RULES:
        raise BadInput(f"rule is {rule!r}", cure=near(rule, RULES))
    if between not in get_args(Between):
        raise BadInput(f"between is {between!r}", cure=near(between, get_args(Between)))
    notes: list[str] = []
    chosen = _chosen(volume, rois, names, notes)
    values = {r.name: _mask(volume, r, rule, between, notes) for r in track(chosen, "masks")}
    return Masks(values, {r.name: r for r in chosen}, (*volume.notes, *dict.fromkeys(notes)))


def _chosen(volume: Volume, rois: Sequence[Roi], names: Sequence[str] | None, notes: list[str]) -> list[Roi]:
    known = {r.name: r for r in rois}
    for name in names or ():
        if name not in known:
            raise BadInput(f"there is no region {name!r}", cure=near(name, known))
    chosen = [known[n] for n in dict.fromkeys(names)] if names else list(rois)
    elsewhere = [r for r in chosen if r.frame and volume.frame and r.frame != volume.frame]
    if elsewhere and (names or len(elsewhere) == len(chosen)):
        what = f"region {elsewhere[0].name!r} is drawn in another frame of reference than the images"
        raise BadInput(what, cure="name the series that it was drawn on; registrations are not applied")
    notes += [f"{r.name}: left out, it is drawn in another frame of reference" for r in elsewhere]
    chosen = [r for r in chosen if r not in elsewhere]
    if not chosen:
        raise BadInput("there is no region", cure="name the RTSTRUCT of this series")
    return chosen


def _mask(volume: Volume, roi: Roi, rule: Rule, between: Between, notes: list[str]) -> np.ndarray:
    mask = np.zeros(volume.values.shape, bool)
    planes, told = _planes(volume, roi)
    for index, parts in planes.items():
        mask[index] = _plane(volume, roi, parts, rule, notes)
    if not planes:
        told = [f"nothing of it is drawn on these slices{f' ({told[0]})' if told else ''}", *told[1:]]
    notes += [f"{roi.name}: {text}" for text in told]
    if between == "interpolate":
        _between_planes(mask, volume.heights, sorted(planes))
    return mask


def _planes(volume: Volume, roi: Roi) -> tuple[dict[int, list[tuple[Contour, np.ndarray]]], list[str]]:
    """The closed contours by the slice that they lie nearest to, their points as (column, row); and what to say."""
    planes: dict[int, list[tuple[Contour, np.ndarray]]] = defaultdict(list)
    told: defaultdict[str, int] = defaultdict(int)
    heights, step = volume.heights, volume.spacing[0]
    for contour in roi.contours:
        places = volume.places(contour.points)
        height = places[:, 2].mean()
        index = int(np.abs(heights - height).argmin())
        off = abs(heights[index] - height) / step
        if not contour.kind.startswith("CLOSED") or len(places) < 3:
            told[f"are no closed line ({contour.kind or 'of no kind'})"] += 1
        elif np.ptp(places[:, 2]) > _FLAT * step:
            told["are not parallel to the slices"] += 1
        elif off > 0.5 + 1e-6:
            told["lie where there is no slice"] += 1
        else:
            told["lie between two slices and count for the nearest"] += off > _ON_SLICE
            planes[index].append((contour, places[:, :2]))
    return planes, [f"{count} of {len(roi.contours)} contours {what}" for what, count in told.items() if count]


def _plane(
    volume: Volume, roi: Roi, parts: list[tuple[Contour, np.ndarray]], rule: Rule, notes: list[str]
) -> np.ndarray:
    """One slice of the mask from all of its contours."""
    shape = volume.values.shape[1:]
    masks = [fill(places, shape) for _, places in parts]
    if rule == "xor" or any(contour.kind == "CLOSEDPLANAR_XOR" for contour, _ in parts):
        return exclusive(masks)
    if rule == "union":
        return np.logical_or.reduce(masks)
    mask, overlapping = nested(masks)
    if overlapping:
        notes.append(f"{roi.name}: contours overlap in part, and were united (rule='xor' would cut their overlap out)")
    return mask


def _between_planes(mask: np.ndarray, heights: np.ndarray, drawn: list[int]) -> None:
    """Fill, in place, the slices between drawn ones: where the mean of the signed distances is inside."""
    for low, high in itertools.pairwise(drawn):
        if high - low < 2:
            continue
        ends = _signed_distance(mask[low]), _signed_distance(mask[high])
        for index in range(low + 1, high):
            share = (heights[index] - heights[low]) / (heights[high] - heights[low])
            mask[index] = (1 - share) * ends[0] + share * ends[1] > 0


def _signed_distance(mask: np.ndarray) -> np.ndarray:
    """Pixels to the edge, positive inside."""
    if not mask.any():
        return np.full(mask.shape, -float(max(mask.shape)))
    return distance_transform_edt(mask) - distance_transform_edt(~mask)
