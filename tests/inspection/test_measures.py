"""Each measure sees its own property and no other: the camera's motion is not that of things, text is not a fence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter

from helpers.media import Pictures, noise, write_video, write_with_sound
from stillmotion.clips import open_videos
from stillmotion.data import Video, Videos
from stillmotion.inspection.camera_motion import SIDE, camera_motion
from stillmotion.inspection.measures import MEASURES, MeasureName, Numbers, SampledVideo


def measure(path: Path, name: MeasureName) -> Numbers:
    (segment,) = open_videos(Videos(path.parent, (Video(path.name, "x"),)))
    return MEASURES[name].numbers(SampledVideo(segment))


def wall(seed: int = 0) -> Pictures:
    """Blurred spots, 120 x 160 pixels."""
    spots = gaussian_filter(np.random.default_rng((seed,)).normal(0, 1, (120, 160)), 2)
    spotted: Pictures = np.clip(120 + 40 * spots / spots.std(), 0, 255).astype(np.uint8)[..., None].repeat(3, axis=-1)
    return spotted


# The camera.


@pytest.mark.parametrize(("right", "down"), [(0.0, 0.0), (3.0, 0.0), (-2.0, 1.0), (12.0, 0.0)])
def test_a_shift_of_the_whole_picture_is_found_in_noise(right: float, down: float) -> None:
    rng, spots = np.random.default_rng((1,)), wall()[..., 0]
    starts = [(40 - int(down) * t, 60 - int(right) * t) for t in range(5)]
    pictures = np.stack([spots[y : y + SIDE, x : x + SIDE] for y, x in starts]) + rng.normal(0, 5, (5, SIDE, SIDE))
    expected = [right / SIDE, down / SIDE, 0.0]
    assert camera_motion(pictures) == pytest.approx(np.tile(expected, (4, 1)), abs=0.02)
    if not right:
        assert not camera_motion(pictures).any()  # exactly: nothing for a classifier to find


def test_a_zoom_is_found() -> None:
    image = Image.fromarray(wall()[..., 0])
    boxes = [(80 - 40 / zoom, 60 - 40 / zoom, 80 + 40 / zoom, 60 + 40 / zoom) for zoom in (1.0, 1.05, 1.1025)]
    pictures = np.stack([np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BILINEAR, box)) for box in boxes])
    right, down, zoom = camera_motion(pictures).T
    assert zoom == pytest.approx(0.05, abs=0.02)
    assert np.abs([right, down]).max() < 0.02


def test_where_only_noise_is_seen_the_cameras_motion_is_not_known() -> None:
    """A square that moves over nothing might be one that the camera moves past."""
    pictures = np.random.default_rng((2,)).normal(120, 12, (16, SIDE, SIDE))
    assert np.isnan(camera_motion(pictures)).all()
    for t in range(16):
        pictures[t, 20:41, 2 * t : 2 * t + 21] += 110
    assert np.isnan(camera_motion(pictures)).all()


def test_what_passes_by_is_no_motion_of_the_camera(tmp_path: Path) -> None:
    for number, direction in enumerate((1, -1)):
        frames = np.repeat(wall(number)[None, 30:90, 40:120], 16, axis=0)
        for t in range(16):
            x = 5 * (t if direction > 0 else 15 - t)
            frames[t, 10:50, x : x + 25] = 200
        assert not np.any(measure(write_video(tmp_path / f"{number}.mp4", frames), "camera"))
        pan = np.stack([wall(number)[30:90, 45 + 3 * direction * t :][:, :80] for t in range(-8, 8)])
        camera = measure(write_video(tmp_path / f"pan{number}.mp4", pan), "camera")
        assert np.array(camera[:9:3]) * -direction == pytest.approx(3 / 80, abs=0.01)


def test_a_belt_that_covers_most_of_the_picture_is_no_camera_and_what_stands_still_is_exactly_still() -> None:
    spots = wall()[..., 0].astype(float)
    still, rows = spots[:SIDE, :SIDE], np.arange(SIDE)[:, None]
    for covered, moves in ((1 / 3, 0.0), (2 / 3, np.nan), (1.0, 3 / SIDE)):
        belts = [spots[40 : 40 + SIDE, 60 - 3 * t : 60 - 3 * t + SIDE] for t in range(5)]
        pictures = np.stack([np.where(rows < covered * SIDE, belt, still) for belt in belts])
        right = camera_motion(pictures)[:, 0]
        assert right == pytest.approx(np.full(4, moves), abs=0.02 if moves else 0, nan_ok=True)


# The picture.


def test_a_clock_is_text_and_a_rail_and_a_fence_are_not(tmp_path: Path) -> None:
    plain = np.repeat(wall()[None].repeat(2, axis=1).repeat(2, axis=2), 4, axis=0)
    clock, things = plain.copy(), plain.copy()
    for t, frame in enumerate(clock):
        image = Image.fromarray(frame)
        text = f"2026-11-26 08:15:{t:02d} CAM1"
        ImageDraw.Draw(image).text((12, 214), text, (255,) * 3, ImageFont.load_default(size=18))
        frame[:] = np.asarray(image)
    things[:, 20:28] = 250
    things[:, 150:230, ::8] = 250  # as many strokes as letters have, but higher
    found = [measure(write_video(tmp_path / f"{n}.mp4", f), "text") for n, f in enumerate((plain, clock, things))]
    assert not np.any(found[0]) and not np.any(found[2])
    assert not np.any(found[1][:8]) and np.count_nonzero(found[1][8:]) >= 3  # at the bottom


def test_borders_are_black_in_all_frames(tmp_path: Path) -> None:
    frames = np.random.default_rng((3,)).integers(30, 220, (4, 48, 64, 3), np.uint8)
    frames[:, :6] = frames[:, :, -8:] = 5
    assert measure(write_video(tmp_path / "a.mp4", frames), "borders") == pytest.approx([0, 1 / 8, 1 / 8, 0], abs=0.02)
    frames[2, 6:, -8:] = 100
    assert measure(write_video(tmp_path / "b.mp4", frames), "borders") == pytest.approx([0, 0, 1 / 8, 0], abs=0.02)
    black = np.zeros((4, 48, 64, 3), np.uint8)
    assert measure(write_video(tmp_path / "c.mp4", black), "borders") == [0, 0, 0, 0]


# The file.


def test_sound_is_seen_whoever_plays_it(tmp_path: Path) -> None:
    assert measure(write_with_sound(tmp_path / "a.mkv", noise(4)), "sound") == [1, 8000]
    assert measure(write_with_sound(tmp_path / "b.mkv", noise(4), sound=False), "sound") == [0, 0]


def test_the_encoders_distance_of_keyframes_does_not_depend_on_what_happens(tmp_path: Path) -> None:
    """A video that is cut in each frame, or ends before the second keyframe, may have been encoded like the others."""
    calm, wild = np.full((25, 32, 32, 3), 90, np.uint8), noise(25, 32, 32)
    names = {"five": (calm, 5), "eight": (calm, 8), "cuts": (wild, 8), "short": (calm[:4], 8), "long": (calm, 100)}
    rows = [
        measure(write_video(tmp_path / f"{name}.mp4", frames, keyframes=keyframes), "keyframes")
        for name, (frames, keyframes) in names.items()
    ]
    distances = MEASURES["keyframes"].features
    assert distances(np.array(rows)).ravel().tolist() == [5, 8, 6.5, 6.5, 25]  # 6.5: not known, so as usual
    assert distances(np.array(rows[1:4])).ravel().tolist() == [8, 8, 8]
    assert len(np.unique(distances(np.array(rows[2:])))) == 1  # nothing is known of any
