"""`stillmotion anomaly`: what it says about promises, and about what was found and missed."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from helpers.commands import run_command
from stillmotion.anomaly.alarms import Alarm
from stillmotion.anomaly.curves import Curve
from stillmotion.anomaly.detector import Detector, DetectorRecord, HeldOutPart, NormalFootage
from stillmotion.anomaly.evaluating import DetectorEvaluation, FalseAlarm, FoundFault
from stillmotion.anomaly.frame_scores import CellScales
from stillmotion.anomaly.memory import Memory
from stillmotion.anomaly.promise import HeldOut, Threshold
from stillmotion.anomaly.scoring import Score
from stillmotion.anomaly.simulated_faults import SimulatedFault
from stillmotion.anomaly.simulation import FaultSimulation
from stillmotion.anomaly.truth import TrueFault
from stillmotion.prediction import alarm_streams

ONE = np.ones(1, np.float32)
THRESHOLDS = {"look": Threshold(1.0, 0.5, 0), "motion": Threshold(1.0, 0.5, 1)}


def detector(held_out: HeldOut, *, recordings: int = 24, by: Any = "group") -> Detector:
    footage = NormalFootage(("a.mp4",) * recordings, ("",) * recordings, by, held_out)
    record = DetectorRecord("efficientnet-lite0", 8.0, "2/hour", 2.0, footage, THRESHOLDS)  # type: ignore[arg-type]
    return Detector(Path("d"), record, Memory(ONE, ONE, ONE, ONE), CellScales(ONE, 1.0, ONE))


def fitted(monkeypatch: pytest.MonkeyPatch, result: Detector) -> str:
    monkeypatch.setattr("stillmotion.anomaly.fit_anomaly_detector", lambda *_, **__: result, raising=False)
    monkeypatch.setattr("stillmotion.cli.anomaly.load_backend", lambda: None)
    done = run_command("anomaly", "fit", "normal", "--out", "d")
    assert done.returncode == 0, done.stderr
    return " ".join((done.stdout + done.stderr).split())


def test_a_promise_that_is_kept_says_what_to_expect(monkeypatch: pytest.MonkeyPatch) -> None:
    """23 recordings of 5 minutes: (0 + 1) / 24 and (1 + 1) / 24 of the new ones, each of which lasts 1 / 12 hours."""
    text = fitted(monkeypatch, detector(HeldOut(23, 1, 23 / 12), recordings=23))
    assert "learned from 23 recordings, 115 minutes of normal footage" in text
    assert "promise 2/hour: kept. Thresholds come from 23 recordings, each held out, with 1 false alarm." in text
    assert "expect at most 1.5 per hour; alarms within 5 minutes count once" in text
    assert "takes" not in text


def test_a_promise_without_enough_footage_says_how_much_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    text = fitted(monkeypatch, detector(HeldOut(3, 2, 0.5)))
    assert "promise 2/hour: not enough footage to keep it. Thresholds come from 3 groups of recordings" in text
    assert "the promise takes 11 groups of recordings like these, 110 minutes" in text


def test_what_repeats_is_said_and_has_a_share_of_the_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    fitted_one = detector(HeldOut(23, 1, 23 / 12), recordings=23)
    note = "cycles of 1.42 s"
    thresholds = {**THRESHOLDS, "cycle": Threshold(1.0, 0.5, 0)}
    record = replace(fitted_one.record, cycle_note=note, thresholds=thresholds)  # type: ignore[arg-type]
    text = fitted(monkeypatch, replace(fitted_one, record=record))
    assert note in text and "expect at most 2 per hour" in text  # (0 + 1) / 24, (1 + 1) / 24 and (0 + 1) / 24
    assert record.recordings_needed == 17  # 2 per hour are 2 / 3 for each: one in 18 recordings of 5 minutes


def test_one_of_a_thing_is_not_plural(monkeypatch: pytest.MonkeyPatch) -> None:
    text = fitted(monkeypatch, detector(HeldOut(1, 1, 1 / 60), recordings=1))
    assert "learned from 1 recording, 1 minute of normal" in text and "come from 1 recording, each" in text
    text = fitted(monkeypatch, detector(HeldOut(1, 1, 0.7), recordings=1))
    assert "the promise takes 1 recording like these, 42 minutes" in text
    text = fitted(monkeypatch, detector(HeldOut(1, 1, 1 / 3600), recordings=1))
    assert "learned from 1 recording, 1 second of" in text


def test_footage_of_one_group_is_warned_about(monkeypatch: pytest.MonkeyPatch) -> None:
    text = fitted(monkeypatch, detector(HeldOut(23, 1, 23 / 12), recordings=1, by="stretch"))
    assert "Another day may look different: add recordings of several days" in text
    assert "come from 23 stretches" in text


def test_footage_of_one_group_is_not_counted_beside_others(monkeypatch: pytest.MonkeyPatch) -> None:
    one = detector(HeldOut(1, 1, 1 / 12), recordings=2)
    parts = (HeldOutPart(0, 0, 0, 1800), HeldOutPart(0, 1, 1800, 3600), HeldOutPart(1, 2, 0, 300))
    text = fitted(
        monkeypatch, replace(one, record=replace(one.record, footage=replace(one.record.footage, parts=parts)))
    )
    assert "learned from 2 recordings, 65 minutes of normal footage" in text
    assert "not counted: 60 minutes of one group" in text and "come from 1 group of recordings, each held out" in text


def test_it_is_said_that_clips_are_too_short_for_motion(monkeypatch: pytest.MonkeyPatch) -> None:
    given = detector(HeldOut(23, 1, 23 / 12), recordings=23)
    assert "look alone is used" not in fitted(monkeypatch, given)
    record = replace(given.record, thresholds={"look": Threshold(1.0, 0.5, 0)})
    assert "look alone is used: motion takes recordings of two" in fitted(monkeypatch, replace(given, record=record))


def test_a_test_says_what_was_found_missed_and_alarmed(monkeypatch: pytest.MonkeyPatch) -> None:
    alarm = Alarm(3.0, 3.5, 5.0, "motion", 2.0)
    result = DetectorEvaluation(
        (
            FoundFault("a.mp4", TrueFault(3, 6, "stop"), alarm, 0.5),
            FoundFault("b.mp4", TrueFault(7, 9, "jam"), None, None),
        ),
        (FalseAlarm("b.mp4", replace(alarm, start_seconds=40.25)),),
        1,
        0.5,
        (0.5, 0.1, 0.9),
        {"look or motion": Curve(0.9, 0.85, None, (0.8, 0.95))},
        ("c.mp4: broken",),
    )
    monkeypatch.setattr("stillmotion.anomaly.evaluate_detector", lambda *_, **__: result, raising=False)
    monkeypatch.setattr("stillmotion.anomaly.load_detector", lambda _: None, raising=False)
    monkeypatch.setattr("stillmotion.cli.anomaly.load_backend", lambda: None)
    done = run_command("anomaly", "test", "d", "truth.csv")
    text = " ".join((done.stdout + done.stderr).split())
    assert "skipped: c.mp4: broken" in text and "error: 1 recording could not be read" in text
    assert done.returncode == 1
    assert "faults found: 1 of 2, 50% (95 % interval 10% to 90%), typically after 0.5 s" in text
    assert (
        "false alarms: 1 in 30 minutes of normal footage. Stretches of up to 5 minutes with a false alarm: 2 per"
        in text
    )
    assert "2 per hour in this test; in the long run at most 9.49 per hour, with 95 % confidence" in text
    assert "area under the ROC curve within recordings all frames look or motion 0.90 (0.80 to 0.95) 0.85" in text
    assert "missed: b.mp4 at 7.0 s: jam" in text
    assert "false alarms: b.mp4 at 40.2 s, by motion" in text


def test_a_test_writes_a_report_if_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    result = DetectorEvaluation((), (), 0, 0.5, None, {"look": Curve(None, None, None)})
    given = detector(HeldOut(23, 1, 23 / 12))
    monkeypatch.setattr("stillmotion.anomaly.evaluate_detector", lambda *_, **__: result, raising=False)
    monkeypatch.setattr("stillmotion.anomaly.load_detector", lambda _: given, raising=False)
    monkeypatch.setattr("stillmotion.cli.anomaly.load_backend", lambda: None)
    done = run_command("anomaly", "test", "d", "truth.csv", "--out", tmp_path / "new")
    assert done.returncode == 0, done.stderr
    assert "0 in 30 minutes of normal footage. Stretches of up to 5 minutes with a false alarm: none in" in done.stdout
    assert "in the long run at most 5.99 per hour" in done.stdout  # 3 in half an hour
    assert "report: " in done.stdout and "ROC" not in done.stdout
    assert "No false alarms</h1>" in (tmp_path / "new" / "report.html").read_text(encoding="utf-8")
    (tmp_path / "file").write_text("")
    done = run_command("anomaly", "test", "d", "truth.csv", "--out", tmp_path / "file")
    assert (done.returncode, "is a file" in done.stderr) == (1, True), done.stderr


def test_a_simulation_says_what_would_be_found_and_writes_a_report(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    faults = [
        SimulatedFault("stop", "for 1 s", f"{n}.mp4", str(n), 3.0, 4.0, 0.5, None, 0.5, 0.2, 3.0) for n in range(12)
    ]
    faults += [
        replace(fault, fault="scratch", strength="8 %", delay_seconds=None, motion_delay_seconds=None)
        for fault in faults
    ]
    result = FaultSimulation("d", "1/hour", 1.0, 1.0, 0, 12, tuple(faults), ("a.mp4: shorter than 7 seconds",))
    given: dict[str, Any] = {}

    def simulate(*_: object, **arguments: object) -> FaultSimulation:
        given.update(arguments)
        return result

    monkeypatch.setattr("stillmotion.anomaly.simulate_faults", simulate, raising=False)
    monkeypatch.setattr("stillmotion.anomaly.load_detector", lambda _: detector(HeldOut(23, 1, 23 / 12)), raising=False)
    monkeypatch.setattr("stillmotion.cli.anomaly.load_backend", lambda: None)
    (tmp_path / "normal").mkdir()
    words = ("anomaly", "simulate", "d", tmp_path / "normal", "--out", tmp_path / "new", "--per-fault", "12")
    done = run_command(*words, "--seed", "3", "--replace")
    assert done.returncode == 0, done.stderr
    text = " ".join((done.stdout + done.stderr).split())
    assert "stop 12 100% " in text and " 0% 100% 0.5 s" in text and "scratch 12 0% " in text
    assert "faults of look: undecided (look 0%, look or motion 0%)" in text
    assert "faults of motion: motion needed (look 0%, look or motion 100%)" in text
    assert "Motion is needed: look alone finds 0% of the simulated faults, look and motion together find 50%" in text
    assert "skipped: a.mp4: shorter than 7 seconds" in text and "not made, because nothing in this footage" in text
    assert (given["per_fault"], given["seed"], given["overwrite"], given["out"]) == (12, 3, True, tmp_path / "new")
    assert "<h1" in (tmp_path / "new" / "report.html").read_text(encoding="utf-8")


def test_a_scene_that_has_changed_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    scores = [Score(float(n), 0.1, 0.1, 0.0, 0.0, (0, 0), scene_changed=n == 3) for n in range(6)]
    monkeypatch.setattr("stillmotion.anomaly.is_detector", lambda _: True, raising=False)
    monkeypatch.setattr("stillmotion.anomaly.load_detector", lambda _: detector(HeldOut(9, 1, 1.0)), raising=False)
    monkeypatch.setattr("stillmotion.cli.detectors.load_backend", lambda: None)

    def streamed(*_: object, on_score: Any, **more: object) -> Any:
        for score in scores:
            on_score(score)
        return SimpleNamespace(alarms=(), known=0, files=())

    monkeypatch.setattr(alarm_streams, "stream_alarms", streamed)
    monkeypatch.setattr("stillmotion.anomaly.score_source", lambda *_, **__: iter(scores), raising=False)
    (tmp_path / "a.mp4").write_bytes(b"")
    for command in ("predict", "stream"):
        done = run_command(command, tmp_path, tmp_path / "a.mp4")
        text = " ".join((done.stdout + done.stderr).split())
        assert text.count("the scene has changed since training") == 1 and "3 s: " in text, text


def test_a_name_that_is_not_in_utf_8_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given = replace(detector(HeldOut(9, 1, 1.0)), folder=tmp_path / "d")
    monkeypatch.setattr("stillmotion.anomaly.adding.load_detector", lambda _: given)
    monkeypatch.setattr("stillmotion.anomaly.load_detector", lambda _: given, raising=False)
    monkeypatch.setattr("stillmotion.anomaly.is_detector", lambda _: True, raising=False)
    monkeypatch.setattr(Detector, "held_out_scores", lambda _: {})
    for module in ("anomaly", "detectors"):
        monkeypatch.setattr(f"stillmotion.cli.{module}.load_backend", lambda: None)
    folder = tmp_path / "normal"
    folder.mkdir()
    try:
        (folder / os.fsdecode(b"caf\xe9.mp4")).write_bytes(b"")
    except OSError:
        pytest.skip("all names are in UTF-8 here")
    for words in (
        ("anomaly", "fit", folder, "--out", tmp_path / "new"),
        ("anomaly", "add", "d", folder),
        ("anomaly", "add", "d", folder, "--acknowledged"),
        ("anomaly", "simulate", "d", folder, "--out", tmp_path / "simulation"),
        ("predict", "d", folder),
    ):
        done = run_command(*words)
        assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
        assert "caf\\xe9.mp4: the name is not in UTF-8; rename it" in done.stderr


def test_wrong_calls_are_refused(tmp_path: Path) -> None:
    for words, message in (
        (("anomaly", "fit", tmp_path, "--promise", "rarely"), "expected a number of false alarms"),
        (("anomaly", "test", tmp_path, tmp_path), "not a detector"),
        (("anomaly", "simulate", tmp_path, tmp_path), "not a detector"),
        (("make-demo-data", tmp_path, "--kind", "anomaly", "--videos", "3"), "--videos has no meaning"),
        (("make-demo-data", tmp_path, "--minutes", "3"), "--minutes has no meaning"),
    ):
        done = run_command(*words)
        assert (done.returncode, message in done.stderr) == (2, True), done.stderr
