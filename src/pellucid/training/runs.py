"""A run: the folder that a training fills, from which it goes on, and which opens as ``run:FOLDER``.

config.toml      everything that was chosen, and what is needed to build the network again
split.csv        which item is in which split, and what it is known by wherever it lies (a hash of its bytes)
metrics.jsonl    a line an epoch
best.safetensors the weights of the best epoch, last.safetensors those of the last
state.safetensors where the training stands, to go on bit-exactly
summary.json, view.npz, curves.png, report.html when it is done
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import json
import math
import shlex
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from pellucid.core.archive import load as load_view
from pellucid.core.errors import BadInput
from pellucid.core.files import whole_file
from pellucid.core.types import View
from pellucid.data.dataset import Dataset
from pellucid.data.sets.opening import Source, open_dataset
from pellucid.models.heads import OWN
from pellucid.models.network import Network
from pellucid.models.open import open
from pellucid.models.sources.run_ import no_folder, read_run
from pellucid.tasks.table import tasks
from pellucid.tasks.task import Task, Vocabulary
from pellucid.training.fit import Loop, Row, State
from pellucid.training.plan import ALL, Plan
from pellucid.training.setup import Setup
from pellucid.version import __version__

CONFIG, SPLIT, METRICS = "config.toml", "split.csv", "metrics.jsonl"
SUMMARY, VIEW = "summary.json", "view.npz"
BEST, LAST, STATE = "best.safetensors", "last.safetensors", "state.safetensors"

#: Cells of a combination in config.toml, where a table's keys are texts.
_BETWEEN = "\x1f"


@dataclass(frozen=True)
class Item:
    """One item of a run's data. name: its path or place. split: "train", "val", "test" or another name. content: a
    hash of its bytes.
    """

    name: str
    split: str
    content: str


@dataclass(frozen=True)
class Run:
    """A finished or interrupted training in its folder.

    config: what config.toml says. rows: an epoch each, with losses and metrics by split. model: what it was trained
    from, where that was somebody's own module, which the folder does not hold.
    """

    folder: Path
    config: Mapping[str, Any]
    rows: tuple[Row, ...]
    model: Network | None = None

    @classmethod
    def open(cls, folder: str | Path, *, model: nn.Module | Network | None = None) -> Run:
        """Read a run's folder; raises BadInput for what is none. model: the module that it was trained from."""
        place = Path(str(folder).removeprefix("run:")).expanduser()
        config = read_config(place)
        lines = (place / METRICS).read_text(encoding="utf-8").splitlines() if (place / METRICS).exists() else []
        try:
            rows = tuple(json.loads(line) for line in lines if line.strip())
            return cls(place, config, rows, None if model is None else open(model))
        except ValueError as error:
            raise BadInput(
                f"it cannot be read ({error})", where=place / METRICS, cure="take the run up again"
            ) from error

    @property
    def plan(self) -> Plan:
        """How it was trained."""
        with self._readable():
            return Plan.of(self.config["plan"])

    @property
    def task(self) -> Task:
        """The task, made again for the vocabulary that it was trained with, with the tuned rule."""
        with self._readable():
            told = self.config["task"]
            entry = tasks[told["kind"]]
            task = entry.function(_vocabulary(told["vocabulary"]), **entry.complete(told["options"]))
            return dataclasses.replace(task, rule={**task.rule, **told.get("rule", {})})

    @property
    def source(self) -> str:
        """What data it was trained on, as they were named."""
        with self._readable():
            return str(self.config["data"]["source"])

    @property
    def features(self) -> tuple[str, ...]:
        """What the numbers of an item are, in the order in which it learnt them; () where they have no names."""
        with self._readable():
            return tuple(map(str, self.config["data"].get("features", ())))

    def data(self, source: Source | None = None, *, image: str | None = None) -> Dataset:
        """A data set as the run takes it: of a table of numbers the columns that it learnt from, in its order.

        source: None: what it was trained on. image: the column that names the pictures.
        """
        return open_dataset(self.source if source is None else source, image=image, features=self.features)

    @contextmanager
    def _readable(self) -> Iterator[None]:
        """What config.toml lacks, or holds in another form, is told in one line."""
        try:
            yield
        except BadInput as error:
            raise error.at(self.folder / CONFIG) from error
        except KeyError as error:
            cure = "restore it, or train again"
            raise BadInput(f"it lacks {error}", where=self.folder / CONFIG, cure=cure) from error
        except (TypeError, ValueError, AttributeError) as error:
            cure = "restore it, or train again"
            raise BadInput(f"it cannot be read ({error})", where=self.folder / CONFIG, cure=cure) from error

    @property
    def network(self) -> Network:
        """The best epoch's network."""
        return open(f"run:{self.folder}") if self.model is None else read_run(str(self.folder), self.model)

    @property
    def items(self) -> tuple[Item, ...]:
        """The items that it was trained, tuned and tested with."""
        path = self.folder / SPLIT
        try:
            with path.open(encoding="utf-8", newline="") as file:
                return tuple(Item(row["item"], row["split"], row["content"]) for row in csv.DictReader(file))
        except (OSError, KeyError, UnicodeDecodeError, csv.Error) as error:
            raise BadInput(f"it cannot be read ({error})", where=path, cure="restore it, or train again") from error

    @property
    def split(self) -> dict[str, str]:
        """Which split each item was in, by its name."""
        return {item.name: item.split for item in self.items}

    @property
    def view(self) -> View:
        """Its curves and scores; ``run.view.show()`` draws them."""
        return load_view(self.folder / VIEW)

    @property
    def done(self) -> bool:
        """Whether it was trained to its end."""
        return (self.folder / SUMMARY).exists()

    @property
    def notes(self) -> tuple[str, ...]:
        """What who takes its word should know: that it was not trained to its end."""
        if self.done:
            return ()
        epochs, tuned = self.plan.epochs, "rule" in self.config["task"] or not self.task.rule
        own = bool(self.config["network"].get("own"))
        how = "resume=True" if own else f"pellucid train --resume --out {shlex.quote(str(self.folder))}"
        rest = "" if tuned else ", its thresholds are not tuned yet"
        what = f"The training is not done ({len(self.rows)} of {epochs} epochs): the best weights so far are used{rest}"
        return (f"{what}. To train it to its end: {how}",)

    @property
    def summary(self) -> dict[str, Any]:
        """What was written when it was done; an error while it is not."""
        path = self.folder / SUMMARY
        if not self.done:
            cure = "go on with --resume (resume=True)"
            raise BadInput("the training was interrupted and is not done", where=self.folder, cure=cure)
        try:
            return dict(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise BadInput(f"it cannot be read ({error})", where=path, cure="restore it, or train again") from error

    def show(self) -> Any:
        """The learning curves as a matplotlib figure."""
        return self.view.show()

    def __repr__(self) -> str:
        return f"Run({self.folder}: {self.config.get('task', {}).get('kind')}, {len(self.rows)} epochs)"


def is_run(folder: Path) -> bool:
    """Whether a folder is a run."""
    return (folder / CONFIG).is_file()


def read_config(folder: Path) -> dict[str, Any]:
    """config.toml of a run; raises BadInput where there is none, or it cannot be read."""
    path = folder / CONFIG
    if not folder.is_dir():
        raise no_folder(folder)
    if not path.is_file():
        cure = "name a folder that pellucid train has written"
        raise BadInput("this is no run: there is no config.toml in it", where=folder, cure=cure)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise BadInput(f"it cannot be read ({error})", where=path, cure="restore it, or train again") from error


# -- writing --------------------------------------------------------------------------------------


def config_of(setup: Setup) -> dict[str, Any]:
    """Everything that was chosen, as TOML holds it."""
    network, task = setup.network, setup.task
    spec = {n: v for n, v in dataclasses.asdict(network.input).items() if v is not None}
    return {
        "pellucid": {"version": __version__, "torch": torch.__version__},
        "data": {"source": setup.data.source, "items": len(setup.data), **_features(setup)},
        "plan": setup.plan.plain(),
        "task": {"kind": task.kind, "options": dict(task.options), "vocabulary": _plain(task.vocabulary)},
        "network": {
            "model": _base(setup.plan.model),
            "own": setup.own,
            "head": dataclasses.asdict(task.head),
            "output": task.output,
            "outputs": list(task.outputs or ()),
            "groups": list(task.groups),
            **({} if task.negative is None else {"negative": task.negative}),
            "input": spec,
        },
    }


def _features(setup: Setup) -> dict[str, Any]:
    """What the numbers of an item are, where it was a table's row: what another table is to hold, in any order."""
    return {"features": list(setup.data.features)} if setup.data.features else {}


def _base(model: str) -> str:
    """The network's name; of one that was trained in a run, what that began with."""
    kind, _, folder = model.partition(":")
    return str(read_config(Path(folder).expanduser())["network"]["model"]) if kind == "run" else model


def write_config(folder: Path, config: Mapping[str, Any]) -> None:
    """Write config.toml."""
    with whole_file(folder / CONFIG) as path:
        path.write_bytes(tomli_w.dumps(config).encode())


def write_split(folder: Path, setup: Setup, keys: Sequence[str]) -> None:
    """Write which item is in which split. keys: a hash of each item's bytes."""
    names = setup.data.names()
    with whole_file(folder / SPLIT) as path, path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["item", "split", "content"])
        for split, rows in setup.rows.items():
            table.writerows([names[int(r)], split, keys[int(r)]] for r in rows)


