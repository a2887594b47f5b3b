"""Clips and files that are in memory, as a service gets them: arrays, bytes and file objects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from stillmotion.clips import ClipSpec, Segment, SkippedVideo, open_videos
from stillmotion.data import Video, Videos
from stillmotion.decoding import Images, VideoFacts
from stillmotion.errors import UsageError
from stillmotion.files import describe_value
from stillmotion.prediction.inputs import find_inputs

# A path, the bytes of a video or picture, a file that is open for reading, or a clip.
Input = str | Path | bytes | BinaryIO | NDArray[np.uint8]

# The first bytes of pictures, by which their decoder is chosen. All else is taken for a video.
_PICTURES = {
    b"\xff\xd8\xff": ".jpg", b"\x89PNG": ".png", b"BM": ".bmp", b"II*\0": ".tif", b"MM\0*": ".tif",
}  # fmt: skip
_BRANDS = {b"heic": ".heic", b"heix": ".heic", b"mif1": ".heic", b"avif": ".avif", b"WEBP": ".webp"}


@dataclass(frozen=True, eq=False)
class ClipSegment(Segment):
    """A clip that needs no reading.

    Attributes:
        clip: uint8 RGB `(frames, height, width, 3)`.
    """

    clip: Images


@dataclass(frozen=True, eq=False)
class CopiedSegment(Segment):
    """A file from memory; its path is that of a copy, which says nothing to its user."""


@dataclass(frozen=True, eq=False)
class MemoryInput:
    """An input that is not read from a path.

    Attributes:
        name: what to call it.
        content: a clip or picture, or what is in a file.
    """

    name: str
    content: NDArray[np.uint8] | bytes | BinaryIO

    def open(self, spec: ClipSpec, folder: Path) -> Segment | SkippedVideo:
        """Open the input, as `open_videos` opens files.

        Args:
            spec: what the model takes.
            folder: where a copy of a file is put, because decoders seek.

        Returns:
            The video, or why it is skipped.

        Raises:
            UsageError: a clip of another type, size or number of frames.
        """
        if isinstance(self.content, np.ndarray):
            return _as_clip(self.name, self.content, spec)
        return _open_file(self.name, self.content, folder)


def find_sources(inputs: Input | Sequence[Input]) -> Videos | list[Video | MemoryInput]:
    """Find what inputs name or hold.

    Args:
        inputs: one or several of the paths that `find_inputs` takes, bytes, open files and arrays.

    Returns:
        The videos in order.

    Raises:
        UsageError: what was given is no input, or there is no such file or folder.
        StillmotionError: as for `find_inputs`.
    """
    given = _as_list(inputs)
    if all(isinstance(one, str | PathLike) for one in given):
        return find_inputs(cast(Sequence[str | Path], given))
    sources: list[Video | MemoryInput] = []
    for number, one in enumerate(given):
        if isinstance(one, str | Path):
            sources += find_inputs([one])
        elif isinstance(one, bytes | bytearray | np.ndarray) or hasattr(one, "read"):
            sources.append(MemoryInput(f"input {number}", one))
        else:
            raise _no_input(one)
    return sources


def _as_list(inputs: Any) -> Sequence[Any]:
    """One input, several of them, or an array of several clips, as a list."""
    if isinstance(inputs, str | PathLike | bytes | bytearray) or hasattr(inputs, "read"):
        return [inputs]
    if isinstance(inputs, np.ndarray):
        return list(inputs) if inputs.ndim == 5 else [inputs]
    if not isinstance(inputs, Iterable):
        raise _no_input(inputs)
    return list(inputs)


def _no_input(given: object) -> UsageError:
    return UsageError(f"expected videos (paths, bytes, open files or uint8 clips), not {describe_value(given)}")


def _as_clip(name: str, clip: NDArray[np.uint8], spec: ClipSpec) -> ClipSegment:
    """A clip, or a picture, which is a clip that repeats it. Raises UsageError for one that the model does not take."""
    frames = np.repeat(clip[None], spec.frames, axis=0) if clip.ndim == 3 else clip
    expected = (spec.frames, spec.height, spec.width, 3)
    if frames.dtype != np.uint8 or frames.shape != expected:
        raise UsageError(
            f"{name} is {clip.dtype} of shape {clip.shape}; the model takes uint8 RGB of shape {expected}, or a "
            f"picture of shape {expected[1:]}"
        )
    facts = VideoFacts(spec.width, spec.height, spec.seconds or 0.0, 0.0, spec.frames, "", "")
    return ClipSegment(Video(name), Path(name), facts, (0.0, spec.seconds or 0.0), frames)


def _open_file(name: str, given: bytes | BinaryIO, folder: Path) -> Segment | SkippedVideo:
    """Copy a file to disk and open it."""
    content = given if isinstance(given, bytes | bytearray) else given.read()
    magic = next((ending for start, ending in _PICTURES.items() if content.startswith(start)), None)
    copy = folder / f"{name}{magic or _BRANDS.get(bytes(content[8:12]), '')}"
    copy.write_bytes(content)
    opened = open_videos(Videos(folder, (Video(copy.name),)))
    for skipped in opened.skipped:
        return SkippedVideo(Video(name), skipped.reason.replace(str(copy), name))
    (segment,) = opened.segments
    return CopiedSegment(Video(name), copy, segment.facts, segment.window)
