"""Write the frames of a stream as a video, with the current prediction drawn on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.video.frame import VideoFrame
from PIL import Image, ImageDraw, ImageFont

from stillmotion.decoding import Images
from stillmotion.decoding.prefetch import SourceFrame
from stillmotion.decoding.resizing import Resizer, upright_sides
from stillmotion.errors import UsageError
from stillmotion.models.cards import Outputs
from stillmotion.prediction.records import describe_numbers
from stillmotion.prediction.sinks import name_file_in_errors

if TYPE_CHECKING:
    from stillmotion.streaming import WindowPrediction

# Half a second at a time reaches the disk, so that a video can be played whatever happens. When it is closed, an mp4
# becomes an ordinary one.
_FRAGMENTS = {"movflags": "hybrid_fragmented", "frag_duration": "500000", "flush_packets": "1"}
VIDEOS: Mapping[str, dict[str, str]] = {
    ".mp4": _FRAGMENTS,
    ".mov": _FRAGMENTS,
    ".mkv": {"cluster_time_limit": "500", "flush_packets": "1"},
}
# Fast enough to keep up with a camera, and no frame is held back for later.
_ENCODER_OPTIONS = {"crf": "20", "preset": "veryfast", "tune": "zerolatency", "g": "50"}


def check_video_ending(path: Path) -> None:
    """Refuse an ending that is not in `VIDEOS`. Raises UsageError."""
    if path.suffix.lower() not in VIDEOS:
        raise UsageError(f"{path}: a video is written to one of {', '.join(VIDEOS)}")


class AnnotatedVideo:
    """The frames of a source, upright, at their own times, with the current label and a bar for its probability.

    Args:
        path: its ending says which kind of video; see `VIDEOS`.
        labels: class names in the order of the model's outputs.
        outputs: what the model's outputs are. Independent labels have no probability in common, and a regression has
            numbers instead.

    Raises:
        UsageError: an ending that is not in `VIDEOS`.
        StillmotionError: the file cannot be written.
    """

    def __init__(self, path: Path, labels: Sequence[str] = (), outputs: Outputs = "softmax") -> None:
        check_video_ending(path)
        options = VIDEOS[path.suffix.lower()]
        self.path, self.labels, self.outputs = path, labels, outputs
        with name_file_in_errors(path):
            self._container = av.open(str(path), "w", options=options)
        self._stream: Any = None
        self._resize: Resizer | None = None
        self._last_pts = -1

    def write(self, frame: SourceFrame, prediction: WindowPrediction | None) -> None:
        """Add a frame.

        Args:
            frame: the next frame.
            prediction: what to draw on it, if there is anything.

        Raises:
            StillmotionError: the file cannot be written.
        """
        with name_file_in_errors(self.path):
            if self._resize is None:
                self._resize = self._begin(frame)
            picture = self._resize(frame.frame)
            if prediction is not None:
                picture = self._draw(picture, prediction)
            video_frame = VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            self._last_pts = max(self._last_pts + 1, round(1000 * frame.seconds))
            video_frame.pts, video_frame.time_base = self._last_pts, Fraction(1, 1000)
            self._container.mux(self._stream.encode(video_frame))

    def close(self) -> None:
        """Finish the file."""
        with name_file_in_errors(self.path):
            try:
                if self._stream is not None:
                    self._container.mux(self._stream.encode())
            finally:
                self._container.close()

    def _draw(self, picture: Images, prediction: WindowPrediction) -> Images:
        if self.outputs == "regression":
            return draw_label(picture, describe_numbers(prediction.probabilities, self.labels), None)
        text = f"{prediction.label}"
        if self.outputs != "independent sigmoids":
            text += f"  {prediction.probability:.0%}"
        return draw_label(picture, text, prediction.probability)

    def _begin(self, frame: SourceFrame) -> Resizer:
        """Take the size of the first frame, rounded down to even sides. Later frames are stretched to it."""
        height, width = (side // 2 * 2 for side in upright_sides(frame.frame))
        self._stream = self._container.add_stream("libx264", rate=30, options=_ENCODER_OPTIONS)
        self._stream.height, self._stream.width, self._stream.pix_fmt = height, width, "yuv420p"
        self._stream.codec_context.time_base = Fraction(1, 1000)
        return Resizer(height, width)


def draw_label(picture: Images, text: str, share: float | None) -> Images:
    """Draw a strip with a text at the top of a picture, and under it a bar.

    Args:
        picture: uint8 RGB `(height, width, 3)`.
        text: one line.
        share: length of the bar, from 0 to 1; None for no bar.

    Returns:
        A new picture.
    """
    image = Image.fromarray(picture)
    size = max(10, image.height // 16)
    draw = ImageDraw.Draw(image, "RGBA")
    draw.rectangle((0, 0, image.width, size * 3 // 2), fill=(0, 0, 0, 150))
    draw.text((size // 3, size // 6), text, fill=(255, 255, 255, 255), font=ImageFont.load_default(size))
    if share is not None:
        bar = (0, size * 3 // 2, round(image.width * share), size * 3 // 2 + max(2, size // 5))
        draw.rectangle(bar, fill="#f59e0b")
    return np.asarray(image)