def write_metrics(folder: Path, rows: list[Row]) -> None:
    """Write metrics.jsonl, whole."""
    with whole_file(folder / METRICS) as path:
        path.write_text("".join(json.dumps(_finite(row)) + "\n" for row in rows), encoding="utf-8")


def _finite(row: Row) -> Row:
    """JSON has no NaN."""
    return {n: None if isinstance(v, float) and not math.isfinite(v) else v for n, v in row.items()}


def write_weights(folder: Path, name: str, weights: Mapping[str, Tensor]) -> None:
    """Write a network's tensors. One that stands under two names is written twice."""
    with whole_file(folder / name) as path:
        save_file({n: t.detach().cpu().contiguous().clone() for n, t in weights.items()}, path)


def _plain(vocabulary: Vocabulary) -> dict[str, Any]:
    combinations = {_BETWEEN.join(cells): count for cells, count in vocabulary.combinations.items()}
    values = {column: list(cells) for column, cells in vocabulary.values.items()}
    places: dict[str, Any] = {"most": vocabulary.most, "numbers": list(vocabulary.numbers)}
    places["sizes"] = [list(size) for size in vocabulary.sizes]
    return {"values": values, "rows": vocabulary.rows, "combinations": combinations, **places}


def _vocabulary(plain: Mapping[str, Any]) -> Vocabulary:
    combinations = {tuple(cells.split(_BETWEEN)): count for cells, count in plain["combinations"].items()}
    values = {c: tuple(v) for c, v in plain["values"].items()}
    sizes = tuple((float(width), float(height)) for width, height in plain.get("sizes", ()))
    return Vocabulary(values, plain["rows"], combinations, plain.get("most", 0), tuple(plain.get("numbers", ())), sizes)


