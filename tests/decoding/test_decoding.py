"""Decoders give the frames that were encoded, at their times, upright, however they are read."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from helpers.media import Pictures, noise, turn_clockwise, write_lossy_video, write_video
from stillmotion.data.media import is_image
from stillmotion.decoding import DecodedFrames, index_shown_at, iter_frames, probe, read_frames, source_files
from stillmotion.decoding.live import find_source, read_source
from stillmotion.errors import UnreadableVideoError


def decode_all(path: Path, height: int = 32, width: int = 48) -> DecodedFrames:
    seconds, images = zip(*iter_frames(path, height, width), strict=True)
    return DecodedFrames(np.stack(images), np.array(seconds))


def gray_levels(count: int) -> Pictures:
    """Frame t is gray of level 5 t, so that its level identifies a frame even in a lossy video."""
    return np.stack([np.full((32, 48, 3), 5 * t % 250, np.uint8) for t in range(count)])


# Pixels and times.


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".mov"])
def test_a_lossless_video_gives_the_pixels_and_times_that_were_encoded(tmp_path: Path, ending: str) -> None:
    frames = noise(15)
    path = write_video(tmp_path / f"a{ending}", frames)
    decoded = decode_all(path)
    assert np.array_equal(decoded.images, frames)
    assert decoded.seconds == pytest.approx(np.arange(15) / 10)
    facts = probe(path)
    assert (facts.width, facts.height, facts.frames, facts.rate, facts.rotation) == (48, 32, 15, 10.0, 0)
    assert facts.seconds == pytest.approx(1.5)
    assert (facts.codec, facts.header_seconds) == ("h264", None)


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".avi"])
def test_random_access_gives_what_sequential_access_gives(tmp_path: Path, ending: str) -> None:
    """A long video with few keyframes, in which distant times are reached by seeking."""
    path = write_lossy_video(tmp_path / f"a{ending}", gray_levels(200), g="30")
    decoded = decode_all(path, 16, 16)
    for wanted in ([0.0, 9.95, 19.0], [18.33], [3.0, 3.1, 15.7], [-1.0, 99.0]):
        assert np.array_equal(read_frames(path, wanted, 16, 16).shown_at(wanted), decoded.shown_at(wanted))


@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
def test_seeks_in_a_long_video_find_the_exact_frames(tmp_path: Path, ending: str) -> None:
    frames = noise(150, 16, 16)
    path = write_video(tmp_path / f"a{ending}", frames, keyframes=25)
    wanted = np.array([0.0, 0.1, 6.05, 6.15, 13.0, 14.9])
    assert np.array_equal(read_frames(path, wanted, 16, 16).shown_at(wanted), frames[[0, 1, 60, 61, 130, 149]])
    assert np.array_equal(read_frames(path, [12.3], 16, 16).images[0], frames[123])
    late = list(iter_frames(path, 16, 16, start_seconds=12.34))
    assert [round(seconds, 3) for seconds, _ in late[:2]] == [12.3, 12.4]
    assert np.array_equal(np.stack([image for _, image in late]), frames[123:])


def test_frames_of_a_variable_rate_are_found_by_time(tmp_path: Path) -> None:
    frames, began = noise(5), [0.0, 0.1, 0.9, 1.0, 3.0]
    path = write_video(tmp_path / "a.mkv", frames, seconds=began)
    wanted = [0.05, 0.5, 0.89, 0.95, 2.9, 3.0, 9.0]
    assert np.array_equal(read_frames(path, wanted, 32, 48).shown_at(wanted), frames[[0, 1, 1, 2, 3, 4, 4]])
    assert decode_all(path).seconds == pytest.approx(began)


def test_a_frame_is_on_screen_from_its_time_on_within_half_a_millisecond() -> None:
    began = np.array([0.0, 0.5, 1.0])
    assert index_shown_at(began, [-1.0, 0.0, 0.49, 0.4996, 0.5, 0.999, 1.0, 7.0]).tolist() == [0, 0, 0, 1, 1, 1, 2, 2]


def test_each_wanted_frame_is_decoded_once(tmp_path: Path) -> None:
    path = write_lossy_video(tmp_path / "a.mp4", gray_levels(10))
    decoded = read_frames(path, [0.5, 0.31, 0.32, 0.39], 16, 16)
    assert decoded.images.shape == (2, 16, 16, 3)
    assert decoded.seconds == pytest.approx([0.3, 0.5])


def test_a_video_of_one_frame_shows_it_forever(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", noise(1))
    assert probe(path).frames == 1
    assert np.array_equal(read_frames(path, [0.0, 5.0], 32, 48).shown_at([5.0])[0], noise(1)[0])


# Rotation and still images.


def test_a_rotated_video_is_decoded_upright(tmp_path: Path) -> None:
    frames = noise(3, 32, 48)
    path = turn_clockwise(write_video(tmp_path / "a.mp4", frames))
    facts = probe(path)
    assert (facts.width, facts.height, facts.rotation) == (32, 48, 270)
    assert np.array_equal(read_frames(path, [0.1], 48, 32).images[0], np.rot90(frames[1], -1))


def test_an_image_is_a_video_of_one_frame_upright_by_its_exif_data(tmp_path: Path) -> None:
    image = noise(1)[0]
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: rotate by 90 degrees clockwise
    Image.fromarray(image).save(tmp_path / "a.png", exif=exif)
    facts = probe(tmp_path / "a.png")
    assert (facts.width, facts.height, facts.frames, facts.seconds) == (32, 48, 1, 0.0)
    upright = np.rot90(image, -1)
    assert np.array_equal(read_frames(tmp_path / "a.png", [0.0], 48, 32).images[0], upright)
    assert read_frames(tmp_path / "a.png", [0.0, 3.0], 16, 16).shown_at([0, 1, 2]).shape == (3, 16, 16, 3)
    ((seconds, frame),) = iter_frames(tmp_path / "a.png", 48, 32)
    assert seconds == 0.0 and np.array_equal(frame, upright)


# The left half is red, the right one black above and blue below: 32 by 48 pixels, by pillow_heif, which encodes.
HEIC = b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAX1tZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAACJpbG9jAA"
    "AAAERAAAEAAQAAAAABoQABAAAAAAAAAMQAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABodmMxAAAAAA5waXRtAAAAAAABAAAA/WlwcnAA"
    "AADdaXBjbwAAAHZodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQAqQgEBA3AAAAMAkA"
    "AAAwAAAwAeoCCBBZbq5Ka5uAhoMCAAAAMDIAAAAwAhYgABAAZEAcFzwIkAAAATY29scm5jbHgAAQANAAaAAAAAFGlzcGUAAAAAAAAAQAAAAEAA"
    "AAAoY2xhcAAAADAAAAABAAAAIAAAAAH////wAAAAAv///+AAAAACAAAAEHBpeGkAAAAAAwgICAAAABhpcG1hAAAAAAAAAAEAAQWBAgMFhAAAAM"
    "xtZGF0AAAAwCgBrwY4Wve238kgf//1Ox6H9JeQIfBJN/sle77zLX/+59oo7MRzeVRd2O6wgULc1BU1RvRZpXj+4Oa4kgdg74GoSeIkUtEY7bMV"
    "OPSrHQk2r7GEo3pgd/66nge9tWywSlmtXoPO4+ZVIHYpHcEyZoEdPS0BXsFroieVs3f1KGOQcyEfDgp5ZuDA5O3ozjCpkUsuhO7sFaWkK2THH3"
    "siRHXp9RMtY/JWXzLqEkc5EYOJ9clixjgbabasW2G4PbyJgA=="
)


@pytest.mark.parametrize("name", ["IMG_0001.HEIC", "a.heif", "a.avif", "misnamed.jpg"])
def test_pictures_of_telephones_are_read(tmp_path: Path, name: str) -> None:
    picture = np.zeros((32, 48, 3), np.uint8)
    picture[:, :24], picture[16:, 24:] = (200, 30, 30), (30, 30, 200)
    path = tmp_path / name
    if name == "a.avif":
        Image.fromarray(picture).save(path, quality=95)
    else:
        path.write_bytes(HEIC)
    assert is_image(path)
    assert (probe(path).width, probe(path).height) == (48, 32)
    decoded = read_frames(path, [0.0], 32, 48).images[0].astype(int)
    for rows, columns in ((slice(32), slice(20)), (slice(12), slice(28, 48)), (slice(20, 32), slice(28, 48))):
        assert np.abs(decoded[rows, columns] - picture[rows, columns]).max() <= 8


@pytest.mark.parametrize("ending", [".png", ".tif", ".pgm"])
def test_gray_of_16_bits_is_scaled_to_8(tmp_path: Path, ending: str) -> None:
    levels = np.arange(16 * 16, dtype=np.uint16).reshape(16, 16)
    path = tmp_path / f"a{ending}"
    if ending == ".pgm":
        path.write_bytes(b"P5 16 16 65535\n" + (257 * levels).astype(">u2").tobytes())
    else:
        Image.fromarray(257 * levels).save(path)
    assert np.array_equal(read_frames(path, [0.0], 16, 16).images[0], np.repeat(levels[..., None], 3, axis=2))


def test_pictures_whose_white_is_not_known_are_refused(tmp_path: Path) -> None:
    for number, levels in enumerate((np.full((16, 16), 0.5, np.float32), np.full((16, 16), 70_000, np.int32))):
        path = tmp_path / f"{number}.tif"
        Image.fromarray(levels).save(path)
        for read in ways_to_read(path):
            with pytest.raises(UnreadableVideoError, match=f"{number}.tif: its 32-bit pixels do not say what is white"):
                read()


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("ending", [".heic", ".avif", ".webp", ".tif"])
def test_a_damaged_picture_is_read_or_unreadable(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    if ending == ".heic":
        path.write_bytes(HEIC)
    else:
        Image.fromarray(noise(1)[0]).save(path)
    whole, unreadable = path.read_bytes(), 0
    for seed in range(40):
        rng = np.random.default_rng((2, seed))
        content = bytearray(whole[: len(whole) // 2] if seed % 4 == 0 else whole)
        for place in rng.integers(0, min(len(content), 600), 5):
            content[place] = int(rng.integers(256))
        path.write_bytes(content)
        try:
            read_frames(path, [0.0], 16, 16)
        except UnreadableVideoError as error:
            unreadable += 1
            assert f"a{ending}" in str(error)
    assert unreadable > 0


# Folders of numbered frames.


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """`a@10fps`: twelve frames whose numbers have no leading zeros, and what else lies in such folders."""
    (tmp_path / "a").mkdir()
    for number, frame in enumerate(noise(12), start=1):
        Image.fromarray(frame).save(tmp_path / "a" / f"frame{number}.png")
    (tmp_path / "a" / "times.txt").touch()
    (tmp_path / "a" / "._frame1.png").touch()
    return tmp_path / "a@10fps"


def test_a_folder_of_frames_is_a_video_at_the_rate_in_its_path(folder: Path) -> None:
    facts = probe(folder)
    assert (facts.width, facts.height, facts.frames, facts.rate, facts.seconds) == (48, 32, 12, 10.0, 1.2)
    assert (facts.codec, facts.container) == ("png", "folder of frames")
    decoded = decode_all(folder)
    assert np.array_equal(decoded.images, noise(12))
    assert decoded.seconds == pytest.approx(np.arange(12) / 10)
    for wanted in ([0.0, 0.35, 1.1], [0.9999], [-1.0, 99.0], [0.3, 0.1, 0.1]):
        assert np.array_equal(read_frames(folder, wanted, 16, 16).shown_at(wanted), decode_shown(folder, wanted))
    late = list(iter_frames(folder, 32, 48, start_seconds=0.55))
    assert [round(seconds, 3) for seconds, _ in late] == [0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1]
    slow = folder.with_name("a@2.5fps")
    assert (probe(slow).seconds, len(source_files(slow)), source_files(slow)[9].name) == (4.8, 12, "frame10.png")


def decode_shown(path: Path, wanted: list[float]) -> Pictures:
    return decode_all(path, 16, 16).shown_at(wanted)


def test_a_frame_of_a_folder_that_cannot_be_read_is_left_out(folder: Path) -> None:
    for number in (1, 5):
        (folder.with_name("a") / f"frame{number}.png").write_bytes(b"text")
    frames = noise(12)
    assert probe(folder).frames == 12
    wanted = [0.0, 0.3, 0.4, 0.5]
    assert np.array_equal(read_frames(folder, wanted, 32, 48).shown_at(wanted), frames[[1, 3, 3, 5]])
    assert [round(seconds, 1) for seconds, _ in iter_frames(folder, 32, 48, start_seconds=0.4)][:2] == [0.3, 0.5]
    for file in source_files(folder):
        file.write_bytes(b"text")
    for read in ways_to_read(folder):
        with pytest.raises(UnreadableVideoError, match="none of 12 frames can be read"):
            read()


def test_a_folder_without_a_rate_or_without_frames_is_unreadable(folder: Path) -> None:
    for read in ways_to_read(folder.with_name("a")):
        with pytest.raises(
            UnreadableVideoError, match="a: a folder; if it holds the frames of a video, name it a@25fps"
        ):
            read()
    (folder.parent / "empty").mkdir()
    with pytest.raises(UnreadableVideoError, match="no frames in this folder"):
        probe(folder.with_name("empty@10fps"))
    for name in ("none@10fps", "a@0fps", "a@xfps"):
        with pytest.raises(UnreadableVideoError, match="No such file"):
            probe(folder.with_name(name))


# Damaged files.


def ways_to_read(path: Path) -> list[Callable[[], object]]:
    return [
        lambda: probe(path),
        lambda: list(iter_frames(path, 16, 16)),
        lambda: read_frames(path, [0.0, 1.0, 2.9], 16, 16),
    ]


@pytest.mark.parametrize("name", ["odd näme.mp4", "a.png"])
@pytest.mark.parametrize("content", [b"", b"this is text\n" * 50])
def test_a_file_that_is_no_video_is_named_however_it_is_read(tmp_path: Path, content: bytes, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    for read in ways_to_read(path):
        with pytest.raises(UnreadableVideoError, match=str(path)):
            read()


def test_what_is_wrong_with_a_file_is_said(tmp_path: Path) -> None:
    for name, content, says in (
        ("a.mp4", b"", "empty file"),
        ("b.mp4", b"this is text\n" * 50, "not a readable video"),
        ("b.png", b"this is text\n", "not a readable image"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UnreadableVideoError, match=says):
            probe(tmp_path / name)
    with pytest.raises(UnreadableVideoError, match="No such file"):
        probe(tmp_path / "none.mp4")


@pytest.mark.parametrize("ending", [".mp4", ".avi"])
def test_a_video_of_an_unknown_codec_is_unreadable(tmp_path: Path, ending: str) -> None:
    """Damage to four bytes is enough to name a codec that does not exist."""
    path = write_lossy_video(tmp_path / f"a{ending}", gray_levels(30))
    code = {".mp4": b"avc1", ".avi": b"H264"}[ending]
    assert code in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(code, b"qqqq"))
    for read in ways_to_read(path):
        with pytest.raises(UnreadableVideoError, match="FFmpeg does not know the codec"):
            read()


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".avi"])
def test_a_file_with_damaged_bytes_is_read_as_far_as_it_goes_or_unreadable(tmp_path: Path, ending: str) -> None:
    """Fourteen files of each kind, damaged at random places, mostly in their headers. No other error may come."""
    path = write_lossy_video(tmp_path / f"whole{ending}", noise(30), g="8")
    whole = path.read_bytes()
    readable = 0
    for seed in range(14):
        rng = np.random.default_rng((1, seed))
        content = bytearray(whole)
        span = len(content) if seed % 4 == 0 else min(len(content), 1500)
        for place in rng.integers(0, span, int(rng.integers(1, 12))):
            content[place] = int(rng.integers(256))
        (tmp_path / f"damaged{ending}").write_bytes(content)
        for read in ways_to_read(tmp_path / f"damaged{ending}"):
            try:
                read()
                readable += 1
            except UnreadableVideoError as error:
                assert f"damaged{ending}" in str(error)
    assert readable > 0


def test_metadata_that_is_no_utf8_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        container.metadata["title"] = "a title"
        stream = container.add_stream("libx264rgb", rate=10)
        stream.height, stream.width = 32, 48
        stream.pix_fmt = "rgb24"
        container.mux([*stream.encode(av.VideoFrame.from_ndarray(noise(1)[0], format="rgb24")), *stream.encode()])
    assert path.read_bytes().count(b"a title") == 1
    path.write_bytes(path.read_bytes().replace(b"a title", b"a\xff\xfetle"))
    assert probe(path).frames == 1
    assert len(list(read_source(find_source(path)))) == 1


def test_a_file_that_is_cut_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = write_lossy_video(tmp_path / "a.mp4", noise(60), g="5")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    facts = probe(path)
    assert facts.header_seconds == pytest.approx(6.0, abs=0.2)
    assert 1 < facts.seconds < 5
    assert facts.frames == pytest.approx(10 * facts.seconds, abs=1)
    assert len(read_frames(path, [0.0, 1.0, 5.9], 16, 16).images) == 3
