"""What the live view shows of an anomaly detector, and lines for each alarm."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from stillmotion.cli.live_view import HISTORY, LiveView, Row, describe_source, draw_sparkline
from stillmotion.formatting import count

if TYPE_CHECKING:
    from stillmotion.anomaly import Alarm, Score
    from stillmotion.prediction.alarm_streams import AlarmStreamStats

# Alarms that the view keeps showing.
_LAST_ALARMS = 5
# What bars and sparklines end at: the threshold, 1, is in the middle.
_HIGHEST = 2.0
_NORMAL, _ALARM = "green", "red"


class DetectorView(LiveView):
    """A bar for each kind of score with its threshold, a sparkline, the last alarms, and how the stream is doing.

    Args:
        title: where the frames come from.
        stats: kept up to date by the stream.
        console: where it is shown.
        kinds: of scores, such as "look".
        live: whether times are shown by the clock.
    """

    def __init__(
        self, title: str, stats: AlarmStreamStats, console: Console, kinds: Sequence[str], *, live: bool
    ) -> None:
        super().__init__(title, console)
        self.stats, self.kinds, self.by_clock = stats, kinds, live
        self.history: deque[float] = deque(maxlen=HISTORY)
        self.latest: Score | None = None
        self.open: Alarm | None = None
        self.alarms: deque[tuple[str, Alarm]] = deque(maxlen=_LAST_ALARMS)
        self.count = 0

    def update(self, score: Score) -> None:
        """Show what a frame brought: its scores in the view, and a line above it for each alarm that begins or ends."""
        self.latest = score
        self.history.append(score.level)
        if score.ended is not None:
            self.open = None
            self.count += 1
            self.alarms.append((self._time(score, score.ended.start_seconds), score.ended))
            self.print_line(f"ended: {describe_alarm(score.ended)}")
        if score.raised is not None:
            self.open = score.raised
            row, column = score.raised.cell
            self.print_line(
                f"{score.raised.raised_seconds:.1f} s: alarm, by {score.raised.kind}, row {row}, column {column}"
            )

    def status(self) -> list[str]:
        return describe_alarm_stats(self.stats)

    def rows(self, inside: int) -> list[Row]:
        if self.latest is None:
            return [Text("waiting for the first score", "dim")]
        shown = list(self.history)[-inside:]
        rows: list[Row] = [self._state(self.latest), Text(), self._bars(self.latest, inside), Text()]
        rows.append(draw_sparkline([(level / _HIGHEST, _ALARM if level >= 1 else _NORMAL) for level in shown]))
        if self.alarms:
            rows += [Text(), self._last_alarms()]
        if self.stats.undelivered:
            rows.append(Text())
        for name, waiting in self.stats.undelivered.items():
            why = self.stats.errors.get(name)
            wait = "waits" if waiting == 1 else "wait"
            rows.append(Text(f"{count(waiting, 'notice')} {wait} for {name}" + (f": {why}" if why else ""), "yellow"))
        return rows

    def _state(self, score: Score) -> Table:
        if self.open is None:
            state = Text("normal", f"bold {_NORMAL}")
        else:
            row, column = score.cell
            since = score.seconds - self.open.start_seconds
            state = Text.assemble(
                (" ALARM ", f"bold white on {_ALARM}"),
                f" by {self.open.kind}, for {since:.1f} s, row {row}, column {column}",
            )
        table = Table.grid(expand=True)
        table.add_column(overflow="ellipsis", no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
        table.add_row(state, Text(f"at {self._time(score, score.seconds)}", "dim"))
        return table

    def _bars(self, score: Score, inside: int) -> Table:
        table = Table.grid(padding=(0, 1))
        for justify in ("left", "left", "right"):
            table.add_column(justify=justify, no_wrap=True)
        levels: dict[str, float] = {kind: getattr(score, kind) for kind in self.kinds}
        longest = max(map(len, levels))
        space = inside - longest - 8
        middle = space // 2
        for kind, level in levels.items():
            filled = round(space * min(max(level, 0.0), _HIGHEST) / _HIGHEST)
            color = _ALARM if level >= 1 else _NORMAL
            bar = Text("█" * filled + " " * (space - filled), color)
            # The threshold is seen in front of the bar, too.
            bar = Text.assemble(
                bar[:middle], ("│", f"bold white on {color}" if filled > middle else "bold"), bar[middle + 1 :]
            )
            table.add_row(kind, bar, Text(f"{level:.2f}", color if level >= 1 else ""))
        table.add_row("", Text(f"{'threshold':^{2 * middle + 1}}", "dim"), "")
        return table

    def _last_alarms(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for justify in ("left", "left", "right", "right", "left"):
            table.add_column(justify=justify, no_wrap=True)
        table.add_row(*(Text(name, "dim") for name in (count(self.count, "alarm"), "by", "lasted", "level", "where")))
        for when, alarm in reversed(self.alarms):
            end = alarm.raised_seconds if alarm.end_seconds is None else alarm.end_seconds
            row, column = alarm.cell
            table.add_row(
                when,
                alarm.kind,
                f"{end - alarm.start_seconds:.1f} s",
                f"{alarm.peak:.1f}",
                f"row {row}, column {column}",
            )
        return table

    def _time(self, score: Score, seconds: float) -> str:
        if not self.by_clock or score.frame is None:
            return f"{seconds:.1f} s"
        return f"{datetime.now() - timedelta(seconds=score.seconds - seconds):%H:%M:%S}"


def describe_alarm(alarm: Alarm) -> str:
    """When an alarm was, and by what."""
    end = alarm.raised_seconds if alarm.end_seconds is None else alarm.end_seconds
    return f"{alarm.start_seconds:.1f} to {end:.1f} s by {alarm.kind}"


def describe_alarm_stats(stats: AlarmStreamStats) -> list[str]:
    """How a stream is doing, as short phrases."""
    return [
        f"{count(stats.source.frames, 'frame')}, {stats.scores} scored",
        *describe_source(stats, stats.source.dropped),
    ]
