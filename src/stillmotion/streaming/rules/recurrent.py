"""Recurrent layers: what a frame gives to the gates is computed once; the recurrence runs over each window.

It need not wait for the window's end. A frame lies in all windows that have begun, and is another step of each: one
product of as many rows, where the window alone would take as many products one after the other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras import activations, ops
from keras.backend import standardize_dtype

from stillmotion.exporting.recurrence import GATES, fused
from stillmotion.streaming.actions import FullWindow, OpView, ParallelWindows, PerFrame, Ruling

# What a frame gives to the gates, and the state -> the new state; its first part is the output. Where a layer is
# bidirectional, all begin with an axis of directions, which run side by side.
State = tuple[Any, ...]
Step = Callable[[Any, State], State]


def recurrent(view: OpView) -> Ruling:
    return _ruling(view, [view.operation])


def bidirectional(view: OpView) -> Ruling:
    return _ruling(view, [view.operation.forward_layer, view.operation.backward_layer])


def _ruling(view: OpView, layers: list[Any]) -> Ruling:
    if view.axis == 0:
        return view.each()
    kinds = {type(layer).__name__ for layer in layers}
    if len(kinds) > 1 or not kinds <= STEPS.keys():
        return f"{kinds.pop()} inside it is not known"
    if view.axis != 1 or len(view.node.inputs) != 1 or any(layer.return_state for layer in layers):
        return "it is given a state or a mask, or returns its state"
    mode = getattr(view.operation, "merge_mode", "concat")
    if mode is None:
        return "it has two results"

    def projected(frames: Any) -> Any:
        return ops.stack([project(layer.cell, frames) for layer in layers], axis=2)

    def joined(inputs: Any) -> Any:
        found = run(layers, inputs)
        if len(found) == 1:
            return found[0]
        one, other = found
        if mode == "concat":
            return ops.concatenate([one, other], axis=-1)
        return one * other if mode == "mul" else (one + other) * (0.5 if mode == "ave" else 1.0)

    if len(layers) > 1 or layers[0].go_backwards or layers[0].return_sequences:
        return [PerFrame(projected, 1), FullWindow(joined)]
    (layer,) = layers
    return [
        PerFrame(projected, 1),
        FullWindow(
            joined,
            lambda inputs, state: carry(layer, inputs, state),
            ParallelWindows(lambda inputs, state, hop: abreast(layer, inputs, state, hop, view.length)),
        ),
    ]


def project(cell: Any, frames: Any) -> Any:
    """What each frame gives to the gates: `(batch, time, features)` -> `(batch, time, gates * units)`."""
    found = ops.matmul(frames, ops.cast(cell.kernel, frames.dtype))
    if not cell.use_bias:
        return found
    bias = ops.cast(cell.bias, found.dtype)
    if len(bias.shape) == 2:  # a GRU with reset_after: the gates' other bias is added here too, that of the rest later
        inner = ops.concatenate([bias[1, : 2 * cell.units], ops.zeros((cell.units,), found.dtype)])
        bias = bias[0] + inner
    return found + bias


def run(layers: list[Any], inputs: Any) -> list[Any]:
    """The recurrence over a window: `(batch, time, directions, gates * units)` -> of each `(batch, [time,] units)`."""
    if (last := _fused(layers, inputs)) is not None:
        return last
    inputs = ops.transpose(inputs, (1, 2, 0, 3))
    if len(layers) == 2:
        inputs = ops.stack([inputs[:, 0], ops.flip(inputs[:, 1], axis=0)], axis=1)
    backwards = layers[0].go_backwards
    if backwards:
        inputs = ops.flip(inputs, axis=0)
    step = STEPS[type(layers[0]).__name__]([layer.cell for layer in layers], inputs.dtype)
    zero = ops.zeros_like(inputs[0, ..., : layers[0].units])
    state: State = (zero, zero)
    outputs = []
    for frame in ops.unstack(inputs, axis=0):
        state = step(frame, state)
        outputs.append(state[0])
    if not layers[0].return_sequences:
        return list(ops.unstack(state[0], axis=0))
    one, *other = ops.unstack(ops.stack(outputs, axis=2), axis=0)
    return [one, *(ops.flip(found, axis=1) for found in other)]


def _fused(layers: list[Any], inputs: Any) -> list[Any] | None:
    """The last states as ONNX has them in one operation, where it has."""
    found = []
    if standardize_dtype(inputs.dtype) != "float32":
        return None
    for number, layer in enumerate(layers):
        cell, kind = layer.cell, type(layer).__name__
        if kind not in GATES or layer.return_sequences or not getattr(cell, "reset_after", True):
            return None
        if (cell.activation, cell.recurrent_activation) != (activations.tanh, activations.sigmoid):
            return None
        last = fused(kind, cell, layer.go_backwards, ops.transpose(inputs[:, :, number], (1, 0, 2)))
        if last is None:
            return None
        found.append(last)
    return found


def carry(layer: Any, inputs: Any, state: Any) -> tuple[Any, Any]:
    """The recurrence over new frames only: `(batch, time, 1, gates * units)` -> outputs `(batch, time, units)`."""
    step = STEPS[type(layer).__name__]([layer.cell], inputs.dtype)
    zero = ops.zeros_like(inputs[:, 0, :, : layer.units])
    parts: State = (zero, zero) if state is None else tuple(ops.split(state, 2, axis=-1))
    outputs = []
    for frame in ops.unstack(inputs, axis=1):
        parts = step(frame, parts)
        outputs.append(parts[0][:, 0])
    return ops.stack(outputs, axis=1), ops.concatenate([parts[0], parts[-1]], axis=-1)


def abreast(layer: Any, inputs: Any, state: Any, hop: int, length: int) -> tuple[Any, Any]:
    """A step of all open windows for each new frame: `(batch, time, 1, gates * units)` -> `(batch, windows, units)`.

    The state is `(batch, open windows, units or 2 * units)`, the oldest first: the next to end.
    """
    step = STEPS[type(layer).__name__]([layer.cell], inputs.dtype)
    windows = -(-length // hop)
    begins = windows * hop - length  # the frame of each hop at which the newest window begins
    count = 2 if type(layer).__name__ == "LSTM" else 1
    zero = ops.zeros_like(inputs[:, 0, :, : layer.units])
    parts: State = (ops.repeat(zero, windows - 1, axis=1),) * count
    if state is not None:
        parts = tuple(ops.split(state, count, axis=-1))
    ended = []
    for number, frame in enumerate(ops.unstack(inputs, axis=1)):
        if number % hop == begins:
            parts = tuple(ops.concatenate([part, zero], axis=1) for part in parts)
        parts = step(frame, parts)
        if number % hop == hop - 1:
            ended.append(parts[0][:, 0])
            parts = tuple(part[:, 1:] for part in parts)
    return ops.stack(ended, axis=1), ops.concatenate(parts, axis=-1)


def _kernels(cells: list[Any], dtype: str) -> Any:
    kernels = [ops.cast(cell.recurrent_kernel, dtype) for cell in cells]
    return kernels[0] if len(kernels) == 1 else ops.stack(kernels)


def _times(state: Any, kernel: Any) -> Any:
    """One direction's rows are one matrix."""
    if len(kernel.shape) == 3:
        return ops.matmul(state, kernel)
    found = ops.matmul(ops.reshape(state, (-1, state.shape[-1])), kernel)
    return ops.reshape(found, (-1, *state.shape[1:-1], kernel.shape[-1]))


