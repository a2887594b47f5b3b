"""A model's layers and calls, however it is put together."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from stillmotion.errors import UsageError
from stillmotion.models.keras_graph import iter_layers, read_graph

pytestmark = pytest.mark.backend


def nested_model() -> keras.Model:
    """A backbone inside of a wrapper inside of a model, a layer that is called twice, and operations."""
    backbone = keras.Sequential([keras.Input((6, 6, 3)), layers.Conv2D(2, 3, name="deep"), layers.Flatten()])
    x = clip = keras.Input((4, 6, 6, 3), batch_size=None)
    x = layers.TimeDistributed(backbone, name="per_frame")(x)
    shared = layers.Dense(5, name="shared")
    x = layers.Bidirectional(layers.GRU(3), name="both_ways")(shared(x) + shared(x * 2.0))
    return keras.Model(clip, layers.Dense(2, name="last")(x))


def test_layers_inside_of_models_and_wrappers_are_found() -> None:
    names = [layer.name for layer in iter_layers(nested_model())]
    assert {"per_frame", "deep", "shared", "both_ways", "forward_gru", "last"} <= {
        name.rstrip("_0123456789") for name in names
    }
    assert names.index("per_frame") < names.index("deep") < names.index("both_ways") < names.index("last")


def test_running_the_calls_gives_the_models_output() -> None:
    """Nested models are unfolded; constants and repeated calls are kept."""
    model = nested_model()
    outer = keras.Sequential([keras.Input((4, 6, 6, 3)), layers.Rescaling(0.5), model])
    graph = read_graph(outer)
    assert not any(isinstance(node.operation, keras.Model) for node in graph.nodes)
    clips = np.random.default_rng(0).normal(0, 1, (3, 4, 6, 6, 3)).astype(np.float32)
    tensors: dict[Any, Any] = {graph.input: keras.ops.convert_to_tensor(clips)}
    for node in graph.nodes:
        results = keras.tree.flatten(node.call(tensors))
        tensors |= {ref: results[place] for place, ref in node.outputs.items()}
    outputs = keras.ops.convert_to_numpy(tensors[graph.output])
    np.testing.assert_allclose(outputs, outer.predict_on_batch(clips), atol=1e-6)
    assert graph.shape(graph.output) == (None, 2)


def test_the_arguments_of_a_call_are_kept() -> None:
    clip = keras.Input((4, 3))
    model = keras.Model(clip, layers.Dropout(0.5)(layers.GRU(3)(clip, initial_state=None), training=True))
    recurrent, dropout = read_graph(model).nodes
    assert "initial_state" in recurrent.kwargs
    # `predict` runs no layer in training mode, even if it was called so.
    assert dropout.kwargs["training"] is False
    clips = np.ones((2, 4, 3), np.float32)
    np.testing.assert_array_equal(model.predict_on_batch(clips), model.predict_on_batch(clips))


def test_a_model_with_two_inputs_is_refused() -> None:
    first, second = keras.Input((4,)), keras.Input((4,))
    with pytest.raises(UsageError, match="expected a built model with one input and one output"):
        read_graph(keras.Model([first, second], layers.Add()([first, second])))
