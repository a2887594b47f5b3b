"""Sentences follow from the record, and from nothing else."""

from dataclasses import replace

import numpy as np
import pytest

from helpers.predictions import predictions
from stillmotion.comparison import (
    BestFrameEvidence,
    Contrast,
    Evidence,
    best_frame_text,
    decide,
    example_text,
    selection_text,
    verdict_details,
    verdict_notes,
)
from stillmotion.formatting import count, duration, percent, points, significant

BASE = replace(
    decide([predictions(np.arange(60) % 2 == 0)], [predictions([True] * 60)], names=("pool", "conv")),
    low=0.31,
    high=0.68,
)
FIGURES = (
    "the motion model conv gets 100 % of the test videos right and the still model pool 50 %, a difference of +50 "
    "points (95 % interval +31 to +68)"
)


def test_the_sentence_is_the_answer_and_its_details() -> None:
    assert BASE.sentence == f"Motion is needed: {FIGURES}, all of it above the margin of 5 points."
    assert verdict_details(BASE) == f"{FIGURES}, all of it above the margin of 5 points."
    suffice = replace(BASE, low=-0.31, high=-0.2, stills_beat_guessing=True, missed=())
    assert suffice.sentence.startswith("Stills suffice: ")
    assert suffice.sentence.endswith("(95 % interval -31 to -20), all of it below the margin of 5 points.")


@pytest.mark.parametrize(
    ("changes", "ending"),
    [
        (
            {"groups_to_decide": 80},
            "About 80 groups of test videos would probably decide it, if the difference stays the same; these are 60.",
        ),
        ({"groups": 1}, "One group of test videos cannot decide it."),
        ({}, "Even 20 times as many groups would probably not decide it."),
    ],
)
def test_an_undecided_sentence_says_how_much_more_data_is_needed(changes: dict[str, int], ending: str) -> None:
    undecided = replace(BASE, low=-0.2, **changes)  # type: ignore[arg-type]
    assert undecided.sentence.startswith("Undecided: ")
    assert undecided.sentence.endswith(f". So the gain may be less or more than the margin of 5 points. {ending}")


def test_a_blocked_answer_says_what_blocks_it() -> None:
    guessing = replace(BASE, motion_beats_guessing=False)
    assert guessing.sentence == (
        f"Undecided: {FIGURES}. That is above the margin of 5 points, but the motion model is not significantly better "
        "than guessing (always predicting the most frequent label: 50 %). So motion is not shown to be needed."
    )
    suffice = replace(BASE, low=-0.3, high=-0.1, stills_beat_guessing=False, missed=())
    assert (
        "That is below the margin of 5 points, but the still model is not significantly better than guessing"
        in suffice.sentence
    )
    assert suffice.sentence.endswith("So stills are not shown to suffice.")


def test_nothing_can_be_decided_where_neither_model_beats_guessing() -> None:
    guessing = replace(BASE, low=-0.2, stills_beat_guessing=False, motion_beats_guessing=False)
    ending = "Neither model is significantly better than guessing: until one is, nothing can be decided."
    assert guessing.sentence.endswith(ending)
    assert replace(guessing, groups_to_decide=80).sentence.endswith(ending)  # as older records may have it
    few = "neither model is significantly better than guessing, and even a good one might not be."
    assert replace(guessing, groups=9).sentence.endswith(f"On only 9 groups of test videos, {few}")
    assert replace(guessing, groups=1).sentence.endswith(f"On only one group of test videos, {few}")
    assert replace(guessing, groups=10).sentence.endswith(ending)
    one_learned = replace(guessing, motion_beats_guessing=True)
    assert one_learned.sentence.endswith("Even 20 times as many groups would probably not decide it.")


def test_a_fraction_of_a_margin_is_shown() -> None:
    assert "all of it above the margin of 7.5 points." in replace(BASE, margin=0.075).sentence
    assert "all of it above the margin of 1 point." in replace(BASE, margin=0.01).sentence
    assert "+31.0 to +68.0" in replace(BASE, margin=0.075).sentence


def test_notes_hold_what_the_sentence_does_not() -> None:
    contrasts = (Contrast("pool", "conv", 0.5, 0.31, 0.68), Contrast("pool", "rnn", 0.2, 0.1, 0.3))
    several = replace(BASE, contrasts=contrasts, selected_by="validation_accuracy", labels=(), missed=(), pairs=())
    assert verdict_notes(several) == [
        "conv was chosen from 2 motion models by validation accuracy; the intervals of others are wider. Pair by pair:",
        "  conv: +50.0 points (+31.0 to +68.0)",
        "  rnn: +20.0 points (+10.0 to +30.0)",
    ]
    undecided = replace(
        BASE, low=0.01, labels=(), missed=(), pairs=(), equivalence_low=0.02, equivalence_high=0.6, brier_low=-0.1
    )
    assert verdict_notes(undecided) == [
        "equivalent within ±5 points (two one-sided tests at 5 %): not demonstrated; interval +2.0 to +60.0",
        "motion is significantly better, but perhaps by less than the margin",
    ]
    assert "yes" in verdict_notes(replace(undecided, equivalent=True))[0]
    leaning = verdict_notes(replace(undecided, brier_gain=0.3, brier_low=0.1, brier_high=0.5))[2]
    assert leaning == (
        "leaning: motion; the probabilities that conv gives are significantly better than those of pool (Brier score "
        "30 points better, 97 % interval +10 to +50), but by accuracy it is still undecided"
    )
    balanced = replace(undecided, metric="balanced", brier_gain=0.3, brier_low=0.1, brier_high=0.5)
    assert verdict_notes(balanced)[2].endswith("but by balanced accuracy it is still undecided")
    assert "use `--sequential`" in verdict_notes(replace(undecided, groups_to_decide=80))[-1]
    assert verdict_notes(replace(undecided, groups_to_decide=80, sequential=True)) == verdict_notes(undecided)