# -- going on -------------------------------------------------------------------------------------


def write_state(folder: Path, loop: Loop, mark: str) -> None:
    """Where a training stands, in one file that is whole or not there. mark: what it may be taken up with again."""
    tensors = {f"model/{n}": t for n, t in loop.module.state_dict().items()}
    tensors |= {f"best/{n}": t for n, t in loop.kept.items()}
    tensors |= {f"optimizer/{i}/{n}": t for i, own in _moments(loop).items() for n, t in own.items()}
    tensors["seen"] = loop.state.seen
    told = {f.name: getattr(loop.state, f.name) for f in dataclasses.fields(State) if f.name != "seen"}
    meta = {"state": json.dumps(told), "scaler": json.dumps(loop.scaler.state_dict()), "mark": mark}
    with whole_file(folder / STATE) as path:
        save_file({n: t.detach().cpu().contiguous().clone() for n, t in tensors.items()}, path, metadata=meta)


def _moments(loop: Loop) -> dict[int, dict[str, Tensor]]:
    """The optimizer's tensors by the parameter's number; its few plain numbers become tensors."""
    found = loop.optimizer.state_dict()["state"]
    plain = lambda v: v if isinstance(v, Tensor) else torch.tensor(v)  # noqa: E731
    return {i: {n: plain(v) for n, v in own.items() if v is not None} for i, own in found.items()}


