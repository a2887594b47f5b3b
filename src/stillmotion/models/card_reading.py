"""What a model's layers say of how it is fed and what it returns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from numpy.typing import NDArray

from stillmotion.errors import StillmotionError, UsageError
from stillmotion.models.adapters import as_model_input, feed_array, fixed_batch_size, only_tensor
from stillmotion.models.cards import INPUT_RANGES, Channels, Fact, InputCard, Kind, ModelCard, Outputs, find_axes
from stillmotion.models.keras_graph import iter_layers

# Keras's activation functions by the names of the layers and operations that do the same.
_ACTIVATIONS = {name.replace("_", ""): name for name in dir(keras.activations) if not name.startswith("__")}
_FAR_RANGES = ("0..10000", "-10000..0")
MIN_RATIO = 1.15  # by which the statistics of the second best range must fit worse
_IMAGENET_LEVELS = (123.68, 116.5, 103.8)  # the means of R, G and B that models subtract
# Pictures of a height and width: uint8 RGB `(n, height, width, 3)`.
Pictures = Callable[[int, int], NDArray[np.uint8]]


class RangeReading(NamedTuple):
    """A range of input that a model's layers tell, and how.

    Attributes:
        input_range: the range.
        source: "scaling" before the first layer with weights, or "batch_normalization" statistics.
        layer: the layer's name.
        value: the largest factor of the scaling, or the distance of the statistics in standard deviations.
        runner_up: the range that fits the statistics second best.
        runner_up_value: its distance.
    """

    input_range: str
    source: str
    layer: str
    value: float
    runner_up: str = ""
    runner_up_value: float = 0.0


def read_model(
    model: keras.Model, name: str, *, frames: int | None = None, size: tuple[int, int] | None = None
) -> ModelCard:
    """Read from a model what its inputs, outputs and layers say.

    Args:
        model: the model.
        name: of its file, for errors.
        frames: frames of a clip, for a model that takes any number.
        size: height and width, for a model that takes any.

    Returns:
        The card. Facts that the model does not say are unknown.

    Raises:
        UsageError: `frames` or `size` contradict the model.
        StillmotionError: its inputs are unknown, or it has several outputs or one of an unusual shape.
    """
    tensors = getattr(model, "inputs", None)
    if not tensors:
        raise StillmotionError(f"{name}: its inputs are unknown; call the model once before saving it")
    tensors = keras.tree.flatten(tensors)
    inputs = tuple(
        InputCard(name=tensor.name, shape=tuple(tensor.shape[1:]), dtype=keras.backend.standardize_dtype(tensor.dtype))
        for tensor in tensors
    )
    card = describe_inputs(inputs, name, frames=frames, size=size)
    outputs = keras.tree.flatten(model.outputs)
    if len(outputs) != 1:
        raise StillmotionError(f"{name}: has {len(outputs)} outputs; only models with one output can be used")
    card = describe_outputs(card, tuple(outputs[0].shape[1:]), name)
    kind, evidence = _read_activation(model, outputs[0])
    count = output_count(card, tuple(outputs[0].shape[1:]))
    return card.model_copy(update={"outputs": _outputs_fact(kind, count, evidence)})


def describe_inputs(
    inputs: Sequence[InputCard], name: str, *, frames: int | None = None, size: tuple[int, int] | None = None
) -> ModelCard:
    """What the shapes of a model's inputs say.

    Args:
        inputs: the inputs.
        name: of the model's file, for errors.
        frames: frames of a clip, for a model that takes any number.
        size: height and width, for a model that takes any.

    Returns:
        The card, without what the outputs say.

    Raises:
        UsageError: `frames` or `size` contradict the shapes.
        StillmotionError: a model's only input is neither a picture nor a clip.
    """
    if len(inputs) != 1:
        return _describe_several(inputs, name, frames, size)
    shape = inputs[0].shape
    axes = find_axes(shape)
    if axes is None:
        return ModelCard(model=name, kind="other", inputs=tuple(inputs))
    sides = dict(zip(axes, shape, strict=True))
    kind: Kind = "clip" if "t" in axes else "image"
    channels = Fact[Channels]()
    if sides["c"] == 1:
        channels = Fact[Channels](value="gray", source="read", evidence="one channel")
    input_range = Fact[str]()
    if inputs[0].dtype == "uint8":
        input_range = Fact[str](value="0..255", source="read", evidence="takes uint8")
    return ModelCard(
        model=name,
        kind=kind,
        inputs=(inputs[0].model_copy(update={"role": "frames"}),),
        axes=Fact[str](value=axes, source="read", evidence=f"input shape {_shown(shape)}"),
        frames=_dimension(name, "frames", sides.get("t", 1), frames),
        height=_dimension(name, "size", sides["h"], size[0] if size else None),
        width=_dimension(name, "size", sides["w"], size[1] if size else None),
        channels=channels,
        input_range=input_range,
        rate=Fact(value=1.0, source="assumed", evidence="one picture per second") if kind == "image" else Fact(),
    )


def _describe_several(
    inputs: Sequence[InputCard], name: str, frames: int | None, size: tuple[int, int] | None
) -> ModelCard:
    """What the shapes of several inputs say: their size, and the frames of the longest, which the clip has."""
    sides: dict[str, list[int | None]] = {"t": [], "h": [], "w": []}
    for given in inputs:
        axes = find_axes(given.shape) or ""
        for axis in "thw":
            if axis in axes:
                sides[axis].append(given.shape[axes.index(axis)])
    known = {axis: {side for side in found if side} for axis, found in sides.items()}
    longest = max(known["t"], default=None) if sides["t"] else 1
    one_size = all(len(known[axis]) == 1 for axis in "hw")
    height, width = (next(iter(known[axis])) if one_size else None for axis in "hw")
    return ModelCard(
        model=name,
        kind="several inputs",
        inputs=tuple(inputs),
        frames=_dimension(name, "frames", longest, frames),
        height=_dimension(name, "size", height, size[0] if size else None),
        width=_dimension(name, "size", width, size[1] if size else None),
    )


def _dimension(name: str, parameter: str, read: int | None, given: int | None) -> Fact[int]:
    """A number of frames or pixels, which the model knows or its user gives."""
    if read is None:
        return Fact[int]() if given is None else Fact[int](value=given, source="given")
    if given not in (None, read):
        raise UsageError(f"{name}: {parameter} {given} were given, but the model takes {read}")
    return Fact[int](value=read, source="read", evidence="input shape")


def _shown(shape: Sequence[int | None]) -> str:
    return "(" + ", ".join("any" if side is None else str(side) for side in shape) + ")"


def describe_outputs(card: ModelCard, shape: Sequence[int | None], name: str) -> ModelCard:
    """What the shape of a model's output says.

    Args:
        card: what is known of its inputs.
        shape: of its output, without the batch.
        name: of its file, for errors.

    Returns:
        The card with `per_frame`.

    Raises:
        StillmotionError: the output is neither a row of numbers nor one for each frame.
    """
    per_frame = len(shape) == 2 and card.kind != "image"
    frames = card.frames.value
    if per_frame and shape[0] not in (None, 1, frames):
        raise StillmotionError(
            f"{name}: returns {_shown(shape)} for {frames or 'any number of'} frames; only models that return "
            f"(classes) or (frames, classes) can be used"
        )
    if (len(shape) > 1 and not per_frame) or (shape and shape[-1] is None):
        raise StillmotionError(f"{name}: returns {_shown(shape)}; only models that return (classes) can be used")
    evidence = f"output shape {_shown(shape)}"
    return card.model_copy(update={"per_frame": Fact[bool](value=per_frame, source="read", evidence=evidence)})


def output_count(card: ModelCard, shape: Sequence[int | None]) -> int:
    """How many numbers a model returns for a clip or frame.

    Args:
        card: its card.
        shape: of its output, without the batch.

    Returns:
        The number.
    """
    return int(shape[-1] or 1) if shape else 1


def _read_activation(model: keras.Model, output: Any) -> tuple[str, str]:
    """The last activation function of a model, and the layer that has it; empty if it is not known."""
    operations = getattr(model, "operations", None) or model.layers
    last = operations[-1]
    for operation in operations:
        try:
            if any(tensor is output for tensor in keras.tree.flatten(operation.output)):
                last = operation
        except (AttributeError, ValueError):
            continue
    if isinstance(last, keras.layers.TimeDistributed):
        last = last.layer
    if isinstance(last, keras.Model) and getattr(last, "outputs", None):
        return _read_activation(last, keras.tree.flatten(last.outputs)[0])
    name = type(last).__name__.lower()
    if name in ("softmax", "sigmoid"):
        return name, last.name
    if isinstance(last, keras.layers.Dense | keras.layers.Activation | keras.layers.EinsumDense):
        activation = last.activation  # a function, or a layer
        name = "linear" if activation is None else getattr(activation, "__name__", type(activation).__name__.lower())
    return _ACTIVATIONS.get(name.replace("_", ""), ""), last.name


def _outputs_fact(activation: str, count: int, layer: str) -> Fact[Outputs]:
    """What outputs with an activation function are; unknown if it may be anything, which the evidence says then."""
    if activation == "softmax" and count > 1:
        return Fact[Outputs](value="softmax", source="read", evidence=f"activation of {layer}")
    if activation in ("sigmoid", "hard_sigmoid"):
        value: Outputs = "one sigmoid" if count == 1 else "independent sigmoids"
        return Fact[Outputs](value=value, source="read", evidence=f"activation of {layer}")
    if activation == "linear":
        return Fact[Outputs](evidence=f"{layer} has no activation function")
    return Fact[Outputs](evidence=f"activation {activation} of {layer}" if activation else "")


def measure_outputs(outputs: NDArray[Any]) -> Fact[Outputs]:
    """What outputs are, from those for some inputs.

    Args:
        outputs: `(n, count)`.

    Returns:
        The fact; unknown for single numbers that are not probabilities.
    """
    numbers = np.asarray(outputs, np.float64).reshape(-1, outputs.shape[-1])
    numbers, count = numbers[np.isfinite(numbers).all(1)], numbers.shape[1]
    if not len(numbers):
        return Fact[Outputs]()
    inside = bool(numbers.min() >= -1e-3 and numbers.max() <= 1 + 1e-3)
    if count > 1 and inside and np.abs(numbers.sum(1) - 1).max() < 2e-2:
        return Fact[Outputs](value="softmax", source="measured", evidence="outputs add up to 1")
    if inside:
        value: Outputs = "one sigmoid" if count == 1 else "independent sigmoids"
        return Fact[Outputs](value=value, source="measured", evidence="outputs are between 0 and 1")
    if count == 1:
        return Fact[Outputs]()
    return Fact[Outputs](value="logits", source="assumed", evidence="outputs are no probabilities")


def read_scaling(model: keras.Model, card: ModelCard) -> tuple[RangeReading | None, Fact[Channels]]:
    """The range, and where possible the channel order, from what a model does before its first layer with weights.

    Args:
        model: the model.
        card: its card, which knows its size.

    Returns:
        The range, None if the model does not scale; and the channel order, unknown unless it subtracts the means of
        ImageNet.
    """
    unknown = None, Fact[Channels]()
    axes = card.axes.value or ""
    channel_axis = axes.index("c") if "c" in axes else -1
    shape = [side or {"t": card.frames.value, "h": card.size[0], "w": card.size[1]}.get(axis) or 0
             for axis, side in zip(axes, card.inputs[0].shape, strict=False)]  # fmt: skip
    count = shape[channel_axis] if axes else 0
    if 0 in shape or not axes:
        return unknown
    # A black picture, and one for each channel in which only that is bright.
    probes = np.zeros((count + 1, *shape), np.float32)
    for channel in range(count):
        np.moveaxis(probes[channel + 1], channel_axis, 0)[channel] = 255
    arrived = [_arrival(model, probe[None]) for probe in probes]
    if any(arrival is None for arrival in arrived):
        return unknown
    values = np.stack([arrival[0] for arrival in arrived if arrival is not None])
    layer = arrived[0][1] if arrived[0] else ""
    flat = values.reshape(len(values), -1, values.shape[-1]).astype(np.float64)
    if flat.shape[-1] != count or flat.std(1).max() > 1e-3 * max(1.0, np.abs(flat).max()):
        return unknown
    offset = flat[0].mean(0)
    factors = (flat[1:].mean(1) - offset) / 255  # (input channel, arriving channel)
    factor = np.abs(factors).max(1)
    largest = float(factor.max())
    if np.allclose(factors, np.eye(count), atol=1e-5) and np.allclose(offset, 0, atol=1e-4):
        return unknown
    input_range = _range_of_scaling(factor, offset[np.abs(factors).argmax(1)])
    if input_range is None:
        return unknown
    reading = RangeReading(input_range, "scaling", layer, largest)
    if count != 3:
        return reading, Fact[Channels]()
    means = -offset[np.abs(factors).argmax(1)] / factors[np.arange(3), np.abs(factors).argmax(1)]
    levels = means * (255 if input_range == "0..1" else 1)
    orders: tuple[tuple[Channels, tuple[float, ...]], ...] = (
        ("RGB", _IMAGENET_LEVELS),
        ("BGR", _IMAGENET_LEVELS[::-1]),
    )
    for order, expected in orders:
        if np.abs(levels - expected).max() < 2:
            evidence = "subtracts the means of ImageNet in this order"
            return reading, Fact[Channels](value=order, source="read", evidence=evidence)
    return reading, Fact[Channels]()


def _range_of_scaling(factor: NDArray[np.float64], offset: NDArray[np.float64]) -> str | None:
    """The range of numbers for which a factor and offset for each channel are made; None if that is not clear."""
    if factor.max() < 0.05:
        return "0..255"
    if factor.min() > 0.5 and factor.max() < 1.5:
        return "0..255" if offset.max() < -20 else None  # means of levels are subtracted
    means, deviations = -offset / factor, 1 / factor
    # From 0..1 to -1..1; or by means and deviations of pictures. Numbers of -1..1 have deviations of 0.3 and more,
    # and means about 0.
    doubled = np.allclose(means, 0.5, atol=0.01) and np.allclose(deviations, 0.5, atol=0.01)
    usual = means.min() > 0.3 and means.max() < 0.7 and deviations.min() > 0.15 and deviations.max() < 0.3
    return "0..1" if doubled or usual else None


def _arrival(model: keras.Model, values: NDArray[Any]) -> tuple[NDArray[Any], str] | None:
    """What arrives at a model's first layer with weights, and that layer's name; None if that cannot be computed."""
    for layer in model.layers:
        if not layer.weights or isinstance(layer, keras.layers.Normalization):
            continue
        inputs = _inputs_of(model, layer, values)
        if inputs is None:
            return None
        inner = layer.layer if isinstance(layer, keras.layers.TimeDistributed) else layer
        if inner is not layer:
            inputs = inputs.reshape(-1, *inputs.shape[2:])
        return _arrival(inner, inputs) if isinstance(inner, keras.Model) else (inputs, layer.name)
    return None


def _inputs_of(model: keras.Model, layer: keras.layers.Layer, values: NDArray[Any]) -> NDArray[Any] | None:
    """The input of one of a model's layers; None if it is called several times or has several."""
    try:
        if any(layer.input is tensor for tensor in model.inputs):
            return values
        part = keras.Model(only_tensor(model.inputs), layer.input)
        return np.asarray(keras.ops.convert_to_numpy(part(values.astype(model.inputs[0].dtype), training=False)))
    except Exception:  # Anything: a layer of somebody else's may refuse, or need another shape.
        return None


