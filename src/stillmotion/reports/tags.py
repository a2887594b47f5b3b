"""Where the names of dots are written in a plot, so that they cover neither each other nor other marks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

# All in percent of the plot, and for a phone: elsewhere, names are narrower.
BESIDE = 2.0  # from a dot to its name, at least
MARGIN, CHARACTER = 4.5, 2.55  # width of a name: beside the dot, and each character
HALF_HEIGHT = 7.0
GAP = 16.0  # from the middle of a name to that of the next
LOWEST, HIGHEST = 8, 95
# What is worse than to move a name by a percent of the plot: per name and mark that it covers, per percent outside.
COVERED_NAME, COVERED_DOT, COVERED_WHISKER, OUTSIDE, TO_THE_LEFT = 1000.0, 40.0, 16.0, 50.0, 0.5


@dataclass(frozen=True)
class Dot:
    """A dot with its whisker, in percent of the plot."""

    name: str
    x: float
    y: float
    low: float
    high: float


@dataclass(frozen=True)
class Tag:
    """Where the middle of a name is, and whether the name is to the left of its dot."""

    y: float
    left: bool


def place_tags(dots: Sequence[Dot]) -> list[Tag]:
    """Place one name after the other where it covers the least, as near to its dot as possible.

    Args:
        dots: what has names.

    Returns:
        The place of each name, in the same order.
    """
    tags: list[Tag] = []
    for dot in dots:
        heights = {min(HIGHEST, max(LOWEST, dot.y)), *range(LOWEST, HIGHEST + 1)}
        heights |= {min(HIGHEST, max(LOWEST, tag.y + side * GAP)) for tag in tags for side in (-1, 1)}
        candidates = [Tag(y, left) for y in sorted(heights) for left in (False, True)]
        tags.append(min(candidates, key=lambda tag: _cost(dot, tag, dots, tags)))
    placed = list(zip(dots, tags, strict=True))
    outside = any(_outside(*_ends(dot, tag)) for dot, tag in placed)
    if not outside and not any(_overlap(*one, *other) for one, other in combinations(placed, 2)):
        return tags
    # The first names have left no room for the last: one above the other, for which there is room for six.
    order = sorted(range(len(dots)), key=lambda number: dots[number].y)
    step = (HIGHEST - LOWEST) / (len(dots) - 1)
    for place, number in enumerate(order):
        sides = [Tag(LOWEST + place * step, left) for left in (False, True)]
        tags[number] = min(sides, key=lambda tag: _cost(dots[number], tag, dots, []))
    return tags


def _cost(dot: Dot, tag: Tag, dots: Sequence[Dot], tags: Sequence[Tag]) -> float:
    start, end = _ends(dot, tag)
    cost = abs(tag.y - dot.y) + TO_THE_LEFT * tag.left + OUTSIDE * _outside(start, end)
    for other, placed in zip(dots, tags, strict=False):
        cost += COVERED_NAME * _overlap(dot, tag, other, placed)
    for other in dots:
        # Also a mark between the dot and its name, which would seem to be that of the mark.
        if (start - BESIDE < other.x < dot.x) if tag.left else (dot.x < other.x < end + BESIDE):
            cost += COVERED_WHISKER * (other.low - HALF_HEIGHT < tag.y < other.high + HALF_HEIGHT)
            cost += COVERED_DOT * (abs(tag.y - other.y) < HALF_HEIGHT)
    return cost


def _overlap(dot: Dot, tag: Tag, other: Dot, placed: Tag) -> bool:
    """Whether two names cover each other."""
    (start, end), (other_start, other_end) = _ends(dot, tag), _ends(other, placed)
    return start < other_end and other_start < end and abs(tag.y - placed.y) < GAP


def _outside(start: float, end: float) -> float:
    """How much of a name is outside of the plot, in percent of the plot."""
    return max(0.0, -start) + max(0.0, end - 100)


def _ends(dot: Dot, tag: Tag) -> tuple[float, float]:
    """Where a name begins and ends."""
    width = MARGIN + CHARACTER * len(dot.name)
    return (dot.x - width, dot.x - BESIDE) if tag.left else (dot.x + BESIDE, dot.x + width)
