"""Batch normalization as one operation of TensorFlow trains the same model."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from numpy.typing import NDArray

from stillmotion.training.fused_normalization import fused_normalization

pytestmark = pytest.mark.backend


def small_model() -> keras.Model:
    keras.utils.set_random_seed(0)
    pictures = keras.Input((6, 6, 3))
    x = layers.BatchNormalization(momentum=0.8)(layers.Conv2D(4, 3)(pictures))
    x = layers.BatchNormalization(momentum=0.5)(layers.Dense(5)(layers.Flatten()(x)))
    return keras.Model(pictures, layers.Dense(2, activation="softmax")(x))


def trained(context: Any) -> tuple[keras.Model, list[NDArray[np.float32]]]:
    model = small_model()
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss="categorical_crossentropy")
    rng = np.random.default_rng(0)
    with context(model):
        for _ in range(5):
            model.train_on_batch(rng.normal(3, 5, (4, 6, 6, 3)).astype("float32"), np.eye(2)[rng.integers(2, size=4)])
    return model, [np.asarray(weight) for weight in model.weights]


def test_it_trains_the_same_model_and_the_layers_are_keras_own_afterwards() -> None:
    _, plain = trained(nullcontext)
    model, fused = trained(fused_normalization)
    for one, other in zip(plain, fused, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    # Trained for a batch of 4 x 4 x 4 places, the unbiased variance would be 1.6 % larger.
    assert not [layer.name for layer in model.layers if "call" in vars(layer)]
    assert keras.Model.from_config(model.get_config()).count_params() == model.count_params()


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="fused on TensorFlow only")
def test_pictures_are_normalized_by_one_operation(monkeypatch: pytest.MonkeyPatch) -> None:
    model = small_model()
    with fused_normalization(model):
        assert [layer.name for layer in model.layers if "call" in vars(layer)] == [model.layers[2].name]
    model.layers[2].trainable = False
    with fused_normalization(model):
        assert not [layer.name for layer in model.layers if "call" in vars(layer)]
