"""The terminal: results on standard output; progress, notes, warnings and errors on standard error."""

from __future__ import annotations

import logging
import os
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from stillmotion.progress import TaskStage

CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# Those that the library names in its advice.
PARAMETERS = re.compile(
    "`(alarms|channels|custom_objects|frames|framing|group|input_range|inputs|labels|outputs|rate|replace|size|"
    "snapshots|unsafe)`"
)
PIPE_WIDTH = 1000  # characters of a line where there is no terminal
MAX_LINES = 20  # of a list
LINE_INTERVAL_SECONDS = 30.0  # between lines of progress where there is no terminal


class SafeConsole(Console):
    """A console that shows control characters in labels and file names as escapes, so that they have no effect."""

    def render_str(self, text: str, **style: Any) -> Text:
        return super().render_str(CONTROL_CHARACTERS.sub(lambda match: ascii(match[0])[1:-1], text), **style)


out = SafeConsole(highlight=False, soft_wrap=True)
err = SafeConsole(stderr=True, highlight=False, soft_wrap=True)
# Tables that another program reads must not be wrapped to the width of a terminal.
for console in (out, err):
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = PIPE_WIDTH

# Where a live view is: a line that another console prints would tear it.
live_views: list[Console] = []

# Set by Ctrl-C. A backend may swallow the exception, so the next progress report raises it again.
interrupted = threading.Event()


class ProgressBars:
    """Progress bars that are a `stillmotion.progress.Progress`: one for each task at work, and one for all other work.

    A bar restarts with each stage.
    """

    def __init__(self, progress: Progress, name: str) -> None:
        self.progress, self.name = progress, name
        self.bars = {"": progress.add_task(escape(name), total=None, figures="")}
        self.stages: dict[str, str] = {}

    def __call__(self, stage: str, done: int, total: int, figures: Mapping[str, float] = {}, /) -> None:
        if interrupted.is_set():
            raise KeyboardInterrupt
        task = task_of(stage)
        if is_ended(stage, done):
            if task in self.bars:
                self.progress.remove_task(self.bars.pop(task))
            return
        if task not in self.bars:
            self.bars[task] = self.progress.add_task("", total=total, figures="")
        elif stage != self.stages.get(task):
            self.progress.reset(self.bars[task], total=total)
        self.stages[task] = stage
        self.progress.update(
            self.bars[task],
            description=escape(f"{self.name} {stage}".strip()),
            completed=done,
            total=total,
            figures=_format_figures(figures),
        )


class ProgressLines:
    """Progress where there is no terminal: a line now and then for each task at work, and none for short work."""

    def __init__(self, name: str) -> None:
        self.name, self.last = name, time.monotonic()
        self.lines: dict[str, str] = {}

    def __call__(self, stage: str, done: int, total: int, figures: Mapping[str, float] = {}, /) -> None:
        if interrupted.is_set():
            raise KeyboardInterrupt
        if is_ended(stage, done):
            self.lines.pop(task_of(stage), None)
        else:
            latest = _format_figures(figures)
            if "files_per_second" in figures:
                latest += f", {(total - done) / figures['files_per_second'] / 60:.0f} min left"
            self.lines[task_of(stage)] = (
                f"{f'{self.name} {stage}'.strip()}: {done} of {total}{', ' if latest else ''}{latest}"
            )
        if time.monotonic() >= self.last + LINE_INTERVAL_SECONDS:
            self.last = time.monotonic()
            for line in self.lines.values():
                note(line)


def task_of(stage: str) -> str:
    """The title of the task whose stage this is; empty for other work."""
    return stage.task if isinstance(stage, TaskStage) else ""


def is_ended(stage: str, done: int) -> bool:
    """Whether this report is the last one of a task."""
    return isinstance(stage, TaskStage) and stage == stage.task and done == 1


@contextmanager
def bar(name: str = "") -> Iterator[ProgressBars | ProgressLines]:
    """Show progress bars during the work; they disappear at the end."""
    if not err.is_terminal:
        yield ProgressLines(name)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[figures]}"),
    )
    with Progress(*columns, console=err, transient=True) as progress:
        yield ProgressBars(progress, name)


class NoteHandler(logging.Handler):
    """Prints the library's log: information as plain lines, warnings with a prefix.

    If a record has a `parameter`, the message is about that parameter, and the option of the same name is added.
    """

    def emit(self, record: logging.LogRecord) -> None:
        prefix = "warning: " if record.levelno >= logging.WARNING else ""
        parameter = getattr(record, "parameter", "")
        note(prefix + record.getMessage() + (f" (--{parameter})" if parameter else ""))


def show_log() -> None:
    """Print what the library logs for its user."""
    log = logging.getLogger("stillmotion")
    log.setLevel(logging.INFO)
    log.propagate = False
    log.handlers = [NoteHandler()]


def note(line: str) -> None:
    """Print one line on standard error; above the live view, if there is one on the terminal."""
    console = live_views[-1] if live_views and err.is_terminal else err
    console.print(escape(line))


def as_options(message: str) -> str:
    """A message of the library for the command line, with options in place of the names of parameters in backquotes."""
    message = message.replace("`describe_model`", "stillmotion describe")
    return PARAMETERS.sub(lambda match: "--" + match[1].replace("_", "-"), message)


def shown(path: Path) -> str:
    """A path for a person: relative to the working folder if it is inside that."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _format_figures(figures: Mapping[str, float]) -> str:
    if "files_per_second" in figures:
        return f"{figures['files_per_second']:.3g} files/s"
    if "val_accuracy" not in figures:
        return ""
    return f"epoch {figures['epoch']:.0f}: validation {figures['val_accuracy']:.0%}, loss {figures['val_loss']:.3f}"


def print_list(heading: str, lines: Sequence[str]) -> None:
    """Print a heading with the number of lines, and the first of them; nothing if there are none."""
    if not lines:
        return
    out.print(f"[bold]{len(lines)} {heading}:[/bold]")
    for line in lines[:MAX_LINES]:
        out.print(f"  {line}", markup=False)
    if len(lines) > MAX_LINES:
        out.print(f"  and {len(lines) - MAX_LINES} more")
