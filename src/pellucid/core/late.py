"""Calls upward by name. A value knows that it can be drawn, not how: the room that draws is above it.

Only ``show`` and the notebook's display use this, so that ``core`` imports nothing of ours.
"""

from __future__ import annotations

import importlib
from typing import Any


def call(module: str, function: str, *args: Any) -> Any:
    """Import ``module`` now and call its ``function``."""
    return getattr(importlib.import_module(module), function)(*args)
