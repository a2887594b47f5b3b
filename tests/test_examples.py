"""The examples run, from the first line to the last."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[1] / "examples" / "three_ways.py"


@pytest.mark.backend
def test_three_ways(tmp_path: Path) -> None:
    """On JAX without the 3D convolutions, which take long on CPUs there."""
    families = ["frame_pool", "cnn_rnn", "conv3d"]
    if os.environ.get("KERAS_BACKEND") == "jax":
        families.remove("conv3d")
    told = subprocess.run(
        [sys.executable, str(EXAMPLE), "--folder", str(tmp_path), "--videos", "40", "--epochs", "1",
         "--families", ",".join(families)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    lines = told.stdout.splitlines()
    assert lines[0].startswith("40 videos of 5 labels")
    for family in families:
        row = next(line.split() for line in lines if line.startswith(family))
        assert [word.endswith("%") for word in row] == [False, True, True]
    assert lines[-1].startswith(("motion needed: ", "stills suffice: ", "undecided: "))


def test_a_verdict_of_tables(tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, str(EXAMPLE.with_name("verdict_of_tables.py")), str(tmp_path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith("Motion is needed")
    assert "('backward', 'forward')" in told.stdout


@pytest.mark.backend
def test_why_different(tmp_path: Path) -> None:
    """Small, so that the model learns little; what the loop does wrong is named all the same."""
    pytest.importorskip("cv2")
    told = subprocess.run(
        [sys.executable, str(EXAMPLE.with_name("why_different.py")), "--folder", str(tmp_path), "--videos", "30",
         "--epochs", "2"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    advice = [line.strip() for line in told.stdout.splitlines() if line.startswith("  ")]
    assert "scaling: give the model levels of 0 to 255: leave out '/ 255'" in advice
    assert "channel order: frame = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)" in advice
    assert told.stdout.splitlines()[-1].startswith("right again:")
