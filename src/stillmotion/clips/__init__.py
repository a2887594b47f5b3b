"""Clips: what they are, when their pictures are taken, and how they come out of files."""

from stillmotion.clips.augment import Augment, augment
from stillmotion.clips.cache import cache_folder, cached_frames, trim_cache
from stillmotion.clips.cutting import LeftOut, Stretch, cut, find_stretches, in_threads
from stillmotion.clips.sampling import (
    Window,
    clips_an_epoch,
    even_windows,
    frame_times,
    pool_times,
    random_window,
)
from stillmotion.clips.spec import ClipSpec, Rate, choose_rate
from stillmotion.decoding import read_frames

__all__ = [
    "Augment", "ClipSpec", "LeftOut", "Rate", "Stretch", "Window", "augment", "cache_folder", "cached_frames",
    "choose_rate", "clips_an_epoch", "cut", "even_windows", "find_stretches", "frame_times", "in_threads", "pool_times",
    "random_window", "read_frames", "trim_cache",
]  # fmt: skip
