"""How a model is divided: its tensors in time, its tasks in order, and what has to be kept between blocks of frames."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from stillmotion.models.keras_graph import Graph, Ref
from stillmotion.streaming.actions import Action, Axis, PerFrame, Present, Windowed
from stillmotion.streaming.timeline import Indices, Taps, Timeline

LayerKind = Literal["per frame", "local in time", "whole window"]


@dataclass(frozen=True)
class TimedTensor:
    """A tensor that has slices in time, and where its time axis is in the model."""

    timeline: Timeline
    axis: Axis


@dataclass(frozen=True)
class StreamTask:
    """One action on tensors of the graph.

    Attributes:
        action: what is done.
        inputs: the tensors that it takes.
        outputs: its results, by their place among all results of the operation.
        operation: the layer or operation that the action belongs to.
        call: the place of its call among the nodes of the graph.
    """

    action: Action
    inputs: tuple[Ref, ...]
    outputs: dict[int, Ref]
    operation: Any
    call: int


@dataclass(frozen=True)
class LayerReport:
    """How a layer is streamed: for each window, `computed` of its `slices` slices are computed.

    Attributes:
        layer: the layer's name.
        kind: "per frame", "local in time" or "whole window". A recurrent layer or a mean over the whole window still
            computes once per frame what depends on that frame alone.
        computed: slices computed for each window.
        slices: slices of a window.
        reason: why a layer shares nothing between windows; empty if it shares, or if only the layers before it share
            nothing.
    """

    layer: str
    kind: LayerKind
    computed: int
    slices: int
    reason: str = ""


@dataclass
class StreamPlan:
    """A model as tasks in order.

    Attributes:
        graph: the calls of the model.
        hop: frames from one window to the next, at most `length`.
        length: frames of a window.
        timed: the tensors that have slices in time.
        tasks: what is computed for each block of frames, in order.
        reports: how each layer is streamed, in order.
        histories: how many slices of a tensor are kept between blocks.
        states: the results of tasks that keep a state between blocks.
        stateful: whether the model itself keeps a state from window to window.
    """

    graph: Graph
    hop: int
    length: int
    timed: dict[Ref, TimedTensor] = field(default_factory=dict)
    tasks: list[StreamTask] = field(default_factory=list)
    reports: list[LayerReport] = field(default_factory=list)
    histories: dict[Ref, int] = field(default_factory=dict)
    states: list[Ref] = field(default_factory=list)
    stateful: bool = False

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """The shape of a frame, from that of a batch of clips or images."""
        shape = self.graph.shape(self.graph.input)
        return tuple(int(side or 0) for side in shape[1 if len(shape) == 4 else 2 :])

    def keep(self, ref: Ref, places: Indices) -> None:
        """Keep enough slices of a tensor: places below 0 are in earlier blocks."""
        earliest = int(places.min(initial=0))
        if earliest < 0:
            self.histories[ref] = max(self.histories.get(ref, 0), -earliest)


def places_of(source: Timeline, action: PerFrame | Windowed, result: Timeline, windows: int) -> tuple[Indices, Present]:
    """Which slices of the source each slice of the result is made of, `(packed, taps)`, and which of them exist."""
    return (action.taps if isinstance(action, Windowed) else Taps()).places(source, result, windows)
