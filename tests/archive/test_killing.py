"""The small version of benchmarks/kill_archive.py: what dies at random times costs time, and no file."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

from helpers.archives import expected_predictions, read_predictions, write_archive

TEXTS = {f"{number:02}.mp4": "x" * (number + 1) for number in range(30)}


def benchmark() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "kill_archive.py"
    spec = importlib.util.spec_from_file_location("kill_archive", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds processes by /proc")
def test_kills_at_random_times_lose_no_file_and_predict_none_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips, out = write_archive(tmp_path / "clips", TEXTS), tmp_path / "out"
    (tmp_path / "trace").mkdir()
    command = [sys.executable, "-m", "helpers.archives", *map(str, (clips, out, tmp_path / "trace"))]
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    )
    killed = benchmark().disturb(command, 4, 1, pause=(1.0, 2.0))
    assert len(killed) > 2 and killed[-1] == "0", killed
    assert read_predictions(out) == expected_predictions(TEXTS)
