"""`stream` with a detector: alarms in a folder, at a broker and at a webhook, though everything is killed."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import stillmotion as sm
from helpers import mosquitto
from helpers.backbones import write_backbone
from helpers.commands import assert_refused, run_command, start_command
from helpers.media import write_video
from helpers.mosquitto import Mosquitto, Subscriber, wait_for
from helpers.streams import receiver
from stillmotion.anomaly import memory
from stillmotion.delivery.mqtt import Broker

pytestmark = pytest.mark.backend
needs_mosquitto = pytest.mark.skipif(not mosquitto.installed(), reason=f"needs {mosquitto.PACKAGES}")
RATE = 8


def write_belt(path: Path, *, seconds: float = 6, seed: int = 0, reds: tuple[tuple[float, float], ...] = ()) -> Path:
    """A square that moves to the right, and is red for some time."""
    rng = np.random.default_rng(seed)
    pictures = np.full((round(seconds * RATE), 32, 32, 3), 60, np.uint8)
    for number, picture in enumerate(pictures):
        red = any(start <= number / RATE < end for start, end in reds)
        picture[12:22, (8 * seed + 3 * number + np.arange(10)) % 32] = (230, 0, 0) if red else (230, 230, 230)
        picture += rng.integers(0, 6, picture.shape, dtype=np.uint8)
    return write_video(path, pictures, rate=RATE)


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("line")
    for number in range(4):
        write_belt(folder / "normal" / f"belt{number}.mp4", seed=number)
    keras.utils.set_random_seed(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "PATCHES", 300)
        sm.fit_anomaly_detector(folder / "normal", out=folder / "detector", backbone=write_backbone(folder))
    return folder / "detector"


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_belt(tmp_path / "day.mp4", seconds=18, seed=9, reds=((4, 6), (12, 14)))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Mosquitto]:
    server = Mosquitto(tmp_path)
    yield server
    server.kill()


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_alarms_of_a_file_go_to_a_folder_and_a_webhook_once(detector: Path, video: Path, tmp_path: Path) -> None:
    with receiver() as (port, received):
        words: list[str | Path] = ["stream", detector, video, "--alarms", tmp_path / "alarms"]
        words += ["--webhook", f"http://me:secret@127.0.0.1:{port}/hook"]
        done = run_command(*words)
        assert done.returncode == 0, done.stderr
        table = rows(tmp_path / "alarms" / "alarms.csv")
        for row, red in zip(table, (5, 13), strict=True):
            assert float(row["start_seconds"]) < red < float(row["end_seconds"])
        assert [row["folder"] for row in table] == [
            path.parent.name for path in sorted(tmp_path.glob("alarms/*/clip.mp4"))
        ]
        notices = [notice for notice, _ in received]
        assert [notice["state"] for notice in notices] == ["began", "ended"] * 2
        assert [notice["id"] for notice in notices[::2]] == [row["id"] for row in table]
        assert "alarm, by look" in done.stdout and "ended: " in done.stdout
        assert "secret" not in done.stdout + done.stderr + json.dumps(notices)
        assert b"secret" not in (tmp_path / "alarms" / "outbox.sqlite").read_bytes()
        again = run_command(*words)
        assert "2 of the alarms were in" in again.stderr
        assert len(received) == 4 and rows(tmp_path / "alarms" / "alarms.csv") == table


def test_python_does_the_same_as_the_command(detector: Path, video: Path, tmp_path: Path) -> None:
    done = run_command("stream", detector, video, "--alarms", tmp_path / "a", "--events", tmp_path / "a.csv")
    assert done.returncode == 0, done.stderr
    result = sm.stream_alarms(detector, video, alarms=tmp_path / "b", events=tmp_path / "b.csv")
    assert [alarm.kind for alarm in result.alarms] == ["look", "look"]
    assert result.files == (tmp_path / "b.csv",)
    assert (tmp_path / "a.csv").read_text() == (tmp_path / "b.csv").read_text()
    assert (tmp_path / "a" / "alarms.csv").read_text() == (tmp_path / "b" / "alarms.csv").read_text()
    picture = sorted(tmp_path.glob("*/*/where.jpg"))
    assert len(picture) == 4 and picture[0].read_bytes() == picture[2].read_bytes()


@needs_mosquitto
def test_killed_and_without_a_broker_no_alarm_is_lost_and_none_doubled(
    detector: Path, video: Path, tmp_path: Path, server: Mosquitto
) -> None:
    """The broker is not there, and the stream is killed in the second alarm; then both come back."""
    folder = tmp_path / "alarms"
    words: list[str | Path] = ["stream", detector, video, "--alarms", folder]
    words += ["--mqtt", f"mqtt://me:secret@127.0.0.1:{server.port}/line"]
    running = start_command(*words, "--realtime", "--every-frame")
    try:
        wait_for(lambda: running.poll() is not None or len(list(folder.glob("*/clip.mp4"))) == 2, seconds=180)
    finally:
        running.kill()
        out, errors = running.communicate()
    assert len(rows(folder / "alarms.csv")) == 1, errors
    server.start()
    with closing(Subscriber(server.port, "line")) as subscriber:
        done = run_command(*words)
        assert done.returncode == 0, done.stderr
        wait_for(lambda: subscriber.statuses == ["online", "offline"])
        notices = subscriber.notices
    table = rows(folder / "alarms.csv")
    assert [row["state"] for row in table] == ["ended", "ended"]
    assert [(notice["state"], notice["id"]) for notice in notices] == [
        (state, row["id"]) for row in table for state in ("began", "ended")
    ]
    assert "secret" not in out + errors + done.stdout + done.stderr


@needs_mosquitto
def test_a_broker_that_dies_during_the_stream_gets_everything(
    detector: Path, video: Path, tmp_path: Path, server: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.start()
    messages: list[dict[str, object]] = []
    with closing(Subscriber(server.port, "line")) as subscriber:
        killed, connect = False, Broker._on_connect

        def connect_later(broker: Broker, *answer: Any) -> None:
            """The subscriber must be there first: a broker without a memory keeps nothing for it."""
            assert subscriber.ready.wait(30)
            connect(broker, *answer)

        monkeypatch.setattr(Broker, "_on_connect", connect_later)

        def see(score: sm.Score) -> None:
            nonlocal killed
            if score.seconds > 9 and not killed:
                wait_for(lambda: len(subscriber.notices) == 2)
                server.kill()
                killed = True
            elif score.seconds > 16 and not server.process:
                messages.extend(subscriber.notices)
                server.start()
                assert subscriber.ready.wait(30)

        result = sm.stream_alarms(
            detector, video, alarms=tmp_path / "alarms", mqtt=f"127.0.0.1:{server.port}/line", on_score=see
        )
        assert result.stats.undelivered == {}
        wait_for(lambda: len(subscriber.notices) >= 4)
        assert [notice["state"] for notice in subscriber.notices] == ["began", "ended"] * 2
        assert len({notice["id"] for notice in subscriber.notices}) == 2
    assert len(messages) == 2


def test_what_does_not_fit_is_refused(detector: Path, video: Path, tmp_path: Path) -> None:
    alarms: list[str | Path] = ["--alarms", tmp_path / "alarms"]
    (tmp_path / "file").touch()
    calls: list[tuple[int, str, list[str | Path]]] = [
        (2, "--clips has no meaning for an anomaly detector", ["--clips", tmp_path / "clips"]),
        (2, "name a folder for them with --alarms", ["--webhook", "http://host/a"]),
        (2, "name a folder for them with --alarms", ["--mqtt", "host/a"]),
        (2, "mqtt: expected an address like", [*alarms, "--mqtt", "me:secret@host"]),
        (2, "webhook: expected an address like", [*alarms, "--webhook", "secret"]),
        (1, "is a file", ["--alarms", tmp_path / "file" / "alarms"]),
        (2, "named twice", ["--out", tmp_path / "a.csv", "--events", tmp_path / "a.csv"]),
    ]
    for status, message, words in calls:
        assert_refused(status, message, "stream", detector, video, *words)
        assert "secret" not in run_command("stream", detector, video, *words).stderr
    assert not (tmp_path / "alarms").exists()
    (tmp_path / "alarms").mkdir()
    (tmp_path / "alarms" / "alarms.csv").write_text("mine\n")
    assert_refused(2, "has other columns", "stream", detector, video, *alarms)


def test_a_folder_has_one_stream_at_a_time(detector: Path, video: Path, tmp_path: Path) -> None:
    from stillmotion.files import folder_lock

    with folder_lock(tmp_path / "alarms"):
        assert_refused(1, "another stillmotion process", "stream", detector, video, "--alarms", tmp_path / "alarms")
