"""Who evaluates and who predicts, for tasks whose answers lie in the picture."""

from __future__ import annotations

import importlib
from types import ModuleType

from pellucid.tasks.task import Task

#: By the task's kind the modules that have ``evaluate`` and ``predict`` for it.
_EVALUATE = {
    "segmentation": "pellucid.training.masks_evaluated",
    "keypoints": "pellucid.training.points_evaluated",
    "detection": "pellucid.training.boxes_evaluated",
    "contrastive": "pellucid.training.contrast_evaluated",
}
_PREDICT = {
    "segmentation": "pellucid.training.masks_predicted",
    "keypoints": "pellucid.training.points_predicted",
    "detection": "pellucid.training.boxes_predicted",
}


def evaluating(task: Task) -> ModuleType | None:
    """Who evaluates it; None for labels of whole pictures."""
    return importlib.import_module(_EVALUATE[task.kind]) if task.kind in _EVALUATE else None


def predicting(task: Task) -> ModuleType | None:
    """Who predicts by it; None for labels of whole pictures."""
    return importlib.import_module(_PREDICT[task.kind]) if task.kind in _PREDICT else None
