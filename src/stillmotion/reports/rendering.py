"""Jinja templates with autoescape, and the formats of the numbers in them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from stillmotion.reports.geometry import ACCURACY_TICKS, scale
from stillmotion.reports.records import Record

UNKNOWN = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
PERCENT = "\N{NO-BREAK SPACE}%"


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        title: its heading.
        facts: returns what the template shows; the section is not shown if that is empty.
        template: name of its template.
        gist: returns one line of text. A section with a gist is folded: its title and the gist are shown until it is
            opened.
    """

    title: str
    facts: Callable[[Record], Mapping[str, Any]]
    template: str
    gist: Callable[[Record], str] | None = None


@dataclass(frozen=True)
class Rendered:
    """A section as HTML.

    Attributes:
        title: its heading.
        body: everything below the heading.
        gist: one line of text; None if the section is not folded.
    """

    title: str
    body: Markup
    gist: str | None


@cache
def environment() -> Environment:
    """Jinja with autoescape and the number formats below as filters."""
    jinja = Environment(
        loader=PackageLoader("stillmotion.reports", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    jinja.globals["accuracy_ticks"] = ACCURACY_TICKS
    jinja.filters |= {
        "percent": percent,
        "points": points,
        "number": number,
        "count": count,
        "million": million,
        "place": place,
        "inside": scale(0.0, 100.0),
        "span": span,
        "seconds": seconds,
        "p_value": p_value,
        "json": partial(json.dumps, separators=(",", ":")),
    }
    return jinja


def render_section(section: Section, record: Record) -> Rendered | None:
    """Render a section; None if it has nothing to show.

    Args:
        section: the section.
        record: the comparison to show.
    """
    facts = section.facts(record)
    if not facts:
        return None
    body = environment().get_template(section.template).render(record=record, section=section.title, **facts)
    return Rendered(section.title, Markup(body), section.gist(record) if section.gist else None)


def render_text(text: str) -> Markup:
    """Plain text as HTML: escaped, with `commands` as code. An odd backtick, of a label or a name, is kept.

    No line ends between a number and its percent sign.
    """
    parts = [escape(part) for part in text.replace(" %", PERCENT).split("`")]
    if len(parts) % 2 == 0:
        return Markup("`").join(parts)
    code = Markup("<code>{}</code>")
    return Markup("").join(code.format(part) if index % 2 else part for index, part in enumerate(parts))


def percent(share: float | None, digits: int | None = None) -> str:
    """0.931 -> 93 %; one more digit near 0 and 100, so that 99.6 is not shown as 100."""
    return UNKNOWN if share is None else _percentage(share, digits) + PERCENT


def span(shares: tuple[float | None, float | None]) -> str:
    """(0.43, 0.72) -> 43-72 %, with an en dash; empty if a limit is unknown."""
    low, high = shares
    if low is None or high is None:
        return ""
    return f"{_percentage(low)}\N{EN DASH}{_percentage(high)}{PERCENT}"


def points(share: float | None, digits: int = 0) -> str:
    """A difference in percentage points: 0.05 -> +5, with a true minus sign; 0 has no sign."""
    if share is None:
        return UNKNOWN
    text = f"{100 * share:+.{digits}f}"
    return "0" if float(text) == 0 else text.replace("-", MINUS)


def number(value: float | None, digits: int = 3, measured: bool = False) -> str:
    """Significant digits, with spaces between thousands: 1234567 -> 1 234 567. measured: keep zeros at the end."""
    if value is None:
        return UNKNOWN
    if isinstance(value, int) or abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}").replace("-", MINUS)
    return (f"{value:#.{digits}g}" if measured else f"{value:.{digits}g}").replace("-", MINUS)


def count(items: float, noun: str) -> str:
    """1 video, 2 videos."""
    return f"{number(items)} {noun}{'' if items == 1 else 's'}"


def million(value: float | None) -> str:
    """Millions: 212009920 -> 212 M."""
    return UNKNOWN if value is None else f"{number(value / 1e6)}\N{NO-BREAK SPACE}M"


def seconds(value: float | None) -> str:
    """A duration: 55 s, 3 min 20 s."""
    if value is None:
        return UNKNOWN
    minutes, rest = divmod(round(value), 60)
    if minutes:
        return f"{minutes}\N{NO-BREAK SPACE}min {rest}\N{NO-BREAK SPACE}s"
    return f"{number(value, 2)}\N{NO-BREAK SPACE}s"


def p_value(p: float) -> str:
    """0.031 -> = 0.031; no more digits than the test can support."""
    return "< 0.001" if p < 0.001 else "> 0.99" if p > 0.99 else f"= {number(p, 2)}"


def place(value: float) -> str:
    """A percentage for CSS."""
    return f"{value:.2f}%"


def _percentage(share: float, digits: int | None = None) -> str:
    value = 100 * share
    if digits is None:
        digits = 1 if value not in (0, 100) and (value > 99.5 or value < 0.5) else 0
    return f"{value:.{digits}f}"
