"""Fit a detector on small videos, resume it, and score with it."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest

import stillmotion as sm
from helpers.backbones import write_backbone
from helpers.belts import RATE, SECONDS, write_belt
from helpers.commands import run_command
from helpers.media import write_video
from stillmotion.anomaly import fitting, footage, measuring, memory
from stillmotion.anomaly.alarms import lasting_peak
from stillmotion.anomaly.detector import Detector, HeldOutPart
from stillmotion.anomaly.fitting import _smoothed, _usual_distances, fit_anomaly_detector
from stillmotion.anomaly.footage import MeasuredRecording, Recording, find_recordings, measure_recordings
from stillmotion.anomaly.measuring import FrameMeasurer, Measures, measure_file, measure_source, prepare
from stillmotion.anomaly.memory import Distances, Memory
from stillmotion.anomaly.promise import HeldOut
from stillmotion.anomaly.steadying import StillPixels
from stillmotion.archive import list_archive, prepare_model
from stillmotion.archive.worker import ArchivePredictor
from stillmotion.decoding.live import SourceStats, find_source, read_source
from stillmotion.decoding.prefetch import SourceFrame
from stillmotion.models.pretrained import build_backbone

pytestmark = pytest.mark.backend


@pytest.fixture(scope="module", autouse=True)
def small_memory() -> Iterator[None]:
    """Fewer entries than usual, which is quicker."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "PATCHES", 300)
        yield


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The same random weights in each run."""
    keras.utils.set_random_seed(1)
    return write_backbone(tmp_path_factory.mktemp("backbone"))


@pytest.fixture(scope="module")
def normal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("normal")
    for number in range(4):
        write_belt(folder / f"day{number % 2}" / f"belt{number}.mp4", seed=number)
    return folder


@pytest.fixture(scope="module")
def detector(normal: Path, backbone: str) -> Detector:
    return fit_anomaly_detector(normal, out=normal.parent / "detector", backbone=backbone)


def without_folder(detector: Detector) -> tuple[Any, ...]:
    known, scales = detector.memory, detector.scales
    arrays = (known.patches, known.top, known.motion, known.motion_scale, scales.patches, scales.motion)
    return detector.record, scales.top, *(array.tobytes() for array in arrays)


def test_a_detector_says_what_it_was_learned_from(detector: Detector) -> None:
    footage = detector.record.footage
    assert footage.recordings == ("day0/belt0.mp4", "day0/belt2.mp4", "day1/belt1.mp4", "day1/belt3.mp4")
    assert footage.held_out_by == "group"
    assert footage.held_out == HeldOut(4, 1, 4 * SECONDS / 3600)
    assert not detector.record.keeps_promise
    assert detector.record.expected_per_hour == pytest.approx(2 * (1 / 5) * (3600 / SECONDS))
    assert detector.record.recordings_needed == 1199  # 2 / 1200 of recordings that last 1 / 600 hours
    assert detector.record.hours_needed == pytest.approx(1199 / 600)


def test_progress_is_reported_within_a_recording(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One of three minutes, and one that cannot be read."""
    recordings = [Recording(name, tmp_path / name, name) for name in ("long.mp4", "broken.mp4")]
    for recording in recordings:
        recording.file.write_bytes(b"")

    def probe(file: Path) -> Any:
        if file.name == "broken.mp4":
            raise sm.UnreadableVideoError("broken")
        return SimpleNamespace(seconds=180.0)

    def measure(model: Any, rate: float, source: Any, still: Any) -> Iterator[Measures]:
        probe(Path(str(source)))
        for second in range(180):
            yield Measures(second + 1.0, second == 0, *[np.zeros((1, 4), np.float32)] * 3)

    def reports(given: list[Recording], name: str) -> list[tuple[int, int]]:
        calls: list[tuple[int, int]] = []
        measure_recordings(given, None, 1, tmp_path / name, lambda _, done, total, *__: calls.append((done, total)))
        return calls

    monkeypatch.setattr(footage, "probe", probe)
    monkeypatch.setattr(footage, "measure_file", measure)
    within = reports(recordings[:1], "one")
    assert list(dict.fromkeys(within)) == [(0, 3), (1, 3), (2, 3), (3, 3)] and len(within) < 30
    assert reports(recordings, "both")[-1] == (3, 3)
    assert reports(recordings[:1], "both") == [(0, 3), (3, 3)]  # it is measured already


