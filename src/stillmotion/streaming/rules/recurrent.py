"""Recurrent layers: the input projection is computed once per frame, the recurrence for each window.

The recurrence does not have to wait for the end of the window. A frame is the next step of every window that it belongs
to, so all open windows can advance together: one matrix product with a row per window, where each window alone would
take as many products one after the other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras import activations, ops
from keras.backend import standardize_dtype

from stillmotion.exporting.recurrence import GATES, fused
from stillmotion.streaming.actions import Actions, FullWindow, OpView, ParallelWindows, PerFrame

# The projected inputs of a frame, and the state -> the new state, whose first part is the output. For two directions,
# all tensors begin with an axis of directions, which run side by side.
State = tuple[Any, ...]
Step = Callable[[Any, State], State]


def recurrent(view: OpView) -> Actions:
    """LSTM, GRU, SimpleRNN."""
    return _actions(view, [view.operation])


def bidirectional(view: OpView) -> Actions:
    """A recurrent layer in both directions."""
    return _actions(view, [view.operation.forward_layer, view.operation.backward_layer])


def _actions(view: OpView, layers: list[Any]) -> Actions:
    if view.axis == 0:
        return view.per_frame()
    kinds = {type(layer).__name__ for layer in layers}
    if len(kinds) > 1 or not kinds <= STEPS.keys():
        return f"the layer {kinds.pop()} in it is not known"
    if view.axis != 1 or len(view.node.inputs) != 1 or any(layer.return_state for layer in layers):
        return "it is given a state or a mask, or returns its state"
    mode = getattr(view.operation, "merge_mode", "concat")
    if mode is None:
        return "it has two results"

    def project_frames(frames: Any) -> Any:
        return ops.stack([project(layer.cell, frames) for layer in layers], axis=2)

    def run_window(inputs: Any) -> Any:
        results = run(layers, inputs)
        if len(results) == 1:
            return results[0]
        forward, backward = results
        if mode == "concat":
            return ops.concatenate([forward, backward], axis=-1)
        return forward * backward if mode == "mul" else (forward + backward) * (0.5 if mode == "ave" else 1.0)

    # Only the last result of one forward direction can be reached frame by frame.
    if len(layers) > 1 or layers[0].go_backwards or layers[0].return_sequences:
        return [PerFrame(project_frames, 1), FullWindow(run_window)]
    (layer,) = layers
    parallel = ParallelWindows(lambda inputs, state, hop: run_in_parallel(layer, inputs, state, hop, view.length))
    return [PerFrame(project_frames, 1), FullWindow(run_window, parallel)]


def project(cell: Any, frames: Any) -> Any:
    """What each frame adds to the gates: `(batch, time, features)` -> `(batch, time, gates * units)`."""
    projected = ops.matmul(frames, ops.cast(cell.kernel, frames.dtype))
    if not cell.use_bias:
        return projected
    bias = ops.cast(cell.bias, projected.dtype)
    if len(bias.shape) == 2:
        # A GRU with reset_after has a second bias, inside of the recurrence. That of its gates can be added here; the
        # rest is multiplied by the reset gate first, and added in the step.
        inner = ops.concatenate([bias[1, : 2 * cell.units], ops.zeros((cell.units,), projected.dtype)])
        bias = bias[0] + inner
    return projected + bias


def run(layers: list[Any], inputs: Any) -> list[Any]:
    """The recurrence over a window.

    Args:
        layers: one layer, or the two directions.
        inputs: projected, `(batch, time, directions, gates * units)`.

    Returns:
        For each direction `(batch, units)`, or `(batch, time, units)` if it returns sequences.
    """
    if (last := _fused(layers, inputs)) is not None:
        return last
    inputs = ops.transpose(inputs, (1, 2, 0, 3))
    if len(layers) == 2:
        inputs = ops.stack([inputs[:, 0], ops.flip(inputs[:, 1], axis=0)], axis=1)
    if layers[0].go_backwards:
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
    forward, *backward = ops.unstack(ops.stack(outputs, axis=2), axis=0)
    return [forward, *(ops.flip(sequence, axis=1) for sequence in backward)]


def _fused(layers: list[Any], inputs: Any) -> list[Any] | None:
    """The last states by ONNX's own recurrent operation; None outside of an export, and where ONNX has none."""
    if standardize_dtype(inputs.dtype) != "float32":
        return None
    states = []
    for number, layer in enumerate(layers):
        cell, kind = layer.cell, type(layer).__name__
        if kind not in GATES or layer.return_sequences or not getattr(cell, "reset_after", True):
            return None
        if (cell.activation, cell.recurrent_activation) != (activations.tanh, activations.sigmoid):
            return None
        last = fused(kind, cell, layer.go_backwards, ops.transpose(inputs[:, :, number], (1, 0, 2)))
        if last is None:
            return None
        states.append(last)
    return states


def run_in_parallel(layer: Any, inputs: Any, state: Any, hop: int, length: int) -> tuple[Any, Any]:
    """Advance all open windows by each new frame.

    Args:
        layer: returns the last result only.
        inputs: projected new frames, `(batch, time, 1, gates * units)`.
        state: of the open windows, the oldest first, `(batch, open windows, units or 2 * units)`; None at the start.
        hop: frames from one window to the next.
        length: frames of a window.

    Returns:
        The results of the windows that are complete, `(batch, windows, units)`, and the state of the others.
    """
    step = STEPS[type(layer).__name__]([layer.cell], inputs.dtype)
    windows = -(-length // hop)
    begins = windows * hop - length  # The frame of each hop at which a new window begins.
    count = 2 if type(layer).__name__ == "LSTM" else 1
    zero = ops.zeros_like(inputs[:, 0, :, : layer.units])
    parts: State = (ops.repeat(zero, windows - 1, axis=1),) * count
    if state is not None:
        parts = tuple(ops.split(state, count, axis=-1))
    complete = []
    for number, frame in enumerate(ops.unstack(inputs, axis=1)):
        if number % hop == begins:
            parts = tuple(ops.concatenate([part, zero], axis=1) for part in parts)
        parts = step(frame, parts)
        if number % hop == hop - 1:
            complete.append(parts[0][:, 0])
            parts = tuple(part[:, 1:] for part in parts)
    return ops.stack(complete, axis=1), ops.concatenate(parts, axis=-1)


def _kernels(cells: list[Any], dtype: str) -> Any:
    kernels = [ops.cast(cell.recurrent_kernel, dtype) for cell in cells]
    return kernels[0] if len(kernels) == 1 else ops.stack(kernels)


def _times(state: Any, kernel: Any) -> Any:
    """State times kernel; for a single direction as one plain matrix product."""
    if len(kernel.shape) == 3:
        return ops.matmul(state, kernel)
    product = ops.matmul(ops.reshape(state, (-1, state.shape[-1])), kernel)
    return ops.reshape(product, (-1, *state.shape[1:-1], kernel.shape[-1]))


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
        biases = [ops.cast(cell.bias, dtype)[1:, 2 * units :] for cell in cells]
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
