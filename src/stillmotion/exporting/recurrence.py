"""A recurrence over a window as one operation of ONNX, where step by step it would be ten for each frame.

While a program is traced for ONNX, a placeholder stands in its graph, which the converter then replaces. What a frame
gives to the gates is known already: the operation's own input kernel is the identity.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_WANTED: ContextVar[list[Recurrence] | None] = ContextVar("recurrences", default=None)

# Of Keras's gates, in ONNX's order.
GATES = {"GRU": [0, 1, 2], "LSTM": [0, 3, 1, 2]}


@dataclass(frozen=True)
class Recurrence:
    """`kernel` `(units, gates * units)` and `bias` `(units,)`, that of a GRU's reset state, in Keras's order."""

    kind: str
    kernel: NDArray[np.float32]
    bias: NDArray[np.float32] | None
    backwards: bool

    @property
    def units(self) -> int:
        return int(self.kernel.shape[0])


@contextmanager
def for_onnx() -> Iterator[list[Recurrence]]:
    """Within, `fused` leaves placeholders, numbered as the list that this gives."""
    found: list[Recurrence] = []
    token = _WANTED.set(found)
    try:
        yield found
    finally:
        _WANTED.reset(token)


def fused(kind: str, cell: Any, backwards: bool, inputs: Any) -> Any:
    """`(time, batch, gates * units)` -> the last state `(batch, units)`, or None where nothing is traced for ONNX."""
    found = _WANTED.get()
    if found is None:
        return None
    import tensorflow as tf

    with tf.init_scope():  # out of the graph that is traced
        kernel = cell.recurrent_kernel.numpy()
        bias = cell.bias.numpy()[1, 2 * cell.units :] if kind == "GRU" and cell.use_bias else None
    one = Recurrence(kind, kernel, bias, backwards)
    found.append(one)
    state = tf.numpy_function(_never, [tf.constant(len(found) - 1), inputs], tf.float32)
    return tf.reshape(state, (-1, one.units))


def _never(*_: Any) -> Any:
    raise AssertionError("a placeholder is not run")


def replace(found: list[Recurrence]) -> Any:
    """The converter's handler of placeholders."""

    def handler(ctx: Any, node: Any, name: str, args: Any) -> None:
        one = found[int(node.inputs[0].get_tensor_value())]
        gates = GATES[one.kind]
        inner = np.eye(len(gates) * one.units, dtype=np.float32)

        def ordered(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
            parts = np.split(matrix, len(gates), axis=-1)
            return np.concatenate([parts[gate] for gate in gates], axis=-1).T[None].copy()

        attributes: dict[str, Any] = {"hidden_size": one.units, "direction": "reverse" if one.backwards else "forward"}
        inputs = [node.input[1], *(ctx.make_const(f"{node.name}_{told}", ordered(matrix)).output[0]
                                   for told, matrix in (("w", inner), ("r", one.kernel)))]  # fmt: skip
        if one.kind == "GRU":
            attributes["linear_before_reset"] = 1
            if one.bias is not None:
                bias = np.zeros((1, 6 * one.units), np.float32)
                bias[0, -one.units :] = one.bias
                inputs.append(ctx.make_const(f"{node.name}_b", bias).output[0])
        outputs = node.output
        shape, dtype = [ctx.get_shape(node.input[1])[1], one.units], ctx.get_dtype(node.input[1])
        ctx.remove_node(node.name)
        made = ctx.make_node(one.kind, inputs, attr=attributes, output_count=2 if one.kind == "GRU" else 3)
        axis = ctx.make_const(f"{node.name}_axis", np.array([0], np.int64)).output[0]
        ctx.make_node("Squeeze", [made.output[1], axis], outputs=outputs, shapes=[shape], dtypes=[dtype])

    return handler
