"""The rules of the verdict."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import t

from helpers.predictions import predictions
from stillmotion.comparison import Predictions, Verdict, decide, decide_among
from stillmotion.comparison.choosing import Choice, error_shares
from stillmotion.comparison.deciding import _groups_to_decide
from stillmotion.comparison.ladder_sentences import _conclusion
from stillmotion.comparison.per_label import label_gains, missed_labels
from stillmotion.errors import UsageError
from stillmotion.statistics import estimate_mean, group_codes, sequential_level

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


def gain_at(level: float, still: Predictions, motion: Predictions) -> tuple[float, float]:
    """The interval of one pair at another level."""
    _, codes = group_codes(still.groups)
    return estimate_mean(motion.correct - still.correct, codes).interval(level)


def three_motions() -> tuple[Predictions, dict[str, list[Predictions]]]:
    still = predictions(RNG.random(120) < 0.3)
    return still, {name: [predictions(RNG.random(120) < share)] for name, share in (("a", 0.6), ("b", 0.7), ("c", 0.8))}


def test_motion_is_needed_at_bonferronis_level_where_the_test_videos_choose_the_motion_model() -> None:
    still, motions = three_motions()
    among = decide_among({"still": [still]}, motions)
    assert (among.motion, among.selected_by) == ("c", "test_accuracy")
    assert among.low == gain_at(1 - 0.05 / 3, still, motions["c"][0])[0]
    alone = decide([still], motions["c"])
    assert among.low < alone.low
    assert among.p_needed == pytest.approx(3 * alone.p_needed)
    assert [contrast.motion for contrast in among.contrasts] == ["a", "b", "c"]


def test_stills_suffice_against_all_motion_models_without_correction() -> None:
    still, motions = three_motions()
    among = decide_among({"still": [still]}, motions)
    assert among.high == max(gain_at(0.95, still, motion[0])[1] for motion in motions.values())


def test_the_still_model_is_corrected_for_where_the_test_videos_choose_it() -> None:
    motion = predictions(RNG.random(120) < 0.5)
    stills = {name: [predictions(RNG.random(120) < share)] for name, share in (("one", 0.5), ("several", 0.8))}
    among = decide_among(stills, {"motion": [motion]})
    assert (among.still, among.answer) == ("several", "stills suffice")
    assert among.high == gain_at(1 - 0.05 / 2, stills["several"][0], motion)[1]
    assert among.sufficient_stills == ("several",)
    assert among.p_suffice == pytest.approx(2 * decide(stills["several"], [motion]).p_suffice)


def test_of_the_still_rungs_several_frames_is_allowed_four_fifths_of_the_error() -> None:
    motion = predictions(RNG.random(120) < 0.5)
    one, several = (predictions(RNG.random(120) < share) for share in (0.5, 0.8))
    for stills in ({"one frame": one, "several frames": several}, {"several frames": several, "one frame": one}):
        among = decide_among(stills, {"order": motion})
        assert (among.still, among.high) == ("several frames", gain_at(0.96, several, motion)[1])
        assert {c.still: c.high for c in among.contrasts}["one frame"] == gain_at(0.99, one, motion)[1]
        assert among.p_suffice == pytest.approx(decide(several, motion).p_suffice / 0.8)
        assert among.low == decide_among({"a": one, "b": several}, {"order": motion}).low
        chosen = decide_among(stills, {"order": motion}, chosen=("one frame", "order"))
        assert {c.still: c.high for c in chosen.contrasts}["several frames"] == gain_at(0.99, several, motion)[1]


@pytest.mark.parametrize(
    ("names", "chosen", "about", "recordings"),
    [
        (("one frame", "several frames"), None, None, 58),
        (("one", "several"), None, None, 63),
        (("one frame", "several frames"), ("several frames", "order"), None, 58),
        (("one frame", "several frames"), ("one frame", "order"), None, 58),
        (("one frame", "several frames"), None, ("one frame", "order"), 55),
    ],
)
def test_so_many_recordings_without_a_disagreement_show_that_stills_suffice(
    names: tuple[str, str], chosen: tuple[str, str] | None, about: tuple[str, ...] | None, recordings: int
) -> None:
    """As docs/verdict.md says; three videos of each recording."""
    for count in (recordings - 1, recordings):
        right = predictions([True] * (3 * count), [f"g{video // 3}" for video in range(3 * count)])
        verdict = decide_among(dict.fromkeys(names, right), {"order": right}, chosen=chosen, about=about or ())
        assert (verdict.high < verdict.margin) == (count == recordings)


def test_motion_must_beat_every_still_model() -> None:
    """The motion model is much better than one of them, and no better than the other."""
    motion = [predictions(np.arange(200) % 10 > 0)]
    stills = {"poor": [predictions(np.arange(200) % 2 > 0)], "good": [predictions(np.arange(200) % 10 != 3)]}
    assert decide(stills["poor"], motion).answer == "motion needed"
    for chosen in (None, ("good", "motion"), ("poor", "motion")):
        among = decide_among(stills, {"motion": motion}, chosen=chosen)
        assert among.answer != "motion needed"
        assert among.low == gain_at(0.95, stills["good"][0], motion[0])[0]


def test_stills_must_not_be_worse_than_any_motion_model() -> None:
    still = [predictions(np.arange(200) % 10 > 0)]
    motions = {"poor": [predictions(np.arange(200) % 4 > 0)], "good": [predictions([True] * 200)]}
    assert decide(still, motions["poor"]).answer == "stills suffice"
    for chosen in (None, ("still", "poor"), ("still", "good")):
        among = decide_among({"still": still}, motions, chosen=chosen)
        assert among.answer != "stills suffice"
        assert among.high == gain_at(0.95, still[0], motions["good"][0])[1]


def test_what_validation_has_chosen_gets_four_fifths_of_the_error_and_the_others_the_rest() -> None:
    still, motions = three_motions()
    stills = {"still": [still], "worse": [predictions([False] * 120)]}
    among = decide_among(stills, motions, chosen=("still", "b"))
    assert (among.still, among.motion, among.selected_by) == ("still", "b", "validation_accuracy")
    lows = {contrast.motion: contrast.low for contrast in among.contrasts if contrast.still == "still"}
    assert lows["b"] == gain_at(1 - 0.05 * 0.8, still, motions["b"][0])[0]
    assert lows["c"] == gain_at(1 - 0.05 * 0.1, still, motions["c"][0])[0]
    highs = {contrast.still: contrast.high for contrast in among.contrasts if contrast.motion == "c"}
    assert highs["still"] == gain_at(1 - 0.05 * 0.8, still, motions["c"][0])[1]
    assert highs["worse"] == gain_at(1 - 0.05 * 0.2, stills["worse"][0], motions["c"][0])[1]
    assert (among.low, among.high) == (lows["b"], max(c.high for c in among.contrasts if c.still == "still"))


def test_the_answer_rests_on_another_model_only_if_that_of_validation_is_not_clear_of_the_margin() -> None:
    """Validation has chosen a motion model that is no better than the still model, or the better of two that are."""
    still, good = [predictions([False] * 60)], [predictions([True] * 60)]
    poor, fair = [predictions(np.arange(60) < 6)], [predictions(np.arange(60) < 57)]
    motions = {"poor": poor, "fair": fair, "good": good}
    rescued = decide_among({"still": still}, motions, chosen=("still", "poor"))
    assert (rescued.answer, rescued.motion, rescued.selected_by) == ("motion needed", "good", "test_accuracy")
    kept = decide_among({"still": still}, motions, chosen=("still", "fair"))
    assert (kept.answer, kept.motion, kept.selected_by) == ("motion needed", "fair", "validation_accuracy")
    undecided = decide_among({"still": still}, {"poor": poor, "too": poor}, chosen=("still", "too"))
    assert (undecided.answer, undecided.motion) == ("undecided", "too")
    # Its gain is within the limits of the other.
    hardly = [predictions(np.arange(60) < 8)]
    above = decide_among({"still": still}, {"hardly": hardly, "good": good}, chosen=("still", "hardly"))
    assert (above.answer, above.motion, above.low) == ("motion needed", "good", above.contrasts[1].low)
    assert above.difference == 1.0
    # It is above the margin, but not better than guessing.
    guessing = [predictions(np.arange(60) % 2 == 0)]
    beating = decide_among({"still": still}, {"guess": guessing, "good": good}, chosen=("still", "guess"))
    assert (beating.answer, beating.motion) == ("motion needed", "good")
    assert decide(still, guessing).reasons == ("interval_above_margin", "motion_not_better_than_guessing")
    suffices = decide_among({"bad": still, "good": good}, {"motion": poor}, chosen=("bad", "motion"))
    assert (suffices.answer, suffices.still, suffices.selected_by) == ("stills suffice", "good", "test_accuracy")
    assert (suffices.motion, suffices.high) == ("motion", suffices.contrasts[1].high)
    clear = decide_among({"fair": fair, "good": good}, {"motion": still}, chosen=("fair", "motion"))
    assert (clear.answer, clear.still, clear.high) == ("stills suffice", "fair", clear.contrasts[0].high)


def test_the_leaning_is_that_of_the_named_models() -> None:
    still, motions = three_motions()
    among = decide_among({"still": [still]}, motions, chosen=("still", "b"))
    assert (among.motion, among.brier_gain) == ("b", decide([still], motions["b"]).brier_gain)
    alone = decide_among({"still": [still]}, motions, about=("still", "b"))
    assert (alone.brier_low, alone.brier_high) > (among.brier_low, among.brier_high - 1e-9)
    assert alone.brier_low == decide([still], motions["b"]).brier_low


def test_a_verdict_about_named_models_rests_on_these_alone_but_compares_them_with_all() -> None:
    still, motions = three_motions()
    stills = {"still": [still], "worse": [predictions([False] * 120)]}
    about = decide_among(stills, motions, about=("worse", "a"))
    assert (about.still, about.motion, about.selected_by) == ("worse", "a", "named")
    assert about.low == gain_at(0.95, still, motions["a"][0])[0]
    assert about.high == gain_at(0.95, stills["worse"][0], motions["c"][0])[1]
    good = [predictions([True] * 120)]
    beside = decide_among({"still": still}, {**motions, "good": good}, about=("still", "a"))
    assert beside.motion == "a"
    assert {c.motion: c.low for c in beside.contrasts}["good"] == gain_at(0.95, still, good[0])[0]
    two = decide_among(stills, motions, about=("still", "a", "b"))
    lows = {contrast.motion: contrast.low for contrast in two.contrasts if contrast.still == "still"}
    assert lows["a"] == gain_at(0.975, still, motions["a"][0])[0]
    assert (two.motion, two.selected_by) == ("b", "named")


def test_rungs_beside_a_named_still_model_are_not_said_to_suffice() -> None:
    """No error was divided for claims that rest on them."""
    good, poor = [predictions([True] * 60)], [predictions([False] * 60)]
    stills = {"one frame": good, "several frames": good, "mine": good}
    verdict = decide_among(stills, {"my motion": poor}, about=("mine", "my motion"))
    assert (verdict.answer, verdict.sufficient_stills) == ("stills suffice", ("mine",))
    assert _conclusion(verdict, "mine") == "Stills suffice."
    on_ladder = decide_among({name: stills[name] for name in ("one frame", "several frames")}, {"order": poor})
    assert on_ladder.sufficient_stills == ("one frame", "several frames")


def test_chosen_and_named_models_must_be_of_the_verdict() -> None:
    model = [predictions([True] * 20)]
    for chosen, about in (
        (("m", "s"), ()), (("s", "x"), ()), (None, ("s",)), (None, ("x", "m")), (("s", "m"), ("s", "n")),
    ):  # fmt: skip
        with pytest.raises(UsageError, match="at least one of each"):
            decide_among({"s": model}, {"m": model, "n": model}, chosen=chosen, about=about)


def test_the_shares_of_the_error_add_up() -> None:
    for chosen in (None, ("one frame", "b"), ("several frames", "a")):
        shares = error_shares(("one frame", "several frames"), ("a", "b", "c"), chosen)
        assert sum(shares[name] for name in ("one frame", "several frames")) == pytest.approx(1)
        assert sum(shares[name] for name in "abc") == pytest.approx(1)


def test_the_interval_is_of_the_best_motion_model_over_the_best_still_model() -> None:
    """Its limits are in order, hold the measured difference, and agree with the p values."""
    for _ in range(10):
        stills = {name: [predictions(RNG.random(100) < RNG.uniform(0.3, 0.7))] for name in ("s", "t")}
        motions = {name: [predictions(RNG.random(100) < RNG.uniform(0.5, 0.9))] for name in ("m", "n", "o")}
        for chosen in (None, ("s", "m"), ("t", "o")):
            among = decide_among(stills, motions, chosen=chosen)
            assert among.low <= among.difference <= among.high
            assert (among.low > among.margin) == (among.p_needed < 0.025)
            assert (among.high < among.margin) == (among.p_suffice < 0.025)
            assert among.superior == (among.low > 0)
            assert among.low <= among.equivalence_low <= among.equivalence_high <= among.high


def test_one_model_of_each_kind_needs_no_correction() -> None:
    still, motion = [predictions(RNG.random(120) < 0.3)], [predictions(RNG.random(120) < 0.8)]
    among = decide_among({"still": still}, {"a": motion})
    assert among == decide(still, motion, names=("still", "a"))
    assert (among.low, among.high) == gain_at(0.95, still[0], motion[0])
    assert (among.level, among.selected_by) == (0.95, "only_pair")


def test_superior_stays_corrected_where_stills_suffice_against_all() -> None:
    """The motion models gain 4 of 300 videos: significant for one model, not for the best of three."""
    still = [predictions(np.arange(300) >= 4)]
    motions = {name: [predictions([True] * 300)] for name in "abc"}
    assert decide(still, motions["a"]).superior
    among = decide_among({"still": still}, motions)
    assert among.answer == "stills suffice"
    assert not among.superior


def test_models_of_both_kinds_are_needed_with_names_of_their_own() -> None:
    model = [predictions([True] * 20)]
    for stills, motions in (({}, {"m": model}), ({"s": model}, {}), ({"m": model}, {"m": model})):
        with pytest.raises(UsageError, match="each with a name of its own"):
            decide_among(stills, motions)


def finding_falls(*recalls: float, right: float = 1.0, videos: int = 1200) -> list[Predictions]:
    """One video in 20 is a fall, "b". Models that find so many of them; `right` is their share of the other videos."""
    truth = (np.arange(videos) % 20 == 0).astype(np.intp)
    groups = tuple(f"g{i // 4}" for i in range(videos))
    base = replace(predictions([True] * videos, groups), truth=truth)
    models = []
    for recall in recalls:
        found = np.arange(videos) // 20 % 10 < round(10 * recall)
        others = np.where(np.arange(videos) % 20 <= 19 * right, 0, 1)
        models.append(replace(base, probabilities=np.eye(2)[np.where(truth == 1, found, others).astype(int)]))
    return models


def rare_falls(still_recall: float, margin: float = 0.05) -> Verdict:
    """Motion finds all falls, the still model some; neither fails elsewhere."""
    still, motion = finding_falls(still_recall, 1.0)
    return decide([still], [motion], margin=margin)


def test_stills_do_not_suffice_where_a_rare_label_is_significantly_missed() -> None:
    missed = rare_falls(0.4)
    assert missed.high < missed.margin
    assert missed.reasons == ("interval_below_margin", "label_missed")
    assert [loss.label for loss in missed.missed_labels] == ["b"]
    assert "(40 % of its videos are found, 100 % by motion). So stills are not shown to suffice." in missed.sentence
    assert rare_falls(1.0).answer == "stills suffice"


def test_a_label_is_missed_only_beyond_the_margin_and_over_all_labels() -> None:
    (loss,) = rare_falls(0.2).missed
    still, motion = finding_falls(0.2, 1.0)
    assert loss.low < next(gain.low for gain in label_gains([still], [motion]) if gain.label == "b")
    assert rare_falls(0.2, margin=loss.low).answer == "stills suffice"
    assert rare_falls(0.2, margin=loss.low - 0.001).answer == "undecided"


def test_a_label_that_any_motion_model_finds_is_missed() -> None:
    """Also if the motion model that is right most often misses it as well."""
    one, several, order, dense = finding_falls(0.4, 0.4, 0.4, 1.0)
    verdict = decide_among({"one frame": one, "several frames": several}, {"order": order, "dense motion": dense})
    dense = replace(dense, probabilities=finding_falls(1.0, right=0.9)[0].probabilities)
    worse = decide_among({"one frame": one, "several frames": several}, {"order": order, "dense motion": dense})
    assert (worse.motion, worse.high < worse.margin) == ("order", True)
    for missed in (verdict, worse):
        assert missed.reasons == ("interval_below_margin", "label_missed")
        assert {(loss.model, loss.better, loss.label) for loss in missed.missed} == {
            ("one frame", "dense motion", "b"),
            ("several frames", "dense motion", "b"),
        }
        assert "100 % by dense motion" in missed.sentence


def test_a_motion_model_that_always_gives_a_label_does_not_find_it_better() -> None:
    """Its recall of that label is 100 %, and that of the other one nothing."""
    still = predictions(np.arange(400) % 9 > 0, [f"g{i // 2}" for i in range(400)])
    always = replace(still, probabilities=np.eye(2)[np.ones(400, int)])
    verdict = decide_among({"still": still}, {"order": still, "always b": always})
    assert (verdict.answer, verdict.missed) == ("stills suffice", ())


def test_a_label_is_missed_by_each_named_still_model_or_stills_may_suffice() -> None:
    """Compared with all motion models, also those that the verdict is not about."""
    some, all_falls, motion = finding_falls(0.4, 1.0, 1.0)
    stills = {"some": some, "all": all_falls}
    named = decide_among(stills, {"m": some, "other": motion}, about=("some", "m"))
    assert [(loss.model, loss.better) for loss in named.missed] == [("some", "other")]
    assert (named.reasons, named.sufficient_stills) == (("interval_below_margin", "label_missed"), ())
    undecided = replace(named, high=0.2, still="some", difference=0.0)
    assert undecided.stills_miss_labels
    assert not replace(undecided, about=("some", "all", "m")).stills_miss_labels
    assert not replace(undecided, contrasts=(), missed=()).stills_miss_labels


def test_the_answer_rests_on_eligible_models_before_others() -> None:
    choice = Choice(("s", "t"), ("m", "n"), error_shares(("s", "t"), ("m", "n")))

    def named(intervals: dict[str, tuple[float, float]], preferred: str, eligible: str) -> str:
        limits = {tuple(pair): limits for pair, limits in intervals.items()}
        return "".join(choice.pair((preferred[0], preferred[1]), limits.__getitem__, 0.05, eligible))

    clear_s = {"sm": (-0.1, 0.01), "sn": (-0.1, 0.01), "tm": (-0.1, 0.2), "tn": (-0.1, 0.2)}
    assert named(clear_s, "tm", "stmn") == "sm"
    assert named(clear_s, "tm", "tmn") == "tm"  # more data may decide on t
    assert named(clear_s, "tm", "mn") == "sm"  # neither can: s says why
    assert named(clear_s, "sm", "tmn") == "sm"
    clear_n = {"sm": (-0.1, 0.4), "sn": (0.1, 0.4), "tm": (-0.1, 0.4), "tn": (0.1, 0.4)}
    assert [named(clear_n, "sm", eligible) for eligible in ("stmn", "stm", "st")] == ["sn", "sm", "sn"]


def test_more_motion_models_need_stronger_evidence_that_a_label_is_missed() -> None:
    still, same, motion = finding_falls(0.2, 0.2, 1.0)
    (alone,), (among,) = (
        missed_labels({"s": [still]}, motions, 0.05) for motions in ({"m": [motion]}, {"a": [same], "m": [motion]})
    )
    assert (alone.better, among.better) == ("m", "m")
    assert among.low < alone.low


def test_stills_suffice_with_the_still_model_that_misses_no_label() -> None:
    """One frame is as accurate, as falls are rare; it must not be said to be enough."""
    one, several, motion = finding_falls(0.4, 1.0, 1.0)
    assert decide_among({"one frame": one}, {"order": motion}).stills_beat_guessing
    for chosen in (None, ("one frame", "order"), ("several frames", "order")):
        verdict = decide_among({"one frame": one, "several frames": several}, {"order": motion}, chosen=chosen)
        assert (verdict.answer, verdict.still) == ("stills suffice", "several frames")
        assert verdict.sufficient_stills == ("several frames",)
        assert verdict.beats_guessing["one frame"] and not verdict.stills_miss_labels
        assert _conclusion(verdict, verdict.still) == "Stills suffice, if you look at several."


def test_a_still_model_that_guesses_is_not_sufficient() -> None:
    """Nine videos in ten are of one label. One model always predicts it, the other knows."""
    truth = (np.arange(400) % 10 == 0).astype(np.intp)
    base = replace(predictions([True] * 400, [f"g{i // 4}" for i in range(400)]), truth=truth)
    guessing = replace(base, probabilities=np.eye(2)[np.zeros(400, int)])
    knowing = replace(base, probabilities=np.eye(2)[np.where(np.arange(400) % 40 == 0, 0, truth)])
    verdict = decide_among({"one frame": guessing, "several frames": knowing}, {"order": knowing}, margin=0.2)
    assert (verdict.answer, verdict.sufficient_stills) == ("stills suffice", ("several frames",))
    alone = decide_among({"one frame": guessing}, {"order": guessing}, margin=0.2)
    assert (alone.answer, alone.sufficient_stills) == ("undecided", ())


def test_balanced_accuracy_counts_labels_alike() -> None:
    truth = (np.arange(1200) % 20 == 0).astype(np.intp)
    base = replace(predictions([True] * 1200), truth=truth)
    still, motion = (replace(base, probabilities=np.eye(2)[predicted]) for predicted in (np.zeros(1200, int), truth))
    verdict = decide([still], [motion], metric="balanced")
    assert (verdict.still_accuracy, verdict.motion_accuracy, verdict.guessing) == (0.5, 1.0, 0.5)
    assert verdict.difference == pytest.approx(0.5)
    assert (verdict.answer, decide([still], [motion]).answer) == ("motion needed", "undecided")
    figures = "finds 100 % of a label's videos, averaged over the labels, and the still model still 50 %"
    assert figures in verdict.sentence
    equal = predictions(RNG.random(200) < 0.7), predictions(RNG.random(200) < 0.7)
    by_label, by_video = (decide([equal[0]], [equal[1]], metric=metric) for metric in ("balanced", "accuracy"))
    assert by_label.difference == pytest.approx(by_video.difference)  # as many videos of each label
    with pytest.raises(UsageError, match="no metric 'f1': choose from accuracy, balanced"):
        decide([still], [motion], metric="f1")  # type: ignore[arg-type]


def test_a_sequential_verdict_is_at_the_level_of_its_number_of_groups() -> None:
    still, motion = predictions(RNG.random(120) < 0.3), predictions(RNG.random(120) < 0.8)
    verdict = decide([still], [motion], sequential=True)
    assert (verdict.low, verdict.high) == gain_at(sequential_level(120), still, motion)
    assert verdict.low < decide([still], [motion]).low
    assert "(95 % interval at every look " in verdict.sentence


def test_a_sequential_verdict_divides_the_error_of_all_looks_among_the_models() -> None:
    still, motions = three_motions()
    among = decide_among({"still": [still]}, motions, sequential=True)
    level = sequential_level(120, 1 - 0.05 / 3)
    assert among.low == gain_at(level, still, motions["c"][0])[0]
    assert level > 1 - (1 - sequential_level(120)) / 3
    recall = finding_falls(0.2, 1.0)
    assert decide(recall[:1], recall[1:], sequential=True).missed[0].low < decide(recall[:1], recall[1:]).missed[0].low


def test_everything_of_a_sequential_verdict_holds_at_every_look() -> None:
    still, motion = predictions(np.arange(60) % 3 > 0), predictions(np.arange(60) % 10 > 0)
    once, always = (decide([still], [motion], sequential=sequential) for sequential in (False, True))
    for limit in ("low", "equivalence_low", "cluster_robust_low", "brier_low"):
        assert getattr(always, limit) < getattr(once, limit)
    hardly = predictions(np.arange(60) % 3 > 0)
    assert decide([hardly], [motion]).stills_beat_guessing
    assert not decide([hardly], [motion], sequential=True).stills_beat_guessing
    more = predictions(np.arange(60) % 5 > 0)
    needed = [decide([still], [more], sequential=sequential).groups_to_decide for sequential in (False, True)]
    assert needed[0] is not None and needed[1] is not None and needed[1] > needed[0]


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


def test_the_best_of_several_models_must_beat_guessing_by_more_than_one_alone() -> None:
    """38 of 60 are significantly more than half of them, if no other model could have been lucky instead."""
    truth = np.tile([0, 1], 30)

    def right_in(count: int) -> Predictions:
        right = np.arange(60) % 30 < count / 2
        return replace(
            predictions([True] * 60), truth=truth, probabilities=np.eye(2)[np.where(right, truth, 1 - truth)]
        )

    best, other = right_in(38), right_in(30)
    alone = decide_among({"best": best}, {"motion": other})
    assert alone.stills_beat_guessing
    assert not decide_among({"best": best, "other": other}, {"motion": other}).stills_beat_guessing
    equal = decide_among({"best": best, "as good": best}, {"motion": right_in(60), "other": right_in(60)})
    assert equal.beats_guessing == {"best": False, "as good": False, "motion": True, "other": True}
    assert decide_among(
        {"best": best, "other": other}, {"motion": other}, about=("best", "motion")
    ).stills_beat_guessing
    assert decide_among({"still": other}, {"best": best}).motion_beats_guessing
    assert not decide_among({"still": other}, {"best": best, "other": other}).motion_beats_guessing


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


def test_the_lower_equivalence_limit_is_corrected_for_motion_models_the_upper_one_for_still_models() -> None:
    still, motion = (predictions(RNG.random(200) < share) for share in (0.6, 0.7))
    among = decide_among({"s": [still]}, {"m": [motion], "n": [motion]})
    limits = (gain_at(1 - 0.1 / 2, still, motion)[0], gain_at(0.9, still, motion)[1])
    assert (among.equivalence_low, among.equivalence_high) == pytest.approx(limits)
    among = decide_among({"s": [still], "t": [still]}, {"m": [motion]})
    assert among.equivalence_high == pytest.approx(gain_at(1 - 0.1 / 2, still, motion)[1])


def test_the_textbook_interval_is_recorded_beside_ours() -> None:
    groups = [f"g{i // 4}" for i in range(160)]
    still, motion = (predictions(RNG.random(160) < share, groups) for share in (0.4, 0.7))
    verdict = decide([still], [motion])
    assert verdict.cluster_robust_low == pytest.approx(verdict.low, abs=0.05)
    assert verdict.cluster_robust_high == pytest.approx(verdict.high, abs=0.05)
    means = (motion.correct - still.correct).reshape(40, 4).mean(axis=1)
    half = 2.0227 * means.std(ddof=1) / np.sqrt(40)  # Student's t with 39 degrees of freedom
    assert verdict.cluster_robust_high - verdict.cluster_robust_low == pytest.approx(2 * half, rel=1e-4)


def test_the_textbook_interval_is_corrected_likewise() -> None:
    groups = [f"g{i // 4}" for i in range(160)]
    still, motion = (predictions(RNG.random(160) < share, groups) for share in (0.4, 0.7))
    one = decide([still], [motion])
    five = decide_among({"still": [still]}, {name: [motion] for name in "abcde"})
    half, corrected = one.difference - one.cluster_robust_low, one.difference - five.cluster_robust_low
    assert corrected / half == pytest.approx(t.ppf(0.995, 39) / t.ppf(0.975, 39))  # 99 % to 95 %
    assert five.cluster_robust_high == one.cluster_robust_high


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


def test_the_number_of_groups_counts_the_choice_of_the_model_that_must_beat_guessing() -> None:
    """Motion is significantly worse, but the still model is hardly better than guessing: that takes more groups."""
    codes = np.arange(60)
    worse = estimate_mean(np.where(codes % 3, -1.0, 0.0), codes)
    hardly = estimate_mean(np.where(codes < 33, 1.0, -1.0), codes)

    def groups(*stills: str) -> int:
        gains = {(still, "motion"): worse for still in stills}
        guessing = {**dict.fromkeys(stills, hardly), "motion": hardly}
        choice = Choice(stills, ("motion",), error_shares(stills, ("motion",)))
        needed = _groups_to_decide(choice, (stills[0], "motion"), gains, guessing, guessing, 0.05, sequential=False)
        assert needed is not None
        return needed

    assert groups("a", "b") > 1.2 * groups("a")
    # Only beating guessing is uncertain, and at every look it takes more.
    choice = Choice(("a",), ("motion",), error_shares(("a",), ("motion",)))
    gains = {("a", "motion"): estimate_mean(np.full(60, -1.0), codes)}
    once, always = (
        _groups_to_decide(choice, ("a", "motion"), gains, {"a": hardly, "motion": hardly}, "a", 0.05, sequential=every)
        for every in (False, True)
    )
    assert once is not None and always is not None and always > 1.5 * once


def test_the_number_of_groups_asks_whether_the_model_that_would_decide_beats_guessing() -> None:
    """Only the second motion model gains anything, and only it is better than guessing."""
    codes = np.arange(20)
    none, much = (estimate_mean(np.where(codes % 4 < share, 1.0, -0.5), codes) for share in (1, 3))
    gains = {("s", "m"): none, ("s", "n"): much}
    choice = Choice(("s",), ("m", "n"), error_shares(("s",), ("m", "n"), ("s", "m")))
    guessing = {"s": none, "m": none, "n": much}
    needed = _groups_to_decide(choice, ("s", "m"), gains, guessing, guessing, 0.05, sequential=False)
    assert needed is not None
    guessing["n"] = none
    assert _groups_to_decide(choice, ("s", "m"), gains, guessing, guessing, 0.05, sequential=False) is None


def test_the_number_of_groups_counts_only_models_that_miss_no_label() -> None:
    codes = np.arange(60)
    worse = estimate_mean(np.where(codes % 3, -1.0, 0.5), codes)
    right = estimate_mean(np.ones(60), codes)
    choice = Choice(("s", "t"), ("m",), error_shares(("s", "t"), ("m",)))
    gains, guessing = {("s", "m"): worse, ("t", "m"): worse}, dict.fromkeys("stm", right)
    for complete, decided in (("stm", True), ("tm", True), ("m", False)):
        needed = _groups_to_decide(choice, ("s", "m"), gains, guessing, complete, 0.05, sequential=False)
        assert (needed is not None) == decided
    guessing["s"] = estimate_mean(np.zeros(60), codes)
    assert _groups_to_decide(choice, ("s", "m"), gains, guessing, "stm", 0.05, sequential=False) is not None
