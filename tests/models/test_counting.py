"""Multiply-adds are those of published figures, and of layers counted by hand."""

from __future__ import annotations

import keras
import pytest

from stillmotion.models import build_model
from stillmotion.models.counting import count_multiply_adds

pytestmark = pytest.mark.backend


def test_published_figures() -> None:
    """0.30 billion: Sandler et al. 2018, table 4. 3.86 billion; He et al. 2016, table 1, print 3.8."""
    mobile = keras.applications.MobileNetV2(weights=None)
    assert count_multiply_adds(mobile) == pytest.approx(300e6, rel=0.02)
    residual = keras.applications.ResNet50(weights=None)
    assert count_multiply_adds(residual) == pytest.approx(3.86e9, rel=0.002)


def test_small_layers_by_hand() -> None:
    clip = keras.Input((4, 8, 8, 3))
    folded = keras.ops.reshape(clip, (-1, 8, 8, 3))
    pictures = keras.layers.Conv2D(5, 3, padding="same")(folded)
    vector = keras.ops.reshape(pictures, (-1, 4, 8 * 8 * 5))
    out = keras.layers.Dense(2)(keras.layers.Bidirectional(keras.layers.LSTM(6))(vector))
    model = keras.Model(clip, out)
    convolution, recurrent = 4 * 8 * 8 * 5 * 3 * 9, 2 * 4 * (320 * 24 + 6 * 24)
    assert count_multiply_adds(model) == convolution + recurrent + 12 * 2


def test_a_picture_model_in_a_clip_model_counts_once_per_frame() -> None:
    one_frame, eight_frames = (
        count_multiply_adds(build_model("frame_pool", frames=frames, height=32, width=32, classes=3))
        for frames in (1, 8)
    )
    assert eight_frames == 8 * one_frame > 0
    motion = build_model("cnn_rnn", frames=8, height=32, width=32, classes=3, options={"input": "rgb"})
    assert count_multiply_adds(motion) > eight_frames
