"""Write files completely or not at all, and lock folders."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from stillmotion.errors import StillmotionError, UsageError

LOCK = ".lock"


def as_path(value: object, expected: str) -> Path:
    """A path that was given as text or as a path.

    Args:
        value: what was given.
        expected: what it should have been, in words.

    Returns:
        The path.

    Raises:
        UsageError: something else was given.
    """
    if not isinstance(value, str | os.PathLike):
        raise UsageError(f"expected {expected}, not {describe_value(value)}")
    return Path(os.fsdecode(value))


def is_address(given: object) -> bool:
    """Whether this is the address of a folder or file in object storage, and not a path."""
    return isinstance(given, str) and re.match(r"[A-Za-z][A-Za-z\d+.-]+://", given) is not None


def describe_value(value: object) -> str:
    """A wrong argument in a few words: that of an array is not printed."""
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple):
        return f"an array of shape {shape}"
    text = repr(value)
    return text if len(text) <= 60 else f"a value of type {type(value).__name__}"


def check_folder(folder: Path) -> None:
    """Check that a folder can be made and written to, without making it.

    Raises:
        UsageError: no folder can have this name.
        StillmotionError: a file is in its way, or there is no permission.
    """
    _check_name(folder)
    ancestors = (folder.absolute(), *folder.absolute().parents)
    nearest = next(path for path in ancestors if path.exists() or path.is_symlink())
    if not nearest.is_dir():
        obstacle = "a broken link" if nearest.is_symlink() else "a file"
        raise StillmotionError(f"{folder}: cannot make this folder ({nearest} is {obstacle})")
    if not os.access(nearest, os.W_OK):
        raise StillmotionError(f"{folder}: no permission to write in {nearest}; choose another folder")


def make_folder(folder: Path) -> Path:
    """Make a folder if it does not exist.

    Returns:
        The folder.

    Raises:
        UsageError: no folder can have this name.
        StillmotionError: it cannot be made or written to.
    """
    _check_name(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StillmotionError(f"{folder}: cannot make this folder ({error.strerror})") from None
    if not os.access(folder, os.W_OK):
        raise StillmotionError(f"{folder}: no permission to write in this folder; choose another folder")
    return folder


def _check_name(folder: Path) -> None:
    """Refuse the one character that no path can hold, for which Python raises ValueError."""
    if "\0" in str(folder):
        raise UsageError(f"{str(folder)!r}: no folder name can hold the character NUL")


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Lock a folder for this process; the folder is made if it does not exist.

    The operating system keeps the lock, on a file that stays in the folder. However a process ends, its lock is
    released.

    Raises:
        StillmotionError: another process has locked the folder, or it cannot be written to or locked.
    """
    lock = FileLock(make_folder(folder) / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise StillmotionError(
            f"{folder}: another stillmotion process is using this folder; wait until it ends, or choose another folder"
        ) from None
    except NotImplementedError:  # raised by filelock, for network drives for instance
        raise StillmotionError(f"{folder}: this drive has no file locks; choose a folder on another drive") from None
    except OSError as error:
        raise StillmotionError(f"{folder / LOCK}: cannot be locked ({error.strerror or error})") from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Write a file under another name first, so that a file with its final name is always complete.

    Two processes must not write the same file; see `folder_lock`.

    Args:
        path: the file.

    Yields:
        The path to write to: in the same folder, with the same ending. It is renamed when the block ends, and deleted
        if the block raises.

    Raises:
        StillmotionError: the file cannot be written.
    """
    part = path.with_name(f".part-{path.name}")
    try:
        yield part
        part.replace(path)
    except OSError as error:
        # PyArrow's own message names the temporary path.
        reason = os.strerror(error.errno) if error.errno else error
        raise StillmotionError(f"{path}: cannot be written ({reason})") from None
    finally:
        part.unlink(missing_ok=True)


def write_json(path: Path, content: Any) -> None:
    """Write JSON that people can read: indented, with each list of numbers on one line.

    Args:
        path: the file.
        content: anything that `json` can write.

    Raises:
        StillmotionError: the file cannot be written.
    """
    text = json.dumps(content, indent=1, ensure_ascii=False)
    text = re.sub(r"\[\n[-+\d.eE,\s]+\]", lambda numbers: re.sub(r"\s+", " ", numbers[0]), text)
    with atomic_write(path) as part:
        part.write_text(text + "\n", encoding="utf-8")
