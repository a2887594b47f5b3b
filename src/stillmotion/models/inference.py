"""Run a Keras model on any number of inputs."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from itertools import islice
from typing import Any
from weakref import WeakKeyDictionary

import keras
import numpy as np
from numpy.typing import NDArray

from stillmotion.models.keras_graph import iter_layers
from stillmotion.models.loading import load_keras_model as load_keras_model

BATCH_SIZE = 16

_locks: WeakKeyDictionary[Any, threading.RLock] = WeakKeyDictionary()
_making_locks = threading.Lock()


def model_lock(model: Any) -> threading.RLock:
    """The lock of a model, for what must not be done by two threads at once: to compile it, or to change its state."""
    with _making_locks:
        return _locks.setdefault(model, threading.RLock())


def predict_in_batches(
    model: keras.Model, inputs: Iterable[NDArray[Any]], *, batch_size: int | None = None
) -> NDArray[np.float32]:
    """Run a model on inputs, batch by batch.

    The last batch is filled up with copies, because every new batch size costs a compilation. For the same reason only
    two sizes are used: 1 for a single input, and 16. Stateful layers are reset before each batch, so that a prediction
    does not depend on other inputs. Several threads may call this with one model: they take turns, batch by batch.

    Args:
        model: takes a batch of what `inputs` holds, and has one output.
        inputs: clips or pictures, at least one. A generator is read one batch at a time.
        batch_size: the only size that is used. By default the one that the model is built for, if it is.

    Returns:
        The model's output for each input, float32 `(inputs, ...)`.
    """
    stateful = [layer for layer in iter_layers(model) if getattr(layer, "stateful", False) is True]
    if batch_size is None:
        shape = getattr(model, "input_shape", None)
        batch_size = shape[0] if isinstance(shape, tuple) else None
    remaining = iter(inputs)
    outputs: list[NDArray[np.float32]] = []
    while batch := list(islice(remaining, batch_size or BATCH_SIZE)):
        single = len(batch) == 1 and not outputs
        size = batch_size or (1 if single else BATCH_SIZE)
        padding = [batch[-1]] * (size - len(batch))
        with model_lock(model):
            for layer in stateful:
                if hasattr(layer, "reset_state"):
                    layer.reset_state()
            output = keras.ops.convert_to_numpy(model.predict_on_batch(np.stack(batch + padding)))
        outputs.append(np.asarray(output, np.float32)[: len(batch)])
    return np.concatenate(outputs)
