"""Keras 2's configurations for Keras 3: a cleaned copy, and weights that mean the same.

Cleaning leaves out what only states Keras 2's defaults or concerns training alone, renames what was renamed, and maps
the common operations of TensorFlow in functional models (`TFOpLambda`). What else Keras 3 does not know stays as it is,
for Keras to name. One function has changed its meaning: `hard_sigmoid` was clip(x / 5 + 1/2) and is clip(x / 6 + 1/2),
so the weights in front of it are multiplied by 6/5.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from stillmotion.errors import StillmotionError
from stillmotion.models.keras_graph import iter_layers

# Where a class of Keras 3 does not take a key, leaving it out changes nothing if it is None or False, or has the value
# that is given here.
_DEFAULTS: Mapping[str, Any] = {"dtype": "float32", "fused": True, "groups": 1}
# Of these, no value changes what a model with its weights computes.
_IRRELEVANT = (
    "batch_input_shape", "build_config", "compile_config", "expects_training_arg", "force_generator", "implementation",
    "input_dtype", "input_spec", "key_shape", "query_shape", "renorm_clipping", "renorm_momentum", "rng_type",
    "shared_object_id", "trainable", "unit_forget_bias", "use_legacy_format", "value_shape",
)  # fmt: skip
_LAMBDA_KEYS = ("function_type", "module", "output_shape_type", "output_shape_module")
_RENAMED = {"Model": "Functional", "SyncBatchNormalization": "BatchNormalization"}
_MODELS = ("Functional", "Sequential")
_RECURRENT = ("Bidirectional", "ConvLSTM2D", "GRU", "LSTM", "RNN", "SimpleRNN")
# Layers that may be an activation function; Keras 3 looks these up among functions only.
ACTIVATION_LAYERS = ("ELU", "LeakyReLU", "PReLU", "ReLU", "Softmax")
_HARD_SIGMOID_RATIO = 1.2

# TensorFlow's functions, by the name that Keras 2 writes: Keras's operation; the names of its call's arguments, of
# which "*" takes all inputs as a list; and Keras's names of the options among them.
_Function = tuple[str, tuple[str, ...], Mapping[str, str]]
_AXIS = {"axis": "axis"}
_REDUCE = {"axis": "axis", "keepdims": "keepdims"}
_FUNCTIONS: Mapping[str, _Function] = {
    **{
        name: (operation, ("x", "y"), {})
        for name, operation in {
            "__operators__.add": "numpy.Add",
            "math.add": "numpy.Add",
            "math.subtract": "numpy.Subtract",
            "math.multiply": "numpy.Multiply",
            "math.divide": "numpy.TrueDivide",
            "math.truediv": "numpy.TrueDivide",
            "math.maximum": "numpy.Maximum",
            "math.minimum": "numpy.Minimum",
            "math.pow": "numpy.Power",
        }.items()
    },
    **{
        name: (operation, ("x",), {})
        for name, operation in {
            "identity": "numpy.Copy",
            "math.abs": "numpy.Absolute",
            "math.exp": "numpy.Exp",
            "math.log": "numpy.Log",
            "math.negative": "numpy.Negative",
            "math.sigmoid": "nn.Sigmoid",
            "math.sqrt": "numpy.Sqrt",
            "math.square": "numpy.Square",
            "math.tanh": "numpy.Tanh",
            "nn.elu": "nn.Elu",
            "nn.relu": "nn.Relu",
            "nn.relu6": "nn.Relu6",
            "nn.sigmoid": "nn.Sigmoid",
            "nn.silu": "nn.Silu",
            "nn.swish": "nn.Silu",
            "nn.tanh": "numpy.Tanh",
            "stop_gradient": "core.StopGradient",
        }.items()
    },
    "cast": ("core.Cast", ("x",), {"dtype": "dtype"}),
    "clip_by_value": ("numpy.Clip", ("t",), {"clip_value_min": "x_min", "clip_value_max": "x_max"}),
    "compat.v1.squeeze": ("numpy.Squeeze", ("input",), _AXIS),
    "compat.v1.transpose": ("numpy.Transpose", ("a",), {"perm": "axes"}),
    "concat": ("numpy.Concatenate", ("*",), _AXIS),
    "expand_dims": ("numpy.ExpandDims", ("input",), _AXIS),
    "linalg.l2_normalize": ("nn.Normalize", ("x",), {"axis": "axis", "epsilon": "epsilon"}),
    "linalg.matmul": ("numpy.Matmul", ("a", "b"), {}),
    "math.l2_normalize": ("nn.Normalize", ("x",), {"axis": "axis", "epsilon": "epsilon"}),
    "math.reduce_max": ("numpy.Max", ("input_tensor",), _REDUCE),
    "math.reduce_mean": ("numpy.Mean", ("input_tensor",), _REDUCE),
    "math.reduce_min": ("numpy.Min", ("input_tensor",), _REDUCE),
    "math.reduce_sum": ("numpy.Sum", ("input_tensor",), _REDUCE),
    "nn.gelu": ("nn.Gelu", ("features",), {"approximate": "approximate"}),
    "nn.l2_normalize": ("nn.Normalize", ("x",), {"axis": "axis", "epsilon": "epsilon"}),
    "nn.softmax": ("nn.Softmax", ("logits",), _AXIS),
    "repeat": ("numpy.Repeat", ("input",), {"repeats": "repeats", "axis": "axis"}),
    "reshape": ("numpy.Reshape", ("tensor",), {"shape": "newshape"}),
    "reverse": ("numpy.Flip", ("tensor",), _AXIS),
    "squeeze": ("numpy.Squeeze", ("input",), _AXIS),
    "stack": ("numpy.Stack", ("*",), _AXIS),
    "tile": ("numpy.Tile", ("input",), {"multiples": "repeats"}),
    "transpose": ("numpy.Transpose", ("a",), {"perm": "axes"}),
}
_GET_ITEM: _Function = ("numpy.GetItem", ("tensor",), {})
# What TensorFlow assumes where Keras must be told.
_FUNCTION_DEFAULTS = {"nn.Gelu": {"approximate": False}}


def clean_config(
    config: Mapping[str, Any], keras_version: str, custom_objects: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Clean the configuration of a model that Keras 2 has written.

    Args:
        config: the model's class and configuration, as in a file. It is not changed.
        keras_version: the version that wrote it, such as "2.4.0".
        custom_objects: classes of the user's by name. Where one has the name of a class of Keras's, the user's is
            meant.

    Returns:
        A configuration for `keras.saving.deserialize_keras_object`.

    Raises:
        StillmotionError: it holds something that has no counterpart in Keras 3; the message names it.
    """
    if keras_version.startswith("1."):
        raise StillmotionError(f"written by Keras {keras_version}: load and save it with Keras 2 first")
    own = {
        name: value
        for name, value in (custom_objects or {}).items()
        if value is not getattr(keras.layers, name, None) and name not in (*_MODELS, *_RENAMED)
    }
    cleaned: dict[str, Any] = _clean(_mark_custom(config, own))
    return cleaned


