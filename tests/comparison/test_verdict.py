from dataclasses import replace

import numpy as np
import pytest

from helpers.predictions import Correct, predictions
from stillmotion.comparison import Verdict, decide
from stillmotion.errors import StillmotionError


def verdict(still: Correct, motion: Correct, groups: list[str] | None = None, *, margin: float = 0.05) -> Verdict:
    return decide([predictions(still, groups)], [predictions(motion, groups)], margin=margin)


def test_three_answers() -> None:
    needed = verdict([False] * 40, [True] * 36 + [False] * 4)
    assert needed.answer == "motion needed"
    assert needed.difference == pytest.approx(0.9)
    assert needed.sentence.startswith("Motion is needed: the motion model motion gets 90 %")
    suffice = verdict([True] * 80, [True] * 80)
    assert suffice.answer == "stills suffice"
    assert suffice.low < 0 < suffice.high < 0.05
    few = verdict([True] * 20, [True] * 20)
    assert few.answer == "undecided"
    assert few.groups_to_decide is not None
    assert 50 <= few.groups_to_decide <= 60
    assert f"About {few.groups_to_decide} groups" in few.sentence


@pytest.mark.parametrize("groups", [10, 30, 100])
def test_no_disagreement_hides_about_three_in_n_groups(groups: int) -> None:
    names = [f"g{i // 5}" for i in range(5 * groups)]
    decided = verdict([True] * len(names), [True] * len(names), names)
    assert decided.groups == groups
    assert decided.high == pytest.approx(-decided.low)
    assert 2.0 / groups < decided.high < 3.7 / groups


def test_videos_of_like_groups_count_less() -> None:
    still = [False, True] * 40
    motion = [True] * 80
    apart = verdict(still, motion)
    alike = verdict(sorted(still), motion, [f"g{i // 8}" for i in range(80)])
    assert apart.difference == alike.difference
    assert alike.low < apart.low - 0.1


def test_one_large_group_beside_small_ones_does_not_hide_a_plain_answer() -> None:
    names = ["scene"] * 12 + [f"g{i}" for i in range(9)]
    still, motion = (predictions(right, names, "abcd") for right in ([False] * 21, [i % 10 < 9 for i in range(21)]))
    assert decide([still], [motion]).answer == "motion needed"
    assert verdict([False] * 21, [True] * 12 + [False] * 9, names).answer == "undecided"


def test_one_group_says_nothing() -> None:
    decided = verdict([False] * 30, [True] * 30, ["g"] * 30)
    assert (decided.answer, decided.low, decided.high) == ("undecided", -1.0, 1.0)
    assert decided.groups_to_decide is None


def test_seeds_are_averaged() -> None:
    still = [predictions([False] * 30)] * 2
    motion = [predictions([True] * 30), predictions([False] * 30)]
    decided = decide(still, motion)
    assert decided.difference == pytest.approx(0.5)
    assert decided.seeds == 2


def test_near_the_margin_the_sentence_has_decimals() -> None:
    """Never "+5 points, above the margin of 5"."""
    near = replace(verdict([True] * 100, [True] * 100), low=0.0512, high=0.4)
    assert "+5.1 to +40.0), all of it above the margin of 5 points." in near.sentence
    assert "+6 to +40), all of it above the margin of 5 points." in replace(near, low=0.0612).sentence


def test_other_videos_are_refused() -> None:
    with pytest.raises(StillmotionError, match="different videos: 1 differ"):
        decide([predictions([True] * 5)], [predictions([True] * 6)])


def test_stills_do_not_suffice_if_both_models_guess() -> None:
    guess = list(np.random.default_rng((0,)).random(400) < 0.5)
    decided = verdict(guess, guess)
    assert decided.high < 0.05
    assert decided.answer == "undecided"
    assert "most frequent label: 50 %)" in decided.sentence


