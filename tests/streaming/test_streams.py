"""A stream predicts what the model does for each window, whatever the network, the hop, the start and the cuts."""

from __future__ import annotations

import os
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings, strategies as st

from helpers.networks import network, noise, pixels, windows_of
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.streaming import WindowPrediction, stream_model
from stillmotion.streaming.rules import recurrent

pytestmark = pytest.mark.backend
ON_TENSORFLOW = os.environ.get("KERAS_BACKEND", "tensorflow") == "tensorflow"
SHARES = 4 if ON_TENSORFLOW else 1  # of the cases
CASES = settings(
    max_examples=20 if ON_TENSORFLOW else 4,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],  # shrinking builds networks for minutes
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)


@pytest.mark.jax
@pytest.mark.parametrize("share", range(SHARES))
def test_every_window_of_a_random_network(share: int) -> None:
    @seed(share)
    @CASES
    @given(st.data())
    def check(data: Any) -> None:
        every_window(data)

    check()


def every_window(data: Any) -> None:
    model = network(data.draw)
    length = model.input_shape[1]
    hop, start = data.draw(st.integers(1, length + 2)), data.draw(st.integers(0, 3))
    frames = noise(model, data.draw(st.integers(length, length + 12)))
    stream = stream_model(model, hop=hop, start=start, check=False)
    predictions = []
    rest = frames
    for size in [*data.draw(st.lists(st.sampled_from([0, 1, 2, 5]), max_size=8)), len(frames)]:
        predictions += stream.push(rest[:size])
        rest = rest[size:]
    stream.flush()
    expected = windows_of(model, frames, hop, start)
    assert [prediction.index for prediction in predictions] == list(range(len(expected)))
    streamed = np.array([prediction.probabilities for prediction in predictions]).reshape(expected.shape)
    np.testing.assert_allclose(streamed, expected, atol=1e-5)