def read_state(folder: Path, loop: Loop, mark: str) -> None:
    """Put a training where the file says it stood; raises BadInput where it does not fit."""
    path = folder / STATE
    try:
        with safe_open(path, "pt") as file:
            meta, names = file.metadata() or {}, list(file.keys())
            tensors = {name: file.get_tensor(name) for name in names}
        told, scaler = json.loads(meta["state"]), json.loads(meta["scaler"])
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise BadInput(f"where it stood cannot be read ({error})", where=path, cure=_without_state(folder)) from error
    if meta.get("mark") != mark:
        cure = "train again into a new --out, or undo the change"
        raise BadInput("the data or the choices are not those that it was begun with", where=path, cure=cure)
    under = lambda prefix: {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}  # noqa: E731
    loop.module.load_state_dict(under("model/"))
    loop.kept = {n: t.to(loop.device) for n, t in under("best/").items()}
    moments: dict[int, dict[str, Tensor]] = {}
    for name, tensor in under("optimizer/").items():
        number, _, key = name.partition("/")
        moments.setdefault(int(number), {})[key] = tensor
    loop.optimizer.load_state_dict({**loop.optimizer.state_dict(), "state": moments})
    for parameter, own in loop.optimizer.state.items():  # laid out as they were: another order of adding, other bits
        for name, tensor in own.items():
            if tensor.shape == parameter.shape:
                own[name] = torch.empty_like(parameter, dtype=tensor.dtype).copy_(tensor)
    loop.scaler.load_state_dict(scaler)
    loop.state = State(**told, seen=tensors["seen"])


def refuse_broken(folder: Path) -> None:
    """Raise BadInput where the state of a run that was begun is missing or torn, before any data are read.

    A run that was interrupted before its first state begins anew, and has nothing to lose.
    """
    path = folder / STATE
    if not path.exists():
        if any((folder / name).exists() for name in (BEST, METRICS, SUMMARY)):
            raise BadInput(f"{STATE} is missing, from which it would go on", where=folder, cure=_without_state(folder))
        return
    try:
        with safe_open(path, "pt") as file:
            file.metadata()
    except (OSError, SafetensorError) as error:
        raise BadInput(f"where it stood cannot be read ({error})", where=path, cure=_without_state(folder)) from error


def _without_state(folder: Path) -> str:
    """What can be done with a run that cannot go on bit for bit."""
    if (folder / SUMMARY).exists():
        return "the run is finished, and there is nothing to resume"
    try:
        run = Run.open(folder)
        _ = run.network
    except BadInput:
        return "restore it, or train again into a new --out"
    weights = f"the best weights of {len(run.rows)} of {run.plan.epochs} epochs"
    way = f"--model {shlex.quote(f'run:{folder}')} --unfreeze-from {run.plan.unfreeze_from or ALL}"
    anew = "" if run.task.head.kind == OWN else " (its last layer begins anew)"
    return f"restore it, or begin with {weights}, which are whole: {way} and another --out{anew}"


def refuse_changes(folder: Path, plan: Plan) -> None:
    """Raise BadInput that names the choices which are not those that a run was begun with.

    What a plan leaves open (None, no labels) was filled in then, and is no change.
    """
    old, new = Plan.of(read_config(folder).get("plan", {})), plan
    open_ones = {"labels": (), "weights": "default"}
    open_ones |= dict.fromkeys(("unfreeze_from", "epochs", "batch", "lr", "backbone_lr"))
    changed = [
        f"{name}: {getattr(old, name)} → {getattr(new, name)}"
        for name in (field.name for field in dataclasses.fields(Plan))
        if getattr(old, name) != getattr(new, name)
        and not (name in open_ones and getattr(new, name) == open_ones[name])
        and name != "device"
    ]
    if changed:
        cure = "go on with the same choices, or train into a new --out"
        raise BadInput(f"the choices changed ({'; '.join(changed)})", where=folder, cure=cure)


def mark_of(setup: Setup, keys: Sequence[str]) -> str:
    """What a state belongs to: the choices, the splits, the targets, the items. keys: a hash of each item's bytes."""
    digest = hashlib.sha256(tomli_w.dumps(config_of(setup)).encode())
    for name, rows in setup.rows.items():
        digest.update(name.encode() + np.ascontiguousarray(rows, np.int64).tobytes())
    digest.update(setup.targets.numpy().tobytes() + "".join(keys).encode())
    return digest.hexdigest()
