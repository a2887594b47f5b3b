"""What Keras 2 itself, the package `tf_keras`, computes with a file: a cleaned model is compared with that."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from stillmotion.models.loading import read_stored
from stillmotion.models.saved_models import SavedLayers, read_saved_layers


def is_of_keras_2(file: Path) -> bool:
    """Whether a model was written by Keras 2, so that it is loaded from a cleaned copy of its configuration.

    Args:
        file: what `load_keras_model` takes.

    Returns:
        Whether it was.
    """
    with tempfile.TemporaryDirectory() as folder:
        stored = read_saved_layers(file) if file.is_dir() else read_stored(file, Path(folder))
    return stored is not None and stored.keras_version.startswith("2.")


def predict_with_keras_2(file: Path, batch: Any, *, unsafe: bool = False) -> list[NDArray[Any]] | None:
    """Run a file of Keras 2 with Keras 2.

    Args:
        file: a model without custom layers.
        batch: what it takes.
        unsafe: whether code inside the file may run.

    Returns:
        Its outputs; None if `tf_keras` is not installed, or cannot run it.
    """
    try:
        import tf_keras
    except ImportError:
        return None
    with tempfile.TemporaryDirectory() as folder:
        try:
            stored = read_saved_layers(file) if file.is_dir() else read_stored(file, Path(folder))
            if stored is None:
                return None
            architecture = json.dumps(stored.config)
            if "lambda" in architecture.lower() and not unsafe:
                return None  # Keras 2 runs such code without asking.
            model = tf_keras.models.model_from_json(architecture)
            if isinstance(stored, SavedLayers):
                model.set_weights([value for _, value in stored.weights])
            else:
                model.load_weights(stored.weights)
            return [np.asarray(output) for output in keras.tree.flatten(model.predict_on_batch(batch))]
        except Exception:  # Other versions of Keras 2 may refuse anything.
            return None
