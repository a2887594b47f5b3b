"""Real clips, in the folder that STILLMOTION_DATA names: every one is read, and read the same however it is asked."""

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
from stillmotion.data.media import is_media
from stillmotion.decoding import DecodedFrames, iter_frames, read_frames

FOLDER = os.environ.get("STILLMOTION_DATA")
pytestmark = [pytest.mark.real, pytest.mark.skipif(not FOLDER, reason="STILLMOTION_DATA is not set")]
ROOT = Path(FOLDER or "none")


def differing(path: Path) -> list[float]:
    """The times at which random access gives another picture than decoding from the start."""
    seconds, images = zip(*iter_frames(path, 24, 32), strict=True)
    everything = DecodedFrames(np.stack(images), np.array(seconds))
    rng = np.random.default_rng(0)
    wanted = [0.0, *rng.choice(everything.seconds, 3), *rng.uniform(0, everything.seconds[-1] + 1, 3)]
    found = read_frames(path, wanted, 24, 32).shown_at(wanted)
    wrong = [at for at, one, other in zip(wanted, found, everything.shown_at(wanted), strict=True)
             if not np.array_equal(one, other)]  # fmt: skip
    alone = float(wanted[-1])
    if not np.array_equal(read_frames(path, [alone], 24, 32).shown_at([alone]), everything.shown_at([alone])):
        wrong.append(alone)
    return wrong


def check(videos: Videos) -> None:
    opened = open_videos(videos)
    good, bad = opened.segments, opened.skipped
    assert [one.reason for one in bad] == []
    found = thread_map(lambda one: (one.video.path, differing(one.file)), good)
    assert [one for one in found if one[1]] == []


def test_gestures() -> None:
    videos = read_videos(ROOT / "gestures" / "gestures.csv")
    check(videos)
    parts = split(videos)
    assert straddling_groups(parts) == []
    assert all(part.labels == videos.labels for part in parts)


@pytest.mark.backend
@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="no ffmpeg on the command line")
@pytest.mark.parametrize(("ending", "scale"), [("png", "null"), ("jpg", "scale=112:112")])
def test_snapshots_that_ffmpeg_grabs_find_their_moments(tmp_path: Path, ending: str, scale: str) -> None:
    """And what the usual OpenCV loop does otherwise is named."""
    cv2 = pytest.importorskip("cv2")
    from helpers.pipeline import SIDE, colour_model
    from stillmotion.audit import audit_model

    def read(path: Path) -> Iterator[Any]:
        capture = cv2.VideoCapture(str(path))
        while (got := capture.read())[0]:
            yield cv2.resize(got[1], (SIDE, SIDE)) / 255

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
    colour_model().save(tmp_path / "model.keras")
    found = audit_model(tmp_path / "model.keras", files, snapshots=tmp_path / "stills", frames=read, sensitivity=False)
    seconds = {str(file): np.array([at for at, _ in iter_frames(file, 8, 8)]) for file in files}
    for row in found.snapshots:
        file, index = truth[row.file]
        assert row.video == file
        assert abs(int(np.abs(seconds[file] - row.seconds).argmin()) - index) <= 1
    assert {"scaling", "channel order"} <= {cause.cause for cause in found.causes[:3]}


def test_every_format() -> None:
    files = sorted(file for file in (ROOT / "formats").rglob("*") if is_media(file))
    assert files
    check(Videos(ROOT, tuple(Video(file.relative_to(ROOT).as_posix()) for file in files)))
