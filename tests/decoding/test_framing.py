"""A frame of another aspect ratio is stretched, cropped or letterboxed, alike wherever it comes from."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from av.video.frame import VideoFrame
from PIL import Image

from helpers.media import Pictures, noise, turn_clockwise, write_video
from stillmotion.clips import ClipSpec, cached_frames, read_clips
from stillmotion.clips.cache import entry_path, load_entry
from stillmotion.decoding import Framing, read_frames
from stillmotion.decoding.live import find_source, read_source
from stillmotion.decoding.resizing import Resizer
from stillmotion.errors import UsageError
from stillmotion.runs import Recipe

LANDSCAPE, PORTRAIT, ODD, SQUARE = (36, 64), (64, 36), (37, 51), (40, 40)


def fit(picture: Pictures, height: int, width: int, framing: Framing = "stretch") -> Pictures:
    return Resizer(height, width, framing)(VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24"))


@pytest.mark.parametrize(
    ("sides", "size", "part"),
    [
        (LANDSCAPE, (16, 16), (slice(36), slice(14, 50))),
        (PORTRAIT, (16, 16), (slice(14, 50), slice(36))),
        (ODD, (16, 16), (slice(37), slice(7, 44))),
        (SQUARE, (16, 32), (slice(10, 30), slice(40))),
        (SQUARE, (32, 16), (slice(40), slice(10, 30))),
        (LANDSCAPE, (18, 32), (slice(36), slice(64))),
        (SQUARE, (24, 24), (slice(40), slice(40))),
    ],
)
def test_a_crop_is_the_largest_centered_part_of_the_models_aspect_ratio(
    sides: tuple[int, int], size: tuple[int, int], part: tuple[slice, slice]
) -> None:
    """Cropped first, so that no pixel of what is outside gets in; and to the bit what is stretched if that is all."""
    picture = noise(1, *sides)[0]
    assert np.array_equal(fit(picture, *size, "crop"), fit(picture[part], *size))


@pytest.mark.parametrize(
    ("sides", "size", "inside"),
    [
        (LANDSCAPE, (32, 32), (slice(7, 25), slice(32))),
        (PORTRAIT, (32, 32), (slice(32), slice(7, 25))),
        (ODD, (16, 16), (slice(2, 14), slice(16))),
        (SQUARE, (16, 32), (slice(16), slice(8, 24))),
        (LANDSCAPE, (18, 32), (slice(18), slice(32))),
        ((16, 400), (16, 16), (slice(7, 8), slice(16))),
    ],
)
def test_a_letterbox_is_the_whole_frame_in_the_middle_of_black(
    sides: tuple[int, int], size: tuple[int, int], inside: tuple[slice, slice]
) -> None:
    picture = noise(1, *sides)[0]
    fitted = fit(picture, *size, "letterbox")
    expected = np.zeros((*size, 3), np.uint8)
    height, width = (part.stop - part.start if part.start else part.stop for part in inside)
    expected[inside] = fit(picture, height, width)
    assert np.array_equal(fitted, expected)


def as_file(folder: Path, kind: str, frames: Pictures) -> Path:
    if kind == "video":
        return write_video(folder / "a.mkv", frames)
    if kind == "phone":
        return turn_clockwise(write_video(folder / "a.mp4", np.rot90(frames, 1, axes=(1, 2))))
    (folder / "frames").mkdir()
    for number, frame in enumerate(frames):
        Image.fromarray(frame).save(folder / "frames" / f"{number}.png")
    return folder / "frames" / "0.png" if kind == "image" else folder / "frames@10fps"


@pytest.mark.parametrize("framing", get_args(Framing))
@pytest.mark.parametrize("kind", ["video", "phone", "image", "folder"])
def test_all_sources_give_the_same_pixels(tmp_path: Path, kind: str, framing: Framing) -> None:
    """Offline, cached, and live."""
    frames = noise(3, *PORTRAIT)
    file = as_file(tmp_path, kind, frames)
    times = [0.0] if kind == "image" else [0.0, 0.1, 0.2]
    expected = np.stack([fit(frame, 16, 20, framing) for frame in frames[: len(times)]])
    images = read_frames(file, times, 16, 20, framing).images
    # A phone's frames are scaled before they are turned upright, which rounds differently.
    assert np.abs(images.astype(int) - expected).max() <= (kind == "phone")
    spec = ClipSpec(len(times), "spread", (16, 20), framing=framing)
    for cache in (False, True, True):
        assert np.array_equal(read_clips(file, [(0.0, len(times) / 10)], spec, cache=cache)[0], images)
    if kind != "image":
        resize = Resizer(16, 20, framing)
        live = [resize(source.frame) for source in read_source(find_source(file))]
        assert np.array_equal(live, images)


def test_video_pixels_are_cropped_before_colors_are_converted() -> None:
    """A crop in YUV is what a video of that part gives, to the pixel, also after frames of another size."""
    resize = Resizer(16, 16, "crop")
    for width, left in ((64, 14), (66, 15), (64, 14)):
        yuv = np.random.default_rng(0).integers(16, 236, (36 * 3 // 2, width), np.uint8)
        luma, *chroma = yuv[:36], yuv[36:45].reshape(18, width // 2), yuv[45:].reshape(18, width // 2)
        parts = [luma[:, left : left + 36], *(plane[:, left // 2 : left // 2 + 18] for plane in chroma)]
        part = np.concatenate([plane.ravel() for plane in parts]).reshape(-1, 36)
        cropped = resize(VideoFrame.from_ndarray(yuv, format="yuv420p"))
        assert np.array_equal(cropped, resize(VideoFrame.from_ndarray(part, format="yuv420p")))


def test_cached_frames_are_kept_apart_by_framing(tmp_path: Path) -> None:
    """Entries of stretched frames have the names that they always had."""
    file = write_video(tmp_path / "a.mkv", noise(1, *LANDSCAPE))
    found = [cached_frames(file, [0.0], 16, 16, framing).images.tobytes() for framing in get_args(Framing)]
    assert len(set(found)) == 3
    images = load_entry(entry_path("frames", file, 16, 16, np.zeros(1).tobytes()), 2)
    assert images is not None and images[1].tobytes() == found[0]


def test_only_the_three_ways_are_known_and_runs_stretch() -> None:
    with pytest.raises(UsageError, match="framing is 'squeeze'; expected stretch, crop, letterbox"):
        ClipSpec(framing="squeeze")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="framing is 'crop'; a training stretches frames to their size"):
        Recipe("frame_pool", spec=ClipSpec(framing="crop"))
