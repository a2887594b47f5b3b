"""Run each layer as the plan divides it, and on whole windows, and find the layers whose results differ.

The predictions alone would not tell: what a wrong layer does to them may vanish in a saturated softmax. So each layer
is tried by itself, on two neighboring windows. Its inputs are what the model computes, brought to a scale of 1. Where
these hardly vary in time, as behind a saturated activation, they are replaced by noise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from stillmotion.errors import StillmotionError, last_line
from stillmotion.models.keras_graph import Node, Ref, is_kerass_own
from stillmotion.streaming.actions import FullWindow, ParallelWindows, PerFrame
from stillmotion.streaming.block import Store, pack, run_task, unpack
from stillmotion.streaming.plan import StreamPlan, StreamTask

# How far results may be from those on whole windows, relative to the largest of them.
TOLERANCE = 1e-5
# How many times as far as results move when inputs change by one part in 2**23, the rounding of float32.
ROUNDINGS = 8
# A tensor that varies less than this along time, relative to its largest value, shows nothing.
MIN_VARIATION = 1e-2
WINDOWS = 2
PERIOD = 8191  # of the noise, a prime


@dataclass
class Findings:
    """What trials found about calls, by their places among the nodes of the graph.

    Attributes:
        reasons: calls that have to run on whole windows, and why.
        alone: calls that take one window at a time, because they work across a batch, or fix its size.
    """

    reasons: dict[int, str] = field(default_factory=dict)
    alone: set[int] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.reasons or self.alone)

    def add(self, others: Findings) -> bool:
        """Add others; return whether any of them is new."""
        new = bool(others.reasons.keys() - self.reasons.keys() or others.alone - self.alone)
        self.reasons |= others.reasons
        self.alone |= others.alone
        return new


@dataclass(frozen=True)
class _Comparison:
    """How far results of a call are from those on whole windows: numbers, or tensors of one number."""

    call: int
    divided: bool
    difference: Any
    scale: Any
    rounding: Any = 0.0

    @property
    def agrees(self) -> bool:
        # Not a number does not agree.
        return bool(self.difference <= max(TOLERANCE * self.scale, ROUNDINGS * self.rounding))


def find_faults(plan: StreamPlan) -> Findings:
    """Try each layer of a plan.

    Args:
        plan: how the model is divided.

    Returns:
        The calls that have to be run in another way. Empty if all are right.

    Raises:
        StillmotionError: a call cannot run on a window, so the graph is not what the model does.
    """
    frames = structured_frames(plan.length + plan.hop, plan.frame_shape, plan.graph.specs[plan.graph.input].dtype)
    trial = _LayerTrial(plan)
    comparisons = trial.run(frames)
    suspects = {comparison.call for comparison in comparisons if not comparison.agrees}
    if suspects:
        # Some layers amplify rounding: see by how much.
        comparisons = trial.run(frames, suspects)
    findings = trial.failures
    for comparison in comparisons:
        if comparison.agrees:
            continue
        node = plan.graph.nodes[comparison.call]
        if not comparison.divided:
            findings.alone.add(comparison.call)
        elif node.kwargs.get("training"):
            findings.reasons.setdefault(comparison.call, "it runs in training mode")
        else:
            by = comparison.difference / max(comparison.scale, np.finfo(np.float32).tiny)
            dtype = str(getattr(node.operation, "compute_dtype", ""))
            where = f"computed in {dtype}, " if "16" in dtype else ""
            findings.reasons.setdefault(comparison.call, f"{where}frame by frame its results differ by {by:.1e}")
    # What works on one window at a time and still differs is random.
    findings.alone -= {task.call for task in plan.tasks if isinstance(task.action, FullWindow) and task.action.batch}
    return findings


def structured_frames(
    count: int,
    shape: Sequence[int],
    dtype: str,
    values: tuple[float, float] = (0.0, 255.0),
    seed: int = 0,
) -> NDArray[Any]:
    """Frames that differ in brightness, contrast and coarse structure, as well as in noise.

    On plain noise all frames are alike once they are pooled.

    Args:
        count: how many frames.
        shape: of a frame, such as `(height, width, 3)`.
        dtype: their dtype.
        values: the darkest and the brightest value.
        seed: other seeds draw other frames.

    Returns:
        `(count, *shape)`.
    """
    rng = np.random.default_rng(seed)
    sides = tuple(shape)
    each = (count, *[1] * len(sides))
    # Sums of plane waves: structure at any size and in any number of axes.
    frames: NDArray[Any] = np.zeros((count, *sides), np.float32)
    for _ in range(3):
        wave: NDArray[Any] = rng.uniform(0, 2 * np.pi, each)
        for axis, side in enumerate(sides):
            steps = np.arange(side).reshape([-1 if place == axis + 1 else 1 for place in range(len(each))])
            wave = wave + rng.uniform(-6, 6, each) * steps / max(side, 2)
        frames += np.sin(wave).astype(np.float32)
    frames = frames / 6 + rng.uniform(-0.2, 0.2, frames.shape).astype(np.float32)
    brightness, contrast = rng.uniform(0.3, 0.7, each), rng.uniform(0.3, 1, each)
    low, high = values
    return np.asarray(low + (high - low) * np.clip(brightness + contrast * frames, 0, 1)).astype(dtype)


class _LayerTrial:
    """One plan on one pair of windows."""

    def __init__(self, plan: StreamPlan) -> None:
        self.plan, self.graph = plan, plan.graph
        self.tasks: dict[int, list[StreamTask]] = {}
        for task in plan.tasks:
            self.tasks.setdefault(task.call, []).append(task)
        self.failures = Findings()

    def run(self, frames: NDArray[Any], suspects: set[int] | None = None) -> list[_Comparison]:
        """Compare all calls; of suspects also find what rounding does to them."""
        self.failures = Findings()
        # To compile a random generator for each tensor would take longer than all else.
        noise = np.random.default_rng(0).normal(0, 1, 2 * PERIOD).astype(np.float32)
        if keras.backend.backend() != "jax":
            self.noise = ops.convert_to_tensor(noise)
            with keras.StatelessScope():  # Statistics and random states of layers in training mode stay as they are.
                comparisons = self._run(ops.convert_to_tensor(frames), suspects or set())
            return [_numbers(comparison) for comparison in comparisons]
        import jax

        calls: list[tuple[int, bool]] = []
        variables = variables_of(self.graph.nodes)

        def run(values: list[Any], batch: Any, noise: Any) -> list[Any]:
            self.noise = noise
            with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
                comparisons = self._run(batch, suspects or set())
            calls[:] = [(comparison.call, comparison.divided) for comparison in comparisons]
            return [(each.difference, each.scale, each.rounding) for each in comparisons]

        # It runs once, so it has to compile fast.
        options = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
        figures = jax.jit(run, compiler_options=options)([variable.value for variable in variables], frames, noise)
        return [_numbers(_Comparison(*call, *figure)) for call, figure in zip(calls, figures, strict=True)]

    def _run(self, frames: Any, suspects: set[int]) -> list[_Comparison]:
        store = Store(self.plan, WINDOWS, {}, {})
        self.store, self.states, self.comparisons = store, {}, []  # type: ignore[var-annotated]
        length, hop = self.plan.length, self.plan.hop
        windows = ops.stack([frames[:length], frames[hop : hop + length]])
        source = self.graph.input
        self._put(source, unpack(windows, self.plan.timed[source].axis))
        left = {ref: call for call, node in enumerate(self.graph.nodes) for ref in node.inputs}
        for task in self.plan.tasks:  # A task may take over what is done before its own call.
            left |= {ref: max(task.call, left.get(ref, 0)) for ref in task.inputs}
        for call, node in enumerate(self.graph.nodes):
            inputs = [store.window(ref) for ref in node.inputs]
            results = self._on_windows(call, node, inputs)
            truth = {ref: results[place] for place, ref in node.outputs.items()}
            rounding = self._rounding(call, node, inputs, results) if call in suspects else 0.0
            if call in self.tasks:
                try:
                    self._compare(call, truth, rounding)
                except Exception as error:  # Whatever a layer raises that is run in another way than it was built for.
                    self._failed(call, error)
            for ref, tensor in truth.items():
                self._put(ref, tensor, call, rounding)
            for ref in [ref for ref, last in left.items() if last == call]:
                store.forget(ref)
        return self.comparisons

    def _on_windows(self, call: int, node: Node, inputs: list[Any]) -> list[Any]:
        """The call on both windows, each by itself where it might work across the batch."""
        action = FullWindow(lambda *tensors: node.call(dict(zip(node.inputs, tensors, strict=True))), batch=node.batch)
        foreign = not isinstance(node.operation, keras.Layer) or not is_kerass_own(node.operation)
        if node.batch is None and (foreign or node.kwargs.get("training")):
            action = FullWindow(action.call, batch=1)
        try:
            results: list[Any] = _compiled(node, partial(action.run, WINDOWS))(inputs)
            return results
        except Exception as error:
            name = node.operation.name
            raise StillmotionError(
                f"{name} cannot run on a window ({type(error).__name__}: {last_line(error)})"
            ) from error

    def _rounding(self, call: int, node: Node, inputs: list[Any], results: list[Any]) -> Any:
        """How far results move when inputs and weights change by as much as numbers are rounded."""
        if "16" in str(getattr(node.operation, "compute_dtype", "")):
            return 0.0
        moved = [_rounded(tensor, number) for number, tensor in enumerate(inputs)]
        with moved_weights([node]):
            again = self._on_windows(call, node, moved)
        return ops.max(ops.stack([_distance(after, before)[0] for after, before in zip(again, results, strict=True)]))

    def _compare(self, call: int, truth: dict[Ref, Any], rounding: Any) -> None:
        """Run the tasks of a call, and compare their results with those on whole windows."""
        tasks, store = self.tasks[call], self.store
        for task in tasks[:-1]:
            self._run_inside(task)
        last = tasks[-1]
        if isinstance(last.action, ParallelWindows):
            self._run_parallel(last)
        elif isinstance(last.action, FullWindow):
            windows = [store.window(ref) for ref in last.inputs]
            results = _compiled(self.graph.nodes[call], partial(last.action.run, WINDOWS))(windows)
            store.windows.update({ref: results[place] for place, ref in last.outputs.items()})
        else:
            run_task(last, store, self.states)
        divided = len(tasks) > 1 or not isinstance(last.action, FullWindow)
        for ref, expected in truth.items():
            if ref in self.plan.timed:
                known, index = self._slices(ref, expected)
                count = len(index) - self.plan.timed[ref].timeline.packed(WINDOWS)
                covered = np.flatnonzero(index[count:] >= 0)
                actual, expected = (
                    ops.take(store.packed(ref), covered, axis=1),
                    ops.take(known, covered + count, axis=1),
                )
            else:
                actual = store.windows[ref]
            if tuple(actual.shape) != tuple(expected.shape):
                raise ValueError(f"{tuple(actual.shape)} instead of {tuple(expected.shape)}")
            self.comparisons.append(_Comparison(call, divided, *_distance(actual, expected), rounding))

    def _run_inside(self, task: StreamTask) -> None:
        """A task whose result goes to the next task of the same call: it works on all slices, one by one."""
        store, (result,) = self.store, task.outputs.values()
        axis = self.plan.timed[result].axis
        if isinstance(task.action, PerFrame):
            slices = [unpack(store.with_history(ref), self.plan.timed[ref].axis) for ref in task.inputs]
            count = store.with_history(task.inputs[0]).shape[1]
            everything = pack(task.action.call(*slices), axis, count)
        else:
            slices = store.with_history(task.inputs[0])
            everything = task.action.call(slices[:, :, None], np.ones((slices.shape[1], 1), bool))
        new = self.plan.timed[result].timeline.packed(WINDOWS)
        store.put_all(result, everything, everything.shape[1] - new)

    def _run_parallel(self, task: StreamTask) -> None:
        """Feed the frames of both windows in two parts, so that the state counts."""
        store, hop, (source,) = self.store, self.plan.hop, task.inputs
        places = self.plan.timed[source].timeline.of_windows(WINDOWS)
        begin = int(places.min()) + store.counts[source]
        frames = store.with_history(source)[:, begin:]
        missing = -frames.shape[1] % hop
        if missing:
            frames = ops.concatenate([ops.zeros_like(frames[:, :missing]), frames], axis=1)
        early, late = frames[:, : -WINDOWS * hop], frames[:, -WINDOWS * hop :]
        run = _compiled(self.graph.nodes[task.call], partial(task.action.call, hop=hop))
        _, state = run(early, None)
        complete, _ = run(late, state)
        store.windows[task.outputs[0]] = ops.reshape(complete, (-1, *complete.shape[2:]))

    def _failed(self, call: int, error: Exception) -> None:
        reason = (str(error).strip().splitlines() or [""])[0][:100]
        tasks = self.tasks[call]
        if len(tasks) == 1 and isinstance(tasks[0].action, FullWindow):
            self.failures.alone.add(call)
        else:
            self.failures.reasons[call] = f"it cannot run frame by frame ({type(error).__name__}: {reason})"

    def _slices(self, ref: Ref, windows: Any) -> tuple[Any, NDArray[np.int64]]:
        """All slices of both windows, as a block and its history hold them, and where each comes from (-1: nowhere)."""
        timed = self.plan.timed[ref]
        timeline, length = timed.timeline, timed.timeline.length
        places = timeline.of_windows(WINDOWS)
        count = max(-int(places.min()), self.plan.histories.get(ref, 0), 0)
        index = np.full(count + timeline.packed(WINDOWS), -1)
        for window in reversed(range(WINDOWS)):
            index[places[window] + count] = window * length + np.arange(length)
        slices = pack(windows, timed.axis, length)
        slices = ops.reshape(slices, (1, WINDOWS * length, *slices.shape[2:]))
        return ops.take(slices, np.maximum(index, 0), axis=1), index

    def _put(self, ref: Ref, windows: Any, call: int = -1, rounding: Any = 0.0) -> None:
        """Make a tensor known to the calls after it. Slices that windows share must be the same in both."""
        timed = self.plan.timed.get(ref)
        if timed is not None:
            length = timed.timeline.length * (1 if timed.axis else WINDOWS)
            if len(windows.shape) <= timed.axis or windows.shape[timed.axis] != length:
                reason = f"it cannot run frame by frame: its result is {tuple(windows.shape[1:])}"
                self.failures.reasons.setdefault(call, reason)
                timed = None
        if timed is None:
            self.store.windows[ref] = windows
            return
        slices, _ = self._slices(ref, windows)
        new = self.plan.timed[ref].timeline.packed(WINDOWS)
        count = slices.shape[1] - new
        self.store.put_all(ref, slices, count)
        if call >= 0:
            self.comparisons.append(_Comparison(call, True, *_distance(self.store.window(ref), windows), rounding))
        if "float" in keras.backend.standardize_dtype(slices.dtype):
            self.store.put_all(ref, _telling(slices, self.noise, ref.number), count)


def _compiled(node: Node, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, compiled if it is a recurrence on TensorFlow, where a loop is slow outside of a graph."""
    recurrent = isinstance(node.operation, keras.layers.RNN | keras.layers.Bidirectional)
    if not recurrent or keras.backend.backend() != "tensorflow":
        return function
    import tensorflow as tf

    compiled: Callable[..., Any] = tf.function(function, autograph=False)
    return compiled


