"""Numbers in plain text."""

from __future__ import annotations

from collections.abc import Sequence


def percent(share: float) -> str:
    """0.931 -> 93 %; one more digit near 0 and 100, so that 99.6 is not shown as 100."""
    value = 100 * share
    digits = 1 if value not in (0, 100) and (value > 99.5 or value < 0.5) else 0
    return f"{value:.{digits}f} %"


def points(share: float, digits: int = 0) -> str:
    """A difference in percentage points with its sign: 0.05 -> +5; 0 has no sign."""
    text = f"{100 * share:+.{digits}f}"
    return text if float(text) else text[1:]


def significant(value: float, digits: int = 3) -> str:
    """Significant digits, with separators for thousands: 1234567 -> 1,234,567; 4.123 -> 4.12."""
    if isinstance(value, int) or abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"


def duration(seconds: float) -> str:
    """55 s, 3 min 20 s."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{significant(seconds, 2)} s"


def count(number: int, noun: str) -> str:
    """1 video, 2 videos."""
    return f"{significant(number)} {noun}{'' if number == 1 else 's'}"


def listed(names: Sequence[str]) -> str:
    """The look, the light and the camera."""
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)
