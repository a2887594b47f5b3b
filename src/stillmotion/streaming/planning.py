"""A model's operations divided by what they do with time, and what has to be kept between blocks of frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import keras

from stillmotion.errors import UsageError
from stillmotion.models.keras_graph import Node, Ref, read_graph
from stillmotion.streaming.actions import (
    Action,
    FullWindow,
    OpView,
    ParallelWindows,
    PerFrame,
    Present,
    Stateful,
    Windowed,
)
from stillmotion.streaming.fusion import split_convolutions
from stillmotion.streaming.plan import Kind, LayerReport, StreamPlan, Task, TimedTensor
from stillmotion.streaming.rules import rule_of
from stillmotion.streaming.timeline import Indices, Taps, Timeline, aligned

# Windows that overlap, from which it pays to step through them side by side.
LEAST_ABREAST = 4
RECURRENT = ("Bidirectional", "GRU", "LSTM", "SimpleRNN")


def make_stream_plan(model: keras.Model, hop: int, *, undivided: str = "", unlimited: bool = False) -> StreamPlan:
    """Divide a model for windows that are `hop` frames apart.

    Args:
        undivided: the reason to run all of it on each window instead.
        unlimited: whether windows feel what was before them.

    Raises:
        UsageError: see `read_graph`.
    """
    graph = read_graph(model)
    shape = graph.shape(graph.input)
    if None in shape[1:]:
        raise UsageError(f"{model.name}: its input is {shape}; build it with a known number of frames and size")
    for node in graph.nodes:
        if getattr(node.operation, "stateful", False) is True:
            raise UsageError(
                f"{node.operation.name}: the prediction of a stateful layer depends on all earlier windows; "
                "set stateful=False to stream windows"
            )
    # A model of pictures sees windows of one frame, folded into the batch.
    axis, length = (0, 1) if len(shape) == 4 else (1, int(shape[1] or 1))
    plan = StreamPlan(graph, min(hop, length), length, unlimited)
    plan.timed[graph.input] = TimedTensor(Timeline(plan.hop, length, 1, 0, length), axis)
    for node in graph.nodes:
        if undivided:
            _whole(plan, node, undivided)
        else:
            _divide(plan, node)
    answer = graph.output
    if answer in plan.timed:
        plan.keep(answer, plan.timed[answer].timeline.of_windows(1))
    split_convolutions(plan)
    return plan


def _divide(plan: StreamPlan, node: Node) -> None:
    timed = [plan.timed[ref] for ref in node.inputs if ref in plan.timed]
    if not timed:
        return _whole(plan, node, "")
    view, reason = _view(plan, node, timed)
    if view is None:
        return _whole(plan, node, reason)
    rule = rule_of(node.operation, view.axis)
    if rule is None:
        return _whole(plan, node, f"what {type(node.operation).__name__} does with time is not known")
    ruling = rule(view)
    if isinstance(ruling, str):
        return _whole(plan, node, ruling)
    _chain(plan, node, ruling)


def _view(plan: StreamPlan, node: Node, timed: Sequence[TimedTensor]) -> tuple[OpView | None, str]:
    if len(timed) < len(node.inputs):
        return None, "some of what it takes is of the whole window"
    if list(node.outputs) != [0]:
        return None, "it has several results"
    if len({one.axis for one in timed}) > 1 or aligned([one.timeline for one in timed]) is None:
        return None, "what it takes has its time axes in different places"
    shapes = tuple(plan.graph.shape(ref) for ref in node.inputs)
    return OpView(node, timed[0].axis, timed[0].timeline.length, shapes, plan.graph.shape(node.outputs[0])), ""


def _chain(plan: StreamPlan, node: Node, chain: Sequence[Action]) -> None:
    """Take the actions up, provided that sharing pays at each of them."""
    inputs, timelines = node.inputs, []
    sources = [plan.timed[ref].timeline for ref in inputs]
    for action in chain:
        if not isinstance(action, PerFrame | Windowed):
            break
        source = aligned(sources)
        assert source is not None
        result = action.taps.result(source, action.length) if isinstance(action, Windowed) else source
        if plan.unlimited:
            result = replace(result, first=0)
        if not result.pays:
            return _whole(
                plan, node, f"{result.edges} of its {result.length} slices feel the window's ends"
                if result.edges else f"windows {plan.hop} frames apart share nothing of it",
            )  # fmt: skip
        timelines.append(result)
        sources = [result]
    for number, action in enumerate(_going_on(plan, node, chain)):
        last = number == len(chain) - 1
        outputs = node.outputs if last else {0: Ref(-1 - len(plan.tasks))}
        plan.tasks.append(Task(action, inputs, outputs, node.operation))
        if isinstance(action, FullWindow):
            _keep_windows(plan, inputs)
        elif isinstance(action, Stateful | ParallelWindows):
            plan.states.append(outputs[0])
        else:
            _keep_sources(plan, inputs, action, timelines[number])
            plan.timed[outputs[0]] = TimedTensor(timelines[number], action.axis)
        inputs = (outputs[0],)
    _tell(plan, node, chain, timelines)


def _going_on(plan: StreamPlan, node: Node, chain: Sequence[Action]) -> list[Action]:
    """A recurrence takes up each frame as it comes: in all windows, or, with an unlimited past, where it was."""
    *before, last = chain
    if not isinstance(last, FullWindow) or type(node.operation).__name__ not in RECURRENT:
        return [*chain]
    timeline = plan.timed[node.inputs[0]].timeline
    in_order = (timeline.stride, timeline.edges) == (1, 0)
    if not plan.unlimited:
        # Blocks of many windows that hardly overlap are quicker window by window.
        if last.abreast is None or not in_order or plan.hop * LEAST_ABREAST > timeline.length:
            return [*chain]
        return [*before, last.abreast]
    if last.carry is None or not in_order:
        raise UsageError(
            f"{node.operation.name}: cannot go on from window to window: that takes one direction, the last "
            "result only, and a result for each frame"
        )
    return [*before, Stateful(last.carry)]


def _tell(plan: StreamPlan, node: Node, chain: Sequence[Action], timelines: Sequence[Timeline]) -> None:
    kind: Kind = "per frame"
    if isinstance(chain[-1], FullWindow):
        kind = "whole window"
    elif any(isinstance(action, Windowed) and action.taps != Taps() for action in chain):
        kind = "local in time"
    one = timelines[-1]
    plan.parts.append(LayerReport(node.operation.name, kind, one.work, one.length))


def _whole(plan: StreamPlan, node: Node, reason: str) -> None:
    if plan.unlimited and type(node.operation).__name__ in RECURRENT:
        raise UsageError(
            f"{node.operation.name}: cannot go on from window to window: "
            f"{reason or 'what it takes is not known frame by frame'}"
        )
    _keep_windows(plan, node.inputs)
    plan.tasks.append(Task(FullWindow(_caller(node)), node.inputs, node.outputs, node.operation))
    slices = max((plan.timed[ref].timeline.length for ref in node.inputs if ref in plan.timed), default=plan.length)
    plan.parts.append(LayerReport(node.operation.name, "whole window", slices, slices, reason))


def _caller(node: Node) -> Any:
    return lambda *tensors: node.call(dict(zip(node.inputs, tensors, strict=True)))


def _keep_windows(plan: StreamPlan, refs: Sequence[Ref]) -> None:
    for ref in refs:
        if ref in plan.timed:
            plan.keep(ref, plan.timed[ref].timeline.of_windows(1))


def _keep_sources(plan: StreamPlan, refs: Sequence[Ref], action: PerFrame | Windowed, result: Timeline) -> None:
    for ref in refs:
        plan.keep(ref, places_of(plan.timed[ref].timeline, action, result, 1)[0])


def places_of(source: Timeline, action: PerFrame | Windowed, result: Timeline, windows: int) -> tuple[Indices, Present]:
    """Which slices of the source each slice of the result is made of: `(packed, taps)`, and which of them there are."""
    return (action.taps if isinstance(action, Windowed) else Taps()).places(source, result, windows)
