"""What the numbers in masks mean, as it stands in a file beside them."""

from __future__ import annotations

import json
from pathlib import Path

from pellucid.core.errors import BadInput
from pellucid.data.dataset import Problem
from pellucid.data.opening import opened
from pellucid.data.sets.names import names_beside

#: ``labels.json`` of ``pellucid dicom``, ``classes.json`` of ``pellucid make``: {"0": "outside", …}, or a list.
_FILES = ("labels.json", "classes.json")


def mask_names(folder: Path, *, text: bool = False) -> tuple[dict[int, str], tuple[Problem, ...]]:
    """The names by number; none where no file says any, and why where one says something else.

    text: also from labels.txt or classes.txt, a name a line, 0 first, where nothing else can be meant.
    """
    for name in _FILES:
        path = folder / name
        if not path.is_file():
            continue
        try:
            with opened(path, 1 << 24, "list of names") as file:
                told = json.load(file)
            pairs = told.items() if isinstance(told, dict) else enumerate(told)
            return {int(number): str(word) for number, word in pairs}, ()
        except (BadInput, ValueError, TypeError, RecursionError):
            what = 'it does not name what the masks\' numbers mean, as {"0": "outside", "1": "lung"} does'
            return {}, (Problem(name, what, fatal=False),)
    return (dict(enumerate(names_beside(folder))) if text else {}), ()
