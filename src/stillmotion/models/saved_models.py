"""SavedModel folders as Keras models: rebuilt from their layers where Keras 2 wrote these down, or run as programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
from numpy.typing import NDArray

from stillmotion.errors import StillmotionError, first_line

MAX_METADATA = 256 << 20  # bytes


class SavedLayers(NamedTuple):
    """The layers that Keras 2 has written down in a SavedModel, with their weights.

    Attributes:
        config: the model's class and configuration.
        keras_version: the version that wrote it.
        weights: names and values, in the order of Keras 2's `model.weights`.
    """

    config: dict[str, Any]
    keras_version: str
    weights: list[tuple[str, NDArray[Any]]]


def read_saved_layers(folder: Path) -> SavedLayers | None:
    """Read the layers of a SavedModel without running any of it.

    Args:
        folder: the SavedModel.

    Returns:
        The layers; None if it does not hold them, as that of a subclassed model or of another library.
    """
    metadata = folder / "keras_metadata.pb"
    if not metadata.is_file() or metadata.stat().st_size > MAX_METADATA:
        return None
    for _, node in _fields(metadata.read_bytes()):
        parts = dict(_fields(node)) if isinstance(node, bytes) else {}
        if parts.get(3) != b"root":  # where in the model the object is
            continue
        root = json.loads(parts[5])
        config = root.get("model_config") or {"class_name": root["class_name"], "config": root.get("config")}
        if config["class_name"] not in ("Functional", "Model", "Sequential") or not config["config"]:
            return None
        weights = _read_weights(folder / "variables" / "variables")
        return None if weights is None else SavedLayers(config, root.get("keras_version", "2.0"), weights)
    return None


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """The fields of a protocol buffer of numbers and bytes: number and value."""
    at = 0

    def number() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at, value, shift = at + 1, value | (byte & 127) << shift, shift + 7
            if byte < 128:
                return value

    while at < len(data):
        key = number()
        if key & 7 == 0:
            yield key >> 3, number()
        elif key & 7 == 2:
            length = number()
            yield key >> 3, data[at : at + length]
            at += length
        else:
            raise ValueError("not the metadata of Keras 2")


def assign_weights(model: keras.Model, weights: Sequence[tuple[str, NDArray[Any]]]) -> None:
    """Give a rebuilt model its weights.

    Args:
        model: the model.
        weights: of `SavedLayers`.

    Raises:
        StillmotionError: they are not the model's.
    """
    variables = list({id(variable): variable for variable in _in_old_order(model)}.values())
    # Of what has a usual name, the name tells whether the order is right where shapes are alike.
    usual = {"bias", "beta", "gamma", "kernel", "moving_mean", "moving_variance", "recurrent_kernel"}
    if len(variables) != len(weights):
        raise StillmotionError(f"its variables hold {len(weights)} weights, its layers {len(variables)}")
    for variable, (name, value) in zip(variables, weights, strict=True):
        if tuple(variable.shape) != value.shape or (name != variable.name and {name, variable.name} <= usual):
            raise StillmotionError(
                f"its variables hold {name} {value.shape} where its layers have {variable.path} {tuple(variable.shape)}"
            )
        variable.assign(value)


def _in_old_order(model: keras.Model) -> Iterator[Any]:
    """A model's weights as Keras 2 listed them: of a layer that holds others all trainable ones come first."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _in_old_order(layer)
        else:
            yield from (*layer.trainable_weights, *layer.non_trainable_weights)


def _read_weights(prefix: Path) -> list[tuple[str, NDArray[Any]]] | None:
    """The model's variables in order, with their names, from the checkpoint; None if it does not list them."""
    import tensorflow as tf
    from tensorflow.core.protobuf.trackable_object_graph_pb2 import TrackableObjectGraph

    reader = tf.train.load_checkpoint(str(prefix))
    graph = TrackableObjectGraph.FromString(reader.get_tensor("_CHECKPOINTABLE_OBJECT_GRAPH"))
    children = {child.local_name: child.node_id for child in graph.nodes[0].children}
    if "variables" not in children:
        return None
    listed = graph.nodes[children["variables"]].children
    in_order = sorted(listed, key=lambda child: int(child.local_name))
    stored = [graph.nodes[child.node_id].attributes[0] for child in in_order]
    return [(it.full_name.rpartition("/")[2], np.asarray(reader.get_tensor(it.checkpoint_key))) for it in stored]


def run_saved_model(folder: Path) -> keras.Model:
    """A SavedModel as a Keras model, by `TFSMLayer`: its endpoint "serving_default", "serve", or the first one.

    Args:
        folder: the SavedModel, which may do anything when it is run.

    Returns:
        The model.

    Raises:
        StillmotionError: it cannot be loaded, or has several inputs or outputs.
    """
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
