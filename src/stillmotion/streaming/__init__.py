"""A clip model -> the same model, fed frame by frame."""

from stillmotion.streaming.engines import ENGINES, stream_program
from stillmotion.streaming.plan import LayerReport
from stillmotion.streaming.streams import StreamModel, WindowPrediction, stream_model

__all__ = [
    "ENGINES",
    "LayerReport",
    "StreamModel",
    "WindowPrediction",
    "stream_model",
    "stream_program",
]
