"""The divided model as one Keras model: a block of new frames and what was kept -> answers, and what to keep."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from stillmotion.models.keras_graph import Ref
from stillmotion.streaming.actions import ParallelWindows, PerFrame, Stateful, Windowed
from stillmotion.streaming.plan import StreamPlan
from stillmotion.streaming.planning import places_of
from stillmotion.streaming.timeline import Indices, Timeline


class Block(keras.Model):
    """Takes `[frames, *kept]`, with frames `(streams, windows * hop, height, width, 3)`; gives `[answers, *kept]`.

    Answers are `(streams, windows, classes)`; what is kept has the shapes that it was given in, and is zero where
    it was not given.
    """

    def __init__(self, model: keras.Model, plan: StreamPlan, windows: int) -> None:
        super().__init__(name=f"{model.name}_block{windows}")
        self.whole_model = model  # its layers are used as they are, with their weights
        self.plan, self.windows = plan, windows
        self._specs: dict[int, tuple[keras.KerasTensor, list[keras.KerasTensor]]] = {}
        if model.run_eagerly:
            self.compile(run_eagerly=True)

    def specs(self, streams: int) -> tuple[keras.KerasTensor, list[keras.KerasTensor]]:
        """Of the frames of so many streams, and of what is kept."""
        if streams not in self._specs:
            clip = self.plan.graph.specs[self.plan.graph.input]
            sides = clip.shape[1 if len(clip.shape) == 4 else 2 :]
            frames = keras.KerasTensor((streams, self.windows * self.plan.hop, *sides), clip.dtype)
            if self.run_eagerly:
                found = self([ops.zeros(frames.shape, frames.dtype)], training=False)
            else:
                found = self.compute_output_spec([frames])
            kept = [keras.KerasTensor(one.shape, keras.backend.standardize_dtype(one.dtype)) for one in found[1:]]
            self._specs[streams] = frames, kept
        return self._specs[streams]

    def call(self, tensors: list[Any]) -> list[Any]:
        plan = self.plan
        frames = tensors[0]
        count = len(plan.histories)
        store = _Store(plan, self.windows, dict(zip(plan.histories, tensors[1:], strict=False)))
        states = dict(zip(plan.states, tensors[1 + count :], strict=False))
        store.put(plan.graph.input, frames)
        for task in plan.tasks:
            if isinstance(task.action, PerFrame):
                result = plan.timed[task.outputs[0]]
                slices = [
                    store.laid(ref, places_of(store.timeline(ref), task.action, result.timeline, self.windows)[0][:, 0])
                    for ref in task.inputs
                ]
                store.put_laid(task.outputs[0], task.action.call(*slices))
            elif isinstance(task.action, Windowed):
                (ref,), result = task.inputs, plan.timed[task.outputs[0]]
                places, present = places_of(store.timeline(ref), task.action, result.timeline, self.windows)
                found = store.gather(ref, places.ravel())
                found = ops.reshape(found, (-1, *places.shape, *found.shape[2:]))
                store.put(task.outputs[0], task.action.call(found, present))
            elif isinstance(task.action, Stateful):
                (ref,), new = task.inputs, task.outputs[0]
                found, states[new] = task.action.call(store.packed(ref), states.get(new))
                # Windows end with every hop-th frame.
                ends = found[:, plan.hop - 1 :: plan.hop]
                store.windows[new] = ops.reshape(ends, (-1, *ends.shape[2:]))
            elif isinstance(task.action, ParallelWindows):
                (ref,), new = task.inputs, task.outputs[0]
                ended, states[new] = task.action.call(store.packed(ref), states.get(new), plan.hop)
                store.windows[new] = ops.reshape(ended, (-1, *ended.shape[2:]))
            else:
                found = task.action.call(*(store.window(ref) for ref in task.inputs))
                results = keras.tree.flatten(found)
                store.windows.update({ref: results[place] for place, ref in task.outputs.items()})
        answers = store.window(plan.graph.output)
        answers = ops.reshape(answers, (-1, self.windows, *answers.shape[1:]))
        return [answers, *store.kept(), *states.values()]


class _Store:
    """The tensors of a block, each in the forms that were asked for.

    New slices are packed, `(streams, packed, ...)`, or laid out as the model has them: frames that are folded into the
    batch stay so from one layer to the next, for what comes between keeps engines from merging layers. Whole windows
    are `(streams * windows, ...)`.
    """

    def __init__(self, plan: StreamPlan, block: int, history: dict[Ref, Any]) -> None:
        self.plan, self.block, self.history = plan, block, history
        self._packed: dict[Ref, Any] = {}
        self._laid: dict[Ref, Any] = {}
        self._full: dict[Ref, Any] = {}
        self.windows: dict[Ref, Any] = {}

    def put(self, ref: Ref, packed: Any) -> None:
        self._packed[ref] = packed

    def put_laid(self, ref: Ref, found: Any) -> None:
        self._laid[ref] = found

    def timeline(self, ref: Ref) -> Timeline:
        return self.plan.timed[ref].timeline

    def packed(self, ref: Ref) -> Any:
        if ref not in self._packed:
            count = self.timeline(ref).packed(self.block)
            self._packed[ref] = _packed(self._laid[ref], self.plan.timed[ref].axis, count)
        return self._packed[ref]

    def full(self, ref: Ref) -> Any:
        """The history, and what is new."""
        if ref not in self._full:
            packed, count = self.packed(ref), self.plan.histories.get(ref, 0)
            kept = self.history.get(ref)
            if count and kept is None:
                kept = ops.zeros((packed.shape[0], count, *packed.shape[2:]), packed.dtype)
            self._full[ref] = ops.concatenate([kept, packed], axis=1) if count else packed
        return self._full[ref]

    def gather(self, ref: Ref, places: Indices) -> Any:
        """Slices by their places `(n,)`, those below 0 from the history: `(streams, n, ...)`."""
        if self._all_new(ref, places):
            return self.packed(ref)
        places = places + self.plan.histories.get(ref, 0)
        start = int(places[0])
        if np.array_equal(places, start + np.arange(len(places))):
            return self.full(ref)[:, start : start + len(places)]
        return ops.take(self.full(ref), places, axis=1)

    def laid(self, ref: Ref, places: Indices) -> Any:
        """Slices by their places, laid out as the model has them."""
        if ref in self._laid and self._all_new(ref, places):
            return self._laid[ref]
        return _laid(self.gather(ref, places), self.plan.timed[ref].axis)

    def window(self, ref: Ref) -> Any:
        """All slices of each window, as the model has them."""
        if ref not in self.windows:
            timed = self.plan.timed[ref]
            found = self.gather(ref, timed.timeline.of_windows(self.block).ravel())
            found = ops.reshape(found, (-1, timed.timeline.length, *found.shape[2:]))
            self.windows[ref] = _laid(found, timed.axis)
        return self.windows[ref]

    def kept(self) -> list[Any]:
        """The newest interior slices."""
        return [
            self.full(ref)[:, (new := self.block * self.timeline(ref).fresh) : new + count]
            for ref, count in self.plan.histories.items()
        ]

    def _all_new(self, ref: Ref, places: Indices) -> bool:
        return np.array_equal(places, np.arange(self.timeline(ref).packed(self.block)))


def _laid(slices: Any, axis: int) -> Any:
    """`(batch, slices, ...)` -> the layout of the model."""
    if axis == 0:
        return ops.reshape(slices, (-1, *slices.shape[2:]))
    return ops.moveaxis(slices, 1, axis) if axis > 1 else slices


def _packed(found: Any, axis: int, count: int) -> Any:
    if axis == 0:
        return ops.reshape(found, (-1, count, *found.shape[1:]))
    return ops.moveaxis(found, axis, 1) if axis > 1 else found
