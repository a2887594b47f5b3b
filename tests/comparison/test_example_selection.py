from dataclasses import replace

import numpy as np

from helpers.predictions import predictions
from stillmotion.comparison import select_examples


def test_disagreements_come_first_and_do_not_fill_all() -> None:
    still = predictions([False] * 10 + [True] * 10)
    motion = predictions([True] * 8 + [False] * 2 + [True] * 8 + [False] * 2)
    examples = select_examples([still], [motion], count=6)
    reasons = [example.reason for example in examples]
    assert reasons[:4] == ["only_motion_right", "only_still_right"] * 2
    assert reasons[4:] == ["both_wrong", "both_right"]
    assert [still.labels[still.truth[example.row]] for example in examples] == [example.label for example in examples]


def test_labels_take_turns() -> None:
    motion, still = predictions([True] * 8), predictions([False] * 8)
    examples = select_examples([still], [motion], count=4)
    assert {example.label for example in examples[:2]} == {"a", "b"}


def test_no_disagreement_and_few_videos() -> None:
    same = predictions([True, True, False])
    reasons = [example.reason for example in select_examples([same], [same], count=9)]
    assert reasons == [
        "both_wrong",
        "both_right",
        "both_right",
    ]


def test_each_video_has_the_reason_that_is_true_of_it() -> None:
    """Four videos of label a: both right, only motion, only still, both wrong as c; a fifth wrong as b and as c."""
    base = replace(predictions([True] * 5, labels=("a", "b", "c")), truth=np.zeros(5, np.intp))
    still = replace(base, probabilities=np.eye(3)[[0, 1, 0, 2, 1]])
    motion = replace(base, probabilities=np.eye(3)[[0, 0, 1, 2, 2]])
    reasons = {example.row: example.reason for example in select_examples([still], [motion], count=9)}
    assert reasons == {
        0: "both_right",
        1: "only_motion_right",
        2: "only_still_right",
        3: "both_wrong",
        4: "both_wrong_differently",
    }


def test_the_widest_gap_in_the_true_labels_probability_leads() -> None:
    motion = predictions([True] * 6)
    still = predictions([False] * 6)
    weaker = still.probabilities.copy()
    weaker[[2, 3]] = [[0.01, 0.99], [0.99, 0.01]]
    examples = select_examples([replace(still, probabilities=weaker)], [motion], count=6)
    assert [example.row for example in examples[:2]] == [2, 3]


def test_at_most_two_thirds_are_disagreements_if_there_are_others() -> None:
    still, motion = predictions([False] * 20 + [True] * 20), predictions([True] * 40)
    reasons = [example.reason for example in select_examples([still], [motion], count=9)]
    assert reasons == ["only_motion_right"] * 6 + ["both_right"] * 3
    most = [example.reason for example in select_examples([still], [motion], count=39)]
    assert (most.count("only_motion_right"), most.count("both_right")) == (20, 19)


def test_most_confident_mistakes_lead_among_shared_mistakes() -> None:
    wrong = predictions([False] * 6)
    confident = wrong.probabilities.copy()
    confident[4] = [0.02, 0.98]
    examples = select_examples([replace(wrong, probabilities=confident)], [wrong], count=2)
    assert examples[0].row == 4


def test_labels_take_turns_even_where_one_has_the_widest_gaps() -> None:
    motion = predictions([True] * 8)
    still = predictions([False] * 8)
    gaps = still.probabilities.copy()
    gaps[[0, 2, 4]] = [0.01, 0.99]  # all of label a
    examples = select_examples([replace(still, probabilities=gaps)], [motion], count=4)
    assert [example.label for example in examples] == ["a", "b", "a", "b"]
