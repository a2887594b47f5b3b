"""Recurrent layers: what a frame gives to the gates is computed once; the recurrence runs over each window."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras import ops

from stillmotion.streaming.actions import Each, Ruling, View, Whole

State = tuple[Any, ...]
# The gates' inputs from one frame, and the state -> the new state; its first part is the output.
Step = Callable[[Any, State], State]


def recurrent(view: View) -> Ruling:
    if view.axis == 0:
        return view.each()
    reason = _unfit(view, view.operation)
    if reason:
        return reason
    layer = view.operation
    return [Each(lambda frames: project(layer, frames), 1), Whole(lambda inputs: run(layer, inputs))]


def bidirectional(view: View) -> Ruling:
    if view.axis == 0:
        return view.each()
    both = view.operation.forward_layer, view.operation.backward_layer
    reason = _unfit(view, *both)
    if reason:
        return reason
    forward, backward = both
    width = _inputs(forward)

    def projected(frames: Any) -> Any:
        return ops.concatenate([project(forward, frames), project(backward, frames)], axis=-1)

    def joined(inputs: Any) -> Any:
        one, other = run(forward, inputs[..., :width]), run(backward, inputs[..., width:])
        if backward.return_sequences:
            other = ops.flip(other, axis=1)
        mode = view.operation.merge_mode
        if mode == "concat":
            return ops.concatenate([one, other], axis=-1)
        return one * other if mode == "mul" else (one + other) * (0.5 if mode == "ave" else 1.0)

    return [Each(projected, 1), Whole(joined)]


def _unfit(view: View, *layers: Any) -> str | None:
    kinds = {type(layer).__name__ for layer in layers}
    if not kinds <= STEPS.keys():
        return f"{kinds.pop()} inside it is not known"
    if view.axis != 1 or len(view.node.inputs) != 1 or any(layer.return_state for layer in layers):
        return "it is given a state or a mask, or returns its state"
    if getattr(view.operation, "merge_mode", "concat") is None:
        return "it has two results"
    return None


def project(layer: Any, frames: Any) -> Any:
    """What each frame gives to the gates: `(batch, time, features)` -> `(batch, time, gates * units)`."""
    cell = layer.cell
    found = ops.matmul(frames, ops.cast(cell.kernel, frames.dtype))
    if not cell.use_bias:
        return found
    bias = cell.bias[0] if len(cell.bias.shape) == 2 else cell.bias
    return found + ops.cast(bias, found.dtype)


def run(layer: Any, inputs: Any) -> Any:
    """The recurrence over a window: `(batch, time, gates * units)` -> `(batch, [time,] units)`."""
    step = STEPS[type(layer).__name__](layer.cell)
    zero = ops.zeros_like(inputs[:, 0, : layer.units])
    state: State = (zero, zero)
    outputs = []
    slices = range(inputs.shape[1])
    for slice_ in reversed(slices) if layer.go_backwards else slices:
        state = step(inputs[:, slice_], state)
        outputs.append(state[0])
    return ops.stack(outputs, axis=1) if layer.return_sequences else state[0]


def _inputs(layer: Any) -> int:
    return int(layer.cell.kernel.shape[-1])


def _lstm(cell: Any) -> Step:
    def step(inputs: Any, state: State) -> State:
        h, c = state
        i, f, new, o = ops.split(inputs + ops.matmul(h, ops.cast(cell.recurrent_kernel, h.dtype)), 4, axis=-1)
        gate = cell.recurrent_activation
        c = gate(f) * c + gate(i) * cell.activation(new)
        return gate(o) * cell.activation(c), c

    return step


def _gru(cell: Any) -> Step:
    units = cell.units

    def step(inputs: Any, state: State) -> State:
        h = state[0]
        kernel = ops.cast(cell.recurrent_kernel, h.dtype)
        gate = cell.recurrent_activation
        if cell.reset_after:
            recurrent = ops.matmul(h, kernel)
            if cell.use_bias:
                recurrent = recurrent + ops.cast(cell.bias[1], h.dtype)
            z, r = ops.split(gate(inputs[:, : 2 * units] + recurrent[:, : 2 * units]), 2, axis=-1)
            new = cell.activation(inputs[:, 2 * units :] + r * recurrent[:, 2 * units :])
        else:
            gates = gate(inputs[:, : 2 * units] + ops.matmul(h, kernel[:, : 2 * units]))
            z, r = ops.split(gates, 2, axis=-1)
            new = cell.activation(inputs[:, 2 * units :] + ops.matmul(r * h, kernel[:, 2 * units :]))
        return (z * h + (1 - z) * new,)

    return step


def _simple(cell: Any) -> Step:
    def step(inputs: Any, state: State) -> State:
        return (cell.activation(inputs + ops.matmul(state[0], ops.cast(cell.recurrent_kernel, inputs.dtype))),)

    return step


STEPS: dict[str, Callable[[Any], Step]] = {"LSTM": _lstm, "GRU": _gru, "SimpleRNN": _simple}
