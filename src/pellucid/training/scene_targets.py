"""What pictures show, as a network is to answer it: masks, points or boxes in the pixels of what enters it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from pellucid.core.errors import BadInput
from pellucid.core.progress import track
from pellucid.core.types import Frame
from pellucid.data.dataset import Dataset
from pellucid.models.inputs import InputSpec
from pellucid.tasks.task import Task


def scene_targets(
    task: Task,
    data: Dataset,
    rows: Iterable[int],
    spec: InputSpec,
    what: str = "targets",
    *,
    frames: Mapping[int, Frame] = MappingProxyType({}),
) -> Tensor:
    """The targets of these items, [n, …]; of points and boxes as many rows for each as the fullest picture needs.

    what: the name that progress goes by. frames: of items that were read before, the part that enters the network; the
    others are read for their size. Raises BadInput for a task whose answers do not lie in the picture.
    """
    scene = task.scene
    if scene is None:
        raise BadInput(f"{task.kind} learns labels of whole pictures", cure="ask it for labels")

    def target(i: int) -> Tensor:
        frame = frames[i] if i in frames else spec.frame(*data[i].array.shape[:2])
        return scene.target(data, i, frame, spec)

    return _stacked([target(i) for i in track([int(i) for i in rows], what)])


def _stacked(targets: list[Tensor]) -> Tensor:
    """As one tensor; NaN below what has fewer rows than others."""
    if len({len(each) for each in targets}) == 1:
        return torch.stack(targets)
    return pad_sequence(targets, batch_first=True, padding_value=torch.nan)
