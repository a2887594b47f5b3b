"""What makes a resumed training the same as an uninterrupted one."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from stillmotion.training.checkpoints import CheckpointCallback, TrainingState, read_state, save_variables

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


def small_callback(folder: Path) -> CheckpointCallback:
    """Checkpoints of a model that could be trained."""
    callback = CheckpointCallback(folder, TrainingState("identity"), patience=9, seed=0)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.AdamW(use_ema=True), loss="mse")
    model.optimizer.build(model.trainable_variables)
    for part in (callback, callback.swap_averaged_weights):
        part.set_model(model)
    return callback


def test_saving_takes_a_small_share_of_the_time_and_the_last_epoch_is_always_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Saving takes 1 s here, and an epoch 6 s: so every fourth epoch is saved, after 20 s or more."""
    monkeypatch.setattr("stillmotion.training.checkpoints.SAVING_SHARE", 0.05)
    clock = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: clock[0])

    def write(path: Path, variables: object) -> None:
        save_variables(path, variables)  # type: ignore[arg-type]
        clock[0] += 0.5

    monkeypatch.setattr("stillmotion.training.checkpoints.save_variables", write)
    callback = small_callback(tmp_path)
    saved = []
    for epoch in range(10):
        clock[0] += 6.0
        callback.on_epoch_end(epoch, {"val_loss": 1 / (epoch + 1), "val_accuracy": 0.5})
        saved.append(read_state(tmp_path, "identity").epochs)
    assert saved == [1, 1, 1, 1, 5, 5, 5, 5, 9, 9]
    callback.on_train_end()
    assert read_state(tmp_path, "identity").epochs == 10
    assert sorted(file.name for file in tmp_path.iterdir()) == ["best-10.npz", "latest-10.npz", "state.json"]


def test_the_best_weights_are_those_of_the_best_epoch_whenever_they_are_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stillmotion.training.checkpoints.SAVING_SHARE", 0.001)
    callback = small_callback(tmp_path)
    (average, *_) = callback.model.optimizer._model_variables_moving_average
    for epoch, loss in enumerate([3.0, 1.0, 2.0]):
        average.assign(keras.ops.ones(average.shape) * epoch)
        callback.on_epoch_end(epoch, {"val_loss": loss, "val_accuracy": 0.5})
    callback.on_train_end()
    with np.load(tmp_path / "best-2.npz") as archive:
        assert np.all(archive["arr_0"] == 1.0)
