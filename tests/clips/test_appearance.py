"""A clip's appearance is the same in a stream, and differs where a person would say that the clip differs."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from helpers.media import Pictures, write_video
from stillmotion.clips import (
    AppearanceWindow,
    ClipSpec,
    appearance,
    cache,
    cached_appearance,
    clip_appearance,
    open_videos,
    read_clips,
)
from stillmotion.clips.appearance import PARTS
from stillmotion.data import Video, Videos


def scene(seed: int, frames: int = 6, side: int = 48) -> Pictures:
    """A square that moves over a ground with soft stripes, with a little noise."""
    rng = np.random.default_rng(seed)
    x = np.linspace(0, 4 * np.pi, side)
    ground = 110 + 40 * np.sin(x)[None, :, None] * np.array([1.0, 0.6, 0.3]) + np.linspace(-30, 30, side)[:, None, None]
    clip = np.repeat(ground[None], frames, 0) + rng.normal(0, 2, (frames, side, side, 3))
    for number, picture in enumerate(clip):
        picture[10:20, 5 + 4 * number : 15 + 4 * number] = (220, 60, 40)
    return np.clip(clip, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(("frames", "shape"), [(1, (16, 16)), (4, (16, 23)), (5, (130, 200))])
def test_a_stream_describes_what_the_whole_clip_is(frames: int, shape: tuple[int, int]) -> None:
    video = np.random.default_rng(0).integers(0, 256, (frames + 3, *shape, 3), dtype=np.uint8)
    window = AppearanceWindow(frames)
    for end, picture in enumerate(video, 1):
        described = window.push(picture)
        assert (described is None) == (end < frames)
        if described is not None:
            np.testing.assert_allclose(
                described.tolist(), clip_appearance(video[end - frames : end]).tolist(), atol=1e-6
            )
    window.clear()
    assert frames == 1 or window.push(video[0]) is None


def part_of(clip: Pictures, name: str) -> np.ndarray:
    starts = np.cumsum([0, *PARTS.values()])
    number = list(PARTS).index(name)
    return clip_appearance(clip)[starts[number] : starts[number + 1]]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("layout", lambda clip: clip // 3),
        ("layout", lambda clip: clip[:, ::-1]),
        ("edges", lambda clip: clip.swapaxes(1, 2)),
        ("colors", lambda clip: clip[..., ::-1]),
        ("sharpness", lambda clip: clip // 2 + np.roll(clip, 1, 1) // 4 + np.roll(clip, 1, 2) // 4),
        ("movement", lambda clip: np.repeat(clip[:1], len(clip), 0)),
        ("changes", lambda clip: np.repeat(clip[:1], len(clip), 0)),
    ],
)
def test_each_part_sees_its_own_kind_of_difference(name: str, change: object) -> None:
    """Darker, upside down, on its side, other colors, blurred, frozen."""
    same = np.linalg.norm(part_of(scene(0), name) - part_of(scene(1), name))
    changed = np.linalg.norm(part_of(scene(0), name) - part_of(change(scene(1)), name))  # type: ignore[operator]
    assert changed > 4 * same


def test_shares_and_means_are_those_of_the_pixels() -> None:
    """A picture whose left half is black and whose right half is white."""
    picture = np.zeros((1, 64, 64, 3), np.uint8)
    picture[:, :, 32:] = 255
    layout = part_of(picture, "layout").reshape(8, 8, 3)
    assert (layout[:, :4] == 0).all() and layout[:, 4:] == pytest.approx(1)
    colors = part_of(picture, "colors")
    assert {0: colors[0] ** 2, 63: colors[63] ** 2} == pytest.approx({0: 0.5, 63: 0.5})
    # One column of 63 has an edge, of strength 1 and from left to right.
    edges = part_of(picture, "edges").reshape(4, 4, 8) ** 2
    assert edges.sum() == pytest.approx(1 / 63) and edges[:, 1, 0].sum() == pytest.approx(1 / 63)
    assert not part_of(picture, "movement").any() and not part_of(picture, "changes").any()


def test_frames_that_are_cached_are_not_decoded_again_and_others_are_not_cached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_video(tmp_path / "a.mp4", scene(0), rate=10)
    (segment,) = open_videos(Videos(tmp_path, (Video("a.mp4", "x"),)))
    spec = ClipSpec(frames=4, size=32)
    monkeypatch.setattr(appearance, "store_entry", lambda entry, arrays: None)
    first = cached_appearance(segment, segment.window, spec)
    assert not list(cache.cache_folder().rglob("*"))
    read_clips(file, [segment.window], spec, cache=True)
    monkeypatch.setattr(cache, "read_frames", None)
    np.testing.assert_array_equal(cached_appearance(segment, segment.window, spec), first)


def test_a_described_clip_is_not_read_again(tmp_path: Path) -> None:
    file = write_video(tmp_path / "a.mp4", scene(0), rate=10)
    (segment,) = open_videos(Videos(tmp_path, (Video("a.mp4", "x"),)))
    spec = ClipSpec(frames=4, size=32)
    first = cached_appearance(segment, segment.window, spec)
    np.testing.assert_array_equal(first, clip_appearance(read_clips(file, [segment.window], spec)[0]))
    content, status = file.read_bytes(), file.stat()
    file.write_bytes(b"x" * len(content))
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    np.testing.assert_array_equal(cached_appearance(segment, segment.window, spec), first)
    # Another window or clip is another entry.
    with pytest.raises(Exception, match=r"a\.mp4"):
        cached_appearance(segment, segment.window, ClipSpec(frames=5, size=32))
