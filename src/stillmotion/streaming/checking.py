"""How far a divided model's predictions are from the model's own, and how far they may be."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from stillmotion.errors import StillmotionError, last_line
from stillmotion.exporting.program import distance
from stillmotion.models.keras_graph import Graph, Node, predict_batch
from stillmotion.streaming.actions import FullWindow
from stillmotion.streaming.trial import ROUNDINGS, moved_weights, structured_frames

if TYPE_CHECKING:
    from stillmotion.streaming.streams import StreamModel

# Values that frames may have, where the model does not say. Those are taken on which its predictions vary most: a model
# of frames in 0..1 is saturated by 0..255.
VALUES = ((0.0, 255.0), (0.0, 1.0), (-1.0, 1.0))


@dataclass(frozen=True)
class Agreement:
    """How far predictions are from the model's own.

    Attributes:
        difference: the largest one (see `stillmotion.exporting.program.distance`).
        allowed: how large it may be.
    """

    difference: float
    allowed: float

    @property
    def holds(self) -> bool:
        """Whether the difference is allowed. Not a number never is."""
        return self.difference <= self.allowed


def compare_with_model(stream: StreamModel, tolerance: float) -> Agreement:
    """Compare the predictions of two windows with those of the model on whole windows.

    Args:
        stream: a stream model that no stream uses yet.
        tolerance: the difference that is always allowed. Where the model amplifies the rounding of its input to more
            than that, so much is allowed, too.

    Returns:
        The difference. A model whose predictions are random agrees with everything.

    Raises:
        StillmotionError: the model itself cannot predict.
    """
    starts = [stream.start, stream.start + stream.hop]
    frames, expected = _most_telling(stream, starts)
    windows = _windows(stream, frames, starts)
    streamed = _streamed(stream, frames, starts)
    difference = distance(np.reshape(streamed, expected.shape), expected)
    if difference <= tolerance:
        return Agreement(difference, tolerance)
    again = distance(predict_batch(stream.model, windows), expected)
    if not again <= tolerance:
        return Agreement(0.0, tolerance)
    return Agreement(difference, max(tolerance, ROUNDINGS * _rounding(stream.plan.graph, windows)))


def _most_telling(stream: StreamModel, starts: list[int]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Frames on which the model's predictions vary most, and its predictions."""
    graph = stream.plan.graph
    dtype, count = graph.specs[graph.input].dtype, starts[-1] + stream.frames
    found: list[tuple[float, NDArray[Any], NDArray[Any]]] = []
    for values in VALUES if "float" in dtype else VALUES[:1]:
        frames = structured_frames(count, stream.plan.frame_shape, dtype, values)
        try:
            expected = predict_batch(stream.model, _windows(stream, frames, starts))
        except Exception as error:
            name = stream.model.name
            raise StillmotionError(
                f"{name} cannot predict a window ({type(error).__name__}: {last_line(error)})"
            ) from error
        variation = float(np.ptp(expected, axis=0).max())
        found.append((variation if np.isfinite(variation) else -1.0, frames, expected))
    _, frames, expected = max(found, key=lambda each: each[0])
    return frames, expected


def _windows(stream: StreamModel, frames: NDArray[Any], starts: list[int]) -> NDArray[Any]:
    windows = np.stack([frames[start : start + stream.frames] for start in starts])
    return windows[:, 0] if len(stream.plan.graph.shape(stream.plan.graph.input)) == 4 else windows


def _streamed(stream: StreamModel, frames: NDArray[Any], starts: list[int]) -> NDArray[Any]:
    """What the stream predicts, one window at a time, as from a camera."""
    if all(isinstance(task.action, FullWindow) for task in stream.plan.tasks):
        # Only frames are kept, so the windows before the first complete one need not be run.
        return stream.predict_apart([frames[start : start + stream.frames] for start in starts])
    predictions = []
    for at in range(0, len(frames), stream.hop):
        predictions += stream.push(frames[at : at + stream.hop])
    stream.flush()
    return np.array([prediction.probabilities for prediction in predictions])


def _rounding(graph: Graph, windows: NDArray[Any]) -> float:
    """How far predictions move when frames and weights change by as much as numbers are rounded."""
    step = float(np.finfo(np.float32).eps)
    noise = np.random.default_rng(0).uniform(1 - step, 1 + step, windows.shape)
    with keras.StatelessScope():
        before = _run(graph, windows.astype(np.float32))
    with moved_weights(graph.nodes):
        after = _run(graph, (windows * noise).astype(np.float32))
    return distance(after, before)


def _run(graph: Graph, windows: NDArray[Any]) -> NDArray[Any]:
    """The result of all calls for whole windows."""
    tensors: dict[Any, Any] = {graph.input: ops.convert_to_tensor(windows)}
    for node in graph.nodes:
        sources = [tensors[ref] for ref in node.inputs]
        call = partial(_call, node)
        outputs = FullWindow(call, batch=node.batch).run(len(windows), sources)
        tensors |= {ref: outputs[place] for place, ref in node.outputs.items()}
    return np.asarray(ops.convert_to_numpy(tensors[graph.output]))


def _call(node: Node, *sources: Any) -> Any:
    return node.call(dict(zip(node.inputs, sources, strict=True)))
