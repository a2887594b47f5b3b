"""The main command on awkward data, stopped in every way, and taken up again."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

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
    (folder / "text.mp4").write_text("this is no video")
    whole = (moving / "left" / "rec0.mp4").read_bytes()
    (folder / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    write_video(folder / "one frame.mp4", np.full((1, 32, 32, 3), 90, np.uint8))
    write_video(folder / "odd#size.mkv", np.full((9, 34, 58, 3), 90, np.uint8))
    Image.new("RGB", (31, 17)).save(folder / "still.png")
    names = ["gone.mp4", *sorted(path.name for path in folder.iterdir())]
    rows += [(f"{folder.name}/{name}", LABELS["left"], name) for name in names]
    with (moving / "clips.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("path", "label", "group"), *rows])
    return moving / "clips.csv"


def start(table: Path, out: Path, families: str = "frame_pool", epochs: int = 30) -> subprocess.Popen[str]:
    flags = ["--families", families, "--epochs", str(epochs), "--frames", "4", "--size", "16", "--pool", "max"]
    return subprocess.Popen(
        [sys.executable, "-m", "stillmotion", "compare", str(table), "--out", str(out), *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
    )


def test_broken_files_are_left_out_and_labels_may_be_anything(table: Path, tmp_path: Path) -> None:
    work = start(table, tmp_path / "out", "frame_pool,conv3d", 1)
    said, errors = work.communicate(timeout=200)
    assert work.returncode == 0, errors
    assert "of 31 videos left out" in errors
    record = json.loads((tmp_path / "out" / "comparison.json").read_text(encoding="utf-8"))
    out = {Path(one["path"]).name for one in record["data"]["skipped"]}
    assert {"empty.mp4", "text.mp4", "gone.mp4"} <= out <= {"empty.mp4", "text.mp4", "gone.mp4", "cut.mp4"}
    assert set(record["data"]["labels"]) == set(LABELS.values())
    assert record["verdict"]["answer"] in said
    recipes = {name: family["trainings"][0]["recipe"] for name, family in record["families"].items()}
    assert recipes["frame_pool"]["options"]["pool"] == "max"
    assert "pool" not in recipes["conv3d"]["options"]
    assert (tmp_path / "out" / "report.html").stat().st_size > 10_000


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for a child")
def test_stopped_and_killed_it_goes_on(table: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out" / "runs" / "frame_pool-seed0"
    epochs = 0
    for how, status in ((signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)):
        work = start(table, tmp_path / "out")
        while done(folder) <= epochs:  # another whole epoch, at least
            assert work.poll() is None, work.communicate()[1]
            time.sleep(0.02)
        work.send_signal(how)
        _, errors = work.communicate(timeout=60)
        assert work.returncode == status, errors
        assert "Traceback" not in errors
        assert ("stopped; the same command" in errors) == (how == signal.SIGINT)
        epochs = done(folder)
    work = start(table, tmp_path / "out")
    assert work.communicate(timeout=200)[1] and work.returncode == 0
    assert len((folder / "history.csv").read_text().splitlines()) > epochs
    assert not (folder / "unfinished").exists()


def done(folder: Path) -> int:
    """Whole epochs that an unfinished training has kept."""
    try:
        return len(json.loads((folder / "unfinished" / "state.json").read_text())["history"])
    except FileNotFoundError:
        return 0
