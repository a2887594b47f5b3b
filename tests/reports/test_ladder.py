"""The ladder on the page: a row per rung, its gain, and the contenders of each."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from helpers.comparisons import LADDER, fabricate_ladder
from stillmotion.clips import ClipSpec
from stillmotion.comparison import Comparison, IntervalEstimate, read_comparison
from stillmotion.reports.records import Record
from stillmotion.reports.rendering import Section, number, points, render_section
from stillmotion.reports.sections.contenders import CONTENDERS
from stillmotion.reports.sections.search import SEARCH
from stillmotion.reports.sections.training import TRAINING
from stillmotion.reports.sections.verdict import VERDICT

LADDER_TOP = "dense motion"


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    return read_comparison(fabricate_ladder(tmp_path_factory.mktemp("ladder")))


def text_of(comparison: Comparison, section: Section = VERDICT) -> str:
    rendered = render_section(section, Record(comparison))
    assert rendered is not None
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", rendered.body)).replace("\N{NO-BREAK SPACE}", " ")


def test_rungs_are_shown_from_the_bottom_up_with_accuracy_gain_and_cost(comparison: Comparison) -> None:
    text = text_of(comparison)
    places = [text.index(f"{number} {rung}") for number, rung in enumerate(LADDER, start=1)]
    assert places == sorted(places)
    ladder = comparison.ladder
    assert ladder is not None
    for step in ladder.steps:
        gain, low, high = (points(share) for share in (step.gain, step.low, step.high))
        assert f"{gain} {low} to {high}" in text
    for rung in LADDER:
        accuracy, milliseconds = comparison.models[rung].accuracy, comparison.models[rung].cost.milliseconds_per_clip
        interval = f"{100 * accuracy.low:.0f}\N{EN DASH}{100 * accuracy.high:.0f} %"
        assert f"{100 * accuracy.value:.0f} % {interval}" in text
        assert f"{number(milliseconds, 2, measured=True)}&nbsp;ms per clip" in text


def test_the_ladder_shows_what_the_verdict_compares(comparison: Comparison) -> None:
    assert comparison.verdict is not None
    models = {
        rung: replace(comparison.models[rung], balanced_accuracy=IntervalEstimate(0.111 + 0.1 * n, 0.01, 0.93))
        for n, rung in enumerate(LADDER)
    }
    balanced = replace(comparison, models=models, verdict=replace(comparison.verdict, metric="balanced", guessing=0.37))
    text = text_of(balanced)
    for rung in LADDER:
        estimate = balanced.measured(rung)
        assert f"{100 * estimate.value:.0f} % 1\N{EN DASH}93 %" in text
    assert "the mean over the labels of the share" in text and "Dotted line: 37 %" in text
    assert comparison.measured(LADDER_TOP) == comparison.models[LADDER_TOP].accuracy
    assert "the mean over the labels" not in text_of(comparison)


def test_the_details_say_what_looking_again_does_unless_the_interval_holds_at_every_look(
    comparison: Comparison,
) -> None:
    assert comparison.verdict is not None
    note = "wrong answers become more frequent"
    assert note in text_of(comparison)
    at_every_look = text_of(replace(comparison, verdict=replace(comparison.verdict, sequential=True)))
    assert note not in at_every_look
    assert "interval holds at every look. All p-values are those of a single look." in at_every_look


def test_a_gain_over_another_rung_than_the_one_before_says_so(comparison: Comparison) -> None:
    assert comparison.ladder is not None
    first, second, *others = comparison.ladder.steps
    steps = (first, replace(second, from_rung="one frame"), *(replace(s, from_rung="changes") for s in others))
    text = text_of(replace(comparison, ladder=replace(comparison.ladder, steps=steps)))
    assert text.count("over one frame") == 1
    assert text.count("over changes") == 1  # the rung before `order` is `changes`


def test_the_contenders_and_the_chosen_one_are_listed(comparison: Comparison) -> None:
    text = text_of(comparison, CONTENDERS)
    for family, _ in LADDER.values():
        assert f"{family} small" in text
        assert re.search(rf"{family} efficientnet-lite0 \d+ % yes", text)


def test_the_page_begins_with_what_each_step_adds_and_keeps_the_interval_for_the_details(
    comparison: Comparison,
) -> None:
    text = text_of(comparison)
    assert comparison.ladder is not None and comparison.verdict is not None
    assert text.strip().startswith(comparison.ladder_sentence)
    assert text.index("Statistical details") < text.index("all of it above the margin")


def test_every_contrast_names_both_of_its_models(comparison: Comparison) -> None:
    verdict = comparison.verdict
    assert verdict is not None and len({contrast.still for contrast in verdict.contrasts}) > 1
    text = text_of(comparison)
    assert f"{verdict.still} and {verdict.motion} were chosen from 2 still and 3 motion models" in text
    for contrast in verdict.contrasts:
        difference = f"{100 * contrast.difference:+.1f}".replace("-", "\N{MINUS SIGN}")
        assert f"{contrast.motion} {contrast.still} {difference}" in text


def test_without_rungs_there_is_no_ladder(comparison: Comparison) -> None:
    text = text_of(replace(comparison, ladder=None))
    assert "Each rung" not in text
    assert text.index("all of it above the margin") < text.index("Statistical details")
    models = {name: replace(result, contenders=()) for name, result in comparison.models.items()}
    assert render_section(CONTENDERS, Record(replace(comparison, models=models))) is None


def test_the_models_are_in_the_order_of_the_rungs(comparison: Comparison) -> None:
    assert Record(comparison).models == list(LADDER)


def test_each_rung_has_clips_of_its_own(comparison: Comparison) -> None:
    """The rung of one frame is not that of the others: no sentence speaks of one number of frames for all."""
    frames = {name: result.spec and result.spec.frames for name, result in comparison.models.items()}
    assert frames == {rung: 1 if rung == "one frame" else 16 for rung in LADDER}
    assert gist_of(comparison) == "curves and recipes; 1 to 16 frames per clip, spread over the video"
    others = {name: result for name, result in comparison.models.items() if name != "one frame"}
    same = replace(comparison, models=others, ladder=None)
    assert gist_of(same) == "curves and recipes; 16 frames per clip, spread over the video"
    seconds = {
        name: replace(result, spec=ClipSpec(frames, 4.0)) for frames, (name, result) in enumerate(others.items(), 4)
    }
    windows = replace(same, models=seconds)
    assert gist_of(windows) == "curves and recipes; 4 to 7 frames per clip, in windows of 1 to 1.75 s"
    text = text_of(comparison, SEARCH)
    assert "every contender started with the same videos and seeds" in text
    assert "several frames sees as many frames as any motion model; one frame sees one." in text
    assert "every family started with the same clips, frame sizes" in text_of(replace(comparison, ladder=None), SEARCH)


def gist_of(comparison: Comparison) -> str:
    rendered = render_section(TRAINING, Record(comparison))
    assert rendered is not None and rendered.gist is not None
    return rendered.gist
