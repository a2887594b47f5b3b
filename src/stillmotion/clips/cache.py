"""Decode once: frames that were read from a file are kept on disk and mapped back into memory.

The name of an entry is a hash of the file (path, size, time of change), the wanted times, and the frames' size and
framing, so an entry is never out of date. If the folder grows past its limit, the entries that have not been used for
longest are deleted. The features of frames, in `stillmotion.features`, are kept in the same folder by the same rules.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import re
import struct
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from stillmotion.decoding import DecodedFrames, Framing, Seconds, read_frames, source_files
from stillmotion.errors import StillmotionError, UnreadableVideoError

log = logging.getLogger(__name__)

MAX_BYTES = 20 * 2**30
# Part of every entry's name. Change it when read_frames gives other pixels.
ENTRY_VERSION = b"1"
# Arrays are written in C order, and of plain types.
_HEADER = re.compile(r"\{'descr': '(?P<type>[^']+)', 'fortran_order': False, 'shape': \((?P<shape>[\d, ]*)\), \}")


def cache_folder() -> Path:
    """The folder that the environment variable STILLMOTION_CACHE names, or the user's cache folder."""
    chosen = os.environ.get("STILLMOTION_CACHE")
    if chosen:
        return Path(chosen)
    import platformdirs

    return Path(platformdirs.user_cache_dir("stillmotion"))


def cached_frames(
    path: Path,
    seconds: Sequence[float] | Seconds,
    height: int,
    width: int,
    framing: Framing = "stretch",
    *,
    store: bool = True,
) -> DecodedFrames:
    """As `read_frames`, but decoded in the first call only and read from disk in later ones.

    Args:
        path: a video or an image.
        seconds: wanted times, in any order.
        height: of the frames, in pixels.
        width: likewise.
        framing: how a frame of another aspect ratio gets this size.
        store: whether frames that are not in the cache are written to it.

    Returns:
        The frames that are on screen at the wanted times, each once, mapped into memory.

    Raises:
        UnreadableVideoError: the file cannot be opened or holds no frame.
        StillmotionError: the cache cannot be written, for another reason than that it is read-only.
    """
    detail = np.asarray(seconds, np.float64).tobytes()
    if framing != "stretch":  # Entries from before there was another keep their names.
        detail += framing.encode()
    entry = entry_path("frames", path, height, width, detail)
    arrays = load_entry(entry, 2)
    if arrays is None:
        frames = read_frames(path, seconds, height, width, framing)
        if not store:
            return frames
        store_entry(entry, [frames.seconds, frames.images])
        arrays = load_entry(entry, 2) or [frames.seconds, frames.images]
    return DecodedFrames(arrays[1], np.array(arrays[0]))


def trim_cache(max_bytes: int = MAX_BYTES) -> None:
    """Delete the entries that have not been used for longest until the cache is within its limit.

    Args:
        max_bytes: the limit.
    """
    entries = []
    for entry in cache_folder().glob("*/*/*"):
        try:
            facts = entry.stat()
        except OSError:
            continue  # Another process has deleted it.
        entries.append((facts.st_mtime, facts.st_size, entry))
    total = sum(size for _, size, _ in entries)
    for _, size, entry in sorted(entries):
        if total <= max_bytes:
            return
        try:
            entry.unlink(missing_ok=True)
        except OSError:
            continue  # In use, or read-only.
        total -= size


def entry_path(
    kind: Literal["frames", "features", "appearance"], path: Path, height: int, width: int, detail: bytes
) -> Path:
    """Name an entry of the cache.

    Args:
        kind: what it holds.
        path: the video or image that it was made from.
        height: of the decoded frames, in pixels.
        width: likewise.
        detail: what else decides the entry's content.

    Returns:
        Where the entry is, if it exists.

    Raises:
        UnreadableVideoError: there is no such video.
    """
    try:
        statuses = [file.stat() for file in source_files(path)]
    except OSError as error:
        raise UnreadableVideoError(f"{path}: {error.strerror}") from None
    size, changed = sum(status.st_size for status in statuses), max(status.st_mtime_ns for status in statuses)
    name = f"{path.resolve()}\0{size}\0{changed}\0{height}x{width}\0"
    digest = hashlib.sha256(ENTRY_VERSION + os.fsencode(name) + detail).hexdigest()
    return cache_folder() / kind / digest[:2] / digest[2:34]


def store_entry(entry: Path, arrays: Sequence[NDArray[Any]]) -> None:
    """Write an entry under another name first, so that an entry is always whole.

    In a folder that may only be read, nothing is written. A warning says so once.

    Args:
        entry: see `entry_path`.
        arrays: none of them empty.

    Raises:
        StillmotionError: the cache cannot be written, for another reason.
    """
    # Several processes may write the same entry; each has its own part.
    part = entry.with_name(f"{entry.name}.{os.getpid()}.part")
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        try:
            with part.open("wb") as file:
                for array in arrays:
                    np.save(file, np.ascontiguousarray(array))
            part.replace(entry)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            _warn_of_read_only(cache_folder())
            return
        raise StillmotionError(
            f"{entry.parent}: the cache cannot be written ({error.strerror or error}); "
            "free some space there, or set STILLMOTION_CACHE to another folder"
        ) from None


@lru_cache
def _warn_of_read_only(folder: Path) -> None:
    log.warning(
        "%s: the cache is read-only, so what is not in it is decoded anew each time; set STILLMOTION_CACHE to another "
        "folder",
        folder,
    )


def load_entry(entry: Path, count: int) -> list[NDArray[Any]] | None:
    """Map an entry into memory, and mark it as used.

    Args:
        entry: see `entry_path`.
        count: number of arrays that it should have.

    Returns:
        Its arrays; None if there is no such entry, or if it is damaged.
    """
    arrays: list[NDArray[Any]] = []
    try:
        with entry.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(0)
            # np.load cannot map several arrays of a file: read each header, and map what follows.
            while file.tell() < end or not arrays:
                dtype, shape = _read_header(file)
                start = file.tell()
                arrays.append(np.memmap(file, dtype, "r", start, shape))
                file.seek(start + arrays[-1].nbytes)
        with suppress(OSError):  # It may be read-only.
            os.utime(entry)
    except (OSError, ValueError, TypeError, OverflowError, EOFError, struct.error):
        return None
    return arrays if len(arrays) == count else None


def _read_header(file: BinaryIO) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Read the header of an array, as `np.save` writes it: its type and shape. Raises ValueError.

    NumPy reads it with `ast.literal_eval`. CPython 3.11 counts the depth of syntax trees for all threads together, so
    in a thread, while TensorFlow traces a function in another, that ends with "AST constructor recursion depth
    mismatch".
    """
    np.lib.format.read_magic(file)
    (length,) = struct.unpack("<H", file.read(2))
    header = _HEADER.fullmatch(file.read(length).decode("latin-1").strip())
    if header is None:
        raise ValueError("not the header of an array")
    return np.dtype(header["type"]), tuple(int(side) for side in header["shape"].split(",") if side.strip())
