"""Clips: what they are, which times they show, and how they are read from files."""

from stillmotion.clips.appearance import AppearanceWindow, cached_appearance, clip_appearance
from stillmotion.clips.augment import Augment, augment
from stillmotion.clips.cache import cache_folder, cached_frames, trim_cache
from stillmotion.clips.extraction import OpenedVideos, Segment, SkippedVideo, open_videos, read_clips, thread_map
from stillmotion.clips.sampling import (
    Window,
    clips_per_epoch,
    even_windows,
    frame_times,
    pool_times,
    random_window,
)
from stillmotion.clips.spec import ClipSpec, Rate, cap_rate, choose_rate
from stillmotion.decoding import read_frames

__all__ = [
    "AppearanceWindow",
    "Augment",
    "ClipSpec",
    "Rate",
    "OpenedVideos",
    "Segment",
    "SkippedVideo",
    "Window",
    "augment",
    "cache_folder",
    "cached_appearance",
    "cap_rate",
    "cached_frames",
    "choose_rate",
    "clip_appearance",
    "clips_per_epoch",
    "even_windows",
    "frame_times",
    "open_videos",
    "pool_times",
    "random_window",
    "read_clips",
    "read_frames",
    "thread_map",
    "trim_cache",
]
