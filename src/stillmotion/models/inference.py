"""Load a Keras model from a file, and run it on any number of inputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from stillmotion.errors import StillmotionError
from stillmotion.models.keras_graph import iter_layers

BATCH_SIZE = 16
_MAX_REASON = 200  # characters of Keras's own message that are shown


def load_keras_model(
    file: Path, *, custom_objects: Mapping[str, Any] | None = None, unsafe: bool = False
) -> keras.Model:
    """Load a `.keras` or `.h5` file, not compiled, in Keras's safe mode.

    Args:
        file: the model's file.
        custom_objects: classes and functions that the file refers to, by name.
        unsafe: whether Python code inside of the file may run.

    Returns:
        The model.

    Raises:
        StillmotionError: the file is missing, or is not a model that can be loaded. The message is one line with
            Keras's reason; Keras's own error is its cause.
    """
    try:
        return keras.saving.load_model(
            file, custom_objects=dict(custom_objects or {}), compile=False, safe_mode=not unsafe
        )
    except Exception as error:  # A damaged or foreign file may raise anything.
        raise StillmotionError(f"{file}: not a Keras model that can be loaded ({_reason(error)})") from error


def _reason(error: Exception) -> str:
    """The last line of an error, which is where Keras says what went wrong, or the error's name."""
    lines = [" ".join(line.split()) for line in str(error).splitlines()]
    return next((line for line in reversed(lines) if line), type(error).__name__)[:_MAX_REASON]


def predict_in_batches(
    model: keras.Model, inputs: Iterable[NDArray[Any]], *, batch_size: int | None = None
) -> NDArray[np.float32]:
    """Run a model on inputs, batch by batch.

    The last batch is filled up with copies, because every new batch size costs a compilation. For the same reason only
    two sizes are used: 1 for a single input, and 16. Stateful layers are reset before each batch, so that a prediction
    does not depend on other inputs.

    Args:
        model: takes a batch of what `inputs` holds, and has one output.
        inputs: clips or pictures, at least one. A generator is read one batch at a time.
        batch_size: the only size that is used, for a model that is built for a fixed one.

    Returns:
        The model's output for each input, float32 `(inputs, ...)`.
    """
    stateful = [layer for layer in iter_layers(model) if getattr(layer, "stateful", False) is True]
    remaining = iter(inputs)
    outputs: list[NDArray[np.float32]] = []
    while batch := list(islice(remaining, batch_size or BATCH_SIZE)):
        single = len(batch) == 1 and not outputs
        size = batch_size or (1 if single else BATCH_SIZE)
        padding = [batch[-1]] * (size - len(batch))
        for layer in stateful:
            if hasattr(layer, "reset_state"):
                layer.reset_state()
        output = keras.ops.convert_to_numpy(model.predict_on_batch(np.stack(batch + padding)))
        outputs.append(np.asarray(output, np.float32)[: len(batch)])
    return np.concatenate(outputs)
