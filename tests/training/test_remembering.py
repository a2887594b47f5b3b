"""A training leaves a memory of its clips, whatever its model."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

import stillmotion as sm
from helpers.media import write_video
from stillmotion.clips import open_videos
from stillmotion.progress import no_progress
from stillmotion.runs import read_memory
from stillmotion.training import remembering
from stillmotion.training.remembering import remember_clips


@pytest.mark.backend
def test_a_run_remembers_its_train_and_validation_clips(
    easy_run: sm.Run, shades: list[sm.Videos], tmp_path: Path
) -> None:
    memory = read_memory(easy_run)
    assert memory is not None and len(memory.clips) == len(shades[0]) + len(shades[1])
    tiles = np.kron(np.indices((8, 8)).sum(0) % 2 * 255, np.ones((2, 2))).astype(np.uint8)
    new = write_video(tmp_path / "new.mp4", np.broadcast_to(tiles[None, :, :, None], (4, 16, 16, 3)), rate=10)
    seen = shades[0].file(next(iter(shades[0])))
    marks = [it.unlike_training for it in sm.predict(easy_run, [seen, new]) if isinstance(it, sm.VideoPrediction)]
    assert marks == [False, True]


def test_clips_of_other_orders_are_not_remembered_and_of_many_a_part(
    shades: list[sm.Videos], monkeypatch: pytest.MonkeyPatch
) -> None:
    segments = [segment for part in shades for segment in open_videos(part)]
    spec = sm.ClipSpec(frames=2, size=16)
    for order in ("frozen", "shuffled"):
        assert remember_clips(segments, dataclasses.replace(spec, order=order), no_progress) is None
    monkeypatch.setattr(remembering, "MAX_CLIPS", 15)
    memory = remember_clips(segments, spec, no_progress)
    assert memory is not None and len(memory.clips) == 15
    again = remember_clips(segments, spec, no_progress)
    assert again is not None
    np.testing.assert_array_equal(memory.clips, again.clips)
