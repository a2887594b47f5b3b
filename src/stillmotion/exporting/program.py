"""What is exported: a function of TensorFlow, with its inputs and outputs named."""

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

Named = Mapping[str, NDArray[Any]]
# A program's inputs -> its outputs, which last until the next but one run.
Runner = Callable[[Named], Named]


@dataclass(frozen=True)
class Tensor:
    """A named tensor; None in its shape is free."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str


@dataclass(frozen=True)
class Program:
    """`call` takes a backend's tensors in the order of `inputs`, and gives as many as `outputs` names.

    Its weights are those of `model`.
    """

    model: keras.Model
    call: Callable[..., Sequence[Any]]
    inputs: tuple[Tensor, ...]
    outputs: tuple[str, ...]


def traced(program: Program) -> Any:
    """The program as a function of TensorFlow, whose outputs have their names.

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
        return dict(zip(program.outputs, program.call(*tensors), strict=True))

    signature = [tf.TensorSpec(one.shape, one.dtype, one.name) for one in program.inputs]
    return tf.function(call, input_signature=signature, autograph=False)


def missing(package: str, extra: str, error: ImportError) -> StillmotionError:
    """What to say where an extra is not installed."""
    return StillmotionError(f"{package} cannot be imported ({error}); install it: pip install 'stillmotion[{extra}]'")


def threads() -> int:
    """That OMP_NUM_THREADS allows; 0 leaves it to the engine."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    return int(given) if given.isdigit() else 0


def distance(found: Any, expected: Any) -> float:
    """The greatest difference, of 1 or of the greatest value, whichever is more."""
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    return float(np.abs(found - expected).max() / max(1.0, np.abs(expected).max()))
