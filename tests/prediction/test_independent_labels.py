"""A model whose labels are independent gives as many as apply, and a stream names them as `predict` does."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from rich.console import Console

import stillmotion as sm
from helpers.commands import run_command
from helpers.media import Pictures, write_video
from stillmotion.cli.model_view import ModelView
from stillmotion.prediction import StreamStats, VideoPrediction, load_clip_model

pytestmark = pytest.mark.backend
COLORS = np.repeat(np.array([(0, 0, 0), (255, 0, 0), (0, 0, 255), (255, 0, 255)], np.uint8), 2, axis=0)
LABELS = np.repeat(["none", "red", "blue", "red + blue"], 2).tolist()


def write_color_model(file: Path, shape: tuple[int, ...]) -> Path:
    """Is there red, and is there blue?"""
    inputs = keras.Input(shape)
    dense = layers.Dense(2, activation="sigmoid")
    mean = keras.ops.mean(layers.Rescaling(1 / 255)(inputs), axis=tuple(range(1, len(shape))))
    model = keras.Model(inputs, dense(mean))
    dense.set_weights([np.array([[20, 0], [0, 0], [0, 20]], np.float32), np.full(2, -10, np.float32)])
    model.save(file)
    return file


def write_colors(file: Path, colors: Pictures) -> Path:
    return write_video(file, np.broadcast_to(colors[:, None, None], (len(colors), 16, 16, 3)))


def test_a_streams_table_names_them_as_predict_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, video = write_color_model(tmp_path / "m.keras", (16, 16, 3)), write_colors(tmp_path / "a.mkv", COLORS)
    facts = ("--channels", "rgb", "--rate", "10", "--labels", "red,blue")
    rows: dict[str, list[dict[str, Any]]] = {}
    views: list[ModelView] = []
    monkeypatch.setattr(ModelView, "__exit__", lambda view, *_: views.append(view))
    for command in ("predict", "stream"):
        out = tmp_path / f"{command}.jsonl"
        assert run_command(command, model, video, *facts, "--out", out).returncode == 0
        rows[command] = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["label"] for row in rows["stream"]] == LABELS
    assert list(rows["stream"][0]) == ["seconds", "label", "prob_red", "prob_blue"]
    for streamed, predicted in zip(rows["stream"], rows["predict"][:-1], strict=True):
        assert {**predicted, "seconds": predicted["end_seconds"]} == {**predicted, **streamed}
    assert [view.outputs for view in views] == ["independent sigmoids"]


def test_the_video_and_the_view_name_them_without_a_probability(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_color_model(tmp_path / "m.keras", (16, 16, 3))
    model = load_clip_model(file, channels="rgb", rate=10, labels=["red", "blue"])
    video = write_colors(tmp_path / "a.mkv", COLORS)
    texts: list[str] = []

    def draw(picture: Pictures, text: str, share: float) -> Pictures:
        texts.append(text)
        return picture

    monkeypatch.setattr("stillmotion.prediction.annotation.draw_label", draw)
    screen, stats = io.StringIO(), StreamStats()
    console = Console(file=screen, width=60)
    view = ModelView("a.mkv", model.labels, stats, console, model.outputs)
    sm.stream_to(model, video, video=tmp_path / "annotated.mp4", on_update=view.update, stats=stats)
    assert texts == LABELS
    screen.truncate(0)
    console.print(view)
    assert "red + blue  " in screen.getvalue() and "%" not in screen.getvalue()


@pytest.mark.parametrize("color", [0, 6])
def test_so_does_a_file_shorter_than_a_window(tmp_path: Path, color: int) -> None:
    file = write_color_model(tmp_path / "m.keras", (4, 16, 16, 3))
    model = load_clip_model(file, channels="rgb", rate=10, labels=["red", "blue"])
    video = write_colors(tmp_path / "a.mkv", COLORS[color : color + 2])
    (streamed,) = sm.stream(model, video)
    (predicted,) = sm.predict(model, [video])
    assert isinstance(predicted, VideoPrediction)
    assert streamed.label == predicted.label == LABELS[color]
