"""The commands. Each is a file: parse, call the library, print. A new one is its file and its row in `COMMANDS`.

A command ends with 0; with 1 where the work failed; with 2 where the call was wrong.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from stillmotion.cli import compare, evaluate, inspect, make_demo_data, predict, report, train
from stillmotion.cli.screen import err
from stillmotion.errors import StillmotionError, UsageError

COMMANDS: dict[str, Callable[..., Any]] = {
    "compare": compare.compare,
    "inspect": inspect.inspect,
    "train": train.train,
    "evaluate": evaluate.evaluate,
    "predict": predict.predict,
    "report": report.report,
    "make-demo-data": make_demo_data.make_demo_data,
}

app = typer.Typer(
    name="stillmotion",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for name, command in COMMANDS.items():
    app.command(name)(command)


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
    """Does your video need motion? Compares still and motion Keras models on your own labelled clips.

    Example: stillmotion compare clips/
    """


def main() -> None:
    """Run the command line: one clear line and a status for whatever goes wrong."""
    try:
        app()
    except StillmotionError as error:
        err.print(f"error: {error}", markup=False)
        sys.exit(2 if isinstance(error, UsageError) else 1)
    except KeyboardInterrupt:
        err.print("stopped; the same command goes on from here")
        sys.exit(1)
    except Exception as error:
        if os.environ.get("STILLMOTION_DEBUG"):
            raise
        err.print(
            f"error: {type(error).__name__}: {' '.join(str(error).split())[:300]} "
            "(not foreseen; STILLMOTION_DEBUG=1 shows where, and a report of it helps)",
            markup=False,
        )
        sys.exit(1)
