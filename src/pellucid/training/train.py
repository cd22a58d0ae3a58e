"""``pellucid.train``: a network trained on somebody's own pictures, in a folder that opens as ``run:FOLDER``."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.core import late
from pellucid.core.errors import BadInput
from pellucid.data.sets.opening import Source, open_dataset
from pellucid.models.heads import OWN
from pellucid.models.network import Network, first_tensor
from pellucid.models.open import open as open_network
from pellucid.models.standardise import Standardise
from pellucid.training import runs
from pellucid.training.codes import contents
from pellucid.training.examples import Codes, Examples
from pellucid.training.fit import Loop, Row, weights_of
from pellucid.training.frozen import folded, on_codes
from pellucid.training.layerwise import begin_layerwise
from pellucid.training.linear_probe import linear_probe
from pellucid.training.lr_range import lr_range
from pellucid.training.plan import ALL, HEAD, Plan
from pellucid.training.prefix import on_prefix
from pellucid.training.results import Fitted, run_view, summary_of
from pellucid.training.runs import Run
from pellucid.training.setup import Setup, prepare
from pellucid.training.transfer import Learners, freeze, training_mode

#: Seconds after which a state is written also within an epoch.
EVERY = 60.0

#: The finder's steps, and the items of each.
FINDER_STEPS, FINDER_BATCH = 60, 32


class Training:
    """One training: the setup, its loop, and how the loop's weights become the network's.

    Without augmentation what is frozen gives the same each time. So a head that learns alone learns on codes, and the
    loop's network is the head; and what learns from a layer on learns on that layer's input.
    """

    def __init__(self, setup: Setup, *, cache: bool = True):
        learns, same = setup.plan.unfreeze_from, not setup.plan.augment and setup.task.views is None
        self.alone = learns == HEAD and same and setup.task.head.kind != OWN
        self.setup = setup
        self.codes: dict[str, Codes] = {}
        self.first: Standardise | None = None
        network, chosen = setup.network, setup.chosen
        train: Examples | Codes = setup.train
        val: Examples | Codes = setup.val
        if self.alone:
            head = on_codes(setup, cache=cache)
            network, chosen, self.codes, self.first = head.network, head.chosen, head.codes, head.first
        elif learns != ALL and same and (cut := on_prefix(setup)) is not None:
            network, self.codes = cut
        if self.codes:
            train, val = self.codes["train"], self.codes["val"]
        begin_layerwise(setup)
        plan = setup.plan
        if plan.lr == "find":
            plan = dataclasses.replace(plan, lr=found_rate(network, setup, train, chosen))
        self.loop = Loop(network, setup.task, chosen, plan, train, val, linear_probe(setup))

    def whole(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """The whole network's weights from the loop's."""
        return weights if self.first is None else folded(weights, self.first, self.setup)

    def fitted(self) -> Fitted:
        """The best epoch's network, with its rule."""
        setup, state = self.setup, self.loop.state
        network = dataclasses.replace(setup.network, weights=f"trained, epoch {state.best_epoch}", _cache={})
        network.module.load_state_dict(self.whole(self.loop.kept))
        network.module.eval().requires_grad_(False)
        self.loop.restore_best()
        rest = self.loop.network if self.codes else None
        found = Fitted(setup, network, tuple(state.rows), {}, state.best_epoch, state.stopped, rest, self.codes)
        given = found.answers("val") if len(setup.val) else np.empty((0, len(setup.task.classes)), np.float32)
        return dataclasses.replace(found, rule=dict(setup.task.tuned(given, setup.val.targets.numpy())))


def fit(setup: Setup, *, cache: bool = True) -> Fitted:
    """Train without a folder. The setup's network is changed in place."""
    training = Training(setup, cache=cache)
    training.loop.run()
    return training.fitted()


def found_rate(network: Network, setup: Setup, train: Examples | Codes, chosen: Learners) -> float:
    """The learning rate that the finder suggests for what learns; an error where the loss falls at none."""
    generator = np.random.default_rng(setup.plan.seed)
    places = [torch.from_numpy(generator.permutation(len(train))[:FINDER_BATCH]) for _ in range(8)]
    inputs = [train.x(p, network.device) for p in places]
    if setup.task.views is not None:
        # Always the same views of the same pictures: of others the loss differs by more than it falls in so few steps.
        views = setup.task.views(inputs[0], torch.Generator().manual_seed(setup.plan.seed))
        batches = [(views, inputs[0])]
    elif setup.task.unlearnt is not None:
        batches = [(x, x) for x in inputs]
    else:
        batches = [(x, train.targets[p].to(network.device)) for x, p in zip(inputs, places, strict=True)]

    def loss(output: Tensor, target: Tensor) -> Tensor:
        return setup.task.loss(first_tensor(output).float(), target).mean()

    def begin(module: nn.Module) -> None:
        freeze(module, chosen)
        training_mode(module, chosen)

    plan = setup.plan
    view = lr_range(network, loss, batches, optimizer=plan.optimizer, steps=FINDER_STEPS, seed=plan.seed, begin=begin)
    if view.options["suggested"] is None:
        cure = "pass a number (--lr 0.001), and look at the data: does the label follow from the picture?"
        raise BadInput("the learning-rate finder found no rate at which the loss falls", cure=cure)
    return float(view.options["suggested"])


