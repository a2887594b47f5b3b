"""A folder of folders, one for each label. A folder of numbered frames is a video if its rate is given.

clips/
    jam/
        monday_clip01.mp4      group: monday
        monday_clip02.mp4      group: monday
    running/
        line 2/                a folder below the label: its files are one group
            a.mp4
            b.mp4
        tuesday.mov            group: running/tuesday.mov
"""

from __future__ import annotations

from pathlib import Path

from stillmotion.data.frame_folders import merge_frames
from stillmotion.data.grouping import make_grouping_rule
from stillmotion.data.media import find_media, without_rate
from stillmotion.data.videos import Video, Videos
from stillmotion.errors import StillmotionError


def accepts(path: Path) -> bool:
    """Whether `path` is a folder."""
    return path.is_dir()


def read(path: Path, group: str | None, frame_rate: float | None = None) -> Videos:
    """Read every video and image below a folder; the topmost folder on the way to a file is its label.

    Args:
        path: the folder.
        group: a regular expression that names groups, or None.
        frame_rate: frames per second of folders of numbered frames; 0 if such pictures are pictures of their own.

    Returns:
        The videos, sorted by path. Those outside the label folders are listed as `loose`.

    Raises:
        UsageError: `group` is not a regular expression, or does not match a path; `frame_rate` is no rate, or needless.
        StillmotionError: there are no videos, or none is in a label's folder; there are folders of frames, but no rate.
    """
    files = [file.relative_to(path) for file in find_media(path)]
    if not files:
        raise StillmotionError(
            f"{path}: no videos in this folder; expected one folder for each label, with videos in it"
        )
    labeled = merge_frames(path, [file for file in files if len(file.parts) > 1], frame_rate, min_depth=3)
    if not labeled:
        raise StillmotionError(
            f"{path}: {len(files)} videos but no folders; put each label's videos in a folder named like the label, "
            "or give a table with the columns path,label"
        )
    rule = make_grouping_rule(group)
    return Videos(
        path,
        tuple(Video(file.as_posix(), label=file.parts[0], group=rule.group_of(without_rate(file))) for file in labeled),
        rule.description,
        loose=tuple(file.name for file in files if len(file.parts) == 1),
        groups_guessed=group is None,
    )
