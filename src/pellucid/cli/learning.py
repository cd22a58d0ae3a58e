"""What the commands that train share: every choice of a plan as an option, and the task's own options as flags.

A command takes a parameter ``choices: Choices`` and is added with ``learning_command``, which puts the options there.
Nothing here says a plan's defaults but the help: what nobody said is left to ``Plan``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from pellucid.cli.flags import options_of, refuse_unused, take_flags, words_of
from pellucid.cli.models import read_size
from pellucid.core.errors import BadInput, near

if TYPE_CHECKING:
    from pellucid.data.dataset import Dataset
    from pellucid.training.plan import Plan


@dataclass(frozen=True)
class Choices:
    """What somebody said of a training.

    said: options of ``Plan`` by name, None where nothing was said. flags: the task's own, as texts. image: the column
    that names the pictures.
    """

    said: Mapping[str, Any]
    flags: Mapping[str, str] = field(default_factory=dict)
    image: str | None = None

    def __getitem__(self, name: str) -> Any:
        return self.said.get(name)

    @property
    def task(self) -> str:
        """The task's name."""
        return self["task"] or "multiclass"

    def plan(self, **own: Any) -> Plan:
        """The plan; own: what the command itself sets. Raises BadInput for what cannot be."""
        from pellucid.tasks.table import tasks
        from pellucid.training.plan import Plan

        plan = Plan.of({**self.plain(), **own})
        _ = tasks[plan.task]  # an unknown one is told before any picture is read
        return plan

    def plain(self, task: str | None = None) -> dict[str, Any]:
        """What was said, as ``pellucid.train`` takes it. task: another one than was said."""
        found = {name: value for name, value in self.said.items() if value is not None}
        if self.flags:
            found["options"] = self.options(task)
        return found | ({} if task is None else {"task": task})

    def options(self, task: str | None = None) -> dict[str, Any]:
        """The task's own options, as values; one that it does not have is an error."""
        from pellucid.tasks.table import tasks

        entry = tasks[task or self.task]
        refuse_unused(self.flags, [entry])
        return options_of(entry, self.flags)

    def open(self, data: str, labels: Sequence[str] | None = None) -> Dataset:
        """The data set. labels: the columns to learn, where they are known from before."""
        from pellucid.data.sets.opening import open_dataset

        labels = labels or self["labels"] or ()
        return open_dataset(data, label=labels[0] if len(labels) == 1 else None, image=self.image)

    def python(self) -> str:
        """The arguments of ``pellucid.train`` that say the same, with a comma before each."""
        return "".join(f", {name}={value!r}" for name, value in self.plain().items())


class LearningCommand(TyperCommand):
    """A command that also takes every registered task's options; they land in ``ctx.meta["flags"]``.

    The tasks (and torch with them) are loaded only when an argument is none of the command's own.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        own = {flag for p in self.params for flag in (*p.opts, *p.secondary_opts)} | {"--help", "-h", "--"}
        rest, ctx.meta["flags"] = take_flags(_switched(args, own), own, _task_option)
        return super().parse_args(ctx, rest)


def _switched(args: Sequence[str], own: set[str]) -> list[str]:
    """``--tags`` alone says ``--tags=true``, as the command's own switches do."""
    found = list(args[: args.index("--")] if "--" in args else args)
    for place, token in enumerate(found):
        follows = found[place + 1].lower() if place + 1 < len(found) else ""
        if token.startswith("--") and token not in own and "=" not in token and token in _switches():
            found[place] = token if follows in ("true", "false", "yes", "no", "1", "0") else f"{token}=true"
    return [*found, *args[len(found) :]]


def _task_options() -> dict[str, Any]:
    """Every task's own options, by flag."""
    from pellucid.tasks.table import tasks

    return {f"--{o.name.replace('_', '-')}": o for entry in tasks.entries() for o in entry.options.values()}


def _switches() -> set[str]:
    return {flag for flag, option in _task_options().items() if option.type is bool}


def _task_option(flag: str, own: set[str]) -> str:
    """The name of the option that ``flag`` sets in some task."""
    known = _task_options()
    if flag not in known:
        raise BadInput(f"unknown option {flag}", cure=f"{near(flag, [*words_of(own), *known])} (see --help)")
    return known[flag].name


def learning_command(
    app: typer.Typer, function: Callable[..., Any], *, without: Sequence[str] = (), name: str | None = None
) -> None:
    """Add a command whose parameter ``choices: Choices`` stands for the options below.

    without: names of options below that make no sense for it.
    """
    shared = [p for p in inspect.signature(_options, eval_str=True).parameters.values() if p.name not in without]
    own = list(inspect.signature(function, eval_str=True).parameters.values())
    place = [p.name for p in own].index("choices")
    context = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    told = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in (*own[:place], *own[place + 1 :])]
    every = [context, *told, *(p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in shared)]

    def command(context: typer.Context, **given: Any) -> None:
        block = {p.name: given.pop(p.name) for p in shared}
        function(**given, choices=_choices(block, context.meta["flags"]))

    command.__name__, command.__doc__ = function.__name__, function.__doc__
    command.__signature__ = inspect.Signature(every)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in every}
    epilog = "A task's own options are flags too: see pellucid tasks NAME."
    app.command(name, cls=LearningCommand, epilog=epilog)(command)


