"""The live view of a stream in a terminal, whatever it shows; elsewhere there is none."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from stillmotion.cli.console import live_views
from stillmotion.errors import StillmotionError
from stillmotion.formatting import count

if TYPE_CHECKING:
    from stillmotion.prediction.alarm_streams import AlarmStreamStats
    from stillmotion.prediction.window_predictor import StreamStats

_BLOCKS = "▁▂▃▄▅▆▇█"
_EIGHTHS = " ▏▎▍▌▋▊▉█"
COLORS = ("cyan", "yellow", "magenta", "green", "blue", "red")
# The width of the view in columns, at most; and how much of the past a sparkline keeps.
_MAX_WIDTH = 88
HISTORY = 240
# A source that sends nothing for longer is mentioned.
_SILENCE_SECONDS = 2.0

Row = Text | Table


class LiveView(ABC):
    """A panel that is drawn again and again, with rows that a kind of stream fills.

    Args:
        title: where the frames come from.
        console: where it is shown, if that is a terminal.
    """

    def __init__(self, title: str, console: Console) -> None:
        self.title, self.console = title, console
        self.live = Live(self, console=console, refresh_per_second=8) if console.is_terminal else None

    @abstractmethod
    def rows(self, inside: int) -> list[Row]:
        """What the panel shows, in this many columns."""

    @abstractmethod
    def status(self) -> list[str]:
        """How the stream is doing, as short phrases."""

    def __enter__(self) -> Self:
        if self.live:
            self.live.start()
            live_views.append(self.console)
        return self

    def __exit__(self, *_: object) -> None:
        if self.live:
            live_views.remove(self.console)
            self.live.stop()

    def print_line(self, line: str) -> None:
        """Print a line above the panel."""
        try:
            self.console.print(escape(line))
        except OSError as error:
            raise StillmotionError(f"standard output: cannot be written ({error.strerror})") from None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        # Two columns are left for the terminal's ^C, so that it does not wrap the line.
        width = min(options.max_width - 2, _MAX_WIDTH)
        body = Table.grid(expand=True)
        for row in [*self.rows(max(20, width - 4)), Text(", ".join(self.status()), "dim")]:
            body.add_row(row)
        yield Panel(body, title=escape(self.title), title_align="left", width=width, border_style="dim")


def draw_bar(share: float, space: int) -> str:
    """A bar of blocks, in this many columns."""
    whole, eighths = divmod(round(8 * space * min(max(share, 0.0), 1.0)), 8)
    bar = "█" * whole + (_EIGHTHS[eighths] if eighths else "")
    return f"{bar:{space}}"


def draw_sparkline(shares: Sequence[tuple[float, str]]) -> Text:
    """A column for each share, from 0 to 1, in its color."""
    line = Text(no_wrap=True)
    for share, color in shares:
        line.append(_BLOCKS[min(round(max(share, 0.0) * len(_BLOCKS)), len(_BLOCKS) - 1)], color)
    return line


def describe_source(stats: StreamStats | AlarmStreamStats, dropped: int) -> list[str]:
    """How a stream's source is doing, as short phrases."""
    source = stats.source
    phrases = []
    if dropped:
        phrases.append(f"{dropped} dropped")
    if source.reconnects:
        phrases.append(count(source.reconnects, "reconnect"))
    if source.gaps:
        phrases.append(count(source.gaps, "gap"))
    if len(source.sizes) > 1:
        phrases.append(f"{len(source.sizes)} sizes")
    if stats.frames_per_second:
        phrases.append(f"{stats.frames_per_second:.0f} frames/s")
    if stats.lag_seconds is not None:
        phrases.append(f"lag {stats.lag_seconds:.2f} s")
    if stats.last_arrival is not None and (silence := time.monotonic() - stats.last_arrival) > _SILENCE_SECONDS:
        phrases.append(f"nothing for {silence:.0f} s")
    return [*phrases, *([source.error] if source.error else [])]
