"""Real clips, in the folder that STILLMOTION_DATA names: every one is read, and read the same however it is asked."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from stillmotion.clips import find_stretches, in_threads
from stillmotion.data import Video, Videos, read_videos, split, straddling_groups
from stillmotion.data.media import is_media
from stillmotion.decoding import Frames, iter_frames, read_frames

FOLDER = os.environ.get("STILLMOTION_DATA")
pytestmark = [pytest.mark.real, pytest.mark.skipif(not FOLDER, reason="STILLMOTION_DATA is not set")]
ROOT = Path(FOLDER or "none")


def differing(path: Path) -> list[float]:
    """The times at which random access gives another picture than decoding from the start."""
    seconds, images = zip(*iter_frames(path, 24, 32), strict=True)
    everything = Frames(np.stack(images), np.array(seconds))
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
    good, bad = find_stretches(videos)
    assert [one.reason for one in bad] == []
    found = in_threads(lambda one: (one.video.path, differing(one.file)), good)
    assert [one for one in found if one[1]] == []


def test_gestures() -> None:
    videos = read_videos(ROOT / "gestures" / "gestures.csv")
    check(videos)
    parts = split(videos)
    assert straddling_groups(parts) == []
    assert all(part.labels == videos.labels for part in parts)


def test_every_format() -> None:
    files = sorted(file for file in (ROOT / "formats").rglob("*") if is_media(file))
    assert files
    check(Videos(ROOT, tuple(Video(file.relative_to(ROOT).as_posix()) for file in files)))
