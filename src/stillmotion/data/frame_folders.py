"""Folders of numbered frames, which are videos whose rate no file says.

The path of such a video is that of its folder and the rate, so that whoever gets the path can read it:

    jam/monday/frame000001.jpg
    jam/monday/frame000002.jpg      jam/monday@25fps
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path, PurePath

from stillmotion.data.media import is_image, with_rate
from stillmotion.data.videos import Video
from stillmotion.errors import StillmotionError, UsageError

_NUMBER = re.compile(r"(\d+)")
MIN_FRAMES = 2


def frame_files(folder: Path) -> list[Path]:
    """List the frames in a folder.

    Args:
        folder: the folder.

    Returns:
        Its images in the order of their numbers: `frame2.jpg` comes before `frame10.jpg`.
    """
    images = [file for file in folder.iterdir() if is_image(file) and not file.name.startswith(".")]
    return sorted(images, key=lambda file: [int(part) if part.isdecimal() else part for part in _split(file)])


def merge_frames(root: Path, files: Sequence[PurePath], frame_rate: float | None, *, min_depth: int) -> list[PurePath]:
    """Replace the frames in each folder of numbered frames by one path for the video.

    Args:
        root: the folder that the files are in.
        files: paths of videos and images, relative to `root`.
        frame_rate: frames per second of such folders; 0 if numbered pictures are pictures of their own.
        min_depth: of the files: pictures with fewer parts in their paths are not taken for frames.

    Returns:
        The paths, sorted.

    Raises:
        UsageError: `frame_rate` is no rate, or there are no such folders.
        StillmotionError: there are such folders, but no rate.
    """
    images: dict[PurePath, list[PurePath]] = defaultdict(list)
    for file in files:
        if is_image(file) and len(file.parts) >= min_depth:
            images[file.parent].append(file)
    folders = {folder: pictures for folder, pictures in images.items() if _are_numbered(pictures)}
    example = next((pictures[0] for pictures in folders.values()), None)
    if not _check_rate(frame_rate, len(folders), root, example):
        return list(files)
    frames = {picture for pictures in folders.values() for picture in pictures}
    videos = [with_rate(folder, frame_rate or 0) for folder in folders]
    return sorted([*(file for file in files if file not in frames), *videos])


def add_frame_rate(table: Path, root: Path, videos: Sequence[Video], frame_rate: float | None) -> list[Video]:
    """Add their rate to the paths of those videos of a table that are folders of frames.

    Args:
        table: the table, for error messages.
        root: the folder that the paths are relative to.
        videos: the videos that the table lists.
        frame_rate: frames per second of such folders.

    Returns:
        The videos.

    Raises:
        UsageError: `frame_rate` is no rate, or there are no such folders.
        StillmotionError: there are such folders, but no rate.
    """
    folders = {video.path for video in videos if (root / video.path).is_dir()}
    example = PurePath(min(folders)) if folders else None
    if not _check_rate(frame_rate, len(folders), table, example):
        return list(videos)
    return [
        replace(video, path=with_rate(PurePath(video.path), frame_rate or 0).as_posix()) if video.path in folders
        else video
        for video in videos
    ]  # fmt: skip


def _check_rate(frame_rate: float | None, folders: int, source: Path, example: PurePath | None) -> bool:
    """Whether there are folders of frames to turn into videos. Raises UsageError and StillmotionError."""
    if frame_rate is not None and not (math.isfinite(frame_rate) and 0 <= frame_rate < 10_000):
        raise UsageError(f"frame rate {frame_rate!r}: expected frames per second, or 0 for pictures of their own")
    if frame_rate is None and folders:
        raise StillmotionError(
            f"{source}: {folders} folders hold numbered pictures ({example}, ...). If they are the frames of videos, "
            "give their frame rate, in frames per second; if each is a picture of its own, give 0"
        )
    if frame_rate and not folders:
        raise UsageError(f"{source}: a frame rate is given, but no folder holds numbered frames; videos have their own")
    return bool(frame_rate)


def _split(file: PurePath) -> list[str]:
    """The text and the numbers of a name in turn; text comes first, if only an empty one."""
    return _NUMBER.split(file.stem)


def _are_numbered(pictures: Iterable[PurePath]) -> bool:
    """Whether the names of pictures are alike but for one number."""
    names = [(*_split(picture), picture.suffix.lower()) for picture in pictures]
    if len(names) < MIN_FRAMES or len({len(name) for name in names}) > 1:
        return False
    differing = [part for part in zip(*names, strict=True) if len(set(part)) > 1]
    return len(differing) == 1 and all(number.isdecimal() for number in differing[0])
