"""Fine-tuning: once a head is trained, the last stages of its backbone are trained on pixels with it."""

from __future__ import annotations

import keras

from stillmotion.models.keras_graph import iter_layers

FINETUNE_EPOCHS = 6
# Its peak. Higher ones destroy in a few steps what the backbone has learned from a million pictures.
FINETUNE_LEARNING_RATE = 1e-4


def unfreeze_last_stages(backbone: keras.Model) -> None:
    """Make the stages above the grid trainable, all but batch normalization, which keeps its statistics.

    Args:
        backbone: see `stillmotion.models.pretrained.build_backbone`.
    """
    grid, _ = backbone.outputs
    frozen = {layer.name for layer in keras.Model(backbone.input, grid).layers}
    backbone.trainable = True
    for layer in backbone.layers:
        layer.trainable = layer.name not in frozen
    for layer in iter_layers(backbone):
        # Not trainable, it runs as in inference.
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False
