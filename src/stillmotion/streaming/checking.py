"""How far a divided model's predictions are from the model's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stillmotion.exporting.program import distance

if TYPE_CHECKING:
    from stillmotion.streaming.streams import StreamModel


def difference_from_model(stream: StreamModel) -> float:
    """Compare the predictions of two windows of noise with those of the model on whole windows.

    Args:
        stream: a stream model that no stream uses yet.

    Returns:
        The largest difference (see `stillmotion.exporting.program.distance`).
    """
    starts = [stream.start, stream.start + stream.hop]
    noise = np.random.default_rng(0).integers(0, 256, [starts[1] + stream.frames, *stream.plan.frame_shape])
    frames = noise.astype(np.uint8)
    streamed = [prediction.probabilities for prediction in stream.push(frames)]
    stream.flush()
    windows = np.stack([frames[start : start + stream.frames] for start in starts])
    takes_images = len(stream.plan.graph.shape(stream.plan.graph.input)) == 4
    return distance(streamed, stream.model.predict_on_batch(windows[:, 0] if takes_images else windows))
