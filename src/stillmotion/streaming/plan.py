"""What a model's division is: its tensors in time, its tasks in order, and what has to be kept between blocks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from stillmotion.models.keras_graph import Graph, Ref
from stillmotion.streaming.actions import Action, Axis
from stillmotion.streaming.timeline import Indices, Timeline

Kind = Literal["per frame", "local in time", "whole window"]


@dataclass(frozen=True)
class TimedTensor:
    """A tensor with slices in time, and where its time axis is in the model."""

    timeline: Timeline
    axis: Axis


@dataclass(frozen=True)
class Task:
    """One action on tensors of the graph, its results, and the operation that it is of."""

    action: Action
    inputs: tuple[Ref, ...]
    outputs: dict[int, Ref]  # by their place among the results
    operation: Any


@dataclass(frozen=True)
class LayerReport:
    """What becomes of one layer: `computed` of `slices` slices are computed for each window.

    A recurrent layer or a mean over the whole window still computes what it can of each frame once. A layer that
    shares nothing has the reason why, but for those that take what such a layer gives.
    """

    layer: str
    kind: Kind
    computed: int
    slices: int
    reason: str = ""


@dataclass
class StreamPlan:
    """A model as tasks, in order.

    `histories` counts the slices of a tensor that are kept between blocks, `states` are what recurrences carry on.
    With `unlimited`, a window's start is not felt: what was before it is seen as the rest is.
    """

    graph: Graph
    hop: int
    length: int
    unlimited: bool = False
    timed: dict[Ref, TimedTensor] = field(default_factory=dict)
    tasks: list[Task] = field(default_factory=list)
    parts: list[LayerReport] = field(default_factory=list)
    histories: dict[Ref, int] = field(default_factory=dict)
    states: list[Ref] = field(default_factory=list)

    def keep(self, ref: Ref, places: Indices) -> None:
        """Slices at places below 0 come from earlier blocks."""
        least = int(places.min(initial=0))
        if least < 0:
            self.histories[ref] = max(self.histories.get(ref, 0), -least)
