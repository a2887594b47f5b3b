"""Presets of KerasHub: backbones of pictures, each with the scaling of its own image converter."""

from __future__ import annotations

import importlib
from typing import Any

import keras
from keras import KerasTensor, layers

from stillmotion.errors import StillmotionError, UsageError, first_line
from stillmotion.models.pretrained.pooling import call_flat, find_middle
from stillmotion.models.pretrained.table import HUB_PREFIX, NO_DOWNLOAD, Backbone


def build(backbone: Backbone, height: int, width: int) -> tuple[KerasTensor, KerasTensor, KerasTensor]:
    """Build the network of a preset; see `Backbone.builder`.

    Raises:
        UsageError: the preset gives no feature maps, or has layers that Keras alone does not know.
        StillmotionError: KerasHub is not installed, or the preset cannot be fetched.
    """
    try:
        hub: Any = importlib.import_module("keras_hub")
    except ImportError as error:
        raise StillmotionError(
            f"backbone {backbone.name!r}: needs KerasHub ({first_line(error)}): pip install keras-hub; "
            f"or choose {NO_DOWNLOAD}"
        ) from None
    preset = backbone.name.removeprefix(HUB_PREFIX)
    try:
        network = hub.models.Backbone.from_preset(preset, image_shape=(height, width, 3))
        converter = hub.layers.ImageConverter.from_preset(preset)
    except Exception as error:
        raise StillmotionError(
            f"backbone {backbone.name!r}: cannot be loaded ({first_line(error)}); choose {NO_DOWNLOAD}"
        ) from None
    _check(backbone.name, network)
    picture = keras.Input((height, width, 3), dtype="uint8", name="picture")
    scale = 1.0 if converter.scale is None else converter.scale
    offset = 0.0 if converter.offset is None else converter.offset
    calls = call_flat(network, layers.Rescaling(scale, offset=offset, name="backbone_scaling")(picture))
    return picture, find_middle(calls, height, width), calls[-1].output


def _check(name: str, network: keras.Model) -> None:
    """Only networks of feature maps will do, and only those of Keras's own layers: runs load with Keras alone."""
    output = network.output
    if len(network.inputs) != 1 or not isinstance(output, KerasTensor) or len(output.shape) != 4:
        raise UsageError(f"backbone {name!r}: gives no feature maps; presets of convolutional networks do")
    foreign = {type(layer).__name__ for layer in network.layers if not type(layer).__module__.startswith("keras.")}
    if foreign:
        raise UsageError(
            f"backbone {name!r}: has layers of KerasHub's own ({', '.join(sorted(foreign))}), so Keras alone would not "
            "load a saved model; choose another preset"
        )
