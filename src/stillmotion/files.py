"""Files that are there whole or not at all, whenever the machine stops."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from stillmotion.errors import StillmotionError

LOCK = ".lock"


def check_folder(folder: Path) -> None:
    """Refuse a folder that could not be made or written to, without making it.

    Raises:
        StillmotionError: a file is in its way, or there is no permission.
    """
    place = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists() or path.is_symlink())
    if not place.is_dir():
        what = "a link to nothing" if place.is_symlink() else "a file"
        raise StillmotionError(f"{folder}: cannot make this folder ({place} is {what})")
    if not os.access(place, os.W_OK):
        raise StillmotionError(f"{folder}: no permission to write in {place}; choose another with --out")


def make_folder(folder: Path) -> Path:
    """The folder, made if need be.

    Raises:
        StillmotionError: it cannot be made, or a file has its name.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StillmotionError(f"{folder}: cannot make this folder ({error.strerror})") from None
    if not os.access(folder, os.W_OK):
        raise StillmotionError(f"{folder}: no permission to write in this folder; choose another with --out")
    return folder


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Hold a folder for this process (the folder is made if need be).

    The operating system holds the lock, on a file that stays: however a process ends, its lock is released.

    Raises:
        StillmotionError: another process holds it, or the folder cannot be written or locked.
    """
    lock = FileLock(make_folder(folder) / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise StillmotionError(
            f"{folder}: another stillmotion is at work in this folder; wait until it ends, or give another --out"
        ) from None
    except OSError as error:
        raise StillmotionError(f"{folder / LOCK}: cannot be locked ({error.strerror or error})") from None
    try:
        yield
    finally:
        lock.release()


def empty_folder(folder: Path) -> None:
    """Delete all that is in a folder but its lock."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name != LOCK:
            path.unlink()


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to, which takes its name at the end. Its ending is the same.

    Two processes must not write one file: see `folder_lock`.

    Raises:
        StillmotionError: it cannot be written.
    """
    part = path.with_name(f".part-{path.name}")
    try:
        yield part
        part.replace(path)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else error  # PyArrow's own words name the path beside
        raise StillmotionError(f"{path}: cannot be written ({why})") from None
    finally:
        part.unlink(missing_ok=True)


def write_json(path: Path, content: Any) -> None:
    """Write JSON for people and machines, a list of numbers on one line; whole or not at all."""
    text = json.dumps(content, indent=1, ensure_ascii=False)
    text = re.sub(r"\[\n[-+\d.eE,\s]+\]", lambda found: re.sub(r"\s+", " ", found[0]), text)
    with atomic_write(path) as part:
        part.write_text(text + "\n", encoding="utf-8")
