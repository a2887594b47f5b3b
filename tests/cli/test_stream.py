"""The command: tables, a video and a summary, whole after Ctrl-C too."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from helpers import rtsp
from helpers.media import write_video
from stillmotion.cli import main

pytestmark = pytest.mark.backend
COMMAND = [sys.executable, "-m", "stillmotion", "stream"]
LABELS = ["dark", "light"]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Says whether four frames are light."""
    import keras
    from keras import layers

    clip = keras.Input((4, 16, 16, 3), dtype="uint8")
    level = layers.GlobalAveragePooling3D()(layers.Rescaling(1 / 127.5, offset=-1)(clip))
    dense = layers.Dense(2, activation="softmax")
    made = keras.Model(clip, dense(level))
    dense.set_weights([np.array([[-2, 2]] * 3, np.float32), np.zeros(2, np.float32)])
    made.save(tmp_path / "light.keras")
    return tmp_path / "light.keras"


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Dark for two seconds, light for two, dark for two."""
    levels = np.repeat([20, 230, 20], 20).astype(np.uint8)
    return write_video(tmp_path / "film.mp4", np.broadcast_to(levels[:, None, None, None], (60, 32, 48, 3)))


def test_a_film_becomes_moments_events_and_a_video(model: Path, film: Path, tmp_path: Path) -> None:
    words = [str(model), str(film), "--rate", "10", "--labels", ",".join(LABELS), "--smoothing", "0"]
    outs = {"--out": "moments.jsonl", "--events": "events.csv", "--video": "seen.mp4"}
    options = [word for option, name in outs.items() for word in (option, str(tmp_path / name))]
    told = subprocess.run([*COMMAND, *words, *options], capture_output=True, text=True, timeout=120)
    assert told.returncode == 0, told.stderr
    assert "60 frames, 57 moments" in told.stderr
    moments = [json.loads(line) for line in (tmp_path / "moments.jsonl").read_text().splitlines()]
    assert [moment["seconds"] for moment in moments] == pytest.approx(np.arange(4, 61) / 10)
    with (tmp_path / "events.csv").open() as file:
        events = list(csv.DictReader(file))
    assert [event["label"] for event in events] == ["dark", "light", "dark"]
    # A window is light once most of it is.
    assert [float(event["start_seconds"]) for event in events] == pytest.approx([0.4, 2.2, 4.2], abs=0.11)
    assert told.stdout.count("light") == 1
    with av.open(str(tmp_path / "seen.mp4")) as seen:
        frames = [frame.to_ndarray(format="rgb24") for frame in seen.decode(video=0)]
    assert len(frames) == 60 and frames[0].shape == (32, 48, 3)
    assert frames[50][:18].std() > 5 > frames[50][24:].std()  # the strip is at the top


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_however_it_ends_what_is_written_can_be_read(
    ending: signal.Signals, model: Path, film: Path, tmp_path: Path
) -> None:
    """Ctrl-C and a request to terminate end it in order; killed, only the end of the video is missing."""
    out, seen = tmp_path / "moments.jsonl", tmp_path / "seen.mp4"
    words = [str(model), str(film), "--rate", "10", "--paced", "--hop", "1", "--out", str(out), "--video", str(seen),
             "--smoothing", "0", "--events", str(tmp_path / "events.csv")]  # fmt: skip
    running = subprocess.Popen([*COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while running.poll() is None and not (out.is_file() and out.read_text().count("\n") > 15):
        time.sleep(0.05)
    running.send_signal(ending)
    _, said = running.communicate(timeout=60)
    rows = [json.loads(line) for line in out.read_text().splitlines() if line.endswith("}")]
    assert 15 <= len(rows) < 57
    with av.open(str(seen)) as video:
        frames = sum(1 for _ in video.decode(video=0))
    with (tmp_path / "events.csv").open() as file:
        events = list(csv.DictReader(file))
    if ending == signal.SIGKILL:
        assert frames > 5
    else:
        assert running.returncode == 0, said
        assert "seen.mp4" in said and "Traceback" not in said
        assert len(events) >= 1  # that which held still is ended, too
        assert frames >= len(rows) + 3


def test_moments_are_printed_for_the_next_program(model: Path, film: Path) -> None:
    """And a program that goes away is no failure that anybody is told of."""
    words = [*COMMAND, str(model), str(film), "--rate", "10", "--smoothing", "0", "--out", "-"]
    piped = [*COMMAND, str(model), "-", *words[words.index("--rate") :]]
    with film.open("rb") as content:
        told = subprocess.run(piped, stdin=content, capture_output=True, text=True, timeout=120)
    assert [json.loads(line)["label"] for line in told.stdout.splitlines()].count("1") == 19
    assert "0.40 to" in told.stderr
    gone = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert gone.stdout and gone.stderr
    gone.stdout.close()
    with gone.stderr:
        said = gone.stderr.read()
    gone.wait(60)
    assert "Traceback" not in said and "error" not in said and "Exception" not in said


@pytest.mark.skipif(not rtsp.installed(), reason=f"needs {rtsp.PACKAGES}")
def test_an_rtsp_server_dies_changes_stalls_and_comes_back(model: Path, tmp_path: Path) -> None:
    """Black, then gone; white and wider, then silent; black again. Each is an event of its own."""
    out = tmp_path / "moments.jsonl"
    words = ["--rate", "10", "--labels", ",".join(LABELS), "--smoothing", "0", "--least", "0", "--out", str(out)]
    words += ["--events", str(tmp_path / "events.csv"), "--video", str(tmp_path / "seen.mp4")]
    server = rtsp.Server()
    server.start(64)
    running = subprocess.Popen(
        [*COMMAND, str(model), server.url, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )

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
        _, said = running.communicate(timeout=60)
    finally:
        server.kill()
        running.kill()
    assert running.returncode == 0, said
    assert "2 sizes" in said and "reconnects" in said and "Traceback" not in said
    seconds = [row["seconds"] for row in rows()]
    assert seconds == sorted(seconds)
    with (tmp_path / "events.csv").open() as file:
        events = list(csv.DictReader(file))
    assert [event["label"] for event in events] == ["dark", "light", "dark"]
    ends = [(float(event["start_seconds"]), float(event["end_seconds"])) for event in events]
    # Between them the server was away, and a window of 0.4 s had to be seen anew.
    assert all(later[0] - earlier[1] > 0.4 for earlier, later in pairwise(ends))
    with av.open(str(tmp_path / "seen.mp4")) as seen:
        assert {(frame.width, frame.height) for frame in seen.decode(video=0)} == {(64, 48)}


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["absent", "film.mp4"], 2, "no such file; a source is"),
        (["absent", "-", "--raw", "big"], 2, "expected WIDTHxHEIGHT@RATE"),
        (["absent", "0"], 2, "absent: no such run folder"),
        (["absent", "a.mp4", "--video", "a.mp4"], 2, "a.mp4: named twice; it would be written over"),
        (["absent", "a.mp4", "--out", "b.csv", "--events", "b.csv"], 2, "b.csv: named twice"),
        (["absent", "a.mp4", "--enter", "0.3"], 2, "--leave 0.4 is above --enter 0.3"),
        (["light.keras", "a.mp4"], 2, "light.keras does not say how many frames a second it sees: give --rate"),
        (["light.keras", "a.mp4", "--rate", "10", "--labels", "dark"], 2, "1 labels for a model of 2 probabilities"),
        (["light.keras", "a.mp4", "--rate", "0"], 2, "the rate is 0; expected frames a second above 0"),
        (["light.keras", "987", "--rate", "10"], 1, "camera 987: cannot be opened (No such file or directory)"),
        (["light.keras", "tcp://127.0.0.1:1", "--rate", "10"], 1, "tcp://127.0.0.1:1: cannot be opened (Connec"),
        (["light.keras", "-", "--rate", "10"], 1, "standard input: cannot be opened"),
        (["light.keras", "a.mp4", "--rate", "10", "--out", "absent/a.csv"], 1, "absent/a.csv: cannot be written (No"),
        (["light.keras", "a.mp4", "--rate", "10", "--video", "a.gif"], 2, "is written to one of .mp4, .mov, .mkv"),
        (["light.keras", "a.mp4", "--rate", "10", "--webhook", "http://"], 2, "expected an address like http://host/"),
    ],
)
def test_a_wrong_call_is_one_line(
    words: list[str], status: int, said: str, model: Path, film: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """In this process, for it is the same, and starts no backend anew."""
    film.rename(tmp_path / "a.mp4")
    with pytest.MonkeyPatch.context() as here, pytest.raises(SystemExit) as end:
        here.chdir(tmp_path)
        here.setattr(sys, "argv", ["stillmotion", "stream", *words])
        here.setattr(sys, "stdin", io.StringIO())
        main()
    assert end.value.code == status
    (line,) = [line for line in capfd.readouterr().err.splitlines() if line.startswith("error: ")]
    assert said in line
