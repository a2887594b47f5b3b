"""Keras models from disk: `.keras` and `.h5` files in safe mode, SavedModel folders only on request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from stillmotion.errors import StillmotionError, UsageError, first_line
from stillmotion.models.inference import load_keras_model


def load_model_file(file: Path, *, custom_objects: Mapping[str, Any], unsafe: bool = False) -> keras.Model:
    """Load a model, not compiled.

    Args:
        file: a `.keras` or `.h5` file, or a SavedModel folder.
        custom_objects: custom layers and functions that the model may need, by name.
        unsafe: whether code inside the file may run.

    Returns:
        The model.

    Raises:
        UsageError: it is neither a folder nor a file of a known kind.
        StillmotionError: it is not a model, or needs custom objects or unsafe loading.
    """
    if file.is_dir():
        return _load_saved_model(file, unsafe=unsafe)
    if file.suffix.lower() not in (".keras", ".h5", ".hdf5"):
        raise UsageError(f"{file}: not a model; expected a run's folder, .keras, .h5 or a SavedModel folder")
    try:
        return load_keras_model(file, custom_objects=custom_objects, unsafe=unsafe)
    except StillmotionError as error:
        raise StillmotionError(_hint(file, str(error.__cause__)) or str(error)) from None


def _hint(file: Path, text: str) -> str | None:
    """What to do about an error of Keras's, if that is known."""
    missing = re.search(r"Could not locate (?:class|function) '([^']+)'", text) or re.search(
        r"Unknown (?:layer|object|function):? '?([A-Za-z_][\w>.]*)'?", text
    )
    if "ambda" in text and "unsafe" in text.lower():
        return (
            f"{file}: contains Python code (a Lambda layer), which would run when the model is loaded; if you trust "
            "its author, use --unsafe"
        )
    if missing:
        return (
            f"{file}: has a custom layer or function {missing[1]!r}; name the module that defines it: "
            "--custom-objects package.module"
        )
    if "File not found" in text:  # Keras says so of a file that exists, but is not an archive.
        return f"{file}: not a Keras model (not an archive that Keras has written)"
    return None


def _load_saved_model(folder: Path, *, unsafe: bool) -> keras.Model:
    """A SavedModel as a Keras model, by `TFSMLayer`: its endpoint "serving_default", "serve", or the first one."""
    if not (folder / "saved_model.pb").is_file():
        raise StillmotionError(f"{folder}: neither a run (no run.json) nor a SavedModel (no saved_model.pb)")
    if not unsafe:
        raise StillmotionError(
            f"{folder}: a SavedModel is a program that TensorFlow runs without any checks; it can read and write your "
            "files; if you trust its author, use --unsafe"
        )
    if keras.backend.backend() != "tensorflow":
        raise StillmotionError(f"{folder}: a SavedModel needs the TensorFlow backend; set KERAS_BACKEND=tensorflow")
    import tensorflow as tf

    try:
        signatures = tf.saved_model.load(str(folder)).signatures
        endpoint = next(name for name in ("serving_default", "serve", *signatures) if name in signatures)
        specs = list(signatures[endpoint].structured_input_signature[1].values())
        if len(specs) != 1:
            raise StillmotionError(f"{folder}: takes {len(specs)} inputs; only models with one input can be audited")
        inputs = keras.Input(specs[0].shape[1:], dtype=specs[0].dtype.name)
        outputs = keras.layers.TFSMLayer(str(folder), call_endpoint=endpoint)(inputs)
    except (OSError, ValueError, StopIteration, KeyError, RuntimeError, AttributeError) as error:
        raise StillmotionError(f"{folder}: not a SavedModel that can be used ({first_line(error)})") from None
    if isinstance(outputs, dict):
        if len(outputs) != 1:
            raise StillmotionError(f"{folder}: has {len(outputs)} outputs; only models with one output can be audited")
        outputs = next(iter(outputs.values()))
    return keras.Model(inputs, outputs)
