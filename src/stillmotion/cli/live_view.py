"""The live view of a stream where there is a terminal; elsewhere a line an event."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from stillmotion.errors import StillmotionError

if TYPE_CHECKING:
    import stillmotion as sm
    from stillmotion.prediction.live import StreamStats

_BLOCKS = "▁▂▃▄▅▆▇█"
_PARTS = " ▏▎▍▌▋▊▉█"
_COLOURS = ("cyan", "yellow", "magenta", "green", "blue", "red")
# Labels that have a bar, of which the most probable come first; and columns, past which a view is no wider.
_BARS, _WIDEST = 6, 88
_HISTORY = 240
# A silence that is worth a word.
_SILENCE_SECONDS = 2.0


class LiveView:
    """Label and bars now, the last moments as a sparkline in the labels' colours, and how the stream goes."""

    def __init__(self, title: str, labels: tuple[str, ...], tally: StreamStats, console: Console) -> None:
        self.title, self.labels, self.tally, self.console = title, labels, tally, console
        self.history: deque[tuple[int, float]] = deque(maxlen=_HISTORY)
        self.latest: sm.WindowPrediction | None = None
        self.live = Live(self, console=console, refresh_per_second=8) if console.is_terminal else None

    def __enter__(self) -> LiveView:
        if self.live:
            self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.live:
            self.live.stop()

    def moment(self, moment: sm.WindowPrediction) -> None:
        self.latest = moment
        self.history.append((int(moment.probabilities.argmax()), moment.probability))

    def event(self, event: sm.Event) -> None:
        """A line above the view."""
        span = f"{event.start_seconds:8.2f} to {event.end_seconds:8.2f} s"
        try:
            self.console.print(f"{span}  {escape(event.label)}  {event.confidence:.2f}")
        except OSError as error:
            raise StillmotionError(f"standard output: cannot be written ({error.strerror})") from None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = min(options.max_width - 2, _WIDEST)  # two columns are for the terminal's ^C, that it may not wrap
        inside = max(20, width - 4)
        rows: list[Text | Table] = [Text("waiting for the first window", "dim")]
        if self.latest is not None:
            rows = [self._now(self.latest), Text(), self._bars(self.latest, inside), Text(), self._line(inside)]
        body = Table.grid(expand=True)
        for row in [*rows, Text(", ".join(told(self.tally)), "dim")]:
            body.add_row(row)
        yield Panel(body, title=escape(self.title), title_align="left", width=width, border_style="dim")

    def _now(self, moment: sm.WindowPrediction) -> Table:
        number = int(moment.probabilities.argmax())
        table = Table.grid(expand=True)
        table.add_column(overflow="ellipsis", no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
        table.add_row(
            Text.assemble((self.labels[number], f"bold {_colour(number)}"), f"  {moment.probability:.0%}"),
            Text(f"window to {moment.seconds or 0:.1f} s", "dim"),
        )
        return table

    def _bars(self, moment: sm.WindowPrediction, inside: int) -> Table:
        table = Table.grid(padding=(0, 1))
        longest = min(max(map(len, self.labels)), inside // 3)
        table.add_column(width=longest, overflow="ellipsis", no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
        space = inside - longest - 8
        # In the order of the model, so that they keep their places, where there are few; else the most probable.
        numbers = range(len(self.labels))
        if len(self.labels) > _BARS:
            numbers = sorted(numbers, key=lambda n: -moment.probabilities[n])[:_BARS]  # type: ignore[assignment]
        for number in numbers:
            share = float(moment.probabilities[number])
            whole, part = divmod(round(8 * space * share), 8)
            filled = "█" * whole + (_PARTS[part] if part else "")
            table.add_row(Text(self.labels[number]), Text(f"{filled:{space}}", _colour(number)), f"{share:.2f}")
        return table

    def _line(self, inside: int) -> Text:
        line = Text(no_wrap=True)
        for number, share in list(self.history)[-inside:]:
            line.append(_BLOCKS[min(round(share * len(_BLOCKS)), len(_BLOCKS) - 1)], _colour(number))
        return line


def _colour(number: int) -> str:
    return _COLOURS[number % len(_COLOURS)]


def told(tally: StreamStats) -> list[str]:
    """How a stream goes, in parts."""
    source = tally.source
    words = [f"{source.frames} frames, {tally.moments} moments"]
    if tally.hop > 1:
        words.append(f"a window every {tally.hop} frames")
    if source.dropped or tally.skipped:
        words.append(f"{source.dropped + tally.skipped} dropped")
    if source.reconnects:
        words.append(f"{source.reconnects} reconnects")
    if len(source.sizes) > 1:
        words.append(f"{len(source.sizes)} sizes")
    if tally.rate:
        words.append(f"{tally.rate:.0f} frames/s")
    if tally.lag is not None:
        words.append(f"lag {tally.lag:.2f} s")
    if tally.newest is not None and (silence := time.monotonic() - tally.newest) > _SILENCE_SECONDS:
        words.append(f"nothing for {silence:.0f} s")
    return [*words, *([source.trouble] if source.trouble else [])]
