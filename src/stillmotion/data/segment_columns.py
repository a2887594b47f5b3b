"""The columns of a table that say where a segment starts and ends, under the names and in the forms people use.

    start,end              12.5, 12,5, 12.5 s, 2:35.5 or 0:02:35
    begin_ms,finish_ms     milliseconds
    start_frame,end_frame  frames, counted from 0, with a column `fps`
    start,duration         a length instead of an end
    startTime, StartSec    and other ways to join the words

The frame at the end is not part of the segment, as a second at its end is not.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stillmotion.errors import StillmotionError

_SIDES = {
    **dict.fromkeys(("start", "begin", "onset", "from"), "start"),
    **dict.fromkeys(("end", "finish", "stop", "offset", "to", "until"), "end"),
    "duration": "duration",
}
# Words that are usual in other columns, too: alone they name a time, but "to check" and "from" a person do not.
_COMMON_WORDS = ("from", "to", "until", "duration")
_UNITS: dict[tuple[str, ...], str] = {
    (): "seconds",
    **{(word,): "seconds" for word in ("s", "sec", "secs", "second", "seconds")},
    **{(word,): "milliseconds" for word in ("ms", "msec", "millisecond", "milliseconds")},
    **{(word,): "frames" for word in ("frame", "frames")},
}
# Beside numbers and units, these make a name that is no more than a time, though it does not say which.
_TIME_WORDS = ("t", "time", "timestamp", "timecode", "in", "out", *_COMMON_WORDS)
_ALL_UNITS = (
    *(unit for (unit,) in filter(None, _UNITS)),
    *("m", "min", "mins", "minute", "minutes", "h", "hour", "hours"),
)
# Not with any side, nor any word behind it: "toms", "endangered" and "stops" are no times.
_GLUED = re.compile(
    rf"^({'|'.join({*_SIDES} - {'from', 'to', 'until'})})"
    rf"({'|'.join(unit for unit in _ALL_UNITS if len(unit) > 1)}|time|"
    "stamp|timestamp|timecode|date|datetime|pos|position|point|index|idx)$"
)
_FPS = "fps"
USAGE = (
    "for segments, call the columns start and end (seconds, or times such as 0:02:35), or start_frame and end_frame "
    "(with a column fps); call it otherwise if it is something else"
)


@dataclass(frozen=True)
class SegmentColumns:
    """Which columns of a table say where segments start and end.

    Attributes:
        columns: for "start", "end" and "duration", as far as there are any: the name of the column.
        units: for the same: "seconds", "milliseconds" or "frames".
    """

    columns: Mapping[str, str]
    units: Mapping[str, str]

    @property
    def complete(self) -> bool:
        """Whether both ends of a segment are there."""
        return "start" in self.columns and ("end" in self.columns or "duration" in self.columns)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all columns that are used."""
        return (*self.columns.values(), *((_FPS,) if "frames" in self.units.values() else ()))

    def read(self, row: Mapping[str, Any]) -> tuple[float | None, float | None]:
        """Read a row.

        Args:
            row: its cells, by column.

        Returns:
            Start and end in seconds, None where the cells are empty.

        Raises:
            StillmotionError: a cell is not a time, or the end is not after the start.
        """
        seconds = {side: self._seconds(row, side) for side in self.columns}
        start, end, duration = (seconds.get(side) for side in ("start", "end", "duration"))
        if duration is not None:
            end = (start or 0.0) + duration
        if end is not None and end <= (start or 0.0):
            raise StillmotionError(f"the segment ends at {end:g} s, which is not after its start at {start or 0.0:g} s")
        return start, end

    def _seconds(self, row: Mapping[str, Any], side: str) -> float | None:
        """The time in a cell."""
        column, unit = self.columns[side], self.units[side]
        text = _text(row[column])
        if not text:
            return None
        if unit == "seconds":
            return _checked(parse_time(text), column, text, "seconds, or a time such as 0:02:35")
        # In whole numbers, a comma separates thousands.
        number = _checked(math.nan if "," in text else _number(text), column, text, f"a number of {unit}, 0 or more")
        if unit == "milliseconds":
            return number / 1000
        fps_text = _text(row[_FPS])
        fps = _number(fps_text)
        if not (math.isfinite(fps) and fps > 0):
            raise StillmotionError(f"{_FPS} is {fps_text!r}; expected frames per second, more than 0")
        return number / fps


