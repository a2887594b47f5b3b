"""The commands. Each is one file that parses, calls the library and prints; to add one, add its file and its row in
`COMMANDS`.

Exit status: 0 for success, 1 if the work failed, 2 if the call was wrong, 130 after Ctrl-C, 143 after SIGTERM.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from typing import Annotated, Any, NoReturn

import typer

from stillmotion.cli import (
    anomaly,
    audit,
    compare,
    convert,
    describe,
    evaluate,
    export,
    inspect,
    make_demo_data,
    predict,
    report,
    stream,
    train,
    verdict,
)
from stillmotion.cli.console import as_options, err, interrupted, show_log
from stillmotion.cli.signals import handle_interrupts, restore_interrupts
from stillmotion.errors import StillmotionError, UsageError

COMMANDS: dict[str, Callable[..., Any]] = {
    "compare": compare.compare,
    "verdict": verdict.verdict,
    "inspect": inspect.inspect,
    "train": train.train,
    "evaluate": evaluate.evaluate,
    "predict": predict.predict,
    "stream": stream.stream,
    "export": export.export,
    "report": report.report,
    "audit": audit.audit,
    "describe": describe.describe,
    "convert": convert.convert,
    "make-demo-data": make_demo_data.make_demo_data,
}
# Commands that have commands of their own.
GROUPS = {"anomaly": anomaly.app}

INTERRUPTED = 130  # what Typer makes of KeyboardInterrupt

app = typer.Typer(
    name="stillmotion",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for name, command in COMMANDS.items():
    app.command(name)(command)
for name, group in GROUPS.items():
    app.add_typer(group, name=name)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"stillmotion {version('stillmotion')}")
        raise typer.Exit


@app.callback()
def stillmotion(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Does your video need motion? Compare still and motion Keras models on your own labeled clips.

    Example: stillmotion compare clips/
    """


def main() -> None:
    """Run the command line. Whatever goes wrong ends in one clear line and an exit status."""
    handle_interrupts()
    show_log()
    for pipe in (sys.stdout, sys.stderr):
        if isinstance(pipe, io.TextIOWrapper):
            pipe.reconfigure(errors="backslashreplace")  # a label may hold what the terminal cannot show
    try:
        app()
    except StillmotionError as error:
        err.print(f"error: {as_options(str(error))}", markup=False)
        sys.exit(2 if isinstance(error, UsageError) else 1)
    except SystemExit as end:
        if end.code == INTERRUPTED:
            _stopped()
        raise
    except KeyboardInterrupt:
        _stopped()
    except Exception as error:
        if interrupted.is_set():  # a backend may turn the interrupt into an error of its own
            _stopped()
        if os.environ.get("STILLMOTION_DEBUG"):
            raise
        if isinstance(error, MemoryError):
            err.print("error: out of memory; try a smaller --size, fewer --frames or a smaller --batch-size")
            sys.exit(1)
        if isinstance(error, OSError) and error.strerror:
            err.print(f"error: {f'{error.filename}: ' if error.filename else ''}{error.strerror}", markup=False)
            sys.exit(1)
        err.print(
            f"error: {type(error).__name__}: {' '.join(str(error).split())[:300]} "
            "(this is a bug in stillmotion; STILLMOTION_DEBUG=1 shows where, please report it)",
            markup=False,
        )
        sys.exit(1)


def _stopped() -> NoReturn:
    status = restore_interrupts()
    err.print("stopped; run the same command again to resume")
    sys.exit(status)
