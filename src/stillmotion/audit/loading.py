"""Any Keras model from disk, in safe mode: a run of ours, .keras, .h5, or a SavedModel folder."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from stillmotion.errors import StillmotionError, UsageError


def load_any(file: Path, *, known: Mapping[str, Any], unsafe: bool = False) -> keras.Model:
    """The model, not compiled.

    Args:
        known: custom layers and functions that the model may need, by name.
        unsafe: whether Python code inside the file may run.

    Raises:
        UsageError: nothing is there.
        StillmotionError: not a model, or one that needs custom layers or unsafe loading.
    """
    if not file.exists():
        raise UsageError(f"{file}: no such model")
    if file.is_dir():
        return _saved_model(file)
    if file.suffix.lower() not in (".keras", ".h5", ".hdf5"):
        raise UsageError(f"{file}: not a model; expected a run's folder, .keras, .h5 or a SavedModel folder")
    try:
        return keras.saving.load_model(file, custom_objects=dict(known), compile=False, safe_mode=not unsafe)
    except Exception as error:  # what a damaged or foreign file raises is of every kind
        raise StillmotionError(_why(file, str(error))) from None


def custom_objects(module: str) -> dict[str, Any]:
    """The layers, models and functions that a module defines, by name.

    Raises:
        UsageError: it cannot be imported.
    """
    found = import_user_module(module, "--custom")
    return {name: one for name, one in vars(found).items() if callable(one) and not name.startswith("_")}


def import_user_module(module: str, option: str) -> Any:
    """A module of the user's, looked for in the working folder too. Raises UsageError."""
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        return importlib.import_module(module)
    except Exception as error:
        raise UsageError(
            f"{option} {module}: cannot be imported ({type(error).__name__}: {' '.join(str(error).split())})"
        ) from None


def _why(file: Path, text: str) -> str:
    missing = re.search(r"Could not locate (?:class|function) '([^']+)'", text) or re.search(
        r"Unknown (?:layer|object|function):? '?([A-Za-z_][\w>.]*)'?", text
    )
    if "ambda" in text and "unsafe" in text.lower():
        return (
            f"{file}: holds Python code (a Lambda layer), which loading would run; if you trust whoever made the file, "
            "give --unsafe"
        )
    if missing:
        return (
            f"{file}: has a custom layer or function {missing[1]!r}; name the module that defines it: "
            "--custom package.module"
        )
    if "File not found" in text:  # Keras's words for a file that is there, and is no archive
        return f"{file}: not a Keras model (no such archive as Keras writes)"
    first = " ".join(text.split())[:200]
    return f"{file}: not a Keras model that can be loaded ({first})"


def _saved_model(folder: Path) -> keras.Model:
    """A SavedModel as a Keras model, by `TFSMLayer`: the endpoint "serve" of Keras's export, or "serving_default"."""
    if not (folder / "saved_model.pb").is_file():
        raise StillmotionError(f"{folder}: neither a run (no run.json) nor a SavedModel (no saved_model.pb)")
    if keras.backend.backend() != "tensorflow":
        raise StillmotionError(f"{folder}: a SavedModel needs the TensorFlow backend; set KERAS_BACKEND=tensorflow")
    import tensorflow as tf

    try:
        signatures = tf.saved_model.load(str(folder)).signatures
        endpoint = next(name for name in ("serving_default", "serve", *signatures) if name in signatures)
        inputs = list(signatures[endpoint].structured_input_signature[1].values())
        if len(inputs) != 1:
            raise StillmotionError(f"{folder}: takes {len(inputs)} inputs; the audit is of models with one")
        given = keras.Input(inputs[0].shape[1:], dtype=inputs[0].dtype.name)
        answer = keras.layers.TFSMLayer(str(folder), call_endpoint=endpoint)(given)
    except (OSError, ValueError, StopIteration, KeyError, RuntimeError, AttributeError) as error:
        why = str(error).splitlines()[0] if str(error) else "no endpoint"
        raise StillmotionError(f"{folder}: not a SavedModel that can be used ({why})") from None
    if isinstance(answer, dict):
        if len(answer) != 1:
            raise StillmotionError(f"{folder}: gives {len(answer)} outputs; the audit is of models with one")
        answer = next(iter(answer.values()))
    return keras.Model(given, answer)
