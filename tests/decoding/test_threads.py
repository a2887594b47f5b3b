"""How many threads decode a video."""

from __future__ import annotations

from pathlib import Path

from helpers.media import noise, write_video
from stillmotion.decoding import limit_threads, read_frames
from stillmotion.decoding.pyav import open_video


def test_a_limit_holds_for_each_file_until_it_is_lifted(tmp_path: Path) -> None:
    """Workers that share a machine would else start as many threads as there are cores, each."""
    file = write_video(tmp_path / "x.mp4", noise(4))
    counts, pictures = [], []
    try:
        for limit in (0, 1, 3):
            limit_threads(limit)
            with open_video(file) as (_, stream):
                counts.append(stream.codec_context.thread_count)
            pictures.append(read_frames(file, [0.0, 0.3], 32, 48).shown_at([0.0, 0.3]).tobytes())
    finally:
        limit_threads(0)
    assert counts == [0, 1, 3]
    assert len(set(pictures)) == 1
