"""The rules of the verdict."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import t

from helpers.predictions import predictions
from stillmotion.comparison import decide, decide_among

RNG = np.random.default_rng((5,))
VERDICT = decide([predictions([True] * 60)], [predictions([True] * 60)])


@pytest.mark.parametrize(
    ("low", "high", "answer"),
    [
        (0.06, 0.30, "motion needed"),
        (0.05, 0.30, "undecided"),  # the margin itself is not above the margin
        (0.04, 0.30, "undecided"),
        (-0.10, 0.06, "undecided"),
        (-0.10, 0.05, "undecided"),  # nor below it
        (-0.10, 0.04, "stills suffice"),
    ],
)
def test_the_whole_interval_must_be_on_one_side_of_the_margin(low: float, high: float, answer: str) -> None:
    assert replace(VERDICT, margin=0.05, low=low, high=high).answer == answer


def test_a_difference_above_the_margin_is_not_enough() -> None:
    verdict = decide([predictions([True] * 20)], [predictions([True] * 20)])
    wide = replace(verdict, difference=0.3, low=-0.05, high=0.6)
    assert wide.answer == "undecided"
    assert wide.reasons == ("interval_spans_margin",)


def test_videos_are_not_units() -> None:
    """Only motion is right in 40 of 60 videos: enough if they are independent, too little from three recordings."""
    correct = [False] * 40 + [True] * 20
    assert decide([predictions(correct)], [predictions([True] * 60)]).answer == "motion needed"
    groups = [f"g{i // 20}" for i in range(60)]
    grouped = decide([predictions(correct, groups)], [predictions([True] * 60, groups)])
    assert grouped.groups == 3
    assert grouped.answer == "undecided"


def test_several_motion_models_are_at_bonferronis_level() -> None:
    still = [predictions(RNG.random(120) < 0.3)]
    motions = {name: [predictions(RNG.random(120) < share)] for name, share in (("a", 0.6), ("b", 0.7), ("c", 0.8))}
    among = decide_among(still, motions)
    assert among.level == pytest.approx(1 - 0.05 / 3)
    assert (among.motion, among.selected_by) == ("c", "test_accuracy")
    alone = decide(still, motions["c"], names=("still", "c"), models=3)
    assert (among.low, among.high) == (alone.low, alone.high)
    assert among.low < decide(still, motions["c"]).low
    assert [contrast.motion for contrast in among.contrasts] == ["a", "b", "c"]


def test_one_motion_model_needs_no_correction() -> None:
    still, motion = [predictions(RNG.random(120) < 0.3)], [predictions(RNG.random(120) < 0.8)]
    among = decide_among(still, {"a": motion})
    assert among == decide(still, motion, names=("still", "a"))
    assert (among.level, among.selected_by) == (0.95, "only_motion_model")


def test_stills_suffice_against_all_without_correction_but_claims_of_one_model_stay_corrected() -> None:
    still = [predictions(np.arange(300) % 100 > 0)]
    motions = {name: [predictions(np.arange(300) % 100 != wrong)] for name, wrong in (("a", 1), ("b", 2))}
    among = decide_among(still, motions)
    assert (among.answer, among.selected_by, among.level) == ("stills suffice", "hardest_to_rule_out", 0.95)
    corrected = decide(still, motions[among.motion], models=2)
    assert among.high == decide(still, motions[among.motion]).high < corrected.high
    assert among.equivalence_low == corrected.equivalence_low


def test_superior_stays_corrected_where_stills_suffice_against_all() -> None:
    """The motion models gain 4 of 300 videos: significant for one model, not for the best of three."""
    still = [predictions(np.arange(300) >= 4)]
    motions = {name: [predictions([True] * 300)] for name in "abc"}
    assert decide(still, motions["a"]).superior
    assert not decide(still, motions["a"], models=3).superior
    among = decide_among(still, motions)
    assert (among.answer, among.selected_by) == ("stills suffice", "hardest_to_rule_out")
    assert among.low > 0
    assert not among.superior


def test_motion_is_needed_only_if_the_motion_model_beats_guessing() -> None:
    above = replace(VERDICT, low=0.1, high=0.3, motion_beats_guessing=False)
    assert (above.answer, above.blocked_by) == ("undecided", ("motion_not_better_than_guessing",))
    assert replace(above, motion_beats_guessing=True, stills_beat_guessing=False).answer == "motion needed"


def test_stills_suffice_only_if_the_still_model_beats_guessing() -> None:
    below = replace(VERDICT, low=-0.1, high=0.0, stills_beat_guessing=False)
    assert (below.answer, below.blocked_by) == ("undecided", ("still_not_better_than_guessing",))
    assert replace(below, stills_beat_guessing=True, motion_beats_guessing=False).answer == "stills suffice"


def test_guessing_is_the_share_of_the_most_frequent_label() -> None:
    base = predictions([True] * 100)
    truth = np.where(np.arange(100) % 4 == 0, 0, 1)
    always_right = replace(base, truth=truth, probabilities=np.eye(2)[truth])
    always_one = replace(base, truth=truth, probabilities=np.tile([0.1, 0.9], (100, 1)))
    verdict = decide([always_one], [always_right])
    assert verdict.guessing == 0.75
    assert (verdict.stills_beat_guessing, verdict.motion_beats_guessing) == (False, True)


def test_p_values_agree_with_the_interval() -> None:
    """*Motion needed* is p_needed below (1 - level) / 2, *stills suffice* is p_suffice below 0.025."""
    for share in np.linspace(0.3, 0.9, 13):
        still, motion = predictions(RNG.random(150) < 0.5), predictions(RNG.random(150) < share)
        verdict = decide([still], [motion])
        assert (verdict.low > verdict.margin) == (verdict.p_needed < 0.025)
        assert (verdict.high < verdict.margin) == (verdict.p_suffice < 0.025)
        assert verdict.superior == (verdict.low > 0)


def test_equivalence_is_two_one_sided_tests_at_5_percent() -> None:
    still, motion = predictions(np.arange(400) % 50 > 0), predictions(np.arange(400) % 50 != 3)
    verdict = decide([still], [motion])
    assert verdict.low < verdict.equivalence_low < verdict.equivalence_high < verdict.high
    assert verdict.equivalent
    assert not decide([still], [motion], margin=verdict.equivalence_high).equivalent
    assert not decide([motion], [still], margin=-verdict.equivalence_low).equivalent


def test_only_the_lower_equivalence_limit_is_corrected_for_the_number_of_models() -> None:
    """For two models, 1 - 2 * 0.05 / 2 is the level of one model's interval; for four, that of two models'."""
    still, motion = ([predictions(RNG.random(200) < share)] for share in (0.6, 0.7))
    one, two, four = (decide(still, motion, models=models) for models in (1, 2, 4))
    assert two.equivalence_low == one.low < one.equivalence_low
    assert four.equivalence_low == two.low
    assert one.equivalence_high == two.equivalence_high == four.equivalence_high < one.high


def test_the_textbook_interval_is_recorded_beside_ours() -> None:
    groups = [f"g{i // 4}" for i in range(160)]
    still, motion = (predictions(RNG.random(160) < share, groups) for share in (0.4, 0.7))
    verdict = decide([still], [motion])
    assert verdict.cluster_robust_low == pytest.approx(verdict.low, abs=0.05)
    assert verdict.cluster_robust_high == pytest.approx(verdict.high, abs=0.05)
    means = (motion.correct - still.correct).reshape(40, 4).mean(axis=1)
    half = 2.0227 * means.std(ddof=1) / np.sqrt(40)  # Student's t with 39 degrees of freedom
    assert verdict.cluster_robust_high - verdict.cluster_robust_low == pytest.approx(2 * half, rel=1e-4)


def test_the_textbook_interval_is_at_the_verdicts_level() -> None:
    groups = [f"g{i // 4}" for i in range(160)]
    still, motion = ([predictions(RNG.random(160) < share, groups)] for share in (0.4, 0.7))
    halves = []
    for models in (1, 5):
        verdict = decide(still, motion, models=models)
        assert (verdict.cluster_robust_low + verdict.cluster_robust_high) / 2 == pytest.approx(verdict.difference)
        halves.append((verdict.cluster_robust_high - verdict.cluster_robust_low) / 2)
    assert halves[1] / halves[0] == pytest.approx(t.ppf(0.995, 39) / t.ppf(0.975, 39))  # 99 % to 95 %


@pytest.mark.parametrize(
    ("groups", "text"),
    [
        (1, ["only 1 group of test videos: take this as a first look"]),
        (9, ["only 9 groups of test videos: take this as a first look"]),
        (10, []),
    ],
)
def test_few_groups_are_warned_of(groups: int, text: list[str]) -> None:
    names = [f"g{i % groups}" for i in range(60)]
    verdict = decide([predictions([True] * 60, names)], [predictions([True] * 60, names)])
    assert [warning.text for warning in verdict.warnings] == text
    assert all((warning.code, warning.groups) == ("few_groups", groups) for warning in verdict.warnings)


def test_videos_that_are_their_own_groups_are_warned_of() -> None:
    assert [warning.code for warning in VERDICT.warnings] == ["videos_as_groups"]
