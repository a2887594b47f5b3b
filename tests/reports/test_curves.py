"""The sections on frames per clip and on more footage say what the record says, and draw all of it."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from helpers.comparisons import fabricate_ladder, rates
from stillmotion.comparison import Comparison, read_comparison
from stillmotion.reports.records import Record
from stillmotion.reports.rendering import Rendered, Section, render_section
from stillmotion.reports.sections.learning import LEARNING
from stillmotion.reports.sections.rates import RATES


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    return read_comparison(fabricate_ladder(tmp_path_factory.mktemp("ladder")))


def render(section: Section, comparison: Comparison) -> Rendered:
    rendered = render_section(section, Record(comparison))
    assert rendered is not None
    return rendered


def text_of(rendered: Rendered) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", rendered.body)).replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize("section", [RATES, LEARNING])
def test_the_section_says_what_the_record_says(section: Section, comparison: Comparison) -> None:
    sentence = comparison.rates_sentence if section is RATES else comparison.learning_sentence
    rendered = render(section, comparison)
    assert sentence and text_of(rendered).strip().startswith(sentence)
    assert rendered.gist and sentence.startswith(rendered.gist)


def test_every_measurement_has_a_dot_with_its_interval(comparison: Comparison) -> None:
    for section, dots in ((RATES, len(comparison.rates)), (LEARNING, len(comparison.learning))):
        body = render(section, comparison).body
        assert body.count('class="dot"') == body.count('class="whisker"') == dots > 0
    for result in comparison.rates:
        assert f"{result.frames} frames" in render(RATES, comparison).body


def test_numbers_of_frames_that_gain_nothing_are_shaded(comparison: Comparison) -> None:
    """From 8 frames on, in the middle of 2, 4, 8, 16 and 32."""
    assert 'class="enough" style="left: 50.00%"' in render(RATES, comparison).body
    growing = replace(comparison, rates=rates({2: 0.2, 4: 0.4, 8: 0.6, 16: 0.8, 32: 1.0}))
    assert 'class="enough"' not in render(RATES, growing).body


@pytest.mark.parametrize("accuracies", [{2: 0.2, 4: 0.9}, {2: 0.9, 4: 0.95}])
def test_guessing_is_drawn_and_the_axis_is_the_same_whatever_the_accuracies(
    comparison: Comparison, accuracies: dict[int, float]
) -> None:
    rendered = render(RATES, replace(comparison, rates=rates(accuracies)))
    assert "Dotted line: 25 %, the accuracy of guessing" in text_of(rendered)
    assert '<i class="hline chance" style="bottom: 25.00%">' in rendered.body
    for accuracy in accuracies.values():
        assert f"bottom: {100 * accuracy:.2f}%" in rendered.body


def test_frames_per_second_are_listed_for_windows_of_some_seconds(comparison: Comparison) -> None:
    assert "Frames per second" not in text_of(render(RATES, comparison))
    windows = replace(comparison, rates=tuple(replace(one, rate=one.frames / 4) for one in comparison.rates))
    assert "8 2 85 %" in text_of(render(RATES, windows))
