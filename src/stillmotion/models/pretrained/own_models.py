"""A Keras model of the user's own as a backbone, cut at one of its layers."""

from __future__ import annotations

from pathlib import Path

import keras
from keras import KerasTensor, layers

from stillmotion.errors import StillmotionError, UsageError, first_line
from stillmotion.models.card_files import read_card
from stillmotion.models.cards import range_factors
from stillmotion.models.loading import load_keras_model
from stillmotion.models.pretrained.pooling import call_flat, find_middle
from stillmotion.models.pretrained.table import Backbone


def build(backbone: Backbone, height: int, width: int) -> tuple[KerasTensor, KerasTensor, KerasTensor]:
    """Load the model in safe mode and cut it; see `Backbone.builder`.

    Where the layer gives feature maps, both depths are made of them. Where it gives a vector, the grid comes from the
    model's own middle stage.

    Raises:
        UsageError: it has no such layer, takes anything but pictures of three channels and this size, or does not say
            how they are scaled.
        StillmotionError: the file is not a model that can be loaded.
    """
    file, name = backbone.own_model, backbone.layer
    assert file is not None
    try:
        model = load_keras_model(file)
    except StillmotionError as error:
        if "`unsafe`" in str(error) or "`custom_objects`" in str(error):  # which nobody can give for a backbone
            raise StillmotionError(f"{file}: a backbone must not contain Lambda or custom layers") from error
        raise
    shape = getattr(model, "input_shape", None)
    if not isinstance(shape, tuple) or len(shape) != 4 or shape[3] != 3:
        raise UsageError(f"{file}: takes {shape}; a backbone takes pictures (batch, height, width, 3)")
    if any(side not in (None, wanted) for side, wanted in zip(shape[1:3], (height, width), strict=True)):
        raise UsageError(f"{file}: takes pictures of {shape[1]}x{shape[2]} pixels, not {height}x{width}")
    found = [layer for layer in model.layers if layer.name == name]
    if not found:
        names = ", ".join(layer.name for layer in model.layers[-5:])
        raise UsageError(f"{file}: has no layer {name!r}; its last ones are {names}")
    if isinstance(found[0], layers.InputLayer):
        raise UsageError(f"{file}: {name!r} is its input; cut it at a later layer")
    picture = keras.Input((height, width, 3), dtype="uint8", name="picture")
    expected = _as_expected(picture, file, model)
    try:
        calls = call_flat(keras.Model(model.inputs, found[0].output), expected)
    except ValueError as error:
        raise UsageError(f"{file}: cannot be cut at its layer {name!r} ({first_line(error)})") from None
    top = calls[-1].output
    try:
        return picture, top if len(top.shape) == 4 else find_middle(calls, height, width), top
    except ValueError:
        raise UsageError(
            f"{file}: has no feature maps of a sixteenth of the picture before its layer {name!r}"
        ) from None


def _as_expected(picture: KerasTensor, file: Path, model: keras.Model) -> KerasTensor:
    """The picture in the channel order and range that the model's card says, or as it is if the model scales it."""
    card = read_card(file)
    first = next((layer for layer in model.layers if not isinstance(layer, layers.InputLayer)), None)
    if card is None and isinstance(first, layers.Rescaling | layers.Normalization):
        return layers.Rescaling(1.0, name="backbone_scaling")(picture)
    if card is None or card.input_range.value is None or card.channels.value not in ("RGB", "BGR"):
        raise UsageError(
            f"{file}: does not scale its input itself, and no model card beside it says which range and which order "
            "of channels it expects; describe it first"
        )
    factor, offset = range_factors(card.input_range.value)
    ordered = picture[..., ::-1] if card.channels.value == "BGR" else picture
    return layers.Rescaling(factor.tolist(), offset=offset.tolist(), name="backbone_scaling")(ordered)
