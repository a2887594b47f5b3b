"""A clip model -> the same model, fed a frame at a time."""

from stillmotion.streaming.engines import ENGINES, stream_program
from stillmotion.streaming.plan import Part
from stillmotion.streaming.streams import Moment, StreamModel, stream_model

__all__ = ["ENGINES", "Moment", "Part", "StreamModel", "stream_model", "stream_program"]
