"""What the families share: scaling, folding, the residual picture CNN, and the classic stack of the tutorials.

All are functions from symbolic tensor to symbolic tensor, made of Keras's own layers and operations, so that a saved
model loads wherever Keras is installed.
"""

from __future__ import annotations

import keras
from keras import KerasTensor, layers, ops

from stillmotion.errors import StillmotionError

# Channels of the blocks, each of which halves height and width.
WIDTHS = (16, 32, 64, 96)
# Side of the grid of features in front of the classifier. It is coarse but not 1, because where things are matters.
GRID = 4


def momentum(steps: int) -> float:
    """The momentum of batch normalization for this many training steps. The usual 0.99 ruins short trainings."""
    return min(0.99, max(0.8, 1 - 30 / max(steps, 1)))


def scaled(clip: KerasTensor) -> KerasTensor:
    """Scale uint8 pixels to floats from -1 to 1."""
    return layers.Rescaling(1 / 127.5, offset=-1.0)(clip)


def motion_input(clip: KerasTensor, kind: str) -> KerasTensor:
    """Make the input of a motion model: scaled pixels, their differences from the frame before, or both.

    A difference takes two frames, so there are time - 1 slices. None of them depends on where the clip begins: in a
    stream, each is computed once.

    Args:
        clip: uint8 `(batch, time, height, width, 3)`.
        kind: "rgb", "difference", or "both" in 6 channels.

    Returns:
        `(batch, time or time - 1, height, width, 3 or 6)`.

    Raises:
        StillmotionError: a difference within a clip of one frame.
    """
    pixels = scaled(clip)
    if kind == "rgb":
        return pixels
    if clip.shape[1] < 2:
        raise StillmotionError(f"input={kind} takes the difference of two frames, and a clip has one: use input=rgb")
    newest = pixels[:, 1:]
    difference = newest - pixels[:, :-1]
    return difference if kind == "difference" else ops.concatenate([newest, difference], axis=-1)


def fold(clip: KerasTensor) -> KerasTensor:
    """Make frames a batch of pictures: `(batch, time, ...)` -> `(batch * time, ...)`."""
    return ops.reshape(clip, (-1, *clip.shape[2:]))


def unfold(pictures: KerasTensor, slices: int) -> KerasTensor:
    """The reverse of `fold`: `(batch * time, ...)` -> `(batch, time, ...)`."""
    return ops.reshape(pictures, (-1, slices, *pictures.shape[1:]))


def normalized(x: KerasTensor, steps: int) -> KerasTensor:
    """Batch normalization with the right momentum for this many training steps."""
    return layers.BatchNormalization(momentum=momentum(steps))(x)


def picture_features(pictures: KerasTensor, steps: int) -> KerasTensor:
    """The residual picture CNN: a small ResNet (He et al. 2016) with one convolution per block.

    A second one takes a third of the time of a training step. That time is better spent on more epochs.

    Args:
        pictures: `(batch, height, width, channels)`.
        steps: see `momentum`.

    Returns:
        Features `(batch, at most 4, at most 4, 96)`.
    """
    first, *rest = WIDTHS
    x = layers.Conv2D(first, 3, strides=2, padding="same", use_bias=False)(pictures)
    x = layers.ReLU()(normalized(x, steps))
    for channels in rest:
        shortcut = shortened(layers.AveragePooling2D(2, padding="same")(x), channels, steps)
        y = layers.Conv2D(channels, 3, strides=2, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.Add()([shortcut, normalized(y, steps)]))
    return coarse(x)


def shortened(x: KerasTensor, channels: int, steps: int) -> KerasTensor:
    """The shortcut of a block, already pooled, brought to its number of channels (ResNet-D, He et al. 2019).

    A dense layer is the same as a 1 x 1 convolution. A convolution with strides would do without the pooling, but on
    TensorFlow 2.21 with oneDNN the gradient of Conv2D(16, 1, strides=2) writes outside its memory and ends the process.
    """
    return normalized(layers.Dense(channels, use_bias=False)(x), steps)


def picture_vector(pictures: KerasTensor, preset: str, steps: int) -> KerasTensor:
    """Features of pictures without their place: `(batch, height, width, channels)` -> `(batch, features)`."""
    if preset == "classic":
        return classic_features(pictures)
    return layers.Dropout(0.3)(layers.GlobalAveragePooling2D()(picture_features(pictures, steps)))


def coarse(x: KerasTensor, grid: int = GRID) -> KerasTensor:
    """Average height and width to at most `grid` rows and columns, whatever the size of the pictures."""
    pool = tuple(-(-side // grid) for side in x.shape[-3:-1])
    return layers.AveragePooling2D(pool)(x) if max(pool) > 1 else x


def classic_features(x: KerasTensor) -> KerasTensor:
    """The stack of the tutorials: convolution 32, pool, convolution 64, pool, flatten.

    Args:
        x: `(batch, height, width, channels)`, or with time, for 3D layers.

    Returns:
        `(batch, features)`.

    Raises:
        StillmotionError: a side below 10.
    """
    convolution, pooling = {
        4: (layers.Conv2D, layers.MaxPooling2D),
        5: (layers.Conv3D, layers.MaxPooling3D),
    }[len(x.shape)]
    if min(x.shape[1:-1]) < 10:
        shape = " x ".join(map(str, x.shape[1:-1]))
        raise StillmotionError(
            f"{shape} is too small for preset=classic: it needs 10 or more of each; use preset=standard"
        )
    for filters in (32, 64):
        x = pooling(2)(convolution(filters, 3, activation="relu")(x))
    return layers.Flatten()(x)


def clip_input(frames: int, height: int, width: int) -> KerasTensor:
    """The input of every family."""
    return keras.Input((frames, height, width, 3), dtype="uint8", name="clip")


def probabilities(logits: KerasTensor) -> KerasTensor:
    """Softmax in float32, also under mixed precision."""
    return layers.Softmax(dtype="float32", name="probabilities")(logits)
