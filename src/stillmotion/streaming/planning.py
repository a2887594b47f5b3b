"""Divide a model's operations by what they do with time, and find what has to be kept between blocks of frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from stillmotion.errors import UsageError
from stillmotion.models.keras_graph import Node, Ref, read_graph
from stillmotion.streaming.actions import Action, FullWindow, OpView, ParallelWindows, PerFrame, Present, Windowed
from stillmotion.streaming.fusion import split_convolutions
from stillmotion.streaming.plan import LayerKind, LayerReport, StreamPlan, StreamTask, TimedTensor
from stillmotion.streaming.rules import rule_of
from stillmotion.streaming.timeline import Indices, Taps, Timeline, aligned

# From this many overlapping windows on, advancing them side by side is faster than window by window.
MIN_PARALLEL_WINDOWS = 4


def make_stream_plan(model: keras.Model, hop: int, *, undivided: str = "") -> StreamPlan:
    """Divide a model for windows that are `hop` frames apart.

    Args:
        model: see `stream_model`.
        hop: frames from one window to the next.
        undivided: if given, every layer runs on each whole window, for this reason.

    Returns:
        The plan.

    Raises:
        UsageError: several inputs or outputs, an unknown number of frames, or a stateful layer.
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
    # An image model sees windows of one frame, folded into the batch.
    axis, length = (0, 1) if len(shape) == 4 else (1, int(shape[1] or 1))
    plan = StreamPlan(graph, min(hop, length), length)
    plan.timed[graph.input] = TimedTensor(Timeline(plan.hop, length, 1, 0, length), axis)
    for node in graph.nodes:
        if undivided:
            _run_on_window(plan, node, undivided)
        else:
            _divide(plan, node)
    if graph.output in plan.timed:
        plan.keep(graph.output, plan.timed[graph.output].timeline.of_windows(1))
    split_convolutions(plan)
    return plan


def _divide(plan: StreamPlan, node: Node) -> None:
    """Add a call to the plan, divided in time if a rule knows how, and else on whole windows."""
    timed = [plan.timed[ref] for ref in node.inputs if ref in plan.timed]
    if not timed:
        return _run_on_window(plan, node, "")
    view, reason = _view(plan, node, timed)
    if view is None:
        return _run_on_window(plan, node, reason)
    rule = rule_of(node.operation, view.axis)
    if rule is None:
        return _run_on_window(plan, node, f"what {type(node.operation).__name__} does with time is not known")
    actions = rule(view)
    if isinstance(actions, str):
        return _run_on_window(plan, node, actions)
    _add_actions(plan, node, actions)


def _view(plan: StreamPlan, node: Node, timed: Sequence[TimedTensor]) -> tuple[OpView | None, str]:
    """The call as the rules see it, or None and the reason."""
    if len(timed) < len(node.inputs):
        return None, "one of its inputs needs the whole window"
    if list(node.outputs) != [0]:
        return None, "it has several results"
    if len({tensor.axis for tensor in timed}) > 1 or aligned([tensor.timeline for tensor in timed]) is None:
        return None, "its inputs have their time axes in different places"
    shapes = tuple(plan.graph.shape(ref) for ref in node.inputs)
    return OpView(node, timed[0].axis, timed[0].timeline.length, shapes, plan.graph.shape(node.outputs[0])), ""


def _add_actions(plan: StreamPlan, node: Node, actions: Sequence[Action]) -> None:
    """Add a chain of actions, provided that each of them saves work."""
    timelines: list[Timeline] = []
    sources = [plan.timed[ref].timeline for ref in node.inputs]
    for action in actions:
        if not isinstance(action, PerFrame | Windowed):
            break
        source = aligned(sources)
        assert source is not None
        result = action.taps.result(source, action.length) if isinstance(action, Windowed) else source
        if not result.pays:
            if result.edges:
                reason = f"{result.edges} of its {result.length} slices depend on where the window begins or ends"
            else:
                reason = f"windows {plan.hop} frames apart share none of its slices"
            return _run_on_window(plan, node, reason)
        timelines.append(result)
        sources = [result]
    inputs = node.inputs
    for number, action in enumerate(_in_parallel(plan, node, actions)):
        # A result inside of the chain is no tensor of the graph: its number is negative.
        outputs = node.outputs if number == len(actions) - 1 else {0: Ref(-1 - len(plan.tasks))}
        plan.tasks.append(StreamTask(action, inputs, outputs, node.operation))
        if isinstance(action, FullWindow):
            _keep_windows(plan, inputs)
        elif isinstance(action, ParallelWindows):
            plan.states.append(outputs[0])
        else:
            for ref in inputs:
                plan.keep(ref, places_of(plan.timed[ref].timeline, action, timelines[number], 1)[0])
            plan.timed[outputs[0]] = TimedTensor(timelines[number], action.axis)
        inputs = (outputs[0],)
    plan.reports.append(_report(node, actions, timelines[-1]))


def _in_parallel(plan: StreamPlan, node: Node, actions: Sequence[Action]) -> Sequence[Action]:
    """The same actions, with all open windows side by side in the last one where that is possible and faster."""
    *first, last = actions
    if not isinstance(last, FullWindow) or last.parallel is None:
        return actions
    timeline = plan.timed[node.inputs[0]].timeline
    every_frame_once = (timeline.stride, timeline.edges) == (1, 0)
    if not every_frame_once or plan.hop * MIN_PARALLEL_WINDOWS > timeline.length:
        return actions
    return [*first, last.parallel]


def _report(node: Node, actions: Sequence[Action], result: Timeline) -> LayerReport:
    kind: LayerKind = "per frame"
    if isinstance(actions[-1], FullWindow):
        kind = "whole window"
    elif any(isinstance(action, Windowed) and action.taps != Taps() for action in actions):
        kind = "local in time"
    return LayerReport(node.operation.name, kind, result.work, result.length)


def _run_on_window(plan: StreamPlan, node: Node, reason: str) -> None:
    """Add a call that runs on each whole window."""

    def call(*tensors: Any) -> Any:
        return node.call(dict(zip(node.inputs, tensors, strict=True)))

    _keep_windows(plan, node.inputs)
    plan.tasks.append(StreamTask(FullWindow(call), node.inputs, node.outputs, node.operation))
    slices = max((plan.timed[ref].timeline.length for ref in node.inputs if ref in plan.timed), default=plan.length)
    plan.reports.append(LayerReport(node.operation.name, "whole window", slices, slices, reason))


def _keep_windows(plan: StreamPlan, refs: Sequence[Ref]) -> None:
    for ref in refs:
        if ref in plan.timed:
            plan.keep(ref, plan.timed[ref].timeline.of_windows(1))


def places_of(source: Timeline, action: PerFrame | Windowed, result: Timeline, windows: int) -> tuple[Indices, Present]:
    """Which slices of the source each slice of the result is made of, `(packed, taps)`, and which of them exist."""
    return (action.taps if isinstance(action, Windowed) else Taps()).places(source, result, windows)