def find_segment_columns(names: Sequence[str]) -> SegmentColumns:
    """Find the columns that say where segments start and end.

    Args:
        names: those of all columns.

    Returns:
        What was found; a duration counts only where there is a start and no end.

    Raises:
        StillmotionError: two columns for the same, frames without a rate, or a name that speaks of a start or an end in
            a way that is not understood.
    """
    columns: dict[str, str] = {}
    units: dict[str, str] = {}
    for name in names:
        understood = _understand(name, names)
        if understood is None:
            continue
        side, unit = understood
        if side in columns:
            raise StillmotionError(f"columns {columns[side]!r} and {name!r} both give the {side}; keep one of them")
        columns[side], units[side] = name, unit
    if "start" not in columns or "end" in columns:
        columns.pop("duration", None)
        units.pop("duration", None)
    if "frames" in units.values() and _FPS not in names:
        counted = next(columns[side] for side, unit in units.items() if unit == "frames")
        raise StillmotionError(f"column {counted!r} counts frames; add a column {_FPS!r} with their rate per second")
    return SegmentColumns(columns, units)


def looks_like_time(name: str) -> bool:
    """Whether a column that is not used may have been meant to be a segment's start or end.

    Args:
        name: of the column.

    Returns:
        True for `t0`, `in`, `timestamp`, `duration_min` and the like.
    """
    words = [word for word in _words(name) if not word.isdigit()]
    return any(word in _TIME_WORDS for word in words) and all(word in (*_TIME_WORDS, *_ALL_UNITS) for word in words)


def parse_time(text: str) -> float:
    """Read a time in seconds (12.5, 12,5, 12.5 s), or in minutes or hours (2:35.5, 0:02:35).

    Args:
        text: what a person wrote.

    Returns:
        Seconds; NaN if it is not a time.
    """
    text = re.sub(r"\s*(s|sec|secs|seconds?)$", "", text.strip().lower())
    *larger, seconds = text.split(":")
    if not larger:
        return _number(seconds)
    # Minutes and seconds have two digits below 60, but for the first part.
    if len(larger) > 2 or not all(re.fullmatch(r"\d+", part) for part in larger):
        return math.nan
    if not re.fullmatch(r"[0-5]?\d([.,]\d*)?", seconds) or any(int(part) > 59 for part in larger[1:]):
        return math.nan
    minutes = sum(int(part) * factor for part, factor in zip(reversed(larger), (1, 60), strict=False))
    return 60 * minutes + float(seconds.replace(",", "."))


def _understand(name: str, names: Sequence[str]) -> tuple[str, str] | None:
    """What a column's name says: a side of the segment and a unit; None if it speaks of something else."""
    words = _words(name)
    sides = [word for word in words if word in _SIDES]
    units = [word for word in words if word not in _SIDES and word not in ("time", "t", "segment")]
    if all(word in _COMMON_WORDS for word in sides) and (len(sides) != 1 or tuple(units) not in _UNITS):
        return None
    # Beside an onset, an offset is the end; elsewhere it may be a shift between two clocks.
    paired = sides != ["offset"] or any("onset" in _words(other) for other in names)
    if len(sides) == 1 and tuple(units) in _UNITS and paired:
        return _SIDES[sides[0]], _UNITS[tuple(units)]
    raise StillmotionError(f"column {name!r} looks like a time, but is not understood; {USAGE}")


def _words(name: str) -> list[str]:
    """The words of a name, in lower case: of start_time, startTime, starttime and "Start (time)", start and time."""
    separate = re.sub(r"(?<=[a-z\d])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[A-Za-z])(?=\d)", " ", name).lower()
    return [word for glued in re.findall(r"[a-z\d]+", separate) for word in re.sub(_GLUED, r"\1 \2", glued).split()]


def _text(cell: Any) -> str:
    return "" if cell is None else str(cell).strip()


def _number(text: str) -> float:
    """A number, with a decimal point or comma; NaN if it is none, or if the comma may separate thousands."""
    if re.fullmatch(r"\d+,\d{3}", text):
        return math.nan
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return math.nan


def _checked(value: float, column: str, text: str, expected: str) -> float:
    if not (math.isfinite(value) and value >= 0):
        comma = ", with a point for decimals and no comma" if "," in text else ""
        raise StillmotionError(f"{column} is {text!r}; expected {expected}{comma}")
    return value
