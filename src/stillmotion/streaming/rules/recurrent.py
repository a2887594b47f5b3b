"""Recurrent layers: the input projection is computed once per frame, the recurrence for each window.

The recurrence does not have to wait for the end of the window. A frame is the next step of every window that it belongs
to, so all open windows can advance together: one matrix product with a row per window, where each window alone would
take as many products one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

import keras
from keras import activations, ops
from keras.backend import standardize_dtype

from stillmotion.exporting.recurrence import GATES, fused
from stillmotion.models.keras_graph import Ref, is_kerass_own
from stillmotion.streaming.actions import Actions, FullWindow, OpView, ParallelWindows, PerFrame
from stillmotion.streaming.rules.per_frame import activation_mixes, convert

# The projected inputs of a frame, and the state -> the new state, whose first part is the output. All have the features
# last, and any axes in front. For two directions, all begin with an axis of directions, which run side by side.
State = tuple[Any, ...]
Step = Callable[[Any, State], State]

# Longer recurrences are loops: to compile a graph with all of their steps would take too long. On JAX, which compiles
# slowly, a loop is as fast.
MAX_UNROLLED = {"tensorflow": 24, "jax": 2}


def recurrent(view: OpView) -> Actions:
    """LSTM, GRU, SimpleRNN, ConvLSTM, and RNN of their cells."""
    return _actions(view, [view.operation])


def bidirectional(view: OpView) -> Actions:
    """A recurrent layer in both directions."""
    return _actions(view, [view.operation.forward_layer, view.operation.backward_layer])


def _actions(view: OpView, layers: list[Any]) -> Actions:
    if view.axis == 0:
        return view.per_frame()
    for layer in layers:
        if reason := _unknown_cell(layer):
            return reason
    names = ("sequences", "initial_state", "mask", "training")
    arguments = dict(zip(names, view.node.args, strict=False)) | view.node.kwargs
    frames, mask = arguments.pop("sequences", None), arguments.pop("mask", None)
    if arguments.pop("training", False):
        return "it runs in training mode"
    given = any(value not in (None, False) for value in arguments.values())
    if view.axis != 1 or not isinstance(frames, Ref) or given or any(layer.return_state for layer in layers):
        return "it is given a state, or returns its state"
    masked = isinstance(mask, Ref)
    if (mask is not None and not masked) or (masked and getattr(layers[0], "zero_output_for_mask", False)):
        return "it is given a mask"
    mode = getattr(view.operation, "merge_mode", "concat")
    if mode is None:
        return "it has two results"
    cells = [_cells(layer) for layer in layers]
    if masked and _is_convolutional(cells[0][0]):
        return "it is given a mask"

    def project_frames(*tensors: Any) -> Any:
        by_ref = dict(zip(view.node.inputs, tensors, strict=True))
        x = convert(view.operation, by_ref[frames])
        parts = [project(each[0], convert(layer, x)) for each, layer in zip(cells, layers, strict=True)]
        if masked:
            parts.append(ops.cast(by_ref[mask], parts[0].dtype)[..., None])
        return parts[0] if len(parts) == 1 else ops.concatenate(parts, axis=-1)

    def run_window(inputs: Any) -> Any:
        results = run(layers, inputs, masked)
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
    parallel = ParallelWindows(
        lambda inputs, state, hop: run_in_parallel(layer, inputs, state, hop, view.length, masked)
    )
    return [PerFrame(project_frames, 1), FullWindow(run_window, parallel)]


def _cells(layer: Any) -> list[Any]:
    return list(layer.cell.cells) if isinstance(layer.cell, keras.layers.StackedRNNCells) else [layer.cell]


def _is_convolutional(cell: Any) -> bool:
    return type(cell).__name__ == "ConvLSTMCell"


def _unknown_cell(layer: Any) -> str:
    """Why the recurrence of a layer cannot be run step by step; empty if it can."""
    if not hasattr(layer, "cell"):
        return f"the layer {type(layer).__name__} in it is not known"
    for cell in _cells(layer):
        if type(cell).__name__ not in STEPS or not is_kerass_own(cell):
            return f"the cell {type(cell).__name__} in it is not known"
        if getattr(cell, "data_format", "channels_last") != "channels_last":
            return "its channels come first"
        for name in ("activation", "recurrent_activation"):
            if reason := activation_mixes(getattr(cell, name, None), 0, 2):
                return reason
    return ""


def project(cell: Any, frames: Any) -> Any:
    """What each frame adds to the gates: `(batch, time, ..., features)` -> `(batch, time, ..., gates * units)`."""
    if _is_convolutional(cell):
        slices = frames.shape[1]
        pictures = ops.reshape(frames, (-1, *frames.shape[2:]))
        bias = ops.cast(cell.bias, frames.dtype) if cell.use_bias else None
        projected = ops.conv(
            pictures, ops.cast(cell.kernel, frames.dtype), cell.strides, cell.padding, "channels_last",
            cell.dilation_rate,
        )  # fmt: skip
        projected = projected if bias is None else projected + bias
        return ops.reshape(projected, (-1, slices, *projected.shape[1:]))
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


def run(layers: list[Any], inputs: Any, masked: bool = False) -> list[Any]:
    """The recurrence over a window.

    Args:
        layers: one layer, or the two directions.
        inputs: projected, `(batch, time, ..., gates * units)`, those of both directions one after the other.
        masked: whether the last feature says which frames count.

    Returns:
        For each direction `(batch, ..., units)`, or `(batch, time, ..., units)` if it returns sequences.
    """
    widths = [_width(layer) for layer in layers]
    mask = inputs[..., -1:] if masked else None
    ends = list(accumulate(widths))
    parts = [inputs] if len(layers) == 1 and not masked else [
        inputs[..., end - width : end] for width, end in zip(widths, ends, strict=True)
    ]  # fmt: skip
    if mask is None and (last := _fused(layers, parts)) is not None:
        return last
    alike = len(layers) == 2 and widths[0] == widths[1] and len(_cells(layers[0])) == 1
    if not alike or type(_cells(layers[0])[0]) is not type(_cells(layers[1])[0]) or len(inputs.shape) > 3:
        results = [_run_direction(layer, part, mask) for layer, part in zip(layers, parts, strict=True)]
        if len(layers) == 2 and layers[1].return_sequences:
            results[1] = ops.flip(results[1], axis=1)
        return results
    # Both directions side by side. The second one begins with the last frame.
    pair = ops.stack([parts[0], ops.flip(parts[1], axis=1)])
    mask = None if mask is None else ops.stack([mask, ops.flip(mask, axis=1)])
    step = _step([_cells(layer) for layer in layers], pair.dtype)
    frames = _with_mask(ops.transpose(pair, (2, 0, 1, 3)), None if mask is None else ops.transpose(mask, (2, 0, 1, 3)))
    state = _zeros(layers[0], ops.transpose(pair, (2, 0, 1, 3))[0])
    outputs = fold(_skipping(step, masked), state, frames, sequences=layers[0].return_sequences)
    if not layers[0].return_sequences:
        return list(ops.unstack(outputs, axis=0))
    forward, backward = ops.unstack(ops.moveaxis(outputs, 0, 2), axis=0)
    return [forward, ops.flip(backward, axis=1)]


def _run_direction(layer: Any, inputs: Any, mask: Any) -> Any:
    frames = _with_mask(ops.moveaxis(inputs, 1, 0), None if mask is None else ops.moveaxis(mask, 1, 0))
    if layer.go_backwards:
        frames = ops.flip(frames, axis=0)
    step = _skipping(_step([_cells(layer)], inputs.dtype), mask is not None)
    outputs = fold(step, _zeros(layer, inputs[:, 0]), frames, sequences=layer.return_sequences)
    return ops.moveaxis(outputs, 0, 1) if layer.return_sequences else outputs


def fold(step: Step, state: State, frames: Any, *, sequences: bool = False) -> Any:
    """Take one step after the other.

    Args:
        step: see `Step`.
        state: before the first frame.
        frames: `(time, ...)`.
        sequences: whether the outputs of all steps are needed.

    Returns:
        The last output, or all of them: `(time, ...)`.
    """
    if not sequences:
        return _last_state(step, state, frames)[0]

    def advance(frame: Any, state: State) -> tuple[State, Any]:
        state = step(frame, state)
        return state, state[0]

    return _scan(advance, state, frames)[1]


def _scan(
    advance: Callable[[Any, State], tuple[State, Any]], state: State, frames: Any, steps: int = 1
) -> tuple[State, Any]:
    """Take one step after the other, and collect a result of each; Keras's `scan` fails on TensorFlow."""
    count = int(frames.shape[0])
    if not _is_long(count * steps):
        results = []
        for frame in ops.unstack(frames, axis=0):
            state, result = advance(frame, state)
            results.append(result)
        return state, ops.stack(results)
    state, result = advance(frames[0], state)
    results = ops.repeat(result[None], count, axis=0)

    def step(number: Any, carried: tuple[State, Any]) -> tuple[State, Any]:
        state, results = carried
        state, result = advance(ops.take(frames, number, axis=0), state)
        here = ops.reshape(ops.arange(count) == number, (count, *[1] * len(result.shape)))
        return state, ops.where(here, result[None], results)

    end: tuple[State, Any] = ops.fori_loop(1, count, step, (state, results))
    return end