def test_notes_name_labels_and_pairs_that_motion_separates() -> None:
    notes = verdict_notes(BASE)
    assert notes == [
        "labels that the still model pool misses significantly more often: b (0 % found, 100 % by conv)",
        "labels that motion separates significantly better: b (+50)",
        "pairs of labels that only motion separates: a / b",
    ]
    many = replace(BASE, labels=BASE.labels * 9, missed=BASE.missed * 9, pairs=BASE.pairs * 6)
    assert all(note.endswith("...") for note in verdict_notes(many))


def test_notes_name_the_labels_that_each_still_model_misses() -> None:
    other = replace(BASE.missed[0], model="one frame", better="rnn", label="a")
    notes = [note for note in verdict_notes(replace(BASE, missed=(*BASE.missed, other))) if "misses" in note]
    assert notes[1:] == ["labels that one frame misses significantly more often: a (0 % found, 100 % by rnn)"]
    suffice = replace(BASE, low=-0.2, high=0.01, missed=(*BASE.missed, other))
    assert ["one frame" in note for note in verdict_notes(suffice) if "misses" in note] == [True]


def test_how_the_motion_model_was_chosen() -> None:
    assert selection_text(BASE) == "as the only motion model"
    assert selection_text(replace(BASE, selected_by="named")) == "from the models that you included"
    contrasts = (Contrast("pool", "a", 0, 0, 0), Contrast("pool", "b", 0, 0, 0))
    chosen = replace(BASE, contrasts=contrasts, selected_by="test_accuracy")
    assert selection_text(chosen) == "from 2 motion models on the test videos"
    more = replace(chosen, contrasts=(*contrasts, Contrast("frame", "a", 0, 0, 0)))
    assert selection_text(more) == "from 2 still and 2 motion models on the test videos"
    assert verdict_notes(more)[0] == (
        "pool and conv were chosen from 2 still and 2 motion models on the test videos, and the intervals are "
        "corrected for that (Bonferroni). Pair by pair (the interval above covers every still model, and may be wider):"
    )
    assert verdict_notes(more)[3] == "  a over frame: 0.0 points (0.0 to 0.0)"


def best(most_confident: float, oracle: float, *, decides: bool) -> Evidence:
    return Evidence(best_frame=BestFrameEvidence(0.3, 0.4, most_confident, oracle, 0.5, 0.9, -0.02, 0.12, decides))


def test_whether_one_good_frame_is_enough() -> None:
    assert best_frame_text(BASE, Evidence(), False) == ""
    text = best_frame_text(BASE, best(0.95, 0.98, decides=True), False)
    assert text.startswith("It may be: the frame that the still model is most confident of")
    assert "(-2 to +12 points compared with motion, 95 % interval)" in text
    assert text.endswith("the right frame counts, and not motion: try `--pool max` or `--pool attention`.")
    assert best_frame_text(BASE, best(0.95, 0.98, decides=True), True).endswith("and not motion.")
    assert best_frame_text(BASE, best(0.41, 0.98, decides=True), False).startswith("It may be: single frames")
    assert best_frame_text(BASE, best(0.41, 0.55, decides=False), False).startswith(
        "No. In 55 % of the videos some frame is right"
    )
    assert best_frame_text(BASE, best(0.41, 0.7, decides=False), False).startswith("Not by itself: in 70 %")


def test_nothing_is_known_of_single_frames_where_neither_model_beats_guessing() -> None:
    guessing = replace(BASE, stills_beat_guessing=False, motion_beats_guessing=False)
    unknown = "Not known: neither model is significantly better than guessing."
    assert best_frame_text(guessing, best(0.41, 0.55, decides=False), False) == unknown
    assert (
        best_frame_text(replace(guessing, motion_beats_guessing=True), best(0.41, 0.55, decides=False), False)
        != unknown
    )


def test_numbers_in_plain_text() -> None:
    assert [percent(share) for share in (0.931, 0.998, 0.002, 0.0, 1.0)] == ["93 %", "99.8 %", "0.2 %", "0 %", "100 %"]
    assert [points(share) for share in (0.05, -0.05, 0.001, -0.001)] == ["+5", "-5", "0", "0"]
    assert points(0.0512, 1) == "+5.1"
    assert [significant(number) for number in (1234567, 4.123, 0.01234, 123.4, 1272.0)] == [
        "1,234,567",
        "4.12",
        "0.0123",
        "123",
        "1,272",
    ]
    assert [duration(seconds) for seconds in (0.4, 55, 200, 60)] == ["0.4 s", "55 s", "3 min 20 s", "1 min 0 s"]
    assert [count(number, "video") for number in (1, 2, 1000)] == ["1 video", "2 videos", "1,000 videos"]


def test_an_example_names_the_models_that_are_right_since_others_of_their_kind_may_be() -> None:
    assert example_text("only_motion_right", "several frames", "order") == "order right, several frames wrong"
    assert example_text("only_still_right", "several frames", "order") == "several frames right, order wrong"