def read_statistics(model: keras.Model, card: ModelCard, pictures: NDArray[np.uint8]) -> RangeReading | None:
    """The range that gives a model's first BatchNormalization the statistics that it has learned.

    Args:
        model: the model.
        card: its card, which knows its size.
        pictures: uint8 RGB of that size, `(n, height, width, 3)`.

    Returns:
        The range; None without such a layer, or if two ranges fit about as well.
    """
    clips = np.repeat(pictures[:, None], card.frames.value or 1, axis=1)
    size = fixed_batch_size(model)
    distances: dict[str, tuple[float, str]] = {}
    for input_range in INPUT_RANGES:
        tried = card.model_copy(update={"input_range": Fact[str](value=input_range, source="assumed")})
        values = feed_array(clips, tried)
        distance = _distance(model, values[:size] if size else values)
        if distance is not None:
            distances[input_range] = distance
    if not distances:
        return None
    best, second = sorted(distances, key=lambda name: distances[name])[:2]
    if distances[second][0] < MIN_RATIO * distances[best][0]:
        return None
    value, layer = distances[best]
    return RangeReading(best, "batch_normalization", layer, value, second, distances[second][0])


def _distance(model: keras.Model, values: NDArray[Any]) -> tuple[float, str] | None:
    """How far the first BatchNormalization's input is from what it has learned, in standard deviations."""
    for layer in model.layers:
        inner = layer.layer if isinstance(layer, keras.layers.TimeDistributed) else layer
        nested = isinstance(inner, keras.Model) and any(
            isinstance(part, keras.layers.BatchNormalization) for part in iter_layers(inner)
        )
        if not nested and not isinstance(inner, keras.layers.BatchNormalization):
            continue
        inputs = _inputs_of(model, layer, values)
        if inputs is None:
            return None
        if inner is not layer:
            inputs = inputs.reshape(-1, *inputs.shape[2:])
        if nested:
            return _distance(inner, inputs)
        flat = np.moveaxis(np.asarray(inputs, np.float64), inner.axis, -1).reshape(-1, inputs.shape[inner.axis])
        mean = np.asarray(keras.ops.convert_to_numpy(inner.moving_mean), np.float64)
        variance = np.asarray(keras.ops.convert_to_numpy(inner.moving_variance), np.float64) + 1e-6
        if np.all(mean == 0) and np.allclose(variance, 1, atol=1e-5):
            return None  # as new: nothing was learned
        spread = np.abs(np.log((flat.var(0) + 1e-6) / variance)).mean() / 2
        return float((np.abs(flat.mean(0) - mean) / np.sqrt(variance)).mean() + spread), layer.name
    return None


