"""The examples run, from the first line to the last, on few videos, in a process where a backend is loaded already."""

from __future__ import annotations

import asyncio
import io
import json
import os
import runpy
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest

import stillmotion as sm
from helpers.commands import COMMAND, run_command
from helpers.media import noise, write_video
from helpers.training import write_untrained_run

EXAMPLES = Path(__file__).parents[1] / "examples"
run_process = subprocess.run


def run_example(name: str, *words: str | Path) -> str:
    """Run an example with these words, and the commands that it starts; return what it prints."""
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(printed):
        patch.setattr(sys, "argv", [name, *map(str, words)])
        patch.setattr(subprocess, "run", run_here)
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    return printed.getvalue()


def run_here(words: Any, **settings: Any) -> subprocess.CompletedProcess[str]:
    """In the place of `subprocess.run`: `python -m stillmotion` runs in this process, all else as it did."""
    if words[:3] != COMMAND:
        return run_process(words, **settings)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(settings["cwd"])
        return run_command(*words[3:])


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for two examples on the same videos, which the first of them renders."""
    return tmp_path_factory.mktemp("line")


@pytest.mark.backend
def test_three_ways(line: Path) -> None:
    """On JAX without the 3D convolutions, which take long on CPUs there."""
    families = ["frame_pool", "cnn_rnn", "conv3d"]
    if os.environ.get("KERAS_BACKEND") == "jax":
        families.remove("conv3d")
    words: list[str | Path] = ["--folder", line, "--videos", "20", "--epochs", "1", "--families", ",".join(families)]
    lines = run_example("three_ways.py", *words).splitlines()
    assert lines[0].startswith("20 videos of 5 labels")
    for family in families:
        row = next(line.split() for line in lines if line.startswith(family))
        assert [word.endswith("%") for word in row] == [False, True, True]
    assert lines[-1].startswith(("motion needed: ", "stills suffice: ", "undecided: "))


def test_a_verdict_of_tables(tmp_path: Path) -> None:
    printed = run_example("verdict_of_tables.py", tmp_path)
    assert printed.startswith("Motion is needed")
    assert "('backward', 'forward')" in printed


@pytest.mark.backend
@pytest.mark.filterwarnings("ignore:`shuffle=True` was passed")  # by Keras itself
def test_why_different(tmp_path: Path) -> None:
    """Small, so that the model learns little; what the loop does wrong is named all the same."""
    pytest.importorskip("cv2")
    lines = run_example("why_different.py", "--folder", tmp_path, "--videos", "20", "--epochs", "2").splitlines()
    advice = [line.strip() for line in lines if line.startswith("  ")]
    assert "scaling: give the model levels of 0 to 255: remove '/ 255'" in advice
    assert "channel order: frame = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)" in advice
    assert lines[-1].endswith("(fixed loop)")


@pytest.mark.backend
def test_live(line: Path) -> None:
    words: list[str | Path] = ["--folder", line, "--videos", "20", "--epochs", "1", "--frames", "3"]
    plain, own = run_example("live.py", *words).split("\n\n")
    off = float(plain.split("largest difference ")[1].split()[0])
    assert off < 1e-5
    assert "lstm" in plain and "1 of 16" in plain
    title, *windows = own.splitlines()
    assert "labeled" in title and len(windows) > 3
    assert all("window to" in line and line.endswith("%") for line in windows)


@pytest.mark.backend
def test_a_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("fastapi")
    run = write_untrained_run(tmp_path / "run", "frame_pool", sm.ClipSpec(frames=2, size=16), ("left", "right"))
    video = write_video(tmp_path / "a.mp4", noise(4)).read_bytes()
    (expected,) = sm.predict(run, video)
    assert isinstance(expected, sm.VideoPrediction)
    monkeypatch.setenv("STILLMOTION_MODEL", str(run.folder))
    service = runpy.run_path(str(EXAMPLES / "service.py"))

    async def serve() -> list[tuple[int, Any]]:
        async with service["load_model"](service["app"]):
            answers = [await post(service["app"], body) for body in (video, b"no video")]
            service["predict"].__globals__["MAX_BYTES"] = 10
            return [*answers, await post(service["app"], video)]

    (status, answer), *refused = asyncio.run(serve())
    assert (status, answer["label"]) == (200, expected.label)
    assert list(answer["probabilities"].values()) == pytest.approx(expected.probabilities.tolist(), abs=1e-6)
    assert [status for status, _ in refused] == [422, 413]
    assert refused[0][1]["detail"].startswith("input 0: ")


async def post(app: Any, body: bytes) -> tuple[int, Any]:
    """Post a body to `/predict` of an ASGI app; return the status and the JSON."""
    request = [{"type": "http.request", "body": body}]
    answer: dict[str, Any] = {}

    async def receive() -> dict[str, Any]:
        return request.pop() if request else {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        answer.update(message)

    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "path": "/predict"}
    await app({**scope, "raw_path": b"/predict", "query_string": b"", "headers": [], "scheme": "http"}, receive, send)
    return answer["status"], json.loads(answer["body"])


@pytest.mark.backend
@pytest.mark.skipif(os.environ.get("KERAS_BACKEND") == "jax", reason="exported from TensorFlow")
def test_an_old_model(tmp_path: Path) -> None:
    """A Keras 2 file of a model for BGR / 255 is found out to be one, and labels the video rightly."""
    run_example("old_model.py", "--folder", tmp_path)
    card = json.loads((tmp_path / "new.json").read_text())
    assert (card["channels"]["value"], card["channels"]["source"]) == ("BGR", "measured")
    assert (card["input_range"]["value"], card["input_range"]["source"]) == ("0..1", "measured")
    rows = (tmp_path / "events.csv").read_text().splitlines()[1:]
    assert [row.split(",")[2] for row in rows] == ["red", "blue"]
    assert (tmp_path / "exported" / "use_it.py").exists()
