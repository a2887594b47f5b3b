"""Presets of KerasHub: backbones of pictures, each with the scaling of its own image converter."""

from __future__ import annotations

import importlib
from typing import Any

import keras
from keras import KerasTensor, layers

from stillmotion.errors import StillmotionError, UsageError, first_line
from stillmotion.models.pretrained.pooling import find_middle
from stillmotion.models.pretrained.table import HUB_PREFIX, NO_DOWNLOAD, Backbone


def build(backbone: Backbone, height: int, width: int) -> tuple[KerasTensor, KerasTensor, KerasTensor]:
    """Build the network of a preset; see `Backbone.builder`.

    Raises:
        UsageError: the preset gives no feature maps, or cannot take pictures of this size.
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
    picture = keras.Input((height, width, 3), dtype="uint8", name="picture")
    scale = 1.0 if converter.scale is None else converter.scale
    offset = 0.0 if converter.offset is None else converter.offset
    try:
        middle = find_middle(network)
    except ValueError:
        raise UsageError(f"backbone {backbone.name!r}: gives no feature maps") from None
    maps = keras.Model(network.inputs, [middle, network.output])(layers.Rescaling(scale, offset=offset)(picture))
    return picture, maps[0], maps[1]
