"""Any value as strict JSON: no NaN, no infinity, nothing that another reader could stumble on."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np


def plain(value: Any) -> Any:
    """The value as None, bool, int, float, str, list and dict. A number that is not finite becomes None."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        # A file name that is not UTF-8 reaches Python with unpaired surrogates, which no JSON reader takes.
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {plain(str(k)): plain(v) for k, v in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, tuple | list | set | frozenset):
        return [plain(v) for v in value]
    return plain(str(value))


def dumps(value: Any) -> str:
    """Strict JSON, indented, of a value that ``plain`` has made."""
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
