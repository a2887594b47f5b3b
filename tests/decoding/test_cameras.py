"""Sources that stop, break and change, and frames that are dropped rather than late."""

from __future__ import annotations

import io
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from media import noise, write_video
from stillmotion.clips.ticking import Ticker
from stillmotion.decoding import cameras
from stillmotion.decoding.cameras import Counts, find_source, shots
from stillmotion.errors import UnreadableVideo, UsageError


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
    pauses: list[float] = []
    monkeypatch.setattr(cameras.time, "sleep", pauses.append)
    counts = Counts()
    found = []
    for shot in shots(find_source(broken_server), every_frame=True, counts=counts):
        found.append(shot)
        if sum(one.fresh for one in found) == 3:
            break
    assert [shot.fresh for shot in found[:7]] == [True, *[False] * 5, True]
    assert counts.reconnects == 2
    assert counts.sizes == [(32, 32), (64, 48), (32, 32)]
    assert pauses == [1.0, 1.0]
    seconds = [shot.seconds for shot in found]
    assert seconds[:6] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5], abs=1e-3)
    assert seconds[6] == pytest.approx(found[6].arrived - found[0].arrived, abs=1e-3)


def test_pauses_grow_and_a_wrong_address_is_told_at_once(broken_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Enough(Exception):
        pass

    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 9:
            raise Enough

    monkeypatch.setattr(cameras.time, "sleep", sleep)
    with pytest.raises(Enough):
        list(shots(find_source(broken_server), every_frame=True))
    assert pauses == [1, 1, 1, 2, 4, 8, 16, 30, 30]
    with pytest.raises(UnreadableVideo, match=r"tcp://127\.0\.0\.1:1: cannot be opened"):
        next(shots(find_source("tcp://127.0.0.1:1")))


def test_frames_are_dropped_rather_than_late(tmp_path: Path) -> None:
    film = find_source(write_video(tmp_path / "film.mp4", noise(40), rate=200))
    counts = Counts()
    slow = []
    for shot in shots(film, paced=True, counts=counts):
        slow.append(shot.seconds)
        if len(slow) == 1:
            time.sleep(0.4)
    assert len(slow) + counts.dropped == counts.frames == 40
    assert len(slow) <= 1 + cameras.WAITING
    assert slow[-1] == pytest.approx(39 / 200, abs=2e-3)
    assert len(list(shots(film, every_frame=True))) == 40


@pytest.mark.parametrize("raw", [False, True])
def test_a_pipe_of_a_film_or_of_bare_pictures(raw: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = noise(5, 32, 48)
    content = pictures.tobytes() if raw else write_video(tmp_path / "film.mkv", pictures).read_bytes()

    class Piped:
        buffer = io.BytesIO(content)

    monkeypatch.setattr(sys, "stdin", Piped)
    found = list(shots(find_source("-", raw="48x32@10" if raw else "")))
    assert [shot.seconds for shot in found] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4], abs=1e-3)
    assert (found[2].frame.to_ndarray(format="rgb24") == pictures[2]).all()


def test_what_is_no_source_is_refused() -> None:
    assert find_source("0").kind == "camera"
    assert find_source("rtsp://camera/1").live
    with pytest.raises(UsageError, match="no such file; a source is a file, a camera's number, a URL, or -"):
        find_source("film.mp4")
    with pytest.raises(UsageError, match="expected WIDTHxHEIGHT@RATE"):
        find_source("-", raw="640x480")


def test_slots_show_what_was_on_screen_in_their_middle() -> None:
    """Pictures at 0, 0.1, 0.35, 0.4 and 1.0 s; slots of 0.2 s, whose middles are 0.1, 0.3, ..."""
    ticker: Ticker[str] = Ticker(5.0)
    found = [slot for at, name in [(0.0, "a"), (0.1, "b"), (0.35, "c"), (0.4, "d"), (1.0, "e")]
             for slot in ticker.push(at, name)]  # fmt: skip
    assert found == [(pytest.approx(0.2 * n), name) for n, name in enumerate("bbdddd"[:5], start=1)]
    assert list(ticker.flush(1.3)) == [(pytest.approx(1.2), "e")]
