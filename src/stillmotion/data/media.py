"""Which files are taken for videos and pictures, by their names."""

from __future__ import annotations

import mimetypes
from pathlib import PurePath

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})
# What the operating system's table of types may not know.
VIDEOS = frozenset(
    {".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".asf", ".wmv", ".flv", ".f4v", ".mpg", ".mpeg", ".m2v", ".ts",
     ".mts", ".m2ts", ".vob", ".mxf", ".ogv", ".3gp", ".3g2", ".dv", ".gif", ".apng", ".y4m", ".h264", ".h265", ".hevc",
     ".ivf", ".nut", ".rm", ".rmvb", ".divx"}
)  # fmt: skip


def is_picture(path: PurePath) -> bool:
    """Whether a file is a still image by its ending (an animated GIF is a video)."""
    return path.suffix.lower() in PICTURES


def is_media(path: PurePath) -> bool:
    """Whether a file is a video or a picture by its ending."""
    suffix = path.suffix.lower()
    if suffix in PICTURES or suffix in VIDEOS:
        return True
    return (mimetypes.guess_type(f"a{suffix}")[0] or "").startswith("video/")
