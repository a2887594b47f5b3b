"""Where a picture comes from: which video, which frame, how it is turned and framed.

First, all frames are compared at a small size by the normalized correlation of brightness, which channel order, scaling
and exposure hardly change. Then the best frames are compared at a larger size by what no map of colors explains.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from stillmotion.audit.crop_search import search_crop
from stillmotion.audit.faults.framing import WHOLE, Box, box_of
from stillmotion.audit.faults.orientation import ALL_ORIENTATIONS, UPRIGHT, Orientation
from stillmotion.audit.frame_search import (
    PREFERENCE,
    Match,
    best_frame,
    frame_features,
    orient_and_frame,
    picture_features,
    residual,
    size_within,
)
from stillmotion.audit.resampling import Picture, resize, resize_values
from stillmotion.audit.video_index import IndexedVideo

SIMILARITY_SIDE = 40  # side at which a match is accepted or rejected, in pixels
# A picture whose similarity to its best frame is below this shows another instant, or something else.
MIN_SIMILARITY = 0.9
PENALTY = 0.01  # of correlation, for being turned, mirrored or framed


@dataclass(frozen=True)
class _Way:
    """An orientation and framing to look at closely, with the frames that correlate best."""

    orientation: Orientation
    box: Box
    indices: tuple[int, ...]


def match_picture(picture: Picture, videos: Sequence[IndexedVideo], boxes: Sequence[Box] = ()) -> Match | None:
    """Find the frame that a picture shows.

    Args:
        picture: `(height, width, 3)`, of any range.
        videos: where to look.
        boxes: framings to try besides the usual ones.

    Returns:
        The match; None if no frame is similar enough.
    """
    bars = _find_bars(picture)
    candidates = [(*_correlate(picture, video, [*bars, *boxes]), video) for video in videos]
    candidates.sort(key=lambda candidate: -candidate[0])
    top = candidates[0][0]
    matches = [_look_closely(picture, video, ways) for score, ways, video in candidates[:3] if score > top - 0.1]
    best = max(matches, key=lambda match: match.similarity)
    similarity = _similarity(picture, best)
    if similarity < MIN_SIMILARITY:
        crop = search_crop(picture, candidates[0][2])
        if (similarity_of_crop := _similarity(picture, crop)) > max(similarity, MIN_SIMILARITY):
            best, similarity = crop, similarity_of_crop
    return replace(best, similarity=similarity) if similarity >= MIN_SIMILARITY else None


def match_near(
    picture: Picture, video: IndexedVideo, expected: int, orientation: Orientation, box: Box, radius: int = 12
) -> Match:
    """Find the frame that a picture shows, near an expected one.

    Args:
        picture: `(height, width, 3)`, of any range.
        video: where to look.
        expected: index of the frame that it should be.
        orientation: how the picture is turned.
        box: how it is framed.
        radius: how many frames to look at on each side.

    Returns:
        The best match, however bad; of equal ones, the one nearest to the expected frame.
    """
    near = range(max(0, expected - radius), min(len(video), expected + radius + 1))
    return best_frame(picture, video, sorted(near, key=lambda index: abs(index - expected)), orientation, box)


def _similarity(picture: Picture, match: Match) -> float:
    """How well its frame explains a picture, at a size at which noise and kernels do not matter."""
    size = (picture.shape[0], picture.shape[1])
    small = size_within(picture, SIMILARITY_SIDE, least=4)
    framed = orient_and_frame(match.video.picture(match.index), match.orientation, match.box, size)
    rest = residual(resize_values(picture, *small), resize(framed, *small, "area"))
    return float(np.sqrt(1 - rest**2))


def _correlate(picture: Picture, video: IndexedVideo, boxes: Sequence[Box]) -> tuple[float, list[_Way]]:
    """The best correlation with a video, and the four best orientations and framings."""
    features = picture_features(picture)
    scored = []
    for orientation in ALL_ORIENTATIONS:
        for box in dict.fromkeys([*_usual_boxes(picture, video, orientation), *boxes]):
            correlation = frame_features(video, orientation, box) @ features
            penalty = PENALTY * (orientation[0] > 0) + PENALTY * orientation[1] + PENALTY * (box != WHOLE)
            likeliest = tuple(int(index) for index in np.argsort(-correlation)[:8])
            scored.append((float(correlation.max()) - penalty, _Way(orientation, box, likeliest)))
    scored.sort(key=lambda entry: -entry[0])
    return scored[0][0], [way for _, way in scored[:4]]


def _look_closely(picture: Picture, video: IndexedVideo, ways: Sequence[_Way]) -> Match:
    """Decide on the orientation and framing by a few frames, then on the frame."""
    matches = [best_frame(picture, video, way.indices[:2], way.orientation, way.box) for way in ways]
    simplest = min(
        matches, key=lambda match: ((match.orientation != UPRIGHT) + (match.box != WHOLE), -match.similarity)
    )
    best = max(matches, key=lambda match: match.similarity)
    if 1 - simplest.similarity <= (1 - best.similarity) / PREFERENCE:
        best = simplest
    correlation = frame_features(video, best.orientation, best.box) @ picture_features(picture)
    order = [int(index) for index in np.argsort(-correlation)[:10]]
    near = [index for top in (best.index, order[0]) for index in range(top - 3, top + 4) if 0 <= index < len(video)]
    indices = dict.fromkeys([best.index, *order, *near])
    return best_frame(picture, video, list(indices), best.orientation, best.box)


def _usual_boxes(picture: Picture, video: IndexedVideo, orientation: Orientation) -> list[Box]:
    """The whole frame, and the crops that the picture's shape suggests."""
    size = (picture.shape[0], picture.shape[1])
    source = (video.facts.height, video.facts.width)[:: -1 if orientation[0] % 2 else 1]
    crops = [box_of("crop", (source[0], source[1]), size), box_of("crop of 7/8", (source[0], source[1]), size)]
    return [WHOLE, *(box for box in dict.fromkeys(crops) if _differs_from_whole(box))]


def _differs_from_whole(box: Box) -> bool:
    return max(abs(side - whole) for side, whole in zip(box[:4], WHOLE[:4], strict=True)) > 0.01


def _find_bars(picture: Picture) -> list[Box]:
    """The framing that bars suggest: lines of one color at opposite edges. Empty without bars."""
    low, high = float(picture.min()), float(picture.max())
    if high <= low:
        return []
    levels = (picture - low) * (255 / (high - low))
    height, width = picture.shape[:2]
    edges = []
    for lines in (levels, levels.transpose(1, 0, 2)):
        flat = lines.reshape(len(lines), -1, 3).std(axis=1).max(-1) < 4
        first = int(np.argmin(flat)) if not flat.all() else 0
        last = int(np.argmin(flat[::-1])) if not flat.all() else 0
        both = first + last >= 0.04 * len(lines) and abs(first - last) <= 2 + 0.02 * len(lines)
        edges.append((first, len(lines) - last) if both else (0, len(lines)))
    (top, bottom), (left, right) = edges
    if (top, bottom, left, right) == (0, height, 0, width):
        return []
    across, down = right - left, bottom - top
    level = int(np.clip(np.median(picture[0] if top else picture[:, 0]), 0, 255))
    return [(-left / across, -top / down, 1 + (width - right) / across, 1 + (height - bottom) / down, level)]
