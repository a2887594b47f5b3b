"""Add normal footage and acknowledged alarms to a detector: what is counted, what is remembered, what is left out."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import stillmotion as sm
from helpers.backbones import write_backbone
from helpers.belts import SECONDS, write_belt
from helpers.commands import run_command
from stillmotion.anomaly import Detector, detector as saving, memory
from stillmotion.anomaly.adding import _find_recordings, _with_thresholds
from stillmotion.anomaly.promise import HeldOut
from stillmotion.anomaly.records import KINDS, DetectorRecord, HeldOutPart, NormalFootage

pytestmark = pytest.mark.backend


@pytest.fixture(scope="module", autouse=True)
def small_memory() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "PATCHES", 300)
        yield


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("detector")
    for number in range(4):
        write_belt(folder / "normal" / f"belt{number}.mp4", seed=number)
    keras.utils.set_random_seed(1)
    sm.fit_anomaly_detector(folder / "normal", out=folder / "d", backbone=write_backbone(folder))
    return folder


@pytest.fixture
def detector(fitted: Path, tmp_path: Path) -> Detector:
    """A copy of its own for each test."""
    return sm.load_detector(shutil.copytree(fitted / "d", tmp_path / "d"))


@pytest.fixture
def more(fitted: Path, tmp_path: Path) -> Path:
    """Two new recordings, and one that is known under another name."""
    folder = tmp_path / "more"
    for number in (7, 8):
        write_belt(folder / f"belt{number - 7}.mp4", seed=number)
    shutil.copy(fitted / "normal" / "belt2.mp4", folder / "again.mp4")
    return folder


def test_added_recordings_are_held_out_counted_and_remembered(detector: Detector, more: Path) -> None:
    result = sm.add_normal_footage(detector, more)
    assert (result.added, result.remembered, result.known) == (("belt0.mp4", "belt1.mp4"), (), ("again.mp4",))
    record, footage = result.detector.record, result.detector.record.footage
    assert footage.recordings[4:] == ("belt0.mp4", "belt1.mp4") and len(footage.contents) == len(footage.groups) == 6
    assert footage.held_out == HeldOut(6, 1, 6 * SECONDS / 3600)
    assert record.expected_per_hour == pytest.approx(2 * (1 / 7) * 600)
    # Each is scored by a memory of all others, the other new one included, which is kept.
    scores, old = result.detector.held_out_scores(), detector.record.thresholds
    folds = [part.fold for part in footage.parts[-2:]]
    assert len({*folds, *(part.fold for part in detector.record.footage.parts)}) == 6
    for number, (name, fold) in enumerate(zip(result.added, folds, strict=True)):
        without = result.detector.without_fold(fold)
        assert len(without.memory.patches) == len(detector.memory.patches) * 5 // 4
        levels = [(score.look, score.motion) for score in sm.score_source(without, more / name)]
        for place, kind in enumerate(KINDS):
            known = ~np.isnan(scores[kind][4 + number])
            expected = [result.detector.record.thresholds[kind].level(value) for value in scores[kind][4 + number]]
            assert known.sum() > 30
            np.testing.assert_allclose(
                np.array(expected)[known], np.array(levels)[known, place], atol=0.2
            )  # measures on disk have half the precision
    # Now the detector has seen both.
    assert len(result.detector.memory.patches) == len(detector.memory.patches) * 5 // 4
    first, second = (result.detector.without_fold(fold).memory.patches for fold in folds)
    assert not np.array_equal(first, second) and not np.array_equal(first, result.detector.memory.patches)
    assert old != result.detector.record.thresholds


def test_one_new_recording_is_scored_by_the_detector_as_it_was(detector: Detector, more: Path) -> None:
    result = sm.add_normal_footage(detector, more / "belt0.mp4")
    without = result.detector.without_fold(result.detector.record.footage.parts[-1].fold)
    np.testing.assert_array_equal(without.memory.patches, detector.memory.patches)


def test_thresholds_hardly_rise_where_the_scene_has_changed_for_all_new_recordings(
    detector: Detector, tmp_path: Path
) -> None:
    """What is red from now on is normal among what is red; another color is not."""
    for number in range(4):
        write_belt(tmp_path / "red" / f"belt{number}.mp4", seed=20 + number, color=0.0)
    new = write_belt(tmp_path / "new.mp4", seed=30, color=0.0)
    assert max(score.look for score in sm.score_source(detector, new)) > 8
    result = sm.add_normal_footage(detector, tmp_path / "red")
    assert result.detector.record.thresholds["look"].value < 1.5 * detector.record.thresholds["look"].value
    assert max(score.look for score in sm.score_source(result.detector, new)) < 1


def test_thresholds_come_from_all_held_out_recordings(detector: Detector, tmp_path: Path) -> None:
    """A recording with a stop counts as normal, if somebody says so: then stops of its kind no longer alarm."""
    odd = write_belt(tmp_path / "odd.mp4", seed=9, stop=3.0)
    old = detector.record.thresholds
    new = sm.add_normal_footage(detector, odd).detector.record.thresholds
    assert new["motion"].value > 3 * old["motion"].value
    assert new["look"].value < 3 * old["look"].value


def test_an_acknowledged_alarm_is_remembered_and_changes_no_threshold(detector: Detector, tmp_path: Path) -> None:
    clip = write_belt(tmp_path / "clip.mp4", seed=9, color=1.5)
    highest = max(score.look for score in sm.score_source(detector, clip))
    result = sm.acknowledge_alarm(detector.folder, clip)
    assert (result.added, result.remembered) == ((), ("clip.mp4",))
    assert result.detector.record.thresholds == detector.record.thresholds
    assert result.detector.record.footage.held_out == detector.record.footage.held_out
    assert highest > 8
    again = write_belt(tmp_path / "again.mp4", seed=10, color=1.5)
    for file in (clip, again):
        assert max(score.look for score in sm.score_source(result.detector, file)) < highest / 3
    assert sm.acknowledge_alarm(detector.folder, clip).known == ("clip.mp4",)
    assert sm.add_normal_footage(detector.folder, clip).known == ("clip.mp4",)
    with pytest.raises(sm.StillmotionError, match="the detector was learned from it"):
        (tmp_path / "truth.csv").write_text("path,label\nclip.mp4,color\n")
        sm.evaluate_detector(result.detector, tmp_path / "truth.csv")


def test_it_is_said_that_a_clip_is_too_short_for_motion(detector: Detector, more: Path, tmp_path: Path) -> None:
    write_belt(more / "short.mp4", seed=9, seconds=1)
    result = sm.add_normal_footage(detector, more)
    assert result.added == ("belt0.mp4", "belt1.mp4", "short.mp4") and result.without_motion == ("short.mp4",)
    clip = write_belt(tmp_path / "clip.mp4", seed=10, seconds=1)
    done = run_command("anomaly", "add", detector.folder, clip, "--acknowledged")
    assert "1 of these too short for motion, which takes more than a second" in done.stdout, done.stderr
    longer = write_belt(tmp_path / "longer.mp4", seed=11, seconds=2)
    assert "too short" not in run_command("anomaly", "add", detector.folder, longer, "--acknowledged").stdout


def test_look_alone_has_no_use_for_longer_clips(detector: Detector, tmp_path: Path) -> None:
    file = detector.folder / "detector.json"
    record = json.loads(file.read_text())
    del record["thresholds"]["motion"]
    file.write_text(json.dumps(record))
    clip = write_belt(tmp_path / "clip.mp4", seed=9, seconds=1)
    result = sm.acknowledge_alarm(detector.folder, clip)
    assert result.remembered == ("clip.mp4",) and result.without_motion == ()


@pytest.mark.parametrize("file", ["memory-1.npz", "scores-1.npz", "detector.json"])
def test_what_interrupts_leaves_the_detector_as_it_was(
    detector: Detector, more: Path, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever file is the last that is written before the process is killed."""
    old = {path.name: path.read_bytes() for path in detector.folder.iterdir() if path.is_file()}

    def until_killed(write: Any) -> Any:
        def written(path: Path, content: Any) -> None:
            if path.name == file:
                raise KeyboardInterrupt
            write(path, content)

        return written

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        for name in ("write_arrays", "write_json"):
            patch.setattr(saving, name, until_killed(getattr(saving, name)))
        sm.add_normal_footage(detector, more)
    assert all((detector.folder / name).read_bytes() == content for name, content in old.items())
    assert sm.load_detector(detector.folder).record == detector.record
    result = sm.add_normal_footage(detector, more)
    assert len(result.added) == 2
    left = {path.name for path in detector.folder.iterdir() if path.name != ".lock"}
    assert left == {"backbone.keras", "detector.json", "held_out-1.npz", "memory-1.npz", "scores-1.npz"}


