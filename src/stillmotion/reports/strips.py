"""A few pictures of a video, small, as data that stands in the page itself."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from PIL import Image

from stillmotion.clips import read_frames
from stillmotion.decoding import probe
from stillmotion.errors import UnreadableVideo

WIDTH = 176  # pixels: twice what a frame gets on a wide page
TALLEST = 220


def read_strip(path: Path, seconds: Sequence[float]) -> list[str]:
    """A JPEG data URI for the picture on screen at each time; the video's shape is kept.

    Raises:
        UnreadableVideo: the file is no more there, or gives no picture.
    """
    if not path.is_file():
        raise UnreadableVideo(f"{path.name}: the video is no longer where it was")
    facts = probe(path)
    height = max(16, round(WIDTH * facts.height / facts.width))
    width = WIDTH if height <= TALLEST else max(16, round(TALLEST * facts.width / facts.height))
    shown = read_frames(path, seconds, min(height, TALLEST), width).shown_at(seconds)
    return [_data_uri(Image.fromarray(picture)) for picture in shown]


def video_seconds(path: Path) -> float:
    """How long a video is. Raises UnreadableVideo."""
    if not path.is_file():
        raise UnreadableVideo(f"{path.name}: the video is no longer where it was")
    return probe(path).seconds


def _data_uri(picture: Image.Image) -> str:
    buffer = BytesIO()
    picture.save(buffer, "JPEG", quality=78, optimize=True)
    return "data:image/jpeg;base64," + b64encode(buffer.getvalue()).decode("ascii")
