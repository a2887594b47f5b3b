"""Export a recurrence over a window as one ONNX operation, where step by step it would be ten operations per frame.

While a program is traced for ONNX, `fused` puts a placeholder into its graph, which `replace` then makes tf2onnx
replace by ONNX's GRU or LSTM. The inputs are projected already, so the operation's own input kernel is the identity.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_RECURRENCES: ContextVar[list[Recurrence] | None] = ContextVar("recurrences", default=None)

# For each place in ONNX's order of gates, the place in Keras's.
GATES = {"GRU": [0, 1, 2], "LSTM": [0, 3, 1, 2]}


@dataclass(frozen=True)
class Recurrence:
    """The weights of a recurrence, in Keras's order.

    Attributes:
        kind: "GRU" or "LSTM".
        kernel: the recurrent kernel, `(units, gates * units)`.
        bias: `(units,)`, the recurrent bias of a GRU's candidate state, if there is one.
        backwards: whether it begins with the last frame.
        sequences: whether the outputs of all steps are needed.
    """

    kind: str
    kernel: NDArray[np.float32]
    bias: NDArray[np.float32] | None
    backwards: bool
    sequences: bool

    @property
    def units(self) -> int:
        return int(self.kernel.shape[0])


@contextmanager
def for_onnx() -> Iterator[list[Recurrence]]:
    """Inside of this context, `fused` makes placeholders, and adds what they stand for to the list."""
    recurrences: list[Recurrence] = []
    token = _RECURRENCES.set(recurrences)
    try:
        yield recurrences
    finally:
        _RECURRENCES.reset(token)


def fused(kind: str, cell: Any, backwards: bool, sequences: bool, inputs: Any) -> Any:
    """Make a placeholder for a recurrence.

    Args:
        kind: "GRU" or "LSTM".
        cell: Keras's cell.
        backwards: whether it begins with the last frame.
        sequences: whether the outputs of all steps are needed.
        inputs: projected, `(time, batch, gates * units)`.

    Returns:
        The last output, `(batch, units)`, or all of them in the order of time, `(time, batch, units)`; None outside of
        `for_onnx`.
    """
    recurrences = _RECURRENCES.get()
    if recurrences is None:
        return None
    import tensorflow as tf

    with tf.init_scope():  # Outside of the graph that is traced.
        kernel = cell.recurrent_kernel.numpy()
        bias = cell.bias.numpy()[1, 2 * cell.units :] if kind == "GRU" and cell.use_bias else None
    recurrence = Recurrence(kind, kernel, bias, backwards, sequences)
    recurrences.append(recurrence)
    state = tf.numpy_function(_placeholder, [tf.constant(len(recurrences) - 1), inputs], tf.float32)
    return tf.reshape(state, (inputs.shape[0], -1, recurrence.units) if sequences else (-1, recurrence.units))


def _placeholder(*_: Any) -> Any:
    raise AssertionError("a placeholder is never run")


def replace(recurrences: list[Recurrence]) -> Any:
    """Make tf2onnx's handler of placeholders.

    Args:
        recurrences: what `for_onnx` collected.

    Returns:
        The handler, for tf2onnx's `custom_op_handlers`.
    """

    def handler(ctx: Any, node: Any, name: str, args: Any) -> None:
        recurrence = recurrences[int(node.inputs[0].get_tensor_value())]
        kind, units, gates = recurrence.kind, recurrence.units, GATES[recurrence.kind]

        def constant(suffix: str, values: NDArray[Any]) -> str:
            output: str = ctx.make_const(f"{node.name}_{suffix}", values).output[0]
            return output

        def kernel(suffix: str, matrix: NDArray[np.float32]) -> str:
            parts = np.split(matrix, len(gates), axis=-1)
            ordered = np.concatenate([parts[gate] for gate in gates], axis=-1)
            return constant(suffix, ordered.T[None].copy())

        identity = np.eye(len(gates) * units, dtype=np.float32)
        inputs = [node.input[1], kernel("w", identity), kernel("r", recurrence.kernel)]
        attributes: dict[str, Any] = {
            "hidden_size": units,
            "direction": "reverse" if recurrence.backwards else "forward",
        }
        if kind == "GRU":
            attributes["linear_before_reset"] = 1
            if recurrence.bias is not None:
                bias = np.zeros((1, 6 * units), np.float32)
                bias[0, -units:] = recurrence.bias
                inputs.append(constant("b", bias))
        outputs = node.output
        time, batch, _ = ctx.get_shape(node.input[1])
        shape = [time, batch, units] if recurrence.sequences else [batch, units]
        dtype = ctx.get_dtype(node.input[1])
        ctx.remove_node(node.name)
        operation = ctx.make_node(kind, inputs, attr=attributes, output_count=2 if kind == "GRU" else 3)
        # The first output is the sequence, with an axis of directions after that of time; the second is the last state,
        # with that axis in front.
        axis = constant("axis", np.array([1 if recurrence.sequences else 0], np.int64))
        ctx.make_node(
            "Squeeze",
            [operation.output[0 if recurrence.sequences else 1], axis],
            outputs=outputs,
            shapes=[shape],
            dtypes=[dtype],
        )

    return handler
