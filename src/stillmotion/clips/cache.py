"""Decode once: the frames that were read from a file, kept on disk and mapped back into memory.

The folder is the user's cache folder, or what STILLMOTION_CACHE names. An entry's name is a hash of
the file (path, size, time of change), the wanted times and the size of the pictures, so nothing in it
is ever out of date. The entries longest unused go first when it grows past its limit.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from stillmotion.decoding import Frames, Seconds, read_frames
from stillmotion.errors import StillmotionError, UnreadableVideoError

LIMIT_BYTES = 20 * 2**30
FORM = b"1"  # of an entry: change it when read_frames gives other pixels


def cache_folder() -> Path:
    """Where frames are kept."""
    own = os.environ.get("STILLMOTION_CACHE")
    if own:
        return Path(own)
    import platformdirs

    return Path(platformdirs.user_cache_dir("stillmotion")) / "frames"


def cached_frames(path: Path, seconds: Sequence[float] | Seconds, height: int, width: int) -> Frames:
    """As `read_frames`; decoded at the first call, read back at every later one.

    Raises:
        UnreadableVideoError: the file cannot be opened or gives no picture.
        StillmotionError: the cache cannot be written.
    """
    entry = cache_folder() / _key(path, np.asarray(seconds, np.float64), height, width)
    try:
        return _load(entry)
    except (OSError, ValueError, EOFError):  # not there, or damaged
        pass
    frames = read_frames(path, seconds, height, width)
    try:
        _store(entry, frames)
        return _load(entry)
    except OSError as error:
        raise StillmotionError(
            f"{entry.parent}: the cache of decoded frames cannot be written ({error.strerror or error}); "
            "free some space there, or set STILLMOTION_CACHE to another folder"
        ) from None


def trim_cache(limit_bytes: int = LIMIT_BYTES) -> None:
    """Delete the entries longest unused until the cache is within its limit."""
    entries = []
    for entry in cache_folder().glob("*/*"):
        try:
            entries.append((entry.stat().st_mtime, entry.stat().st_size, entry))
        except OSError:
            continue  # another process deleted it
    total = sum(size for _, size, _ in entries)
    for _, size, entry in sorted(entries, key=lambda one: one[0]):
        if total <= limit_bytes:
            return
        entry.unlink(missing_ok=True)
        total -= size


def _key(path: Path, seconds: Seconds, height: int, width: int) -> str:
    try:
        status = path.stat()
    except OSError as error:
        raise UnreadableVideoError(f"{path}: {error.strerror}") from None
    name = f"{path.resolve()}\0{status.st_size}\0{status.st_mtime_ns}\0{height}x{width}\0"
    digest = hashlib.sha256(FORM + os.fsencode(name) + seconds.tobytes()).hexdigest()
    return f"{digest[:2]}/{digest[2:34]}"


def _store(entry: Path, frames: Frames) -> None:
    entry.parent.mkdir(parents=True, exist_ok=True)
    part = entry.with_name(f"{entry.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            np.save(file, frames.seconds)
            np.save(file, frames.images)
        part.replace(entry)
    finally:
        part.unlink(missing_ok=True)


def _load(entry: Path) -> Frames:
    with entry.open("rb") as file:
        seconds = np.load(file, allow_pickle=False)
        np.lib.format.read_magic(file)
        shape, _, _ = np.lib.format.read_array_header_1_0(file)
        offset = file.tell()
    os.utime(entry)
    return Frames(np.memmap(entry, np.uint8, "r", offset, shape), seconds)
