"""What a person sees: results on standard output; progress, notes and errors on standard error."""

from __future__ import annotations

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

from stillmotion.clips import SkippedVideo

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
EVERY = 30.0  # seconds between lines of progress where there is no terminal


class Screen(Console):
    """A console on which labels and names of files cannot steer the terminal: a text is a line, whatever is in it."""

    def render_str(self, text: str, **style: Any) -> Text:
        return super().render_str(CONTROL.sub(lambda found: ascii(found[0])[1:-1], text), **style)


out = Screen(highlight=False, soft_wrap=True)
err = Screen(stderr=True, highlight=False, soft_wrap=True)

# Ctrl-C was pressed. A backend may swallow the exception: the next step of a bar raises it again.
interrupted = threading.Event()


class Bar:
    """A progress bar that is a watch (`stillmotion.training.Progress`): a line for each stage of one piece of work."""

    def __init__(self, progress: Progress, name: str) -> None:
        self.progress, self.name = progress, name
        self.stage = ""
        self.task = progress.add_task(escape(name), total=None, figures="")

    def __call__(self, stage: str, done: int, total: int, figures: Mapping[str, float] = {}, /) -> None:
        if interrupted.is_set():
            raise KeyboardInterrupt
        if stage != self.stage:
            self.stage = stage
            self.progress.reset(self.task, total=total)
        self.progress.update(
            self.task,
            description=escape(f"{self.name} {stage}".strip()),
            completed=done,
            total=total,
            figures=_figures(figures),
        )


class Lines:
    """Progress where there is no terminal: a line now and then, none for short work."""

    def __init__(self, name: str) -> None:
        self.name, self.told = name, time.monotonic()

    def __call__(self, stage: str, done: int, total: int, figures: Mapping[str, float] = {}, /) -> None:
        if interrupted.is_set():
            raise KeyboardInterrupt
        if time.monotonic() >= self.told + EVERY:
            self.told = time.monotonic()
            latest = _figures(figures)
            note(f"{f'{self.name} {stage}'.strip()}: {done} of {total}{', ' if latest else ''}{latest}")


@contextmanager
def bar(name: str) -> Iterator[Bar | Lines]:
    """A bar while work goes on, gone when it ends; without a terminal, a line now and then."""
    if not err.is_terminal:
        yield Lines(name)
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
        yield Bar(progress, name)


def note(line: str) -> None:
    """A line on what goes on."""
    err.print(escape(line))


def show_left_out(skipped: Sequence[SkippedVideo], total: int) -> None:
    """Say which videos are left out, and why; the first few of many."""
    if not skipped:
        return
    note(f"{len(skipped)} of {total} videos left out:")
    for one in skipped[:10]:
        note(f"  {one.reason}")
    if len(skipped) > 10:
        note(f"  and {len(skipped) - 10} more; see 'stillmotion inspect'")


def shown(path: Path) -> str:
    """A path for a person: relative where that is shorter."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _figures(figures: Mapping[str, float]) -> str:
    if "val_accuracy" not in figures:
        return ""
    return f"epoch {figures['epoch']:.0f}: validation {figures['val_accuracy']:.0%}, loss {figures['val_loss']:.3f}"
