"""Which frame of a video a picture shows, for a known orientation and framing, and how well that explains it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from stillmotion.audit.faults import FRAMING, ORIENTATION, Size
from stillmotion.audit.faults.framing import WHOLE, Box
from stillmotion.audit.faults.orientation import Orientation
from stillmotion.audit.resampling import Picture, resize, resize_values
from stillmotion.audit.video_index import THUMBNAIL_SIDE, IndexedVideo
from stillmotion.decoding import Images

FEATURE_SIDE = 24  # side of what is correlated, in pixels
MAX_SIDE = 256  # longer side of the pictures that are compared
FRAME_BYTES = 1.5e8  # of frames that are decoded at once
# Another frame, orientation or framing than the expected one is chosen if it leaves less unexplained by this factor.
PREFERENCE = 0.97


@dataclass(frozen=True, eq=False)
class Match:
    """Where a picture comes from: a frame of a video, oriented, then framed.

    Attributes:
        video: the video.
        index: of the frame.
        orientation: how the frame is turned and mirrored.
        box: what part of it is shown.
        similarity: from 0 to 1, which means that nothing is left unexplained.
    """

    video: IndexedVideo
    index: int
    orientation: Orientation
    box: Box
    similarity: float

    @property
    def seconds(self) -> float:
        """When the frame begins."""
        return float(self.video.seconds[self.index])


def residual(picture: Picture, frame: Picture) -> float:
    """The fraction of a picture's variation that its frame does not explain by any map of colors and their squares.

    Args:
        picture: `(height, width, 3)`, of any range.
        frame: levels of the same size.

    Returns:
        0 (all is explained) to 1.
    """
    count = picture.shape[0] * picture.shape[1]
    both = np.empty((count, 9), np.float32)
    both[:, :3] = frame.reshape(-1, 3)
    both[:, :3] /= 255
    np.square(both[:, :3], out=both[:, 3:6])
    both[:, 6:] = picture.reshape(-1, 3)
    both -= both.mean(0)
    gram = (both.T @ both).astype(np.float64)
    shared, variation = gram[:6, 6:], float(np.trace(gram[6:, 6:]))
    if variation <= 1e-9 * count:
        return 1.0
    explained = float((shared * np.linalg.solve(gram[:6, :6] + 1e-7 * count * np.eye(6), shared)).sum())
    return float(np.sqrt(np.clip(1 - explained / variation, 0, 1)))


def best_frame(
    picture: Picture, video: IndexedVideo, indices: Sequence[int], orientation: Orientation, box: Box
) -> Match:
    """The frame, of the given ones, that leaves least of a picture unexplained; the first one if in doubt."""
    same_size = _has_source_size(picture, video, orientation, box)
    # A picture of the source's size is thinned out rather than resized, which would blur it.
    step = max(1, int(np.ceil(max(picture.shape[:2]) / MAX_SIDE))) if same_size else 1
    wanted = picture[::step, ::step] if same_size else resize_values(picture, *size_within(picture, MAX_SIDE, least=8))
    best, least = indices[0], np.inf
    for index, frame in _decode(video, indices):
        framed = orient_and_frame(frame, orientation, box, (picture.shape[0], picture.shape[1]))
        framed = framed[::step, ::step] if same_size else resize(framed, wanted.shape[0], wanted.shape[1], "area")
        rest = residual(wanted, framed)
        if rest < least * (PREFERENCE if index != indices[0] else 1):
            best, least = index, rest
    return Match(video, best, orientation, box, float(np.sqrt(max(0.0, 1 - least**2))))


def orient_and_frame(frame: Images | Picture, orientation: Orientation, box: Box, size: Size) -> Picture:
    """A frame, turned, mirrored and framed."""
    oriented: Picture = ORIENTATION.apply(frame.astype(np.float32), orientation)
    return FRAMING.apply(oriented, box, size)


def size_within(picture: Picture, side: int, *, least: int) -> Size:
    """The size of a picture whose longer side is brought down to `side`, with no side below `least`."""
    scale = min(1.0, side / max(picture.shape[:2]))
    return max(least, round(picture.shape[0] * scale)), max(least, round(picture.shape[1] * scale))


def picture_features(picture: Picture) -> NDArray[np.float32]:
    """The brightness of a small version of a picture as a vector of length 1."""
    brightness = picture.mean(-1, keepdims=True)
    features: NDArray[np.float32] = _normalized(
        resize_values(brightness, FEATURE_SIDE, FEATURE_SIDE)[..., 0].reshape(1, -1)
    )[0]
    return features


@lru_cache(maxsize=256)
def frame_features(video: IndexedVideo, orientation: Orientation, box: Box) -> NDArray[np.float32]:
    """The same of all frames, turned and framed: `(frames, features)`."""
    frames = np.rot90(video.thumbnails, orientation[0], axes=(1, 2))
    if orientation[1]:
        frames = frames[:, :, ::-1]
    left, top, right, bottom, level = box
    rows, columns = _window_weights(top, bottom), _window_weights(left, right)
    framed = rows @ frames.astype(np.float32) @ columns.T
    bars = np.outer(1 - rows.sum(1), np.ones(FEATURE_SIDE)) + np.outer(rows.sum(1), 1 - columns.sum(1))
    return _normalized((framed + np.float32(level) * bars.astype(np.float32)).reshape(len(video), -1))


def _window_weights(start: float, end: float) -> NDArray[np.float32]:
    """Weights `(FEATURE_SIDE, THUMBNAIL_SIDE)` that show a line from `start` to `end`, fractions of its length."""
    edges = THUMBNAIL_SIDE * np.linspace(start, end, FEATURE_SIDE + 1)
    pixels = np.arange(THUMBNAIL_SIDE)
    overlap = np.minimum(pixels + 1, edges[1:, None]) - np.maximum(pixels, edges[:-1, None])
    weights: NDArray[np.float32] = (np.maximum(overlap, 0) / (edges[1] - edges[0])).astype(np.float32)
    return weights


def _normalized(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows without their mean, and of length 1."""
    centered = rows - rows.mean(1, keepdims=True)
    unit: NDArray[np.float32] = centered / np.maximum(np.linalg.norm(centered, axis=1, keepdims=True), 1e-9)
    return unit.astype(np.float32)


def _decode(video: IndexedVideo, indices: Sequence[int]) -> Iterator[tuple[int, Images]]:
    """Frames at full size in the order asked for, few at once."""
    at_once = max(2, int(FRAME_BYTES // (3 * video.facts.height * video.facts.width)))
    for start in range(0, len(indices), at_once):
        chunk = list(indices[start : start + at_once])
        yield from zip(chunk, video.frames(chunk), strict=True)


def _has_source_size(picture: Picture, video: IndexedVideo, orientation: Orientation, box: Box) -> bool:
    height, width = (video.facts.height, video.facts.width)[:: -1 if orientation[0] % 2 else 1]
    return box == WHOLE and picture.shape[:2] == (height, width)
