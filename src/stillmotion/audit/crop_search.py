"""Find the frame and the crop that a picture shows: a coarse grid over all frames, then edge by edge."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from stillmotion.audit.faults import FRAMING
from stillmotion.audit.faults.framing import WHOLE, Box
from stillmotion.audit.faults.orientation import UPRIGHT
from stillmotion.audit.frame_search import (
    Match,
    best_frame,
    frame_features,
    picture_features,
    residual,
    size_within,
)
from stillmotion.audit.resampling import Picture, resize, resize_values
from stillmotion.audit.video_index import IndexedVideo

REFINED_SIDE = 112  # side at which a crop is found exactly, in pixels
GRID = range(7)  # positions of a crop in each direction
PARTS = (0.92, 0.84, 0.76, 0.68, 0.6, 0.52, 0.44, 0.36)  # sizes of a crop, as fractions of the frame
# How a crop is moved and resized to fit better: left, top, right, bottom.
MOVES = ((1, 0, 1, 0), (0, 1, 0, 1), (1, 1, -1, -1), (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1))


def search_crop(picture: Picture, video: IndexedVideo) -> Match:
    """The frame of a video and the crop of it that explain a picture best, among all crops."""
    features = picture_features(picture)
    box = _climb(features, video, _best_on_grid(picture, features, video))
    match = best_frame(picture, video, _likeliest(features, video, box, 3), UPRIGHT, box)
    box = _refined(picture, video.picture(match.index), box)
    near = [index for index in range(match.index - 3, match.index + 4) if 0 <= index < len(video)]
    indices = dict.fromkeys([match.index, *_likeliest(features, video, box, 10), *near])
    return best_frame(picture, video, list(indices), UPRIGHT, box)


def _likeliest(features: NDArray[np.float32], video: IndexedVideo, box: Box, count: int) -> list[int]:
    """The frames whose crop correlates best with a picture."""
    return [int(index) for index in np.argsort(-(frame_features(video, UPRIGHT, box) @ features))[:count]]


def _correlation(features: NDArray[np.float32], video: IndexedVideo, box: Box) -> float:
    return float((frame_features(video, UPRIGHT, box) @ features).max())


def _best_on_grid(picture: Picture, features: NDArray[np.float32], video: IndexedVideo) -> tuple[float, Box]:
    """The best crop of the picture's shape on a coarse grid, with its correlation."""
    best: tuple[float, Box] = (-1.0, WHOLE)
    source = video.facts.width / video.facts.height
    shape = picture.shape[1] / picture.shape[0]
    for part, x, y in product(PARTS, GRID, GRID):
        across, down = part * min(1.0, shape / source), part * min(1.0, source / shape)
        left, top = x / 6 * (1 - across), y / 6 * (1 - down)
        box = (left, top, left + across, top + down, 0)
        best = max(best, (_correlation(features, video, box), box))
    return best


def _climb(features: NDArray[np.float32], video: IndexedVideo, best: tuple[float, Box]) -> Box:
    """A crop moved edge by edge as long as its correlation grows, in steps that get smaller."""
    for step in (0.04, 0.02, 0.01, 0.005):
        for _ in range(12):
            tries = []
            for move, sign in product(MOVES, (step, -step)):
                sides = [round(side + sign * part, 4) for side, part in zip(best[1][:4], move, strict=True)]
                if sides[2] - sides[0] > 0.1 and sides[3] - sides[1] > 0.1 and min(sides) >= 0 and max(sides) <= 1:
                    box = _box(sides)
                    tries.append((_correlation(features, video, box), box))
            better = max(tries, default=best)
            if better[0] <= best[0]:
                break
            best = better
    return best[1]


def _refined(picture: Picture, frame: Picture, box: Box) -> Box:
    """A crop moved edge by edge as long as the pixels of one frame explain the picture better."""
    size = (picture.shape[0], picture.shape[1])
    small = size_within(picture, REFINED_SIDE, least=8)
    wanted = resize_values(picture, *small)

    def unexplained(sides: Sequence[float]) -> float:
        return residual(wanted, resize(FRAMING.apply(frame, _box(sides), size), *small, "area"))

    best, least = list(box[:4]), unexplained(box[:4])
    for step in (0.02, 0.01, 0.005, 0.0025):
        for _ in range(6):
            moved = [
                [side + sign * step * part for side, part in zip(best, move, strict=True)]
                for move, sign in product(MOVES, (1, -1))
            ]
            inside = [sides for sides in moved if min(sides) >= 0 and max(sides) <= 1 and sides[2] - sides[0] > 0.1]
            tried = min(((unexplained(sides), sides) for sides in inside), default=(least, best))
            if tried[0] >= least:
                break
            least, best = tried
    return _box([round(side, 4) for side in best])


def _box(sides: Sequence[float]) -> Box:
    left, top, right, bottom = sides
    return (left, top, right, bottom, 0)
