"""Moments become events, and rows that are kept at once."""

from __future__ import annotations

import csv
import json
import socket
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame

from helpers.media import turn_clockwise, write_video
from stillmotion.decoding.live import find_source, read_source
from stillmotion.decoding.prefetch import SourceFrame
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.prediction.events import Event, EventDetector
from stillmotion.prediction.sinks import (
    EVENT_COLUMNS,
    VIDEOS,
    AnnotatedVideo,
    Webhook,
    event_row,
    open_sink,
    window_columns,
    window_row,
)
from stillmotion.streaming import WindowPrediction

LABELS = ("calm", "jam")


def moments(jams: list[float], step: float = 0.5) -> list[WindowPrediction]:
    return [
        WindowPrediction(np.array([1 - jam, jam], np.float32), number, step * number, LABELS[jam > 0.5])
        for number, jam in enumerate(jams)
    ]


def events(finder: EventDetector, jams: list[float]) -> list[tuple[float, float, str]]:
    found = [event for moment in moments(jams) for event in finder.push(moment)] + finder.flush()
    return [(event.start_seconds, event.end_seconds, event.label) for event in found]


def test_a_label_holds_between_its_thresholds() -> None:
    """It enters at 0.6, stays at 0.5, leaves below 0.4; what is between belongs to none."""
    finder = EventDetector(LABELS, smoothing=0, enter=0.6, leave=0.4, least=0.5)
    jams = [0.5, 0.7, 0.5, 0.45, 0.9, 0.3, 0.1, 0.1, 0.5]
    assert events(finder, jams) == [(0.5, 2.0, "jam"), (2.5, 4.0, "calm")]
    assert events(EventDetector(LABELS, smoothing=0, least=1.5), jams) == [(0.5, 2.0, "jam"), (2.5, 4.0, "calm")]
    assert events(EventDetector(LABELS, smoothing=0, least=1.6), jams) == []


def test_smoothing_ends_flicker() -> None:
    jams = [0.9, 0.9, 0.9, 0.1, 0.9, 0.9, 0.9, 0.9]
    assert len(events(EventDetector(LABELS, smoothing=0, least=0), jams)) == 3
    assert events(EventDetector(LABELS, smoothing=1.5, least=0), jams) == [(0.0, 3.5, "jam")]


def test_confidence_is_the_mean_of_what_it_rests_on() -> None:
    finder = EventDetector(LABELS, smoothing=0)
    for moment in moments([0.7, 0.9]):
        finder.push(moment)
    (event,) = finder.flush()
    assert event.confidence == pytest.approx(0.8)


@pytest.mark.parametrize("ending", [".jsonl", ".csv"])
def test_each_row_is_on_disk_at_once(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"moments{ending}"
    outlet = open_sink(path, window_columns(LABELS))
    for moment in moments([0.25, 0.75]):
        outlet.write(window_row(moment, LABELS))
    with path.open() as file:
        rows: list[Any] = list(csv.DictReader(file)) if ending == ".csv" else [json.loads(line) for line in file]
    outlet.close()
    assert [row["label"] for row in rows] == ["calm", "jam"]
    assert [float(row["prob_jam"]) for row in rows] == [0.25, 0.75]
    assert list(rows[0]) == window_columns(LABELS)


def test_a_table_of_another_kind_or_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"moments\.xlsx: a stream is written to one of \.jsonl, \.csv"):
        open_sink(tmp_path / "moments.xlsx", [])
    with pytest.raises(StillmotionError, match="No such file or directory"):
        open_sink(tmp_path / "absent" / "moments.csv", [])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("name", ["moments.csv", "moments.jsonl", "seen.mp4", "seen.mkv"])
def test_a_full_disk_is_one_line(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.symlink_to("/dev/full")
    picture = VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
    with pytest.raises(StillmotionError, match=rf"{name}: cannot be written \(No space left on device\)"):
        if path.suffix in VIDEOS:
            video = AnnotatedVideo(path)
            with closing(video):
                for number in range(40):
                    video.write(SourceFrame(number / 25, picture, False, 0.0), None)
        else:
            with closing(open_sink(path, window_columns(LABELS))) as outlet:
                outlet.write(window_row(moments([0.5])[0], LABELS))


def test_a_turned_film_is_annotated_upright(tmp_path: Path) -> None:
    """A strip across the top of what is seen, whatever the header's matrix."""
    film = turn_clockwise(write_video(tmp_path / "film.mp4", np.full((4, 48, 96, 3), 200, np.uint8)))
    video = AnnotatedVideo(tmp_path / "seen.mp4")
    with closing(video):
        for shot in read_source(find_source(film)):
            video.write(shot, moments([0.9])[0])
    with av.open(str(tmp_path / "seen.mp4")) as seen:
        frame = next(seen.decode(video=0)).to_ndarray(format="rgb24")
    assert frame.shape == (96, 48, 3)
    assert frame[:10].mean() < 150 < frame[30:].mean()


def test_an_event_ends_with_the_recording() -> None:
    """After a break nothing of what was before is averaged, nor held on to."""
    finder = EventDetector(LABELS, smoothing=10, least=0)
    for moment in moments([0.9] * 5):
        finder.push(moment)
    assert [event.label for event in finder.flush()] == ["jam"]
    later = WindowPrediction(np.array([0.9, 0.1], np.float32), 6, 3.0, "calm")
    assert finder.push(later) == []
    (event,) = finder.flush()
    assert (event.label, event.start_seconds) == ("calm", 3.0)


def test_a_webhook_whose_answers_are_nonsense_or_never_come() -> None:
    """Each row that fails is counted, and no thread is left."""
    with socket.create_server(("127.0.0.1", 0)) as nonsense:

        def answer() -> None:
            connection, _ = nonsense.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"what?\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        hook = Webhook(f"http://127.0.0.1:{nonsense.getsockname()[1]}", timeout_seconds=0.5)
        for number in range(3):
            hook.write({"number": number})
        hook.close()
    assert hook.failed == 3 and hook.trouble
    assert not hook.thread.is_alive()


def test_a_webhook_gets_events_and_a_dead_one_costs_nothing() -> None:
    received = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    event = Event(1.0, 2.5, "jam", 0.75)
    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        hook = Webhook(url)
        hook.write(event_row(event))
        hook.close()
        server.shutdown()
    assert received == [dict(zip(EVENT_COLUMNS, (1.0, 2.5, "jam", 0.75), strict=True))]
    assert hook.failed == 0
    dead = Webhook(url, timeout_seconds=1)
    dead.write(event_row(event))
    dead.close()
    assert dead.failed == 1 and "refused" in dead.trouble
    for wrong in ("ftp://somewhere", "http://"):
        with pytest.raises(UsageError, match="expected an address like http"):
            Webhook(wrong)
