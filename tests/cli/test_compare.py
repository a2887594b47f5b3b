"""The main command on awkward data, stopped in every way, and resumed."""

from __future__ import annotations

import csv
import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.commands import run_command, start_command
from helpers.media import write_video
from helpers.training import separate_cache, write_shades

pytestmark = pytest.mark.backend
LABELS = {"bright": 'to the "bright" / 🎉 <b>', "dark": "d'ark, \\ and more"}
# Seconds that epochs took, by run: the mark of an epoch that was not trained again.
Epochs = dict[str, list[float]]


@dataclass
class Resumed:
    """A comparison that was stopped, killed, and ended by the same command.

    Attributes:
        folder: the comparison's.
        stops: signal, exit status and standard error of each command that did not end by itself.
        kept: the epochs that the last of them left.
        status: of the command that ended.
        output: its standard output.
        errors: its standard error.
    """

    folder: Path
    stops: list[tuple[signal.Signals, int, str]]
    kept: Epochs
    status: int
    output: str
    errors: str


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of hostile labels; a quarter of the videos are awkward, four of them broken."""
    data = write_shades(tmp_path_factory.mktemp("data"), 12)
    rows = [(f"{label}/rec{n}.mp4", LABELS[label], f"{label}{n}") for label in LABELS for n in range(12)]
    folder = data / "strange names 🎉"
    folder.mkdir()
    (folder / "empty.mp4").touch()
    (folder / "text.mp4").write_text("not a video")
    whole = (data / "bright" / "rec0.mp4").read_bytes()
    (folder / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    write_video(folder / "one frame.mp4", np.full((1, 32, 32, 3), 90, np.uint8))
    write_video(folder / "odd#size.mkv", np.full((9, 34, 58, 3), 90, np.uint8))
    Image.new("RGB", (31, 17)).save(folder / "still.png")
    names = ["missing.mp4", *sorted(path.name for path in folder.iterdir())]
    rows += [(f"{folder.name}/{name}", LABELS["bright"], name) for name in names]
    with (data / "clips.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("path", "label", "group"), *rows])
    return data / "clips.csv"


@pytest.fixture(scope="module")
def resumed(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Resumed]:
    """Each command but the last is stopped after at least one more whole epoch. Windows has no SIGTERM for a child."""
    out = tmp_path_factory.mktemp("comparison")
    words: list[str | Path] = [table, "--out", out, "--families", "frame_pool,conv3d"]
    words += [
        "--preset",
        "classic",
        "--pool",
        "max",
        "--epochs",
        "12",
        "--frames",
        "10",
        "--size",
        "16",
        "--on",
        "processes:1",
    ]
    stops, kept = [], epochs(out)
    with separate_cache(out / "cache"):
        for end in () if os.name == "nt" else (signal.SIGTERM, signal.SIGKILL):
            command = start_command("compare", *words)
            while count(epochs(out)) <= count(kept):
                assert command.poll() is None, command.communicate()[1]
                time.sleep(0.02)
            command.send_signal(end)
            _, errors = command.communicate(timeout=60)
            stops.append((end, command.returncode, errors))
            kept = epochs(out)
        ended = run_command("compare", *words)
        yield Resumed(out, stops, kept, ended.returncode, ended.stdout, ended.stderr)


def epochs(out: Path) -> Epochs:
    """The whole epochs that trainings have kept, whether the trainings are finished or not."""
    kept: Epochs = {}
    for folder in (out / "runs").glob("*"):
        try:
            rows = json.loads((folder / "unfinished" / "state.json").read_text())["history"]
        except FileNotFoundError:
            rows = []
            if (folder / "history.csv").exists():
                with (folder / "history.csv").open(newline="") as file:
                    rows = list(csv.DictReader(file))
        kept[folder.name] = [float(row["seconds"]) for row in rows]
    return kept


def count(kept: Epochs) -> int:
    return sum(map(len, kept.values()))


def test_unreadable_videos_are_skipped_and_labels_may_hold_any_character(resumed: Resumed) -> None:
    assert resumed.status == 0, resumed.errors
    assert "of 31 videos skipped" in resumed.errors
    record = json.loads((resumed.folder / "comparison.json").read_text(encoding="utf-8"))
    skipped = {Path(video["path"]).name for video in record["data"]["skipped"]}
    assert {"empty.mp4", "text.mp4", "missing.mp4"} <= skipped <= {"empty.mp4", "text.mp4", "missing.mp4", "cut.mp4"}
    assert set(record["data"]["labels"]) == set(LABELS.values())
    assert record["verdict"]["answer"] in resumed.output
    assert resumed.output.startswith(record["guessing_sentence"])
    assert any(line.startswith("guessing ") for line in resumed.output.splitlines())
    assert "frames without their order" in resumed.output
    assert (resumed.folder / "summary.html").is_file()
    recipes = {name: family["trainings"][0]["recipe"] for name, family in record["models"].items()}
    assert recipes["frame_pool"]["options"]["pool"] == "max"
    assert "pool" not in recipes["conv3d"]["options"]
    assert (resumed.folder / "report.html").stat().st_size > 10_000


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM for a child")
def test_a_stopped_or_killed_comparison_is_resumed_by_the_same_command(resumed: Resumed) -> None:
    for end, status, errors in resumed.stops:
        assert status == {signal.SIGTERM: 143, signal.SIGKILL: -signal.SIGKILL}[end], errors
        assert "Traceback" not in errors
        assert ("stopped; run the same command again" in errors) == (end == signal.SIGTERM)
    assert resumed.status == 0, resumed.errors
    ended = epochs(resumed.folder)
    assert count(ended) > count(resumed.kept) > 1
    for name, seconds in resumed.kept.items():
        assert ended[name][: len(seconds)] == seconds
        assert not (resumed.folder / "runs" / name / "unfinished").exists()