def _lstm(cells: list[Any], dtype: str) -> Step:
    cell, kernel = cells[0], _kernels(cells, dtype)

    def step(inputs: Any, state: State) -> State:
        h, c = state
        i, f, new, o = ops.split(inputs + _times(h, kernel), 4, axis=-1)
        gate = cell.recurrent_activation
        c = gate(f) * c + gate(i) * cell.activation(new)
        return gate(o) * cell.activation(c), c

    return step


def _gru(cells: list[Any], dtype: str) -> Step:
    cell, kernel, units = cells[0], _kernels(cells, dtype), cells[0].units
    gate, bias = cell.recurrent_activation, 0.0
    if cell.reset_after and cell.use_bias:
        biases = [ops.cast(one.bias, dtype)[1:, 2 * units :] for one in cells]
        bias = biases[0] if len(cells) == 1 else ops.stack(biases)
    gates_kernel, new_kernel = kernel[..., : 2 * units], kernel[..., 2 * units :]

    def step(inputs: Any, state: State) -> State:
        h = state[0]
        for_gates, for_new = ops.split(inputs, [2 * units], axis=-1)
        if cell.reset_after:
            from_gates, from_new = ops.split(_times(h, kernel), [2 * units], axis=-1)
            z, r = ops.split(gate(for_gates + from_gates), 2, axis=-1)
            new = cell.activation(for_new + r * (from_new + bias))
        else:
            z, r = ops.split(gate(for_gates + _times(h, gates_kernel)), 2, axis=-1)
            new = cell.activation(for_new + _times(r * h, new_kernel))
        return (new + z * (h - new),)

    return step


def _simple(cells: list[Any], dtype: str) -> Step:
    cell, kernel = cells[0], _kernels(cells, dtype)
    return lambda inputs, state: (cell.activation(inputs + _times(state[0], kernel)),)


STEPS: dict[str, Callable[[list[Any], str], Step]] = {"LSTM": _lstm, "GRU": _gru, "SimpleRNN": _simple}
