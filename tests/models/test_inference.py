"""Models are loaded safely or refused in one line, and predict the same in batches of any size."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from stillmotion.errors import StillmotionError
from stillmotion.models.inference import load_keras_model, predict_in_batches

pytestmark = pytest.mark.backend


def test_a_saved_model_is_loaded(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    model.save(tmp_path / "model.keras")
    loaded = load_keras_model(tmp_path / "model.keras")
    inputs = np.eye(3, dtype=np.float32)
    np.testing.assert_allclose(loaded.predict_on_batch(inputs), model.predict_on_batch(inputs), atol=1e-6)


def test_python_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((3,)), layers.Lambda(lambda x: x * 2)])
    model.save(tmp_path / "code.keras")
    with pytest.raises(StillmotionError, match=r"code\.keras: contains Python code"):
        load_keras_model(tmp_path / "code.keras")
    assert load_keras_model(tmp_path / "code.keras", unsafe=True).output_shape == (None, 3)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError(""), "(ValueError)"),
        (TypeError("\n \n"), "(TypeError)"),
        (TypeError("could not be deserialized\n\nconfig={...}\n\nException encountered:  bad\tname \n"),
         "(Exception encountered: bad name)"),
        (AttributeError("x" * 900), f"({'x' * 200})"),
    ],
)  # fmt: skip
def test_the_reason_is_one_line(error: Exception, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    keras.Sequential([keras.Input((3,)), layers.Dense(1)]).save(tmp_path / "broken.keras")
    monkeypatch.setattr(keras.saving, "load_model", fail)
    with pytest.raises(StillmotionError) as refused:
        load_keras_model(tmp_path / "broken.keras")
    assert str(refused.value) == f"{tmp_path}/broken.keras: not a Keras model that can be loaded {reason}"
    assert refused.value.__cause__ is error


def test_a_missing_or_damaged_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "damaged.keras").write_bytes(b"PK\x03\x04 not an archive")
    for name, reason in (("absent.keras", "no such model"), ("damaged.keras", "not a Keras model")):
        with pytest.raises(StillmotionError, match=f"{name}: {reason}") as refused:
            load_keras_model(tmp_path / name)
        assert "\n" not in str(refused.value)


class CountingModel(keras.Model):
    """Sums its inputs, and notes the size of each batch."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    def predict_on_batch(self, x: Any) -> Any:
        self.sizes.append(len(x))
        return np.asarray(x).sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("count", "batch_size", "sizes"),
    [(1, None, [1]), (2, None, [16]), (16, None, [16]), (17, None, [16, 16]), (3, 2, [2, 2])],
)
def test_a_last_batch_is_filled_up_and_its_padding_dropped(
    count: int, batch_size: int | None, sizes: list[int]
) -> None:
    model = CountingModel()
    inputs = np.arange(2 * count, dtype=np.float32).reshape(count, 2)
    predicted = predict_in_batches(model, iter(inputs), batch_size=batch_size)
    assert model.sizes == sizes
    assert predicted.dtype == np.float32
    np.testing.assert_array_equal(predicted[:, 0], inputs.sum(axis=1))


def test_a_generator_is_read_a_batch_at_a_time() -> None:
    """So that the clips of a long video are never all in memory."""
    model, read = CountingModel(), []

    def inputs() -> Iterator[Any]:
        for _ in range(40):
            read.append(len(model.sizes))
            yield np.zeros(2, np.float32)

    predict_in_batches(model, inputs())
    assert read == [0] * 16 + [1] * 16 + [2] * 8


def test_a_stateful_layer_forgets_earlier_batches() -> None:
    model = keras.Sequential([keras.Input((2, 3), batch_size=1), layers.GRU(2, stateful=True)])
    clip = np.ones((2, 3), np.float32)
    first, again = (predict_in_batches(model, [clip], batch_size=1) for _ in range(2))
    both = predict_in_batches(model, [clip, clip], batch_size=1)
    np.testing.assert_allclose(both, [first[0], first[0]], atol=1e-6)
    np.testing.assert_allclose(again, first, atol=1e-6)
