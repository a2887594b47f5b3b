"""A stream of a regression shows its numbers wherever another model's label and probability are shown."""

from __future__ import annotations

import io
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from rich.console import Console

import stillmotion as sm
from helpers.media import Pictures, write_video
from stillmotion.cli.model_view import ModelView
from stillmotion.prediction import EventDetector, StreamStats, load_clip_model
from stillmotion.prediction.annotation import draw_label

pytestmark = pytest.mark.backend


def test_numbers_are_shown_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The video, the view and the events: neither percent, nor a bar, nor the number's distance to 1."""
    inputs = keras.Input((16, 16, 3))
    dense = layers.Dense(2)
    model = keras.Model(inputs, dense(layers.GlobalAveragePooling2D()(inputs)))
    dense.set_weights([np.array([[0.5, -1], [0, 0], [0, 0]], np.float32), np.array([12.5, 0], np.float32)])
    model.save(tmp_path / "m.keras")
    file, labels = tmp_path / "m.keras", ["speed", "tilt"]
    loaded = load_clip_model(file, rate=10, labels=labels, input_range="0..255", channels="rgb", outputs="regression")
    pictures = np.zeros((4, 16, 16, 3), np.uint8)
    pictures[1, ..., 0], pictures[2, ..., 0] = 60, 20
    drawn: list[tuple[str, float | None]] = []

    def draw(picture: Pictures, text: str, share: float | None) -> Pictures:
        drawn.append((text, share))
        return draw_label(picture, text, share)

    monkeypatch.setattr("stillmotion.prediction.annotation.draw_label", draw)
    screen, stats = io.StringIO(), StreamStats()
    console = Console(file=screen, width=60)
    view = ModelView("a.mkv", loaded.labels, stats, console, loaded.outputs)
    video = write_video(tmp_path / "a.mkv", pictures)
    detector = EventDetector(
        loaded.labels, outputs="regression", enter_threshold={"speed": 20}, smoothing_seconds=0, min_duration_seconds=0
    )
    sm.stream_to(loaded, video, video=tmp_path / "b.mp4", detector=detector, on_update=view.update, stats=stats)
    texts = ["speed 12.5, tilt 0", "speed 42.5, tilt -60", "speed 22.5, tilt -20", "speed 12.5, tilt 0"]
    assert drawn == [(text, None) for text in texts]
    assert screen.getvalue().endswith("  speed  mean 32.5, peak 42.5\n")
    console.print(view)
    shown = screen.getvalue()
    assert texts[-1] in shown and "▁█▄▁" in shown and "%" not in shown


def test_there_is_no_bar_without_a_share() -> None:
    drawn = draw_label(np.zeros((64, 100, 3), np.uint8), "speed 42.5", None)
    assert drawn.any() and (drawn[..., 0] == drawn[..., 2]).all()
