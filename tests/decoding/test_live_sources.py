"""Sources that stop, break and change, and frames that are dropped rather than late."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from helpers.media import noise, write_video
from helpers.streams import serve
from stillmotion.clips.resampling import FrameResampler
from stillmotion.decoding import live, prefetch, pyav
from stillmotion.decoding.live import SourceStats, find_source, read_source
from stillmotion.errors import UnreadableVideoError, UsageError


def test_a_source_that_stops_is_opened_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It breaks off within a larger video, too. Times continue by the clock, and each new beginning is marked."""
    small = write_video(tmp_path / "small.mkv", noise(6, 32, 32)).read_bytes()
    large = write_video(tmp_path / "large.mkv", noise(6, 48, 64)).read_bytes()
    attempts: list[int] = []

    def pauses() -> Iterator[float]:
        attempts.append(len(attempts))
        return iter([0.01, 0.01])

    monkeypatch.setattr(live, "pauses", pauses)
    stats, frames = SourceStats(), []
    with serve(small, large[: len(large) * 2 // 3], small) as url:
        for frame in read_source(find_source(url), every_frame=True, stats=stats):
            frames.append(frame)
            if sum(frame.starts_recording for frame in frames) == 3:
                break
    assert [frame.starts_recording for frame in frames[:7]] == [True, *[False] * 5, True]
    assert stats.reconnects == 2
    assert stats.sizes == [(32, 32), (64, 48), (32, 32)]
    assert len(attempts) == 4  # Pauses are short again each time that frames arrive.
    seconds = [frame.seconds for frame in frames]
    assert seconds[:6] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5], abs=1e-3)
    assert seconds[6] == pytest.approx(frames[6].arrived - frames[0].arrived, abs=1e-3)


def test_pauses_grow_and_a_wrong_address_is_refused_at_once() -> None:
    assert list(islice(live.pauses(), 7)) == [1, 2, 4, 8, 16, 30, 30]
    with pytest.raises(UnreadableVideoError, match=r"^tcp://127\.0\.0\.1:1: cannot be opened \(Connection refused\)$"):
        next(read_source(find_source("tcp://me:secret@127.0.0.1:1")))


def test_a_source_that_never_sends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "STALL_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(UnreadableVideoError, match=r"cannot be opened \(nothing came for 0\.5 s\)"):
            next(read_source(find_source(address)))


