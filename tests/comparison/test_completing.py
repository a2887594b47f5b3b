"""What completes a comparison: evidence, shortcuts, warnings."""

from dataclasses import replace

import numpy as np
import pytest

from helpers.predictions import predictions
from stillmotion.comparison import (
    BestFrameEvidence,
    Comparison,
    ConditionResult,
    Evidence,
    Ladder,
    ModelResult,
    complete_comparison,
    decide,
)
from stillmotion.comparison.model_results import summarize_predictions
from stillmotion.comparison.sentences import not_checked_text
from stillmotion.inspection import Shortcut

STILL, MOTION = predictions(np.arange(60) % 3 == 0), predictions(np.ones(60, bool))
NO_FRAME = BestFrameEvidence(0.3, 0.32, 0.33, 0.9, 0.88, 0.9, -0.7, -0.4, False)
ONE_FRAME = BestFrameEvidence(0.3, 0.4, 0.95, 0.98, 0.2, 0.9, -0.02, 0.12, True)
WHOLE = (ConditionResult("as it is", 0.9, 0.0, -0.1, 0.1),)


@pytest.fixture
def comparison() -> Comparison:
    models: dict[str, ModelResult] = {
        "pool": summarize_predictions("still", [STILL]),
        "conv": summarize_predictions("motion", [MOTION]),
    }
    return Comparison(models, decide([STILL], [MOTION], names=("pool", "conv")))


def codes(comparison: Comparison) -> list[str]:
    assert comparison.verdict is not None
    return [warning.code for warning in comparison.verdict.warnings if warning.code != "videos_as_groups"]


def test_evidence_can_withdraw_motion_needed(comparison: Comparison) -> None:
    kept = complete_comparison(comparison, evidence=Evidence(perturbed=WHOLE, best_frame=NO_FRAME), shortcuts=())
    assert kept.verdict is not None
    assert kept.verdict.answer == "motion needed"
    withdrawn = complete_comparison(comparison, evidence=Evidence(perturbed=WHOLE, best_frame=ONE_FRAME), shortcuts=())
    assert withdrawn.verdict is not None
    assert withdrawn.verdict.answer == "undecided"
    assert "try_ladder" in [advice.code for advice in withdrawn.advice]


def test_a_gain_from_frames_in_any_order_withdraws_it_in_a_ladder_too(comparison: Comparison) -> None:
    falls = {"shuffled": -0.05, "first half only": -0.35, "last half only": -0.3}
    perturbed = tuple(ConditionResult(name, 0.9 + fall, fall, fall - 0.1, fall + 0.1) for name, fall in falls.items())
    ladder = Ladder(("several frames", "dense motion"), ())
    for climbed in (None, ladder):
        completed = complete_comparison(replace(comparison, ladder=climbed), evidence=Evidence(perturbed), shortcuts=())
        assert completed.verdict is not None
        assert completed.verdict.answer == "undecided"


def test_what_was_not_checked_is_one_thing_or_both() -> None:
    assert not_checked_text(["shortcuts"]).endswith("in Python) checks that")
    assert not_checked_text(["shortcuts", "evidence"]).endswith("in Python) checks both")


def test_a_shortcut_that_predicts_the_label_is_warned_of(comparison: Comparison) -> None:
    leak, fine = (
        Shortcut("brightness", 0.6, 0.25, 0.5, 0.7, True),
        Shortcut("duration", 0.3, 0.25, 0.2, 0.4, False),
    )
    evidence = Evidence(perturbed=WHOLE, best_frame=NO_FRAME)
    completed = complete_comparison(comparison, evidence=evidence, shortcuts=[fine, leak])
    assert codes(completed) == ["shortcuts"]
    assert completed.verdict is not None
    assert completed.verdict.warnings[-1].names == ("the brightness",)
    assert "the brightness (60 %)" in completed.verdict.warnings[-1].text
    assert completed.shortcuts == (fine, leak)
    assert codes(complete_comparison(comparison, evidence=evidence, shortcuts=[fine])) == []


@pytest.mark.parametrize(
    ("evidence", "shortcuts", "names"),
    [
        (None, None, ("shortcuts", "evidence")),
        (None, (), ("evidence",)),
        (Evidence(perturbed=WHOLE), (), ("evidence",)),
        (Evidence(best_frame=NO_FRAME), (), ("evidence",)),
        (Evidence(perturbed=WHOLE, best_frame=NO_FRAME), None, ("shortcuts",)),
    ],
)
def test_what_was_not_checked_is_said(
    comparison: Comparison, evidence: Evidence | None, shortcuts: tuple[()] | None, names: tuple[str, ...]
) -> None:
    completed = complete_comparison(comparison, evidence=evidence, shortcuts=shortcuts)
    assert codes(completed) == ["not_checked"]
    assert completed.verdict is not None
    assert completed.verdict.warnings[-1].names == names


def test_completing_again_replaces_what_was_completed_before(comparison: Comparison) -> None:
    unchecked = complete_comparison(comparison, evidence=Evidence(best_frame=ONE_FRAME))
    evidence = Evidence(perturbed=WHOLE, best_frame=NO_FRAME)
    assert complete_comparison(unchecked, evidence=evidence, shortcuts=()) == complete_comparison(
        comparison, evidence=evidence, shortcuts=()
    )


def test_without_a_verdict_there_is_no_advice(comparison: Comparison) -> None:
    alone = complete_comparison(replace(comparison, verdict=None))
    assert alone.verdict is None
    assert alone.advice == ()
