"""Which paths are there, and which of them are videos and images, by the endings of their names."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Callable
from pathlib import Path, PurePath

from stillmotion.errors import UsageError

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})
# The operating system's table of media types may lack some of these.
_VIDEO_FORMATS = (
    "mp4 m4v mov avi mkv webm asf wmv flv f4v mpg mpeg m2v ts mts m2ts vob mxf ogv 3gp 3g2 dv gif apng y4m h264 h265 "
    "hevc ivf nut rm rmvb divx"
)
VIDEO_SUFFIXES = frozenset(f".{name}" for name in _VIDEO_FORMATS.split())


def check_exists(path: Path) -> None:
    """Check that a path exists.

    Raises:
        UsageError: it does not. A URL is not shown, because it may hold a password.
    """
    if path.exists():
        return
    # The "//" of a URL has become "/" in a path. A drive of Windows has one letter.
    if re.match(r"[A-Za-z][A-Za-z\d+.-]+:/", path.as_posix()):
        raise UsageError("a URL where a file or folder is expected; only streams are read from URLs")
    raise UsageError(f"{path}: no such file or folder")


def is_image(path: PurePath) -> bool:
    """Whether a file is a still image (an animated GIF is a video)."""
    return path.suffix.lower() in IMAGE_SUFFIXES


def is_media(path: PurePath) -> bool:
    """Whether a file is a video or an image."""
    suffix = path.suffix.lower()
    if suffix in IMAGE_SUFFIXES or suffix in VIDEO_SUFFIXES:
        return True
    return (mimetypes.guess_type(f"a{suffix}")[0] or "").startswith("video/")


def find_media(folder: Path, accepts: Callable[[PurePath], bool] = is_media) -> list[Path]:
    """Find the videos and images below a folder.

    Hidden files and folders are skipped: on some disks, for example, macOS writes a file `._x.mp4`, which is not a
    video, next to `x.mp4`.

    Args:
        folder: where to look, subfolders included.
        accepts: which files to return; `is_image` returns images only.

    Returns:
        The paths, sorted; each begins with `folder`.
    """
    return sorted(
        file
        for file in folder.rglob("*")
        if accepts(file)
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
        and not file.is_dir()
    )
