"""What the live view shows of a model, and one line per event."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from math import isfinite
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from stillmotion.cli.live_view import COLORS, HISTORY, LiveView, Row, describe_source, draw_bar, draw_sparkline

if TYPE_CHECKING:
    import stillmotion as sm
    from stillmotion.models.cards import Outputs
    from stillmotion.prediction.live import StreamUpdate
    from stillmotion.prediction.time_budget import LabelTime
    from stillmotion.prediction.window_predictor import StreamStats

# How many labels have a bar, the most probable ones if there are more.
_MAX_BARS = 6


class ModelView(LiveView):
    """The current label with bars for all labels, a sparkline of recent predictions, and how the stream is doing.

    Of a regression, it shows the numbers, and a sparkline of the first one between the extremes that are shown.
    """

    def __init__(
        self, title: str, labels: tuple[str, ...], stats: StreamStats, console: Console, outputs: Outputs = "softmax"
    ) -> None:
        super().__init__(title, console)
        self.labels, self.stats, self.outputs = labels, stats, outputs
        self.history: deque[tuple[int, float]] = deque(maxlen=HISTORY)
        self.latest: sm.WindowPrediction | None = None

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
            self.print_line(f"{span}  {event.label}  {numbers}")

    def status(self) -> list[str]:
        return describe_stats(self.stats)

    def rows(self, inside: int) -> list[Row]:
        if self.latest is None:
            return [Text("waiting for the first window", "dim")]
        rows: list[Row] = [self._current(self.latest), Text(), self._sparkline(inside)]
        if self.outputs != "regression":
            rows[1:1] = [Text(), self._bars(self.latest, inside)]
        return rows

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
            table.add_row(Text(self.labels[number]), Text(draw_bar(share, space), _color(number)), f"{share:.2f}")
        return table

    def _sparkline(self, inside: int) -> Text:
        shown = list(self.history)[-inside:]
        low, high = 0.0, 1.0
        if self.outputs == "regression" and shown:
            values = [value for _, value in shown]
            low, high = min(values), max(values)
        return draw_sparkline([((value - low) / (high - low or 1), _color(number)) for number, value in shown])


def _color(number: int) -> str:
    return COLORS[number % len(COLORS)]


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
    phrases = [f"{stats.source.frames} frames, {stats.windows} window{'' if stats.windows == 1 else 's'}"]
    if stats.hop > 1:
        phrases.append(f"a window every {stats.hop} frames")
    return [*phrases, *describe_source(stats, stats.source.dropped + stats.skipped)]
