"""The quick version of benchmarks/zoo.py: models of many kinds stream exactly, and share what they can."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

import keras
import numpy as np
import pytest

from stillmotion.models.keras_graph import predict_batch
from stillmotion.streaming import stream_model

pytestmark = pytest.mark.backend
BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
ON_TENSORFLOW = os.environ.get("KERAS_BACKEND", "tensorflow") == "tensorflow"
# What the model's first layers cost is shared, and the reason for what is not.
CASES = {
    "CNN-LSTM": None,
    "GRU with a mask from the features": None,
    "RNN of stacked cells": None,
    "one CNN for each frame in a list, stacked": None,
    "ConvLSTM2D": None,
    "fixed batch size": None,
    "R(2+1)D, subclassed, with get_config": None,
    "Conv3D in groups": None,
    "temporal shift (TSM)": None,
    "MoViNet: ops.pad in front, Conv3D": None,
    "transformer for each frame, LSTM": None,
    "softmax over frames by Permute": "it works along the time axis",
    "softmax over frames as an activation of one's own": "it works along the time axis",
    "softmax over frames, Dense(activation=...)": "it works along the time axis",
    "transformer with position embeddings": "its constant differs from frame to frame",
    "EinsumDense with a bias over time": "its bias differs from frame to frame",
    "glu over time": "it works along the time axis",
    "a layer whose code cannot be seen": "what Blurred does with time is not known (TypeError: values are needed)",
    "dictionary in and out": None,
    "lists of one in and out": None,
    "one number without an axis": None,
    "an output for each frame": None,
    "subclassed, built by a call": None,
    "CNN-GRU, mixed_bfloat16": "computed in bfloat16, frame by frame its results differ",
}
ON_JAX = ("CNN-LSTM", "softmax over frames by Permute", "dictionary in and out")


@pytest.fixture(scope="module")
def zoo() -> ModuleType:
    spec = importlib.util.spec_from_file_location("zoo_models", BENCHMARKS / "zoo_models.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["zoo_models"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.jax
@pytest.mark.parametrize("name", CASES if ON_TENSORFLOW else ON_JAX)
def test_predicts_what_the_model_does(name: str, zoo: ModuleType) -> None:
    keras.utils.set_random_seed(1)
    model = zoo.MODELS[name]()
    stream = stream_model(model)
    frames = np.random.default_rng(0).random((stream.frames + 2, *stream.plan.frame_shape)).astype(np.float32)
    streamed = np.array([each.probabilities for frame in frames for each in stream.push(frame[None])])
    expected = predict_batch(model, np.stack([frames[at : at + stream.frames] for at in range(3)]))
    np.testing.assert_allclose(streamed.reshape(expected.shape), expected, atol=1e-5)
    reasons = [report.reason for report in stream.layers if report.reason]
    wanted = CASES[name]
    if wanted:
        assert any(wanted in reason for reason in reasons), reasons
    else:
        assert stream.layers[0].computed < stream.layers[0].slices or stream.layers[0].kind != "whole window"
        assert not any("not known" in reason or "cannot" in reason for reason in reasons), reasons


def test_there_are_at_least_sixty_models(zoo: ModuleType) -> None:
    assert len(zoo.MODELS) >= 60
