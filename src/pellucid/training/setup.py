"""From a data set and a plan to everything that a training needs, all problems of the data told at once."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from pellucid.core.errors import BadInput
from pellucid.core.types import Sample
from pellucid.data.batches import as_sample
from pellucid.data.dataset import Dataset
from pellucid.data.sets.checks import inspect, raise_or_warn
from pellucid.data.sets.splitting import one_group, split_rows
from pellucid.models.heads import OWN, with_head
from pellucid.models.inputs import InputSpec
from pellucid.models.network import Network
from pellucid.models.open import open, pick_device
from pellucid.models.small import NAMES, Standardise
from pellucid.models.sources.small_ import plain_pixels
from pellucid.models.sources.smp_ import smp_input
from pellucid.models.sources.table import sources
from pellucid.tasks.table import Learns, tasks
from pellucid.tasks.task import Task, scene_vocabulary, vocabulary_of
from pellucid.training.examples import Examples, Store
from pellucid.training.initialise import initialise
from pellucid.training.pictures import alone, normal_rows, of_pictures, others_of
from pellucid.training.plan import ALL, HEAD, RATE, Plan
from pellucid.training.scene_targets import scene_targets
from pellucid.training.transfer import Learners, learners

#: The longest side that a small network is fed where nobody says.
USUAL_LARGEST = 64
LARGEST = {"unet": 128, "grid": 128, "smp": 224}

#: The factor of the learning rate for layers that were pretrained.
PRETRAINED = 0.1

#: The learning rate of these where nobody says, which begin with nothing and bear more than others.
SMALL, RATE_SMALL = ("small_cnn", "perceptron", "linear"), 3e-3

#: The fewest and the most items a step where nobody says, and the steps that an epoch should have.
BATCHES, STEPS = (8, 64), 16

#: Items from which the small networks' mean and deviation are measured.
MEASURED = 2000


@dataclass(frozen=True, eq=False)
class Setup:
    """Everything that a training needs. network: on a module of its own, with the task's head; ``chosen`` of it learns.

    rows: the items' numbers by split. notes: what a user should know of the data. own: the network was made of
    somebody's own module, which no name opens. leaks: how many items of a split are pictures that another one holds.
    """

    data: Dataset
    plan: Plan
    task: Task
    network: Network
    chosen: Learners
    store: Store
    rows: Mapping[str, np.ndarray]
    targets: Tensor
    notes: tuple[str, ...] = ()
    own: bool = False
    leaks: Mapping[str, int] = field(default_factory=dict)

    def examples(self, split: str) -> Examples:
        """The items of a split; none where there is no such split."""
        rows = self.rows.get(split, np.empty(0, np.int64))
        return Examples(self.store, rows, self.targets[torch.from_numpy(rows)])

    @property
    def train(self) -> Examples:
        """What is learnt from."""
        return self.examples("train")

    @property
    def val(self) -> Examples:
        """What epochs are compared on, and thresholds are tuned on."""
        return self.examples("val")

    @property
    def test(self) -> Examples:
        """What nothing was chosen by."""
        return self.examples("test")


def prepare(
    data: Dataset,
    plan: Plan,
    *,
    model: Network | None = None,
    check: bool = True,
    store: Callable[[Dataset, InputSpec], Store] = Store,
) -> Setup:
    """Check the data, make the task and the network with its head.

    model: a network of one's own in place of ``plan.model``; its module stays as it is. check, store: for who trains
    often on the same items: False for data that were checked before, and what gives their pictures, read before.
    Raises BadInput that lists everything wrong with the data, with row numbers.
    """
    learns, cells = tasks[plan.task].facts.learns, tasks[plan.task].facts.cells
    labels = _labels(data, plan, learns)
    rows = split_rows(data, labels, shares=plan.shares, seed=plan.seed, cells=cells)
    if learns == "pictures":
        rows = normal_rows(data, rows, labels, plan.options)
    task = make_task(data, plan, labels, rows["train"])
    told = labels if learns == "labels" else plan.labels  # of places the columns only deal items to splits
    plan = resolved(plan, told, len(rows["train"]))
    network = model if model is not None else opened(data, plan, task)
    kept = store(data, network.input)
    problems = inspect(data, rows, told, each=kept.put, needs=(learns,), cells=cells) if check else ()
    notes = (*one_group(data), *raise_or_warn(problems, data.source))
    leaks = Counter(problem.leak for problem in problems if problem.leak)
    own = model is not None and model.name == type(model.module).__name__
    network = _headed(network, task, plan, own=own)
    if learns in ("masks", "points"):
        _check_maps(network, task)
    chosen = learners(network, plan.unfreeze_from or ALL, own=task.head.kind == OWN)
    _begin(network, chosen, plan, kept, rows["train"])
    if task.begin is not None:
        task.begin(network.module)
    if task.views is not None:
        notes = (*notes, *alone(rows, data.source))
        targets = others_of(rows, plan.batch, len(data))
    elif learns == "pictures":
        task, targets = of_pictures(task, network, kept, rows, seed=plan.seed)
    else:
        targets = _targets(data, task, labels, kept)
    return Setup(data, plan, task, network, chosen, kept, rows, targets, (*notes, *task.notes), own, leaks)


def make_task(data: Dataset, plan: Plan, labels: Sequence[str], training: np.ndarray) -> Task:
    """The task for what these columns hold."""
    entry = tasks[plan.task]
    if entry.facts.learns == "labels":
        vocabulary = vocabulary_of(data, labels, [int(i) for i in training])
    else:
        vocabulary = scene_vocabulary(data, entry.facts.learns, [int(i) for i in training])
    return entry.function(vocabulary, **entry.complete(plan.options))


def naming(data: Dataset) -> str:
    """How somebody says what is to be learnt: by a column, or first of all by giving labels."""
    if not data.columns:
        return (
            "put each picture into a folder of its class's name, write a table with the columns image and label, "
            "or use a task that needs no label, such as --task autoencoder"
        )
    return f"name a column with labels= (--label); there are {', '.join(map(repr, data.columns))}"


def _labels(data: Dataset, plan: Plan, learns: Learns) -> tuple[str, ...]:
    """The columns that are learnt, or by which places are dealt to splits alike."""
    labels = plan.labels or ((data.label,) if data.label else ())
    if not labels and learns == "labels":
        raise BadInput("the data do not say what to learn", where=data.source, cure=naming(data))
    return labels


def _targets(data: Dataset, task: Task, labels: Sequence[str], store: Store) -> Tensor:
    """What each item should be answered with."""
    if task.scene is None:
        return task.encode({label: data.columns[label] for label in labels})
    return scene_targets(task, data, range(len(data)), store.spec, frames=store.frames)


def resolved(plan: Plan, labels: Sequence[str], items: int) -> Plan:
    """The plan with what it left open: what learns, from how many items a step, how fast, and for how long."""
    pretrained, unfreeze = is_pretrained(plan), learns_from(plan)
    epochs = plan.epochs or (100 if unfreeze == HEAD else 30)
    weights = plan.weights if pretrained else "none"
    anew = plan.init is not None or (not pretrained and unfreeze == ALL)
    factor = plan.backbone_lr if plan.backbone_lr is not None else 1.0 if anew else PRETRAINED
    plan = dataclasses.replace(plan, labels=tuple(labels), unfreeze_from=unfreeze, backbone_lr=factor)
    lr = plan.lr if plan.lr is not None else RATE_SMALL if plan.model.partition(":")[0] in SMALL else RATE
    batch = plan.batch or max(tasks[plan.task].facts.least, batch_for(items))
    return dataclasses.replace(plan, epochs=epochs, weights=weights, batch=batch, lr=lr)


def is_pretrained(plan: Plan) -> bool:
    """Whether the network begins with weights that were learnt elsewhere."""
    return plan.weights == "default" and plan.model.partition(":")[0] not in NAMES


def learns_from(plan: Plan) -> str:
    """The first layer that learns, "head" or "all"; what answers in the picture has more than a last layer to learn."""
    head_alone = is_pretrained(plan) and tasks[plan.task].facts.learns == "labels"
    return plan.unfreeze_from or (HEAD if head_alone else ALL)


def batch_for(items: int) -> int:
    """The power of two within ``BATCHES`` that leaves an epoch 16 steps or more: few pictures need steps, not speed."""
    least, most = BATCHES
    return min(most, max(least, 2 ** int(math.log2(max(1, items / STEPS)))))


def opened(data: Dataset, plan: Plan, task: Task | None = None) -> Network:
    """The plan's network, fed as it wants to be; one that is trained from nothing is fed what the data are.

    task: whose head the network makes itself, where it is such a one.
    """
    kind = plan.model.partition(":")[0]
    small = kind in NAMES or (kind in sources and sources[kind].facts.maps)
    spec = _fitting(data, plan) if small else None
    names = [str(i) for i in range(task.head.outputs)] if task is not None and task.head.kind == OWN else None
    if names is not None and not small:
        cure = f"pass model={tasks[task.kind].facts.model!r} (--model)" if task else ""
        raise BadInput(f"it does not answer in the form that {task and task.kind} needs", where=plan.model, cure=cure)
    network = open(plan.model, weights=plan.weights, input=spec, classes=names, seed=plan.seed, device=plan.device)
    if plan.size is not None and not small:
        network = open(network, input=dataclasses.replace(network.input, size=plan.size))
    return network


def _fitting(data: Dataset, plan: Plan) -> InputSpec:
    """What the first item is: a matrix as it is, a picture at most LARGEST on a side."""
    first = _first_readable(data)
    height, width, *channels = first.array.shape
    count = channels[0] if channels else 1
    if first.array.dtype != np.uint8:
        return InputSpec.matrix(height, width, count)
    scale = min(1.0, LARGEST.get(plan.model.partition(":")[0], USUAL_LARGEST) / max(height, width))
    size = plan.size or (max(1, round(height * scale)), max(1, round(width * scale)))
    if plan.model.startswith("smp:"):
        return smp_input(size, count)
    return plain_pixels(size, count)


def _first_readable(data: Dataset) -> Sample:
    """The first item that can be read, so that all that cannot are told at once by the checks; else its error."""
    for i in range(len(data)):
        try:
            return as_sample(data[i])
        except BadInput:
            continue
    return as_sample(data[0])


def _headed(network: Network, task: Task, plan: Plan, *, own: bool) -> Network:
    headed = with_head(network, task.head, seed=plan.seed)
    headed.module.requires_grad_(False)
    name = f"{network.name} (own)" if own else network.name
    told = {"classes": task.outputs, "output": task.output, "groups": task.groups, "negative": task.negative}
    named = dataclasses.replace(headed, **told, name=name)
    return named.to(pick_device(plan.device))


def _check_maps(network: Network, task: Task) -> None:
    """A map of the input's size for each region, or an error."""
    shape = network.output_shape()
    wanted = (task.head.outputs, *network.input.size)
    if shape != wanted:
        what = f"it gives {' × '.join(map(str, shape))} where {task.kind} needs {' × '.join(map(str, wanted))}"
        cure = "pass model='unet', 'smp:unet-resnet18', or a network of your own with as many maps as that"
        raise BadInput(what, where=network.name, cure=cure)


def _begin(network: Network, chosen: Learners, plan: Plan, store: Store, training: np.ndarray) -> None:
    """The weights that learning begins with, in place."""
    if plan.init is not None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(plan.seed)
            for name in ("",) if plan.unfreeze_from == ALL else (chosen.head, *chosen.backbone):
                initialise(network.module.get_submodule(name), plan.init)
    first = next((m for m in network.module.modules() if isinstance(m, Standardise)), None)
    if first is not None:
        drawn = np.random.default_rng(plan.seed).permutation(training)[:MEASURED]
        first.measure(store.x(np.sort(drawn), network.device, network.dtype))


def duplicate(network: Network) -> Network:
    """The network on a copy of its module."""
    return dataclasses.replace(network, module=copy.deepcopy(network.module), _cache={})