def run_on_noise(model: keras.Model, card: ModelCard) -> NDArray[Any]:
    """A model's outputs for noise of both usual ranges, and of far larger ones, to see what they are.

    Args:
        model: the model, of one input.
        card: its card, which knows its size.

    Returns:
        Its outputs, `(n, ..., count)`.
    """
    rng = np.random.default_rng(0)
    size = fixed_batch_size(model) or 2
    clips = rng.integers(0, 256, (size, card.frames.value or 1, *card.size, 3), dtype=np.uint8)
    outputs = []
    # Only numbers with a bound stay between 0 and 1 when the model is fed far too much.
    for input_range in ("0..1", "0..255", *(_FAR_RANGES if "float" in card.inputs[0].dtype else ())):
        tried = card.model_copy(
            update={"input_range": Fact[str](value=input_range), "channels": _or_rgb(card.channels)}
        )
        values = as_model_input(model, feed_array(clips, tried))
        outputs.append(np.asarray(keras.ops.convert_to_numpy(only_tensor(model.predict_on_batch(values)))))
    result: NDArray[Any] = np.concatenate(outputs)
    return result.reshape(-1, result.shape[-1]) if result.ndim > 1 else result[:, None]


def _or_rgb(channels: Fact[Channels]) -> Fact[Channels]:
    return channels if channels.value else Fact[Channels](value="RGB", source="assumed")
