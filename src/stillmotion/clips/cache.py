"""Decode once: frames that were read from a file are kept on disk and mapped back into memory.

The name of an entry is a hash of the file (path, size, time of change), the wanted times and the size of the frames,
so an entry is never out of date. If the folder grows past its limit, the entries that have not been used for longest
are deleted.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from stillmotion.decoding import DecodedFrames, Seconds, read_frames, source_files
from stillmotion.errors import StillmotionError, UnreadableVideoError

MAX_BYTES = 20 * 2**30
# Part of every entry's name. Change it when read_frames gives other pixels.
ENTRY_VERSION = b"1"


def cache_folder() -> Path:
    """The folder that the environment variable STILLMOTION_CACHE names, or one in the user's cache folder."""
    chosen = os.environ.get("STILLMOTION_CACHE")
    if chosen:
        return Path(chosen)
    import platformdirs

    return Path(platformdirs.user_cache_dir("stillmotion")) / "frames"


def cached_frames(path: Path, seconds: Sequence[float] | Seconds, height: int, width: int) -> DecodedFrames:
    """As `read_frames`, but decoded in the first call only and read from disk in later ones.

    Args:
        path: a video or an image.
        seconds: wanted times, in any order.
        height: of the frames, in pixels.
        width: likewise.

    Returns:
        The frames that are on screen at the wanted times, each once, mapped into memory.

    Raises:
        UnreadableVideoError: the file cannot be opened or holds no frame.
        StillmotionError: the cache cannot be written.
    """
    entry = cache_folder() / _entry_name(path, np.asarray(seconds, np.float64), height, width)
    try:
        return _load(entry)
    except (OSError, ValueError, EOFError):
        pass  # There is no such entry, or it is damaged: decode.
    frames = read_frames(path, seconds, height, width)
    try:
        _store(entry, frames)
        return _load(entry)
    except OSError as error:
        raise StillmotionError(
            f"{entry.parent}: the cache of decoded frames cannot be written ({error.strerror or error}); "
            "free some space there, or set STILLMOTION_CACHE to another folder"
        ) from None


def trim_cache(max_bytes: int = MAX_BYTES) -> None:
    """Delete the entries that have not been used for longest until the cache is within its limit.

    Args:
        max_bytes: the limit.
    """
    entries = []
    for entry in cache_folder().glob("*/*"):
        try:
            entries.append((entry.stat().st_mtime, entry.stat().st_size, entry))
        except OSError:
            continue  # Another process has deleted it.
    total = sum(size for _, size, _ in entries)
    for _, size, entry in sorted(entries):
        if total <= max_bytes:
            return
        entry.unlink(missing_ok=True)
        total -= size


def _entry_name(path: Path, seconds: Seconds, height: int, width: int) -> str:
    """The path of an entry below the cache folder."""
    try:
        statuses = [file.stat() for file in source_files(path)]
    except OSError as error:
        raise UnreadableVideoError(f"{path}: {error.strerror}") from None
    size, changed = sum(status.st_size for status in statuses), max(status.st_mtime_ns for status in statuses)
    name = f"{path.resolve()}\0{size}\0{changed}\0{height}x{width}\0"
    digest = hashlib.sha256(ENTRY_VERSION + os.fsencode(name) + seconds.tobytes()).hexdigest()
    return f"{digest[:2]}/{digest[2:34]}"


def _store(entry: Path, frames: DecodedFrames) -> None:
    """Write an entry under another name first, so that an entry is always whole."""
    entry.parent.mkdir(parents=True, exist_ok=True)
    # Several processes may write the same entry; each has its own part.
    part = entry.with_name(f"{entry.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            np.save(file, frames.seconds)
            np.save(file, frames.images)
        part.replace(entry)
    finally:
        part.unlink(missing_ok=True)


def _load(entry: Path) -> DecodedFrames:
    """Map an entry into memory, and mark it as used."""
    with entry.open("rb") as file:
        seconds = np.load(file, allow_pickle=False)
        # np.load cannot map the second array of a file: read its header, and map what follows.
        np.lib.format.read_magic(file)
        shape, _, _ = np.lib.format.read_array_header_1_0(file)
        offset = file.tell()
    os.utime(entry)
    return DecodedFrames(np.memmap(entry, np.uint8, "r", offset, shape), seconds)
