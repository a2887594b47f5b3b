"""The main job on real videos, in Python and on the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import stillmotion as sm

pytestmark = pytest.mark.backend
# What is measured with a clock, or differs between machines and folders.
MEASURED = ("seconds", "milliseconds", "per_second", "megabytes")


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every key of a JSON document with its value."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, f"{path}/{key}")
    elif isinstance(value, list):
        yield path, len(value)
        for index, item in enumerate(value):
            yield from leaves(item, f"{path}/{index}")
    else:
        yield path, value


def figures(folder: Path) -> dict[str, Any]:
    record = json.loads((folder / "comparison.json").read_text(encoding="utf-8"))
    return {path: value for path, value in leaves(record) if not any(word in path for word in MEASURED)}


def test_the_command_and_the_library_say_the_same(moving: Path, tmp_path: Path) -> None:
    """Key by key, but for times; with a search, controls and several seeds."""
    comparison = sm.run_comparison(
        moving,
        out=tmp_path / "library",
        families=["frame_pool", "cnn_rnn"],
        frames=4,
        size=16,
        epochs=1,
        fractions=(0.6, 0.2, 0.2),
        effort="standard",
        seeds=2,
        seed=1,
    )
    words = (
        "--families frame_pool,cnn_rnn --frames 4 --size 16 --epochs 1 --split 0.6,0.2,0.2 --effort standard "
        "--seeds 2 --seed 1"
    )
    command = subprocess.run(
        [
            sys.executable,
            "-m",
            "stillmotion",
            "compare",
            str(moving),
            "--out",
            str(tmp_path / "command"),
            *words.split(),
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
        check=False,
    )
    assert command.returncode == 0, command.stderr
    library, by_command = figures(tmp_path / "library"), figures(tmp_path / "command")
    assert library.keys() == by_command.keys()
    assert {path: (value, by_command[path]) for path, value in library.items() if value != by_command[path]} == {}
    assert sm.read_comparison(tmp_path / "library") == comparison
    assert comparison.verdict is not None and comparison.verdict.sentence in command.stdout
    for folder in ("library", "command"):
        page = (tmp_path / folder / "report.html").read_text(encoding="utf-8")
        assert "<html" in page
    assert comparison.evidence is not None
    assert {control.name for control in comparison.evidence.retrained} == {"shuffled", "frozen"}
