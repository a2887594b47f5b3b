"""Load a Keras model from disk: `.keras` and `.h5` of Keras 2 and 3, JSON with weights, SavedModel folders."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from stillmotion.errors import StillmotionError, UsageError, last_line
from stillmotion.models.keras_graph import iter_layers
from stillmotion.models.old_files import ACTIVATION_LAYERS, clean_config, correct_weights
from stillmotion.models.saved_models import assign_weights, read_saved_layers, run_saved_model

_MAX_CONFIG = 64 << 20  # bytes of a configuration, which is text
_MAX_EXPANSION = 100  # of a file in an archive, which Keras stores as it is
_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_WEIGHTS_NAMES = ("{}.weights.h5", "{}.h5", "{}.hdf5", "{}_weights.h5")


@dataclass(frozen=True)
class StoredModel:
    """A model as Keras has written it.

    Attributes:
        config: its class and configuration.
        keras_version: the version that wrote it.
        weights: the file that holds its weights.
    """

    config: Mapping[str, Any]
    keras_version: str
    weights: Path


def load_keras_model(
    file: Path, *, custom_objects: Mapping[str, Any] | None = None, unsafe: bool = False
) -> keras.Model:
    """Load a model, not compiled, in Keras's safe mode.

    A model of Keras 2 is loaded from a cleaned copy of its configuration; see `old_files`.

    Args:
        file: a `.keras` or `.h5` file of any version of Keras 2 or 3; a `.json` file with the weights beside it, or
            those weights; or a SavedModel folder.
        custom_objects: classes and functions that the file refers to, by name.
        unsafe: whether code inside of the file may run, such as that of Lambda layers. A SavedModel that cannot be
            rebuilt from its layers is such code.

    Returns:
        The model.

    Raises:
        UsageError: the file is of no known kind.
        StillmotionError: the file is missing, or is not a model that can be loaded. The message is one line with
            Keras's reason, and what to do about it where that is known.
    """
    objects = dict(custom_objects or {})
    if file.is_dir():
        return _load_saved_model(file, objects, unsafe)
    if not file.is_file():
        raise StillmotionError(f"{file}: no such model")
    with tempfile.TemporaryDirectory() as folder:
        try:
            return _load_file(file, Path(folder), objects, unsafe)
        except StillmotionError as error:
            if type(error) is not StillmotionError or str(error).startswith(str(file)):
                raise
            raise StillmotionError(f"{file}: {error}") from error
        except Exception as error:  # A damaged or foreign file may raise anything.
            raise StillmotionError(f"{file}: {_explain(file, error)}") from error


def _load_file(file: Path, temporary: Path, objects: dict[str, Any], unsafe: bool) -> keras.Model:
    """Load a file; what has to be unpacked goes into a temporary folder."""
    stored = read_stored(file, temporary)
    if stored is None:  # Keras 3's own, which it loads best by itself.
        link = temporary / ("model.h5" if _is_hdf5(file) else "model.keras")
        link.symlink_to(file.resolve())
        model = keras.saving.load_model(link, custom_objects=objects, compile=False, safe_mode=not unsafe)
    else:
        model = rebuild(stored.config, stored.keras_version, objects, unsafe=unsafe)
        model.load_weights(stored.weights)
        if stored.keras_version.startswith("2."):
            correct_weights(model)
    return _finished(model)


def read_stored(file: Path, temporary: Path) -> StoredModel | None:
    """Read a model's configuration, and find its weights.

    Args:
        file: what `load_keras_model` takes, but no folder.
        temporary: a folder for what has to be unpacked.

    Returns:
        What is stored; None for a complete file of Keras 3.

    Raises:
        UsageError: the file is of no known kind.
        StillmotionError: it is not a model.
    """
    if _is_hdf5(file):
        return _read_hdf5(file, temporary)
    if zipfile.is_zipfile(file):
        return _read_archive(file, temporary)
    if file.suffix.lower() == ".json":
        return _read_json(file, _find_weights(file), temporary)
    if file.suffix.lower() in (".keras", ".h5", ".hdf5"):
        raise StillmotionError("not a Keras model (neither an archive nor an HDF5 file)")
    raise UsageError(
        f"{file}: not a model; expected a run's folder, .keras, .h5, .json with weights, .onnx, .tflite or a "
        "SavedModel folder"
    )


def _is_hdf5(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(len(_HDF5_SIGNATURE)) == _HDF5_SIGNATURE


def _finished(model: keras.Model) -> keras.Model:
    """The model, whose layers know the weights that they have got."""
    for layer in iter_layers(model):
        # HDF5 files set what it has adapted to without telling it.
        if isinstance(layer, keras.layers.Normalization) and layer.built and layer.input_mean is None:
            layer.finalize_state()
    return model


def _load_saved_model(folder: Path, objects: dict[str, Any], unsafe: bool) -> keras.Model:
    """A SavedModel, rebuilt from its layers if it holds them; else run as the program that it is."""
    if not (folder / "saved_model.pb").is_file():
        raise StillmotionError(f"{folder}: neither a run (no run.json) nor a SavedModel (no saved_model.pb)")
    reason = ""
    try:
        saved = read_saved_layers(folder)
        if saved is not None:
            model = rebuild(saved.config, saved.keras_version, objects, unsafe=unsafe)
            assign_weights(model, saved.weights)
            correct_weights(model)
            return _finished(model)
    except Exception as error:  # A damaged or foreign file may raise anything.
        explained = str(error) if isinstance(error, StillmotionError) else _explain(folder, error)
        reason = f"; its layers alone cannot be used: {explained}"
    if not unsafe:
        raise StillmotionError(
            f"{folder}: a SavedModel is a program that TensorFlow runs without any checks; it can read and write your "
            f"files; if you trust its author, give `unsafe`{reason}"
        )
    return run_saved_model(folder)


def rebuild(config: Mapping[str, Any], keras_version: str, objects: Mapping[str, Any], *, unsafe: bool) -> keras.Model:
    """Build a model from its configuration.

    Args:
        config: its class and configuration.
        keras_version: the version that wrote it.
        objects: custom classes and functions by name.
        unsafe: whether code inside of it may run.

    Returns:
        The model, without its weights.

    Raises:
        StillmotionError: something in it has no counterpart in Keras 3.
    """
    if not keras_version.startswith("3."):
        config = clean_config(config, keras_version, objects)
        objects = {name: getattr(keras.layers, name) for name in ACTIVATION_LAYERS} | dict(objects)
    return keras.saving.deserialize_keras_object(config, custom_objects=objects, safe_mode=not unsafe)


def _read_hdf5(file: Path, temporary: Path) -> StoredModel | None:
    """A model in an HDF5 file; None if Keras 3 has written it."""
    import h5py

    with h5py.File(file, "r") as opened:
        config, version = (_text(opened.attrs.get(key)) for key in ("model_config", "keras_version"))
    if config is None:
        architecture = _find_architecture(file)
        if architecture is None:
            raise StillmotionError(
                "holds only weights, no model; put the model's architecture beside it (model.to_json() as "
                f"{file.name.removesuffix('.h5').removesuffix('.weights')}.json), or build the model in Python, call "
                f"load_weights and save it as .keras"
            )
        return _read_json(architecture, file, temporary)
    if (version or "2.").startswith("3."):
        return None
    link = temporary / "model.h5"
    link.symlink_to(file.resolve())
    return StoredModel(json.loads(config), version or "2.0", link)


def _read_archive(file: Path, temporary: Path) -> StoredModel | None:
    """A model in a `.keras` archive; None if Keras 3 has written it."""
    with zipfile.ZipFile(file) as archive:
        if "config.json" not in archive.namelist():
            raise StillmotionError("not a Keras model (an archive without config.json)")
        version = json.loads(_read_member(archive, "metadata.json")).get("keras_version", "3.")
        if version.startswith("3."):
            return None
        config = json.loads(_read_member(archive, "config.json"))
        weights = temporary / "model.weights.h5"
        _check_size(archive.getinfo(weights.name), 1 << 32)
        with archive.open(weights.name) as packed, weights.open("wb") as unpacked:
            shutil.copyfileobj(packed, unpacked)
    return StoredModel(config, version, weights)


def _read_member(archive: zipfile.ZipFile, name: str) -> bytes:
    """A small file in an archive."""
    _check_size(archive.getinfo(name), 0)
    return archive.read(name)


def _check_size(member: zipfile.ZipInfo, free: int) -> None:
    """Refuse a file of more than `free` bytes that is far larger than what is stored of it (a decompression bomb)."""
    if member.file_size > max(free, _MAX_CONFIG) and member.file_size > _MAX_EXPANSION * member.compress_size:
        raise StillmotionError(f"its {member.filename} would unpack to {member.file_size / 2**20:.0f} MB; refused")


def _read_json(file: Path, weights: Path, temporary: Path) -> StoredModel:
    """An architecture with the weights that belong to it."""
    if file.stat().st_size > _MAX_CONFIG:
        raise StillmotionError(f"{file}: too large for a model's architecture")
    config = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(config, dict) or "class_name" not in config:
        raise StillmotionError("not a model's architecture, as model.to_json() writes it")
    import h5py

    # Keras tells the two forms of weights apart by their file's name.
    with h5py.File(weights, "r") as opened:
        legacy = "layer_names" in opened.attrs or "model_weights" in opened
    link = temporary / ("model.h5" if legacy else "model.weights.h5")
    link.symlink_to(weights.resolve())
    return StoredModel(config, config.get("keras_version", "3."), link)


def _find_weights(file: Path) -> Path:
    """The weights beside an architecture: of the same name, or the only ones there."""
    for name in _WEIGHTS_NAMES:
        if (weights := file.with_name(name.format(file.stem))).is_file():
            return weights
    others = [path for path in file.parent.iterdir() if path.suffix in (".h5", ".hdf5")]
    if len(others) != 1:
        raise StillmotionError(f"an architecture without weights; expected them beside it as {file.stem}.weights.h5")
    return others[0]


def _find_architecture(weights: Path) -> Path | None:
    """The architecture beside weights: of the same name, or the only one there."""
    others = [path for path in weights.parent.glob("*.json") if is_architecture(path)]
    stem = weights.name.partition(".")[0].removesuffix("_weights")
    same = [path for path in others if path.stem == stem]
    candidates = same or others
    return candidates[0] if len(candidates) == 1 else None


def model_files(file: Path) -> list[Path]:
    """The files that a model consists of.

    Args:
        file: the file that it is loaded from.

    Returns:
        The file; the weights of an architecture, or the architecture of weights, comes with it.
    """
    try:
        if file.suffix.lower() == ".json":
            return [file, _find_weights(file)]
        if file.suffix.lower() in (".h5", ".hdf5"):
            import h5py

            with h5py.File(file, "r") as opened:
                alone = "model_config" in opened.attrs
            return [file] if alone or not (architecture := _find_architecture(file)) else [file, architecture]
    except (OSError, StillmotionError):
        pass  # It cannot be loaded, which is said elsewhere.
    return [file]


def is_architecture(file: Path) -> bool:
    """Whether a JSON file holds a model's architecture, as `model.to_json()` writes it.

    Args:
        file: the file, which may be missing.

    Returns:
        Whether it names a model's class and configuration.
    """
    try:
        if file.stat().st_size > _MAX_CONFIG:
            return False
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(content, dict) and "class_name" in content and "config" in content


def _text(value: Any) -> str | None:
    """An attribute of an HDF5 file, which is text or bytes, as text."""
    return value.decode("utf-8") if isinstance(value, bytes) else None if value is None else str(value)


def _explain(file: Path, error: Exception) -> str:
    """What to do about an error of Keras's if that is known; else its reason."""
    text = str(error)
    missing = re.search(r"Could not locate (?:class|function) '([^']+)'", text) or re.search(
        r"Unknown (?:layer|object|function):? '?([A-Za-z_][\w>.]*)'?", text
    )
    if "ambda" in text and "unsafe" in text.lower():
        return (
            "contains Python code (a Lambda layer), which would run when the model is loaded; if you trust its author, "
            "give `unsafe`"
        )
    if "bad marshal data" in text:
        return (
            "contains Python code (a Lambda layer) of another version of Python; load it there, with tf_keras, and "
            "write what it does with Keras's layers"
        )
    if missing:
        return (
            f"has a custom layer or function {missing[1]!r}; name the module that defines it: "
            "`custom_objects` package.module"
        )
    return f"not a Keras model that can be loaded ({last_line(error)})"
