"""Evaluate a detector: what counts as found, as a false alarm, and how areas are computed. Scores are made by hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from stillmotion.anomaly import curves, evaluating
from stillmotion.anomaly.alarms import Alarm
from stillmotion.anomaly.detector import Detector
from stillmotion.anomaly.evaluating import DetectorEvaluation, evaluate_detector, read_detector_evaluation
from stillmotion.anomaly.footage import content_hash
from stillmotion.anomaly.scoring import Score
from stillmotion.anomaly.truth import TrueFault, TrueRecording, read_truth
from stillmotion.decoding.prefetch import SourceFrame
from stillmotion.errors import StillmotionError, UnreadableVideoError, UsageError

RATE = 2.0
Evaluate = Callable[..., DetectorEvaluation]


def score(seconds: float, level: float = 0.0, ended: Alarm | None = None) -> Score:
    frame = SourceFrame(seconds, None, False, 0.0)  # type: ignore[arg-type]
    return Score(seconds, level, level, 0.0, 1 - level, (0, 0), ended=ended, frame=frame)


def alarm(start: float, raised: float, end: float) -> Alarm:
    return Alarm(start, raised, end, "look", 2.0)


def recording(name: str, *faults: TrueFault) -> TrueRecording:
    return TrueRecording(name, Path(name), name, faults)


@pytest.fixture
def evaluate(monkeypatch: pytest.MonkeyPatch) -> Evaluate:
    """Evaluates recordings of 10 seconds with given levels per frame, and alarms, which the last frame ends."""

    def run(
        *recordings: TrueRecording,
        levels: dict[str, list[float]] | None = None,
        alarms: Any = None,
        out: Path | None = None,
    ) -> DetectorEvaluation:
        def scored(_: object, file: Path) -> Iterator[Score]:
            given = (levels or {}).get(file.name, [0.0] * 20)
            if not given and file.name == "short":
                return
            if not given:
                raise UnreadableVideoError(f"{file}: broken")
            for number, level in enumerate(given, start=1):
                place = len(given) - number
                ends = (alarms or {}).get(file.name, [])
                yield score(number / RATE, level, ends[-place - 1] if place < len(ends) else None)

        monkeypatch.setattr(evaluating, "score_source", scored)
        monkeypatch.setattr(evaluating, "Detector", SimpleNamespace)
        record = SimpleNamespace(rate=RATE, footage=SimpleNamespace(contents=(), acknowledged=()))
        detector: Any = SimpleNamespace(record=record, folder=Path("d"))
        return evaluate_detector(detector, recordings, out=out)

    return run


@pytest.mark.parametrize(
    ("raised", "end", "found", "delay"),
    [
        (4.5, 6.0, True, 0.5),
        (2.1, 5.0, True, 0.0),  # when a fault begins is not known to the second
        (1.9, 5.0, False, None),  # open already, and would be without the fault
        (2.0, 3.5, False, None),
        (6.9, 9.0, True, 2.9),  # a score looks back over a second
        (7.1, 9.0, False, None),
    ],
)
def test_a_fault_is_found_by_an_alarm_within_it(
    evaluate: Evaluate, raised: float, end: float, found: bool, delay: float | None
) -> None:
    result = evaluate(recording("a", TrueFault(4.0, 6.0, "stop")), alarms={"a": [alarm(raised - 0.5, raised, end)]})
    assert (result.faults[0].alarm is not None) == found
    assert result.faults[0].delay_seconds == pytest.approx(delay)
    assert result.median_delay_seconds == pytest.approx(delay)
    assert len(result.false_alarms) == (not found)


def test_false_alarms_are_counted_in_the_hours_without_faults(evaluate: Evaluate) -> None:
    result = evaluate(recording("a", TrueFault(4.0, 6.0, "stop")), recording("b"), alarms={"b": [alarm(1, 2, 3)]})
    assert result.normal_hours == pytest.approx(18 / 3600)
    assert [false.recording for false in result.false_alarms] == ["b"]
    assert result.disturbed_per_hour == pytest.approx(200)
    assert result.most_disturbed_per_hour == pytest.approx(4.744 * 200, rel=1e-3)  # Garwood's limit for 1


def test_false_alarms_in_the_same_five_minutes_count_once(evaluate: Evaluate) -> None:
    ends = [alarm(start, start, start + 1) for start in (10, 50, 290, 310)]
    result = evaluate(recording("a"), levels={"a": [0.0] * 800}, alarms={"a": ends})
    assert (len(result.false_alarms), result.disturbed_stretches) == (4, 2)


def test_a_false_alarm_that_does_not_end_counts_in_all_stretches_in_which_it_is_open(evaluate: Evaluate) -> None:
    """A detector that always alarms would else have one false alarm in a night."""
    result = evaluate(recording("a"), levels={"a": [0.0] * 2000}, alarms={"a": [alarm(10, 10.5, 990)]})
    assert (len(result.false_alarms), result.disturbed_stretches) == (1, 4)


def test_the_share_found_has_an_interval_by_group(evaluate: Evaluate) -> None:
    recordings = [recording(str(n), TrueFault(2.0, 4.0, "stop")) for n in range(10)]
    result = evaluate(*recordings, alarms={str(n): [alarm(2, 3, 4)] for n in range(9)})
    assert result.found is not None
    share, low, high = result.found
    assert share == 0.9 and 0.5 < low < 0.7 and 0.95 < high < 1


def test_areas_are_within_recordings_over_all_frames_and_over_recordings(evaluate: Evaluate) -> None:
    """In each recording, the fault's frames are the highest; but one recording is higher than the other."""
    low, high = [0.0] * 10 + [0.5] * 10, [0.6] * 10 + [1.0] * 10
    result = evaluate(
        recording("low", TrueFault(5.0, 10.0, "stop")),
        recording("high", TrueFault(5.0, np.inf, "stop")),
        recording("normal"),
        levels={"low": low, "high": high, "normal": [0.55] * 20},
    )
    curve = result.curves["highest level"]
    assert curve.macro == 1.0
    # Of 20 unusual frames, 10 are above all 40 normal ones, and 10 above those 10 that are 0.
    assert curve.micro == pytest.approx((10 * 40 + 10 * 10) / (20 * 40))
    assert curve.recordings == 0.5
    assert result.curves["frame number"].macro == 1.0
    assert result.curves["share of the recording"].macro == 0.5
    assert result.curves["how much moves"].macro == 0.0  # by hand: the reverse


