"""What each rung of the ladder adds, and comparisons whose models have names of their own."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.predictions import predictions, write_run
from stillmotion.comparison import (
    Comparison,
    ContenderResult,
    Contrast,
    Step,
    compare_runs,
    complete_comparison,
    ladder_sentence,
    read_comparison,
    step_sentence,
    write_comparison,
)
from stillmotion.comparison.verdict import BestFrameReason
from stillmotion.errors import UsageError
from stillmotion.formatting import points
from stillmotion.models import Rung

VIDEOS = np.arange(60)
RUNGS = {  # by name: family, which of 60 videos are right, validation accuracy
    "one frame": ("frame_pool", VIDEOS % 4 == 0, 0.3),
    "several frames": ("frame_pool", VIDEOS % 2 == 0, 0.5),
    "changes": ("cnn_rnn", VIDEOS % 3 > 0, 0.4),
    "dense motion": ("conv3d", VIDEOS >= 0, 0.9),
}


def ladder_runs(folder: Path, names: tuple[str, ...] = tuple(RUNGS)) -> dict[str, list[Path]]:
    return {
        name: [write_run(folder / name, predictions(RUNGS[name][1]), RUNGS[name][0], validation=RUNGS[name][2])]
        for name in names
    }


def test_a_step_is_from_the_rung_below_that_is_best_on_validation(tmp_path: Path) -> None:
    """*changes* is more accurate than *several frames* on the test videos, but not on validation."""
    ladder = compare_runs(ladder_runs(tmp_path)).ladder
    assert ladder is not None
    assert ladder.rungs == tuple(RUNGS)
    assert [(step.from_rung, step.to_rung) for step in ladder.steps] == [
        ("one frame", "several frames"),
        ("several frames", "changes"),
        ("several frames", "dense motion"),
    ]
    assert [step.gain for step in ladder.steps] == pytest.approx([1 / 4, 1 / 6, 1 / 2])
    assert all(step.low < step.gain < step.high for step in ladder.steps)
    assert all(step.p <= step.p_holm for step in ladder.steps)


def test_rungs_are_in_order_whatever_the_order_of_the_runs(tmp_path: Path) -> None:
    ladder = compare_runs(ladder_runs(tmp_path, tuple(reversed(RUNGS)))).ladder
    assert ladder is not None
    assert ladder.rungs == tuple(RUNGS)


def test_the_names_of_a_mapping_are_those_of_the_models(tmp_path: Path) -> None:
    comparison = compare_runs(ladder_runs(tmp_path))
    assert list(comparison.models) == list(RUNGS)
    assert comparison.verdict is not None
    assert (comparison.verdict.still, comparison.verdict.motion) == ("several frames", "dense motion")
    assert comparison.models["changes"].family == "cnn_rnn"
    assert set(comparison.examples[0].predictions) == set(RUNGS)
    write_comparison(comparison, tmp_path)
    assert read_comparison(tmp_path) == comparison


def sentence(rung: Rung, gain: float, low: float, high: float, p: float) -> str:
    return step_sentence(Step("one frame", rung, gain, low, high, p, p), 0.05)


@pytest.mark.parametrize(
    ("gain", "low", "high", "p", "expected"),
    [
        (0.12, 0.05, 0.19, 0.01, "helps (+12)"),
        (0.02, 0.01, 0.03, 0.001, "helps a little (+2)"),
        # Its interval is below the margin, on either side of 0.
        (0.01, -0.02, 0.03, 0.4, "adds nothing (+1, -2 to +3)"),
        (0.0, -0.04, 0.04, 1.0, "adds nothing (0, -4 to +4)"),
        (-0.02, -0.07, 0.03, 0.4, "adds nothing (-2, -7 to +3)"),
        (
            -0.08,
            -0.15,
            -0.01,
            0.06,
            "adds nothing, and may be worse (-8, -15 to -1)",
        ),  # significant alone, but not among several steps
        (0.02, 0.01, 0.03, 0.06, "adds nothing (+2, +1 to +3)"),
        (0.08, 0.01, 0.15, 0.06, "may help (+8, +1 to +15)"),
        (0.04, -0.03, 0.11, 0.3, None),
        (0.0, -0.08, 0.08, 1.0, None),
        (-0.02, -0.1, 0.06, 0.7, None),
        (0.04, -0.03, 0.05, 0.3, None),  # at the margin is not below it
    ],
)
def test_a_step_helps_adds_nothing_or_is_uncertain(
    gain: float, low: float, high: float, p: float, expected: str | None
) -> None:
    uncertain = f"Whether dense motion helps is uncertain ({points(gain)}, {points(low)} to {points(high)})."
    assert sentence("dense motion", gain, low, high, p) == (f"Dense motion {expected}." if expected else uncertain)


@pytest.mark.parametrize("p", [0.001, 0.5])
@pytest.mark.parametrize("high", [-0.01, 0.0, 0.03, 0.05, 0.2])
@pytest.mark.parametrize("low", [-0.2, -0.03, 0.0, 0.01])
@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_only_a_gain_that_is_shown_alone_may_help(low: float, high: float, share: float, p: float) -> None:
    if low > high:
        return
    text = sentence("order", low + share * (high - low), low, high, p)
    assert low > 0 or "may help" not in text
    assert low + share * (high - low) > 0 or "helps (" not in text


def test_sentences_of_steps_are_english() -> None:
    assert sentence("several frames", 0.12, 0.05, 0.19, 0.01) == "Several frames help (+12)."
    assert sentence("changes", 0.0, -0.02, 0.02, 1.0) == "Changes between frames add nothing (0, -2 to +2)."
    for rung, gain, high, text in (
        ("changes", -0.1, -0.05, "The model that sees changes between frames is 10 points worse"),
        ("order", -0.28, 0.02, "The model that also sees their order is 28 points worse"),
        ("dense motion", -0.01, -0.001, "The model that sees dense motion is 1 point worse"),
    ):
        said = sentence(rung, gain, -0.5, high, 0.01)  # type: ignore[arg-type]
        assert said == f"{text} than that of one frame."
    assert sentence("changes", 0.04, -0.03, 0.11, 0.3) == (
        "Whether changes between frames help is uncertain (+4, -3 to +11)."
    )
    assert sentence("order", 0.04, -0.03, 0.11, 0.3) == "Whether their order helps is uncertain (+4, -3 to +11)."


def test_the_ladder_ends_with_what_follows(tmp_path: Path) -> None:
    """One frame is right in 1 of 4 videos, several in half, dense motion in all."""
    comparison = compare_runs(ladder_runs(tmp_path))
    assert comparison.ladder is not None
    assert comparison.verdict is not None
    record = comparison.to_json()["ladder"]["sentence"]
    assert record == comparison.ladder_sentence
    assert "Changes between frames are not significantly better than guessing (+17 over several frames)." in record
    assert record.endswith(" Dense motion helps (+50). Motion is needed: comparing pixels between frames is enough.")
    assert comparison.verdict.sentence.startswith(
        "Motion is needed: dense motion (all movement, pixel by pixel) gets 100 % of the test videos right and several "
        "frames (frames without their order) 50 %"
    )
    suffice = replace(
        comparison.verdict,
        low=-0.2,
        high=0.01,
        missed=(),
        stills_beat_guessing=True,
        others_beating_guessing=("one frame",),
        contrasts=(
            Contrast("one frame", "order", 0.2, 0.1, 0.3),
            Contrast("several frames", "order", 0.0, -0.02, 0.02),
        ),
    )
    for rung, ending in (
        ("several frames", " Stills suffice, if you look at several."),
        ("one frame", " Stills suffice: one frame is enough."),
        ("mine", " Stills suffice."),
    ):
        assert ladder_sentence(comparison.ladder, suffice, rung).endswith(ending)
    needed = replace(suffice, low=0.1, high=0.2, motion_beats_guessing=True)
    reasons: dict[BestFrameReason, str] = {
        "order_not_needed": " is undecided: several frames in any order may be enough.",
        "most_confident_frame_close": " is undecided: the right frame may be enough.",
    }
    for reason, ending in reasons.items():
        assert ladder_sentence(comparison.ladder, replace(needed, best_frame_reason=reason)).endswith(ending)
    undecided = replace(suffice, high=0.2, brier_low=0.1)
    assert ladder_sentence(comparison.ladder, undecided).endswith(" is undecided, leaning to motion.")
    undecided = replace(suffice, high=0.2, brier_low=-0.1)
    assert ladder_sentence(comparison.ladder, undecided).endswith(" Whether motion is needed is undecided.")


def test_stills_that_all_start_from_nothing_are_warned_of_unless_they_suffice(tmp_path: Path) -> None:
    comparison = compare_runs(ladder_runs(tmp_path))
    assert comparison.verdict is not None

    def warned(compared: Comparison) -> bool:
        (verdict,) = filter(None, [complete_comparison(compared).verdict])
        return "none_pretrained" in {warning.code for warning in verdict.warnings}

    def with_contender(rung: str) -> Comparison:
        rival = ContenderResult("pretrained", "frame_pool", {"backbone": "efficientnet-lite0"}, (0.1,), (1.0,))
        return replace(
            comparison,
            models={**comparison.models, rung: replace(comparison.models[rung], contenders=(rival,))},
        )

    assert warned(comparison)
    assert warned(complete_comparison(comparison))
    assert warned(with_contender("changes"))
    assert not warned(with_contender("one frame"))
    assert not warned(replace(comparison, ladder=None))
    still = comparison.models["one frame"]
    training = replace(still.trainings[0], recipe=replace(still.trainings[0].recipe, options={"preset": "classic"}))
    classic = replace(comparison, models={**comparison.models, "one frame": replace(still, trainings=(training,))})
    for compared, advice in (
        (comparison, "compare again with `--backbone small,efficientnet-lite0`"),
        (classic, "compare again without `--preset classic`"),
    ):
        verdict = complete_comparison(compared).verdict
        assert verdict is not None and advice in verdict.warnings[-1].text
    for changes in ({"selected_by": "named"}, {"low": -0.2, "high": 0.01, "missed": (), "stills_beat_guessing": True}):
        assert not warned(replace(comparison, verdict=replace(comparison.verdict, **changes)))


def test_families_are_no_ladder(tmp_path: Path) -> None:
    runs = ladder_runs(tmp_path, ("several frames", "changes", "dense motion"))
    comparison = compare_runs([run for members in runs.values() for run in members])
    assert list(comparison.models) == ["frame_pool", "cnn_rnn", "conv3d"]
    assert comparison.ladder is None


def test_a_model_is_of_one_kind(tmp_path: Path) -> None:
    runs = ladder_runs(tmp_path, ("several frames", "changes"))
    with pytest.raises(UsageError, match="mixed: its runs are of still and of motion families"):
        compare_runs({"mixed": [run for members in runs.values() for run in members]})
    with pytest.raises(UsageError, match="no runs to compare"):
        compare_runs({"changes": runs["changes"], "order": []})


def test_everything_is_compared_by_the_metric(tmp_path: Path) -> None:
    """One label in 10 is rare. *several frames* finds all others and *order* all rare ones and most others."""
    truth = (np.arange(100) % 10 == 0).astype(np.intp)
    base = replace(predictions([True] * 100), truth=truth)
    predicted = {
        "several frames": ("frame_pool", np.zeros(100, np.intp)),
        "order": ("frame_sequence", np.where(np.arange(100) % 10 == 1, 1, truth)),
    }
    runs = {
        name: [write_run(tmp_path / name, replace(base, probabilities=np.eye(2)[labels]), family, milliseconds=cost)]
        for (name, (family, labels)), cost in zip(predicted.items(), (1.0, 9.0), strict=True)
    }
    plain = compare_runs(runs)
    balanced = compare_runs(runs, metric="balanced", sequential=True)
    for comparison, gain, metric in ((plain, 0.0, "accuracy"), (balanced, (1 + 8 / 9) / 2 - 0.5, "balanced")):
        assert comparison.verdict is not None
        assert comparison.ladder is not None
        assert comparison.verdict.metric == metric
        assert comparison.verdict.difference == pytest.approx(gain)
        assert comparison.ladder.steps[0].gain == pytest.approx(gain)
        assert comparison.verdict.sequential == (metric == "balanced")
    assert plain.recommendation is not None
    assert balanced.recommendation is not None
    assert (plain.recommendation.best, balanced.recommendation.best) == ("several frames", "order")
    with pytest.raises(UsageError, match="no metric 'f1'"):
        compare_runs(runs, metric="f1")  # type: ignore[arg-type]
