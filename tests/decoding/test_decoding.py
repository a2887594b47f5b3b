"""Decoders give the frames that were encoded, at their times, however they are asked."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from helpers.media import write_lossy_video
from stillmotion.decoding import DecodedFrames, iter_frames, probe, read_frames
from stillmotion.errors import UnreadableVideoError


def levels(n: int, height: int = 32, width: int = 48) -> np.ndarray:
    """Frame t is grey of level 5 t."""
    return np.stack([np.full((height, width, 3), 5 * t % 250, np.uint8) for t in range(n)])


def test_the_frames_that_were_encoded(tmp_path):
    path = write_lossy_video(tmp_path / "a.mp4", levels(30))
    frames = list(iter_frames(path, 32, 48))
    assert [round(seconds, 3) for seconds, _ in frames] == [round(t / 10, 3) for t in range(30)]
    assert all(abs(int(image.mean()) - 5 * t) <= 2 for t, (_, image) in enumerate(frames))
    facts = probe(path)
    assert (facts.width, facts.height, facts.frames, facts.rate) == (48, 32, 30, 10)
    assert facts.seconds == pytest.approx(3.0)


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".avi"])
def test_random_access_is_sequential_access(tmp_path, ending):
    """A long film with few keyframes: far wanted times are sought, and are what decoding all gives."""
    path = write_lossy_video(tmp_path / f"a{ending}", levels(200), g="30")
    frames = list(iter_frames(path, 16, 16))
    everything = DecodedFrames(np.stack([image for _, image in frames]), np.array([seconds for seconds, _ in frames]))
    for wanted in ([0.0, 9.95, 19.0], [18.33], [3.0, 3.1, 15.7], [-1.0, 99.0]):
        assert np.array_equal(read_frames(path, wanted, 16, 16).shown_at(wanted), everything.shown_at(wanted))


def test_each_wanted_frame_is_kept_once(tmp_path):
    found = read_frames(write_lossy_video(tmp_path / "a.mp4", levels(10)), [0.31, 0.32, 0.39, 0.5], 16, 16)
    assert len(found.images) == 2
    assert found.seconds == pytest.approx([0.3, 0.5])


@pytest.mark.parametrize(("content", "says"), [(b"", "empty file"), (b"this is text\n" * 50, "not a readable video")])
def test_what_is_no_video_is_named(tmp_path, content, says):
    path = tmp_path / "odd näme.mp4"
    path.write_bytes(content)
    with pytest.raises(UnreadableVideoError, match=says) as error:
        probe(path)
    assert str(path) in str(error.value)


def test_a_cut_off_file_is_used_as_far_as_it_goes(tmp_path):
    rng = np.random.default_rng(0)
    path = write_lossy_video(tmp_path / "a.mp4", rng.integers(0, 255, (60, 32, 48, 3), dtype=np.uint8), g="5")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    facts = probe(path)
    assert facts.header_seconds == pytest.approx(6.0, abs=0.2)
    assert 1 < facts.seconds < 5
    assert len(read_frames(path, [0.0, 1.0, 5.9], 16, 16).images) == 3


def test_a_picture_is_a_video_of_one_frame_upright_by_its_exif(tmp_path):
    picture = Image.fromarray(np.zeros((20, 40, 3), np.uint8))
    exif = picture.getexif()
    exif[0x0112] = 6  # to be turned by a quarter
    picture.save(tmp_path / "a.jpg", exif=exif)
    assert (probe(tmp_path / "a.jpg").width, probe(tmp_path / "a.jpg").height) == (20, 40)
    assert read_frames(tmp_path / "a.jpg", [0.0, 3.0], 16, 16).shown_at([0, 1, 2]).shape == (3, 16, 16, 3)
    (tmp_path / "b.png").write_bytes(b"no picture")
    with pytest.raises(UnreadableVideoError, match=r"b\.png"):
        probe(tmp_path / "b.png")
