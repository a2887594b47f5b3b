"""Guessing comes first: what beats it, and what is not said of models that do not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from helpers.predictions import predictions
from stillmotion.comparison import Comparison, Verdict, complete_comparison, decide, ladder_sentence
from stillmotion.comparison.guessing import guessing_sentence
from stillmotion.comparison.ladder import Ladder, Step
from stillmotion.comparison.model_results import summarize_predictions

VIDEOS = np.arange(60)
CHANCE, BETTER, PERFECT = (predictions(right) for right in (VIDEOS % 2 == 0, VIDEOS % 4 > 0, VIDEOS >= 0))


def compared(still: object = CHANCE, motion: object = CHANCE, other: object = CHANCE) -> Comparison:
    """Three models, of which the first two are those of the verdict."""
    models = {
        name: summarize_predictions("still" if name == "pool" else "motion", [trained])  # type: ignore[list-item]
        for name, trained in (("pool", still), ("conv", motion), ("rnn", other))
    }
    verdict = decide([still], [motion], names=("pool", "conv"))  # type: ignore[list-item]
    return complete_comparison(Comparison(models, verdict))


@pytest.mark.parametrize(
    ("comparison", "expected"),
    [
        (compared(), "Nothing is significantly better than guessing, which is right in 50 % of the test videos."),
        (
            compared(CHANCE, BETTER, PERFECT),
            "Better than guessing, which is right in 50 % of the test videos: conv, rnn. Not significantly better: "
            "pool.",
        ),
        (compared(BETTER, BETTER, PERFECT), "All models beat guessing, which is right in 50 % of the test videos."),
    ],
)
def test_the_sentence_says_what_beats_guessing(comparison: Comparison, expected: str) -> None:
    assert comparison.guessing_sentence == comparison.to_json()["guessing_sentence"] == expected


def test_the_sentence_is_english_for_any_number_of_models() -> None:
    guess = "guessing, which is right in 25 % of the test videos."
    assert guessing_sentence({"a": True}, 0.25) == f"a beats {guess}"
    assert guessing_sentence({"a": False}, 0.25) == f"a is not significantly better than {guess}"
    assert guessing_sentence({"a": True, "b": True}, 0.25) == f"Both models beat {guess}"
    assert guessing_sentence({}, 0.25) == Comparison({}, None).guessing_sentence == ""
    balanced = guessing_sentence({"a": True, "b": True}, 0.25, "balanced")
    assert balanced == "Both models beat guessing, which has a mean recall of 25 %."


def test_without_a_verdict_the_interval_of_the_accuracy_tells() -> None:
    alone = replace(compared(), verdict=None)
    assert alone.beats_guessing == {"pool": False, "conv": False, "rnn": False}
    assert alone.guessing_sentence.startswith("Nothing is significantly better")
    assert replace(compared(PERFECT, PERFECT), verdict=None).beats_guessing["conv"]


def test_no_number_of_groups_is_named_until_something_beats_guessing() -> None:
    def asked(motion: list[bool]) -> Verdict:
        return decide([predictions(VIDEOS[:24] % 2 == 0)], [predictions(motion)], names=("pool", "conv"))

    undecided = asked([True] * 18 + [False] * 6)
    assert undecided.motion_beats_guessing and undecided.groups_to_decide
    guess = asked([True] * 17 + [False] * 7)
    assert (guess.answer, guess.nothing_beats_guessing, guess.groups_to_decide) == ("undecided", True, None)
    older = replace(guess, groups_to_decide=80)  # as a record of an earlier version may have it
    comparison = complete_comparison(replace(compared(), verdict=older))
    assert "80" not in older.sentence
    assert not [advice for advice in comparison.advice if "80 groups" in advice.text]


def test_no_word_of_success_for_models_that_only_guess() -> None:
    comparison = compared()
    texts = [advice.text for advice in comparison.advice]
    assert "conv is wrong on 30 of 60 test videos, which is not significantly better than guessing." in texts
    assert not [text for text in texts if "Use " in text or "finds" in text or " ms " in text or "accuracy may" in text]
    assert {advice.topic for advice in comparison.advice} == {"failures", "next_steps"}


def test_a_rung_that_only_guesses_does_not_help() -> None:
    steps = (
        Step("one frame", "several frames", 0.2, 0.1, 0.3, 0.01, 0.01),
        Step("one frame", "order", 0.4, 0.3, 0.5, 0, 0),
    )
    ladder = Ladder(("one frame", "several frames", "order"), steps)
    beats = {"one frame": False, "several frames": False, "order": True}
    verdict = replace(decide([CHANCE], [PERFECT]), high=0.01, low=-0.1, stills_beat_guessing=False)
    text = ladder_sentence(ladder, verdict, None, beats)
    assert text.startswith(
        "Several frames are not significantly better than guessing (+20 over one frame). Their order helps (+40)."
    )
    nothing = ladder_sentence(ladder, verdict, None, {**beats, "order": False})
    assert nothing == "Whether motion is needed is undecided."