def test_stops_and_colors_are_far_above_normal_footage_and_alarm(detector: Detector, tmp_path: Path) -> None:
    """Half a minute of footage gives a threshold that normal footage may exceed somewhat."""
    highest, alarms = {}, {}
    for name, changes in {"normal": {}, "stop": {"stop": 3.0}, "color": {"color": 3.0}}.items():
        scores = list(sm.score_source(detector, write_belt(tmp_path / f"{name}.mp4", seed=9, **changes)))
        assert [score.seconds for score in scores] == pytest.approx(np.arange(1, 49) / RATE)
        highest[name] = max(score.look for score in scores), max(score.motion for score in scores)
        raised, alarms[name] = [s.raised for s in scores if s.raised], [s.ended for s in scores if s.ended]
        assert [alarm.start_seconds for alarm in raised] == [alarm.start_seconds for alarm in alarms[name]]
    assert max(highest["normal"]) < 5
    assert highest["stop"][1] > 8 and highest["stop"][0] < 5
    assert highest["color"][0] > 8
    stop, color = (max(alarms[name], key=lambda alarm: alarm.peak) for name in ("stop", "color"))
    assert stop.kind == "motion" and stop.raised_seconds < 4 and stop.end_seconds == 6.0
    assert color.kind == "look" and color.raised_seconds < 4
    assert 2 <= color.cell[0] <= 5  # rows 12 to 22 of 32, on a grid of 7


def test_a_file_and_its_stream_have_the_same_scores(detector: Detector, tmp_path: Path) -> None:
    file = write_belt(tmp_path / "belt.mp4", seconds=3, stop=1.5)
    readings: list[tuple[Any, dict[str, Any]]] = [
        (detector, {}),
        (detector.folder, {"realtime": True, "every_frame": True}),
    ]
    whole, streamed = (
        [(score.seconds, score.look, score.motion, score.cell) for score in sm.score_source(given, file, **reading)]
        for given, reading in readings
    )
    assert len(whole) == 24 and whole == streamed