def _last_state(step: Step, state: State, frames: Any) -> State:
    count = int(frames.shape[0])
    if _is_long(count):
        # All backends can gather by the number of the step.
        loop: State = ops.fori_loop(0, count, lambda at, state: step(ops.take(frames, at, axis=0), state), state)
        return loop
    for frame in ops.unstack(frames, axis=0) if count else ():
        state = step(frame, state)
    return state


def _is_long(count: int) -> bool:
    return count > MAX_UNROLLED.get(keras.backend.backend(), 24)


def _fused(layers: list[Any], parts: Sequence[Any]) -> list[Any] | None:
    """The results by ONNX's own recurrent operation; None outside of an export, and where ONNX has none."""
    if standardize_dtype(parts[0].dtype) != "float32":
        return None
    results = []
    for number, (layer, inputs) in enumerate(zip(layers, parts, strict=True)):
        cells = _cells(layer)
        cell, kind = cells[0], type(cells[0]).__name__.removesuffix("Cell")
        if len(cells) > 1 or kind not in GATES or not getattr(cell, "reset_after", True):
            return None
        if (cell.activation, cell.recurrent_activation) != (activations.tanh, activations.sigmoid):
            return None
        result = fused(kind, cell, layer.go_backwards, layer.return_sequences, ops.transpose(inputs, (1, 0, 2)))
        if result is None:
            return None
        if layer.return_sequences:
            # ONNX gives them in the order of time, Keras in that of the steps.
            result = ops.transpose(result, (1, 0, 2))
            result = ops.flip(result, axis=1) if layer.go_backwards and number == 0 else result
        results.append(result)
    return results


