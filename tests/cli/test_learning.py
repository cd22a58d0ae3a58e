"""The options of a training: what is said becomes the plan, all else is the plan's own, mistakes are told."""

from __future__ import annotations

import inspect
import json
import re
from typing import Any

import pytest
import typer
from typer.core import TyperCommand

from cli.calling import Call
from pellucid.cli import learning
from pellucid.cli.learning import Choices, learning_command
from pellucid.cli.main import app as whole
from pellucid.core.errors import BadInput
from pellucid.core.registry import Entry
from pellucid.tasks.table import tasks
from pellucid.training.initialise import SCHEMES
from pellucid.training.plan import RATE, Plan
from pellucid.training.setup import BATCHES, RATE_SMALL

COMMAND: list[str] = []


def heard(*words: str, without: tuple[str, ...] = ()) -> tuple[Choices, dict[str, Any]]:
    """What a command of one's own hears of these words."""
    found: list[tuple[Choices, dict[str, Any]]] = []

    def take(data: str, choices: Choices, out: str = "there") -> None:
        found.append((choices, {"data": data, "out": out}))

    app = typer.Typer()
    app.callback()(lambda: None)
    learning_command(app, take, without=without)
    app(["take", "DATA", *words], standalone_mode=False)
    return found[0]


def test_nothing_said_is_the_plans_own() -> None:
    choices, own = heard()
    assert choices.plain() == {}
    assert choices.plan() == Plan()
    assert own == {"data": "DATA", "out": "there"}
    assert choices.python() == ""


@pytest.mark.parametrize("entry", tasks.entries(), ids=lambda entry: entry.name)
def test_a_task_alone_brings_its_own_network(entry: Entry) -> None:
    choices, _ = heard("--task", entry.name)
    assert choices.plan().model == entry.facts.model
    assert heard("--task", entry.name, "--model", "own")[0].plan().model == "own"


def test_everything_said_is_in_the_plan() -> None:
    words = "--task ordinal -l grade --shares 0.8,0.1,0.1 -m small_cnn --weights none --size 32x48 --unfreeze-from all "
    words += "--init he --epochs 3 --probe-epochs 1 --batch 8 --optimizer sgd --lr 0.5 --backbone-lr 0.2 --clip 2 "
    words += "--weight-decay 0.1 --schedule constant --augment flip,shift --augment light --patience 4 --seed 9 "
    words += "--device cpu --precision bfloat16 --no-watch --out here --loss coral --spacing values --image file"
    choices, own = heard(*words.split())
    plan = choices.plan()
    assert plan == Plan(
        task="ordinal",
        options={"loss": "coral", "spacing": "values"},
        labels=("grade",),
        model="small_cnn",
        weights="none",
        size=(32, 48),
        unfreeze_from="all",
        init="he",
        probe_epochs=1,
        epochs=3,
        batch=8,
        optimizer="sgd",
        lr=0.5,
        backbone_lr=0.2,
        weight_decay=0.1,
        schedule="constant",
        clip=2.0,
        augment=("flip", "shift", "light"),
        patience=4,
        shares=(0.8, 0.1, 0.1),
        seed=9,
        device="cpu",
        precision="bfloat16",
        watch=False,
    )
    assert own["out"] == "here"
    assert choices.image == "file"
    assert choices["seed"] == 9
    assert "labels=('grade',)" in choices.python()


