"""Clips of features: what heads on frozen backbones are trained and tested on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from stillmotion.clips import ClipSpec, Window, frame_times
from stillmotion.features.extraction import cached_features
from stillmotion.features.frame_features import Features


def read_feature_clips(backbone: str, file: Path, windows: Sequence[Window], spec: ClipSpec) -> Features:
    """Read the features of the frames that `read_clips` would read.

    Args:
        backbone: see `stillmotion.models.pretrained`.
        file: the video.
        windows: start and end of each clip, in seconds.
        spec: how a window becomes a clip.

    Returns:
        float16 `(windows, frames, features)`: for each frame the grid, flattened, and then the top.

    Raises:
        UnreadableVideoError: the file cannot be opened or holds no frame.
        UsageError: there is no such backbone, or it cannot take frames of this size.
        StillmotionError: the backbone's weights cannot be read, or the cache cannot be written.
    """
    times = np.concatenate([frame_times(spec, window) for window in windows])
    features = cached_features(backbone, file, times, spec.height, spec.width)
    joined = np.concatenate([features.grid.reshape(len(times), -1), features.top], axis=1)
    return joined.reshape(len(windows), spec.frames, -1)
