"""Video and image files -> frames with times.

`images` decodes still images, `frame_folders` folders of numbered frames, `pyav` everything else. They provide the
functions of `Decoder`, and are imported when they are first needed, since PyAV takes long to import. Live sources,
which have no length and cannot seek, are read by `live` instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from stillmotion.data.frame_folders import frame_files
from stillmotion.data.media import as_frame_folder, is_image
from stillmotion.decoding.frames import (
    TICK,
    DecodedFrames,
    Decoder,
    Framing,
    Images,
    Seconds,
    VideoFacts,
    have_same_aspect,
    index_shown_at,
)
from stillmotion.decoding.threads import limit_threads
from stillmotion.errors import UnreadableVideoError

__all__ = [
    "TICK",
    "DecodedFrames",
    "Decoder",
    "Framing",
    "Images",
    "Seconds",
    "VideoFacts",
    "have_same_aspect",
    "index_shown_at",
    "iter_frames",
    "keyframe_seconds",
    "limit_threads",
    "probe",
    "read_frames",
    "source_files",
]


def _decoder(path: Path) -> Decoder:
    """The module that decodes a file. Raises UnreadableVideoError for what cannot be a file's name."""
    if "\0" in str(path):  # FFmpeg would read the name up to there, and Python raises ValueError.
        raise UnreadableVideoError(f"{str(path)!r}: no file name can hold the character NUL")
    if path.is_dir() or as_frame_folder(path):
        from stillmotion.decoding import frame_folders

        return frame_folders
    if is_image(path):
        from stillmotion.decoding import images

        return images
    from stillmotion.decoding import pyav

    return pyav


def source_files(path: Path) -> list[Path]:
    """List the files that a video consists of.

    Args:
        path: a video or an image.

    Returns:
        The frames of a folder of frames; otherwise the path itself, whether there is such a file or not.
    """
    folder = as_frame_folder(path)
    return frame_files(folder.folder) if folder else [path]


def probe(path: Path) -> VideoFacts:
    """Find out what a file holds.

    Args:
        path: a video or an image.

    Returns:
        Its size, duration, frame rate and codec.

    Raises:
        UnreadableVideoError: the file cannot be opened or holds no frame.
    """
    return _decoder(path).probe(path)


def iter_frames(path: Path, height: int, width: int, *, start_seconds: float = 0.0) -> Iterator[tuple[float, Images]]:
    """Decode a file from beginning to end.

    Args:
        path: a video or an image.
        height: in pixels; each frame is resized without keeping its aspect ratio.
        width: likewise.
        start_seconds: begin with the frame that is on screen at this time.

    Yields:
        The time at which each frame begins, in seconds, and the frame: uint8 RGB `(height, width, 3)`.

    Raises:
        UnreadableVideoError: the file cannot be opened or holds no frame.
    """
    return _decoder(path).iter_frames(path, height, width, start_seconds=start_seconds)


def read_frames(
    path: Path, seconds: Sequence[float] | Seconds, height: int, width: int, framing: Framing = "stretch"
) -> DecodedFrames:
    """Decode the frames that are on screen at the given times.

    Args:
        path: a video or an image.
        seconds: times in any order. Before the first frame the first one is shown, after the last frame the last.
        height: in pixels.
        width: likewise.
        framing: how a frame of another aspect ratio gets this size: "stretch" (the whole frame, its aspect ratio not
            kept), "crop" (the largest centered part with the aspect ratio of the size) or "letterbox" (the whole frame,
            padded with black).

    Returns:
        Each frame once. `.shown_at(seconds)` gives one frame per time.

    Raises:
        UnreadableVideoError: the file cannot be opened or holds no frame.
    """
    return _decoder(path).read_frames(path, seconds, height, width, framing)


def keyframe_seconds(path: Path) -> Seconds:
    """List the keyframes of a file, from its index if it has one.

    Args:
        path: a video or an image.

    Returns:
        When they are shown, in seconds, ascending. Images and folders of frames have one, at 0.

    Raises:
        UnreadableVideoError: the file cannot be opened.
    """
    return _decoder(path).keyframe_seconds(path)