def _mark_custom(value: Any, own: Mapping[str, Any]) -> Any:
    """A part of a configuration in which the user's own classes are called ">Class", of a package with no name."""
    if isinstance(value, list | tuple):
        return [_mark_custom(part, own) for part in value]
    if not isinstance(value, Mapping):
        return value
    marked = {key: _mark_custom(part, own) for key, part in value.items()}
    name = marked.get("class_name")
    if not isinstance(name, str) or not isinstance(marked.get("config"), Mapping):
        return marked
    cls_name = name.rpartition(">")[2]
    cls = own.get(cls_name)
    if cls is None:
        return marked
    if inspect.isclass(cls) and issubclass(cls, getattr(keras.layers, cls.__name__, ())):
        marked["config"] = _without_unknown_keys(cls, marked["config"])
    return {**marked, "class_name": f">{cls_name}"}


def _clean(value: Any) -> Any:
    """A part of a configuration: an object by its class and configuration, or anything that contains such."""
    if isinstance(value, list | tuple):
        return [_clean(part) for part in value]
    if not isinstance(value, Mapping):
        return value
    name, config = value.get("class_name"), value.get("config")
    if value.get("type") == "ndarray" or name == "__numpy__":
        return value["value"] if name is None else value["config"]["value"]
    if name in ("TensorShape", "__tuple__"):
        return [_clean(part) for part in value["items"]]
    if not isinstance(name, str) or (not isinstance(config, Mapping) and name not in _MODELS):
        return {key: _clean(part) for key, part in value.items()}
    if name in ("Policy", "PolicyV1"):
        return value["config"]["name"]
    if name.startswith("__"):
        return dict(value)
    # "package>Class" is how Keras registers custom classes, even one with the name of a built-in class.
    package, is_custom, name = name.rpartition(">")
    if is_custom and package.lower() != "keras":
        return _clean_custom(package, name, config or {})
    name = _RENAMED.get(name, name)
    if name == "Sequential":
        return _clean_sequential(value)
    if name == "Functional":
        return _object("keras", "Model", _clean_functional(config or {}))
    return _clean_layer(name, value)


