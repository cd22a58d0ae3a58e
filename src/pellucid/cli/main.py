"""``pellucid``: the commands, and what becomes of errors.

Nothing here or in the command files imports torch before a command runs, so ``--help`` is instant.
Data goes to stdout, progress and errors to stderr. Exit codes: 0 done, 1 failure, 2 bad input,
130 interrupted.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer
from typer.core import TyperGroup

from pellucid.cli import (
    anchors,
    baselines,
    compare,
    compare_tasks,
    dicom,
    dream,
    evaluate,
    evaluate_explanations,
    explain,
    features,
    filters,
    health,
    howmany,
    inspect,
    invariance,
    latent,
    make,
    neurons,
    patterns,
    predict,
    regions,
    style,
    surface,
    tasks,
    train,
)
from pellucid.cli.interrupt import interruptible
from pellucid.core.errors import PellucidError
from pellucid.version import __version__

INTERRUPTED = 130

app = typer.Typer(
    name="pellucid",
    help="See through vision networks: which pixels they look at, and what each layer has learnt.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    cls=TyperGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
)
anchors.add_to(app)
explain.add_to(app)
baselines.add_to(app)
compare.add_to(app)
compare_tasks.add_to(app)
dream.add_to(app)
evaluate.add_to(app)
evaluate_explanations.add_to(app)
features.add_to(app)
filters.add_to(app)
health.add_to(app)
howmany.add_to(app)
dicom.add_to(app)
inspect.add_to(app)
invariance.add_to(app)
latent.add_to(app)
make.add_to(app)
patterns.add_to(app)
predict.add_to(app)
regions.add_to(app)
surface.add_to(app)
neurons.add_to(app)
style.add_to(app)
tasks.add_to(app)
train.add_to(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"pellucid {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and stop.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; every foreseeable error is one line on stderr."""
    # Before torch loads: its threads wait asleep instead of spinning. On a machine that does other work
    # too, spinning makes each of a network's hundreds of small operations wait for a processor.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        with interruptible():
            app()
    except PellucidError as error:
        sys.exit(_told(error))
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            # The reader of our output went away (as ``| head`` does); closing stderr keeps Python quiet about it.
            sys.stderr.close()
            sys.exit(1)
        print(f"pellucid: {error.filename or 'a file'}: {error.strerror or error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(_interrupted())
    except SystemExit as end:
        if end.code == INTERRUPTED:  # Typer made this of a KeyboardInterrupt, without a word
            _interrupted()
        raise


def _interrupted() -> int:
    print("pellucid: interrupted; nothing was left half-written", file=sys.stderr)
    return INTERRUPTED


def _told(error: PellucidError) -> int:
    print(f"pellucid: {error}", file=sys.stderr)
    return error.exit_code
