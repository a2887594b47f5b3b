"""What makes a resumed training the same as an uninterrupted one."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from stillmotion.training.checkpoints import CheckpointCallback, TrainingState

pytestmark = pytest.mark.backend


def dropped(model: keras.Model, folder: Path, *, seed: int, epoch: int) -> NDArray[np.bool_]:
    """What each dropout layer drops in the first step of an epoch, `(layers, units)`."""
    callback = CheckpointCallback(folder, TrainingState("identity"), patience=1, seed=seed)
    callback.set_model(model)
    callback.on_epoch_begin(epoch)
    outputs = model(np.ones((1, 64), np.float32), training=True)
    zeros: NDArray[np.bool_] = np.concatenate([keras.ops.convert_to_numpy(output) for output in outputs]) == 0
    return zeros


def test_dropout_is_seeded_in_each_epoch_from_the_seed_and_the_epoch(tmp_path: Path) -> None:
    units = keras.Input((64,))
    model = keras.Model(units, [keras.layers.Dropout(0.5, seed=7)(units) for _ in range(2)])
    first = dropped(model, tmp_path, seed=3, epoch=4)
    again = dropped(model, tmp_path, seed=3, epoch=4)
    next_epoch = dropped(model, tmp_path, seed=3, epoch=5)
    other_seed = dropped(model, tmp_path, seed=2, epoch=4)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, next_epoch)
    assert not np.array_equal(first, other_seed)
    assert not np.array_equal(first[0], first[1])  # nor do two layers drop the same
