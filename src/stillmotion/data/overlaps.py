"""What two parts of a data set have in common, though they should not."""

from __future__ import annotations

from pathlib import Path, PurePath

from stillmotion.data.media import without_rate
from stillmotion.data.videos import Video, Videos


def shared_videos(first: Videos, second: Videos) -> tuple[str, ...]:
    """Find the videos that are in both parts.

    Args:
        first: a part.
        second: another part, perhaps of another folder.

    Returns:
        Their names, sorted.
    """
    roots = first.root.resolve(), second.root.resolve()
    names, others = ({(root, video.name) for video in part} for root, part in zip(roots, (first, second), strict=True))
    return tuple(sorted(name for _, name in names & others))


def shared_groups(first: Videos, second: Videos) -> tuple[str, ...]:
    """Find the groups that have videos in both parts.

    A video that is a group of its own is only shared if it is the same file: `train/left/001.mp4` and
    `test/left/001.mp4` are two recordings.

    Args:
        first: a part.
        second: another part, perhaps of another folder.

    Returns:
        Their names, sorted.
    """
    return tuple(sorted({name for _, name in _groups(first) & _groups(second)}))


def _groups(videos: Videos) -> set[tuple[Path | None, str]]:
    """The groups, with the folder if the group is a file in it."""
    root = videos.root.resolve()
    return {(root, video.path) if _is_alone(video) else (None, video.group) for video in videos}


def _is_alone(video: Video) -> bool:
    return video.group in ("", video.path, without_rate(PurePath(video.path)).as_posix())
