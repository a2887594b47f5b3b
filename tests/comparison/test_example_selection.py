from helpers.predictions import predictions
from stillmotion.comparison import select_examples


def test_disagreements_come_first_and_do_not_fill_all() -> None:
    still = predictions([False] * 10 + [True] * 10)
    motion = predictions([True] * 8 + [False] * 2 + [True] * 8 + [False] * 2)
    found = select_examples([still], [motion], count=6)
    reasons = [one.reason for one in found]
    assert reasons[:4] == ["only_motion_right", "only_still_right"] * 2
    assert reasons[4:] == ["both_wrong", "both_right"]
    assert [still.labels[still.truth[one.row]] for one in found] == [one.label for one in found]


def test_labels_take_turns() -> None:
    motion, still = predictions([True] * 8), predictions([False] * 8)
    found = select_examples([still], [motion], count=4)
    assert {one.label for one in found[:2]} == {"a", "b"}


def test_no_disagreement_and_few_videos() -> None:
    same = predictions([True, True, False])
    reasons = [one.reason for one in select_examples([same], [same], count=9)]
    assert reasons == [
        "both_wrong",
        "both_right",
        "both_right",
    ]
