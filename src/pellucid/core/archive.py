"""Values in one ``.npz`` file: the arrays as they are, everything else as JSON. No pickles.

A frozen dataclass joins with ``@kind("name")``; its array fields (also inside mappings) are stored
as arrays, the rest must be plain values, tuples, mappings or other frozen dataclasses.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import types
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.core.errors import BadInput
from pellucid.core.files import whole_file

FORMAT = 1
_KINDS: dict[str, type] = {}

#: Kinds that are defined above core, by the module that registers them.
ABOVE = {"patterns": "pellucid.attribution.patterns"}


def kind(name: str) -> Callable[[type], type]:
    """Make a frozen dataclass storable under ``name``."""

    def add(cls: type) -> type:
        _KINDS[name] = cls
        return cls

    return add


def save(path: str | Path, value: Any) -> Path:
    """Write one value, or a mapping of names to values, to ``path`` (``.npz`` is added if missing)."""
    path = Path(path)
    path = path if path.suffix == ".npz" else path.with_name(path.name + ".npz")
    single = not isinstance(value, Mapping)
    arrays: dict[str, Any] = {}
    body = {n: _pack(v, f"{n}/" if n else "", arrays) for n, v in ({"": value} if single else value).items()}
    text = json.dumps({"pellucid": FORMAT, "single": single, "values": body})
    with whole_file(path) as temporary, temporary.open("wb") as out:
        np.savez_compressed(out, json=np.frombuffer(text.encode(), np.uint8), **arrays)
    return path


def load(path: str | Path) -> Any:
    """Read what ``save`` wrote: one value, or a dict of them."""
    path = Path(path)
    if not path.is_file():
        raise BadInput("there is no such file", where=path, cure="check the path")
    try:
        # Opened here, for of a damaged file numpy would leave the handle open.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {n: stored[n] for n in stored.files}
        head = json.loads(arrays.pop("json").tobytes())
        if head["pellucid"] > FORMAT:
            raise BadInput("written by a newer pellucid", cure="upgrade pellucid")
        values = {n: _unpack(v, arrays) for n, v in head["values"].items()}
        return values[""] if head["single"] else values
    except BadInput as error:
        raise BadInput(error.what, where=path, cure=error.cure) from error
    except PermissionError as error:
        raise BadInput("it may not be read", where=path, cure="ask for the right to read it") from error
    except Exception as error:  # for a damaged file numpy, zipfile, zlib and json raise a dozen kinds
        raise BadInput("this is not a file that pellucid saved, or it is damaged", where=path) from error


def _pack(value: Any, prefix: str, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(value, np.ndarray):
        while prefix in arrays:  # {"a": {"b": …}} beside {"a.b": …}
            prefix += "'"
        arrays[prefix] = value
        return {"array": prefix}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = {c: n for n, c in _KINDS.items()}
        fields = {f.name: _pack(getattr(value, f.name), prefix + f.name, arrays) for f in dataclasses.fields(value)}
        return {"kind": names.get(type(value), ""), "fields": fields}
    if isinstance(value, Mapping):
        return {"map": {str(k): _pack(v, f"{prefix}.{k}", arrays) for k, v in value.items()}}
    if isinstance(value, tuple | list):
        items = [_pack(v, f"{prefix}.{i}", arrays) for i, v in enumerate(value)]
        return {"list" if isinstance(value, list) else "tuple": items}
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise TypeError(f"{prefix}: a {type(value).__name__} cannot be stored")


def _unpack(value: Any, arrays: Mapping[str, np.ndarray], hint: Any = None) -> Any:
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return arrays[value["array"]]
    if "map" in value:
        return {k: _unpack(v, arrays) for k, v in value["map"].items()}
    if "list" in value:
        return [_unpack(v, arrays) for v in value["list"]]
    if "tuple" in value:
        inner = next((a for a in typing.get_args(hint) if a is not Ellipsis), None)
        return tuple(_unpack(v, arrays, inner) for v in value["tuple"])
    cls = _known(value["kind"]) if value["kind"] else _dataclass_of(hint)
    hints = typing.get_type_hints(cls)
    return cls(**{n: _unpack(v, arrays, _unwrap(hints[n])) for n, v in value["fields"].items()})


def _known(name: str) -> type:
    """The dataclass of a kind; one of a room above is imported when such a value is read."""
    if name not in _KINDS and name in ABOVE:
        importlib.import_module(ABOVE[name])
    return _KINDS[name]


def _unwrap(hint: Any) -> Any:
    """``X | None`` → ``X``."""
    if isinstance(hint, types.UnionType):
        return next(a for a in typing.get_args(hint) if a is not type(None))
    return hint


def _dataclass_of(hint: Any) -> type:
    if not dataclasses.is_dataclass(hint):
        raise ValueError(f"no dataclass for {hint}")
    return typing.cast(type, hint)
