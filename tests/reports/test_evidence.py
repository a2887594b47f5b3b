"""The evidence of a comparison on its page: what is said follows from the figures."""

from dataclasses import replace

import pytest

from helpers.comparisons import fabricate
from stillmotion.comparison import (
    BestFrameEvidence,
    ConditionResult,
    Evidence,
    TemporalStability,
    require_motion_evidence,
)
from stillmotion.inspection import Shortcut
from stillmotion.reports import Record, read_record, render_report


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Record:
    return read_record(fabricate(tmp_path_factory.mktemp("evidence"), filmed=0))


def page(record: Record, moment: BestFrameEvidence, leaks: bool = False) -> str:
    evidence = Evidence(
        tampered=(
            ConditionResult("as it is", 0.9, 0.0, -0.1, 0.1),
            ConditionResult("<reversed>", 0.3, -0.6, -0.8, -0.4),
        ),
        retrained=(ConditionResult("shuffled", 0.7, -0.2, -0.35, -0.05),),
        moment=moment,
        steadiness={"frame_pool": TemporalStability(0.4, None, 0.3, 2.5, 0.4, 60)},
    )
    shortcuts = (Shortcut("brightness", 0.6, 0.25, 0.5, 0.7, leaks),)
    assert record.comparison.verdict is not None
    verdict = require_motion_evidence(record.comparison.verdict, evidence)
    comparison = replace(record.comparison, verdict=verdict, evidence=evidence, shortcuts=shortcuts)
    return render_report(replace(record, comparison=comparison))


def test_uses_and_needs_are_kept_apart(record: Record) -> None:
    told = page(record, BestFrameEvidence(0.3, 0.32, 0.33, 0.9, 0.88, 0.9, -0.7, -0.4, False))
    assert "&lt;reversed&gt;" in told
    assert told.index("Needs: trained and tested on") < told.index("Uses: the finished model")
    assert "only the first says what motion is worth" in told
    assert "that much is luck, and no one frame tells" in told
    assert "Nothing that was tried predicts the label" in told
    assert "--pool max" not in told
    assert "was not tried: <code>--effort standard</code> trains one" in told


def test_one_good_frame_and_a_leak_are_said_where_it_counts(record: Record) -> None:
    told = page(record, BestFrameEvidence(0.3, 0.4, 0.95, 0.98, 0.2, 0.9, -0.02, 0.12, True), leaks=True)
    first = told[: told.index('<section id="cost"')]
    assert "Undecided" in first
    assert "Try whether a still model finds the right moment" in first
    assert "use conv3d." in first
    assert "It may be: the frame that the still model is surest of" in told
    assert "Yes: the brightness." in told
    assert "Unless your labels mean just that (the brightness), film all of them in the same places" in first


@pytest.mark.parametrize(("high", "reading"), [(-0.4, "No: a still model"), (0.0, "It may be: a still model")])
def test_what_the_model_that_looked_found_is_said(record: Record, high: float, reading: str) -> None:
    moment = BestFrameEvidence(0.3, 0.32, 0.33, 0.9, 0.88, 0.9, -0.7, -0.4, False)
    evidence = Evidence(moment=moment, looking=ConditionResult("pool=max", 0.4, -0.5, -0.6, high))
    told = render_report(replace(record, comparison=replace(record.comparison, evidence=evidence)))
    assert f"{reading} was trained to look for it, and gets 40\N{NO-BREAK SPACE}%" in told
    assert "was not tried" not in told


def test_a_model_that_looked_for_the_right_moment_is_not_offered_again(record: Record) -> None:
    still = record.comparison.families["frame_pool"]
    trainings = [{**one, "recipe": {"options": {"pool": "max"}}} for one in still.figures["trainings"]]
    families = {
        **record.comparison.families,
        "frame_pool": replace(still, figures={**still.figures, "trainings": trainings}),
    }
    looked = replace(record, comparison=replace(record.comparison, families=families))
    told = page(looked, BestFrameEvidence(0.3, 0.4, 0.95, 0.98, 0.2, 0.9, -0.02, 0.12, True))
    assert "Try whether a still model finds" not in told
    assert "--pool max" not in told
    assert "Use conv3d: a still model that looked for the right moment did not find it." in told
