"""The divided model as one Keras model: new frames and what was kept in, predictions and what to keep out."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from stillmotion.models.keras_graph import Ref
from stillmotion.streaming.actions import ParallelWindows, PerFrame, Windowed
from stillmotion.streaming.plan import StreamPlan, StreamTask, places_of
from stillmotion.streaming.timeline import Indices, Timeline


class Block(keras.Model):
    """Takes `[frames, *kept]` and returns `[predictions, *kept]`, for a block of several windows.

    Frames are `(streams, windows * hop, height, width, 3)`, predictions `(streams, windows, classes)`. What is kept has
    the same shapes in and out, and is zero where it is not given.
    """

    def __init__(self, model: keras.Model, plan: StreamPlan, windows: int) -> None:
        # What is kept has the dtypes of the layers that made it.
        super().__init__(name=f"{model.name}_block{windows}", autocast=False)
        self.whole_model = model  # Its layers are used as they are, with their weights.
        self.plan, self.windows = plan, windows
        self._specs: dict[int, tuple[keras.KerasTensor, list[keras.KerasTensor]]] = {}
        if model.run_eagerly:
            self.compile(run_eagerly=True)

    def specs(self, streams: int) -> tuple[keras.KerasTensor, list[keras.KerasTensor]]:
        """Shape and dtype of the frames, and of each tensor that is kept, for this many streams."""
        if streams not in self._specs:
            clip = self.plan.graph.specs[self.plan.graph.input]
            sides = clip.shape[1 if len(clip.shape) == 4 else 2 :]
            frames = keras.KerasTensor((streams, self.windows * self.plan.hop, *sides), clip.dtype)
            if self.run_eagerly:
                outputs = self([ops.zeros(frames.shape, frames.dtype)], training=False)
            else:
                outputs = self.compute_output_spec([frames])
            kept = [
                keras.KerasTensor(tensor.shape, keras.backend.standardize_dtype(tensor.dtype)) for tensor in outputs[1:]
            ]
            self._specs[streams] = frames, kept
        return self._specs[streams]

    def call(self, tensors: list[Any]) -> list[Any]:
        frames, *kept = tensors
        count = len(self.plan.histories)
        history = dict(zip(self.plan.histories, kept, strict=False))
        store = Store(self.plan, self.windows, self.plan.histories, history, int(frames.shape[0] or 1))
        states = dict(zip(self.plan.states, kept[count:], strict=False))
        store.put_packed(self.plan.graph.input, frames)
        for task in self.plan.tasks:
            run_task(task, store, states)
        predictions = store.window(self.plan.graph.output)
        predictions = ops.reshape(predictions, (-1, self.windows, *predictions.shape[1:]))
        return [predictions, *store.kept(), *states.values()]


def run_task(task: StreamTask, store: Store, states: dict[Ref, Any]) -> None:
    """Run one task of a plan.

    Args:
        task: the task.
        store: has its inputs, and gets its results.
        states: states of tasks that keep one, which are replaced by the next ones.
    """
    action, plan = task.action, store.plan
    if isinstance(action, PerFrame):
        result = plan.timed[task.outputs[0]].timeline
        slices = [
            store.unpacked(ref, places_of(store.timeline(ref), action, result, store.block)[0][:, 0])
            for ref in task.inputs
        ]
        store.put_unpacked(task.outputs[0], action.call(*slices))
    elif isinstance(action, Windowed):
        (ref,), result = task.inputs, plan.timed[task.outputs[0]].timeline
        places, present = places_of(store.timeline(ref), action, result, store.block)
        neighbors = store.gather(ref, places.ravel())
        neighbors = ops.reshape(neighbors, (-1, *places.shape, *neighbors.shape[2:]))
        store.put_packed(task.outputs[0], action.call(neighbors, present))
    elif isinstance(action, ParallelWindows):
        (ref,), output = task.inputs, task.outputs[0]
        complete, states[output] = action.call(store.packed(ref), states.get(output), plan.hop)
        store.windows[output] = ops.reshape(complete, (-1, *complete.shape[2:]))
    else:
        results = action.run(store.streams * store.block, [store.window(ref) for ref in task.inputs])
        store.windows.update({ref: results[place] for place, ref in task.outputs.items()})


class Store:
    """The tensors of a block, each in the forms in which the tasks ask for it.

    New slices are packed, `(streams, packed, ...)`, or unpacked: with the axes that the model has. Frames that are
    folded into the batch stay unpacked from one layer to the next, because a reshape in between keeps engines from
    merging the layers. Whole windows are `(streams * windows, ...)`.

    Args:
        plan: how the model is divided.
        block: windows of the block.
        counts: how many slices of earlier blocks there are of each tensor.
        history: these slices; zero where they are not given.
        streams: how many streams there are.
    """

    def __init__(
        self, plan: StreamPlan, block: int, counts: dict[Ref, int], history: dict[Ref, Any], streams: int = 1
    ) -> None:
        self.plan, self.block, self.counts, self.history, self.streams = plan, block, counts, history, streams
        self._packed: dict[Ref, Any] = {}
        self._unpacked: dict[Ref, Any] = {}
        self._with_history: dict[Ref, Any] = {}
        self.windows: dict[Ref, Any] = {}

    def put_packed(self, ref: Ref, slices: Any) -> None:
        self._packed[ref] = slices

    def put_unpacked(self, ref: Ref, slices: Any) -> None:
        self._unpacked[ref] = slices

    def put_all(self, ref: Ref, slices: Any, count: int) -> None:
        """Put the slices of earlier blocks, of which there are `count`, and the new ones, packed."""
        self.forget(ref)
        self.counts[ref], self.history[ref], self._packed[ref] = count, slices[:, :count], slices[:, count:]
        self._with_history[ref] = slices

    def forget(self, ref: Ref) -> None:
        """Free a tensor that is not needed any more."""
        for forms in (self._packed, self._unpacked, self._with_history, self.windows, self.history):
            forms.pop(ref, None)

    def timeline(self, ref: Ref) -> Timeline:
        return self.plan.timed[ref].timeline

    def packed(self, ref: Ref) -> Any:
        """The new slices, packed."""
        if ref not in self._packed:
            count = self.timeline(ref).packed(self.block)
            self._packed[ref] = pack(self._unpacked[ref], self.plan.timed[ref].axis, count)
        return self._packed[ref]

    def with_history(self, ref: Ref) -> Any:
        """The slices of earlier blocks, then the new ones."""
        if ref not in self._with_history:
            packed, count = self.packed(ref), self.counts.get(ref, 0)
            kept = self.history.get(ref)
            if count and kept is None:
                kept = ops.zeros((packed.shape[0], count, *packed.shape[2:]), packed.dtype)
            self._with_history[ref] = ops.concatenate([kept, packed], axis=1) if count else packed
        return self._with_history[ref]

    def gather(self, ref: Ref, places: Indices) -> Any:
        """Slices by their places `(n,)`, of which those below 0 are in the history: `(streams, n, ...)`."""
        if self._are_all_new(ref, places):
            return self.packed(ref)
        places = places + self.counts.get(ref, 0)
        start = int(places[0])
        # A run of neighbors is a slice, which engines do faster than a gather.
        if np.array_equal(places, start + np.arange(len(places))):
            return self.with_history(ref)[:, start : start + len(places)]
        return ops.take(self.with_history(ref), places, axis=1)

    def unpacked(self, ref: Ref, places: Indices) -> Any:
        """Slices by their places, with the axes that the model has."""
        if ref in self._unpacked and self._are_all_new(ref, places):
            return self._unpacked[ref]
        return unpack(self.gather(ref, places), self.plan.timed[ref].axis)

    def window(self, ref: Ref) -> Any:
        """All slices of each window, with the axes that the model has."""
        if ref not in self.windows:
            timed = self.plan.timed[ref]
            slices = self.gather(ref, timed.timeline.of_windows(self.block).ravel())
            slices = ops.reshape(slices, (-1, timed.timeline.length, *slices.shape[2:]))
            self.windows[ref] = unpack(slices, timed.axis)
        return self.windows[ref]

    def kept(self) -> list[Any]:
        """The newest interior slices, which the next block takes as its history."""
        histories = []
        for ref, count in self.counts.items():
            new = self.block * self.timeline(ref).fresh
            histories.append(self.with_history(ref)[:, new : new + count])
        return histories

    def _are_all_new(self, ref: Ref, places: Indices) -> bool:
        return np.array_equal(places, np.arange(self.timeline(ref).packed(self.block)))


def unpack(slices: Any, axis: int) -> Any:
    """`(batch, slices, ...)` with the time axis moved to where the model has it."""
    if axis == 0:
        return ops.reshape(slices, (-1, *slices.shape[2:]))
    return ops.moveaxis(slices, 1, axis) if axis > 1 else slices


def pack(tensor: Any, axis: int, count: int) -> Any:
    """The time axis moved to the second place: `(batch, slices, ...)`."""
    if axis == 0:
        return ops.reshape(tensor, (-1, count, *tensor.shape[1:]))
    return ops.moveaxis(tensor, axis, 1) if axis > 1 else tensor