def test_recordings_of_a_known_group_are_only_remembered(fitted: Path, tmp_path: Path) -> None:
    """The memory that would score them has seen others of the same day."""
    for day, number in (("a", 0), ("a", 1), ("b", 2), ("c", 3)):
        write_belt(tmp_path / "normal" / f"day-{day}-{number}.mp4", seed=number)
    backbone = next(fitted.glob("*.keras"))
    sm.fit_anomaly_detector(tmp_path / "normal", out=tmp_path / "d", backbone=f"{backbone}:top", group="day-.")
    for day, number in (("a", 7), ("d", 8)):
        write_belt(tmp_path / "more" / f"day-{day}-{number}.mp4", seed=number)
    result = sm.add_normal_footage(tmp_path / "d", tmp_path / "more")
    assert (result.added, result.remembered) == (("day-d-8.mp4",), ("day-a-7.mp4",))
    assert result.detector.record.footage.held_out == HeldOut(4, 2, 5 * SECONDS / 3600)
    # A clip of a false alarm is of no group.
    clip = write_belt(tmp_path / "clip.mp4", seed=9, color=1.5)
    assert sm.acknowledge_alarm(tmp_path / "d", clip).remembered == ("clip.mp4",)


def test_stretches_of_one_group_are_not_counted_beside_other_groups() -> None:
    """They were scored by a memory that has seen their group; but where they alarm, that is counted."""
    stretches = tuple(HeldOutPart(0, fold, 10.0 * fold, 10.0 * fold + 10) for fold in range(5))
    added = tuple(HeldOutPart(number, 5, 0.0, 10.0) for number in (1, 2))
    footage = NormalFootage(
        ("a", "b", "c"), ("",) * 3, "stretch", HeldOut(1, 1, 50 / 3600), (*stretches, *added), ("a", "b", "c")
    )
    record = DetectorRecord("", 8.0, "2/hour", 2.0, footage)
    scores: dict[Any, Any] = {kind: [np.full(400, 3.0), np.full(80, 1.0), np.full(80, 2.0)] for kind in KINDS}
    new = _with_thresholds(record, scores)
    assert (new.footage.held_out_by, new.footage.held_out) == ("group", HeldOut(2, 1, 20 / 3600))
    assert new.footage.hours == pytest.approx(70 / 3600)
    assert new.thresholds["look"].value == pytest.approx(3.0, abs=0.2)
    again = replace(new, footage=replace(new.footage, held_out=HeldOut(9, 9, 9)))
    assert _with_thresholds(again, scores) == new


