"""Divide a model's operations by what they do with time, and find what has to be kept between blocks of frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from stillmotion.errors import StillmotionError, UsageError
from stillmotion.models.keras_graph import Graph, Node, Ref, read_graph, single_call
from stillmotion.streaming.actions import Action, FullWindow, OpView, ParallelWindows, PerFrame, Windowed
from stillmotion.streaming.fusion import split_convolutions
from stillmotion.streaming.lists import join_lists
from stillmotion.streaming.plan import LayerKind, LayerReport, StreamPlan, StreamTask, TimedTensor, places_of
from stillmotion.streaming.rules import rule_of, unknown
from stillmotion.streaming.timeline import Taps, Timeline, aligned
from stillmotion.streaming.trial import Findings, find_faults

# From this many overlapping windows on, advancing them side by side is faster than window by window.
MIN_PARALLEL_WINDOWS = 4


def make_stream_plan(model: keras.Model, hop: int, *, undivided: str = "", check: bool = True) -> StreamPlan:
    """Divide a model for windows that are `hop` frames apart.

    Args:
        model: see `stream_model`.
        hop: frames from one window to the next.
        undivided: if given, the model runs on each whole window, for this reason.
        check: run each layer as the plan divides it, and on whole windows. A layer whose results differ, or that cannot
            be run that way, is run on whole windows instead.

    Returns:
        The plan.

    Raises:
        UsageError: several inputs or outputs, an unknown number of frames, or windows of a stateful model that do not
            follow one another.
    """
    graph = join_lists(read_graph(model))
    shape = graph.shape(graph.input)
    if None in shape[1:]:
        raise UsageError(f"{model.name}: its input is {shape}; build it with a known number of frames and size")
    for node in graph.nodes:
        if getattr(node.operation, "stateful", False) is True:
            length = int(shape[1] or 1)
            if hop != length:
                raise UsageError(
                    f"{node.operation.name}: the prediction of a stateful layer depends on all earlier frames, so "
                    f"windows must follow one another: hop is {hop}, expected {length}; or set stateful=False"
                )
            plan = _make_plan(single_call(model), hop, Findings({0: f"{node.operation.name} is stateful"}), proved=True)
            plan.stateful = True
            return plan
    if undivided or graph.indivisible:
        whole = single_call(model)
        return _make_plan(whole, hop, Findings({0: undivided or graph.indivisible}), proved=True)
    try:
        return _tried_plan(graph, hop, check=check)
    except StillmotionError:
        pass
    try:
        return _tried_plan(join_lists(read_graph(model, with_batch_size=False)), hop, check=check)
    except StillmotionError as error:
        return make_stream_plan(model, hop, undivided=str(error))


def _tried_plan(graph: Graph, hop: int, *, check: bool) -> StreamPlan:
    """A plan that has passed its trial, unless there is none."""
    findings = Findings()
    plan = _make_plan(graph, hop, findings, proved=check)
    # A layer that has to run on whole windows takes all layers after it along, which are then run in another way.
    while check and (found := find_faults(plan)):
        if not findings.add(found):
            raise StillmotionError("what its layers do with time is not known")
        plan = _make_plan(graph, hop, findings, proved=True)
    return plan


def _make_plan(graph: Graph, hop: int, findings: Findings, *, proved: bool) -> StreamPlan:
    """Divide a graph, given what is known about its calls; `proved` says that a trial follows."""
    shape = graph.shape(graph.input)
    # An image model sees windows of one frame, folded into the batch.
    axis, length = (0, 1) if len(shape) == 4 else (1, int(shape[1] or 1))
    plan = StreamPlan(graph, min(hop, length), length)
    plan.timed[graph.input] = TimedTensor(Timeline(plan.hop, length, 1, 0, length), axis)
    for call, node in enumerate(graph.nodes):
        batch = node.batch or (1 if call in findings.alone else None)
        if call in findings.reasons:
            _run_on_window(plan, call, findings.reasons[call], batch)
        else:
            _divide(plan, call, batch, proved=proved)
    if graph.output in plan.timed:
        plan.keep(graph.output, plan.timed[graph.output].timeline.of_windows(1))
    split_convolutions(plan)
    return plan


def _divide(plan: StreamPlan, call: int, batch: int | None, *, proved: bool) -> None:
    """Add a call to the plan, divided in time if a rule knows how, and else on whole windows."""
    node = plan.graph.nodes[call]
    timed = [plan.timed[ref] for ref in node.inputs if ref in plan.timed]
    if not timed:
        return _run_on_window(plan, call, "it runs in training mode" if node.kwargs.get("training") else "", batch)
    view, reason = _view(plan, node, timed)
    if view is None:
        return _run_on_window(plan, call, reason, batch)
    rule = rule_of(node, view.axis)
    if rule is None:
        return _run_on_window(plan, call, unknown(node), batch)
    actions = rule(view)
    if isinstance(actions, str):
        return _run_on_window(plan, call, actions, batch)
    if any(isinstance(action, PerFrame) and action.unproved for action in actions) and not proved:
        return _run_on_window(plan, call, unknown(node), batch)
    _add_actions(plan, call, actions, batch)


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


def _add_actions(plan: StreamPlan, call: int, actions: Sequence[Action], batch: int | None) -> None:
    """Add a chain of actions, provided that each of them saves work."""
    node = plan.graph.nodes[call]
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
            return _run_on_window(plan, call, reason, batch)
        timelines.append(result)
        sources = [result]
    inputs = node.inputs
    for number, action in enumerate(_in_parallel(plan, node, actions)):
        # A result inside of the chain is no tensor of the graph: its number is negative.
        outputs = node.outputs if number == len(actions) - 1 else {0: Ref(-1 - len(plan.tasks))}
        plan.tasks.append(StreamTask(action, inputs, outputs, node.operation, call))
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


def _run_on_window(plan: StreamPlan, call: int, reason: str, batch: int | None) -> None:
    """Add a call that runs on each whole window."""
    node = plan.graph.nodes[call]

    def run(*tensors: Any) -> Any:
        return node.call(dict(zip(node.inputs, tensors, strict=True)))

    _keep_windows(plan, node.inputs)
    plan.tasks.append(StreamTask(FullWindow(run, batch=batch), node.inputs, node.outputs, node.operation, call))
    slices = max((plan.timed[ref].timeline.length for ref in node.inputs if ref in plan.timed), default=plan.length)
    plan.reports.append(LayerReport(node.operation.name, "whole window", slices, slices, reason))


def _keep_windows(plan: StreamPlan, refs: Sequence[Ref]) -> None:
    for ref in refs:
        if ref in plan.timed:
            plan.keep(ref, plan.timed[ref].timeline.of_windows(1))
