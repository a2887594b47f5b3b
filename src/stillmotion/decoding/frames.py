"""Decoded frames with their times, what a video file holds, and what a decoder is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.uint8]
Seconds = NDArray[np.float64]
# How a frame of another aspect ratio gets a size: the whole frame is stretched; the largest centered part that has the
# size's aspect ratio is scaled; or the whole frame is scaled, and what is missing is black.
Framing = Literal["stretch", "crop", "letterbox"]

# Times are compared with this tolerance, in seconds: well below any frame's duration, well above rounding.
TICK = 0.0005
# Of a side, what at least remains if a picture is cropped to a ratio that counts as its own: then any framing gives
# nearly the same.
SAME_ASPECT = 0.96


@dataclass(frozen=True)
class DecodedFrames:
    """Frames of a video and the times at which they begin.

    Attributes:
        images: uint8 RGB `(n, height, width, 3)`.
        seconds: float64 `(n,)`, ascending.
    """

    images: Images
    seconds: Seconds

    def shown_at(self, seconds: Sequence[float] | Seconds) -> Images:
        """Select the frame that is on screen at each time: the last that began by then, or the first of all.

        Args:
            seconds: `(m,)` times in any order.

        Returns:
            uint8 RGB `(m, height, width, 3)`.
        """
        return self.images[index_shown_at(self.seconds, seconds)]


def index_shown_at(began: Seconds, seconds: Sequence[float] | Seconds) -> NDArray[np.intp]:
    """Find the frame that is on screen at each time.

    Args:
        began: `(n,)` the times at which frames begin, ascending.
        seconds: `(m,)` times in any order.

    Returns:
        `(m,)` the index of the last frame that began by each time; 0 before the first.
    """
    indexes = np.searchsorted(began, np.asarray(seconds, np.float64) + TICK, side="right") - 1
    return np.maximum(indexes, 0)


@dataclass(frozen=True)
class VideoFacts:
    """What a video file holds.

    Attributes:
        width: in pixels as shown, after rotation.
        height: likewise.
        seconds: the duration of the frames that are there.
        rate: frames per second, on average.
        frames: the number of frames.
        codec: FFmpeg's name of the codec.
        container: FFmpeg's name of the file format.
        rotation: degrees, counterclockwise, by which the stored frames are turned to be shown.
        header_seconds: the duration that the header claims, where that is longer than what is there.
        transfer: the transfer function that the header states: "SDR", or of HDR videos "HLG" or "PQ". Frames are given
            as the code values that they are, without tone mapping.
        gamut: the primaries that the header states: "BT.709" (also of what is close to it), "BT.2020" or "P3".
        sound: the sound's channels and samples per second; both 0 without sound.
    """

    width: int
    height: int
    seconds: float
    rate: float
    frames: int
    codec: str
    container: str
    rotation: int = 0
    header_seconds: float | None = None
    transfer: str = "SDR"
    gamut: str = "BT.709"
    sound: tuple[int, int] = (0, 0)


class Decoder(Protocol):
    """What a module that decodes files provides. Each function raises `UnreadableVideoError`."""

    def probe(self, path: Path) -> VideoFacts: ...

    def keyframe_seconds(self, path: Path) -> Seconds: ...

    def iter_frames(
        self, path: Path, height: int, width: int, *, start_seconds: float = 0.0
    ) -> Iterator[tuple[float, Images]]: ...

    def read_frames(
        self, path: Path, seconds: Sequence[float] | Seconds, height: int, width: int, framing: Framing = "stretch"
    ) -> DecodedFrames: ...


def have_same_aspect(first: tuple[int, int], second: tuple[int, int]) -> bool:
    """Whether pictures of two heights and widths have the same aspect ratio, so that framing makes no difference.

    Args:
        first: height and width.
        second: likewise.
    """
    wider = first[1] * second[0] / (first[0] * second[1])
    return min(wider, 1 / wider) >= SAME_ASPECT
