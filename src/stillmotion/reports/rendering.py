"""Templates, escaped by default, and the words that they write numbers in."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from stillmotion.reports.geometry import scale
from stillmotion.reports.records import Record

UNKNOWN = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Section:
    """A part of the page. `facts` turns the record into what the template names; no facts, no section.

    A section with a `gist` is folded: its title and the gist, a line of text, stand for it until it is opened.
    """

    title: str
    facts: Callable[[Record], Mapping[str, Any]]
    template: str
    gist: Callable[[Record], str] | None = None


@dataclass(frozen=True)
class Rendered:
    """A section as HTML. gist: None if it is not folded."""

    title: str
    body: Markup
    gist: str | None


@cache
def environment() -> Environment:
    """Jinja with autoescape, the page's macros and number formats."""
    jinja = Environment(
        loader=PackageLoader("stillmotion.reports", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    jinja.filters |= {
        "percent": percent,
        "points": points,
        "number": number,
        "videos": videos,
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
    """Its HTML; None if it has no facts to show."""
    facts = section.facts(record)
    if not facts:
        return None
    body = environment().get_template(section.template).render(record=record, section=section.title, **facts)
    return Rendered(section.title, Markup(body), section.gist(record) if section.gist else None)


def percent(share: float | None, digits: int | None = None) -> str:
    """0.931 -> 93 %; a digit more near 0 and 100, so that 99.6 is not shown as 100."""
    if share is None:
        return UNKNOWN
    value = 100 * share
    if digits is None:
        digits = 1 if value not in (0, 100) and (value > 99.5 or value < 0.5) else 0
    return f"{value:.{digits}f}\N{NO-BREAK SPACE}%"


def span(shares: tuple[float | None, float | None]) -> str:
    """(0.43, 0.72) -> 43-72 %, with an en dash."""
    low, high = shares
    if low is None or high is None:
        return ""
    ends = [percent(share).removesuffix("\N{NO-BREAK SPACE}%") for share in shares]
    return f"{ends[0]}\N{EN DASH}{ends[1]}\N{NO-BREAK SPACE}%"


def points(share: float | None, digits: int = 0) -> str:
    """0.05 -> +5, with a true minus sign."""
    if share is None:
        return UNKNOWN
    text = f"{100 * share:+.{digits}f}"
    return "0" if float(text) == 0 else text.replace("-", MINUS)


def number(value: float | None, digits: int = 3, measured: bool = False) -> str:
    """Digits that matter, thousands apart: 1234567 -> 1 234 567. measured: zeros at the end matter too: 3.00."""
    if value is None:
        return UNKNOWN
    if isinstance(value, int) or abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}").replace("-", MINUS)
    return (f"{value:#.{digits}g}" if measured else f"{value:.{digits}g}").replace("-", MINUS)


def videos(count: int, kind: str = "") -> str:
    """1 video, 2 videos; `kind` comes before the word."""
    return f"{number(count)} {kind}{'video' if count == 1 else 'videos'}"


def million(value: float | None) -> str:
    """Millions: 212009920 -> 212 M."""
    return UNKNOWN if value is None else f"{number(value / 1e6)}\N{NO-BREAK SPACE}M"


def seconds(value: float | None) -> str:
    """A duration for a reader: 55 s, 3 min 20 s."""
    if value is None:
        return UNKNOWN
    minutes, rest = divmod(round(value), 60)
    return (
        f"{minutes}\N{NO-BREAK SPACE}min {rest}\N{NO-BREAK SPACE}s"
        if minutes
        else f"{number(value, 2)}\N{NO-BREAK SPACE}s"
    )


def p_value(p: float) -> str:
    """0.031 -> = 0.031; no more digits than anyone should believe."""
    return "below 0.001" if p < 0.001 else "above 0.99" if p > 0.99 else f"= {number(p, 2)}"


def render_text(text: str) -> Markup:
    """Plain text as HTML: escaped, `commands` as code, with true minus signs, and percent signs kept with numbers."""
    parts = [escape(_typeset(part)) for part in text.split("`")]
    if len(parts) % 2 == 0:  # an odd backtick, of a label or a name
        return Markup("`").join(parts)
    return Markup("").join(Markup("<code>{}</code>").format(part) if at % 2 else part for at, part in enumerate(parts))


def _typeset(text: str) -> str:
    return re.sub(r"(?<=[ (])-(?=\d)", MINUS, text).replace(" %", "\N{NO-BREAK SPACE}%")


def place(value: float) -> str:
    """A percentage for CSS."""
    return f"{value:.2f}%"
