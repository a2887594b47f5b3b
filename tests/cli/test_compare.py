"""The main command on awkward data, stopped in every way, and resumed."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.commands import start_command
from helpers.media import write_video

pytestmark = pytest.mark.backend
LABELS = {"left": 'to the "left" / 🎉 <b>', "right": "r'ight, \\ and more"}


@pytest.fixture
def table(moving: Path) -> Path:
    """A table of hostile labels; a third of the videos are awkward, four of them broken."""
    rows = [(f"{label}/rec{n}.mp4", LABELS[label], f"{label}{n}") for label in LABELS for n in range(12)]
    folder = moving / "strange names 🎉"
    folder.mkdir()
    (folder / "empty.mp4").touch()
    (folder / "text.mp4").write_text("not a video")
    whole = (moving / "left" / "rec0.mp4").read_bytes()
    (folder / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    write_video(folder / "one frame.mp4", np.full((1, 32, 32, 3), 90, np.uint8))
    write_video(folder / "odd#size.mkv", np.full((9, 34, 58, 3), 90, np.uint8))
    Image.new("RGB", (31, 17)).save(folder / "still.png")
    names = ["missing.mp4", *sorted(path.name for path in folder.iterdir())]
    rows += [(f"{folder.name}/{name}", LABELS["left"], name) for name in names]
    with (moving / "clips.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("path", "label", "group"), *rows])
    return moving / "clips.csv"


def start(table: Path, out: Path, families: str = "frame_pool", epochs: int = 30) -> subprocess.Popen[str]:
    flags = ["--families", families, "--epochs", str(epochs), "--frames", "4", "--size", "16", "--pool", "max"]
    return start_command("compare", table, "--out", out, *flags)


def test_unreadable_videos_are_skipped_and_labels_may_hold_any_character(table: Path, tmp_path: Path) -> None:
    command = start(table, tmp_path / "out", "frame_pool,conv3d", 1)
    output, errors = command.communicate(timeout=200)
    assert command.returncode == 0, errors
    assert "of 31 videos skipped" in errors
    record = json.loads((tmp_path / "out" / "comparison.json").read_text(encoding="utf-8"))
    skipped = {Path(video["path"]).name for video in record["data"]["skipped"]}
    assert {"empty.mp4", "text.mp4", "missing.mp4"} <= skipped <= {"empty.mp4", "text.mp4", "missing.mp4", "cut.mp4"}
    assert set(record["data"]["labels"]) == set(LABELS.values())
    assert record["verdict"]["answer"] in output
    recipes = {name: family["trainings"][0]["recipe"] for name, family in record["models"].items()}
    assert recipes["frame_pool"]["options"]["pool"] == "max"
    assert "pool" not in recipes["conv3d"]["options"]
    assert (tmp_path / "out" / "report.html").stat().st_size > 10_000


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for a child")
def test_a_stopped_or_killed_comparison_is_resumed_by_the_same_command(table: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out" / "runs" / "frame_pool-seed0"
    epochs = 0
    for end, status in ((signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)):
        command = start(table, tmp_path / "out")
        while count_epochs(folder) <= epochs:  # at least one more whole epoch
            assert command.poll() is None, command.communicate()[1]
            time.sleep(0.02)
        command.send_signal(end)
        _, errors = command.communicate(timeout=60)
        assert command.returncode == status, errors
        assert "Traceback" not in errors
        assert ("stopped; run the same command again" in errors) == (end == signal.SIGINT)
        epochs = count_epochs(folder)
    command = start(table, tmp_path / "out")
    assert command.communicate(timeout=200)[1] and command.returncode == 0
    assert len((folder / "history.csv").read_text().splitlines()) > epochs
    assert not (folder / "unfinished").exists()


def count_epochs(folder: Path) -> int:
    """Whole epochs that an unfinished training has kept."""
    try:
        return len(json.loads((folder / "unfinished" / "state.json").read_text())["history"])
    except FileNotFoundError:
        return 0
