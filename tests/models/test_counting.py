import keras
import pytest

from stillmotion.models import build_model
from stillmotion.models.counting import count_multiply_adds

pytestmark = pytest.mark.backend


def test_published_figures() -> None:
    """300 million and 3.8 thousand million: Sandler et al. 2018, table 4; He et al. 2016, table 1."""
    mobile = keras.applications.MobileNetV2(weights=None)
    assert count_multiply_adds(mobile) == pytest.approx(300e6, rel=0.02)
    residual = keras.applications.ResNet50(weights=None)
    assert count_multiply_adds(residual) == pytest.approx(3.8e9, rel=0.03)


def test_small_layers_by_hand() -> None:
    clip = keras.Input((4, 8, 8, 3))
    folded = keras.ops.reshape(clip, (-1, 8, 8, 3))
    pictures = keras.layers.Conv2D(5, 3, padding="same")(folded)
    vector = keras.ops.reshape(pictures, (-1, 4, 8 * 8 * 5))
    out = keras.layers.Dense(2)(keras.layers.Bidirectional(keras.layers.LSTM(6))(vector))
    model = keras.Model(clip, out)
    convolution, recurrent = 4 * 8 * 8 * 5 * 3 * 9, 2 * 4 * (320 * 24 + 6 * 24)
    assert count_multiply_adds(model) == convolution + recurrent + 12 * 2


def test_a_picture_model_in_a_clip_model_counts_once_a_frame() -> None:
    build = {"height": 32, "width": 32, "classes": 3}
    one, eight = (count_multiply_adds(build_model("frame_pool", frames=frames, **build)) for frames in (1, 8))
    assert eight == 8 * one > 0
    assert count_multiply_adds(build_model("cnn_rnn", frames=8, options={"input": "rgb"}, **build)) > eight
