"""`stillmotion export` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from helpers.commands import run_command
from stillmotion.models import build_model


def test_a_streams_step_is_written_with_its_parity(tmp_path: Path) -> None:
    pytest.importorskip("tf2onnx")
    pytest.importorskip("onnxruntime")
    model = build_model("frame_pool", frames=3, height=16, width=16, classes=2)
    model.save(tmp_path / "mine.keras")
    result = run_command("export", tmp_path / "mine.keras", "--stream", "--labels", "up,down", "--channels", "rgb")
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("predictions differ by at most ")
    assert "in 0 windows of videos and 8 of noise" in result.stdout
    folder = tmp_path / "mine-exports" / "onnx-stream"
    assert {file.name for file in folder.iterdir()} == {"model.onnx", "export.json", "use_it.py", "sample.npy"}
    about = json.loads((folder / "export.json").read_text())
    assert about["labels"] == ["up", "down"] and about["hop"] == 1 and about["parity"]["max_difference"] < 1e-4


def test_a_wrong_call_is_one_line(tmp_path: Path) -> None:
    result = run_command("export", tmp_path, "--format", "pdf")
    assert result.returncode == 2
    assert result.stderr.strip() == "error: no format 'pdf': choose from onnx, openvino, saved_model, litert"
