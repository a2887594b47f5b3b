"""The weights and their averages change places."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from stillmotion.training.averaged_weights import SwapAveragedWeights

pytestmark = [pytest.mark.backend, pytest.mark.jax]


def test_weights_and_averages_change_places_exactly() -> None:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile(keras.optimizers.AdamW(0.1, use_ema=True, ema_momentum=0.5), "mse")
    model.fit(np.eye(3), np.ones((3, 2)), epochs=3, verbose=0)
    averages = model.optimizer._model_variables_moving_average
    before = [np.array(keras.ops.convert_to_numpy(value)) for value in (*model.trainable_variables, *averages)]
    callback = SwapAveragedWeights()
    callback.set_model(model)
    for _ in range(2):  # there, and back again
        callback.on_test_begin()
        swapped = [keras.ops.convert_to_numpy(value) for value in (*averages, *model.trainable_variables)]
        assert all(map(np.array_equal, swapped, before))
        callback.on_test_end()
        restored = [keras.ops.convert_to_numpy(value) for value in (*model.trainable_variables, *averages)]
        assert all(map(np.array_equal, restored, before))