def train(
    data: Source,
    *,
    out: str | os.PathLike[str] = "runs/run",
    model: str | nn.Module | Network | None = None,
    resume: bool = False,
    overwrite: bool = False,
    on_setup: Callable[[Setup], None] | None = None,
    on_epoch: Callable[[Row, int], None] | None = None,
    **choices: Any,
) -> Run:
    """Train a network for a task and write the run to ``out``.

    data: what ``pellucid.dataset`` opens, or what it gave. model: a name as for ``pellucid.open`` (pretrained, or
    "small_cnn", "perceptron:256x2", "linear"), or a Network of your own; None takes the task's usual one. choices:
    everything in ``Plan``: task, options, labels, epochs, unfreeze_from, lr … resume: go on where the run in ``out``
    was interrupted; the same bytes come out as without the interruption. overwrite: replace a finished run. on_setup,
    on_epoch: called when the data are read, and with each epoch's row and the best epoch so far; an exception ends the
    training, which can be taken up again.

    Gives the run; ``pellucid.open("run:OUT")`` is its network. Raises BadInput for data that cannot be learnt from, all
    their problems at once.
    """
    began, folder = time.monotonic(), Path(out).expanduser()
    plan, own = _plan(model, choices)
    _check_place(folder, resume=resume, overwrite=overwrite)
    if resume:
        runs.refuse_changes(folder, plan)
        runs.refuse_broken(folder)
    opened = open_dataset(data, label=plan.labels[0] if len(plan.labels) == 1 else None)
    setup = prepare(opened, plan, model=own)
    if on_setup is not None:
        on_setup(setup)
    keys = contents(opened)
    training, mark = Training(setup), runs.mark_of(setup, keys)
    if resume and (folder / runs.STATE).exists():
        runs.read_state(folder, training.loop, mark)
    else:
        _begin(folder, setup, keys, overwrite=overwrite)
    _run(folder, training, mark, on_epoch)
    _finish(folder, training, began)
    return Run.open(folder, model=own)


def _plan(model: str | nn.Module | Network | None, choices: dict[str, Any]) -> tuple[Plan, Network | None]:
    if model is None or isinstance(model, str):
        return Plan.of({**choices, "model": model or ""}), None
    own = open_network(model)
    weights = choices.pop("weights", "none")  # only for the default of what learns
    return Plan.of({**choices, "model": own.name, "weights": weights}), own


def _check_place(folder: Path, *, resume: bool, overwrite: bool) -> None:
    there = folder.is_dir() and any(folder.iterdir())
    if folder.exists() and not folder.is_dir():
        raise BadInput("there is something here that is not a folder", where=folder, cure="choose another --out")
    if there and not runs.is_run(folder):
        raise BadInput("this folder holds other files", where=folder, cure="choose an empty or a new folder")
    if there and not resume and not overwrite:
        done = (folder / runs.SUMMARY).exists()
        cure = "choose another --out, or --overwrite" + ("" if done else ", or go on with --resume")
        raise BadInput(f"there is {'a finished' if done else 'an interrupted'} run here", where=folder, cure=cure)
    if resume and not there:
        raise BadInput("nothing to resume: no run was begun here", where=folder, cure="leave --resume out")


def _begin(folder: Path, setup: Setup, keys: Sequence[str], *, overwrite: bool) -> None:
    if folder.exists() and overwrite:
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    runs.write_config(folder, runs.config_of(setup))
    runs.write_split(folder, setup, keys)


def _run(folder: Path, training: Training, mark: str, on_epoch: Callable[[Row, int], None] | None) -> None:
    """Train, writing down where it stands: after each epoch, every minute, and when it is interrupted."""
    loop, last = training.loop, time.monotonic()
    best = 0

    def write() -> None:
        nonlocal last, best
        if loop.state.best_epoch != best:
            runs.write_weights(folder, runs.BEST, training.whole(loop.kept))
            best = loop.state.best_epoch
        runs.write_metrics(folder, loop.state.rows)
        runs.write_state(folder, loop, mark)
        last = time.monotonic()

    def after_step() -> None:
        if asked():
            write()
            raise KeyboardInterrupt
        if time.monotonic() - last > EVERY:
            write()

    def after_epoch(row: Row) -> None:
        # The heads of frozen networks learn in milliseconds an epoch: not each of them is worth a file.
        if not training.alone or time.monotonic() - last > 1:
            write()
        if on_epoch is not None:
            on_epoch(row, loop.state.best_epoch)

    with interrupts_wait() as asked:
        loop.run(on_step=after_step, on_epoch=after_epoch)
    write()


@contextlib.contextmanager
def interrupts_wait() -> Iterator[Callable[[], bool]]:
    """Within the block Ctrl-C waits for the end of a step, so that the state is whole; a second one does not wait.

    Gives the function that says whether one waits. Outside of the main thread nothing changes: signals go elsewhere.
    """
    waiting = False
    if threading.current_thread() is not threading.main_thread():
        yield lambda: waiting
        return
    before = signal.getsignal(signal.SIGINT)

    def note(number: int, frame: Any) -> None:
        nonlocal waiting
        if waiting and callable(before):
            before(number, frame)
        waiting = True

    signal.signal(signal.SIGINT, note)
    try:
        yield lambda: waiting
    finally:
        signal.signal(signal.SIGINT, before)


def _finish(folder: Path, training: Training, began: float) -> None:
    """The last weights, the tuned rule, the scores of every split, the picture and the page."""
    setup, loop = training.setup, training.loop
    runs.write_weights(folder, runs.LAST, training.whole(weights_of(loop.module)))
    fitted = training.fitted()
    config = runs.config_of(setup)
    config["task"]["rule"] = fitted.rule
    runs.write_config(folder, config)
    view = run_view(fitted)
    told = {**summary_of(fitted, view, folder), "seconds_in_all": time.monotonic() - began}
    late.call("pellucid.report.run_page", "write_run", folder, view, told)
