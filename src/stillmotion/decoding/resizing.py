"""Give decoded frames the size that a model takes. All pixels come from here: of videos, images and live sources."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter

from stillmotion.decoding.frames import Framing, Images


class Resizer:
    """Turns decoded frames upright and resizes them.

    One reformatter is kept for all frames of a file: resizing and color conversion in one pass is the fastest way that
    was measured. A crop only moves the frame's pointers.

    Args:
        height: of the result, in pixels.
        width: likewise.
        framing: how a frame of another aspect ratio is fitted to this size. Pixels are treated as square.
    """

    def __init__(self, height: int, width: int, framing: Framing = "stretch") -> None:
        self.height, self.width, self.framing = height, width, framing
        self.reformatter = VideoReformatter()
        self._cropper: tuple[tuple[object, ...], Graph] | None = None

    def __call__(self, frame: VideoFrame) -> Images:
        """Convert a frame to uint8 RGB `(height, width, 3)`."""
        turns = quarter_turns(frame)
        height, width = (self.width, self.height) if turns % 2 else (self.height, self.width)
        if self.framing == "crop":
            frame = self._crop(frame, *_largest_part((frame.height, frame.width), (height, width)))
        elif self.framing == "letterbox":
            height, width = _largest_part((height, width), (frame.height, frame.width))
        resized = self.reformatter.reformat(
            frame, width=width, height=height, format="rgb24", interpolation=Interpolation.AREA, threads=1
        ).to_ndarray()
        image: Images = np.asarray(resized, np.uint8)
        return self._pad(np.rot90(image, turns) if turns else image)

    def _crop(self, frame: VideoFrame, height: int, width: int) -> VideoFrame:
        """The center of a frame."""
        if (height, width) == (frame.height, frame.width):
            return frame
        key = frame.height, frame.width, frame.format.name
        if self._cropper is None or self._cropper[0] != key:
            # `exact`: otherwise sides are rounded to those of the chroma planes.
            area = f"{width}:{height}:{(frame.width - width) // 2}:{(frame.height - height) // 2}:exact=1"
            graph = Graph()
            source = graph.add_buffer(
                width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 1000)
            )
            graph.link_nodes(source, graph.add("crop", area), graph.add("buffersink")).configure()
            self._cropper = key, graph
        graph = self._cropper[1]
        graph.vpush(frame)
        return graph.vpull()

    def _pad(self, image: Images) -> Images:
        """An image with black around it, up to the size."""
        height, width = image.shape[:2]
        if (height, width) == (self.height, self.width):
            return image
        top, left = (self.height - height) // 2, (self.width - width) // 2
        padded = np.zeros((self.height, self.width, 3), np.uint8)
        padded[top : top + height, left : left + width] = image
        return padded


def _largest_part(whole: tuple[int, int], like: tuple[int, int]) -> tuple[int, int]:
    """The largest height and width within `whole` that have the aspect ratio of `like`."""
    scale = min(whole[0] / like[0], whole[1] / like[1])
    return max(1, round(like[0] * scale)), max(1, round(like[1] * scale))


def upright_sides(frame: VideoFrame) -> tuple[int, int]:
    """Height and width as shown, after rotation."""
    return (frame.width, frame.height) if quarter_turns(frame) % 2 else (frame.height, frame.width)


def quarter_turns(frame: VideoFrame) -> int:
    """The quarter turns, counterclockwise, that put a frame upright; 0 where the header's rotation is nonsense."""
    return round(frame.rotation / 90) % 4 if abs(frame.rotation) <= 360 else 0
