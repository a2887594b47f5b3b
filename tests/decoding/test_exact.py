"""Pixel for pixel: lossless films, times of their own, rotation, the shortest film, and a header that says too much."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.media import noise, turn_clockwise, write_video
from stillmotion.decoding import DecodedFrames, iter_frames, probe, read_frames
from stillmotion.errors import UnreadableVideoError


def everything(path: Path, height: int = 32, width: int = 48) -> DecodedFrames:
    seconds, images = zip(*iter_frames(path, height, width), strict=True)
    return DecodedFrames(np.stack(images), np.array(seconds))


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".mov"])
def test_the_very_pixels(tmp_path: Path, ending: str) -> None:
    frames = noise(15)
    found = everything(write_video(tmp_path / f"a{ending}", frames))
    assert np.array_equal(found.images, frames)
    assert found.seconds == pytest.approx(np.arange(15) / 10)


@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
def test_seeks_in_a_long_film_find_the_very_frames(tmp_path: Path, ending: str) -> None:
    frames = noise(150, 16, 16)
    path = write_video(tmp_path / f"a{ending}", frames, keyframes=25)
    wanted = np.array([0.0, 0.1, 6.05, 6.15, 13.0, 14.9])
    assert np.array_equal(read_frames(path, wanted, 16, 16).shown_at(wanted), frames[[0, 1, 60, 61, 130, 149]])
    assert np.array_equal(read_frames(path, [12.3], 16, 16).images[0], frames[123])
    late = list(iter_frames(path, 16, 16, start_seconds=12.34))
    assert [round(at, 3) for at, _ in late[:2]] == [12.3, 12.4]
    assert np.array_equal(np.stack([image for _, image in late]), frames[123:])


def test_frames_of_a_variable_rate_are_found_by_time(tmp_path: Path) -> None:
    frames, began = noise(5), [0.0, 0.1, 0.9, 1.0, 3.0]
    path = write_video(tmp_path / "a.mkv", frames, seconds=began)
    wanted = [0.05, 0.5, 0.89, 0.95, 2.9, 3.0, 9.0]
    assert np.array_equal(read_frames(path, wanted, 32, 48).shown_at(wanted), frames[[0, 1, 1, 2, 3, 4, 4]])
    assert everything(path).seconds == pytest.approx(began)


def test_rotation_is_obeyed(tmp_path: Path) -> None:
    frames = noise(3, 32, 48)
    path = turn_clockwise(write_video(tmp_path / "a.mp4", frames))
    facts = probe(path)
    assert (facts.width, facts.height) == (32, 48)
    assert np.array_equal(read_frames(path, [0.1], 48, 32).images[0], np.rot90(frames[1], -1))


def test_a_film_of_one_frame(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", noise(1))
    assert probe(path).frames == 1
    assert np.array_equal(read_frames(path, [0.0, 5.0], 32, 48).shown_at([5.0])[0], noise(1)[0])


def test_a_whole_file_promises_nothing(tmp_path: Path) -> None:
    assert probe(write_video(tmp_path / "a.mp4", noise(20))).header_seconds is None


@pytest.mark.parametrize("content", [b"", b"this is text\n"])
@pytest.mark.parametrize("name", ["a.mp4", "a.png"])
def test_every_way_in_names_the_file(tmp_path: Path, content: bytes, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    for read in (lambda: probe(path), lambda: list(iter_frames(path, 16, 16)), lambda: read_frames(path, [0], 16, 16)):
        with pytest.raises(UnreadableVideoError, match=str(path)):
            read()


def test_exif_turns_the_pixels(tmp_path: Path) -> None:
    picture = noise(1)[0]
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter
    Image.fromarray(picture).save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(read_frames(tmp_path / "a.png", [0.0], 48, 32).images[0], np.rot90(picture, -1))
