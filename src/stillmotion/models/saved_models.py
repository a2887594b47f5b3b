"""SavedModel folders as Keras models."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from stillmotion.errors import StillmotionError, first_line


def load_saved_model(folder: Path, *, custom_objects: Mapping[str, Any], unsafe: bool = False) -> keras.Model:
    """A SavedModel as a Keras model, by `TFSMLayer`: its endpoint "serving_default", "serve", or the first one."""
    if not (folder / "saved_model.pb").is_file():
        raise StillmotionError(f"{folder}: neither a run (no run.json) nor a SavedModel (no saved_model.pb)")
    if not unsafe:
        raise StillmotionError(
            f"{folder}: a SavedModel is a program that TensorFlow runs without any checks; it can read and write your "
            "files; if you trust its author, give `unsafe`"
        )
    if keras.backend.backend() != "tensorflow":
        raise StillmotionError(f"{folder}: a SavedModel needs the TensorFlow backend; set KERAS_BACKEND=tensorflow")
    import tensorflow as tf

    try:
        signatures = tf.saved_model.load(str(folder)).signatures
        endpoint = next(name for name in ("serving_default", "serve", *signatures) if name in signatures)
        specs = list(signatures[endpoint].structured_input_signature[1].values())
        if len(specs) != 1:
            raise StillmotionError(f"{folder}: takes {len(specs)} inputs; only models with one input can be used")
        inputs = keras.Input(specs[0].shape[1:], dtype=specs[0].dtype.name)
        outputs = keras.layers.TFSMLayer(str(folder), call_endpoint=endpoint)(inputs)
    except (OSError, ValueError, StopIteration, KeyError, RuntimeError, AttributeError) as error:
        raise StillmotionError(f"{folder}: not a SavedModel that can be used ({first_line(error)})") from None
    if isinstance(outputs, dict):
        if len(outputs) != 1:
            raise StillmotionError(f"{folder}: has {len(outputs)} outputs; only models with one output can be used")
        outputs = next(iter(outputs.values()))
    return keras.Model(inputs, outputs)
