"""Take out how the camera shakes and the light flickers, by what never moves in normal footage.

Both change all of the picture at once, so they look like movement everywhere. The pixels that stand still in normal
footage show them alone: the shift between a frame and the average of normal footage, and how much brighter or darker it
is, are fitted to these pixels by least squares (Lucas and Kanade 1981), and taken out before anything is measured.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stillmotion.anomaly.measuring import FLOW_SIDE, import_opencv, to_gray
from stillmotion.clips import thread_map
from stillmotion.decoding import Images, probe, read_frames
from stillmotion.errors import UnreadableVideoError
from stillmotion.progress import Progress, no_progress

Gray = NDArray[np.uint8]

# Normal footage is looked at in so many stretches of so many seconds.
STRETCHES, STRETCH_SECONDS = 20, 8.0
# A pixel stands still if it nearly never differs from the average of all frames by more than so many times the noise,
# within these limits of 255 levels. Flow would not tell: it is smooth, and spills over.
TIMES_NOISE, LEAST_LEVELS, MOST_LEVELS, NEARLY_NEVER = 6.0, 6.0, 15.0, 0.05
# The noise is that of the quietest part of the picture.
QUIETEST = 0.1
# Still pixels are so far from those that are not.
BORDER = 2
# Only structure shows a shift: a difference of so many levels between neighbors, in the average of all frames, in which
# there is no noise. With a smaller share of such pixels, nothing is taken out.
STRUCTURE_LEVELS, LEAST_SHARE = 4.0, 0.01
# No light is taken out beyond these: too little is seen in the dark.
GAINS = (0.25, 4.0)
# The fit is repeated, as it holds for small shifts only; pixels that do not fit count less each time.
ROUNDS = 4
# Pixels that correlate less with their normal picture are covered by something else, or dark: they show nothing.
LEAST_CORRELATION = 0.5


@dataclass(frozen=True, eq=False)
class StillPixels:
    """The pixels that stand still in normal footage and have structure.

    Args:
        mask: bool `(112, 112)`.
        picture: float32 `(112, 112)`, the average of normal footage.
    """

    mask: NDArray[np.bool_]
    picture: NDArray[np.float32]

    @property
    def digest(self) -> str:
        """What the same pixels are known by."""
        return hashlib.sha256(self.mask.tobytes() + self.picture.tobytes()).hexdigest()[:16]

    @cached_property
    def _gradients(self) -> NDArray[np.float32]:
        """float32 `(2, pixels)`, by how many levels the picture changes per pixel to the right and downward."""
        return np.stack([gradient[self.mask] for gradient in _gradients(self.picture)])

    def steady(self, image: Images) -> Images:
        """Show a frame as if the camera had not moved, and the light had been as in the average of normal footage.

        Args:
            image: uint8 RGB `(side, side, 3)`.

        Returns:
            The frame, moved by some pixels, and brighter or darker.
        """
        shift, gain = self._fit(to_gray(image))
        moved = _moved(image, -shift * (len(image) / FLOW_SIDE))
        lit: Images = import_opencv().convertScaleAbs(moved, alpha=1 / float(np.clip(gain, *GAINS)))
        return lit

    def _fit(self, gray: Gray) -> tuple[NDArray[np.floating[Any]], float]:
        """By how many pixels to the right and downward the camera has moved, and how bright the light is.

        Something may cover up to half of the still pixels. Where more is covered, nothing is known: no shift, gain 1.
        """
        known, target = self.picture[self.mask], gray.astype(np.float32)
        still: NDArray[np.floating[Any]] = np.zeros(2)
        shift = still
        gain = float(np.median(target[self.mask] / np.maximum(known, 1)))
        for _ in range(ROUNDS):
            seen = _moved(target, -shift)[self.mask]
            off = seen - gain * known
            noise = max(1.0, (1.4826 * float(np.median(np.abs(off)))) ** 2)
            weights = 1 / (1 + np.square(off) / (4 * noise))
            gain = float((weights * known) @ seen / max(float((weights * known) @ known), 1.0))
            slopes = gain * self._gradients
            # The noise keeps the shift small in a direction in which nothing has structure.
            curvature = (slopes * weights) @ slopes.T + noise * np.eye(2)
            shift = shift + np.linalg.solve(curvature, (slopes * weights) @ (seen - gain * known))
        (spread, common), (_, seen_spread) = np.cov(known, seen, aweights=weights)
        like = common > LEAST_CORRELATION * np.sqrt(spread * seen_spread)
        return (shift, gain) if like else (still, 1.0)


def _moved(picture: NDArray[Any], shift: NDArray[np.floating[Any]]) -> NDArray[Any]:
    """A picture as seen by a camera that was moved to the right and downward by so many pixels."""
    cv2 = import_opencv()
    how = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32)
    moved: NDArray[Any] = cv2.warpAffine(picture, matrix, picture.shape[1::-1], None, how, cv2.BORDER_REPLICATE)
    return moved


def _gradients(picture: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """By how many levels a picture changes per pixel to the right, and downward."""
    cv2 = import_opencv()
    return cv2.Sobel(picture, -1, 1, 0, scale=1 / 8), cv2.Sobel(picture, -1, 0, 1, scale=1 / 8)


def find_still_pixels(
    files: Sequence[Path], rate: float, side: int, progress: Progress = no_progress
) -> StillPixels | None:
    """Find out what stands still in normal footage, from some stretches of it.

    Args:
        files: the videos.
        rate: frames per second.
        side: of the pictures that are measured.
        progress: receives the number of stretches looked at.

    Returns:
        The pixels; None if too little of the picture stands still.
    """

    def look(stretch: tuple[Path, float]) -> NDArray[np.uint8]:
        file, start = stretch
        times = start + np.arange(0, STRETCH_SECONDS, 1 / rate)
        try:
            return np.stack([to_gray(image) for image in read_frames(file, times, side, side).shown_at(times)])
        except UnreadableVideoError:  # This is said where the whole file is measured.
            return np.empty((0, FLOW_SIDE, FLOW_SIDE), np.uint8)

    stretches = thread_map(look, _stretches(files), progress, "looking for what stands still")
    frames = np.concatenate([np.empty((0, FLOW_SIDE, FLOW_SIDE), np.uint8), *stretches])
    if not len(frames):
        return None
    picture = frames.mean(axis=0, dtype=np.float32)
    off = np.stack([_difference(gray, picture) for gray in frames])
    noise = float(np.quantile(np.median(off, axis=0), QUIETEST)) / 0.6745
    moving = np.mean(off > np.clip(TIMES_NOISE * noise, LEAST_LEVELS, MOST_LEVELS), axis=0)
    still = (moving <= NEARLY_NEVER).astype(np.uint8)
    still = import_opencv().erode(still, np.ones((2 * BORDER + 1,) * 2, np.uint8), borderValue=1)
    mask = (still > 0) & (np.hypot(*_gradients(picture)) > STRUCTURE_LEVELS)
    return StillPixels(mask, picture) if mask.mean() >= LEAST_SHARE else None


def _difference(gray: Gray, picture: NDArray[np.float32]) -> NDArray[np.float16]:
    """By how many levels each pixel differs from the average, in whatever light."""
    gain = np.median(gray / np.maximum(picture, 1))
    difference: NDArray[np.float16] = np.abs(gray - gain * picture).astype(np.float16)
    return difference


def _stretches(files: Sequence[Path]) -> list[tuple[Path, float]]:
    """Files and the time in them from which to look, spread over all files and over each of them."""
    chosen = [files[number] for number in np.unique(np.linspace(0, len(files) - 1, STRETCHES).astype(int))]
    each, stretches = -(-STRETCHES // len(chosen)), []
    for file in chosen:
        try:
            last = max(0.0, probe(file).seconds - STRETCH_SECONDS)
        except UnreadableVideoError:
            continue
        count = min(each, 1 + int(last // STRETCH_SECONDS))
        stretches += [(file, last * (number + 0.5) / count) for number in range(count)]
    return stretches
