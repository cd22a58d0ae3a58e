"""``pellucid make``: ranges in, objects out, as 3-D models and as pictures of which everything is known."""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from pellucid.cli import models as chosen
from pellucid.cli.flags import take_flags
from pellucid.cli.results import is_report
from pellucid.core.errors import BadInput, near
from pellucid.core.files import whole_folder

if TYPE_CHECKING:
    from pellucid.synth.dataset import Plan
    from pellucid.synth.folder import Wish
    from pellucid.synth.recipe import Recipe, Tie

#: More objects than this at once are a slip of the finger rather than a wish.
MOST = 1_000_000

#: Pixels a side times samples: drawing so many takes about 1 GB.
LARGEST = 4096


class RangeCommand(TyperCommand):
    """A command whose unknown flags are ranges of the objects asked for; they land in ``ctx.meta["ranges"]``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        own = {flag for p in self.params for flag in (*p.opts, *p.secondary_opts)} | {"--help", "-h", "--"}
        rest, flags = take_flags(args, own, _range_of)
        ctx.meta["ranges"], ctx.meta["own"] = flags, own
        return super().parse_args(ctx, rest)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        self.epilog = "Ranges, each a flag:\n\n" + "\n\n".join([*(_told(r) for r in _registered()), _view()])
        super().format_help(ctx, formatter)


def _range_of(flag: str, own: set[str]) -> str:
    """The range that a flag sets; which ones an object has is known when it is."""
    if flag == "--list":
        raise BadInput("there is no --list", cure="leave it away: pellucid make alone lists the objects")
    return flag.removeprefix("--").replace("-", "_")


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(cls=RangeCommand)(make)


def make(
    context: typer.Context,
    wanted: Annotated[
        list[str] | None,
        typer.Argument(metavar="OBJECT...", help="Names of objects, or recipes of your own (.toml). None: list them."),
    ] = None,
    count: Annotated[int, typer.Option(help="How many of each object.")] = 1,
    seed: Annotated[int, typer.Option(help="The same seed, the same objects, byte for byte.")] = 0,
    formats: Annotated[
        str | None,
        typer.Option("--format", help="glb, obj, ply, stl, several with commas, or none. \\[default: glb]"),
    ] = None,
    render: Annotated[str, typer.Option(help="Pixels a side of the pictures, or none.")] = "224",
    samples: Annotated[int, typer.Option(help="Samples along each side of a pixel, against jagged edges.")] = 2,
    cut: Annotated[bool, typer.Option("--cut", help="Also show each object cut open.")] = False,
    shadows: Annotated[
        bool, typer.Option("--shadows", help="Let parts throw shadows (needs the extra 'mesh').")
    ] = False,
    dataset: Annotated[
        bool, typer.Option("--dataset", help="Write pictures to train from, with labels, masks, boxes, points.")
    ] = False,
    split: Annotated[str, typer.Option(help="Of a data set: the shares of train, val and test.")] = "0.7,0.15,0.15",
    hold_out: Annotated[
        list[str] | None,
        typer.Option(help="Keep a combination out of them: type=van,make=corvo. Repeatable."),
    ] = None,
    tie: Annotated[
        list[str] | None,
        typer.Option(help="Plant a correlation: ripeness~backdrop:0.8. Repeatable."),
    ] = None,
    yolo: Annotated[bool, typer.Option("--yolo", help="Of a data set: also boxes in YOLO's text files.")] = False,
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write into.")] = Path("pellucid-made"),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Write nothing; say how long it will take and how large it will be.")
    ] = False,
    trust: Annotated[bool, typer.Option("--trust", help="Run recipes that are Python files (.py).")] = False,
    as_json: chosen.Json = False,
) -> None:
    """Make objects from ranges, different each time: 3-D models, pictures, and everything that is known of them."""
    recipes = _recipes(wanted or [], context.meta["ranges"], context.meta["own"], trust)
    recipes = [r.tied(_ties(tie or [])) for r in recipes]
    if not recipes:
        _only_listing(context)
        _list(as_json)
        return
    formats = formats or ("none" if dataset else "glb")
    wish = _wish(recipes, count, seed, formats, render, samples, cut, shadows)
    plan = _plan(dataset, split, hold_out or [], yolo, wish)
    if dry_run:
        _estimate(wish, plan, as_json)
        return
    began = time.perf_counter()
    with whole_folder(out, ours=is_report) as folder:
        made = _write(folder, wish, plan)
        summary = {
            "schema": "pellucid.make/1" if plan is None else "pellucid.dataset/1",
            "command": shlex.join(["pellucid", *sys.argv[1:]]),
            "seed": seed,
            "seconds": round(time.perf_counter() - began, 3),
            **made,
            "files": {"all": sorted([*(p.name for p in folder.iterdir()), "summary.json"])},
        }
        (folder / "summary.json").write_text(json.dumps(summary, indent=1, ensure_ascii=False), encoding="utf-8")
    _tell(summary, out, as_json)


def _write(folder: Path, wish: Wish, plan: Plan | None) -> dict[str, Any]:
    if plan is None:
        from pellucid.synth.folder import write_objects

        return write_objects(folder, wish)
    from pellucid.synth.dataset import write_dataset

    return write_dataset(folder, wish, plan)


# -- what is asked for ----------------------------------------------------------------------------


def _registered() -> list[Recipe]:
    from pellucid.synth.recipe import recipe_of
    from pellucid.synth.table import objects

    return [recipe_of(entry) for entry in objects.entries()]


def _only_listing(context: typer.Context) -> None:
    """Options of what is to be made are an error where no object is named."""
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if source and source.name == "COMMANDLINE" and parameter.name not in ("wanted", "as_json"):
            names = ", ".join(r.name for r in _registered())
            raise BadInput(f"{parameter.opts[0]} makes nothing by itself", cure=f"name an object: {names}")


def _recipes(wanted: Sequence[str], ranges: Mapping[str, str], own: set[str], trust: bool) -> list[Recipe]:
    """The recipes asked for, each with those of the ranges that it has."""
    recipes = [r for name in wanted for r in _named(name, trust)]
    names = [r.name for r in recipes]
    if len(set(names)) < len(names):
        raise BadInput(f"{next(n for n in names if names.count(n) > 1)!r} is asked for twice", cure="name it once")
    known = {name for r in recipes for name in r.ranges}
    for name in ranges:
        if name not in known:
            flag = f"--{name.replace('_', '-')}"
            flags = [*own, *(f"--{k.replace('_', '-')}" for k in known)]
            asked = f"no range of {', '.join(names)}" if names else "no option"
            raise BadInput(f"{flag} is {asked}", cure=near(flag, flags))
    return [r.with_ranges({n: text for n, text in ranges.items() if n in r.ranges}) for r in recipes]


def _named(name: str, trust: bool) -> list[Recipe]:
    from pellucid.synth.recipe import recipe

    if name.endswith((".toml", ".py")):
        from pellucid.synth import written

        return [written.read(Path(name))] if name.endswith(".toml") else written.run(Path(name), trust=trust)
    return [recipe(name)]


def _wish(
    recipes: Sequence[Recipe],
    count: int,
    seed: int,
    formats: str,
    render: str,
    samples: int,
    cut: bool,
    shadows: bool,
) -> Wish:
    from pellucid.synth.export import FORMATS
    from pellucid.synth.folder import Wish

    kinds = () if formats == "none" else tuple(dict.fromkeys(formats.split(",")))
    for kind in kinds:
        if kind not in FORMATS:
            raise BadInput(f"--format {kind}", cure=near(kind, [*FORMATS, "none"]))
    size = 0 if render == "none" else _whole(render, "--render", 1, 8192)
    if size * samples > LARGEST:
        raise BadInput(
            f"--render {size} with {samples} samples a side", cure=f"stay within {LARGEST} for both together"
        )
    if seed < 0:
        raise BadInput(f"--seed {seed}", cure="give 0 or more")
    if cut and not size:
        raise BadInput("--cut makes pictures, but --render is none", cure="leave one of them out")
    _whole(count, "--count", 1, MOST), _whole(samples, "--samples", 1, 8)
    return Wish(tuple(recipes), count, seed, kinds, size, samples, cut, shadows)


def _ties(texts: Sequence[str]) -> list[Tie]:
    from pellucid.synth.recipe import Tie

    ties = []
    for text in texts:
        pair, _, share = text.partition(":")
        one, tilde, other = pair.partition("~")
        try:
            ties.append(Tie(one.strip(), other.strip(), float(share or "1")))
        except ValueError:
            tilde = ""
        if not tilde:
            raise BadInput(f"--tie {text} is no correlation", cure="write such as --tie ripeness~backdrop:0.8")
    return ties


def _plan(dataset: bool, split: str, hold_out: Sequence[str], yolo: bool, wish: Wish) -> Plan | None:
    from pellucid.synth.dataset import Plan

    if not dataset:
        if hold_out or yolo:
            raise BadInput(f"{'--hold-out' if hold_out else '--yolo'} is for data sets", cure="add --dataset")
        return None
    if not wish.size or wish.cut:
        what = "--cut" if wish.cut else "--render none"
        raise BadInput(f"a data set is made of whole pictures, but there is {what}", cure="leave it out")
    try:
        shares = [float(s) for s in split.split(",")]
        sound = len(shares) == 3 and all(0 <= s <= 1 for s in shares) and abs(sum(shares) - 1) < 1e-6
    except ValueError:
        sound = False
    if not sound:
        raise BadInput(f"--split {split}", cure="pass three shares that add up to 1, such as 0.7,0.15,0.15")
    combinations = [dict(_equation(e, text) for e in text.split(",")) for text in hold_out]
    plan = Plan(dict(zip(("train", "val", "test"), shares, strict=True)), tuple(combinations), yolo)
    plan.check(wish.recipes)
    return plan


def _equation(text: str, whole: str) -> tuple[str, str]:
    name, equals, wanted = text.partition("=")
    if not equals or not name or not wanted:
        raise BadInput(f"--hold-out {whole}", cure="write such as --hold-out type=van,make=corvo")
    return name.strip(), wanted.strip()


def _whole(value: str | int, flag: str, least: int, most: int) -> int:
    try:
        number = int(value)
    except ValueError:
        number = least - 1
    if not least <= number <= most:
        raise BadInput(f"{flag} {value}", cure=f"pass a whole number from {least} to {most}")
    return number


# -- what is said ---------------------------------------------------------------------------------


def _told(recipe: Recipe) -> str:
    own = {n: r for n, r in recipe.ranges.items() if n not in recipe.view}
    return f"{recipe.name}: " + "  ".join(f"--{n.replace('_', '-')} {r}" for n, r in own.items())


def _view() -> str:
    from pellucid.synth.recipe import VIEW

    return "all of them, each object in its own way: " + "  ".join(f"--{n}" for n in VIEW)


def _list(as_json: bool) -> None:
    recipes = _registered()
    if as_json:
        plain = [
            {"name": r.name, "summary": r.summary, "ranges": {n: str(x) for n, x in r.ranges.items()}} for r in recipes
        ]
        print(json.dumps({"schema": "pellucid.recipes/1", "objects": plain}))
        return
    for r in recipes:
        print(f"{r.name}: {r.summary}")
        own = {n: x for n, x in r.ranges.items() if n not in r.view}
        for name, range_ in own.items():
            print(f"    --{name.replace('_', '-')} {range_}  {getattr(range_, 'unit', '')}".rstrip())
    print(f"\n{_view()}")
    print("pellucid make OBJECT --count 12 makes some; pellucid make --help shows everything.")


def _estimate(wish: Wish, plan: Plan | None, as_json: bool) -> None:
    """Make the first object of each recipe into a folder that goes away again, and count up from there."""
    import dataclasses
    import tempfile

    with tempfile.TemporaryDirectory() as place:
        began = time.perf_counter()
        _write(Path(place), dataclasses.replace(wish, count=1), plan)
        seconds = (time.perf_counter() - began) * wish.count
        files = [p for p in Path(place).rglob("*") if p.is_file() and p.name != "sheet.png"]
        size = sum(p.stat().st_size for p in files) * wish.count
    if as_json:
        estimate = {"schema": "pellucid.make.estimate/1", "objects": wish.total, "seconds": seconds, "bytes": size}
        print(json.dumps(estimate))
        return
    print(f"{wish.total} objects: about {max(1, round(seconds))} s and {size / 1e6:.1f} MB; nothing was written")


def _tell(summary: Mapping[str, Any], out: Path, as_json: bool) -> None:
    place = out.resolve()
    if as_json:
        print(json.dumps({**summary, "folder": str(place)}, ensure_ascii=False))
        return
    if "images" in summary:
        print(f"{summary['images']} pictures: {_counted(summary['splits'])}")
        print(f"classes: {_counted(summary['classes'])}")
        print(f"{summary['boxes']} boxes, {summary['points']} points, parts: {', '.join(summary['kinds'])}")
    for each in summary.get("objects", [])[:20]:
        drawn = ", ".join(f"{n} {v:.4g}" if isinstance(v, float) else f"{n} {v}" for n, v in _own(each).items())
        print(f"{each['files'][0]}: {drawn}")
    more = len(summary.get("objects", [])) - 20
    if more > 0:
        print(f"and {more} more")
    shown, total = summary["shown"], summary.get("images") or len(summary["objects"])
    print(f"\n{'all' if shown == total else f'{shown} of {total} shown'} at a glance: {place / 'sheet.png'}")


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {n}" for name, n in counts.items())


def _own(facts: Mapping[str, Any]) -> dict[str, Any]:
    from pellucid.synth.recipe import VIEW

    return {n: v for n, v in facts["parameters"].items() if n not in VIEW} | facts["measured"]