def test_motion_is_not_needed_for_what_always_the_same_answer_does() -> None:
    """Seven in ten videos have label a; the motion model always says so, the still model guesses."""
    truth = np.where(np.arange(300) % 10 < 7, 0, 1)
    motion = predictions([True] * 300)
    motion = replace(motion, truth=truth, probabilities=np.tile([0.8, 0.2], (300, 1)))
    guess = np.random.default_rng((0,)).random(300) < 0.5
    still = replace(motion, probabilities=np.where(guess[:, None], [0.6, 0.4], [0.4, 0.6]))
    decided = decide([still], [motion])
    assert decided.low > 0.05
    assert (decided.answer, decided.motion_beats_guessing, decided.groups_to_decide) == ("undecided", False, None)
    assert (
        "motion model is not significantly better than guessing (always predicting the most frequent label: 70 %)"
        in decided.sentence
    )


def test_a_model_that_is_right_in_two_of_three_beats_guessing() -> None:
    """Of 80 videos, half of each label: its interval is above one half, though not if each video counts alone."""
    right = [i % 3 > 0 for i in range(80)]
    decided = verdict(right, right)
    assert decided.guessing == 0.5
    assert decided.stills_beat_guessing


def test_no_number_of_groups_makes_a_guesser_suffice() -> None:
    guess = [list(np.random.default_rng((seed,)).random(40) < 0.5) for seed in (0, 1)]
    decided = verdict(*guess)
    assert decided.answer == "undecided"
    assert decided.groups_to_decide is None


def test_large_groups_that_agree_are_few() -> None:
    """Motion alone is right in all of three large groups, and in half of the single clips: three say little."""
    names = [f"large{i // 25}" for i in range(75)] + [f"g{i}" for i in range(17)]
    motion = [True] * 75 + [i % 2 == 0 for i in range(17)]
    decided = verdict([not right for right in motion], motion, names)
    assert decided.low < 0


def test_undecided_by_little_shows_its_digits() -> None:
    still, motion = (
        [True] * 1500 + different for different in ([False] * 290 + [True] * 150, [True] * 290 + [False] * 150)
    )
    decided = verdict(still + [False] * 60, motion + [False] * 60)
    assert (decided.answer, round(100 * decided.low)) == ("undecided", 5)
    assert f"{100 * decided.low:+.1f} to" in decided.sentence


def test_one_point_is_no_points() -> None:
    right = [True] * 200
    assert "a difference of -1 point (" in verdict(right, [i > 1 for i in range(200)]).sentence


def test_equivalence_is_said_apart() -> None:
    assert verdict([True] * 200, [True] * 200).equivalent
    worse = verdict([True] * 200, [i % 4 > 0 for i in range(200)])
    assert (worse.answer, worse.equivalent) == ("stills suffice", False)
    small = verdict([i % 10 > 0 for i in range(400)], [True] * 400, margin=0.2)
    assert small.superior
    assert small.equivalent
    assert small.answer == "stills suffice"


def test_groups_to_decide_follow_the_formula() -> None:
    """G (z + z)^2 se^2 / (difference - margin)^2, for many groups."""
    change = np.tile([1] * 6 + [-1] * 3 + [0] * 16, 8)
    decided = verdict(list(change <= 0), list(change >= 0))
    formula = (1.96 + 0.8416) ** 2 * change.var() / (change.mean() - 0.05) ** 2
    assert decided.answer == "undecided"
    assert decided.groups_to_decide == pytest.approx(formula, rel=0.06)


def test_a_verdict_that_knows_nothing_of_guessing_is_not_blocked_by_it() -> None:
    """The defaults of a record from elsewhere."""
    minimal = Verdict("still", "motion", 0.5, 0.9, 0.4, 0.2, 0.6, 0.05, videos=60, groups=20, seeds=1)
    assert minimal.answer == "motion needed"
    assert replace(minimal, low=-0.3, high=-0.2).answer == "stills suffice"
    assert (minimal.level, minimal.selected_by, minimal.superior, minimal.equivalent) == (
        0.95,
        "only_pair",
        False,
        False,
    )
