"""What people give to `predict`: videos, images, folders and tables, in any mixture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePath

from stillmotion.data import Video, Videos, check_names, read_videos
from stillmotion.data.formats import table
from stillmotion.data.frame_folders import merge_frames
from stillmotion.data.media import check_exists, find_media
from stillmotion.errors import StillmotionError


def find_inputs(inputs: Sequence[str | Path], *, frame_rate: float | None = None) -> Videos:
    """Find the videos and images that the inputs name.

    Args:
        inputs: folders, of which all videos and images are taken, tables (see `stillmotion.data.formats.table`), and
            files, which are taken for videos or images whatever their names.
        frame_rate: frames per second of folders of numbered frames, which are then videos. Such pictures are images of
            their own by default.

    Returns:
        The videos, in the order of the inputs. Their paths begin as the inputs do.

    Raises:
        UsageError: there is no such file or folder, or `frame_rate` is no rate or needless.
        StillmotionError: a folder without videos, a table that cannot be read, or a name that is not in UTF-8.
    """
    videos: list[Video] = []
    for path in map(Path, inputs):
        check_exists(path)
        if path.is_dir():
            path = path if path.name else path.resolve()  # A folder of frames is named, and "." has no name.
            files: list[PurePath] = list(find_media(path))
            if not files:
                raise StillmotionError(f"{path}: no videos or images in this folder")
            files = merge_frames(path, files, frame_rate or 0, min_depth=0)
            videos += [Video(str(file)) for file in files]
        elif table.accepts(path):
            rows = read_videos(path, frame_rate=frame_rate)
            videos += [replace(row, path=str(rows.file(row))) for row in rows]
        else:
            videos.append(Video(str(path)))
    data_set = Videos(Path(), tuple(videos))
    check_names(data_set)
    return data_set
