"""The examples run, from the first line to the last."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.mark.backend
def test_three_ways(tmp_path: Path) -> None:
    """On JAX without the 3D convolutions, which take long on CPUs there."""
    families = ["frame_pool", "cnn_rnn", "conv3d"]
    if os.environ.get("KERAS_BACKEND") == "jax":
        families.remove("conv3d")
    result = subprocess.run(
        [sys.executable, str(EXAMPLES / "three_ways.py"), "--folder", str(tmp_path), "--videos", "40", "--epochs", "1",
         "--families", ",".join(families)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].startswith("40 videos of 5 labels")
    for family in families:
        row = next(line.split() for line in lines if line.startswith(family))
        assert [word.endswith("%") for word in row] == [False, True, True]
    assert lines[-1].startswith(("motion needed: ", "stills suffice: ", "undecided: "))


def test_a_verdict_of_tables(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, str(EXAMPLES / "verdict_of_tables.py"), str(tmp_path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("Motion is needed")
    assert "('backward', 'forward')" in result.stdout


@pytest.mark.backend
def test_why_different(tmp_path: Path) -> None:
    """Small, so that the model learns little; what the loop does wrong is named all the same."""
    pytest.importorskip("cv2")
    result = subprocess.run(
        [sys.executable, str(EXAMPLES / "why_different.py"), "--folder", str(tmp_path), "--videos", "30",
         "--epochs", "2"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    advice = [line.strip() for line in result.stdout.splitlines() if line.startswith("  ")]
    assert "scaling: give the model levels of 0 to 255: remove '/ 255'" in advice
    assert "channel order: frame = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)" in advice
    assert result.stdout.splitlines()[-1].endswith("(fixed loop)")


@pytest.mark.backend
def test_live(tmp_path: Path) -> None:
    words = ["--folder", str(tmp_path), "--videos", "40", "--epochs", "1", "--frames", "3"]
    result = subprocess.run(
        [sys.executable, str(EXAMPLES / "live.py"), *words], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    plain, own = result.stdout.split("\n\n")
    off = float(plain.split("largest difference ")[1].split()[0])
    assert off < 1e-5
    assert "lstm" in plain and "1 of 16" in plain
    title, *windows = own.splitlines()
    assert "labeled" in title and len(windows) > 3
    assert all("window to" in line and line.endswith("%") for line in windows)


@pytest.mark.backend
@pytest.mark.skipif(os.environ.get("KERAS_BACKEND") == "jax", reason="exported from TensorFlow")
def test_an_old_model(tmp_path: Path) -> None:
    """A Keras 2 file of a model for BGR / 255 is found out to be one, and labels the video rightly."""
    result = subprocess.run(
        [sys.executable, str(EXAMPLES / "old_model.py"), "--folder", str(tmp_path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    card = json.loads((tmp_path / "new.json").read_text())
    assert (card["channels"]["value"], card["channels"]["source"]) == ("BGR", "measured")
    assert (card["input_range"]["value"], card["input_range"]["source"]) == ("0..1", "read")
    rows = (tmp_path / "events.csv").read_text().splitlines()[1:]
    assert [row.split(",")[2] for row in rows] == ["red", "blue"]
    assert (tmp_path / "exported" / "use_it.py").exists()