def test_options_of_tasks_are_flags_with_their_types() -> None:
    choices, _ = heard("--task", "binary", "--tags", "--positive", "red", "--pos-weight", "2.5", "--threshold", "f1")
    assert choices.options() == {"tags": True, "positive": "red", "pos_weight": 2.5, "threshold": "f1"}
    assert heard("--task", "binary", "--tags", "no")[0].options() == {"tags": False}
    assert heard("--task", "binary", "--tags=no")[0].options() == {"tags": False}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--epoch 3", "--epochs"),
        ("--tresholds f1", "--threshold"),
        ("--task multiclas", "'multiclass'"),
        ("--task multiclass --threshold f1", "no option of multiclass"),
        ("--lr fast", "'find'"),
        ("--lr -1", "above 0"),
        ("--lr inf", "above 0"),
        ("--task multiclass --cost-fp 3", "--cost-fp is no option of multiclass"),
        ("--size 0x8", "HEIGHTxWIDTH"),
        ("--shares 0.5,x,0.2", "add up to 1"),
        ("--shares 0.5,0.2,0.2", "add up to 1"),
        ("--augment flipp", "'flip'"),
        ("--optimizer adamm", "'adam'"),
        ("--init hee", "'he'"),
        ("--size 3by4", "HEIGHTxWIDTH"),
        ("--task ordinal --loss corall", "'coral'"),
        ("--task ordinal --loss", "needs a value"),
        ("--batch 0", "above 0"),
    ],
)
def test_what_is_wrong_is_told_with_what_is_near(words: str, told: str) -> None:
    with pytest.raises(BadInput, match=re.escape(told)):
        heard(*words.split())[0].plan()


def test_what_is_near_is_no_single_letter() -> None:
    with pytest.raises(BadInput) as told:
        heard("--foo", "3")
    assert re.findall(r"'(-\w|--)'", str(told.value)) == []


def test_the_help_tells_the_plans_own_defaults() -> None:
    parameters = inspect.signature(learning._options, eval_str=True).parameters
    usual = Plan()
    told = {}
    for name, parameter in parameters.items():
        (option,) = parameter.annotation.__metadata__
        found = re.search(r"\[default: (.*)\]", option.help or "")
        told[name] = found.group(1) if found else None
    plain = {"weights", "probe_epochs", "optimizer", "weight_decay", "schedule"}
    for name in plain | {"task", "seed", "device", "precision"}:
        assert told[name] == str(getattr(usual, name)), name
    assert told["model"].startswith(f"{usual.model}, or what the task needs")
    assert told["shares"] == ",".join(map(str, usual.shares))
    assert told["watch"] == "watch"
    assert told["batch"].startswith("{} to {}".format(*BATCHES))
    assert told["lr"] == f"{RATE_SMALL} for small networks from nothing, else {RATE}"
    (init,) = parameters["init"].annotation.__metadata__
    assert all(scheme in init.help for scheme in SCHEMES)


def test_no_option_of_a_task_is_hidden_by_one_of_a_command() -> None:
    commands = typer.main.get_command(whole).commands  # type: ignore[attr-defined]
    own = {flag for p in commands["train"].params for flag in (*p.opts, *p.secondary_opts)}
    hidden = {f"--{o.replace('_', '-')}" for entry in tasks.entries() for o in entry.options} & own
    assert not hidden
    assert isinstance(commands["train"], TyperCommand)


def test_options_may_be_left_out() -> None:
    with pytest.raises(BadInput, match="unknown option --clip"):
        heard("--clip", "1", without=("clip",))


# -- pellucid tasks -------------------------------------------------------------------------------


def test_tasks_are_listed_with_their_questions(call: Call) -> None:
    code, out, _ = call("tasks")
    assert code == 0
    assert "multiclass  Which one of several classes is it?" in out
    assert "ordinal" in out


def test_a_task_is_shown_with_its_options(call: Call) -> None:
    code, out, _ = call("tasks", "binary")
    assert code == 0
    assert "--cost-fp  float, default 1.0" in out
    assert "Elkan" in out
    assert "network: efficientnet_lite0, where none is named" in out
    code, out, _ = call("tasks", "binary", "--json")
    (told,) = json.loads(out)["tasks"]
    assert told["model"] == "efficientnet_lite0"
    assert told["options"]["threshold"]["default"] == "cost"
    code, _, err = call("tasks", "binari")
    assert code == 2
    assert "'binary'" in err
