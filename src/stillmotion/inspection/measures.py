"""What may tell the label though it is not the action: one measure per property, each a few numbers per video.

A measure sees the same small frames of a video, which are decoded once. Another measure is a function and its row in
`MEASURES`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stillmotion.clips import ClipSpec, Segment, read_clips
from stillmotion.decoding import Images, keyframe_seconds
from stillmotion.errors import UnreadableVideoError
from stillmotion.inspection.camera_motion import SIDE as CAMERA_SIDE, camera_motion

MeasureName = Literal["file", "sound", "keyframes", "duration", "brightness", "borders", "text", "camera", "background"]
Numbers = list[float]

FRAMES = 16
# The frames are large enough to tell lines of text from other things.
HEIGHT, WIDTH, SMALL = 192, 256, 64
# An image of so few pixels shows where and how a video was recorded, and hardly what happens in it.
BACKGROUND_SIDE = 8
# A pixel moves if it changes by this many times what the median pixel changes by, and by this many levels of 255.
MOTION_RATIO, MIN_MOTION_LEVELS = 2.5, 8.0
# Keyframes that are closer than this many frames are the encoder's answer to what happens, not its rule.
MIN_KEYFRAME_DISTANCE = 4
# Text is sought in this share of the height, at the top and at the bottom.
TEXT_SHARE = 0.3
# The strokes of letters are steps of this many levels from a pixel to the next, at one place in most of the frames.
STROKE_LEVELS, STROKE_SHARE = 48, 0.7
# A line of text has at least so many strokes in each of three neighboring cells, of 16, and few above and below it.
TEXT_CELLS, MIN_STROKES, MAX_STROKES_OUTSIDE = 16, 3.0, 0.4
LINE_HEIGHTS = (5, 8, 12)  # pixels
# A black border is this dark, and this even.
MAX_BORDER_LEVEL, MAX_BORDER_RANGE = 24, 12


class SampledVideo:
    """A video with some of its frames, decoded when a measure first needs them.

    Args:
        segment: the video.
    """

    def __init__(self, segment: Segment) -> None:
        self.segment = segment

    @cached_property
    def clip(self) -> Images:
        """Sixteen frames over the whole segment, uint8 `(16, 192, 256, 3)`; black if they cannot be decoded."""
        spec = ClipSpec(FRAMES, "spread", (HEIGHT, WIDTH))
        try:
            clip: Images = read_clips(self.segment.file, [self.segment.window], spec)[0]
            return clip
        except UnreadableVideoError:
            return np.zeros((FRAMES, HEIGHT, WIDTH, 3), np.uint8)

    @cached_property
    def gray(self) -> NDArray[np.float32]:
        """The frames in gray, `(16, 192, 256)`."""
        red, green, blue = np.moveaxis(self.clip, -1, 0)
        gray: NDArray[np.float32] = (red.astype(np.float32) + green + blue) / np.float32(3)
        return gray

    @cached_property
    def small(self) -> NDArray[np.float32]:
        """The frames at 64 x 64 pixels, `(16, 64, 64, 3)`."""
        rows, columns = HEIGHT // SMALL, WIDTH // SMALL
        # Adding slices takes a tenth of the time that a mean over blocks takes.
        narrow = np.zeros((FRAMES, HEIGHT, SMALL, 3), np.uint16)
        for column in range(columns):
            narrow += self.clip[:, :, column::columns]
        total = np.zeros((FRAMES, SMALL, SMALL, 3), np.float32)
        for row in range(rows):
            total += narrow[:, row::rows]
        small: NDArray[np.float32] = total / np.float32(rows * columns)
        return small

    @cached_property
    def tiny(self) -> NDArray[np.float32]:
        """The frames at 16 x 16 pixels, `(16, 16, 16, 3)`."""
        return _shrink(self.small, 2 * BACKGROUND_SIDE)


def _file(video: SampledVideo) -> Numbers:
    """What the header says. The bit rate is not used: it depends on the action, and no model sees it."""
    facts = video.segment.facts
    # A forest needs numbers: any that differ for different names will do.
    names = [float(sum(map(ord, name)) % 997) for name in (facts.container, facts.codec)]
    return [*names, facts.width, facts.height, facts.rate, facts.rotation]


def _sound(video: SampledVideo) -> Numbers:
    """Whether there is sound, and in how many channels at which rate."""
    return [float(number) for number in video.segment.facts.sound]


def _keyframes(video: SampledVideo) -> Numbers:
    """The distance of keyframes in frames where it is regular, else 0; and the longest stretch without one."""
    facts = video.segment.facts
    try:
        began = keyframe_seconds(video.segment.file)
    except UnreadableVideoError:
        began = np.zeros(1)
    distances = np.rint(np.diff([*began, max(facts.seconds, began[-1])]) * facts.rate)
    inner = distances[:-1]
    regular = len(inner) >= 2 and np.ptp(inner) == 0 and inner[0] >= MIN_KEYFRAME_DISTANCE
    return [float(np.median(inner)) if regular else 0.0, float(distances.max())]


def _keyframe_distance(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """The distance of keyframes in each video, as far as it does not depend on what happens there.

    Encoders set further keyframes where much changes, and short videos end before the second. What such a video tells
    is only that the regular distance is not below its longest stretch without a keyframe.
    """
    regular, longest = rows.T
    known = regular[regular > 0]
    usual = np.median(known) if len(known) else longest.max()
    distance: NDArray[np.float64] = np.where(regular > 0, regular, np.maximum(longest, usual))
    return distance[:, None]


def _duration(video: SampledVideo) -> Numbers:
    return [video.segment.seconds]


def _brightness(video: SampledVideo) -> Numbers:
    """The mean level of all frames, and the contrast of the middle one."""
    return [float(video.tiny.mean()), float(video.tiny[FRAMES // 2].std())]


def _borders(video: SampledVideo) -> Numbers:
    """The shares of the picture that are black at its left and right, top and bottom, in all frames."""
    highest, lowest = video.clip.max(axis=0).max(axis=-1), video.clip.min(axis=0).min(axis=-1)
    widths = []
    for axis in (0, 1):
        high, low = highest.max(axis=axis).astype(int), lowest.min(axis=axis).astype(int)
        visible = np.flatnonzero((high > MAX_BORDER_LEVEL) | (high - low > MAX_BORDER_RANGE))
        first, last = (visible[0], visible[-1] + 1) if len(visible) else (0, len(high))
        widths += [first / len(high), 1 - last / len(high)]
    return [float(width) for width in widths]


def _text(video: SampledVideo) -> Numbers:
    """How many strokes of letters are in each of eight parts of the top and the bottom of the picture."""
    steps = np.abs(np.diff(video.gray, axis=2, prepend=video.gray[..., :1])) >= STROKE_LEVELS
    strokes = (steps.mean(axis=0) >= STROKE_SHARE).reshape(HEIGHT, TEXT_CELLS, -1).sum(axis=-1)
    rows = round(TEXT_SHARE * HEIGHT)
    parts = [_lines_of_text(strokes[:rows]), _lines_of_text(strokes[-rows:])]
    return [float(number) for part in parts for number in part.reshape(-1, 2).sum(axis=1)]


def _lines_of_text(strokes: NDArray[np.intp]) -> NDArray[np.float64]:
    """The strokes per row in each cell where there is a line of text; else 0. `strokes` is `(rows, cells)`."""
    rows, cells = strokes.shape
    total = np.concatenate([np.zeros((1, cells)), np.cumsum(strokes, axis=0)])

    def mean(first: NDArray[np.intp], last: NDArray[np.intp]) -> NDArray[np.float64]:
        first, last = np.clip(first, 0, rows), np.clip(last, 0, rows)
        averages: NDArray[np.float64] = (total[last] - total[first]) / np.maximum(last - first, 1)[:, None]
        return averages

    found = np.zeros(cells)
    for height in LINE_HEIGHTS:
        top = np.arange(rows - height + 1)
        inside = mean(top, top + height)
        outside = np.maximum(mean(top - 5, top - 2), mean(top + height + 2, top + height + 5))
        isolated = (inside >= MIN_STROKES) & (outside <= MAX_STROKES_OUTSIDE * inside)
        # Three neighbors, of which this cell is one.
        three = isolated[:, :-2] & isolated[:, 1:-1] & isolated[:, 2:]
        line = np.zeros_like(isolated)
        for shift in range(3):
            line[:, shift : cells - 2 + shift] |= three
        found = np.maximum(found, np.where(line, inside, 0).max(axis=0))
    return found


def _camera(video: SampledVideo) -> Numbers:
    """The mean motion of the camera in each third of the video, and how much it moves in all."""
    motions = camera_motion(video.small[:, :CAMERA_SIDE, :CAMERA_SIDE].mean(axis=-1))
    known = ~np.isnan(motions[:, :1])
    motions = np.nan_to_num(motions)
    thirds = np.array_split(np.arange(len(motions)), 3)
    means = [motions[third].sum(axis=0) / max(1, known[third].sum()) for third in thirds]
    return [float(number) for number in np.concatenate([*means, np.abs(motions).sum(axis=0) / max(1, known.sum())])]


def _background(video: SampledVideo) -> Numbers:
    """The picture without what moves, at 8 x 8 pixels."""
    # Motion is found at twice the size, then halved: a small object would vanish at once.
    still = _remove_motion(video.tiny)
    numbers: Numbers = _shrink(still[None], BACKGROUND_SIDE).ravel().tolist()
    return numbers


def _shrink(pictures: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Mean pixels of squares, `(n, side, side, channels)`. The sides of the pictures must be multiples."""
    n, rows, columns, channels = pictures.shape
    blocks = pictures.reshape(n, side, rows // side, side, columns // side, channels)
    small: NDArray[np.float32] = blocks.mean(axis=(2, 4))
    return small


def _remove_motion(clip: NDArray[np.float32]) -> NDArray[np.float32]:
    """The median of the frames `(height, width, 3)`; where something moves, that of the nearest pixel without motion.

    What moves slowly stays visible in a median, which would show how fast it is. A pixel moves if it changes much more
    than the median pixel does, apart from changes of the light. If the camera moves, no pixel stands out.
    """
    from scipy.ndimage import binary_dilation, distance_transform_edt

    change = np.ptp(clip - np.median(clip, axis=(1, 2), keepdims=True), axis=0).max(axis=-1)
    moves = binary_dilation(change > np.maximum(MOTION_RATIO * np.median(change), MIN_MOTION_LEVELS))
    median: NDArray[np.float32] = np.median(clip, axis=0)
    if moves.all():
        return median
    nearest = distance_transform_edt(moves, return_distances=False, return_indices=True)
    still: NDArray[np.float32] = median[tuple(nearest)]
    return still


@dataclass(frozen=True)
class ShortcutMeasure:
    """A property of a video other than the action.

    Attributes:
        words: the property in words.
        numbers: what is measured of a video.
        features: what a classifier gets, `(videos, features)`, from the numbers of all videos.
    """

    words: str
    numbers: Callable[[SampledVideo], Numbers]
    features: Callable[[NDArray[np.float64]], NDArray[np.float64]] = np.asarray


MEASURES: MappingProxyType[MeasureName, ShortcutMeasure] = MappingProxyType(
    {
        "file": ShortcutMeasure("the file's format, size and frame rate", _file),
        "sound": ShortcutMeasure("the sound track (whether there is one, and of which kind)", _sound),
        "keyframes": ShortcutMeasure("the distance of keyframes", _keyframes, _keyframe_distance),
        "duration": ShortcutMeasure("the duration", _duration),
        "brightness": ShortcutMeasure("the brightness", _brightness),
        "borders": ShortcutMeasure("black borders", _borders),
        "text": ShortcutMeasure("burnt-in text or a clock", _text),
        "camera": ShortcutMeasure("the camera's motion", _camera),
        "background": ShortcutMeasure("the background alone", _background),
    }
)