def _object(module: str | None, name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """How Keras 3 writes an object: built-in classes by their public module, others by their registered name."""
    return {
        "module": module,
        "class_name": name,
        "config": dict(config),
        "registered_name": None if module else name,
    }


def _clean_custom(package: str, name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """An object of somebody's own class, which is one of the user's, or has to be registered."""
    cleaned = _clean_parts(config)
    cleaned.pop("batch_input_shape", None)
    return {**_object(None, name, cleaned), "registered_name": f"{package}>{name}" if package else name}


def _clean_parts(config: Mapping[str, Any]) -> dict[str, Any]:
    """An object's configuration, each part of it cleaned."""
    cleaned = {key: _clean(part) for key, part in config.items()}
    if isinstance(cleaned.get("name"), str):
        cleaned["name"] = _clean_name(cleaned["name"])
    return cleaned


def _clean_layer(name: str, value: Mapping[str, Any]) -> dict[str, Any]:
    """A layer, or another object of Keras or of somebody else."""
    config = _clean_parts(value["config"])
    for module in ("layers", "regularizers", "constraints", "initializers"):
        cls = getattr(getattr(keras, module), name, None)
        if inspect.isclass(cls):
            break
    else:
        config.pop("batch_input_shape", None)
        return _object(None, name, config)
    if module != "layers":
        return _object(f"keras.{module}", name, _without_unknown_keys(cls, config))
    if name == "InputLayer" and "batch_input_shape" in config:
        config["batch_shape"] = config.pop("batch_input_shape")
    if name in ("GRU", "GRUCell"):
        config.setdefault("reset_after", False)  # as in Keras 2.0 to 2.1, which had no other
    if name == "BatchNormalization" and isinstance(config.get("axis"), list):
        (config["axis"],) = config["axis"]
    if name == "LeakyReLU" and "alpha" in config:
        config["negative_slope"] = config.pop("alpha")
    if name == "Lambda":
        config = _clean_lambda(config)
    for key in list(config):
        if key.endswith(("_regularizer", "_constraint")) and _is_unknown(config[key]):
            config[key] = None  # Somebody's own, which only training needs.
        elif key.endswith("_initializer"):
            del config[key]  # The weights are in the file.
    config = _without_unknown_keys(cls, config)
    if name == "Activation" and config.get("activation") == "hard_sigmoid":
        return _scaled_activation(config)
    return _object("keras.layers", name, config)


def _without_unknown_keys(cls: Any, config: Mapping[str, Any]) -> dict[str, Any]:
    """Without the keys that the class does not take and that change nothing."""
    known: set[str] = set()
    for parent in inspect.getmro(cls):
        if "__init__" in vars(parent):
            parameters = inspect.signature(vars(parent)["__init__"]).parameters
            known |= set(parameters)
            if "kwargs" not in parameters:
                break
    return {
        key: part
        for key, part in config.items()
        if key in known or not (part is None or part is False or key in _IRRELEVANT or part == _DEFAULTS.get(key))
    }


def _is_unknown(value: Any) -> bool:
    """Whether a regularizer or constraint is not one of Keras's."""
    return value is not None and (not isinstance(value, Mapping) or value.get("module") is None)


def _clean_lambda(config: Mapping[str, Any]) -> dict[str, Any]:
    """A Lambda layer as Keras 3 writes it: code stays code, and a function of somebody's is called for by its name."""
    cleaned = {key: part for key, part in config.items() if key not in _LAMBDA_KEYS}
    for key in ("function", "output_shape"):
        part = cleaned.get(key)
        is_code = config.get(f"{key}_type") == "lambda" or key == "function"
        if is_code and isinstance(part, list) and len(part) == 3 and isinstance(part[0], str):
            code = dict(zip(("code", "defaults", "closure"), part, strict=True))
            cleaned[key] = {"class_name": "__lambda__", "config": code}
        elif isinstance(part, str):
            cleaned[key] = {"class_name": "function", "config": part, "module": None, "registered_name": part}
    return cleaned


def _scaled_activation(config: Mapping[str, Any]) -> dict[str, Any]:
    """`Activation("hard_sigmoid")` of Keras 2, made of layers of Keras 3."""
    layers = [
        _object("keras.layers", "Rescaling", {"scale": _HARD_SIGMOID_RATIO, "offset": 0.0}),
        _object("keras.layers", "Activation", {"activation": "hard_sigmoid"}),
    ]
    return _object("keras", "Sequential", {"name": config.get("name"), "layers": layers})


def _clean_name(name: str) -> str:
    """Keras 3 allows no slashes in names."""
    return name.replace("/", "_")


def _clean_sequential(value: Mapping[str, Any]) -> dict[str, Any]:
    """A Sequential model, whose input is a layer of its own."""
    config = value["config"] if isinstance(value["config"], Mapping) else {"layers": value["config"]}
    layers = [_clean(layer) for layer in config["layers"]]
    shape = _input_shape(value)
    if shape is not None and layers and layers[0]["class_name"] != "InputLayer":
        layers.insert(0, _object("keras.layers", "InputLayer", {"batch_shape": shape}))
    return _object("keras", "Sequential", {"name": _clean_name(config.get("name", "sequential")), "layers": layers})


def _input_shape(value: Mapping[str, Any]) -> list[int | None] | None:
    """The shape that a layer or model of Keras 2 says that it takes."""
    config = value["config"]
    layers = config if isinstance(config, list) else config.get("layers")
    if value["class_name"] in ("Functional", "Model"):
        inputs = config["input_layers"]
        first = inputs[0] if isinstance(inputs[0], str) else inputs[0][0]
        return _input_shape(next(layer for layer in layers or () if layer["name"] == first))
    if isinstance(config, Mapping):
        for key in ("batch_input_shape", "batch_shape", "build_input_shape"):
            shape = _clean(config.get(key))
            if isinstance(shape, list):
                return shape
    return _input_shape(layers[0]) if layers else None


def _clean_functional(config: Mapping[str, Any]) -> dict[str, Any]:
    """A functional model: its layers, and its calls in Keras 3's form."""
    # A nested model's first call has the number 1 in Keras 2, and 0 in Keras 3; but there, too, 1 among the outputs of
    # a functional model.
    first_calls = {
        layer["name"]: 1 for layer in config["layers"] if layer["class_name"] in ("Functional", "Model", "Sequential")
    }
    sequential = {layer["name"] for layer in config["layers"] if layer["class_name"] == "Sequential"}
    used = [ref for layer in config["layers"] for ref in _refs(layer.get("inbound_nodes", ()))]
    for name, number, *_ in used + _refs(config["output_layers"]):
        if number == 0:
            first_calls.pop(name, None)

    def tensor(ref: Sequence[Any]) -> dict[str, Any]:
        name, number, place = ref[:3]
        history = [_clean_name(name), number - first_calls.get(name, 0), place]
        return {
            "class_name": "__keras_tensor__",
            "config": {"shape": [None], "dtype": "float32", "keras_history": history},
        }

    def end(ref: Any) -> Any:
        if _is_ref(ref):
            name, number, place = ref[:3]
            return [_clean_name(name), number - (first_calls.get(name, 0) if name in sequential else 0), place]
        if isinstance(ref, dict):
            return {key: end(part) for key, part in ref.items()}
        # Keras 2 writes a single one as a list, too.
        return end(ref[0]) if len(ref) == 1 else [end(part) for part in ref]

    layers = []
    for layer in config["layers"]:
        calls = layer.get("inbound_nodes", ())
        if layer["class_name"] in ("TFOpLambda", "SlicingOpLambda"):
            cleaned, nodes = _clean_function(layer, tensor)
        else:
            cleaned, nodes = _clean(layer), [_clean_call(call, tensor) for call in calls]
            if layer["class_name"] in _RECURRENT:
                for node in nodes:
                    _name_states(node)
        # Where a layer became another class, as an activation does, its name has to stay.
        name = _clean_name(layer["name"])
        cleaned["config"]["name"] = name
        layers.append({**cleaned, "name": name, "inbound_nodes": nodes})
    return {
        "name": _clean_name(config.get("name", "model")),
        "trainable": config.get("trainable", True),
        "layers": layers,
        "input_layers": end(config["input_layers"]),
        "output_layers": end(config["output_layers"]),
    }


def _is_ref(value: Any) -> bool:
    """Whether this is how Keras 2 names a tensor: a layer, the number of its call, and the place in its results."""
    return (
        isinstance(value, list)
        and len(value) in (3, 4)
        and isinstance(value[0], str)
        and all(type(part) is int for part in value[1:3])
        and (len(value) == 3 or isinstance(value[3], Mapping))
    )


def _refs(value: Any) -> list[Any]:
    """All names of tensors in the calls of a layer, or among the outputs."""
    if _is_ref(value):
        return [value, *_refs(value[3] if len(value) == 4 else ())]
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return [ref for part in parts for ref in _refs(part)]


def _with_tensors(value: Any, tensor: Callable[[Sequence[Any]], Any]) -> Any:
    """Arguments of a call, with each name of a tensor in the form that `tensor` gives it."""
    if _is_ref(value):
        return tensor(value)
    if isinstance(value, list):
        return [_with_tensors(part, tensor) for part in value]
    if isinstance(value, Mapping):
        return {key: _with_tensors(part, tensor) for key, part in value.items()}
    return value


def _clean_call(call: Any, tensor: Callable[[Sequence[Any]], Any]) -> dict[str, Any]:
    """A layer's call: the tensors it is given, with the keyword arguments that Keras 2 keeps with each of them."""
    keywords: dict[str, Any] = {}
    for ref in call if isinstance(call, list) else call.values():
        if _is_ref(ref) and len(ref) == 4:
            keywords |= ref[3]
    tensors = _with_tensors(call, tensor)
    first = tensors[0] if isinstance(tensors, list) and len(tensors) == 1 else tensors
    keywords = {key: part for key, part in keywords.items() if part is not None and key != "training"}
    return {"args": [first], "kwargs": _with_tensors(_clean(keywords), tensor)}


def _name_states(call: dict[str, Any]) -> None:
    """Give a recurrent layer its states by name, which Keras 2 writes after the input."""
    (given,) = call["args"]
    if isinstance(given, list):
        call["args"] = [given[0]]
        call["kwargs"]["initial_state"] = given[1:]


def _clean_function(
    layer: Mapping[str, Any], tensor: Callable[[Sequence[Any]], Any]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A call of a TensorFlow function as an operation of Keras's, and its calls."""
    function = layer["config"]["function"]
    if function in ("__operators__.getitem", "slice"):
        operation, names, options = _GET_ITEM
    elif function in _FUNCTIONS:
        operation, names, options = _FUNCTIONS[function]
    else:
        raise StillmotionError(f"uses TensorFlow's tf.{function} as a layer, which has no counterpart here")
    config: dict[str, Any] = dict(_FUNCTION_DEFAULTS.get(operation, {}))
    nodes = []
    for call in layer["inbound_nodes"]:
        positional, keywords = _function_arguments(call)
        keywords = {key: part for key, part in keywords.items() if key != "name" and part is not None}
        given = list(positional)
        if names == ("*",):
            given = [given[0] if len(given) == 1 and not _is_ref(given[0]) else given]
        for name in names[len(given) :]:
            given.append(keywords.pop(name))
        if function == "__operators__.getitem":
            given.append(_slices(keywords.pop("slice_spec")))
        config |= {options[key]: _clean(keywords.pop(key)) for key in list(keywords) if key in options}
        if any(value not in (False, -1) for value in keywords.values()):
            raise StillmotionError(f"uses TensorFlow's tf.{function} with {', '.join(keywords)}, unknown here")
        nodes.append({"args": [_with_tensors(part, tensor) for part in given], "kwargs": {}})
    module, name = operation.split(".")
    return {
        "module": f"keras.src.ops.{module}",
        "class_name": name,
        "config": config,
        "registered_name": name,
    }, nodes


def _function_arguments(call: Any) -> tuple[list[Any], dict[str, Any]]:
    """What a function is given by position: names of tensors, and constants; and by keyword."""
    entries = call if isinstance(call[0], list) else [call]
    keywords: dict[str, Any] = {}
    positional: list[Any] = []
    for entry in entries:
        if isinstance(entry[0], list):
            inner, more = _function_arguments(entry)
            positional.append(inner)
            keywords |= more
            continue
        if len(entry) == 4:
            keywords |= entry[3]
        positional.append(entry[2] if entry[0] == "_CONSTANT_VALUE" else entry[:3])
    return positional, keywords


def _slices(value: Any) -> Any:
    """An index or a slice, or several of them, as Keras 3 writes them."""
    if isinstance(value, Mapping) and value.get("class_name") == "__tuple__":
        value = value["items"]
    if isinstance(value, Mapping) and ("start" in value or "stop" in value):
        return {"class_name": "__slice__", "config": {key: value.get(key) for key in ("start", "stop", "step")}}
    if isinstance(value, Mapping) and value.get("class_name") == "__ellipsis__":
        return {"class_name": "__ellipsis__", "config": {}}
    return [_slices(part) for part in value] if isinstance(value, list) else value


def correct_weights(model: keras.Model) -> None:
    """Let a model from a cleaned configuration compute what it computed in Keras 2.

    Args:
        model: the model with the weights of the file. They are changed in place.

    Raises:
        StillmotionError: a layer uses `hard_sigmoid` where weights cannot make up for its new meaning.
    """
    hard_sigmoid = keras.activations.hard_sigmoid
    corrected: set[int] = set()
    for layer in iter_layers(model):
        for cell in getattr(getattr(layer, "cell", layer), "cells", [getattr(layer, "cell", layer)]):
            if id(cell) in corrected or isinstance(cell, keras.layers.Activation):
                continue
            corrected.add(id(cell))
            if getattr(cell, "recurrent_activation", None) is hard_sigmoid:
                # The gates in the order of the weights. The candidate has an activation of its own.
                gates = (True, True, False) if "GRU" in type(cell).__name__ else (True, True, False, True)
                columns = np.repeat(np.where(gates, _HARD_SIGMOID_RATIO, 1.0), cell.kernel.shape[-1] // len(gates))
                _multiply(cell, columns)
                if cell.activation is not hard_sigmoid:
                    continue
            if getattr(cell, "activation", None) is hard_sigmoid:
                if not hasattr(cell, "kernel") or hasattr(cell, "recurrent_kernel"):
                    raise StillmotionError(f"its layer {layer.name} uses Keras 2's hard_sigmoid, which Keras 3 has not")
                _multiply(cell, np.float64(_HARD_SIGMOID_RATIO))


def _multiply(layer: keras.layers.Layer, factors: Any) -> None:
    """Multiply the weights that lead to a layer's results."""
    for name in ("kernel", "recurrent_kernel", "bias"):
        weight = getattr(layer, name, None)
        if weight is not None:
            weight.assign(keras.ops.convert_to_numpy(weight) * factors)