def test_where_frames_are_lost_another_recording_begins(
    detector: Detector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the last frame were shown until the next one comes, that would be a stop."""
    files = [write_belt(tmp_path / f"belt{seed}.mp4", seconds=3, seed=seed) for seed in (0, 1)]
    alone = [list(sm.score_source(detector, file)) for file in files]

    def lossy(_: object, **reading: Any) -> Iterator[SourceFrame]:
        """The two files, 3 seconds apart, as one source."""
        for file, later in zip(files, (0.0, 6.0), strict=True):
            for frame in read_source(find_source(file), **reading):
                yield replace(frame, seconds=frame.seconds + later, starts_recording=not later and frame.seconds == 0)

    monkeypatch.setattr(measuring, "read_source", lossy)
    stats = SourceStats()
    scored = list(sm.score_source(detector, files[0], stats=stats))
    expected = [
        (score.seconds + later, score.level) for part, later in zip(alone, (0, 6), strict=True) for score in part
    ]
    assert [(score.seconds, score.level) for score in scored] == expected
    assert stats.gaps == 1 and not any(score.raised for score in scored)


def test_a_slow_source_has_lost_no_frames() -> None:
    """Even if it declares another rate: then a second is enough to learn its own."""
    gaps = measuring._Gaps(RATE)
    assert not any(gaps.push(0.5, declared=0.5) for _ in range(9))
    gaps = measuring._Gaps(RATE)
    assert [gaps.push(pause, declared=0.04) for pause in (0.5, 0.5, 0.6, 0.4, 1.5)] == [True, *[False] * 3, True]
    gaps = measuring._Gaps(RATE)
    assert [gaps.push(pause, declared=0.04) for pause in (0.04, 0.2, 0.04, 0.3)] == [False, False, False, True]


def test_what_stands_still_is_part_of_a_detector(detector: Detector, tmp_path: Path) -> None:
    folder = shutil.copytree(detector.folder, tmp_path / "d")
    side = measuring.FLOW_SIDE
    still = StillPixels(np.eye(side) > 0, np.arange(side**2, dtype=np.float32).reshape(side, side))
    replace(detector, folder=folder, still=still).save({}, detector.held_out_scores())
    loaded = sm.load_detector(folder)
    assert loaded.still is not None and loaded.still.digest == still.digest
    image = np.zeros((224, 224, 3), np.uint8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StillPixels, "steady", lambda self, image: image + 7)
        assert loaded.measurer().steady(image).max() == 7


def test_the_first_moments_are_not_scored(detector: Detector, tmp_path: Path) -> None:
    scores = list(sm.score_source(detector, write_belt(tmp_path / "belt.mp4", seconds=3, color=0)))
    assert [score.look != 0 for score in scores] == [n >= 3 for n in range(24)]  # 4 frames are half a second
    assert [score.motion != 0 for score in scores] == [n >= 11 for n in range(24)]  # 8 more, and one before them


def test_an_interrupted_call_goes_on_and_gives_the_same_detector(
    detector: Detector, normal: Path, backbone: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(fitting, "_hold_out", stop)
        fit_anomaly_detector(normal, out=tmp_path / "d", backbone=backbone)
    (kept,) = (tmp_path / "d" / "unfinished").iterdir()
    assert len(list(kept.iterdir())) == 4
    (kept / "00002.npz").write_bytes(b"damaged")
    measured: list[str] = []

    def spied(*args: Any, **more: Any) -> Any:
        measured.append(Path(args[2].name).name)
        return measure(*args, **more)

    measure = measure_file
    monkeypatch.setattr(footage, "measure_file", spied)
    resumed = fit_anomaly_detector(normal, out=tmp_path / "d", backbone=backbone)
    assert measured == ["belt1.mp4"]
    assert without_folder(resumed) == without_folder(detector)
    assert sorted(path.name for path in (tmp_path / "d").iterdir() if path.name != ".lock") == [
        "backbone.keras",
        "detector.json",
        "held_out.npz",
        "memory.npz",
        "scores.npz",
    ]


def test_recordings_measured_side_by_side_are_measured_as_one_by_one(
    normal: Path, backbone: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(footage, "CHUNK", 10)  # several arrays for each recording
    model = prepare(build_backbone(backbone, 16, 16))
    recordings = find_recordings(normal)
    together = measure_recordings(recordings, model, RATE, tmp_path / "measures")
    for recording, measured in zip(recordings, together, strict=True):
        source = find_source(recording.file)
        alone = [frame.measures for frame in measure_source(FrameMeasurer(model, RATE), source)]
        read = [measures for measures, _ in measured.read(RATE)]
        assert [frame[:2] for frame in read] == [frame[:2] for frame in alone]
        for place in range(2, len(Measures._fields)):
            expected = np.array([frame[place] for frame in alone], np.float16)
            assert np.array_equal(np.array([frame[place] for frame in read], np.float16), expected)


def test_groups_are_held_out_together_and_single_ones_by_stretches(tmp_path: Path) -> None:
    def measured(*groups: str) -> list[MeasuredRecording]:
        return [MeasuredRecording(Recording(f"{n}.mp4", file, group), file, 90) for n, group in enumerate(groups)]

    file = write_belt(tmp_path / "belt.mp4", seconds=1)
    days = measured("monday", "monday", "tuesday")
    assert [set(fold.tolist()) for fold in fitting._divide(days, RATE)] == [{0}, {0}, {1}]
    described = fitting._describe(days, fitting._divide(days, RATE), RATE)
    assert described.held_out == HeldOut(2, 2, 270 / 8 / 3600)
    assert described.parts == tuple(HeldOutPart(n, fold, 0.0, 90 / 8) for n, fold in enumerate((0, 0, 1)))
    one_day = measured("monday", "monday")
    assert [sorted(set(fold.tolist())) for fold in fitting._divide(one_day, RATE)] == [[0, 1, 2], [2, 3, 4]]
    described = fitting._describe(one_day, fitting._divide(one_day, RATE), RATE)
    assert described.held_out == HeldOut(2, 1, 180 / 8 / 3600)
    assert described.held_out_by == "stretch"
    assert [(part.recording, part.fold, part.start_seconds, part.end_seconds) for part in described.parts] == [
        (0, 0, 0.0, 4.5),
        (0, 1, 4.5, 9.0),
        (0, 2, 9.0, 11.25),
        (1, 2, 0.0, 2.25),
        (1, 3, 2.25, 6.75),
        (1, 4, 6.75, 11.25),
    ]


def test_what_was_held_out_is_scored_as_it_was_for_the_thresholds(detector: Detector, normal: Path) -> None:
    """By a memory that has not seen it: the highest of these scores is the threshold."""
    peaks = []
    for part in detector.record.footage.parts:
        file = normal / detector.record.footage.recordings[part.recording]
        scored = sm.score_source(detector.without_fold(part.fold), file)
        peaks.append(lasting_peak(np.array([score.motion for score in scored]), RATE))
    assert max(peaks) == pytest.approx(1, abs=0.02)  # measures on disk have half precision
    seen = [
        score.motion
        for name in detector.record.footage.recordings
        for score in sm.score_source(detector, normal / name)
    ]
    assert max(seen) < 0.9


def test_a_detector_without_what_was_held_out_says_so(detector: Detector, tmp_path: Path) -> None:
    """Those of earlier versions have none. They still load."""
    old = Path(shutil.copytree(detector.folder, tmp_path / "old"))
    (old / "held_out.npz").unlink()
    record = json.loads((old / "detector.json").read_text())
    del record["footage"]["parts"]
    (old / "detector.json").write_text(json.dumps(record))
    with pytest.raises(sm.StillmotionError, match="what was held out is missing or damaged; fit again"):
        sm.load_detector(old).without_fold(0)


def test_files_are_measured_several_frames_at_a_time_with_the_same_result(backbone: str, tmp_path: Path) -> None:
    """Also the last few, which do not fill a batch; only rounding differs."""
    model = prepare(build_backbone(backbone, 16, 16))
    source = find_source(write_belt(tmp_path / "belt.mp4", seconds=2.5))
    alone = [frame.measures for frame in measure_source(FrameMeasurer(model, RATE), source)]
    together = list(measure_file(model, RATE, source))
    assert len(alone) == len(together) == 20
    for one, other in zip(alone, together, strict=True):
        assert (one.seconds, one.starts) == (other.seconds, other.starts)
        for name in ("patches", "top", "flow"):
            np.testing.assert_allclose(getattr(other, name), getattr(one, name), rtol=1e-4, atol=1e-4)


def test_wrong_calls_are_refused(detector: Detector, normal: Path, backbone: str, tmp_path: Path) -> None:
    with pytest.raises(sm.UsageError, match="1 to 60 frames per second"):
        fit_anomaly_detector(normal, out=tmp_path, rate=0.5)
    with pytest.raises(sm.UsageError, match="no such file"):
        fit_anomaly_detector(tmp_path / "nowhere", out=tmp_path)
    with pytest.raises(sm.StillmotionError, match="holds a detector"):
        fit_anomaly_detector(normal, out=detector.folder, backbone=backbone)
    (tmp_path / "empty").mkdir()
    with pytest.raises(sm.StillmotionError, match="no videos"):
        fit_anomaly_detector(tmp_path / "empty", out=tmp_path / "d", backbone=backbone)
    short = write_belt(tmp_path / "short.mp4", seconds=2)
    with pytest.raises(sm.StillmotionError, match="2 seconds of normal footage: too little"):
        fit_anomaly_detector(short, out=tmp_path / "d", backbone=backbone)
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    with pytest.raises(sm.StillmotionError, match="none of 1 video can be read"):
        fit_anomaly_detector(tmp_path / "broken.mp4", out=tmp_path / "d", backbone=backbone)
    frame = write_belt(tmp_path / "frame.mp4", seconds=0.25)
    with pytest.raises(sm.StillmotionError, match=r"none of 1 video can be read: frame\.mp4: is shorter than a frame"):
        fit_anomaly_detector(frame, out=tmp_path / "d", backbone=backbone, rate=1)


def test_a_damaged_detector_says_so(detector: Detector, tmp_path: Path) -> None:
    with pytest.raises(sm.UsageError, match="not a detector"):
        sm.load_detector(tmp_path)
    for name, content in (("detector.json", b"{}"), ("memory.npz", b""), ("memory.npz", b"PK no archive")):
        damaged = Path(shutil.copytree(detector.folder, tmp_path / "damaged", dirs_exist_ok=True))
        (damaged / name).write_bytes(content)
        with pytest.raises(sm.StillmotionError, match="damaged detector; fit it again"):
            sm.load_detector(damaged)
    shutil.copytree(detector.folder, damaged, dirs_exist_ok=True)
    record = json.loads((damaged / "detector.json").read_text())
    for step, which in ((1, "a later"), (-1, "an earlier")):
        (damaged / "detector.json").write_text(json.dumps({**record, "version": record["version"] + step}))
        with pytest.raises(sm.StillmotionError, match=f"{which} version of stillmotion"):
            sm.load_detector(damaged)
    shutil.copytree(detector.folder, damaged, dirs_exist_ok=True)
    (damaged / "backbone.keras").unlink()
    with pytest.raises(sm.StillmotionError, match="no such model"):
        sm.load_detector(damaged).measurer()


def test_the_backbone_in_the_folder_is_a_plain_keras_model(detector: Detector) -> None:
    import keras

    model = keras.models.load_model(detector.folder / "backbone.keras")
    assert model.input_shape == (None, 16, 16, 3)
    assert json.loads((detector.folder / "detector.json").read_text())["rate"] == RATE


def test_predict_writes_a_score_for_each_frame_and_stream_writes_alarms(detector: Detector, tmp_path: Path) -> None:
    file = write_belt(tmp_path / "belt.mp4", seed=9, stop=3.0)
    done = run_command("predict", detector.folder, file, "--out", tmp_path / "scores.csv")
    assert done.returncode == 0, done.stderr
    assert "by motion" in done.stdout
    rows = list(csv.DictReader((tmp_path / "scores.csv").read_text().splitlines()))
    expected = list(sm.score_source(detector, file))
    assert [float(row["level"]) for row in rows] == pytest.approx([score.level for score in expected], abs=1e-3)
    assert [(int(row["row"]), int(row["column"])) for row in rows] == [score.cell for score in expected]
    (alarm,) = (score.raised for score in expected if score.raised)
    assert [row["alarm"] == "True" for row in rows] == [
        alarm.raised_seconds <= score.seconds < 6.0 for score in expected
    ]
    done = run_command("stream", detector.folder, file, "--events", tmp_path / "alarms.csv", "--out", "-")
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["level"] for line in done.stdout.splitlines()] == [float(row["level"]) for row in rows]
    assert f"{alarm.raised_seconds:.1f} s: alarm, by motion" in done.stderr
    (written,) = csv.DictReader((tmp_path / "alarms.csv").read_text().splitlines())
    assert float(written["raised_seconds"]) == alarm.raised_seconds and float(written["end_seconds"]) == 6.0
    assert (
        "is there already" in run_command("stream", detector.folder, file, "--events", tmp_path / "alarms.csv").stderr
    )
    wrong = run_command("stream", detector.folder, file, "--smoothing", "2")
    assert (wrong.returncode, "--smoothing has no meaning for an anomaly detector" in wrong.stderr) == (2, True)


def test_an_archive_gets_the_scores_of_predict(detector: Detector, tmp_path: Path) -> None:
    """As a worker makes them."""
    write_belt(tmp_path / "clips" / "stops.mp4", stop=2)
    write_belt(tmp_path / "clips" / "runs.mp4", seconds=3)
    (tmp_path / "clips" / "x.mp4").write_text("no video")
    assert run_command("predict", detector.folder, tmp_path / "clips", "--out", tmp_path / "t.jsonl").returncode == 1
    expected = [json.loads(line) for line in (tmp_path / "t.jsonl").read_text().splitlines()]
    files = list_archive(tmp_path / "clips")
    outcome = ArchivePredictor(prepare_model(detector).pickled, 0).predict(files)
    assert outcome.table is not None
    keys = {file.video.name: file.key for file in files}
    assert outcome.table.to_pylist() == [{**row, "key": keys[row["video"]]} for row in expected]
    assert {row["alarm"] for row in expected} == {True, False}
    assert [(failure.video, failure.cause) for failure in outcome.failures] == [(files[2].video.name, "unreadable")]


def test_segments_of_a_table_are_scored_alone(detector: Detector, tmp_path: Path) -> None:
    """By `predict`, and in an archive."""
    file = write_belt(tmp_path / "runs.mp4", seconds=3)
    (tmp_path / "list.csv").write_text("path,start,end\nruns.mp4,1,2.5\n")
    scores = sm.score_source(detector, find_source(file, start=1.0, end=2.5))
    expected = [round(score.seconds, 3) for score in scores]
    assert run_command("predict", detector.folder, tmp_path / "list.csv", "--out", tmp_path / "t.jsonl").returncode == 0
    rows = [json.loads(line) for line in (tmp_path / "t.jsonl").read_text().splitlines()]
    assert [round(row["seconds"], 3) for row in rows] == expected and 1 < min(expected) < max(expected) <= 2.5
    outcome = ArchivePredictor(prepare_model(detector).pickled, 0).predict(list_archive(tmp_path / "list.csv"))
    assert outcome.table is not None
    assert [{name: row[name] for name in row if name != "key"} for row in outcome.table.to_pylist()] == rows


def test_a_part_of_a_file_is_scored_at_its_own_times(detector: Detector, tmp_path: Path) -> None:
    file = write_belt(tmp_path / "belt.mp4", seconds=4)
    scores = list(sm.score_source(detector, find_source(file, start=1.0, end=3.0)))
    assert [score.seconds for score in scores] == pytest.approx(1 + np.arange(1, 17) / RATE)


def test_of_short_clips_look_alone_is_used_and_gets_the_whole_promise(backbone: str, tmp_path: Path) -> None:
    for seed in range(20):
        write_belt(tmp_path / "normal" / f"{seed}.mp4", seconds=1, seed=seed)
    clips = fit_anomaly_detector(tmp_path / "normal", out=tmp_path / "d", backbone=backbone)
    assert set(clips.record.thresholds) == {"look"}
    assert clips.record.expected_per_hour == pytest.approx(1 / 21 * 3600)
    # The movement of something longer is not learned later, either.
    clips = sm.add_normal_footage(clips, write_belt(tmp_path / "long.mp4", seed=21)).detector
    scores = list(sm.score_source(clips, write_belt(tmp_path / "odd.mp4", seed=22, stop=2, color=4)))
    assert max(score.look for score in scores[32:]) > 5 * max(score.look for score in scores[:32])
    assert {score.raised.kind for score in scores if score.raised} == {"look"}
    assert not any(score.motion for score in scores)


def test_motion_is_used_only_where_all_memories_have_some_and_a_score_is_known() -> None:
    one: Any = np.ones((1, 1))
    memories = {0: Memory(one, one, np.ones((1, 1, 16), np.float32), one)}
    known, unknown = np.ones(9), np.full(9, np.nan)
    assert fitting._has_motion(memories, [known, unknown], RATE)
    assert not fitting._has_motion(memories, [unknown], RATE)
    none = replace(memories[0], motion=np.ones((1, 0, 16), np.float32))
    assert not fitting._has_motion({**memories, 1: none}, [known], RATE)


def test_no_recording_has_a_part_in_what_is_usual_for_itself() -> None:
    """What is unusual in one recording alone is unusual, as it would be in a new one."""
    usual = [Distances(False, np.ones(32, np.float32), 1.0, np.ones(32, np.float32)) for _ in range(40)]
    recordings = []
    for number in range(5):
        patches = np.ones(32, np.float32)
        patches[number] = 20.0
        recordings.append([replace(frame, patches=patches) for frame in usual])
    folds = [np.full(40, number) for number in range(5)]
    scales = {number: _usual_distances(recordings, folds, without=number) for number in range(5)}
    scores = [_smoothed("look", part, own, scales, RATE) for part, own in zip(recordings, folds, strict=True)]
    together = _usual_distances(recordings, folds)
    assert all(np.nanmax(score) > 3 for score in scores)
    assert together.patches[:5].min() > 10  # by which a new recording with a box elsewhere would be no more unusual


def test_a_copy_under_another_name_is_no_other_recording(
    backbone: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It would be held out from a memory that has it, and promise twice as much."""
    for number in range(4):
        write_belt(tmp_path / "normal" / f"belt{number}.mp4", seed=number)
    shutil.copy(tmp_path / "normal/belt1.mp4", tmp_path / "normal/copy.mp4")
    detector = fit_anomaly_detector(tmp_path / "normal", out=tmp_path / "detector", backbone=backbone)
    assert detector.record.footage.held_out.units == 4
    assert "copy.mp4" not in detector.record.footage.recordings
    assert "copy.mp4: the same as belt1.mp4" in caplog.text


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("level", [0, 100])
def test_of_a_picture_in_which_nothing_happens_the_same_picture_is_normal(
    backbone: str, tmp_path: Path, level: int
) -> None:
    (tmp_path / "normal").mkdir()
    picture = np.where(np.arange(32)[:, None, None] < 16, level, level // 2) * np.ones((1, 32, 3))
    for number in range(3):
        frames = np.repeat(picture.astype(np.uint8)[None], 80 + number, axis=0)
        write_video(tmp_path / "normal" / f"{number}.mp4", frames, rate=RATE)
    frames[40:] = 200
    detector = fit_anomaly_detector(tmp_path / "normal", out=tmp_path / "detector", backbone=backbone)
    levels = [score.level for score in sm.score_source(detector, write_video(tmp_path / "new.mp4", frames, rate=RATE))]
    assert max(levels[:39]) < 1 < levels[50]


def test_footage_that_cannot_be_read_is_named(backbone: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Otherwise a detector would rest on less than its user thinks."""
    write_belt(tmp_path / "belt.mp4", seconds=2)
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    model = prepare(build_backbone(backbone, 16, 16))
    measured = measure_recordings(find_recordings(tmp_path, None), model, RATE, tmp_path / "measures")
    assert [part.recording.name for part in measured] == ["belt.mp4"]
    (message,) = [record.getMessage() for record in caplog.records if record.name == "stillmotion.anomaly.footage"]
    assert message.startswith("skipped: ") and "broken.mp4" in message


def test_it_is_said_if_all_videos_are_shorter_than_a_frame(backbone: str, tmp_path: Path) -> None:
    write_video(tmp_path / "one.mp4", np.zeros((1, 32, 32, 3), np.uint8), rate=30)
    model = prepare(build_backbone(backbone, 16, 16))
    with pytest.raises(sm.StillmotionError, match="shorter than a frame"):
        measure_recordings(find_recordings(tmp_path, None), model, 2.0, tmp_path / "measures")