def test_the_same_name_in_a_folder_that_is_known_is_the_same_group(detector: Detector, more: Path) -> None:
    """In another folder, it is not: there all of `more` was new."""
    assert sm.add_normal_footage(detector, more).added == ("belt0.mp4", "belt1.mp4")
    write_belt(more / "belt0.mp4", seed=9)
    write_belt(more / "belt9.mp4", seed=9, color=5)
    result = sm.add_normal_footage(detector.folder, more)
    assert (result.added, result.remembered) == (("belt9.mp4",), ("belt0.mp4",))
    assert result.detector.record.footage.held_out.units == 7


def test_names_are_those_of_the_folder_that_is_known(tmp_path: Path) -> None:
    for name in ("normal/monday_clip2.mp4", "normal/line/tuesday/1.mp4", "other/monday_clip1.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    footage = NormalFootage((), (), "group", HeldOut(1, 1, 1.0), folders=(str(tmp_path / "normal"),))

    def groups(folder: str, footage: NormalFootage) -> tuple[list[str], tuple[str, ...]]:
        found, folders = _find_recordings(tmp_path / folder, footage)
        return [recording.group for recording in found], folders

    assert groups("normal", footage) == (["tuesday", "monday"], footage.folders)
    assert groups("normal/monday_clip2.mp4", footage) == (["monday"], footage.folders)
    assert groups("normal/line/tuesday", footage) == (["tuesday"], footage.folders)
    (new,), folders = groups("other", footage)
    assert new != "monday" and folders == (*footage.folders, str(tmp_path / "other"))
    assert groups("other", replace(footage, folders=folders)) == ([new], folders)
    assert groups("other", replace(footage, group="[a-z]+day"))[0] == ["monday"]
    # Those of earlier versions do not know their folder.
    assert groups("normal", replace(footage, folders=("",)))[0] != ["tuesday", "monday"]


def test_wrong_calls_leave_nothing_behind(detector: Detector, tmp_path: Path) -> None:
    with pytest.raises(sm.UsageError, match="not a detector"):
        sm.add_normal_footage(tmp_path / "nowhere", tmp_path)
    assert not (tmp_path / "nowhere").exists()
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    with pytest.raises(sm.StillmotionError, match="none of 1 video can be read"):
        sm.add_normal_footage(detector, tmp_path / "broken.mp4")
    (detector.folder / "scores.npz").unlink()
    with pytest.raises(sm.StillmotionError, match="held-out scores are missing or damaged; fit again"):
        sm.add_normal_footage(detector, tmp_path / "broken.mp4")


def test_the_command_says_what_was_added_and_left_out(detector: Detector, more: Path, tmp_path: Path) -> None:
    done = run_command("anomaly", "add", detector.folder, more)
    assert done.returncode == 0, done.stderr
    text = " ".join((done.stdout + done.stderr).split())
    assert "known already, left out" in text and "again.mp4" in text
    assert "learned from 6 recordings" in text and "no cycle" in text
    clip = write_belt(tmp_path / "clip.mp4", seed=9, color=1.5)
    done = run_command("anomaly", "add", detector.folder, clip, "--acknowledged")
    assert "remembered, without a say in thresholds" in " ".join((done.stdout + done.stderr).split())
    assert len(sm.load_detector(detector.folder).record.footage.acknowledged) == 1
