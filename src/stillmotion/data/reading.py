"""Read a data set, whatever its format."""

from __future__ import annotations

import os
from pathlib import Path, PurePath

from stillmotion.data.formats import FORMATS
from stillmotion.data.frame_folders import merge_frames
from stillmotion.data.grouping import make_grouping_rule
from stillmotion.data.media import check_exists, find_media
from stillmotion.data.videos import Video, Videos
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.files import as_path

DATA_SET = "a data set: a folder of videos or a table"


def read_videos(data: str | Path, *, group: str | None = None, frame_rate: float | None = None) -> Videos:
    """Read a data set: a folder of folders, or a table (see `stillmotion.data.formats`).

    No video is opened; `open_videos` does that.

    Args:
        data: the folder or the table.
        group: a regular expression; what it matches in a video's path names the video's group.
        frame_rate: frames per second of videos that are folders of numbered frames; 0 if numbered pictures are
            pictures of their own.

    Returns:
        The videos with their labels, groups and segments, sorted by path (folder) or in the order of the rows (table).

    Raises:
        UsageError: there is no such file or folder, its format is unknown, or `frame_rate` is no rate or needless.
        StillmotionError: it cannot be read; the message says where.

    Examples:
        >>> videos = sm.read_videos("clips/", group="rec.")
        >>> len(videos.groups)
        6
    """
    path = as_path(data, DATA_SET)
    check_exists(path)
    for data_format in FORMATS.values():
        if data_format.accepts(path):
            videos = data_format.read(path, group, frame_rate)
            check_names(videos)
            return videos
    formats = ", or ".join(data_format.summary for data_format in FORMATS.values())
    raise UsageError(f"{path}: not a data set; expected {formats}")


def list_videos(folder: str | Path, *, group: str | None = None, frame_rate: float | None = None) -> Videos:
    """List the videos below a folder, without labels.

    Args:
        folder: the folder.
        group: a regular expression; what it matches in a video's path names its group.
        frame_rate: frames per second of videos that are folders of numbered frames.

    Returns:
        The videos, sorted by path.

    Raises:
        UsageError: there is no such folder, `group` is no regular expression, or `frame_rate` is no rate or needless.
        StillmotionError: there is no video in it.
    """
    root = as_path(folder, "a folder of videos")
    check_exists(root)
    rule = make_grouping_rule(group)
    paths: list[PurePath] = [file.relative_to(root) for file in find_media(root)]
    if not paths:
        raise StillmotionError(f"{root}: no videos or images in this folder")
    if frame_rate is not None:
        paths = merge_frames(root, paths, frame_rate, min_depth=2)
    videos = Videos(root, tuple(Video(path.as_posix(), group=rule.group_of(path)) for path in paths), rule.description)
    check_names(videos)
    return videos


def as_videos(videos: object) -> Videos:
    """A data set as it is, or read from its folder or table.

    Args:
        videos: the data set, also one that is opened.

    Returns:
        The data set.

    Raises:
        UsageError: as for `read_videos`.
        StillmotionError: as for `read_videos`.
    """
    videos = getattr(videos, "videos", videos)  # those of `OpenedVideos`, which is of a layer above
    return videos if isinstance(videos, Videos) else read_videos(as_path(videos, DATA_SET))


def check_names(videos: Videos) -> None:
    """Refuse file names that cannot be written to tables and pages.

    Raises:
        StillmotionError: the name of a file or folder is not in UTF-8.
    """
    root = videos.root.resolve()
    for path in (*(video.path for video in videos), *videos.loose):
        check_name(root / path)


def check_name(path: Path) -> None:
    """Refuse a path that cannot be written to tables and pages.

    Raises:
        StillmotionError: the name of the file or of a folder is not in UTF-8.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError:
        readable = os.fsencode(path).decode("utf-8", "backslashreplace")
        raise StillmotionError(f"{readable}: the name is not in UTF-8; rename it") from None


def check_labeled(videos: Videos) -> None:
    """Refuse videos that a classifier cannot be trained on.

    Raises:
        StillmotionError: a video has no label, or there are fewer than two labels.
    """
    unlabeled = next((video for video in videos if video.label is None), None)
    if unlabeled is not None:
        raise StillmotionError(
            f"{unlabeled.name} has no label; give the table a column 'label' with a label in every row"
        )
    if len(videos.labels) < 2:
        raise StillmotionError(f"{videos.root}: only one label, {videos.labels[0]!r}; a classifier needs two or more")
