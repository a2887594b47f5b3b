"""The rule that withdraws *motion needed*: each of its two reasons changes the answer, and nothing else does."""

from dataclasses import replace

import numpy as np
import pytest

from helpers.predictions import predictions
from stillmotion.comparison import (
    BestFrameEvidence,
    ConditionResult,
    Evidence,
    Verdict,
    decide,
    require_motion_evidence,
)

GROUPS = [f"g{i // 2}" for i in range(60)]
ONE_FRAME = BestFrameEvidence(0.2, 0.3, 1.0, 1.0, 0.1, 1.0, -0.05, 0.05, one_frame_decides=True)


@pytest.fixture(scope="module")
def needed() -> Verdict:
    """The still model is right in a third of the videos, the motion model in all."""
    still, motion = (predictions(c, GROUPS, ("a", "b", "c")) for c in (np.arange(60) % 3 == 0, np.ones(60, bool)))
    verdict = decide([still], [motion], names=("pool", "conv"))
    assert verdict.answer == "motion needed"
    return verdict


def perturbed(shuffled: float, first: float, last: float, width: float = 0.1) -> Evidence:
    falls = {"shuffled": shuffled, "first half only": first, "last half only": last}
    return Evidence(
        perturbed=tuple(
            ConditionResult(name, 1 + fall, fall, fall - width, fall + width) for name, fall in falls.items()
        )
    )


def test_a_most_confident_frame_that_is_not_worse_withdraws_it(needed: Verdict) -> None:
    withdrawn = require_motion_evidence(needed, Evidence(best_frame=ONE_FRAME))
    assert withdrawn.answer == "undecided"
    assert withdrawn.reasons == ("interval_above_margin", "most_confident_frame_close")
    assert "the frame that pool is most confident of is not significantly worse. So it may be" in withdrawn.sentence
    worse = replace(ONE_FRAME, one_frame_decides=False)
    assert require_motion_evidence(needed, Evidence(best_frame=worse)) == needed


def test_a_gain_that_outlives_shuffling_but_not_halving_withdraws_it(needed: Verdict) -> None:
    """Half of the videos show their best frame in either half of the clip, and the order of frames is irrelevant."""
    withdrawn = require_motion_evidence(needed, perturbed(-0.05, -0.35, -0.3))
    assert withdrawn.answer == "undecided"
    assert withdrawn.reasons == ("interval_above_margin", "order_not_needed")
    assert withdrawn.sentence.startswith("Undecided: the motion model conv gets 100 %")
    assert withdrawn.sentence.endswith(
        "But conv keeps at least half of that gain if its frames are shuffled, though not if half of them are missing. "
        "So several frames in any order may be enough, for a still model that learns to see as much."
    )


@pytest.mark.parametrize(
    "evidence",
    [
        perturbed(-0.6, -0.35, -0.3),  # the order of frames matters
        perturbed(-0.05, -0.02, -0.3),  # the first half has all of the gain: change as such explains it
        perturbed(-0.05, -0.3, -0.02),  # so does the last half
        perturbed(-0.05, -0.35, -0.3, width=0.4),  # too few videos to say
        Evidence(perturbed=perturbed(-0.05, -0.35, -0.3).perturbed[:2]),  # one half is unknown
        Evidence(),
    ],
)
def test_weaker_evidence_leaves_it(needed: Verdict, evidence: Evidence) -> None:
    assert require_motion_evidence(needed, evidence) == needed


def test_a_model_that_was_trained_on_shuffled_clips_counts_instead(needed: Verdict) -> None:
    for trained, tested, answer in ((-0.05, -0.6, "undecided"), (-0.6, -0.05, "motion needed")):
        control = perturbed(trained, 0, 0).perturbed[:1]
        evidence = replace(perturbed(tested, -0.35, -0.3), retrained=control)
        assert require_motion_evidence(needed, evidence).answer == answer


def test_half_of_the_gain_must_outlive_shuffling_significantly(needed: Verdict) -> None:
    half = needed.difference / 2
    assert require_motion_evidence(needed, perturbed(-half + 0.11, -0.35, -0.3)).answer == "undecided"
    assert require_motion_evidence(needed, perturbed(-half + 0.09, -0.35, -0.3)) == needed


def test_only_motion_needed_is_withdrawn(needed: Verdict) -> None:
    for low, high, answer in ((-0.1, 0.2, "undecided"), (-0.2, -0.1, "stills suffice")):
        other = replace(needed, low=low, high=high, stills_beat_guessing=True, missed=())
        assert other.answer == answer
        assert require_motion_evidence(other, Evidence(best_frame=ONE_FRAME)) == other


def test_later_evidence_replaces_earlier_evidence(needed: Verdict) -> None:
    withdrawn = require_motion_evidence(needed, Evidence(best_frame=ONE_FRAME))
    assert withdrawn.statistical_answer == "motion needed"
    assert require_motion_evidence(withdrawn, perturbed(-0.6, -0.35, -0.3)) == needed
