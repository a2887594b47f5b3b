"""What is exported: a function with named inputs and outputs, traced by TensorFlow."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stillmotion.errors import StillmotionError

if TYPE_CHECKING:
    import keras

NamedArrays = Mapping[str, NDArray[Any]]
# A program's inputs -> its outputs. The outputs may be overwritten by the second run after theirs.
Runner = Callable[[NamedArrays], NamedArrays]


@dataclass(frozen=True)
class Tensor:
    """A named tensor. None in its shape stands for any size."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str


@dataclass(frozen=True)
class Program:
    """A function to export.

    Attributes:
        model: the model whose weights the function uses.
        call: takes tensors in the order of `inputs`, and returns as many as `outputs` has names.
        inputs: the inputs.
        outputs: names of the outputs.
    """

    model: keras.Model
    call: Callable[..., Sequence[Any]]
    inputs: tuple[Tensor, ...]
    outputs: tuple[str, ...]


def traced(program: Program) -> Any:
    """Make the program a TensorFlow function whose outputs are named.

    Args:
        program: what to trace.

    Returns:
        A `tf.function` with an input signature.

    Raises:
        StillmotionError: Keras runs on another backend.
    """
    import keras

    if keras.backend.backend() != "tensorflow":
        raise StillmotionError(
            f"models are exported from TensorFlow, and Keras runs on {keras.backend.backend()}: "
            "set KERAS_BACKEND=tensorflow; a .keras file is the same on both"
        )
    import tensorflow as tf

    def call(*tensors: Any) -> dict[str, Any]:
        # Keras compiles some layers with XLA, such as convolutions in groups, in functions that no converter opens.
        # Run "eagerly", such a function writes its operations into the graph that is being traced.
        before = tf.config.functions_run_eagerly()
        tf.config.run_functions_eagerly(True)
        try:
            return dict(zip(program.outputs, program.call(*tensors), strict=True))
        finally:
            tf.config.run_functions_eagerly(before)

    signature = [tf.TensorSpec(tensor.shape, tensor.dtype, tensor.name) for tensor in program.inputs]
    return tf.function(call, input_signature=signature, autograph=False)


def missing(package: str, extra: str, error: ImportError) -> StillmotionError:
    """The error for an extra that is not installed."""
    return StillmotionError(f"{package} cannot be imported ({error}); install it: pip install 'stillmotion[{extra}]'")


def threads() -> int:
    """How many threads OMP_NUM_THREADS allows; 0 leaves the choice to the engine."""
    count = os.environ.get("OMP_NUM_THREADS", "")
    return int(count) if count.isdigit() else 0


def distance(actual: Any, expected: Any) -> float:
    """The largest difference, relative to the largest expected value if that is above 1."""
    actual, expected = np.asarray(actual, np.float64), np.asarray(expected, np.float64)
    return float(np.abs(actual - expected).max() / max(1.0, np.abs(expected).max()))
