"""Release what TensorFlow keeps of a finished training."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import keras


@contextmanager
def release_tf_graphs() -> Iterator[None]:
    """Release the graphs of a training that runs inside of this context when it ends.

    Keras's optimizer sums gradients over replicas through `tf.custom_gradient`, which enters itself, and with it the
    whole graph, into a registry: 30 to 60 MB per training, gigabytes for a cross-validation with a search. There is no
    public way to remove an entry. In a version of TensorFlow that keeps the registry elsewhere, nothing is released.
    """
    registry = _gradient_registry()
    before = set(registry)
    try:
        yield
    finally:
        for name in registry.keys() - before:
            if name.startswith("CustomGradient-"):
                del registry[name]


def _gradient_registry() -> MutableMapping[str, Any]:
    """TensorFlow's private table of gradients by name; an empty one on other backends."""
    if keras.backend.backend() != "tensorflow":
        return {}
    from tensorflow.python.framework import ops

    registry: MutableMapping[str, Any] = getattr(getattr(ops, "gradient_registry", None), "_registry", {})
    return registry
