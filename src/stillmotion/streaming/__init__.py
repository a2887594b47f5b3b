"""A clip model -> the same model, fed a frame at a time."""

from stillmotion.streaming.planning import Part
from stillmotion.streaming.streams import Moment, StreamModel, stream_model

__all__ = ["Moment", "Part", "StreamModel", "stream_model"]
