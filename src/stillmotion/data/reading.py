"""A data set, whatever its form."""

from __future__ import annotations

import os
from pathlib import Path

from stillmotion.data.formats import FORMATS
from stillmotion.data.videos import Videos
from stillmotion.errors import StillmotionError, UsageError


def read_videos(data: str | Path, *, group: str | None = None) -> Videos:
    """Read a data set: a folder of folders or a table (see `stillmotion.data.formats`).

    Args:
        data: the folder or the table.
        group: a regular expression; what it matches in a video's path names its group.

    Raises:
        UsageError: nothing is there, or it is in no form that we know.
        StillmotionError: it cannot be read; the message says where.
    """
    path = Path(data)
    if not path.exists():
        raise UsageError(f"{path}: no such file or folder")
    for form in FORMATS.values():
        if form.holds(path):
            videos = form.read(path, group)
            check_names(videos)
            return videos
    raise UsageError(f"{path}: not a data set; expected " + ", or ".join(form.summary for form in FORMATS.values()))


def check_names(videos: Videos) -> None:
    """Refuse names that no table and no page can hold.

    Raises:
        StillmotionError: a file's or folder's name is not in UTF-8.
    """
    root = videos.root.resolve()
    for path in (*(video.path for video in videos), *videos.loose):
        try:
            str(root / path).encode()
        except UnicodeEncodeError:
            shown = os.fsencode(root / path).decode("utf-8", "backslashreplace")
            raise StillmotionError(f"{shown}: a name that is not in UTF-8; rename it") from None


def check_labelled(videos: Videos) -> None:
    """Refuse what nothing can be learned from.

    Raises:
        StillmotionError: a video without a label, or fewer than two labels.
    """
    bare = next((video for video in videos if video.label is None), None)
    if bare is not None:
        raise StillmotionError(f"{bare.name} has no label; give the table a column 'label' with a label in every row")
    if len(videos.labels) < 2:
        raise StillmotionError(
            f"{videos.root}: only one label, {videos.labels[0]!r}; it takes two or more to tell apart"
        )
