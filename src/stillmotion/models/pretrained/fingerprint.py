"""Identify a model by its weights."""

from __future__ import annotations

import hashlib

import keras


def of_weights(model: keras.Model) -> str:
    """Hash all weights of a model, with their shapes, in the order of its layers.

    Args:
        model: any model.

    Returns:
        SHA-256 in hexadecimal.
    """
    digest = hashlib.sha256()
    for weight in model.get_weights():
        digest.update(f"{weight.shape} {weight.dtype}".encode() + weight.tobytes())
    return digest.hexdigest()