def test_what_is_never_known_has_no_area(evaluate: Evaluate) -> None:
    """A level that is 0 throughout would have the area of chance."""
    fault = recording("a", TrueFault(5.0, 10.0, "stop"))
    result = evaluate(fault, levels={"a": [0.0] * 10 + [0.5] * 10})
    guesses = ["frame number", "share of the recording", "how much moves"]
    assert list(result.curves) == ["highest level", "look", *guesses]  # by hand: there is no motion
    assert list(evaluate(fault).curves) == ["highest level", *guesses]


def test_decoded_frames_are_not_kept(evaluate: Evaluate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of an hour do not fit into memory."""
    kept: list[Score] = []
    make = curves.collect_scores

    def spied(truth: TrueRecording, scored: list[Score]) -> Any:
        kept.extend(scored)
        return make(truth, scored)

    monkeypatch.setattr(evaluating, "collect_scores", spied)
    evaluate(recording("a"))
    assert len(kept) == 20 and all(score.frame is None for score in kept)


def test_the_cycle_is_in_a_timeline_only_where_it_is_known() -> None:
    scores = [score(number / RATE) for number in range(4)]
    assert curves.make_timeline(recording("a"), scores, ()).cycle == ()
    scores[2] = replace(scores[2], cycle=0.7)
    assert curves.make_timeline(recording("a"), scores, ()).cycle == (0.0, 0.0, 0.7, 0.0)


def test_without_a_fault_there_is_no_area_and_no_share(evaluate: Evaluate) -> None:
    result = evaluate(recording("a"))
    assert (result.found, result.median_delay_seconds, result.curves["frame number"].micro) == (None, None, None)
    assert result.curves["frame number"].recordings is None


def test_unreadable_recordings_are_skipped_unless_all_are(evaluate: Evaluate) -> None:
    assert evaluate(recording("a"), recording("b"), levels={"b": []}).skipped == ("b: broken",)
    with pytest.raises(StillmotionError, match="none of 1 recording can be read: a: broken"):
        evaluate(recording("a"), levels={"a": []})
    with pytest.raises(UsageError, match="no recordings"):
        evaluate()


def test_a_recording_that_was_learned_from_is_refused_under_any_name(tmp_path: Path) -> None:
    (tmp_path / "renamed.mp4").write_bytes(b"frames")
    (tmp_path / "learned.mp4").write_bytes(b"frames")
    contents = (content_hash(tmp_path / "learned.mp4"),)
    record = SimpleNamespace(footage=SimpleNamespace(contents=contents, acknowledged=()))
    detector = object.__new__(Detector)
    detector.__dict__["record"] = record
    truth = TrueRecording("renamed.mp4", tmp_path / "renamed.mp4", "")
    with pytest.raises(StillmotionError, match=r"renamed\.mp4: the detector was learned from it"):
        evaluate_detector(detector, [truth])


def test_a_table_says_what_is_unusual_and_when(tmp_path: Path) -> None:
    table = tmp_path / "truth.csv"
    table.write_text(
        "path,label,start,end,group\na.mp4,stop,2,4,monday\na.mp4,Normal,5,6,monday\na.mp4,jam,7,,monday\n"
        "b.mp4,normal,,,monday\nc.mp4,jam,,,tuesday\n"
    )
    a, b, c = read_truth(table)
    assert (a.name, a.file, a.group) == ("a.mp4", tmp_path / "a.mp4", "monday")
    assert a.faults == (TrueFault(2.0, 4.0, "stop"), TrueFault(7.0, np.inf, "jam"))
    assert b.faults == () and c.faults == (TrueFault(0.0, np.inf, "jam"),)


def test_a_fault_after_the_end_of_its_recording_is_refused(evaluate: Evaluate, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would count as missed; perhaps the table is in other units, or names another file."""
    monkeypatch.setattr(evaluating, "probe", lambda file: SimpleNamespace(seconds=10.0))
    evaluate(recording("a", TrueFault(9, np.inf, "jam")))
    with pytest.raises(UsageError, match=r"^a: a fault begins at 500 s, but the recording ends at 10\.0 s"):
        evaluate(recording("a", TrueFault(3, 4, "stop"), TrueFault(500, 600, "jam")))
    evaluate(recording("a", TrueFault(9, 10.9, "jam")))
    with pytest.raises(UsageError, match=r"^a: a fault ends at 60 s, but the recording ends at 10\.0 s"):
        evaluate(recording("a", TrueFault(3, 60, "stop")))


def test_a_row_without_a_label_is_refused(tmp_path: Path) -> None:
    (tmp_path / "truth.csv").write_text("path,label\na.mp4,normal\nb.mp4,\n")
    with pytest.raises(StillmotionError, match="label"):
        read_truth(tmp_path / "truth.csv")


def test_a_result_is_read_back_as_it_was(evaluate: Evaluate, tmp_path: Path) -> None:
    """Also the end of a fault that lasts until the file ends, for which JSON has no number."""
    recordings = recording("a", TrueFault(4.0, np.inf, "stop"), TrueFault(1.0, 2.0, "jam")), recording("b")
    levels = {"a": [0.1] * 10 + [1.5] * 10}
    result = evaluate(*recordings, levels=levels, alarms={"a": [alarm(5, 6, 9)]}, out=tmp_path / "new")
    text = (tmp_path / "new" / "evaluation.json").read_text()
    assert json.loads(text, parse_constant=pytest.fail)["faults"][0]["fault"]["end_seconds"] is None
    assert read_detector_evaluation(tmp_path / "new") == result
    assert (result.detector, result.faults[0].fault.end_seconds) == ("d", np.inf)
    (tmp_path / "new" / "evaluation.json").write_text(text[:-100])
    with pytest.raises(StillmotionError, match="damaged"):
        read_detector_evaluation(tmp_path / "new")
    with pytest.raises(UsageError, match="no test of a detector"):
        read_detector_evaluation(tmp_path)
    with pytest.raises(StillmotionError, match="is a file"):
        evaluate(out=tmp_path / "new" / "evaluation.json")


def test_a_recording_without_a_score_is_skipped(evaluate: Evaluate) -> None:
    result = evaluate(recording("a", TrueFault(4.0, 6.0, "stop")), recording("short"), levels={"short": []})
    assert len(result.skipped) == 1 and result.skipped[0].startswith("short")
