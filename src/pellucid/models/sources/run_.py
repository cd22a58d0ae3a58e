"""``run:FOLDER``: the best network of a training, from the folder that it wrote."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path
from typing import Any

from pellucid.core.errors import BadInput, near
from pellucid.models.heads import PROJECTION, Head, dropped, with_head
from pellucid.models.inputs import InputSpec
from pellucid.models.network import Network
from pellucid.models.sources.table import Request, open_named, sources
from pellucid.models.weights import load_by_name, read_state_dict

WEIGHTS, LAST = "best.safetensors", "last.safetensors"


@sources.register("run", names=lambda: ())
def open_run(request: Request) -> Network:
    """What ``pellucid train`` has trained."""
    if request.weights == "none":
        cure = "leave weights='none' (--weights) away"
        raise BadInput("a run is opened for its weights", where=f"run:{request.name}", cure=cure)
    return read_run(request.name, architecture=request.architecture)


def read_run(name: str, own: Network | None = None, *, architecture: str | None = None) -> Network:
    """The best network of the run in the folder ``name``.

    own: what it was trained from, where that was somebody's own module, which no folder holds; its module stays as it
    is. architecture: another name than the run's config has for it.
    """
    folder = Path(name).expanduser()
    told = _told(folder)
    if told.get("own") and own is None and architecture is None:
        cure = "pass that module: pellucid.Run.open(FOLDER, model=MODULE).network"
        raise BadInput("it was trained from a module of somebody's own", where=f"run:{name}", cure=cure)
    try:
        spec = InputSpec(**_spec(told["input"]))
        head, model = Head(**told["head"]), str(told["model"])
        facts = {"output": told["output"], "classes": tuple(told["outputs"]) or None, "negative": told.get("negative")}
        groups = tuple(told.get("groups", ()))
    except (KeyError, TypeError) as error:
        raise BadInput(f"its config.toml lacks {error}", where=folder, cure="restore it, or train again") from error
    network = own or open_named(Request(architecture or model, weights="none", input=spec, outputs=head.outputs))
    network = with_head(dataclasses.replace(network, input=spec), head)  # whose weights are loaded now
    load_by_name(network.module, read_state_dict(folder / WEIGHTS), where=str(folder / WEIGHTS))
    network = dropped(network) if head.kind == PROJECTION else network
    return dataclasses.replace(network, name=f"run:{name}", weights=WEIGHTS, groups=groups, **facts)


def no_folder(folder: Path) -> BadInput:
    """The error for a run that is not there, with the runs beside whose names are near."""
    beside = sorted(p.parent.name for p in folder.parent.glob("*/config.toml")) if folder.parent.is_dir() else []
    cure = near(folder.name, beside) if beside else "name a folder that pellucid train has written"
    return BadInput("there is no such folder", where=folder, cure=cure)


def _told(folder: Path) -> dict[str, Any]:
    path = folder / "config.toml"
    if not folder.is_dir():
        raise no_folder(folder)
    if not path.is_file():
        cure = "name a folder that pellucid train has written"
        raise BadInput("this is no run: there is no config.toml in it", where=folder, cure=cure)
    if not (folder / WEIGHTS).is_file() and (folder / LAST).is_file():
        cure = f"restore it, or copy {LAST}, the last epoch's, to that name"
        raise BadInput(f"{WEIGHTS} is missing", where=folder, cure=cure)
    if not (folder / WEIGHTS).is_file():
        cure = "let it train to the end of its first epoch (pellucid train … --resume)"
        raise BadInput("this run has no weights yet", where=folder, cure=cure)
    try:
        return dict(tomllib.loads(path.read_text(encoding="utf-8"))["network"])
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise BadInput(f"it cannot be read ({error})", where=path, cure="restore it, or train again") from error


def _spec(plain: dict[str, Any]) -> dict[str, Any]:
    """TOML has no None: what is not there was None (a matrix's range, no crop)."""
    lists = {n: tuple(v) if isinstance(v, list) else v for n, v in plain.items()}
    return {"range": None, "crop": None, **lists}