def test_a_silent_source_does_not_delay_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread ends by itself, once its read comes back."""
    monkeypatch.setattr(live, "STALL_SECONDS", 3.0)
    stop, before = threading.Event(), set(threading.enumerate())
    with socket.create_server(("127.0.0.1", 0)) as silent:
        threading.Timer(0.3, stop.set).start()
        assert list(read_source(find_source(f"tcp://127.0.0.1:{silent.getsockname()[1]}"), stop=stop)) == []
        (left,) = {thread for thread in threading.enumerate() if thread.name == "reading ahead"} - before
        left.join(60)
        assert not left.is_alive()


@pytest.mark.parametrize("realtime", [False, True])
def test_no_thread_is_left(realtime: bool, tmp_path: Path) -> None:
    """Whether the video ends, its user stops early, or its user fails."""
    video = find_source(write_video(tmp_path / "video.mp4", noise(40), rate=200))
    list(read_source(video, realtime=realtime))
    frames = read_source(video, realtime=realtime)
    next(frames)
    frames.close()
    with pytest.raises(ZeroDivisionError), closing(read_source(video, realtime=realtime)) as frames:
        for _ in frames:
            print(1 / 0)
    assert "reading ahead" not in [thread.name for thread in threading.enumerate()]


def test_a_clock_that_jumps_ahead_starts_a_new_recording(tmp_path: Path) -> None:
    """By an hour, as in a camera that sets its clock: times continue by the clock of this machine."""
    content = write_video(tmp_path / "jump.mkv", noise(4), seconds=[0.0, 0.1, 3600.0, 3600.1]).read_bytes()
    with serve(content) as url:
        frames = list(islice(read_source(find_source(url), every_frame=True), 4))
    assert [frame.starts_recording for frame in frames] == [True, False, True, False]
    seconds = [frame.seconds for frame in frames]
    assert seconds[2] == pytest.approx(frames[2].arrived - frames[0].arrived, abs=1e-3)
    assert seconds[3] - seconds[2] == pytest.approx(0.1, abs=1e-3)


def test_frames_are_dropped_rather_than_late(tmp_path: Path) -> None:
    video = find_source(write_video(tmp_path / "video.mp4", noise(40), rate=200))
    stats = SourceStats()
    slow = []
    for frame in read_source(video, realtime=True, stats=stats):
        slow.append(frame.seconds)
        if len(slow) == 1:
            time.sleep(0.4)
    assert len(slow) + stats.dropped == stats.frames == 40
    assert len(slow) <= 2 + prefetch.MAX_WAITING
    assert slow[-1] == pytest.approx(39 / 200, abs=2e-3)
    assert len(list(read_source(video, every_frame=True))) == 40


@pytest.mark.parametrize("raw", [False, True])
def test_a_pipe_of_a_video_or_of_raw_pictures(raw: bool, tmp_path: Path) -> None:
    pictures = noise(5, 32, 48)
    content = pictures.tobytes() if raw else write_video(tmp_path / "video.mkv", pictures).read_bytes()

    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    threading.Thread(target=pipe.write_bytes, args=(content,), daemon=True).start()
    frames = list(read_source(find_source(pipe, raw="48x32@10" if raw else "")))
    assert [frame.seconds for frame in frames] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4], abs=1e-3)
    assert (frames[2].frame.to_ndarray(format="rgb24") == pictures[2]).all()


def test_what_is_not_a_source_is_refused(tmp_path: Path) -> None:
    assert find_source("0").kind == "camera"
    assert find_source("rtsp://camera/1").live and find_source("http://camera/stream?as=mjpeg").live
    assert find_source("https://site/video.mp4?key=1").kind == "file"
    assert find_source("-").kind == "pipe"
    with pytest.raises(UsageError, match="no such file; a source is a file, a camera's number, a URL, or -"):
        find_source("video.mp4")
    with pytest.raises(UsageError, match="a folder; a source is a file"):
        find_source(tmp_path)
    with pytest.raises(UsageError, match=r"^http://\[bad/x\.mp4: not a valid URL$"):
        find_source("http://me:secret@[bad/x.mp4?token=secret")
    for raw in ("640x480", "0x480@25", "640x480@0", "640x480@nan"):
        with pytest.raises(UsageError, match="expected WIDTHxHEIGHT@RATE"):
            find_source("-", raw=raw)
    (tmp_path / "video.mp4").touch()
    for source in (tmp_path / "video.mp4", "video.mp4", "0", "rtsp://me:secret@camera/1"):
        with pytest.raises(UsageError, match="raw video is read from - ") as refused:
            find_source(source, raw="48x32@10")
        assert "secret" not in str(refused.value)


def test_slots_show_what_was_on_screen_in_their_middle() -> None:
    """Pictures at 0, 0.1, 0.35, 0.4 and 1.0 s; slots of 0.2 s, whose middles are 0.1, 0.3, ..."""
    resampler: FrameResampler[str] = FrameResampler(5.0)
    pictures = [(0.0, "a"), (0.1, "b"), (0.35, "c"), (0.4, "d"), (1.0, "e")]
    slots = [slot for seconds, name in pictures for slot in resampler.push(seconds, name)]
    assert "".join(name for _, name in slots) == "bbddd"
    assert [end for end, _ in slots] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    ((end, name),) = resampler.flush(1.3)
    assert end == pytest.approx(1.2) and name == "e"


def test_a_folder_of_frames_is_a_source(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for number, picture in enumerate(noise(5)):
        Image.fromarray(picture).save(tmp_path / "a" / f"{number:03d}.png")
    (tmp_path / "a" / "002.png").write_bytes(b"text")
    source, stats = find_source(tmp_path / "a@4fps"), SourceStats()
    assert (source.kind, source.live) == ("file", False)
    frames = list(read_source(source, stats=stats))
    assert [frame.seconds for frame in frames] == [0.0, 0.25, 0.75, 1.0]
    assert [frame.starts_recording for frame in frames] == [True, False, False, False]
    assert np.array_equal(frames[2].frame.to_ndarray(format="rgb24"), noise(5)[3])
    assert (stats.rate, stats.frames, stats.sizes) == (4.0, 4, [(48, 32)])
    for file in (tmp_path / "a").iterdir():
        file.write_bytes(b"text")
    with pytest.raises(UnreadableVideoError, match="no frame can be read"):
        list(read_source(source))
    with pytest.raises(UsageError, match=r"a folder of frames with its rate \(a@25fps\)"):
        find_source(tmp_path / "a")


def test_a_source_of_an_unknown_codec_is_unreadable(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", noise(5))
    path.write_bytes(path.read_bytes().replace(b"avc1", b"qqqq"))
    with pytest.raises(UnreadableVideoError, match="FFmpeg does not know the codec"):
        list(read_source(find_source(path)))


@pytest.mark.parametrize(("start", "end", "shown"), [(0.5, 0.9, range(5, 9)), (0.55, None, range(5, 12)),
                                                     (None, 0.31, range(4)), (0.0, 9.0, range(12))])  # fmt: skip
def test_a_file_is_read_from_its_start_to_its_end(
    start: float | None, end: float | None, shown: range, tmp_path: Path
) -> None:
    """The first frame is the one that is on screen at the start; times stay those of the file."""
    file = write_video(tmp_path / "video.mp4", noise(12), rate=10)
    stats = SourceStats()
    frames = list(read_source(find_source(file, start=start, end=end), stats=stats))
    assert [frame.seconds for frame in frames] == pytest.approx([number / 10 for number in shown])
    assert frames[0].starts_recording and stats.frames == len(frames)


def test_a_long_file_is_not_decoded_up_to_its_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[float] = []
    original = pyav.frames_from

    def counted(*arguments: Any) -> Iterator[Any]:
        for seconds, frame in original(*arguments):
            decoded.append(seconds)
            yield seconds, frame

    monkeypatch.setattr("stillmotion.decoding.live.frames_from", counted)
    file = write_video(tmp_path / "video.mp4", noise(80, 32, 32), rate=10, keyframes=10)
    frames = list(read_source(find_source(file, start=6.0, end=6.5)))
    assert [frame.seconds for frame in frames] == pytest.approx([6.0, 6.1, 6.2, 6.3, 6.4])
    assert decoded[0] > 5 and len(decoded) < 25


def test_a_start_that_is_not_there_is_refused(tmp_path: Path) -> None:
    file = write_video(tmp_path / "video.mp4", noise(12), rate=10)
    with pytest.raises(UnreadableVideoError, match=r"video\.mp4: ends at 1\.20 s, before the start at 3 s"):
        list(read_source(find_source(file, start=3.0)))
    for start, end in [(2.0, 1.0), (None, 0.0), (-1.0, None)]:
        with pytest.raises(UsageError, match="expected a start before the end"):
            find_source(file, start=start, end=end)
    with pytest.raises(UsageError, match="camera 0: has no start and end; only files have"):
        find_source("0", start=3.0)
