"""Recordings of a running line: what is written, that it is reproducible, and that faults are where they are said."""

from __future__ import annotations

import csv
import logging
from functools import cache
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from stillmotion.data import read_videos
from stillmotion.demo import line_folders, make_anomaly_data
from stillmotion.demo.line import FAULTS, NUISANCES, Happening, _dust, draw_line, plan_happenings, render_recording
from stillmotion.demo.scenery import HEIGHT, WIDTH
from stillmotion.errors import StillmotionError, UsageError

SHIFT = draw_line(0)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Recordings of 14 seconds with one happening each: a fault lasts 6 seconds, with 3 around it."""
    monkeypatch.setattr(line_folders, "RECORDING_SECONDS", 14.0)
    monkeypatch.setattr(line_folders, "HAPPENINGS", 1)


def decode(path: Path) -> NDArray[np.uint8]:
    with av.open(str(path)) as video:
        return np.stack([frame.to_ndarray(format="gray") for frame in video.decode(video=0)])


def test_the_folder_holds_normal_footage_tests_and_the_truth_and_is_completed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = make_anomaly_data(tmp_path / "a", minutes=1, seed=3)
    assert [path.relative_to(tmp_path / "a").as_posix() for path in first] == [
        "normal/recording000.mp4",
        "test/recording000.mp4",
    ]
    truth = tmp_path / "a" / "test" / "truth.csv"
    rows = list(csv.DictReader(truth.read_text().splitlines()))
    assert len(rows) == 1 and rows[0]["path"] == "recording000.mp4"
    assert rows[0]["label"] == ("normal" if rows[0]["what"] in NUISANCES else rows[0]["what"])
    with caplog.at_level(logging.INFO):
        assert [(video.path, video.label) for video in read_videos(truth)] == [(rows[0]["path"], rows[0]["label"])]
    assert not caplog.messages  # no column that is not used
    before = truth.read_bytes(), [path.read_bytes() for path in first]
    for path in (truth, first[1]):
        path.unlink()  # as an interrupted call leaves it
    again = make_anomaly_data(tmp_path / "a", minutes=1, seed=3)
    assert (truth.read_bytes(), [path.read_bytes() for path in again]) == before
    assert sorted(path.name for path in (tmp_path / "a" / "test").iterdir()) == ["recording000.mp4", "truth.csv"]
    with pytest.raises(StillmotionError, match="other demo data"):
        make_anomaly_data(tmp_path / "a", minutes=2, seed=3)


def test_all_faults_and_nuisances_come_in_turn(tmp_path: Path) -> None:
    tasks = line_folders._plan(tmp_path, 24, 0)
    assert len(tasks) == 24 + 20  # no more than 20 tests
    normal, shown = ([name for task in part for name in task.names] for part in (tasks[:24], tasks[24:]))
    assert {*normal} == {*NUISANCES} and len(normal) == 24
    # Held out by fives, each kind is also among what is learned.
    assert all(len({*normal[fold::5]}) > 1 for fold in range(5))
    assert {*shown} == {*NUISANCES, *(name for names in FAULTS.values() for name in names)}
    assert max(map(shown.count, shown)) - min(map(shown.count, shown)) == 1


def test_the_belt_stands_still_while_it_is_stopped() -> None:
    rng = np.random.default_rng(0)
    (stop,) = plan_happenings(["stop"], 14.0, rng)
    frames = [frame[60:80, :, 1].astype(float) for frame, _ in render_recording(SHIFT, 14.0, [stop], rng)]
    assert len(frames) == 14 * 12
    change = np.array([np.abs(a - b).mean() for a, b in pairwise(frames)])
    times = np.arange(1, len(frames)) / 12
    stopped = (times > stop.start_seconds + 0.1) & (times < stop.end_seconds - 0.1)
    assert change[stopped].mean() < 0.7 * change[~stopped].mean()


@cache
def render(*planned: Happening) -> NDArray[np.float32]:
    frames = render_recording(SHIFT, 14.0, planned, np.random.default_rng(1))
    return np.stack([frame.astype(np.float32) for frame, _ in frames])


@pytest.mark.parametrize("name", NUISANCES)
def test_a_nuisance_is_seen_while_it_lasts(name: str) -> None:
    """The same draws with and without it differ only then."""
    (nuisance,) = plan_happenings([name], 14.0, np.random.default_rng(0))
    shown, quiet = render(nuisance), render()
    times = np.arange(len(shown)) / 12
    during = (times >= nuisance.start_seconds) & (times < nuisance.end_seconds)
    differs = np.abs(shown - quiet).max(axis=(1, 2, 3))
    assert not differs[~during].any()
    assert np.median(differs[during]) > 8


def test_dust_floats_slowly_and_within_the_picture() -> None:
    times = np.arange(168) / 12
    for seed in range(20):
        rng = np.random.default_rng(seed)
        (dust,) = plan_happenings(["dust"], 14.0, rng)
        places = _dust(times, [dust], rng)
        seen = places[places[:, 0, 3] > 0]
        assert np.abs(np.diff(seen[..., :2], axis=0)).max() < 5
        half = seen[len(seen) // 2, :, :2]
        assert (half > -5).all() and (half < (WIDTH + 5, HEIGHT + 5)).all()


def test_wrong_calls_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected 1 or more"):
        make_anomaly_data(tmp_path, minutes=0)
    with pytest.raises(UsageError, match="negative"):
        make_anomaly_data(tmp_path, minutes=1, seed=-1)
