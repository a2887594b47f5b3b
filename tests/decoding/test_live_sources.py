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

import pytest

from helpers.media import noise, write_video
from stillmotion.clips.resampling import FrameResampler
from stillmotion.decoding import live, prefetch
from stillmotion.decoding.live import Source, SourceStats, find_source, read_source
from stillmotion.decoding.prefetch import SourceFrame
from stillmotion.errors import UnreadableVideoError, UsageError


@pytest.fixture
def broken_server(tmp_path: Path) -> Iterator[str]:
    """Sends a film, hangs up, sends a larger one cut short, hangs up, and sends the first again."""
    small = write_video(tmp_path / "small.mkv", noise(6, 32, 32)).read_bytes()
    large = write_video(tmp_path / "large.mkv", noise(6, 48, 64)).read_bytes()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for content in (small, large[: len(large) * 2 // 3], small):
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(content)
            server.close()

        threading.Thread(target=serve, daemon=True).start()
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}"


def test_a_source_that_stops_is_opened_again(broken_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Time goes on by the clock, and each new beginning is told."""
    tried = []
    monkeypatch.setattr(live, "pauses", lambda: iter(tried.append(len(tried)) or [0.01, 0.01]))
    counts = SourceStats()
    found = []
    for shot in read_source(find_source(broken_server), every_frame=True, counts=counts):
        found.append(shot)
        if sum(one.fresh for one in found) == 3:
            break
    assert [shot.fresh for shot in found[:7]] == [True, *[False] * 5, True]
    assert counts.reconnects == 2
    assert counts.sizes == [(32, 32), (64, 48), (32, 32)]
    assert len(tried) == 4  # from the beginning, each time that frames come
    seconds = [shot.seconds for shot in found]
    assert seconds[:6] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5], abs=1e-3)
    assert seconds[6] == pytest.approx(found[6].arrived - found[0].arrived, abs=1e-3)


def test_pauses_grow_and_a_wrong_address_is_told_at_once() -> None:
    assert list(islice(live.pauses(), 7)) == [1, 2, 4, 8, 16, 30, 30]
    with pytest.raises(UnreadableVideoError, match=r"^tcp://127\.0\.0\.1:1: cannot be opened \(Connection refused\)$"):
        next(read_source(find_source("tcp://me:secret@127.0.0.1:1")))


def test_a_source_that_never_sends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "STALL_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(UnreadableVideoError, match=r"cannot be opened \(nothing came for 0\.5 s\)"):
            next(read_source(find_source(address)))


def test_a_silent_source_does_not_hold_up_who_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread ends by itself, once its read comes back."""
    monkeypatch.setattr(live, "STALL_SECONDS", 3.0)
    stop, before = threading.Event(), set(threading.enumerate())
    with socket.create_server(("127.0.0.1", 0)) as silent:
        threading.Timer(0.3, stop.set).start()
        assert list(read_source(find_source(f"tcp://127.0.0.1:{silent.getsockname()[1]}"), stop=stop)) == []
        (left,) = {thread for thread in threading.enumerate() if thread.name == "reading ahead"} - before
        left.join(60)
        assert not left.is_alive()


@pytest.mark.parametrize("paced", [False, True])
def test_no_thread_is_left(paced: bool, tmp_path: Path) -> None:
    """Whether the film ends, or who watches it goes or fails."""
    film = find_source(write_video(tmp_path / "film.mp4", noise(40), rate=200))
    list(read_source(film, paced=paced))
    coming = read_source(film, paced=paced)
    next(coming)
    coming.close()
    with pytest.raises(ZeroDivisionError), closing(read_source(film, paced=paced)) as coming:
        for _ in coming:
            print(1 / 0)
    assert "reading ahead" not in [thread.name for thread in threading.enumerate()]


def test_a_clock_that_jumps_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ahead by an hour, as a camera that sets its clock: time goes on by ours."""

    def once(*_: object) -> Iterator[SourceFrame]:
        for number, seconds in enumerate([0.0, 0.1, 3600.0, 3600.1]):
            yield SourceFrame(seconds, None, number == 0, 50 + number / 10)  # type: ignore[arg-type]

    monkeypatch.setattr(live, "_once", once)
    found = list(islice(read_source(Source("rtsp://camera", "network"), every_frame=True), 4))
    assert [shot.seconds for shot in found] == pytest.approx([0, 0.1, 0.2, 0.3])
    assert [shot.fresh for shot in found] == [True, False, True, False]


def test_frames_are_dropped_rather_than_late(tmp_path: Path) -> None:
    film = find_source(write_video(tmp_path / "film.mp4", noise(40), rate=200))
    counts = SourceStats()
    slow = []
    for shot in read_source(film, paced=True, counts=counts):
        slow.append(shot.seconds)
        if len(slow) == 1:
            time.sleep(0.4)
    assert len(slow) + counts.dropped == counts.frames == 40
    assert len(slow) <= 2 + prefetch.WAITING
    assert slow[-1] == pytest.approx(39 / 200, abs=2e-3)
    assert len(list(read_source(film, every_frame=True))) == 40


@pytest.mark.parametrize("raw", [False, True])
def test_a_pipe_of_a_film_or_of_bare_pictures(raw: bool, tmp_path: Path) -> None:
    pictures = noise(5, 32, 48)
    content = pictures.tobytes() if raw else write_video(tmp_path / "film.mkv", pictures).read_bytes()

    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    threading.Thread(target=pipe.write_bytes, args=(content,), daemon=True).start()
    found = list(read_source(find_source(pipe, raw="48x32@10" if raw else "")))
    assert [shot.seconds for shot in found] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4], abs=1e-3)
    assert (found[2].frame.to_ndarray(format="rgb24") == pictures[2]).all()


def test_what_is_no_source_is_refused() -> None:
    assert find_source("0").kind == "camera"
    assert find_source("rtsp://camera/1").live and find_source("http://camera/stream?as=mjpeg").live
    assert find_source("https://site/film.mp4?key=1").kind == "file"
    assert find_source("-").kind == "pipe"
    with pytest.raises(UsageError, match="no such file; a source is a file, a camera's number, a URL, or -"):
        find_source("film.mp4")
    for raw in ("640x480", "0x480@25", "640x480@0", "640x480@nan"):
        with pytest.raises(UsageError, match="expected WIDTHxHEIGHT@RATE"):
            find_source("-", raw=raw)


def test_slots_show_what_was_on_screen_in_their_middle() -> None:
    """Pictures at 0, 0.1, 0.35, 0.4 and 1.0 s; slots of 0.2 s, whose middles are 0.1, 0.3, ..."""
    ticker: FrameResampler[str] = FrameResampler(5.0)
    found = [slot for at, name in [(0.0, "a"), (0.1, "b"), (0.35, "c"), (0.4, "d"), (1.0, "e")]
             for slot in ticker.push(at, name)]  # fmt: skip
    assert found == [(pytest.approx(0.2 * n), name) for n, name in enumerate("bbdddd"[:5], start=1)]
    assert list(ticker.flush(1.3)) == [(pytest.approx(1.2), "e")]
