"""Names of dots cover neither each other nor other dots, and stay in the plot."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import example, given, settings, strategies as st

from helpers.comparisons import LADDER
from stillmotion.reports.tags import BESIDE, CHARACTER, GAP, HALF_HEIGHT, MARGIN, Dot, Tag, place_tags

RIGHTMOST = 64.5  # where the cost plot's axis puts the slowest model
PLACES = st.tuples(st.floats(0, RIGHTMOST), st.floats(0, 100), st.floats(0, 30))


def dots(places: list[tuple[float, float]], spread: float = 10) -> list[Dot]:
    return [Dot(name, x, y, y - spread, y + spread) for name, (x, y) in zip(LADDER, places, strict=False)]


def ends(dot: Dot, tag: Tag) -> tuple[float, float]:
    width = MARGIN + CHARACTER * len(dot.name)
    return (dot.x - width, dot.x - BESIDE) if tag.left else (dot.x + BESIDE, dot.x + width)


def check(of: list[Dot]) -> None:
    tags = place_tags(of)
    for (first, tag), (second, other) in combinations(zip(of, tags, strict=True), 2):
        (start, end), (other_start, other_end) = ends(first, tag), ends(second, other)
        beside = end <= other_start or other_end <= start
        assert beside or abs(tag.y - other.y) >= GAP - 1e-9, (first, tag, second, other)
    for dot, tag in zip(of, tags, strict=True):
        start, end = ends(dot, tag)
        assert start >= -1 and end <= 101
        assert HALF_HEIGHT <= tag.y <= 100


@pytest.mark.parametrize("place", [(64.5, 90.0), (64.5, 100.0), (64.5, 0.0), (30.0, 50.0), (0.0, 50.0)])
def test_names_of_equal_rungs_do_not_overlap(place: tuple[float, float]) -> None:
    check(dots([place] * 5))


@settings(deadline=None, max_examples=40)
@given(st.lists(PLACES, min_size=5, max_size=5))
@example([(0.0, 0.0, 0.0), (0.0, 80.0, 0.0), (12.0, 33.0, 0.0), (1.0, 0.0, 0.0), (16.0, 0.0, 0.0)])  # one left the plot
def test_names_of_five_rungs_never_overlap(places: list[tuple[float, float, float]]) -> None:
    check([Dot(name, x, y, y - spread, y + spread) for name, (x, y, spread) in zip(LADDER, places, strict=True)])


def test_a_name_with_room_is_right_beside_its_dot() -> None:
    assert place_tags(dots([(10, 20), (30, 60), (60, 90)])) == [Tag(20, False), Tag(60, False), Tag(90, False)]


def test_a_name_is_not_beside_the_dot_of_another() -> None:
    """The second dot is a little to the right of the first: the first's name goes to the left."""
    assert place_tags(dots([(40, 50), (41, 50)])) == [Tag(50, True), Tag(50, False)]


def test_a_name_does_not_cover_a_dot_further_away() -> None:
    first, _ = place_tags(dots([(5, 50), (15, 50)]))
    assert abs(first.y - 50) >= HALF_HEIGHT and not first.left  # to the left the plot ends
