"""A folder of folders, one for each label.

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

from stillmotion.data.grouping import group_of
from stillmotion.data.media import is_media
from stillmotion.data.videos import Video, Videos
from stillmotion.errors import StillmotionError


def holds(path: Path) -> bool:
    """Whether `path` is a folder."""
    return path.is_dir()


def read(path: Path, group: str | None) -> Videos:
    """Read every video and picture below `path`; the first folder on the way to it is its label.

    Raises:
        StillmotionError: nothing to read, or nothing that lies in a label's folder.
    """
    files = sorted(
        file.relative_to(path)
        for file in path.rglob("*")
        if is_media(file) and not any(part.startswith(".") for part in file.relative_to(path).parts)
    )
    if not files:
        raise StillmotionError(
            f"{path}: no videos in this folder; expected one folder for each label, with videos in it"
        )
    labelled = [file for file in files if len(file.parts) > 1]
    if not labelled:
        raise StillmotionError(
            f"{path}: {len(files)} videos but no folders; put each label's videos in a folder named like the label, "
            "or give a table with the columns path,label"
        )
    name, grouping = group_of(group)
    return Videos(
        path,
        tuple(Video(file.as_posix(), label=file.parts[0], group=name(file)) for file in labelled),
        grouping,
        loose=tuple(file.name for file in files if len(file.parts) == 1),
    )