def classic(frames: int = 6) -> keras.Model:
    """A user's own CNN-LSTM, as tutorials write it."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((frames, 12, 12, 3)),
            layers.Rescaling(1 / 255),
            layers.TimeDistributed(layers.Conv2D(4, 3, activation="relu")),
            layers.TimeDistributed(layers.MaxPooling2D()),
            layers.TimeDistributed(layers.Flatten()),
            layers.LSTM(8),
            layers.Dense(4, activation="softmax"),
        ]
    )


def test_streams_share_a_model_and_join_and_leave_freely() -> None:
    model = classic()
    stream = stream_model(model, streams=3, labels="a,b,c,d")
    videos = {name: pixels(20, seed) for seed, name in enumerate("abcd")}
    expected = {name: windows_of(model, video, 1, 0) for name, video in videos.items()}
    cuts = [
        {"a": 9, "b": 1}, {"a": 1, "b": 6, "c": 4}, {"b": 3}, {"c": 0, "a": 10}, {"c": 16, "d": 2},
        {"b": 10, "d": 18},
    ]  # fmt: skip
    at = dict.fromkeys(videos, 0)
    streamed: dict[str, list[WindowPrediction]] = {name: [] for name in videos}
    for sizes in cuts:
        new = {name: videos[name][at[name] : at[name] + size] for name, size in sizes.items()}
        times = {name: np.arange(at[name], at[name] + size) / 10 for name, size in sizes.items()}
        for name, predictions in stream.push(new, times).items():
            streamed[name] += predictions
        for name, size in sizes.items():
            at[name] += size
        if at["a"] == 20:
            stream.flush("a")  # its place is d's
    assert at == dict.fromkeys(videos, 20)
    for name, predictions in streamed.items():
        assert [prediction.index for prediction in predictions] == list(range(15))
        assert [prediction.seconds for prediction in predictions] == pytest.approx((np.arange(15) + 5) / 10)
        np.testing.assert_allclose([prediction.probabilities for prediction in predictions], expected[name], atol=1e-5)
        assert [prediction.label for prediction in predictions] == ["abcd"[row.argmax()] for row in expected[name]]
    with pytest.raises(UsageError, match="3 places, all taken"):
        stream.push({"e": videos["a"]})


@pytest.mark.parametrize(("hop", "frames"), [(1, 4), (1, 7), (2, 8), (2, 9), (3, 13)])
@pytest.mark.parametrize("kind", ["LSTM", "GRU", "GRU of old", "SimpleRNN"])
def test_open_windows_advance_side_by_side(kind: str, hop: int, frames: int) -> None:
    """A frame is the next step of every window that it belongs to; each window begins with a state of zeros."""
    layers = keras.layers
    options = {"reset_after": False} if kind == "GRU of old" else {}
    layer = getattr(layers, kind.split()[0])(5, bias_initializer="ones", **options)
    model = keras.Sequential([keras.Input((frames, 3)), layer, layers.Dense(4)])
    model.compile(run_eagerly=True)
    stream = stream_model(model, hop=hop, check=False)
    video = noise(model, 40)
    streamed = []
    for part in (video[:1], video[1:8], video[8:]):
        streamed += [prediction.probabilities for prediction in stream.push(part)]
    np.testing.assert_allclose(streamed, windows_of(model, video, hop, 0), atol=1e-5)


def test_after_flush_nothing_of_the_last_stream_is_left() -> None:
    model = classic()
    stream = stream_model(model, hop=2)
    stream.push(pixels(9, 1))
    stream.flush()
    streamed = [prediction.probabilities for prediction in stream.push(pixels(9, 2))]
    np.testing.assert_allclose(streamed, windows_of(model, pixels(9, 2), 2, 0), atol=1e-5)


def test_state_does_not_grow() -> None:
    stream = stream_model(classic(), check=False)
    sizes = set()
    for _ in range(40):
        stream.push(pixels(7))
        sizes.add(stream.state_bytes)
    assert len(sizes) == 1 and sizes.pop() > 0


def test_layers_report_what_is_computed_for_each_window() -> None:
    """Each frame is computed once; the LSTM runs over the window, on inputs that are projected once."""
    layers = keras.layers
    stream = stream_model(classic(), hop=2, check=False)
    kinds = {
        report.layer.rstrip("_0123456789"): (report.kind, report.computed, report.slices) for report in stream.layers
    }
    assert kinds["rescaling"] == kinds["time_distributed"] == ("per frame", 2, 6)
    assert kinds["lstm"] == ("whole window", 2, 6)
    assert [report.kind for report in stream.layers][-1] == "whole window"

    clip = keras.Input((8, 6, 6, 3))
    x = layers.Conv3D(4, 3, padding="same", name="touched")(clip)
    x = layers.Conv3D(4, 3, padding="valid", name="inner")(x)
    x = layers.Conv3D(4, 3, strides=(2, 1, 1), padding="same", name="strided")(x)
    x = layers.Conv3D(4, 3, padding="same", name="deep")(x)
    x = layers.ConvLSTM2D(2, 1, name="after")(x)
    reports = {report.layer: report for report in stream_model(keras.Model(clip, layers.Flatten()(x))).layers}
    assert (reports["touched"].kind, reports["touched"].computed, reports["touched"].slices) == ("local in time", 3, 8)
    assert (reports["inner"].computed, reports["inner"].slices) == (3, 6)
    assert (
        reports["deep"].kind == "whole window" and "depend on where the window begins or ends" in reports["deep"].reason
    )
    assert reports["after"].reason == ""  # The layer before it needs the whole window already.
    first = keras.Model(clip, layers.Flatten()(layers.Conv3DTranspose(2, 1)(clip)))
    (reason,) = [report.reason for report in stream_model(first).layers if "transpose" in report.layer]
    assert reason == "what Conv3DTranspose does with time is not known"


class Own(keras.Model):
    """A model with code of its own, whose calls can be seen unless it looks at the batch size."""

    def __init__(self, *, hidden: bool) -> None:
        super().__init__()
        self.dense, self.hidden = keras.layers.Dense(4), hidden

    def call(self, clip: Any) -> Any:
        if self.hidden and isinstance(clip, keras.KerasTensor) and not hasattr(clip, "numpy"):
            raise ValueError("needs numbers")
        means = keras.ops.mean(clip, axis=(2, 3)) * 0.01
        return self.dense(keras.ops.softmax(means, axis=1)[:, 0])

    def compute_output_shape(self, shape: Any) -> Any:
        return (shape[0], 4)


@pytest.mark.parametrize("hidden", [False, True])
def test_a_custom_layer_runs_on_the_window_unless_its_calls_can_be_seen(hidden: bool) -> None:
    clip = keras.Input((5, 4, 4, 3))
    own = Own(hidden=False)
    model = keras.Model(clip, own(keras.layers.Rescaling(1 / 255)(clip)))
    own.hidden = hidden
    stream = stream_model(model)
    reasons = {report.layer.rstrip("_0123456789"): report.reason for report in stream.layers if report.reason}
    if hidden:
        assert reasons == {"own": "what Own does with time is not known (ValueError: needs numbers)"}
    else:
        assert reasons == {"softmax": "it works along the time axis"}
    streamed = [prediction.probabilities for prediction in stream.push(pixels(9, side=4))]
    np.testing.assert_allclose(streamed, windows_of(model, pixels(9, side=4), 1, 0), atol=1e-5)


def test_a_wrong_division_is_noticed_and_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recurrent, "project", lambda cell, frames: keras.ops.matmul(frames, cell.kernel) + 1.0)
    model = classic()
    stream = stream_model(model)
    (wrong,) = [report for report in stream.layers if report.reason]
    assert wrong.layer.startswith("lstm") and "frame by frame its results differ by" in wrong.reason
    streamed = [prediction.probabilities for prediction in stream.push(pixels(9))]
    np.testing.assert_allclose(streamed, windows_of(model, pixels(9), 1, 0), atol=1e-5)


def test_a_stateful_model_carries_its_state_from_window_to_window() -> None:
    layers = keras.layers
    model = keras.Sequential([keras.Input((4, 3), batch_size=1), layers.LSTM(2, stateful=True)])
    frames = np.random.default_rng(0).normal(0, 1, (12, 3)).astype(np.float32)
    stream = stream_model(model, hop=4)
    model.reset_states() if hasattr(model, "reset_states") else model.layers[0].reset_state()
    expected = [np.asarray(model(frames[None, at : at + 4]))[0] for at in (0, 4, 8)]
    for _ in range(2):
        streamed = [prediction.probabilities for prediction in stream.push(frames)]
        np.testing.assert_allclose(streamed, expected, atol=1e-6)
        stream.flush()


def test_a_model_of_pictures_has_windows_of_one_frame() -> None:
    layers = keras.layers
    model = keras.Sequential([keras.Input((12, 12, 3)), layers.Conv2D(3, 2), layers.Flatten(), layers.Dense(4)])
    streamed = [prediction.probabilities for prediction in stream_model(model, hop=2).push(pixels(7))]
    np.testing.assert_allclose(streamed, np.asarray(model.predict_on_batch(pixels(7)[::2])), atol=1e-3)


def test_what_cannot_be_streamed_is_refused() -> None:
    layers = keras.layers
    with pytest.raises(UsageError, match="build it with a known number of frames"):
        stream_model(keras.Sequential([keras.Input((None, 3)), layers.LSTM(2)]))
    with pytest.raises(UsageError, match="windows must follow one another: hop is 1, expected 4"):
        stream_model(keras.Sequential([keras.Input((4, 3), batch_size=1), layers.LSTM(2, stateful=True)]))
    first, second = keras.Input((4, 3)), keras.Input((4, 3))
    with pytest.raises(UsageError, match="one input and one output"):
        stream_model(keras.Model([first, second], layers.Add()([first, second])))
    clip, unequal = keras.Input((4, 3)), layers.LSTM(3, go_backwards=True)
    both = layers.Bidirectional(layers.LSTM(2), backward_layer=unequal)(clip)
    with pytest.raises(StillmotionError, match="cannot predict a window"):  # Keras takes both sides for equal.
        stream_model(keras.Model(clip, layers.Dense(2)(both)))
    with pytest.raises(UsageError, match="hop is 0"):
        stream_model(classic(), hop=0)
    with pytest.raises(UsageError, match="2 labels for a model of 4"):
        stream_model(classic(), labels=["a", "b"])
    with pytest.raises(UsageError, match=r"expected \(n, 12, 12, 3\)"):
        stream_model(classic(), check=False).push(np.zeros((12, 12, 3), np.uint8))
