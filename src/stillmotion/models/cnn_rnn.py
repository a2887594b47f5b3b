"""cnn_rnn: the picture CNN on every frame, then a GRU or LSTM over the frames (Donahue et al. 2015)."""

from __future__ import annotations

import keras
from keras import layers

from stillmotion.models.backbones import (
    classic_features,
    clip_input,
    fold,
    motion_input,
    normalized,
    picture_features,
    probabilities,
    unfold,
)


def build(
    *, frames: int, height: int, width: int, classes: int, options: dict[str, str | bool], steps: int
) -> keras.Model:
    """Build the model; see `build_model`."""
    clip = clip_input(frames, height, width)
    pixels = motion_input(clip, str(options["input"]))
    pictures, slices = fold(pixels), pixels.shape[1]
    if options["preset"] == "classic":
        x = layers.LSTM(128)(unfold(classic_features(pictures), slices))
    else:
        x = layers.Flatten()(picture_features(pictures, steps))
        x = layers.Dense(96, use_bias=False)(layers.Dropout(0.3)(x))
        x = unfold(layers.ReLU()(normalized(x, steps)), slices)
        recurrent = layers.GRU(96) if options["rnn"] == "gru" else layers.LSTM(96)
        x = layers.Bidirectional(recurrent)(x) if options["bidirectional"] else recurrent(x)
        x = layers.Dropout(0.3)(x)
    logits = layers.Dense(classes, name="logits")(x)
    return keras.Model(clip, probabilities(logits), name="cnn_rnn")
