"""The networks of `keras.applications`, each with its own scaling.

Keras looks for the weights in its own folder, and downloads them if they are not there. It checks their hash, except
that it knows none for MobileNet and MobileNetV2.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import keras
from keras import KerasTensor, layers

from stillmotion.errors import StillmotionError, UsageError, first_line
from stillmotion.models.pretrained.pooling import call_flat, find_middle
from stillmotion.models.pretrained.table import APPLICATIONS, NO_DOWNLOAD, Backbone


def _caffe(picture: KerasTensor) -> KerasTensor:
    """BGR, less the mean of ImageNet."""
    return layers.Rescaling(1.0, offset=(-103.939, -116.779, -123.68), name="backbone_scaling")(picture[..., ::-1])


def _torch(picture: KerasTensor) -> KerasTensor:
    """Less the mean of ImageNet, divided by its standard deviation."""
    means, deviations = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    return layers.Rescaling(
        [1 / 255 / deviation for deviation in deviations],
        offset=[-mean / deviation for mean, deviation in zip(means, deviations, strict=True)],
        name="backbone_scaling",
    )(picture)


SCALINGS: Mapping[str, Callable[[KerasTensor], KerasTensor]] = {
    "none": lambda picture: layers.Rescaling(1.0, name="backbone_scaling")(
        picture
    ),  # The network scales; this only makes floats.
    "symmetric": lambda picture: layers.Rescaling(1 / 127.5, offset=-1.0, name="backbone_scaling")(picture),
    "torch": _torch,
    "caffe": _caffe,
}


def build(backbone: Backbone, height: int, width: int) -> tuple[KerasTensor, KerasTensor, KerasTensor]:
    """Build a network of `keras.applications` without its classifier; see `Backbone.builder`.

    Raises:
        UsageError: it cannot take pictures of this size.
        StillmotionError: its weights are not here and cannot be fetched.
    """
    picture = keras.Input((height, width, 3), dtype="uint8", name="picture")
    scaled = SCALINGS[APPLICATIONS[backbone.name].scaling](picture)
    try:
        network = getattr(keras.applications, backbone.name)(
            include_top=False, weights="imagenet", input_shape=(height, width, 3)
        )
    except Exception as error:  # Keras raises a plain Exception if a download fails.
        address = re.search(r"https?://\S+/([^\s/:]+): ", str(error))
        if address is None:
            raise UsageError(f"backbone {backbone.name!r} at {height}x{width}: {first_line(error)}") from None
        reason = first_line(error).rpartition(" -- ")[2]
        raise StillmotionError(
            f"backbone {backbone.name!r}: its weights cannot be fetched ({reason}); put {address[1]} into "
            f"the folder models in Keras's folder (~/.keras, or KERAS_HOME), or choose {NO_DOWNLOAD}"
        ) from None
    calls = call_flat(network, scaled)
    return picture, find_middle(calls, height, width), calls[-1].output
