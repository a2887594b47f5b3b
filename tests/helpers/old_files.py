"""Files as Keras 2 wrote them, made without it."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import h5py
from numpy.typing import NDArray

Weights = Mapping[str, Sequence[NDArray[Any]]]
Config = dict[str, Any]


def layer(class_name: str, name: str, **config: Any) -> Config:
    """A layer of a Sequential model."""
    return {"class_name": class_name, "config": {"name": name, "trainable": True, "dtype": "float32", **config}}


def called(entry: Config, *inbound: Any) -> Config:
    """A layer of a functional model, with its calls."""
    return {**entry, "name": entry["config"]["name"], "inbound_nodes": list(inbound)}


def sequential(*layers: Config, name: str = "sequential") -> Config:
    return {"class_name": "Sequential", "config": {"name": name, "layers": list(layers)}}


def functional(*layers: Config, outputs: Sequence[Any], name: str = "model") -> Config:
    inputs = [[entry["name"], 0, 0] for entry in layers if entry["class_name"] == "InputLayer"]
    config = {"name": name, "layers": list(layers), "input_layers": inputs, "output_layers": list(outputs)}
    return {"class_name": "Functional", "config": config}


def write_h5(file: Path, config: Config | None, weights: Weights, version: str = "2.4.0") -> Path:
    """A `.h5` file; without a configuration, one that holds only weights."""
    with h5py.File(file, "w") as opened:
        group = opened
        if config is not None:
            opened.attrs["model_config"] = json.dumps(config).encode()
            opened.attrs["keras_version"] = version.encode()
            group = opened.create_group("model_weights")
        group.attrs["layer_names"] = [name.encode() for name in weights]
        group.attrs["keras_version"] = version.encode()
        for name, arrays in weights.items():
            inner = group.create_group(name)
            inner.attrs["weight_names"] = [f"w{number}".encode() for number in range(len(arrays))]
            for number, array in enumerate(arrays):
                inner[f"w{number}"] = array
    return file


def write_saved_model(
    folder: Path, config: Config, arrays: Sequence[NDArray[Any]], names: Sequence[str] = (), version: str = "2.8.0"
) -> Path:
    """The layers and weights in a SavedModel; its program is empty."""
    import tensorflow as tf

    def field(number: int, content: bytes) -> bytes:
        length, size = len(content), b""
        while length > 127:
            size, length = size + bytes([length & 127 | 128]), length >> 7
        return bytes([number << 3 | 2]) + size + bytes([length]) + content

    folder.mkdir()
    (folder / "saved_model.pb").touch()
    root = json.dumps({"class_name": config["class_name"], "model_config": config, "keras_version": version}).encode()
    node = field(3, b"root") + field(4, b"_tf_keras_sequential") + field(5, root)
    (folder / "keras_metadata.pb").write_bytes(field(1, node))
    named = zip_longest(arrays, names)
    checkpoint = tf.train.Checkpoint(variables=[tf.Variable(array, name=name) for array, name in named])
    checkpoint.write(str(folder / "variables" / "variables"))
    return folder


def write_archive(file: Path, config: Config, weights: Weights, version: str = "2.13.1") -> Path:
    """A `.keras` file of Keras 2.13 or later; weights by their place in the archive, such as "layers/dense"."""
    stored = file.with_suffix(".weights")
    with h5py.File(stored, "w") as opened:
        for place, arrays in weights.items():
            for number, array in enumerate(arrays):
                opened[f"{place}/vars/{number}"] = array
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": version}))
        archive.writestr("config.json", json.dumps(config))
        archive.write(stored, "model.weights.h5")
    stored.unlink()
    return file
