"""What a model's outputs are by the loss that it was trained with, where its file names one. Imports no backend."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stillmotion.models.cards import Fact, Outputs

_MAX_BYTES = 64 << 20  # of a configuration
_REGRESSION = (
    "huber", "huber_loss", "log_cosh", "logcosh", "mae", "mape", "mse", "msle", "mean_absolute_error",
    "mean_absolute_percentage_error", "mean_squared_error", "mean_squared_logarithmic_error",
)  # fmt: skip
_CLASSES = ("categorical_crossentropy", "sparse_categorical_crossentropy", "categorical_focal_crossentropy")
_LABELS = ("binary_crossentropy", "binary_focal_crossentropy")


def outputs_by_loss(file: Path, count: int) -> Fact[Outputs]:
    """What the outputs of a model without a final activation function are, by its loss.

    Args:
        file: a `.keras` or `.h5` file, or a SavedModel of Keras 2.
        count: of outputs.

    Returns:
        The fact; unknown if the file names no loss, or one that does not say.
    """
    try:
        loss = _read_loss(file)
    except Exception:  # A damaged or foreign file may raise anything; the model itself was loaded.
        return Fact[Outputs]()
    while isinstance(loss, list | dict) and len(loss) == 1:  # a loss for each output, of which there is one
        (loss,) = loss.values() if isinstance(loss, dict) else loss
    config: Any = {}
    if isinstance(loss, Mapping):
        config, name = loss.get("config"), loss.get("class_name")
        loss = config if name == "function" else name
    if not isinstance(loss, str):
        return Fact[Outputs]()
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", loss).lower()
    evidence = f"trained with the loss {loss}"
    if name in _REGRESSION:
        return Fact[Outputs](value="regression", source="read", evidence=evidence)
    if not isinstance(config, Mapping) or not config.get("from_logits"):
        return Fact[Outputs]()
    value: Outputs | None = None
    if name in _CLASSES and count > 1:
        value = "logits"
    if name in _LABELS:
        value = "one logit" if count == 1 else "independent logits"
    return Fact[Outputs](value=value, source="read", evidence=evidence) if value else Fact[Outputs]()


def _read_loss(file: Path) -> Any:
    """The loss as the file has it; None if it names none."""
    if file.is_dir():
        # Keras 2's metadata is a protocol buffer that holds JSON.
        text = (file / "keras_metadata.pb").read_bytes().decode("utf-8", "ignore")
        key = '"training_config": '
        return json.JSONDecoder().raw_decode(text, text.index(key) + len(key))[0]["loss"]
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            if archive.getinfo("config.json").file_size > _MAX_BYTES:
                return None
            return json.loads(archive.read("config.json"))["compile_config"]["loss"]
    import h5py

    with h5py.File(file, "r") as opened:
        return json.loads(opened.attrs["training_config"])["loss"]
