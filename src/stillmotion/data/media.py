"""Which paths are there, and which of them are videos and images, by the endings of their names."""

from __future__ import annotations

import logging
import mimetypes
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import NamedTuple

from stillmotion.errors import UsageError

_IMAGE_FORMATS = "png jpg jpeg jpe jfif bmp webp tif tiff ppm pgm heic heif hif avif"
IMAGE_SUFFIXES = frozenset(f".{name}" for name in _IMAGE_FORMATS.split())
# The operating system's table of media types may lack some of these.
_VIDEO_FORMATS = (
    "mp4 m4v mov avi mkv webm asf wmv flv f4v mpg mpeg m2v ts mts m2ts vob mxf ogv 3gp 3g2 dv gif apng y4m h264 h265 "
    "hevc ivf nut rm rmvb divx"
)
VIDEO_SUFFIXES = frozenset(f".{name}" for name in _VIDEO_FORMATS.split())
_WITH_RATE = re.compile(r"(.+)@(\d+(?:\.\d+)?)fps")


log = logging.getLogger(__name__)


class FrameFolder(NamedTuple):
    """A folder of frames.

    Attributes:
        folder: where they are.
        rate: frames per second.
    """

    folder: Path
    rate: float


def with_rate(folder: PurePath, rate: float) -> PurePath:
    """Write the path of a folder of frames.

    Args:
        folder: the path of the folder.
        rate: frames per second.

    Returns:
        `folder@25fps`.
    """
    return folder.with_name(f"{folder.name}@{rate:.12g}fps")


def without_rate(path: PurePath) -> PurePath:
    """Undo `with_rate`.

    Args:
        path: any path.

    Returns:
        The path, without a rate at its end.
    """
    match = _WITH_RATE.fullmatch(path.name)
    return path.with_name(match[1]) if match else path


def as_frame_folder(path: Path) -> FrameFolder | None:
    """Read the path of a folder of frames.

    Args:
        path: any path.

    Returns:
        The folder and its rate; None if the path is not of the form `folder@25fps`, or there is no such folder.
    """
    match = _WITH_RATE.fullmatch(path.name)
    if not match or not float(match[2]) or os.path.lexists(path):
        return None
    folder = path.with_name(match[1])
    return FrameFolder(folder, float(match[2])) if folder.is_dir() else None


def check_exists(path: Path) -> None:
    """Check that a path exists.

    Raises:
        UsageError: it does not. A URL is not shown, because it may hold a password.
    """
    try:
        if path.exists() or as_frame_folder(path):
            return
    except OSError as error:
        raise UsageError(f"{str(path)[:60]!r}...: no file or folder ({error.strerror})") from None
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
    video, next to `x.mp4`. So is, with a warning, a folder that cannot be read, and what is no file, such as a pipe.

    Args:
        folder: where to look, subfolders included.
        accepts: which files to return; `is_image` returns images only.

    Returns:
        The paths, sorted; each begins with `folder`.
    """

    def warn(error: OSError) -> None:
        log.warning("skipped: %s: %s", error.filename, error.strerror)

    found: list[Path] = []
    for parent, folders, names in os.walk(folder, onerror=warn):
        folders[:] = [name for name in folders if not name.startswith(".")]
        files = [Path(parent, name) for name in names if not name.startswith(".")]
        found += [file for file in files if accepts(file) and _may_be_read(file)]
    return sorted(found)


def _may_be_read(file: Path) -> bool:
    """Whether it is a file, or a link to one that is not there, which is said when it is read."""
    try:
        regular = stat.S_ISREG(file.stat().st_mode)
    except OSError:
        return True
    if not regular:  # A pipe would wait for somebody to write to it.
        log.warning("skipped: %s: not a file", file)
    return regular
