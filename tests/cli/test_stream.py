"""The command writes tables, a video and a summary, also after Ctrl-C, and the same as Python does."""

from __future__ import annotations

import csv
import json
import signal
import socket
import subprocess
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

import stillmotion as sm
from helpers import rtsp
from helpers.commands import COMMAND, run_command, start_command
from helpers.streams import LIGHT_LABELS, write_light_model, write_light_video

pytestmark = pytest.mark.backend


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_light_model(tmp_path / "light.keras")


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_light_video(tmp_path / "video.mp4")


def test_a_video_becomes_predictions_events_and_a_video(model: Path, video: Path, tmp_path: Path) -> None:
    words: list[str | Path] = [model, video, "--rate", "10", "--labels", ",".join(LIGHT_LABELS), "--smoothing", "0"]
    outs = {"--out": "predictions.jsonl", "--events": "events.csv", "--video": "annotated.mp4"}
    options = [word for option, name in outs.items() for word in (option, tmp_path / name)]
    done = run_command("stream", *words, *options)
    assert done.returncode == 0, done.stderr
    assert "60 frames, 57 windows" in done.stderr
    predictions = [json.loads(line) for line in (tmp_path / "predictions.jsonl").read_text().splitlines()]
    assert [prediction["seconds"] for prediction in predictions] == pytest.approx(np.arange(4, 61) / 10)
    with (tmp_path / "events.csv").open() as file:
        events = list(csv.DictReader(file))
    assert [event["label"] for event in events] == ["dark", "light", "dark"]
    # A window is light once most of it is.
    assert [float(event["start_seconds"]) for event in events] == pytest.approx([0.4, 2.2, 4.2], abs=0.11)
    assert done.stdout.count("light  mean") == 1
    assert [line.split()[:2] for line in done.stdout.splitlines()[-2:]] == [["dark", "2"], ["light", "1"]]
    with av.open(str(tmp_path / "annotated.mp4")) as annotated:
        frames = [frame.to_ndarray(format="rgb24") for frame in annotated.decode(video=0)]
    assert len(frames) == 60 and frames[0].shape == (32, 48, 3)
    assert frames[50][:18].std() > 5 > frames[50][24:].std()  # The strip is at the top.


@pytest.mark.parametrize("settings", [{}, {"smoothing": 0.0}, {"enter": 0.95, "exit": 0.9, "minimum": 1.2}])
def test_python_writes_the_same_as_the_command(
    settings: dict[str, float], model: Path, video: Path, tmp_path: Path
) -> None:
    options = {"smoothing": "--smoothing", "enter": "--enter-threshold", "exit": "--exit-threshold",
               "minimum": "--min-duration"}  # fmt: skip
    keywords = {"smoothing": "smoothing_seconds", "enter": "enter_threshold", "exit": "exit_threshold",
                "minimum": "min_duration_seconds"}  # fmt: skip
    words = [word for name, value in settings.items() for word in (options[name], str(value))]
    outputs: list[str | Path] = ["--out", tmp_path / "command.csv", "--events", tmp_path / "command-events.csv"]
    done = run_command("stream", model, video, "--rate", "10", "--labels", ",".join(LIGHT_LABELS), *words, *outputs)
    assert done.returncode == 0, done.stderr

    clip_model = sm.load_clip_model(model, rate=10, labels=",".join(LIGHT_LABELS))

    def detector() -> sm.EventDetector:
        given: dict[str, Any] = {keywords[name]: value for name, value in settings.items()}
        return sm.EventDetector(LIGHT_LABELS, **given)

    python, python_events = tmp_path / "python.csv", tmp_path / "python-events.csv"
    result = sm.stream_to(clip_model, video, predictions=python, events=python_events, detector=detector())
    assert result.files == (python, python_events) and result.stats.windows == 57
    assert python.read_text() == (tmp_path / "command.csv").read_text()
    assert python_events.read_text() == (tmp_path / "command-events.csv").read_text()

    events = [event for update in sm.stream_updates(clip_model, video, events=detector()) for event in update.events]
    with python_events.open() as file:
        written = list(csv.DictReader(file))
    assert [(event.label, round(event.start_seconds, 3), round(event.end_seconds, 3)) for event in events] == [
        (row["label"], float(row["start_seconds"]), float(row["end_seconds"])) for row in written
    ]
    assert events


