"""`stillmotion export` on the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from stillmotion.models import build_model

CODE = "import sys; from stillmotion.cli import main; sys.argv[0] = 'stillmotion'; main()"


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", CODE, "export", *map(str, words)], capture_output=True, text=True, timeout=240
    )


def test_a_streams_step_is_written_with_its_parity(tmp_path: Path) -> None:
    pytest.importorskip("tf2onnx")
    pytest.importorskip("onnxruntime")
    model = build_model("frame_pool", frames=3, height=16, width=16, classes=2)
    model.save(tmp_path / "mine.keras")
    done = run(tmp_path / "mine.keras", "--stream", "--labels", "up,down")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("predictions differ by at most ") and "in 8 windows of noise" in done.stdout
    folder = tmp_path / "mine-exports" / "onnx-stream"
    assert {file.name for file in folder.iterdir()} == {"model.onnx", "export.json", "use_it.py"}
    about = json.loads((folder / "export.json").read_text())
    assert about["labels"] == ["up", "down"] and about["hop"] == 1 and about["parity"]["max_difference"] < 1e-4


def test_a_wrong_call_is_one_line(tmp_path: Path) -> None:
    done = run(tmp_path, "--format", "pdf")
    assert done.returncode == 2
    assert done.stderr.strip() == "error: no format 'pdf': choose from onnx, openvino, saved_model, litert"
