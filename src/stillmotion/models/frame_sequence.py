"""frame_sequence: the picture CNN on each frame, its features read in order by a small network over time."""

from __future__ import annotations

import keras
from keras import KerasTensor, layers

from stillmotion.models.backbones import (
    clip_input,
    fold,
    normalized,
    picture_features,
    probabilities,
    scaled,
    unfold,
)

# Features of a frame, and of the clip.
WIDTH = 96


def build(
    *, frames: int, height: int, width: int, classes: int, options: dict[str, str | bool], steps: int
) -> keras.Model:
    """Build the model; see `build_model`."""
    clip = clip_input(frames, height, width)
    x = layers.Dropout(0.3)(layers.Flatten()(picture_features(fold(scaled(clip)), steps)))
    x = layers.ReLU()(normalized(layers.Dense(WIDTH, use_bias=False)(x), steps))
    x = layers.Dropout(0.3)(in_order(unfold(x, frames), str(options["head"]), steps))
    return keras.Model(clip, probabilities(layers.Dense(classes, name="logits")(x)), name="frame_sequence")


def in_order(x: KerasTensor, head: str, steps: int) -> KerasTensor:
    """Read the frames' features in order.

    Args:
        x: `(batch, time, WIDTH)`.
        head: "gru"; "convolution" over time, which sees five frames at a time; or "transformer", one pre-norm block
            with learned positions.
        steps: see `momentum`.

    Returns:
        `(batch, features)`.
    """
    if head == "gru":
        return layers.GRU(WIDTH)(x)
    if head == "convolution":
        for _ in range(2):
            y = layers.Conv1D(WIDTH, 3, padding="same", use_bias=False)(x)
            x = layers.Add()([x, layers.ReLU()(normalized(y, steps))])
        return layers.GlobalAveragePooling1D()(x)
    # The bias, one for each place in the clip, is the position.
    x = layers.EinsumDense(
        "btf,fg->btg", x.shape[1:], bias_axes="tg", bias_initializer=keras.initializers.RandomNormal(stddev=0.1)
    )(x)
    y = layers.LayerNormalization()(x)
    x = layers.Add()([x, layers.MultiHeadAttention(4, WIDTH // 4)(y, y)])
    y = layers.Dense(2 * WIDTH, activation="gelu")(layers.LayerNormalization()(x))
    x = layers.Add()([x, layers.Dense(WIDTH)(y)])
    return layers.GlobalAveragePooling1D()(layers.LayerNormalization()(x))
