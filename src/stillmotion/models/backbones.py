"""What the families share: scaling, folding, the residual picture CNN, and the tutorials' classic stack.

All are functions from symbolic tensor to symbolic tensor, made of Keras's own layers and operations, so that
a saved model loads wherever Keras is.
"""

from __future__ import annotations

import keras
from keras import KerasTensor, layers, ops

from stillmotion.errors import StillmotionError

WIDTHS = (16, 32, 64, 96)  # each block halves height and width
GRID = 4  # the coarse grid that is kept in front of the classifier: where things are matters


def momentum(steps: int) -> float:
    """Batch normalisation's momentum for so many training steps; the usual 0.99 ruins short trainings."""
    return min(0.99, max(0.8, 1 - 30 / max(steps, 1)))


def scaled(clip: KerasTensor) -> KerasTensor:
    """uint8 pixels -> floats from -1 to 1."""
    return layers.Rescaling(1 / 127.5, offset=-1.0)(clip)


def motion_input(clip: KerasTensor, kind: str) -> KerasTensor:
    """Scaled pixels, their differences from the frame before, or both in 6 channels.

    `(batch, time, height, width, 3)` -> `(batch, slices, height, width, 3 or 6)`. A difference takes two frames, so
    that there are time - 1 slices, and none feels where the clip begins: streamed, each is computed once.

    Raises:
        StillmotionError: a difference of a single frame.
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
    """`(batch, time, ...)` -> `(batch * time, ...)`: frames as a batch of pictures."""
    return ops.reshape(clip, (-1, *clip.shape[2:]))


def unfold(pictures: KerasTensor, slices: int) -> KerasTensor:
    """`(batch * time, ...)` -> `(batch, time, ...)`."""
    return ops.reshape(pictures, (-1, slices, *pictures.shape[1:]))


def normalised(x: KerasTensor, steps: int) -> KerasTensor:
    return layers.BatchNormalization(momentum=momentum(steps))(x)


def picture_features(pictures: KerasTensor, steps: int) -> KerasTensor:
    """The residual picture CNN: `(batch, height, width, channels)` -> `(batch, at most 4, at most 4, 96)`.

    A small ResNet (He et al. 2016), 0.3 million weights. It begins with a single convolution: of a whole block at the
    largest size, a third of the time of a training step went into the normalisation alone.
    """
    first, *rest = WIDTHS
    x = layers.Conv2D(first, 3, strides=2, padding="same", use_bias=False)(pictures)
    x = layers.ReLU()(normalised(x, steps))
    for channels in rest:
        shortcut = shortened(layers.AveragePooling2D(2, padding="same")(x), channels, steps)
        y = layers.Conv2D(channels, 3, strides=2, padding="same", use_bias=False)(x)
        y = layers.ReLU()(normalised(y, steps))
        y = layers.Conv2D(channels, 3, padding="same", use_bias=False)(y)
        x = layers.ReLU()(layers.Add()([shortcut, normalised(y, steps)]))
    return coarse(x)


def shortened(x: KerasTensor, channels: int, steps: int) -> KerasTensor:
    """A block's shortcut, already pooled: other channels, as a 1 x 1 convolution does (He et al. 2019, ResNet-D).

    Not a convolution with strides: on TensorFlow 2.21 with oneDNN the gradient of Conv2D(16, 1, strides=2) writes
    outside its memory and ends the process.
    """
    return normalised(layers.Dense(channels, use_bias=False)(x), steps)


def coarse(x: KerasTensor, grid: int = GRID) -> KerasTensor:
    """Averages height and width to a grid of at most so many rows and columns, whatever the size of the pictures."""
    pool = tuple(-(-side // grid) for side in x.shape[-3:-1])
    return layers.AveragePooling2D(pool)(x) if max(pool) > 1 else x


def classic_features(x: KerasTensor) -> KerasTensor:
    """The tutorials' stack: convolution 32, pool, convolution 64, pool, flatten; 2D or 3D by the input."""
    convolution, pooling = {
        4: (layers.Conv2D, layers.MaxPooling2D),
        5: (layers.Conv3D, layers.MaxPooling3D),
    }[len(x.shape)]
    if min(x.shape[1:-1]) < 10:
        shape = " x ".join(map(str, x.shape[1:-1]))
        raise StillmotionError(f"{shape} is too small for size=classic: it needs 10 or more of each; use size=small")
    for filters in (32, 64):
        x = pooling(2)(convolution(filters, 3, activation="relu")(x))
    return layers.Flatten()(x)


def clip_input(frames: int, height: int, width: int) -> KerasTensor:
    return keras.Input((frames, height, width, 3), dtype="uint8", name="clip")


def probabilities(logits: KerasTensor) -> KerasTensor:
    """Softmax in float32, under mixed precision too."""
    return layers.Softmax(dtype="float32", name="probabilities")(logits)
