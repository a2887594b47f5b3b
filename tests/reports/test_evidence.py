"""The evidence of a comparison on its page: the text follows from the figures."""

from dataclasses import replace
from pathlib import Path

import pytest

from helpers.comparisons import fabricate, fabricate_ladder
from stillmotion.comparison import (
    BestFrameEvidence,
    ConditionResult,
    Evidence,
    TemporalStability,
    complete_comparison,
)
from stillmotion.inspection import Shortcut
from stillmotion.reports import Record, read_record, render_report

NO_FRAME = BestFrameEvidence(0.3, 0.32, 0.33, 0.9, 0.88, 0.9, -0.7, -0.4, False)
ONE_FRAME = BestFrameEvidence(0.3, 0.4, 0.95, 0.98, 0.2, 0.9, -0.02, 0.12, True)


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Record:
    return read_record(fabricate(tmp_path_factory.mktemp("evidence"), encoded=0))


def page(record: Record, best_frame: BestFrameEvidence, shortcut: bool = False) -> str:
    evidence = Evidence(
        perturbed=(
            ConditionResult("whole clips", 0.9, 0.0, -0.1, 0.1),
            ConditionResult("<reversed>", 0.3, -0.6, -0.8, -0.4),
        ),
        retrained=(ConditionResult("shuffled", 0.7, -0.2, -0.35, -0.05),),
        best_frame=best_frame,
        stability={"frame_pool": TemporalStability(0.4, None, 0.3, 2.5, 0.4, 60)},
    )
    shortcuts = (Shortcut("brightness", 0.6, 0.25, 0.5, 0.7, shortcut),)
    return render_report(
        replace(record, comparison=complete_comparison(record.comparison, evidence=evidence, shortcuts=shortcuts))
    )


def test_needing_and_using_motion_are_kept_apart(record: Record) -> None:
    html = page(record, NO_FRAME)
    assert "&lt;reversed&gt;" in html
    assert html.index("Needs: trained and tested on") < html.index("Uses: trained on unchanged clips")
    assert "Only the first says what motion is worth" in html
    assert "but by luck alone that would be 88\N{NO-BREAK SPACE}%: no single frame shows the label" in html
    assert "Nothing that was tried predicts the label" in html
    assert "--pool max" not in html
    assert "Not tried: stronger still models." in html


def test_evidence_is_called_what_it_is_measured_by(record: Record) -> None:
    assert record.comparison.verdict is not None
    html = page(record, NO_FRAME)
    assert "Accuracy on the test videos, and its difference" in html and "Mean recall" not in html
    verdict = replace(record.comparison.verdict, metric="balanced", guessing=0.37)
    html = page(replace(record, comparison=replace(record.comparison, verdict=verdict)), NO_FRAME)
    assert "Mean recall of the labels on the test videos, and its difference" in html
    evidence = html[html.index("Needs: trained and tested on") : html.index("How stable are the predictions")]
    assert "Dotted line: 37" in evidence and '<th scope="col">Mean recall</th>' in evidence


def test_pools_that_have_competed_are_not_advised(record: Record, tmp_path: Path) -> None:
    assert "--pool max" in page(record, ONE_FRAME)
    html = page(read_record(fabricate_ladder(tmp_path / "ladder", encoded=0)), ONE_FRAME)
    assert "Then the right frame counts" in html and "--pool max" not in html


def test_one_good_frame_and_a_shortcut_are_mentioned_with_the_verdict(record: Record) -> None:
    html = page(record, ONE_FRAME, shortcut=True)
    first = html[: html.index('id="accuracy"')]
    assert "Undecided" in first
    assert "Until more recordings decide it, use" in first
    assert "<code>stillmotion compare</code> without <code>--families</code>" in first
    assert "use conv3d." in first
    assert "It may be: the frame that the still model is most confident of" in html
    assert "Yes: the brightness (" in html
    assert "Unless your labels mean just the brightness, film all labels in the same places" in first


@pytest.mark.parametrize("shortcut", [False, True])
def test_nothing_is_concluded_from_models_that_guess(record: Record, shortcut: bool) -> None:
    assert record.comparison.verdict is not None
    verdict = replace(record.comparison.verdict, stills_beat_guessing=False, motion_beats_guessing=False)
    html = page(replace(record, comparison=replace(record.comparison, verdict=verdict)), NO_FRAME, shortcut)
    gist = "not known: neither model is significantly better than guessing"
    assert (f"{gist}; something else predicts the label" in html) == shortcut
    assert gist in html
    assert "Not known: neither model is significantly better than guessing." in html
    assert "no single frame" not in html
    assert "no shortcut found" not in html


def test_a_model_that_finds_the_best_frame_already_is_not_offered_again(record: Record) -> None:
    still = record.comparison.models["frame_pool"]
    trainings = tuple(
        replace(summary, recipe=replace(summary.recipe, options={"pool": "max"})) for summary in still.trainings
    )
    models = {**record.comparison.models, "frame_pool": replace(still, trainings=trainings)}
    html = page(replace(record, comparison=replace(record.comparison, models=models)), ONE_FRAME)
    assert "--pool max" not in html
    assert "Use conv3d: a still model that was trained to find the best frame did not find it." in html
