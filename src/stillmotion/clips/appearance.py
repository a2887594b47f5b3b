"""What a clip looks like, whatever a model makes of it: its layout, edges, colors, sharpness and movement as numbers.

A clip's appearance is the mean over its frames and over its changes from frame to frame, so that in a stream each frame
is described once.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stillmotion.clips.cache import cached_frames, entry_path, load_entry, store_entry
from stillmotion.clips.extraction import Segment
from stillmotion.clips.sampling import Window, frame_times
from stillmotion.clips.spec import ClipSpec
from stillmotion.decoding import Images

Appearance = NDArray[np.float32]

# Larger pictures are described at about this many pixels a side.
SIDE = 64
_CELLS, _COARSE, _DIRECTIONS, _LEVELS, _BINS = 8, 4, 8, 4, 16
# What the numbers describe, and how many there are of each, in order.
PARTS = {
    "layout": 3 * _CELLS**2,
    "edges": _DIRECTIONS * _COARSE**2,
    "colors": _LEVELS**3,
    "sharpness": 2 * _BINS,
    "movement": _COARSE**2,
    "changes": _BINS,
}
_GRAY = np.full(3, 1 / 3, np.float32)
_OF_CHANGES = PARTS["movement"] + PARTS["changes"]
# Part of the name of cached entries. Change it when pictures are described in another way.
_VERSION = b"appearance"


def clip_appearance(clip: Images) -> Appearance:
    """Describe a clip.

    Args:
        clip: uint8 RGB `(frames, height, width, 3)`.

    Returns:
        `(numbers,)`; see `PARTS`.
    """
    small = _reduced(clip)
    return _pooled(_describe_frames(small), _describe_changes(small))


def cached_appearance(segment: Segment, window: Window, spec: ClipSpec) -> Appearance:
    """Describe the clip of a window, from the cache on disk if it was described before.

    Args:
        segment: the labeled segment of a video.
        window: start and end, in seconds.
        spec: how a window becomes a clip.

    Returns:
        As `clip_appearance`.

    Raises:
        UnreadableVideoError: the file cannot be opened or holds no frame.
        StillmotionError: the cache cannot be written.
    """
    detail = _VERSION + repr((window, spec)).encode()
    entry = entry_path("appearance", segment.file, spec.height, spec.width, detail)
    arrays = load_entry(entry, 1)
    if arrays is None:
        # A training has decoded the clips of validation already. Those that it draws from others are not these.
        times = frame_times(spec, window)
        frames = cached_frames(segment.file, times, spec.height, spec.width, spec.framing, store=False)
        arrays = [clip_appearance(frames.shown_at(times))]
        store_entry(entry, arrays)
    return np.array(arrays[0])


class AppearanceWindow:
    """Describes the clip of the newest frames of a stream; each frame is described once.

    Args:
        frames: of a clip.
    """

    def __init__(self, frames: int) -> None:
        self.frames = frames
        self._last: NDArray[np.float32] | None = None
        self._frames: deque[Appearance] = deque(maxlen=frames)
        self._changes: deque[Appearance] = deque(maxlen=max(0, frames - 1))

    def push(self, picture: Images) -> Appearance | None:
        """Take the next frame.

        Args:
            picture: uint8 RGB `(height, width, 3)`.

        Returns:
            As `clip_appearance` of the newest frames; None as long as there are too few.
        """
        small = _reduced(picture[None])
        if self._last is not None:
            self._changes.append(_describe_changes(np.concatenate([self._last, small]))[0])
        self._last = small
        self._frames.append(_describe_frames(small)[0])
        if len(self._frames) < self.frames:
            return None
        changes = np.array(self._changes, np.float32).reshape(-1, _OF_CHANGES)
        return _pooled(np.array(self._frames), changes)

    def clear(self) -> None:
        """Forget all frames."""
        self._last = None
        self._frames.clear()
        self._changes.clear()


def _pooled(frames: NDArray[np.float32], changes: NDArray[np.float32]) -> Appearance:
    """The means over frames and changes. Of shares the roots, so that rare ones count, too (Hellinger's distance)."""
    moved = changes.mean(0) if len(changes) else np.zeros(_OF_CHANGES, np.float32)
    pooled = np.concatenate([frames.mean(0), moved])
    layout = PARTS["layout"]
    return np.concatenate([pooled[:layout], np.sqrt(pooled[layout:])]).astype(np.float32)


def _reduced(pictures: Images) -> NDArray[np.float32]:
    """Pictures with values in 0..1, at most about `SIDE` pixels a side."""
    step = max(1, min(pictures.shape[1:3]) // SIDE)
    count, height, width, channels = pictures.shape
    if step == 1:
        return np.asarray(pictures / np.float32(255), np.float32)
    height, width = height // step, width // step
    cut = pictures[:, : height * step, : width * step]
    sums = cut.reshape(count, height, step, width, step, channels).sum((2, 4), dtype=np.float32)
    return np.asarray(sums / (255 * step**2), np.float32)


def _describe_frames(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    """Layout, edges, colors and sharpness of each picture: `(pictures, numbers)`."""
    count = len(pictures)
    gray = pictures @ _GRAY
    right, down = np.diff(gray, axis=2)[:, :-1], np.diff(gray, axis=1)[:, :, :-1]
    strength = np.hypot(right, down)
    direction = ((np.arctan2(down, right) % np.pi) * (_DIRECTIONS / np.pi)).astype(int) % _DIRECTIONS
    red, green, blue = (np.minimum((_LEVELS * pictures[..., channel]).astype(int), _LEVELS - 1) for channel in range(3))
    neighbors = gray[:, 2:, 1:-1] + gray[:, :-2, 1:-1] + gray[:, 1:-1, 2:] + gray[:, 1:-1, :-2]
    detail = np.abs(neighbors - 4 * gray[:, 1:-1, 1:-1])
    parts: list[NDArray[Any]] = [
        _in_cells(pictures, _CELLS),
        _edges(strength, direction),
        _shares((_LEVELS * red + green) * _LEVELS + blue, _LEVELS**3),
        _shares((32 * strength).astype(int), _BINS),
        _shares((32 * detail).astype(int), _BINS),
    ]
    return np.concatenate([part.reshape(count, -1) for part in parts], axis=1).astype(np.float32)


def _describe_changes(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    """Where and how much each picture differs from the one before it: `(pictures - 1, numbers)`."""
    if len(pictures) < 2:
        return np.empty((0, _OF_CHANGES), np.float32)
    change = np.abs(np.diff(pictures @ _GRAY, axis=0))
    where = _in_cells(change[..., None], _COARSE).reshape(len(change), -1)
    return np.concatenate([where, _shares((64 * change).astype(int), _BINS)], axis=1).astype(np.float32)


def _edges(strength: NDArray[np.float32], direction: NDArray[np.int_]) -> NDArray[np.float64]:
    """How strong the edges of each direction are in each cell of a coarse grid, over all pixels of the picture."""
    count, height, width = strength.shape
    rows, columns = (np.arange(side) * _COARSE // side for side in (height, width))
    cells = (rows[:, None] * _COARSE + columns) * _DIRECTIONS
    bins = cells + direction + np.arange(count)[:, None, None] * (_COARSE**2 * _DIRECTIONS)
    sums = np.bincount(bins.ravel(), strength.ravel(), minlength=count * _COARSE**2 * _DIRECTIONS)
    return np.asarray(sums / (height * width))


def _in_cells(pictures: NDArray[np.float32], cells: int) -> NDArray[np.float32]:
    """Means over a grid of cells: `(pictures, cells, cells, channels)`."""
    means = pictures
    for axis in (1, 2):
        edges = np.arange(cells + 1) * means.shape[axis] // cells
        sizes = np.diff(edges).reshape([cells if at == axis else 1 for at in range(means.ndim)])
        means = (np.add.reduceat(means, edges[:-1], axis=axis) / sizes).astype(np.float32)
    return means


def _shares(bins: NDArray[np.int_], count: int) -> NDArray[np.float64]:
    """The share of pixels in each bin, of each picture; the last one holds what is beyond it: `(pictures, count)`."""
    flat = np.minimum(bins.reshape(len(bins), -1), count - 1) + count * np.arange(len(bins))[:, None]
    counts = np.bincount(flat.ravel(), minlength=count * len(bins)).reshape(len(bins), count)
    return np.asarray(counts / flat.shape[1])
