"""Folders of numbered frames, decoded as videos: `clip@25fps` is the folder `clip`, shown at 25 frames per second.

A frame that cannot be read is left out, as damaged frames of a video file are: the one before stays on screen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from stillmotion.data.frame_folders import frame_files
from stillmotion.data.media import FrameFolder, as_frame_folder
from stillmotion.decoding import images
from stillmotion.decoding.frames import DecodedFrames, Framing, Images, Seconds, VideoFacts, index_shown_at
from stillmotion.errors import UnreadableVideoError


def probe(path: Path) -> VideoFacts:
    """Read the first frame and count all. See `stillmotion.decoding.probe`."""
    folder, files = _open(path)
    for file in files:
        try:
            facts = images.probe(file)
        except UnreadableVideoError:
            continue
        seconds = len(files) / folder.rate
        return VideoFacts(
            facts.width, facts.height, seconds, folder.rate, len(files), codec=facts.codec, container="folder of frames"
        )
    raise UnreadableVideoError(f"{path}: none of {len(files)} frames can be read")


def keyframe_seconds(path: Path) -> Seconds:
    """There are none but the first frame. See `stillmotion.decoding.keyframe_seconds`."""
    return np.zeros(1)


def iter_frames(path: Path, height: int, width: int, *, start_seconds: float = 0.0) -> Iterator[tuple[float, Images]]:
    """Decode from the frame shown at `start_seconds` on. See `stillmotion.decoding.iter_frames`."""
    folder, files = _open(path)
    began = np.arange(len(files)) / folder.rate
    first = int(index_shown_at(began, [start_seconds])[0])
    while first > 0 and _read(files[first], height, width) is None:
        first -= 1
    found = False
    for seconds, file in zip(began[first:], files[first:], strict=True):
        image = _read(file, height, width)
        if image is not None:
            found = True
            yield float(seconds), image
    if not found:
        raise UnreadableVideoError(f"{path}: none of {len(files)} frames can be read")


def read_frames(
    path: Path, seconds: Sequence[float] | Seconds, height: int, width: int, framing: Framing = "stretch"
) -> DecodedFrames:
    """Decode only the wanted frames. See `stillmotion.decoding.read_frames`."""
    folder, files = _open(path)
    began = np.arange(len(files)) / folder.rate
    found: dict[int, Images] = {}
    for index in np.unique(index_shown_at(began, seconds)).tolist():
        # If a frame cannot be read, the last before it is on screen, or the first of all.
        for candidate in (*range(index, -1, -1), *range(index + 1, len(files))):
            if candidate in found:
                break
            image = _read(files[candidate], height, width, framing)
            if image is not None:
                found[candidate] = image
                break
    if not found:
        raise UnreadableVideoError(f"{path}: none of {len(files)} frames can be read")
    shown = sorted(found)
    return DecodedFrames(np.stack([found[index] for index in shown]), began[shown])


def _open(path: Path) -> tuple[FrameFolder, list[Path]]:
    folder = as_frame_folder(path)
    if folder is None:
        raise UnreadableVideoError(f"{path}: a folder; if it holds the frames of a video, name it {path.name}@25fps "
                                   "with the number of frames per second")  # fmt: skip
    try:
        files = _list(folder.folder, folder.folder.stat().st_mtime_ns)
    except OSError as error:
        raise UnreadableVideoError(f"{path}: {error.strerror or error}") from None
    if not files:
        raise UnreadableVideoError(f"{path}: no frames in this folder")
    return folder, files


@lru_cache(maxsize=256)
def _list(folder: Path, changed: int) -> list[Path]:
    """The frames of a folder as it was when it last changed."""
    return frame_files(folder)


def _read(file: Path, height: int, width: int, framing: Framing = "stretch") -> Images | None:
    try:
        return images.read_image(file, height, width, framing)
    except UnreadableVideoError:
        return None