def run_in_parallel(
    layer: Any, inputs: Any, state: Any, hop: int, length: int, masked: bool = False
) -> tuple[Any, Any]:
    """Advance all open windows by each new frame.

    Args:
        layer: returns the last result only.
        inputs: projected new frames, `(batch, time, ..., gates * units)`.
        state: of the open windows, the oldest first, `(batch, open windows, ..., all units)`; None at the start.
        hop: frames from one window to the next.
        length: frames of a window.
        masked: whether the last feature says which frames count.

    Returns:
        The results of the windows that are complete, `(batch, windows, ..., units)`, and the state of the others.
    """
    step = _skipping(_step([_cells(layer)], inputs.dtype), masked)
    windows = -(-length // hop)
    begins = windows * hop - length  # The frame of each hop at which a new window begins.
    fresh = tuple(part[:, None] for part in _zeros(layer, inputs[:, 0]))
    widths = [int(part.shape[-1]) for part in fresh]
    if state is None:
        parts: State = tuple(ops.repeat(part, windows - 1, axis=1) for part in fresh)
    else:
        parts = tuple(ops.split(state, list(accumulate(widths))[:-1], axis=-1)) if len(widths) > 1 else (state,)

    def advance(frames: Any, parts: State) -> tuple[State, Any]:
        """One hop: `(hop, batch, 1, ..., features)`, of which a new window begins with one and an old one ends."""
        parts = _last_state(step, parts, frames[:begins])
        parts = tuple(ops.concatenate([part, new], axis=1) for part, new in zip(parts, fresh, strict=True))
        parts = _last_state(step, parts, frames[begins:])
        return tuple(part[:, 1:] for part in parts), parts[0][:, 0]

    hops = int(inputs.shape[1]) // hop
    frames = ops.moveaxis(inputs, 1, 0)[:, :, None]
    frames = ops.reshape(frames, (hops, hop, *frames.shape[1:]))
    parts, complete = _scan(advance, parts, frames, hop)
    return ops.moveaxis(complete, 0, 1), ops.concatenate(parts, axis=-1)


def _width(layer: Any) -> int:
    """Features of the projected inputs."""
    cell = _cells(layer)[0]
    return int(cell.kernel.shape[-1])


def _zeros(layer: Any, frame: Any) -> State:
    """The state before the first frame, for projected inputs of one frame. The last cell's comes first."""
    parts = []
    for cell in reversed(_cells(layer)):
        units = cell.filters if _is_convolutional(cell) else cell.units
        zero = ops.zeros_like(frame[..., :1])
        zero = ops.repeat(zero, units, axis=-1)
        parts += [zero] * _PARTS[type(cell).__name__]
    return tuple(parts)


def _with_mask(frames: Any, mask: Any) -> Any:
    return frames if mask is None else ops.concatenate([frames, mask], axis=-1)


def _skipping(step: Step, masked: bool) -> Step:
    """A step that keeps its state where the last feature of the frame is zero."""
    if not masked:
        return step

    def masked_step(frame: Any, state: State) -> State:
        counts = frame[..., -1:] > 0
        following = step(frame[..., :-1], state)
        return tuple(ops.where(counts, new, old) for new, old in zip(following, state, strict=True))

    return masked_step


def _step(directions: list[list[Any]], dtype: str) -> Step:
    """The step of a layer, or of two directions side by side; each is given as its cells, one above the other."""
    steps = [STEPS[type(cells[0]).__name__](list(cells), dtype) for cells in zip(*directions, strict=True)]
    if len(steps) == 1:
        return steps[0]
    (cells,) = directions  # Stacked cells are run one direction at a time.
    counts = [_PARTS[type(cell).__name__] for cell in cells]

    def stacked(frame: Any, state: State) -> State:
        rest = list(state)
        following: State = ()
        for number, (cell, step, count) in enumerate(zip(cells, steps, counts, strict=True)):
            own, rest = tuple(rest[len(rest) - count :]), rest[: len(rest) - count]
            inputs = frame if number == 0 else _project_inner(cell, following[0])
            following = (*step(inputs, own), *following)
        return following

    return stacked


def _project_inner(cell: Any, output: Any) -> Any:
    """The projection of what the cell below gives, whatever axes are in front."""
    flat = ops.reshape(output, (-1, 1, output.shape[-1]))
    return ops.reshape(project(cell, flat), (-1, *output.shape[1:-1], cell.kernel.shape[-1]))


def _kernels(cells: list[Any], dtype: str) -> Any:
    kernels = [ops.cast(cell.recurrent_kernel, dtype) for cell in cells]
    return kernels[0] if len(kernels) == 1 else ops.stack(kernels)


def _times(state: Any, kernel: Any) -> Any:
    """State times kernel; for a single direction as one plain matrix product."""
    if len(kernel.shape) == 3:
        return ops.matmul(state, kernel)
    product = ops.matmul(ops.reshape(state, (-1, state.shape[-1])), kernel)
    return ops.reshape(product, (-1, *state.shape[1:-1], kernel.shape[-1]))


def _gates_of_lstm(cell: Any, from_state: Callable[[Any], Any]) -> Step:
    def step(inputs: Any, state: State) -> State:
        h, c = state
        i, f, new, o = ops.split(inputs + from_state(h), 4, axis=-1)
        gate = cell.recurrent_activation
        c = gate(f) * c + gate(i) * cell.activation(new)
        return gate(o) * cell.activation(c), c

    return step


def _lstm(cells: list[Any], dtype: str) -> Step:
    kernel = _kernels(cells, dtype)
    return _gates_of_lstm(cells[0], lambda h: _times(h, kernel))


def _conv_lstm(cells: list[Any], dtype: str) -> Step:
    (cell,) = cells
    kernel = ops.cast(cell.recurrent_kernel, dtype)

    def convolve(h: Any) -> Any:
        pictures = ops.reshape(h, (-1, *h.shape[-1 - cell.rank :]))
        convolved = ops.conv(pictures, kernel, 1, "same", "channels_last")
        return ops.reshape(convolved, (-1, *h.shape[1:-1], convolved.shape[-1]))

    return _gates_of_lstm(cell, convolve)


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


STEPS: dict[str, Callable[[list[Any], str], Step]] = {
    "LSTMCell": _lstm,
    "GRUCell": _gru,
    "SimpleRNNCell": _simple,
    "ConvLSTMCell": _conv_lstm,
}
# The parts of their states.
_PARTS = {"LSTMCell": 2, "GRUCell": 1, "SimpleRNNCell": 1, "ConvLSTMCell": 2}