def _choices(block: dict[str, Any], flags: Mapping[str, str]) -> Choices:
    """The block's texts as a plan's values."""
    image = block.pop("image", None)
    said = dict(block)
    said["labels"] = tuple(block.get("label") or ()) or None
    said["augment"] = tuple(n for text in block.get("augment") or () for n in text.split(",") if n) or None
    said["size"] = read_size(block["size"]) if block.get("size") else None
    said["lr"] = _rate(block.get("lr"))
    said["shares"] = _shares(block.get("shares"))
    said.pop("label", None)
    return Choices({name: value for name, value in said.items() if value is not None}, flags, image)


def _rate(text: str | None) -> float | str | None:
    if text in (None, "find"):
        return text
    try:
        return float(text)
    except ValueError as error:
        cure = "pass a number, or 'find' for the learning-rate finder"
        raise BadInput(f"--lr {text}", cure=cure) from error


def _shares(text: str | None) -> tuple[float, ...] | None:
    if text is None:
        return None
    try:
        return tuple(float(share) for share in text.split(","))
    except ValueError as error:
        cure = "pass three that add up to 1, such as 0.7,0.15,0.15"
        raise BadInput(f"--shares {text}", cure=cure) from error


_WHAT, _NETWORK, _HOW = "What is learnt", "The network", "How it learns"


def _options(
    task: Annotated[
        str | None,
        typer.Option("--task", "-t", help="See pellucid tasks. \\[default: multiclass]", rich_help_panel=_WHAT),
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(
            "--label",
            "-l",
            help="The column to learn; repeatable. \\[default: the data's own]",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    image: Annotated[
        str | None,
        typer.Option(help="The column that names the pictures, if it is not found.", rich_help_panel=_WHAT),
    ] = None,
    shares: Annotated[
        str | None,
        typer.Option(
            help="Of train, val and test, where the data do not say. \\[default: 0.7,0.15,0.15]", rich_help_panel=_WHAT
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            help="Pretrained: see pellucid models. From nothing: small_cnn, perceptron:256x2 (width and depth), "
            "linear. \\[default: efficientnet_lite0, or what the task needs: pellucid tasks NAME]",
            rich_help_panel=_NETWORK,
        ),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            help="'default' for pretrained ones where there are some, 'none' for random ones. \\[default: default]",
            rich_help_panel=_NETWORK,
        ),
    ] = None,
    size: Annotated[
        str | None, typer.Option(help="Feed pictures of this size, HEIGHTxWIDTH.", rich_help_panel=_NETWORK)
    ] = None,
    unfreeze_from: Annotated[
        str | None,
        typer.Option(
            help="The first layer that learns (pellucid layers, or what pellucid invariance recommends); 'head': the "
            "last layer alone; 'all'. \\[default: head if pretrained, else all]",
            rich_help_panel=_NETWORK,
        ),
    ] = None,
    init: Annotated[
        str | None,
        typer.Option(
            help="Begin what learns with weights of a scheme: zero, constant, xavier, he, small_last, default.",
            rich_help_panel=_NETWORK,
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(help="\\[default: 100 for a head alone, else 30]", rich_help_panel=_HOW),
    ] = None,
    probe_epochs: Annotated[
        int | None,
        typer.Option(help="So many of them train the head alone at first. \\[default: 0]", rich_help_panel=_HOW),
    ] = None,
    batch: Annotated[
        int | None, typer.Option(help="Pictures a step. \\[default: 8 to 64, by how many]", rich_help_panel=_HOW)
    ] = None,
    optimizer: Annotated[
        str | None, typer.Option(help="adamw, adam or sgd. \\[default: adamw]", rich_help_panel=_HOW)
    ] = None,
    lr: Annotated[
        str | None,
        typer.Option(
            help="The learning rate, or 'find' for the learning-rate finder. "
            "\\[default: 0.003 for small networks from nothing, else 0.001]",
            rich_help_panel=_HOW,
        ),
    ] = None,
    backbone_lr: Annotated[
        float | None,
        typer.Option(
            help="Its factor for layers before the head. \\[default: 0.1 if pretrained, 1 if new]", rich_help_panel=_HOW
        ),
    ] = None,
    weight_decay: Annotated[float | None, typer.Option(help="\\[default: 0.01]", rich_help_panel=_HOW)] = None,
    schedule: Annotated[
        str | None, typer.Option(help="cosine or constant. \\[default: cosine]", rich_help_panel=_HOW)
    ] = None,
    clip: Annotated[float | None, typer.Option(help="The gradient's largest norm.", rich_help_panel=_HOW)] = None,
    augment: Annotated[
        list[str] | None,
        typer.Option(
            help="What leaves the answer as it is: flip, shift, zoom, rotate, light, erase; several with commas.",
            rich_help_panel=_HOW,
        ),
    ] = None,
    patience: Annotated[
        int | None, typer.Option(help="End after so many epochs without a better one.", rich_help_panel=_HOW)
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(help="The same seed, the same network, byte for byte. \\[default: 0]", rich_help_panel=_HOW),
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="auto, cpu or cuda. \\[default: auto]", rich_help_panel=_HOW)
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(
            help="float32, bfloat16 or float16; auto is mixed on CUDA. \\[default: auto]", rich_help_panel=_HOW
        ),
    ] = None,
    watch: Annotated[
        bool | None,
        typer.Option(
            "--watch/--no-watch",
            help="Stop at the first number that is not finite, and name who made it. \\[default: watch]",
            rich_help_panel=_HOW,
        ),
    ] = None,
) -> None:
    """The options, as typer reads them."""
