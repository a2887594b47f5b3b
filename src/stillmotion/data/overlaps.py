"""What two parts of a data set have in common, though they should not.

Files are compared by where they are, with links followed, whatever folders the paths are relative to.
"""

from __future__ import annotations

from pathlib import PurePath

from stillmotion.data.media import without_rate
from stillmotion.data.videos import Video, Videos


def shared_videos(first: Videos, second: Videos) -> tuple[str, ...]:
    """Find the videos that are in both parts.

    Args:
        first: a part.
        second: another part, perhaps of another folder.

    Returns:
        Their names in the first part, sorted.
    """
    others = set(_segments(second))
    return tuple(sorted(video.name for segment, video in _segments(first).items() if segment in others))


def shared_groups(first: Videos, second: Videos) -> tuple[str, ...]:
    """Find the groups that have videos in both parts.

    A video that is a group of its own is only shared if it is the same file: `train/left/001.mp4` and
    `test/left/001.mp4` are two recordings.

    Args:
        first: a part.
        second: another part, perhaps of another folder.

    Returns:
        Their names in the first part, sorted.
    """
    others = set(_groups(second))
    return tuple(sorted({name for group, name in _groups(first).items() if group in others}))


def _segments(videos: Videos) -> dict[tuple[PurePath, float, float | None], Video]:
    """The videos, by file and segment."""
    files = _files(videos)
    return {(files[video.path], video.start_seconds or 0.0, video.end_seconds): video for video in videos}


def _groups(videos: Videos) -> dict[PurePath | str, str]:
    """The names of the groups, by themselves, or by the file if the group is a file."""
    files = _files(videos)
    return {files[video.path] if _is_alone(video) else video.group: video.group or video.path for video in videos}


def _files(videos: Videos) -> dict[str, PurePath]:
    """Where the files are, by the paths that the videos have."""
    return {path: (videos.root / path).resolve() for path in {video.path for video in videos}}


def _is_alone(video: Video) -> bool:
    return video.group in ("", video.path, without_rate(PurePath(video.path)).as_posix())
