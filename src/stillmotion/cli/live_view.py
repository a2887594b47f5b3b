"""The live view of a stream in a terminal; elsewhere one line per event."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from math import isfinite
from typing import TYPE_CHECKING

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from stillmotion.cli.console import live_views
from stillmotion.errors import StillmotionError

if TYPE_CHECKING:
    import stillmotion as sm
    from stillmotion.models.cards import Outputs
    from stillmotion.prediction.live import StreamUpdate
    from stillmotion.prediction.time_budget import LabelTime
    from stillmotion.prediction.window_predictor import StreamStats

_BLOCKS = "▁▂▃▄▅▆▇█"
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_COLORS = ("cyan", "yellow", "magenta", "green", "blue", "red")
# How many labels have a bar, the most probable ones if there are more; and the width of the view in columns, at most.
_MAX_BARS, _MAX_WIDTH = 6, 88
_HISTORY = 240
# A source that sends nothing for longer is mentioned.
_SILENCE_SECONDS = 2.0


class LiveView:
    """The current label with bars for all labels, a sparkline of recent predictions, and how the stream is doing.

    Of a regression, it shows the numbers, and a sparkline of the first one between the extremes that are shown.
    """

    def __init__(
        self, title: str, labels: tuple[str, ...], stats: StreamStats, console: Console, outputs: Outputs = "softmax"
    ) -> None:
        self.title, self.labels, self.stats, self.console, self.outputs = title, labels, stats, console, outputs
        self.history: deque[tuple[int, float]] = deque(maxlen=_HISTORY)
        self.latest: sm.WindowPrediction | None = None
        self.live = Live(self, console=console, refresh_per_second=8) if console.is_terminal else None

    def __enter__(self) -> LiveView:
        if self.live:
            self.live.start()
            live_views.append(self.console)
        return self

    def __exit__(self, *_: object) -> None:
        if self.live:
            live_views.remove(self.console)
            self.live.stop()

    def update(self, update: StreamUpdate) -> None:
        """Show what a frame brought: predictions in the view, and a line above it for each event."""
        for prediction in update.predictions:
            self.latest = prediction
            if self.outputs != "regression":
                self.history.append((int(prediction.probabilities.argmax()), prediction.probability))
            elif isfinite(number := float(prediction.probabilities[0])):
                self.history.append((0, number))
        for event in update.events:
            span = f"{event.start_seconds:8.2f} to {event.end_seconds:8.2f} s"
            digits = ".4g" if self.outputs == "regression" else ".2f"
            numbers = f"mean {event.confidence:{digits}}, peak {event.peak_confidence:{digits}}"
            try:
                self.console.print(f"{span}  {escape(event.label)}  {numbers}")
            except OSError as error:
                raise StillmotionError(f"standard output: cannot be written ({error.strerror})") from None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        # Two columns are left for the terminal's ^C, so that it does not wrap the line.
        width = min(options.max_width - 2, _MAX_WIDTH)
        inside = max(20, width - 4)
        rows: list[Text | Table] = [Text("waiting for the first window", "dim")]
        if self.latest is not None:
            rows = [self._current(self.latest), Text(), self._sparkline(inside)]
            if self.outputs != "regression":
                rows[1:1] = [Text(), self._bars(self.latest, inside)]
        body = Table.grid(expand=True)
        for row in [*rows, Text(", ".join(describe_stats(self.stats)), "dim")]:
            body.add_row(row)
        yield Panel(body, title=escape(self.title), title_align="left", width=width, border_style="dim")

    def _current(self, prediction: sm.WindowPrediction) -> Table:
        if self.outputs == "regression":
            from stillmotion.prediction.records import describe_numbers  # Imported here so that help stays fast.

            current = Text(describe_numbers(prediction.probabilities, self.labels), "bold")
        elif self.outputs == "independent sigmoids":  # all from 0.5 on, each with a bar of its own
            current = Text(prediction.label or "", "bold")
        else:
            number = int(prediction.probabilities.argmax())
            current = Text.assemble((self.labels[number], f"bold {_color(number)}"), f"  {prediction.probability:.0%}")
        if prediction.unlike_training:
            current.append("  unlike training", "bold red")
        table = Table.grid(expand=True)
        table.add_column(overflow="ellipsis", no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
        table.add_row(
            current,
            Text(f"window to {prediction.seconds or 0:.1f} s", "dim"),
        )
        return table

    def _bars(self, prediction: sm.WindowPrediction, inside: int) -> Table:
        table = Table.grid(padding=(0, 1))
        longest = min(max(map(len, self.labels)), inside // 3)
        table.add_column(width=longest, overflow="ellipsis", no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
        space = inside - longest - 8
        # Few labels keep the model's order, so that they keep their places; of many, the most probable are shown.
        numbers = list(range(len(self.labels)))
        if len(numbers) > _MAX_BARS:
            numbers = sorted(numbers, key=lambda number: -prediction.probabilities[number])[:_MAX_BARS]
        for number in numbers:
            share = float(prediction.probabilities[number])
            whole, eighths = divmod(round(8 * space * share), 8)
            bar = "█" * whole + (_EIGHTHS[eighths] if eighths else "")
            table.add_row(Text(self.labels[number]), Text(f"{bar:{space}}", _color(number)), f"{share:.2f}")
        return table

    def _sparkline(self, inside: int) -> Text:
        line = Text(no_wrap=True)
        shown = list(self.history)[-inside:]
        low, high = 0.0, 1.0
        if self.outputs == "regression" and shown:
            values = [value for _, value in shown]
            low, high = min(values), max(values)
        for number, value in shown:
            share = (value - low) / (high - low or 1)
            line.append(_BLOCKS[min(round(share * len(_BLOCKS)), len(_BLOCKS) - 1)], _color(number))
        return line


def _color(number: int) -> str:
    return _COLORS[number % len(_COLORS)]


def budget_table(budget: Sequence[LabelTime], seconds: float) -> Table:
    """How much of the time each label's events took."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("label", "events", "seconds", "share", "longest"):
        table.add_column(column, justify="left" if column == "label" else "right", overflow="fold")
    for entry in budget:
        share = f"{100 * entry.seconds / seconds:.0f} %" if seconds else ""
        label, longest = escape(entry.label), f"{entry.longest_seconds:.1f}"
        table.add_row(label, str(entry.events), f"{entry.seconds:.1f}", share, longest)
    return table


def describe_stats(stats: StreamStats) -> list[str]:
    """How a stream is doing, as short phrases."""
    source = stats.source
    phrases = [f"{source.frames} frames, {stats.windows} window{'' if stats.windows == 1 else 's'}"]
    if stats.hop > 1:
        phrases.append(f"a window every {stats.hop} frames")
    if source.dropped or stats.skipped:
        phrases.append(f"{source.dropped + stats.skipped} dropped")
    if source.reconnects:
        phrases.append(f"{source.reconnects} reconnects")
    if len(source.sizes) > 1:
        phrases.append(f"{len(source.sizes)} sizes")
    if stats.frames_per_second:
        phrases.append(f"{stats.frames_per_second:.0f} frames/s")
    if stats.lag_seconds is not None:
        phrases.append(f"lag {stats.lag_seconds:.2f} s")
    if stats.last_arrival is not None and (silence := time.monotonic() - stats.last_arrival) > _SILENCE_SECONDS:
        phrases.append(f"nothing for {silence:.0f} s")
    return [*phrases, *([source.error] if source.error else [])]
