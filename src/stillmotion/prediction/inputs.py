"""What people give to `predict`: videos, snapshots, folders and tables, in any mixture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stillmotion.data import Video, Videos, check_names, read_videos
from stillmotion.data.formats import table
from stillmotion.data.media import is_media
from stillmotion.errors import StillmotionError, UsageError


def find_inputs(inputs: Sequence[str | Path]) -> Videos:
    """The videos and pictures that the inputs name, in order; paths as given.

    A folder gives all the videos and pictures below it, a table those of its rows, and any other file
    is taken for a video or a picture.

    Raises:
        UsageError: nothing is there.
        StillmotionError: a folder without videos, a table that cannot be read, or a name that is not in UTF-8.
    """
    found: list[Video] = []
    for path in map(Path, inputs):
        if not path.exists():
            raise UsageError(f"{path}: no such file or folder")
        if path.is_dir():
            files = sorted(file for file in path.rglob("*") if is_media(file))
            if not files:
                raise StillmotionError(f"{path}: no videos or pictures in this folder")
            found += [Video(str(file)) for file in files]
        elif table.holds(path):
            rows = read_videos(path)
            found += [
                Video(str(rows.file(row)), row.label, row.group, row.part, row.start_seconds, row.end_seconds)
                for row in rows
            ]
        else:
            found.append(Video(str(path)))
    videos = Videos(Path(), tuple(found))
    check_names(videos)
    return videos
