"""A stream's moments are the windows' answers, whatever the network, the hop, the start and the cuts."""

from __future__ import annotations

import os
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from networks import network

from stillmotion.streaming import stream_model

pytestmark = pytest.mark.backend
ON_TENSORFLOW = os.environ.get("KERAS_BACKEND", "tensorflow") == "tensorflow"
CASES = settings(
    max_examples=200 if ON_TENSORFLOW else 20,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],  # shrinking builds networks for minutes
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)


def windows_of(model: keras.Model, frames: Any, hop: int, start: int) -> Any:
    """The plain way: each window by itself."""
    length = model.input_shape[1]
    starts = range(start, len(frames) - length + 1, hop)
    if not starts:
        return np.zeros((0, 4), np.float32)
    return np.asarray(model.predict_on_batch(np.stack([frames[at : at + length] for at in starts])))


def noise(model: keras.Model, count: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(0, 1, (count, *model.input_shape[2:])).astype(np.float32)


@given(st.data())
@CASES
def test_every_window_of_a_random_network(data: Any) -> None:
    model = network(data.draw)
    length = model.input_shape[1]
    hop, start = data.draw(st.integers(1, length + 2)), data.draw(st.integers(0, 3))
    frames = noise(model, data.draw(st.integers(length, length + 12)))
    stream = stream_model(model, hop=hop, start=start, check=False)
    moments = []
    rest = frames
    while len(rest):
        size = data.draw(st.sampled_from([0, 1, 2, 5, 30]))
        moments += stream.push(rest[:size])
        rest = rest[size:]
    moments += stream.flush()
    expected = windows_of(model, frames, hop, start)
    assert [moment.index for moment in moments] == list(range(len(expected)))
    found = np.array([moment.probabilities for moment in moments]).reshape(expected.shape)
    np.testing.assert_allclose(found, expected, atol=1e-5)