def _distance(actual: Any, expected: Any) -> tuple[Any, Any]:
    """The largest difference, and the largest expected value that is a number."""
    actual, expected = ops.cast(actual, "float32"), ops.cast(expected, "float32")
    same = ops.logical_or(actual == expected, ops.logical_and(ops.isnan(actual), ops.isnan(expected)))
    difference = ops.max(ops.where(same, 0.0, ops.abs(actual - expected)))
    return difference, ops.max(ops.where(ops.isfinite(expected), ops.abs(expected), 0.0))


def _telling(slices: Any, noise: Any, seed: int) -> Any:
    """The slices at a scale of 1; noise if they are not numbers or hardly vary in time, with as few negative values."""
    values = ops.cast(slices, "float32")
    largest = ops.max(ops.abs(values))
    variation = ops.max(ops.abs(values - ops.mean(values, axis=1, keepdims=True)))
    tells = ops.logical_and(ops.isfinite(largest), variation > MIN_VARIATION * largest)
    size, begin = math.prod(values.shape), seed * 37 % PERIOD
    noise = ops.tile(noise[begin : begin + PERIOD], (-(-size // PERIOD),))[:size]
    noise = ops.reshape(noise, values.shape)
    noise = ops.where(ops.any(values < 0), noise, ops.abs(noise))
    scale = ops.sqrt(ops.mean(ops.square(values)))
    scale = ops.where(ops.logical_and(scale > 0, ops.isfinite(scale)), scale, 1.0)
    return ops.cast(ops.where(tells, values / scale, noise), slices.dtype)


def _numbers(comparison: _Comparison) -> _Comparison:
    figures = (comparison.difference, comparison.scale, comparison.rounding)
    return _Comparison(
        comparison.call, comparison.divided, *(float(ops.convert_to_numpy(figure)) for figure in figures)
    )


def _rounded(tensor: Any, seed: int) -> Any:
    """A tensor whose values have changed by as much as float32 rounds them."""
    if "float" not in keras.backend.standardize_dtype(tensor.dtype):
        return tensor
    step = float(np.finfo(np.float32).eps)
    return tensor * (1 + step * keras.random.uniform(tensor.shape, -1, 1, seed=seed, dtype=tensor.dtype))


def moved_weights(nodes: Sequence[Node]) -> keras.StatelessScope:
    """A scope in which the weights of some calls have changed by as much as float32 rounds them.

    Deep networks amplify the rounding of each of their layers, not only that of their input.

    Args:
        nodes: the calls.

    Returns:
        The scope, to be used in a `with` statement.
    """
    weights = [variable for variable in variables_of(nodes) if "float" in variable.dtype]
    return keras.StatelessScope([(weight, _rounded(weight.value, number)) for number, weight in enumerate(weights)])


def variables_of(nodes: Sequence[Node]) -> list[Any]:
    """All variables that some calls use.

    Args:
        nodes: the calls.

    Returns:
        The variables, each once.
    """
    found: dict[int, Any] = {}
    for node in nodes:
        owned = getattr(node.operation, "variables", [])
        leaves = [leaf for leaf in keras.tree.flatten((node.args, node.kwargs)) if isinstance(leaf, keras.Variable)]
        found |= {id(variable): variable for variable in [*owned, *leaves]}
    return list(found.values())
