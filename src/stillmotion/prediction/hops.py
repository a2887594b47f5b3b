"""How often a model can predict on this machine without falling behind a live source."""

from __future__ import annotations

import math
import time

import numpy as np

from stillmotion.streaming import StreamModel

# The share of the time between two windows that a prediction may take.
TARGET_LOAD = 0.7
# How often a prediction is timed.
TIMED_PREDICTIONS = 5


def hop_to_keep_up(seconds_per_prediction: float, rate: float) -> int:
    """The smallest hop at which predicting takes no more than `TARGET_LOAD` of the time.

    Args:
        seconds_per_prediction: how long one prediction takes.
        rate: the model's frames per second.

    Returns:
        Frames from one window to the next, at least 1.
    """
    return max(1, math.ceil(seconds_per_prediction * rate / TARGET_LOAD))


def measure_prediction_seconds(model: StreamModel) -> float:
    """Measure how long one prediction takes on this machine.

    Args:
        model: a stream model that no stream uses yet.

    Returns:
        The median of `TIMED_PREDICTIONS` predictions, in seconds.
    """
    clip = model.plan.graph.specs[model.plan.graph.input]
    blank = np.zeros((model.frames + 1, *clip.shape[2:]), np.uint8)
    model.push(blank)  # Compiles.
    seconds = []
    for _ in range(TIMED_PREDICTIONS):
        began = time.perf_counter()
        model.push(blank[:1])
        seconds.append(time.perf_counter() - began)
    model.flush()
    return float(np.median(seconds))
