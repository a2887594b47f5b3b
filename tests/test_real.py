"""Real videos in the folder that STILLMOTION_DATA names: all are readable, by random and by sequential access alike."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stillmotion.clips import open_videos, thread_map
from stillmotion.data import Video, Videos, read_videos, split, straddling_groups
from stillmotion.data.media import find_media
from stillmotion.decoding import DecodedFrames, iter_frames, read_frames

FOLDER = os.environ.get("STILLMOTION_DATA")
pytestmark = [pytest.mark.real, pytest.mark.skipif(not FOLDER, reason="STILLMOTION_DATA is not set")]
ROOT = Path(FOLDER or "none")


def differing_times(path: Path) -> list[float]:
    """The times at which random access gives another frame than decoding from the start."""
    seconds, images = zip(*iter_frames(path, 24, 32), strict=True)
    decoded = DecodedFrames(np.stack(images), np.array(seconds))
    rng = np.random.default_rng(0)
    wanted = [0.0, *rng.choice(decoded.seconds, 3), *rng.uniform(0, decoded.seconds[-1] + 1, 3)]
    together = read_frames(path, wanted, 24, 32).shown_at(wanted)
    wrong = [
        float(time)
        for time, image, expected in zip(wanted, together, decoded.shown_at(wanted), strict=True)
        if not np.array_equal(image, expected)
    ]
    alone = float(wanted[-1])
    if not np.array_equal(read_frames(path, [alone], 24, 32).shown_at([alone]), decoded.shown_at([alone])):
        wrong.append(alone)
    return wrong


def check_all_are_read(videos: Videos) -> None:
    opened = open_videos(videos)
    assert [skipped.reason for skipped in opened.skipped] == []
    results = thread_map(lambda segment: (segment.video.path, differing_times(segment.file)), opened.segments)
    assert [(path, times) for path, times in results if times] == []


def test_gestures_are_read_and_split_by_recording() -> None:
    videos = read_videos(ROOT / "gestures" / "gestures.csv")
    check_all_are_read(videos)
    parts = split(videos)
    assert straddling_groups(parts) == []
    assert all(part.labels == videos.labels for part in parts)


@pytest.mark.backend
@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="no ffmpeg on the command line")
@pytest.mark.parametrize(("ending", "scale"), [("png", "null"), ("jpg", "scale=112:112")])
def test_snapshots_that_ffmpeg_extracts_are_found_in_their_videos(tmp_path: Path, ending: str, scale: str) -> None:
    """What the usual OpenCV loop does differently is named."""
    cv2 = pytest.importorskip("cv2")
    from helpers.pipeline import SIDE, color_model
    from stillmotion.audit import audit_model

    def read(path: Path) -> Iterator[Any]:
        capture = cv2.VideoCapture(str(path))
        while True:
            there, frame = capture.read()
            if not there:
                return
            yield cv2.resize(frame, (SIDE, SIDE)) / 255

    videos = read_videos(ROOT / "gestures" / "gestures.csv")
    files = [videos.file(video) for video in list(videos)[::42]]
    truth = {}
    (tmp_path / "stills").mkdir()
    for file in files:
        for index in (7, 15):
            still = tmp_path / "stills" / f"{file.stem}-{index:02d}.{ending}"
            words = ["-i", str(file), "-vf", f"select=eq(n\\,{index}),{scale}", "-frames:v", "1", str(still)]
            subprocess.run(["ffmpeg", "-v", "error", "-nostdin", *words], check=True)
            truth[str(still)] = (str(file), index)
    color_model().save(tmp_path / "model.keras")
    audit = audit_model(
        tmp_path / "model.keras", files, snapshots=tmp_path / "stills", frame_reader=read, sensitivity=False
    )
    began = {str(file): np.array([seconds for seconds, _ in iter_frames(file, 8, 8)]) for file in files}
    for row in audit.snapshots:
        video, index = truth[row.file]
        assert row.video == video and row.seconds is not None
        assert abs(int(np.abs(began[video] - row.seconds).argmin()) - index) <= 1
    assert {"scaling", "channel_order"} <= {cause.cause for cause in audit.causes[:3]}


def test_every_format_of_files_is_read() -> None:
    files = find_media(ROOT / "formats")
    assert files
    check_all_are_read(Videos(ROOT, tuple(Video(file.relative_to(ROOT).as_posix()) for file in files)))