def test_a_webhook_that_fails_is_reported_without_its_password(model: Path, video: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    url = f"http://me:secret@127.0.0.1:{port}/events?token=secret"
    done = run_command("stream", model, video, "--rate", "10", "--webhook", url)
    assert done.returncode == 0
    assert "6 posts did not reach the webhook" in done.stderr
    assert "secret" not in done.stderr


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_however_it_ends_what_is_written_can_be_read(
    ending: signal.Signals, model: Path, video: Path, tmp_path: Path
) -> None:
    """Ctrl-C and SIGTERM finish every file. After a kill, only the end of the video is missing."""
    out, annotated = tmp_path / "predictions.jsonl", tmp_path / "annotated.mp4"
    words: list[str | Path] = [model, video, "--rate", "10", "--realtime", "--hop", "1", "--smoothing", "0"]
    words += ["--out", out, "--video", annotated, "--events", tmp_path / "events.csv"]
    running = start_command("stream", *words)
    while running.poll() is None and not (out.is_file() and out.read_text().count("\n") > 15):
        time.sleep(0.05)
    running.send_signal(ending)
    _, errors = running.communicate(timeout=60)
    rows = [json.loads(line) for line in out.read_text().splitlines() if line.endswith("}")]
    assert 15 <= len(rows) < 57
    with av.open(str(annotated)) as written:
        frames = sum(1 for _ in written.decode(video=0))
    with (tmp_path / "events.csv").open() as file:
        events = list(csv.DictReader(file))
    if ending == signal.SIGKILL:
        assert frames > 5
    else:
        assert running.returncode == 0, errors
        assert "annotated.mp4" in errors and "Traceback" not in errors
        assert len(events) >= 1  # The open event is ended, too.
        assert frames >= len(rows) + 3


def test_predictions_are_printed_for_the_next_program(model: Path, video: Path) -> None:
    """And when the next program goes away, that is not an error."""
    options = ["--rate", "10", "--smoothing", "0", "--out", "-"]
    with video.open("rb") as content:
        piped = [*COMMAND, "stream", str(model), "-", *options]
        done = subprocess.run(piped, stdin=content, capture_output=True, text=True, timeout=120)
    assert [json.loads(line)["label"] for line in done.stdout.splitlines()].count("1") == 19
    assert "0.40 to" in done.stderr
    process = start_command("stream", model, video, *options)
    assert process.stdout and process.stderr
    process.stdout.close()
    with process.stderr:
        errors = process.stderr.read()
    process.wait(60)
    assert "Traceback" not in errors and "error" not in errors and "Exception" not in errors


@pytest.mark.skipif(not rtsp.installed(), reason=f"needs {rtsp.PACKAGES}")
def test_an_rtsp_server_dies_changes_stalls_and_comes_back(model: Path, tmp_path: Path) -> None:
    """Black, then no server; white and wider, then silent; black again: three events."""
    out = tmp_path / "predictions.jsonl"
    words = ["--rate", "10", "--labels", ",".join(LIGHT_LABELS), "--smoothing", "0", "--min-duration", "0"]
    files: list[str | Path] = ["--out", out, "--events", tmp_path / "events.csv", "--video", tmp_path / "annotated.mp4"]
    server = rtsp.Server()
    server.start(64)
    running = start_command("stream", model, server.url, *words, *files)

    def rows() -> list[dict[str, Any]]:
        lines = out.read_text().splitlines(keepends=True) if out.is_file() else []
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def reach(label: str, count: int = 5) -> None:
        while running.poll() is None and [row["label"] for row in rows()[-count:]] != [label] * count:
            time.sleep(0.1)

    try:
        reach("dark")
        server.kill()
        server.start(96, "white")
        reach("light")
        server.stall()
        before = len(rows())
        while running.poll() is None and len(rows()) > before:
            before = len(rows())
            time.sleep(0.5)
        server.kill()
        server.start(96)
        reach("dark")
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=60)
    finally:
        server.kill()
        running.kill()
    assert running.returncode == 0, errors
    assert "2 sizes" in errors and "reconnects" in errors and "Traceback" not in errors
    seconds = [row["seconds"] for row in rows()]
    assert seconds == sorted(seconds)
    with (tmp_path / "events.csv").open() as file:
        events = list(csv.DictReader(file))
    assert [event["label"] for event in events] == ["dark", "light", "dark"]
    ends = [(float(event["start_seconds"]), float(event["end_seconds"])) for event in events]
    # In between the server was away, and then a whole window of 0.4 s had to arrive.
    assert all(later[0] - earlier[1] > 0.4 for earlier, later in pairwise(ends))
    with av.open(str(tmp_path / "annotated.mp4")) as written:
        assert {(frame.width, frame.height) for frame in written.decode(video=0)} == {(64, 48)}


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["absent", "video.mp4"], 2, "no such file; a source is"),
        (["absent", "-", "--raw-video", "big"], 2, "expected WIDTHxHEIGHT@RATE"),
        (["absent", "0"], 2, "absent: no such run folder"),
        (["light.keras", "a.mp4", "--rate", "10", "--video", "a.mp4"], 2, "a.mp4: named twice; it would be over"),
        (["light.keras", "a.mp4", "--rate", "10", "--out", "b.csv", "--events", "b.csv"], 2, "b.csv: named twice"),
        (["light.keras", "a.mp4", "--rate", "10", "--exit-threshold", "0.7"], 2, "exit threshold is 0.7, above the"),
        (
            ["light.keras", "a.mp4"],
            2,
            "light.keras does not say its rate, which changes what it predicts: give --rate (frames per",
        ),
        (["light.keras", "a.mp4", "--rate", "10", "--labels", "dark"], 2, "1 label for a model of 2 probabilities"),
        (["light.keras", "a.mp4", "--rate", "10", "--labels", "names.txt"], 2, "names.txt: class names cannot be read"),
        (["light.keras", "http://[bad/x.mp4"], 2, "http://[bad/x.mp4: not a valid URL"),
        (["light.keras", "a.mp4", "--rate", "0"], 2, "the rate is 0; expected frames per second above 0"),
        (["light.keras", "987", "--rate", "10"], 1, "camera 987: cannot be opened (No such file or directory)"),
        (["light.keras", "tcp://127.0.0.1:1", "--rate", "10"], 1, "tcp://127.0.0.1:1: cannot be opened (Connec"),
        (["light.keras", "-", "--rate", "10"], 1, "standard input: cannot be opened"),
        (["light.keras", "a.mp4", "--rate", "10", "--out", "absent/a.csv"], 1, "absent/a.csv: cannot be written (No"),
        (["light.keras", "a.mp4", "--rate", "10", "--out", "loop.csv"], 1, "loop.csv: cannot be written (Too many"),
        (["light.keras", "a.mp4", "--rate", "10", "--video", "a.gif"], 2, "is written to one of .mp4, .mov, .mkv"),
        (
            ["light.keras", "a.mp4", "--rate", "10", "--events", "old.csv"],
            2,
            "old.csv: is there already; choose another name, or give --replace",
        ),
        (["light.keras", "a.mp4", "--rate", "10", "--only", "jam"], 2, "events of 'jam', which is none of the labels"),
        (["light.keras", "a.mp4", "--rate", "10", "--webhook", "http://"], 2, "expected an address like http://host/"),
    ],
)
def test_a_wrong_call_is_one_line(
    words: list[str],
    status: int,
    message: str,
    model: Path,
    video: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    video.rename(tmp_path / "a.mp4")
    (tmp_path / "old.csv").write_text("written yesterday")
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    monkeypatch.chdir(tmp_path)
    done = run_command("stream", *words)
    assert done.returncode == status
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert message in line
    assert (tmp_path / "old.csv").read_text() == "written yesterday"
